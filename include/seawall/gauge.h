// SPDX-License-Identifier: MIT
//
// Gauge: a value that goes up and down, such as requests in flight. For a total take a Counter: a gauge loses what
// happens between two scrapes. For one of a few named states take a StateSet. A value that exists elsewhere needs no
// handle but a callback: Family<Gauge>::set_callback().
//
// The handle of one series, as Counter is. One double in one word, changed by compare-exchange; never locks or
// allocates, any thread. Whole numbers are exact to 2^53. Known flaw: all threads write the same word, so a gauge that
// many threads change at each request costs more than a Counter.
//
//   seawall::Gauge in_flight = metrics.gauge("in_flight", "Requests in flight.").value().get();
//   in_flight.add(1);
//   serve();
//   in_flight.add(-1);
#pragma once

#include <bit>
#include <cstdint>

#include "seawall/detail/recording.h"

namespace seawall {

namespace detail {
struct HandleAccess;
}

class Gauge {
 public:
  Gauge() = default;

  void set(double value) const noexcept {
    detail::change_word(series_, [value](std::uint64_t) { return std::bit_cast<std::uint64_t>(value); });
  }
  void add(double difference) const noexcept {
    detail::change_word(series_, [difference](std::uint64_t seen) {
      return std::bit_cast<std::uint64_t>(std::bit_cast<double>(seen) + difference);
    });
  }
  // The larger of the two; a gauge begins at 0. NaN is no maximum and changes nothing.
  void max(double value) const noexcept {
    detail::change_word(series_, [value](std::uint64_t seen) {
      return value > std::bit_cast<double>(seen) ? std::bit_cast<std::uint64_t>(value) : seen;
    });
  }

  // 0 once the series is removed.
  double value() const noexcept {
    // Relaxed: the word is the whole state; a reader may see it late but never torn.
    const std::uint64_t bits = series_.first->load(std::memory_order_relaxed);
    return is_alive() ? std::bit_cast<double>(bits) : 0;
  }

  bool is_alive() const noexcept { return series_.is_alive(); }
  // Handles of the same series.
  friend bool operator==(const Gauge& a, const Gauge& b) noexcept { return a.series_ == b.series_; }

 private:
  friend detail::HandleAccess;
  detail::SeriesRef series_;
};

}  // namespace seawall
