// SPDX-License-Identifier: MIT
//
// Which of a metric's cells this thread should write: the one of the CPU it runs on. Only a hint: a thread may move to
// another CPU right after, so cells are written by atomic additions and any choice is correct. By CPU and not by thread
// number, because workers in different processes share cells in MAP_SHARED memory and thread numbers would collide.
#pragma once

#include <cstddef>
#include <cstdint>

#include "seawall/detail/rseq.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace seawall::detail {

// From 0 to kStripes - 1. CPUs whose numbers differ by a multiple of kStripes share a cell.
template <std::size_t kStripes>
std::size_t stripe() noexcept {
  static_assert(kStripes > 0 && (kStripes & (kStripes - 1)) == 0, "a power of two");
#if defined(__linux__)
  // Where rseq is missing the system is asked, at ten times the price; -1 (not known) selects the last cell.
  const std::int32_t cpu = rseq_cpu();
  return static_cast<std::size_t>(cpu >= 0 ? cpu : sched_getcpu()) & (kStripes - 1);
#else
  static thread_local char of_this_thread;
  const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&of_this_thread));
  return static_cast<std::size_t>((address * 0x9E3779B97F4A7C15u) >> 32) & (kStripes - 1);
#endif
}

}  // namespace seawall::detail
