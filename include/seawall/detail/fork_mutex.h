// SPDX-License-Identifier: MIT
//
// A mutex that a fork cannot leave locked for ever: the word holds the fork epoch of the process that locked it. In a
// child whose parent had another thread inside at the fork, that thread does not exist; lock() then answers false, for
// good, and what the mutex guards must be left alone. For cold paths only. Not annotated:
// clang's analysis does not follow a lock that may fail through helpers.
#pragma once

#include <atomic>
#include <cstdint>

#include "seawall/detail/fork_epoch.h"

namespace seawall::detail {

class ForkMutex {
 public:
  [[nodiscard]] bool lock() noexcept {
    const auto mine = static_cast<std::uint32_t>(fork_epoch()) | 1u << 31;
    for (;;) {
      std::uint32_t seen = 0;
      // Acquire: what the last holder did is seen.
      if (holder_.compare_exchange_weak(seen, mine, std::memory_order_acquire, std::memory_order_relaxed)) return true;
      if (seen != 0 && seen != mine) return false;
      if (seen != 0) holder_.wait(seen, std::memory_order_relaxed);  // relaxed: the exchange above orders
    }
  }
  void unlock() noexcept {
    holder_.store(0, std::memory_order_release);  // pairs with the acquire in lock()
    holder_.notify_one();
  }

 private:
  std::atomic<std::uint32_t> holder_{0};
};

}  // namespace seawall::detail
