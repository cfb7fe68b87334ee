// SPDX-License-Identifier: MIT
//
// Gauge: a value that goes up and down, such as requests in flight or the state of a breaker. For a total take a
// Counter: a gauge loses what happens between two scrapes.
//
// One double in one word. set() is a store, add() a compare-exchange loop; neither locks or allocates, and all members
// are safe from any thread and, in MAP_SHARED memory, from any process. Whole numbers are exact to 2^53. Known flaw:
// all threads write the same cache line, so a gauge that many threads change at each request costs more than a Counter.
//
//   seawall::Gauge in_flight;
//   in_flight.add(1);
//   serve();
//   in_flight.add(-1);
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/update.h"

namespace seawall {

class alignas(detail::kCacheLine) Gauge {
 public:
  Gauge() = default;
  Gauge(const Gauge&) = delete;
  Gauge& operator=(const Gauge&) = delete;

  void set(double value) noexcept {
    // Relaxed: the word is the whole state; a reader may see it late but never torn.
    bits_.store(std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
  }

  void add(double difference) noexcept {
    detail::update(bits_, [difference](std::uint64_t seen) {
      return detail::Step<bool>{std::bit_cast<std::uint64_t>(std::bit_cast<double>(seen) + difference), true};
    });
  }

  // Relaxed: as in set().
  double value() const noexcept { return std::bit_cast<double>(bits_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<std::uint64_t> bits_{0};  // the bits of 0.0 are 0
};

static_assert(std::is_standard_layout_v<Gauge> && std::is_trivially_destructible_v<Gauge>);

}  // namespace seawall
