// SPDX-License-Identifier: MIT
//
// KeyedSet: seven keys that share a lock, the unit of a KeyedRateLimiter's table.
//
// The lock is a bit of the header word. It is held for one decision on plain memory (tens of nanoseconds) and never
// while user code runs. A thread that is killed inside takes its process with it, and the table is private memory of
// one process, so nobody waits for the dead; see src/DESIGN.md for fork.
//
// Header word: bit 0 the lock, bits 1 to 63 the latest instant (ns since the epoch, horizon 100 years) at which a key
// of this set was forgotten. A new key starts no earlier than that, or a caller with a stale `now` could find a fresh
// state for a key that had used up its limit by then.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include "seawall/detail/cache_line.h"
#include "seawall/time.h"

namespace seawall::detail {

inline constexpr std::size_t kWays = 7;
inline constexpr std::size_t kNoWay = kWays;

template <class State>
struct alignas(kCacheLine) KeyedSet {
  std::atomic<std::uint64_t> header{0};
  std::array<std::uint64_t, kWays> tags{};  // 0: free. Guarded by the lock, like what follows
  std::array<State, kWays> states{};

  std::size_t find(std::uint64_t tag) const noexcept {
    for (std::size_t way = 0; way < kWays; ++way) {
      if (tags[way] == tag) return way;
    }
    return kNoWay;
  }
};

// Holds the lock of one set.
template <class State>
class SetLock {
 public:
  explicit SetLock(KeyedSet<State>& set) noexcept : set_(set) {
    for (int tries = 1;; ++tries) {
      // Relaxed: only a look whether to try; the exchange below is what acquires.
      std::uint64_t seen = set.header.load(std::memory_order_relaxed);
      // Acquire: sees all that the last holder wrote. Relaxed on failure: nothing was acquired.
      if ((seen & 1) == 0 &&
          set.header.compare_exchange_weak(seen, seen | 1, std::memory_order_acquire, std::memory_order_relaxed)) {
        latest_ = seen >> 1;
        return;
      }
      if (tries % 64 == 0) std::this_thread::yield();  // the holder may not be running
    }
  }
  // Release: publishes the states to the next holder.
  ~SetLock() { set_.header.store(latest_ << 1, std::memory_order_release); }
  SetLock(const SetLock&) = delete;
  SetLock& operator=(const SetLock&) = delete;

  // The latest instant at which a key of this set was forgotten; never moves back.
  Duration latest() const noexcept { return Duration(static_cast<std::int64_t>(latest_)); }
  void forgot_at(Duration elapsed) noexcept {
    latest_ = std::max(latest_, static_cast<std::uint64_t>(elapsed.count()));
  }

 private:
  KeyedSet<State>& set_;
  std::uint64_t latest_ = 0;
};

}  // namespace seawall::detail
