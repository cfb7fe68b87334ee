// SPDX-License-Identifier: MIT
//
// Between handles and what they are made of.
#pragma once

#include <type_traits>

#include "metrics/metrics_family.h"

namespace seawall::detail {

struct HandleAccess {
  // `family` null: of a series that is gone.
  template <class Metric>
  static Metric make(const SeriesRef& series, const FamilyState* family) noexcept {
    Metric made;
    made.series_ = series;
    if (family == nullptr) return made;
    if constexpr (std::is_same_v<Metric, Histogram>) made.use(family->definition.histogram);
    if constexpr (std::is_same_v<Metric, StateSet>) {
      made.states_ = static_cast<std::uint32_t>(family->definition.states.size());
    }
    return made;
  }
  template <class Metric>
  static const SeriesRef& series(const Metric& metric) noexcept {
    return metric.series_;
  }
  static void read_into(const Histogram& histogram, HistogramSnapshot& out) noexcept { histogram.read_into(out); }
};

}  // namespace seawall::detail
