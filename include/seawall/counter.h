// SPDX-License-Identifier: MIT
//
// Counter: a total that only rises. For a value that also falls take a Gauge, for a distribution a Histogram.
//
// add() is one atomic addition to a cell of the CPU's own cache line: it never locks, waits or allocates, and two
// threads on two CPUs write no line in common. value() adds up the cells; seen by one thread, or by threads that
// synchronise, it never falls, and it is exact once the adding threads are done. All members are safe from any thread.
// The object holds no pointer: it may live in a registry, alone, or in MAP_SHARED memory written by many processes.
// Known flaw: reading costs kStripes cache lines, and the total wraps to 0 after 2^64 (584 years at one a nanosecond).
//
//   seawall::Counter requests;
//   requests.add();          // from any thread
//   requests.add(bytes);
//   std::uint64_t total = requests.value();
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/stripe.h"

namespace seawall {

class Counter {
 public:
  static constexpr std::size_t kStripes = 8;

  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  // A total cannot fall: a negative n adds nothing.
  void add(std::int64_t n = 1) noexcept {
    if (n <= 0) return;
    // Relaxed: a total publishes no other memory, and additions to one cell are never lost whatever their order.
    cells_[detail::stripe<kStripes>()].total.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }

  std::uint64_t value() const noexcept {
    std::uint64_t total = 0;
    // Relaxed: a thread never reads an older value of a cell than it has read before, so no sum of cells falls.
    for (const Cell& cell : cells_) total += cell.total.load(std::memory_order_relaxed);
    return total;
  }

 private:
  struct alignas(detail::kCacheLine) Cell {
    std::atomic<std::uint64_t> total{0};
  };
  std::array<Cell, kStripes> cells_;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "cells must work between processes");
static_assert(std::is_standard_layout_v<Counter> && std::is_trivially_destructible_v<Counter>);
static_assert(sizeof(Counter) == Counter::kStripes * detail::kCacheLine);

}  // namespace seawall
