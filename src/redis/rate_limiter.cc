// SPDX-License-Identifier: MIT
#include "seawall/redis/rate_limiter.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include "redis/duration_range.h"
#include "redis/limiter_core.h"
#include "redis/waiter.h"

namespace seawall::redis {

namespace {

constexpr std::int64_t kMostGateways = 100'000;

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  };
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), fits);
}

Result<void> check(const RateLimiterOptions& o) {
  constexpr Duration kDay = std::chrono::hours(24);
  if (o.name.empty() || !is_name(o.name) || !is_name(o.tag)) {
    return Error{Code::kInvalidArgument, "name and tag are 1 to 64 (a tag: 0 to 64) of A-Z a-z 0-9 _ . -"};
  }
  // The numbers of shorter sub-windows since 1970 would leave the script's integers.
  if (o.algorithm == Algorithm::kSlidingWindow && o.quota.period() < std::chrono::milliseconds(1)) {
    return out_of_range("period in ns of a sliding window", o.quota.period().count(), 1'000'000,
                        Quota::kMaxPeriod.count());
  }
  if (o.gateways < 1 || o.gateways > kMostGateways) return out_of_range("gateways", o.gateways, 1, kMostGateways);
  if (o.memory_bytes < 4096) {
    return out_of_range("memory_bytes", static_cast<std::int64_t>(o.memory_bytes), 4096, INT64_MAX);
  }
  return check_ranges({{"lease_time in ns", o.lease_time, std::chrono::milliseconds(10), kDay},
                       {"denial_cache in ns", o.denial_cache, Duration(0), kDay}});
}

// The batch, and the quota that the store hands out, so that with all batches unspent the whole is within the quota.
struct Leases {
  std::int64_t batch = 0;
  Quota store;
};
Result<Leases> leases_of(const RateLimiterOptions& o) {
  const Quota& quota = o.quota;
  if (o.mode == Mode::kExact) return Leases{0, quota};
  const std::int64_t most = std::min(quota.burst() / (o.gateways + 1), CellWord::kMostPermits);
  const std::int64_t batch =
      o.batch == 0 ? std::clamp<std::int64_t>(quota.burst() / (4 * std::int64_t{o.gateways}), 1, CellWord::kMostPermits)
                   : o.batch;
  if (batch < 1 || batch > most)
    return out_of_range("batch, gateways + 1 of which must fit the burst,", batch, 1, most);
  const std::int64_t burst = quota.burst() - o.gateways * batch;
  const bool window = o.algorithm == Algorithm::kSlidingWindow;
  const auto store = Quota::make(window ? burst : quota.permits(), quota.period(), burst);
  if (!store) return store.error();
  return Leases{batch, store.value()};
}

// The quota divided by the gateways: a bucket's rate exactly where its period can be longer.
Result<Quota> share_of(const RateLimiterOptions& o) {
  const Quota& quota = o.quota;
  const std::int64_t burst = std::max<std::int64_t>(1, quota.burst() / o.gateways);
  if (o.algorithm == Algorithm::kSlidingWindow) return Quota::make(burst, quota.period(), burst);
  if (quota.period() <= Quota::kMaxPeriod / o.gateways) {
    return Quota::make(quota.permits(), quota.period() * o.gateways, burst);
  }
  return Quota::make(std::max<std::int64_t>(1, quota.permits() / o.gateways), quota.period(), burst);
}

template <class Limiter>
Result<LimiterCore::Share> make_share(const Quota& quota, std::size_t memory_bytes) {
  auto made = KeyedRateLimiter<Limiter>::make({.quota = quota, .memory_bytes = memory_bytes});
  if (!made) return made.error();
  return LimiterCore::Share(std::move(made).value());
}
Result<LimiterCore::Share> share_for(const RateLimiterOptions& o) {
  if (o.when_away != WhenAway::kLocalShare) return LimiterCore::Share();
  const auto quota = share_of(o);
  if (!quota) return quota.error();
  return o.algorithm == Algorithm::kTokenBucket ? make_share<TokenBucket>(quota.value(), o.memory_bytes)
                                                : make_share<SlidingWindow>(quota.value(), o.memory_bytes);
}

