// SPDX-License-Identifier: MIT
//
// The totals of a circuit breaker's calls, for those who ask for them: a line for each CPU, written by its calls alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/stripe.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

enum class BreakerCall : std::size_t { kSucceeded, kFailed, kIgnored, kSlow, kRefused, kShadowed, kKinds };

template <class Cell>
class BreakerTally {
 public:
  void add(BreakerCall kind) noexcept {
    Cell& total = stripes_[stripe<kStripes>()].totals[static_cast<std::size_t>(kind)];
    update(total, [](std::uint64_t seen) { return Step<bool>{seen + 1, true}; });
  }
  std::uint64_t value(BreakerCall kind) const noexcept {
    std::uint64_t sum = 0;
    // Relaxed: totals, each by itself.
    for (const Stripe& s : stripes_) sum += s.totals[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
    return sum;
  }
  // Calls that count meanwhile may stay or go.
  void clear() noexcept {
    for (Stripe& s : stripes_) {
      for (Cell& total : s.totals) total.store(0, std::memory_order_relaxed);  // relaxed: totals, each by itself
    }
  }

 private:
  static constexpr std::size_t kStripes = 8;
  struct alignas(kCacheLine) Stripe {
    Cell totals[static_cast<std::size_t>(BreakerCall::kKinds)]{};
  };
  Stripe stripes_[kStripes];
};

}  // namespace seawall::detail
