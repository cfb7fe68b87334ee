// SPDX-License-Identifier: MIT
//
// RateLimiter: one limit for each key, kept in Redis and shared by all processes that use the same name.
//
// Use it where several machines serve the same users; on one machine a KeyedRateLimiter is a hundred times faster and
// cannot fail. The algorithms are those of TokenBucket and SlidingWindow (strict), exact, by the server's clock.
//
// Modes. kExact asks Redis for each request: one script, one key, one round trip. kLeased takes `batch` permits ahead
// and spends them here, without a lock or a clock: nearly every decision is local. Refusals are kept here until the
// time that Redis named, so a client that hammers costs Redis nothing; in kLeased not while an emptied lease outlasts
// them.
//
// Bounds, for any interval as the server's clock sees it. kExact: what TokenBucket or SlidingWindow promises. kLeased:
// the same; the batches of `gateways` processes are taken out of the burst (window: of the limit) that Redis hands out,
// and each process beyond that number adds one batch. Permits of a lease that are refunded are spent again, however
// old: they count when they were taken, not when they come back. While the store is away (WhenAway): kDeny 0; kAllow no
// bound; kLocalShare one burst and the rate for the whole fleet on top of what Redis had admitted before (a burst below
// `gateways` is rounded up to one for each). A failover that loses the last writes adds what these had charged.
//
// No call waits beyond the store's deadline. Any thread may call anything.
//
//   auto users = seawall::redis::RateLimiter::make(store, {.name = "user", .quota = quota}).value();
//   const seawall::redis::Answer answer = users.try_acquire(user_id);
//   if (!answer.allowed) return too_many_requests(answer.retry_after);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "seawall/quota.h"
#include "seawall/redis/answer.h"
#include "seawall/redis/store.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall::redis {

class LimiterCore;  // src/redis/limiter_core.h

enum class Mode : std::int32_t { kExact = 0, kLeased = 1 };

// Who decides when Redis cannot.
enum class WhenAway : std::int32_t {
  kAllow = 0,
  kDeny = 1,        // retry_after is 1 s
  kLocalShare = 2,  // a KeyedRateLimiter of this process, with the quota divided by `gateways`
};

struct RateLimiterOptions {
  std::string name{};  // what the limit is of; part of the key in Redis. 1 to 64 of A-Z a-z 0-9 _ . -
  Quota quota;
  Algorithm algorithm = Algorithm::kTokenBucket;
  Mode mode = Mode::kExact;
  WhenAway when_away = WhenAway::kLocalShare;
  std::int32_t gateways = 1;  // processes that share the limit: of the leases, and of the local share
  std::int64_t batch = 0;     // of a lease; 0: a quarter of the burst, divided by `gateways`
  Duration lease_time = std::chrono::seconds(10);  // what a lease has left then is dropped
  // A refusal is repeated here until the time that Redis named, for so long at most (and told as the wait then), though
  // others may give permits back meanwhile. 0: not at all.
  Duration denial_cache = std::chrono::minutes(1);
  std::size_t memory_bytes = std::size_t{1} << 20;  // of leases and refusals here, 16 bytes a key; and of local shares
  // Keys with the same tag lie in one slot of a cluster, so that a LimitSet can charge them together. Empty: each key
  // by itself. As `name`.
  std::string tag{};
};

struct RateLimiterStats {
  std::uint64_t by_store = 0;  // decisions, by who made them; those by leases are not counted, for their speed
  std::uint64_t by_denial_cache = 0;
  std::uint64_t by_policy = 0;
  std::uint64_t foreign = 0;         // Fault::kForeign
  std::uint64_t leases = 0;          // batches taken, or parts of one
  std::uint64_t leased_permits = 0;  // in them: spent here, held, or lost with a lease that ended
};

class RateLimiter {
 public:
  // Errors: kInvalidArgument, naming the option; kNoMemory.
  static Result<RateLimiter> make(const Store& store, const RateLimiterOptions& options);

  // n permits of the key's, or nothing. Blocks until Redis has answered, the deadline at most; not at all when a lease,
  // the denial cache or the policy decides. n above the limit is never() allowed; n of 0 or less always is, and
  // takes nothing.
  Answer try_acquire(std::string_view key, std::int64_t n = 1);

  // The same where it can be decided without blocking. Else nothing is taken and nothing asked for: then ask with one
  // of the other two, which also asks for a lease that is missing.
  std::optional<Answer> try_acquire_here(std::string_view key, std::int64_t n = 1);

  // The same without blocking: `done` is called once, before this returns or later on the store's thread, where it must
  // not block. One that throws std::bad_alloc there is called again with the same answer, from the deadline on, until
  // it does not; any other exception ends the process.
  using Done = std::function<void(const Answer&)>;
  void try_acquire_async(std::string_view key, std::int64_t n, Done done);

  // What try_acquire would be told by Redis now, without taking anything; leases and cached refusals are not looked at.
  // While Redis is away: what the policy would say. Blocks as above.
  Answer peek(std::string_view key, std::int64_t n = 1);
  void peek_async(std::string_view key, std::int64_t n, Done done);  // as try_acquire_async

  // Gives back what `answer` took (answer.stored.permits, or answer.charge.permits of a lease or a local share, may be
  // lowered before); at most once for an answer, which is not changed, though Redis could not be asked. Answers how
  // many whole permits came back, 0 when it could not, or when its answer was late. Blocks as above.
  std::int64_t refund(std::string_view key, const Answer& answer);

  // The same without blocking: `done` is told how many, as that of try_acquire_async is told.
  using Refunded = std::function<void(std::int64_t permits)>;
  void refund_async(
      std::string_view key, const Answer& answer, Refunded done = [](std::int64_t) {});

  const RateLimiterOptions& options() const noexcept;
  RateLimiterStats stats() const;
  const std::shared_ptr<LimiterCore>& core() const noexcept { return core_; }

 private:
  explicit RateLimiter(std::shared_ptr<LimiterCore> core) : core_(std::move(core)) {}
  std::shared_ptr<LimiterCore> core_;
};

}  // namespace seawall::redis
