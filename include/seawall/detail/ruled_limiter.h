// SPDX-License-Identifier: MIT
//
// RuledLimiter: the verbs of a limiter whose rule and state are one RuledWord. TokenBucket and FixedWindow are this
// with different rules; each says in its header what its answers and its bound mean.
//
// Cell is std::atomic<uint64_t>; the interleaving explorer of the tests brings another. Config has a Rule, a pure
// algorithm with request, take, told, peek, reserve, refund, settle and what RuledWord asks for, and rule(), which
// returns it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/algorithm/elapsed.h"
#include "seawall/decision.h"
#include "seawall/detail/ruled_word.h"
#include "seawall/detail/saturating.h"
#include "seawall/time.h"

namespace seawall::detail {

template <class Cell, class ConfigType>
class RuledLimiter {
 public:
  using Config = ConfigType;

  // Starts full. Instants before the epoch count as it; an epoch in the last 30 years of TimePoint as their beginning.
  explicit RuledLimiter(const Config& config, TimePoint epoch = Clock::now()) noexcept
      : epoch_(std::min(epoch, kLatestEpoch)), word_(config.rule()) {}

  // Takes n permits or nothing. n above the burst is never() allowed; n of 0 or less takes nothing.
  [[gnu::always_inline]] Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    // As unsigned, so that what is before the epoch is far behind the horizon; a branch, since the exchange would wait
    // for the smaller of two.
    const auto ns = static_cast<std::uint64_t>(to_ns(now)) - static_cast<std::uint64_t>(to_ns(epoch_));
    if (ns > static_cast<std::uint64_t>(algorithm::kHorizon.count())) [[unlikely]]
      return acquire_outside(now, n);
    const Duration elapsed(static_cast<std::int64_t>(ns));
    return word_.update(
        [elapsed, n](const Rule& rule) { return rule.request(elapsed, n); },
        [](const Rule& rule, const auto& request, std::uint64_t state, std::uint64_t) {
          return rule.take(state, request);
        },
        [](const Rule& rule, const auto& request, std::uint64_t state, std::uint64_t next, std::uint64_t mark) {
          Decision told = rule.told(state, next, request);
          told.charge.at |= mark;
          return told;
        });
  }
  Decision try_acquire(std::int64_t n = 1) noexcept { return try_acquire(Clock(), n); }
  template <ReadableClock C>
  Decision try_acquire(const C& clock, std::int64_t n = 1) noexcept {
    return try_acquire_at(relaxed_now(clock), n);
  }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(TimePoint now, std::int64_t n = 1) const noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    return seen_from(now,
                     word_.look([&](const Rule& rule, std::uint64_t state) { return rule.peek(state, elapsed, n); }));
  }
  Decision peek(std::int64_t n = 1) const noexcept { return peek_at(Clock::now(), n); }

  // Takes n permits that may be used `delay` after now, or nothing when that is longer than max_wait. Turns are in the
  // order of the calls. A caller that changes its mind cancels.
  Reservation reserve_at(TimePoint now, std::int64_t n = 1, Duration max_wait = Duration::max()) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    const Duration early = now < epoch_ ? Duration(saturating_sub(to_ns(epoch_), to_ns(now))) : Duration(0);
    // A caller before the epoch gets at once what is there at the epoch.
    const Duration longest = max_wait < Duration(0) ? max_wait : std::max(max_wait - early, Duration(0));
    Reservation made = word_.apply([&](const Rule& rule, std::uint64_t& state, std::uint64_t mark) {
      Reservation taken = rule.reserve(state, elapsed, n, longest);
      taken.charge.at |= mark;
      return taken;
    });
    if (made.delay > Duration(0)) made.delay = Duration(saturating_add(made.delay.count(), early.count()));
    return made;
  }
  Reservation reserve(std::int64_t n = 1, Duration max_wait = Duration::max()) noexcept {
    return reserve_at(Clock::now(), n, max_wait);
  }

  // The same when the permits may be used at the deadline or before; so the wait is decided before anybody sleeps.
  Reservation acquire_until_at(TimePoint deadline, TimePoint now, std::int64_t n = 1) noexcept {
    return reserve_at(now, n, Duration(saturating_sub(to_ns(deadline), to_ns(now))));
  }
  Reservation acquire_until(TimePoint deadline, std::int64_t n = 1) noexcept {
    return acquire_until_at(deadline, Clock::now(), n);
  }

  // Gives back what of the charge has not been refilled meanwhile, so a late refund cannot add to a bucket that was
  // full again in between; nothing when the limit was changed since. Answers the whole permits given back.
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    return word_.apply([&](const Rule& rule, std::uint64_t& state, std::uint64_t mark) {
      return rule.refund(state, elapsed, known_to(mark, charge));
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
    return word_.apply([&](const Rule& rule, std::uint64_t& state, std::uint64_t mark) {
      Settlement done = rule.settle(state, elapsed, known_to(mark, charge), actual, debt_cap);
      done.charge.at |= mark;
      return done;
    });
  }
  Settlement settle(Charge charge, std::int64_t actual, std::int64_t debt_cap = 0) noexcept {
    return settle_at(charge, actual, Clock::now(), debt_cap);
  }

  // From `now` on another limit; every decision is by the old one or by the new one, never by a mixture. False: a
  // change that began later overtook this one, and that one holds. Charges from before cannot be refunded
  // (one that outlives six changes, or twelve, is taken for a charge of today).
  bool change_limit_at(const Config& config, LimitChange how, TimePoint now) noexcept {
    return word_.change(config.rule(), how, algorithm::since(epoch_, now));
  }
  bool change_limit(const Config& config, LimitChange how) noexcept {
    return change_limit_at(config, how, Clock::now());
  }

 private:
  using Rule = typename Config::Rule;
  using Word = RuledWord<Cell, Rule>;

  // From an epoch no later than that, all that is before it is further behind it, as unsigned, than the horizon.
  static constexpr TimePoint kLatestEpoch = TimePoint::max() - algorithm::kHorizon;

  // A charge in ticks of the rule with this mark; one of another rule is as old as the epoch.
  static Charge known_to(std::uint64_t mark, Charge charge) noexcept {
    return {Word::generation_of(charge.at) == mark ? Word::state_of(charge.at) : 0, charge.permits};
  }

  // Before the epoch, or behind the horizon.
  [[gnu::noinline, gnu::cold]] Decision acquire_outside(TimePoint now, std::int64_t n) noexcept {
    if (now > epoch_) return try_acquire_at(epoch_ + algorithm::kHorizon, n);
    return algorithm::seen_from(now, epoch_, try_acquire_at(epoch_, n));
  }

  Decision seen_from(TimePoint now, const Decision& decision) const noexcept {
    if (now >= epoch_) [[likely]]
      return decision;
    return algorithm::seen_from(now, epoch_, decision);
  }

  TimePoint epoch_;
  Word word_;
};

}  // namespace seawall::detail
