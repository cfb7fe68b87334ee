// SPDX-License-Identifier: MIT
//
// How many connections a server may serve, how many it does, and how many it is telling that there is no room.
// On any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace http {

class Places {
 public:
  explicit Places(std::size_t most) noexcept : most_(most) {}

  // Every operation is relaxed: these are counts, which publish nothing.
  void arrive() noexcept { present_.fetch_add(1, std::memory_order_relaxed); }
  void leave() noexcept { present_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t present() const noexcept { return present_.load(std::memory_order_relaxed); }

  bool take() noexcept {
    std::size_t taken = this->taken();
    while (taken < most_) {
      if (taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void give_back() noexcept { taken_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

  // Whether so many are told that there is no room that the next ones had better wait in the kernel's queue.
  bool crowded() const noexcept { return present() >= taken() + kTurnedAway; }

  void count_eviction() noexcept { evicted_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t evicted() const noexcept { return evicted_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kTurnedAway = 256;

  const std::size_t most_;
  std::atomic<std::size_t> present_{0};
  std::atomic<std::size_t> taken_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace http
