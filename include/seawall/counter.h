// SPDX-License-Identifier: MIT
//
// Counter: a total that only rises. For a value that also falls take a Gauge, for a distribution a Histogram.
//
// A small value, the handle of one series of a MetricsRegistry: copy it freely, use it from any thread and in forked
// children while the registry lives. add() is one plain addition to a cell of the CPU's own (see detail/recording.h):
// no lock, no lookup, no allocation, and two threads on two CPUs write no line in common. value() adds up the cells; it
// never falls, and it is exact once the adding threads are done. Known flaw: the total wraps to 0 after 2^64 (584 years
// at one a nanosecond).
//
// A handle may outlive its series: once the series is removed add() does nothing but count in
// MetricsRegistry::stale_recordings(). A handle that was never resolved behaves so, too, and counts nowhere.
//
//   seawall::Counter ok = requests.with({"/trades", "200"});  // once
//   ok.add();                                                 // at each request
//   std::uint64_t total = ok.value();
#pragma once

#include <cstdint>

#include "seawall/detail/recording.h"
#include "seawall/exemplar.h"

namespace seawall {

namespace detail {
struct HandleAccess;
}

class Counter {
 public:
  Counter() = default;

  // A total cannot fall: a negative n adds nothing.
  void add(std::int64_t n = 1) const noexcept {
    if (n > 0) detail::add_to(series_, 0, static_cast<std::uint64_t>(n));
  }

  // Keeps the exemplar, too, where the family does.
  void add(std::int64_t n, Exemplar exemplar) const noexcept {
    if (n <= 0 || !detail::add_to(series_, 0, static_cast<std::uint64_t>(n))) return;
    exemplar.value = static_cast<double>(n);
    detail::keep_exemplar(series_, 0, exemplar);
  }

  // 0 once the series is removed.
  std::uint64_t value() const noexcept {
    if (!is_alive()) return 0;
    const std::uint64_t total = detail::sum_of(series_.first, series_.recording->blocks);
    return is_alive() ? total : 0;  // it may have been removed while it was read
  }

  bool is_alive() const noexcept { return series_.is_alive(); }
  // Handles of the same series.
  friend bool operator==(const Counter& a, const Counter& b) noexcept { return a.series_ == b.series_; }

 private:
  friend detail::HandleAccess;
  detail::SeriesRef series_;
};

}  // namespace seawall
