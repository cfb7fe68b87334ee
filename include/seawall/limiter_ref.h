// SPDX-License-Identifier: MIT
//
// LimiterRef: any limiter, by reference; and LimitList: a LimitSet whose members are known only at run time.
//
// Use them where limits come from a configuration; where they are known when the program is written, a LimitSet says
// the same with types (and the verbs are inline). A reference is two words and a branch to the limiter that it means,
// no virtual call. The default one limits nothing. The limiter must outlive it. Threads as the limiters.
//
//   seawall::LimiterRef any(users);                                     // a KeyedRateLimiter<SlidingWindow>
//   const seawall::Decision d = any.of_key("ann").try_acquire_at(now);  // a key is ignored by limits without keys
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "seawall/decision.h"
#include "seawall/limiter_key.h"
#include "seawall/time.h"

namespace seawall {

// The limiters, only named here: who makes a reference to one has its header.
template <class Cell>
class BasicTokenBucket;
template <class Cell>
class BasicFixedWindow;
template <class Cell>
class BasicSlidingWindow;
template <class Cell, class Here, std::size_t kCells>
class BasicLeasedTokenBucket;
struct LeaseCellOfCpu;
template <class Limiter>
class KeyedRateLimiter;
using TokenBucket = BasicTokenBucket<std::atomic<std::uint64_t>>;
using FixedWindow = BasicFixedWindow<std::atomic<std::uint64_t>>;
using SlidingWindow = BasicSlidingWindow<std::atomic<std::uint64_t>>;
using LeasedTokenBucket = BasicLeasedTokenBucket<std::atomic<std::uint64_t>, LeaseCellOfCpu, 16>;

class LimiterRef {
 public:
  class OfKey;

  LimiterRef() = default;
  LimiterRef(TokenBucket& limiter) noexcept : kind_(Kind::kBucket), at_(&limiter) {}           // NOLINT: implicit
  LimiterRef(LeasedTokenBucket& limiter) noexcept : kind_(Kind::kLeased), at_(&limiter) {}     // NOLINT
  LimiterRef(FixedWindow& limiter) noexcept : kind_(Kind::kFixedWindow), at_(&limiter) {}      // NOLINT
  LimiterRef(SlidingWindow& limiter) noexcept : kind_(Kind::kSlidingWindow), at_(&limiter) {}  // NOLINT
  LimiterRef(KeyedRateLimiter<TokenBucket>& limiter) noexcept                                  // NOLINT
      : kind_(Kind::kKeyedBucket), at_(&limiter) {}
  LimiterRef(KeyedRateLimiter<SlidingWindow>& limiter) noexcept  // NOLINT
      : kind_(Kind::kKeyedWindow), at_(&limiter) {}

  explicit operator bool() const noexcept { return kind_ != Kind::kNone; }
  bool is_keyed() const noexcept { return kind_ >= Kind::kKeyedBucket; }

  // The limit as one to ask now: that of the key, which is hashed once and whose memory is asked for, where there are
  // keys.
  OfKey of_key(const LimiterKey& key) const noexcept;

 private:
  enum class Kind : std::uint8_t { kNone, kBucket, kLeased, kFixedWindow, kSlidingWindow, kKeyedBucket, kKeyedWindow };

  Kind kind_ = Kind::kNone;
  void* at_ = nullptr;
};

// The verbs of decision.h that a LimitSet needs.
class LimiterRef::OfKey {
 public:
  OfKey(LimiterRef limiter, KeyPlace place) noexcept : limiter_(limiter), place_(place) {}

  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) const noexcept;
  Decision peek_at(TimePoint now, std::int64_t n = 1) const noexcept;
  std::int64_t refund_at(Charge charge, TimePoint now) const noexcept;

 private:
  // ask(limiter) or ask(limiter, place) of what is referred to; of_none when that is nothing.
  template <class Answer, class Ask>
  Answer visit(Answer of_none, Ask&& ask) const noexcept;

  LimiterRef limiter_;
  KeyPlace place_;
};

// The limits at(0) to at(size - 1), the narrowest first; at(i) is anything with the verbs above. Decisions go to the
// caller's array, of `size` or more.
template <class At>
class LimitList {
 public:
  LimitList(std::size_t size, At at) noexcept : size_(size), at_(at) {}

  decltype(auto) at(std::size_t i) const noexcept { return at_(i); }

  // Whether all would allow; decisions from `first` on.
  bool peek_at(std::span<Decision> decisions, TimePoint now, std::int64_t n, std::size_t first = 0) const noexcept {
    bool allowed = true;
    for (std::size_t i = first; i < size_; ++i) {
      new (&decisions[i]) Decision(at_(i).peek_at(now, n));
      allowed &= decisions[i].allowed;
    }
    return allowed;
  }

  // Charges all, or none: when one refuses, what was charged before it is given back. To be called after a peek_at of
  // all but the first, whose own refusal writes nothing.
  bool charge_at(std::span<Decision> decisions, TimePoint now, std::int64_t n) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
      new (&decisions[i]) Decision(at_(i).try_acquire_at(now, n));
      if (decisions[i].allowed) continue;
      give_back(decisions, now, i);
      return false;
    }
    return true;
  }

  // Gives all charges back, the broadest first, and clears them.
  void refund_at(std::span<Decision> decisions, TimePoint now) const noexcept { give_back(decisions, now, size_); }

  // The place of the limit that says most: of those that refuse the one with the longest wait, the narrower of two that
  // are equal; else the one with the least left.
  std::size_t nearest(std::span<const Decision> decisions) const noexcept {
    std::size_t found = 0;
    for (std::size_t i = 1; i < size_; ++i) {
      if (nearer(decisions[i], decisions[found])) found = i;
    }
    return found;
  }

 private:
  static bool nearer(const Decision& mine, const Decision& nearest) noexcept {
    if (!nearest.allowed) return !mine.allowed && mine.retry_after > nearest.retry_after;
    return !mine.allowed || mine.remaining < nearest.remaining;
  }
  void give_back(std::span<Decision> decisions, TimePoint now, std::size_t count) const noexcept {
    while (count-- > 0) {
      decisions[count].remaining += at_(count).refund_at(decisions[count].charge, now);
      decisions[count].charge = {};
    }
  }

  std::size_t size_;
  At at_;
};

}  // namespace seawall
