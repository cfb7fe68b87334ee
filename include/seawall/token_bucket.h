// SPDX-License-Identifier: MIT
//
// TokenBucket: at most `permits` in each `period` on average, and at most `burst` at one instant.
//
// Use it to shape a rate: it forgets nothing and rounds nothing, a refused caller learns the exact wait, and a caller
// that may wait takes its turn at once (reserve). Use SlidingWindow instead to promise "never more than L in any W": a
// bucket of burst L lets up to 2 L pass in one window (a full bucket, then the refill). TokenBucketConfig::at_most
// makes that promise with a bucket, at the price of a lower rate. Use LeasedTokenBucket where many threads share one.
//
// Bound: between any two instants, admitted minus refunded is at most burst + permits * interval / period, plus what
// settle_at was allowed to owe; a reservation counts at its turn. It holds for `now` in any order: state never moves
// back, and a `now` from the past is only refused more often. Known flaw: when a reservation is cancelled behind which
// others wait, they keep their turns, and its permits may be used beside them instead of before them.
//
// One 64-bit word decides (algorithm/gcra.h), rule and state together (detail/ruled_word.h): a limit may be changed
// while others ask. Usable in shared memory; 30 years from the epoch, after which nothing refills. Any thread may call
// anything; nothing blocks or allocates; a refusal writes nothing.
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
#include "seawall/detail/ruled_limiter.h"
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

  // A bucket that never admits more than `limit` permits in any window of `window`, wherever it starts: `burst` of them
  // at one instant, the others refill evenly. Error: kInvalidArgument, when burst is not from 1 to limit - 1 or the
  // quota is out of range.
  static constexpr Result<TokenBucketConfig> at_most(std::int64_t limit, Duration window, std::int64_t burst) {
    if (limit < 2 || limit > Quota::kMaxPermits) return out_of_range("limit", limit, 2, Quota::kMaxPermits);
    if (burst < 1 || burst >= limit) return out_of_range("burst", burst, 1, limit - 1);
    const auto quota = Quota::make(limit - burst, window, burst);
    if (!quota) return quota.error();
    return make(quota.value());
  }

  using Rule = algorithm::Gcra;
  constexpr const Rule& rule() const noexcept { return rule_; }

 private:
  constexpr explicit TokenBucketConfig(const Rule& rule) : rule_(rule) {}
  Rule rule_;
};

// The verbs are those of decision.h, in detail/ruled_limiter.h. Of the permits that a refund or cancel names, what has
// been refilled meanwhile is not given back.
template <class Cell>
class BasicTokenBucket : public detail::RuledLimiter<Cell, TokenBucketConfig> {
 public:
  using detail::RuledLimiter<Cell, TokenBucketConfig>::RuledLimiter;
};

using TokenBucket = BasicTokenBucket<std::atomic<std::uint64_t>>;

}  // namespace seawall
