// SPDX-License-Identifier: MIT
//
// TokenBucket: at most `permits` in each `period` on average, and at most `burst` at one instant.
//
// Use it to shape a rate: it forgets nothing and rounds nothing, and a refused caller learns the exact wait. Use
// SlidingWindow instead to promise "never more than L in any W": a bucket of burst L lets up to 2 L pass in one window
// (a full bucket, then the refill); to promise L with a bucket, choose burst + permits * W / period <= L.
//
// Bound: between the first admission and any later instant, admitted minus refunded is at most
// burst + permits * interval / period. It holds for `now` in any order: state never moves back, and a `now` from the
// past is only refused more often.
//
// One 64-bit word (algorithm/gcra.h), usable in shared memory; 100 years from the epoch, after which nothing refills.
// Any thread may call anything; nothing blocks or allocates; a refusal writes nothing.
//
//   seawall::TokenBucket bucket(seawall::TokenBucketConfig::make(quota).value());
//   const seawall::Decision d = bucket.try_acquire();
//   if (!d.allowed) return too_many_requests(d.retry_after);
//   if (!send()) bucket.refund(d.charge);
#pragma once

#include <atomic>
#include <cstdint>

#include "seawall/algorithm/gcra.h"
#include "seawall/decision.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/update.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

class TokenBucketConfig {
 public:
  // Error: kInvalidArgument when the burst takes more than 100 years to come back.
  static constexpr Result<TokenBucketConfig> make(const Quota& quota) {
    const auto rule = algorithm::Gcra::make(quota);
    if (!rule) return rule.error();
    return TokenBucketConfig(rule.value());
  }
  constexpr const algorithm::Gcra& rule() const noexcept { return rule_; }

 private:
  constexpr explicit TokenBucketConfig(const algorithm::Gcra& rule) : rule_(rule) {}
  algorithm::Gcra rule_;
};

// Cell is std::atomic<uint64_t>; the interleaving explorer of the tests brings another.
template <class Cell>
class BasicTokenBucket {
 public:
  using Config = TokenBucketConfig;

  // Starts full. Instants before the epoch count as the epoch.
  explicit BasicTokenBucket(const Config& config, TimePoint epoch = Clock::now()) noexcept
      : rule_(config.rule()), epoch_(epoch) {}

  // Takes n permits or nothing. n above the burst is never() allowed; n of 0 or less takes nothing.
  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    const Decision decision = detail::update(tat_, [&](std::uint64_t tat) {
      const Decision taken = rule_.acquire(tat, elapsed, n);
      return detail::Step<Decision>{tat, taken};
    });
    return algorithm::seen_from(now, epoch_, decision);
  }
  Decision try_acquire(std::int64_t n = 1) noexcept { return try_acquire_at(Clock::now(), n); }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(TimePoint now, std::int64_t n = 1) const noexcept {
    // Relaxed: the word is all there is to see.
    const std::uint64_t tat = tat_.load(std::memory_order_relaxed);
    return algorithm::seen_from(now, epoch_, rule_.peek(tat, algorithm::since(epoch_, now), n));
  }
  Decision peek(std::int64_t n = 1) const noexcept { return peek_at(Clock::now(), n); }

  // Gives back what of the charge has not been refilled meanwhile, so a late refund cannot add to a bucket that was
  // full again in between. Answers the whole permits given back.
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    return detail::update(tat_, [&](std::uint64_t tat) {
      const std::int64_t back = rule_.refund(tat, elapsed, charge);
      return detail::Step<std::int64_t>{tat, back};
    });
  }
  std::int64_t refund(Charge charge) noexcept { return refund_at(charge, Clock::now()); }

 private:
  // Read by everybody, written by nobody: on lines of its own.
  algorithm::Gcra rule_;
  TimePoint epoch_;

  // Written by every admission.
  alignas(detail::kCacheLine) Cell tat_{0};
};

using TokenBucket = BasicTokenBucket<std::atomic<std::uint64_t>>;

}  // namespace seawall
