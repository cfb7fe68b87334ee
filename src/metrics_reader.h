// SPDX-License-Identifier: MIT
//
// SeriesReader: how a scrape walks a registry. It takes no lock that a recorder or a lookup takes, and allocates
// nothing. A position is a number: it stays good while series come and go, so a walk may stop and go on later. A series
// that was there all the time is met exactly once.
//
//   detail::SeriesReader reader;
//   for (std::uint32_t at = 0; reader.next(family, at);) print(reader.labels(), reader.total());
#pragma once

#include <cstdint>
#include <string_view>

#include "metrics_family.h"

namespace seawall::detail {

class SeriesReader {
 public:
  // Reads the series at `position`, or the first one behind it, once and whole, and moves position behind it. False:
  // there is none. What the members below answer stays until the next call.
  bool next(const FamilyState& family, std::uint32_t& position) noexcept;

  std::string_view labels() const noexcept { return labels_; }  // a="1",b="2": escaped, no braces; "" without labels
  bool is_overflow() const noexcept { return overflow_; }       // then labels() is seawall_overflow="true"
  std::uint64_t total() const noexcept { return total_; }       // kCounter; divide by definition.units_per_one
  double value() const noexcept { return value_; }              // kGauge
  const HistogramSnapshot& histogram() const noexcept { return histogram_; }  // kHistogram

 private:
  std::string_view labels_;
  bool overflow_ = false;
  std::uint64_t total_ = 0;
  double value_ = 0;
  HistogramSnapshot histogram_;
};

}  // namespace seawall::detail
