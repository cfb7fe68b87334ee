// SPDX-License-Identifier: MIT
//
// Which of a few stripes a thread writes to, so that threads write to lines of their own. Threads are numbered in the
// order in which they first ask; more threads than stripes share, which costs time and never correctness.
#pragma once

#include <atomic>
#include <cstdint>

namespace seawall::detail {

inline std::uint32_t next_thread_number() noexcept {
  static std::atomic<std::uint32_t> next{0};
  // Relaxed: only the number itself matters.
  return next.fetch_add(1, std::memory_order_relaxed);
}

template <std::uint32_t kStripes>
std::uint32_t thread_stripe() noexcept {
  constexpr std::uint32_t kNumbered = std::uint32_t{1} << 31;
  static_assert(kStripes <= kNumbered && (kStripes & (kStripes - 1)) == 0);
  // 0: not numbered yet. A constant to begin with, so that no guard is asked first.
  static thread_local std::uint32_t number = 0;
  if (number == 0) [[unlikely]]
    number = next_thread_number() | kNumbered;
  return number & (kStripes - 1);
}

}  // namespace seawall::detail
