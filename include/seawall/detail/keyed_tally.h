// SPDX-License-Identifier: MIT
//
// What a keyed table counts, in stripes by CPU: a count is never a line that all threads write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/stripe.h"

namespace seawall::detail {

class KeyedCount {
 public:
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: a count orders nothing
  std::uint64_t get() const noexcept { return count_.load(std::memory_order_relaxed); }  // relaxed: as above

 private:
  std::atomic<std::uint64_t> count_{0};
};

struct alignas(kCacheLine) KeyedTally {
  KeyedCount evictions;
  KeyedCount full_refusals;
  KeyedCount full_admissions;
  KeyedCount overflow_admissions;
};

class KeyedTallies {
 public:
  KeyedTally& mine() noexcept { return stripes_[stripe<kStripes>()]; }
  std::uint64_t sum(KeyedCount KeyedTally::*what) const noexcept {
    std::uint64_t total = 0;
    for (const KeyedTally& stripe : stripes_) total += (stripe.*what).get();
    return total;
  }

 private:
  static constexpr std::size_t kStripes = 16;
  std::array<KeyedTally, kStripes> stripes_{};
};

}  // namespace seawall::detail
