// SPDX-License-Identifier: MIT
//
// LimitSet: several limits in Redis (of a user, a service, of all) as one decision in one call: all are charged, or
// none.
//
// As seawall::LimitSet, but no charge is made and taken back: the script looks at all of them before it charges one.
// Always exact; a cached refusal of any of them is repeated here: the others are not asked then, and tell a `remaining`
// of -1. When the store is away, each limiter's policy is asked, and all must allow. In a cluster all limiters need the
// same `tag`. Threads and waiting as RateLimiter.
//
//   auto limits = seawall::redis::LimitSet::make({users, service}).value();
//   auto answer = limits.try_acquire({user_id, "trading"});
//   if (!answer.allowed) return too_many_requests(answer.refused_by(), answer.retry_after);
//   if (!send()) limits.refund({user_id, "trading"}, answer);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "seawall/redis/rate_limiter.h"
#include "seawall/result.h"

namespace seawall::redis {

struct SetAnswer {
  bool allowed = false;
  Duration retry_after{0};      // 0 when allowed; else the longest of those who refused, or kNever
  std::vector<Answer> answers;  // in the order of the set

  // The refusing limit with the longest wait, the first of equals; answers.size() when allowed.
  std::size_t refused_by() const noexcept;
};

class LimitSet {
 public:
  static constexpr std::size_t kMost = 8;

  // Errors: kInvalidArgument: none or more than kMost limiters, of different stores, or of different tags in a cluster.
  static Result<LimitSet> make(std::vector<RateLimiter> limiters);

  // A key for each limiter, in the order of make(). A limiter without a key and one that is repeated() refuse with
  // never().
  SetAnswer try_acquire(std::span<const std::string_view> keys, std::int64_t n = 1);
  SetAnswer try_acquire(std::initializer_list<std::string_view> keys, std::int64_t n = 1) {
    return try_acquire(std::span<const std::string_view>(keys.begin(), keys.size()), n);
  }
  // What try_acquire would be told by Redis now, without taking anything; cached refusals are not looked at. While
  // Redis is away: what the policies would say.
  SetAnswer peek(std::span<const std::string_view> keys, std::int64_t n = 1);
  SetAnswer peek(std::initializer_list<std::string_view> keys, std::int64_t n = 1) {
    return peek(std::span<const std::string_view>(keys.begin(), keys.size()), n);
  }

  // Gives all charges of `answer` back, to Redis in one call: all of them, or none when it cannot be asked or one key
  // holds something foreign. Clears them first, so a second refund does nothing; `remaining` grows by what came back,
  // unless that was told too late. The keys are those of try_acquire.
  void refund(std::span<const std::string_view> keys, SetAnswer& answer);
  void refund(std::initializer_list<std::string_view> keys, SetAnswer& answer) {
    refund(std::span<const std::string_view>(keys.begin(), keys.size()), answer);
  }

  // The first place whose limiter and an earlier one have the same name, tag and key, which the store would charge once
  // for both; keys.size() when there is none.
  std::size_t repeated(std::span<const std::string_view> keys) const noexcept;
  std::size_t size() const noexcept { return limiters_.size(); }

  // Without blocking: `done` is called as that of RateLimiter::try_acquire_async. After refund_async it is told the
  // answer with what came back; in `answer` itself the charges are cleared.
  using Done = std::function<void(const SetAnswer&)>;
  void try_acquire_async(std::span<const std::string_view> keys, std::int64_t n, Done done);
  void peek_async(std::span<const std::string_view> keys, std::int64_t n, Done done);
  void refund_async(
      std::span<const std::string_view> keys, SetAnswer& answer, Done done = [](const SetAnswer&) {});

 private:
  explicit LimitSet(std::vector<RateLimiter> limiters) : limiters_(std::move(limiters)) {}
  std::vector<RateLimiter> limiters_;
};

}  // namespace seawall::redis