detail::SipKey random_key() {
  std::random_device random;
  const auto word = [&] { return std::uint64_t{random()} << 32 | random(); };
  return {word(), word()};
}

[[gnu::noinline]] Answer wait_for_store(LimiterCore& core, std::string_view key, TimePoint now, std::int64_t n,
                                        std::int64_t room) {
  const auto waiter = std::make_shared<Waiter<Answer>>();
  const TimePoint until =
      core.ask(key, now, n, room, Caller::kWaits, [waiter](const Answer& answer) { waiter->set(answer); });
  return core.settled(Verb::kTake, key, now, n, waiter->wait_until(until).value_or(core.timed_out()));
}

}  // namespace

Result<RateLimiter> RateLimiter::make(const Store& store, const RateLimiterOptions& options) {
  if (const auto fits = check(options); !fits) return fits.error();
  const auto leases = leases_of(options);
  if (!leases) return leases.error();
  const auto rule = LimitRule::make(options.algorithm, leases.value().store);
  if (!rule) return rule.error();
  auto share = share_for(options);
  if (!share) return share.error();
  return RateLimiter(std::make_shared<LimiterCore>(store.core(), options, rule.value(), leases.value().batch,
                                                   std::move(share).value(), random_key()));
}

Answer RateLimiter::try_acquire(std::string_view key, std::int64_t n) {
  if (n <= 0) return peek(key, n);
  TimePoint now;
  Answer answer;
  std::int64_t room = 0;
  if (!core_->decide_here(key, n, now, answer, room)) answer = wait_for_store(*core_, key, now, n, room);
  return answer;
}

std::optional<Answer> RateLimiter::try_acquire_here(std::string_view key, std::int64_t n) {
  if (n <= 0) return std::nullopt;
  TimePoint now;
  Answer answer;
  std::int64_t room = 0;
  if (core_->decide_here(key, n, now, answer, room)) return answer;
  if (room > 0) core_->not_asked(key);
  return std::nullopt;
}

void RateLimiter::try_acquire_async(std::string_view key, std::int64_t n, Done done) {
  if (n <= 0) return peek_async(key, n, std::move(done));
  TimePoint now;
  Answer answer;
  std::int64_t room = 0;
  if (core_->decide_here(key, n, now, answer, room)) return done(answer);
  core_->ask(key, now, n, room, Caller::kGoesOn, std::move(done));
}

Answer RateLimiter::peek(std::string_view key, std::int64_t n) {
  const TimePoint now = Clock::now();
  const auto waiter = std::make_shared<Waiter<Answer>>();
  const TimePoint until =
      core_->ask_peek(key, now, n, Caller::kWaits, [waiter](const Answer& answer) { waiter->set(answer); });
  return core_->settled(Verb::kPeek, key, now, n, waiter->wait_until(until).value_or(core_->timed_out()));
}

void RateLimiter::peek_async(std::string_view key, std::int64_t n, Done done) {
  core_->ask_peek(key, Clock::now(), n, Caller::kGoesOn, std::move(done));
}

std::int64_t RateLimiter::refund(std::string_view key, const Answer& answer) {
  const TimePoint now = Clock::now();
  if (answer.by != DecidedBy::kStore) return core_->give_back_here(key, now, answer);
  if (answer.stored.permits <= 0) return 0;
  const auto waiter = std::make_shared<Waiter<std::int64_t>>();
  const TimePoint until =
      core_->ask_back(key, now, answer.stored, Caller::kWaits, [waiter](std::int64_t n) { waiter->set(n); });
  return waiter->wait_until(until).value_or(0);
}

void RateLimiter::refund_async(std::string_view key, const Answer& answer, Refunded done) {
  const TimePoint now = Clock::now();
  if (answer.by != DecidedBy::kStore) {
    done(core_->give_back_here(key, now, answer));
  } else if (answer.stored.permits <= 0) {
    done(0);
  } else {
    core_->ask_back(key, now, answer.stored, Caller::kGoesOn, std::move(done));
  }
}

const RateLimiterOptions& RateLimiter::options() const noexcept { return core_->options(); }
RateLimiterStats RateLimiter::stats() const { return core_->stats(); }

}  // namespace seawall::redis
