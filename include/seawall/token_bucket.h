// SPDX-License-Identifier: MIT
//
// TokenBucket: at most `permits` in each `period` on average, and at most `burst` at one instant.
//
// Use it to shape a rate: it forgets nothing and rounds nothing, a refused caller learns the exact wait, and a caller
// that may wait takes its turn at once (reserve). Use SlidingWindow instead to promise "never more than L in any W": a
// bucket of burst L lets up to 2 L pass in one window (a full bucket, then the refill). TokenBucketConfig::at_most
// makes that promise with a bucket, at the price of a lower rate. Use LeasedTokenBucket where many threads share one.
//
// Bound: between any two instants, admitted minus refunded is at most burst + permits * interval / period, plus
// what settle_at was allowed to owe. It holds for `now` in any order: state never moves back, and a `now` from the past
// is only refused more often. A refund after that of a later charge may free what was free already, never more.
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
#include "seawall/detail/ruled_word.h"
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
      : epoch_(epoch), word_(config.rule()) {}

  // Takes n permits or nothing. n above the burst is never() allowed; n of 0 or less takes nothing.
  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    if (now < epoch_) [[unlikely]]
      return algorithm::seen_from(now, epoch_, try_acquire_at(epoch_, n));
    const Duration elapsed = algorithm::since(epoch_, now);
    return word_.update(
        [elapsed, n](const Rule& rule, std::uint64_t tat, std::uint64_t) { return rule.take(tat, elapsed, n); },
        [elapsed, n](const Rule& rule, std::uint64_t tat, std::uint64_t next, std::uint64_t mark) {
          Decision told = rule.told(tat, next, elapsed, n);
          told.charge.at |= mark;
          return told;
        });
  }
  Decision try_acquire(std::int64_t n = 1) noexcept { return try_acquire_at(Clock::now(), n); }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(TimePoint now, std::int64_t n = 1) const noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    return seen_from(now, word_.look([&](const Rule& rule, std::uint64_t tat) { return rule.peek(tat, elapsed, n); }));
  }
  Decision peek(std::int64_t n = 1) const noexcept { return peek_at(Clock::now(), n); }

  // Takes n permits that may be used `delay` after now, or nothing when that is longer than max_wait. Turns are in the
  // order of the calls. A caller that changes its mind cancels.
  Reservation reserve_at(TimePoint now, std::int64_t n = 1, Duration max_wait = Duration::max()) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    const Duration early = now < epoch_ ? Duration(detail::saturating_sub(to_ns(epoch_), to_ns(now))) : Duration(0);
    const Duration longest(detail::saturating_sub(max_wait.count(), early.count()));
    Reservation made = word_.apply([&](const Rule& rule, std::uint64_t& tat, std::uint64_t mark) {
      Reservation taken = rule.reserve(tat, elapsed, n, longest);
      taken.charge.at |= mark;
      return taken;
    });
    if (made.delay > Duration(0)) made.delay = Duration(detail::saturating_add(made.delay.count(), early.count()));
    return made;
  }
  Reservation reserve(std::int64_t n = 1, Duration max_wait = Duration::max()) noexcept {
    return reserve_at(Clock::now(), n, max_wait);
  }

  // The same when the permits may be used at the deadline or before; so the wait is decided before anybody sleeps.
  Reservation acquire_until_at(TimePoint deadline, TimePoint now, std::int64_t n = 1) noexcept {
    return reserve_at(now, n, Duration(detail::saturating_sub(to_ns(deadline), to_ns(now))));
  }
  Reservation acquire_until(TimePoint deadline, std::int64_t n = 1) noexcept {
    return acquire_until_at(deadline, Clock::now(), n);
  }

  // Gives back what of the charge has not been refilled meanwhile, so a late refund cannot add to a bucket that was
  // full again in between; nothing when the limit was changed since. Answers the whole permits given back.
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    return word_.apply([&](const Rule& rule, std::uint64_t& tat, std::uint64_t mark) {
      return rule.refund(tat, elapsed, known_to(mark, charge));
    });
  }
  std::int64_t refund(Charge charge) noexcept { return refund_at(charge, Clock::now()); }

  // Gives a reservation back, whole until it may be used. Who comes later gets the earlier turn; who holds a later
  // reservation keeps its delay.
  std::int64_t cancel_at(const Reservation& reservation, TimePoint now) noexcept {
    return refund_at(reservation.charge, now);
  }
  std::int64_t cancel(const Reservation& reservation) noexcept { return cancel_at(reservation, Clock::now()); }

  // The charge was an estimate, `actual` is the real cost: the rest is given back, or what is missing is taken, down to
  // debt_cap permits below zero. Never refuses: the work is done. A charge from before a change of limit only pays.
  Settlement settle_at(Charge charge, std::int64_t actual, TimePoint now, std::int64_t debt_cap = 0) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    return word_.apply([&](const Rule& rule, std::uint64_t& tat, std::uint64_t mark) {
      Settlement done = rule.settle(tat, elapsed, known_to(mark, charge), actual, debt_cap);
      done.charge.at |= mark;
      return done;
    });
  }
  Settlement settle(Charge charge, std::int64_t actual, std::int64_t debt_cap = 0) noexcept {
    return settle_at(charge, actual, Clock::now(), debt_cap);
  }

  // From `now` on another limit; every decision is by the old one or by the new one, never by a mixture. False: a
  // change that began later overtook this one, and that one holds. Charges from before cannot be refunded.
  bool change_limit_at(const Config& config, LimitChange how, TimePoint now) noexcept {
    return word_.change(config.rule(), how, algorithm::since(epoch_, now));
  }
  bool change_limit(const Config& config, LimitChange how) noexcept {
    return change_limit_at(config, how, Clock::now());
  }

 private:
  using Rule = algorithm::Gcra;
  using Word = detail::RuledWord<Cell, Rule>;

  // A charge in ticks of the rule with this mark; one of another rule is as old as the epoch.
  static Charge known_to(std::uint64_t mark, Charge charge) noexcept {
    return {Word::generation_of(charge.at) == mark ? Word::state_of(charge.at) : 0, charge.permits};
  }

  Decision seen_from(TimePoint now, const Decision& decision) const noexcept {
    if (now >= epoch_) [[likely]]
      return decision;
    return algorithm::seen_from(now, epoch_, decision);
  }

  TimePoint epoch_;
  Word word_;
};

using TokenBucket = BasicTokenBucket<std::atomic<std::uint64_t>>;

}  // namespace seawall
