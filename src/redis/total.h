// SPDX-License-Identifier: MIT
// A number that only grows, for stats() alone.
#pragma once

#include <atomic>
#include <cstdint>

namespace seawall::redis {

class Total {
 public:
  // Relaxed, both: each total stands by itself.
  void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace seawall::redis
