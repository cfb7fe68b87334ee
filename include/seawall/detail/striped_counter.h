// SPDX-License-Identifier: MIT
//
// StripedCounter: a total that only rises, alone and without a registry, for counts that components keep of themselves.
//
// add() is one atomic addition to a cell of the CPU's own cache line: it never locks, waits or allocates, and two
// threads on two CPUs write no line in common. value() adds up the cells; seen by one thread, or by threads that
// synchronise, it never falls, and it is exact once the adding threads are done. All members are safe from any thread.
// The object holds no pointer and may live in MAP_SHARED memory. Metrics of a host are better kept in a
// MetricsRegistry, whose Counter takes an eighth of the room and half of the time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/stripe.h"

namespace seawall::detail {

class StripedCounter {
 public:
  static constexpr std::size_t kStripes = 8;

  StripedCounter() = default;
  StripedCounter(const StripedCounter&) = delete;
  StripedCounter& operator=(const StripedCounter&) = delete;

  // A total cannot fall: a negative n adds nothing.
  void add(std::int64_t n = 1) noexcept {
    if (n <= 0) return;
    // Relaxed: a total publishes no other memory, and additions to one cell are never lost whatever their order.
    cells_[stripe<kStripes>()].total.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }

  std::uint64_t value() const noexcept {
    std::uint64_t total = 0;
    // Relaxed: a thread never reads an older value of a cell than it has read before, so no sum of cells falls.
    for (const Cell& cell : cells_) total += cell.total.load(std::memory_order_relaxed);
    return total;
  }

 private:
  struct alignas(kCacheLine) Cell {
    std::atomic<std::uint64_t> total{0};
  };
  std::array<Cell, kStripes> cells_;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "cells must work between processes");
static_assert(std::is_standard_layout_v<StripedCounter> && std::is_trivially_destructible_v<StripedCounter>);
static_assert(sizeof(StripedCounter) == StripedCounter::kStripes * kCacheLine);

}  // namespace seawall::detail
