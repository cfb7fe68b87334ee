// SPDX-License-Identifier: MIT
//
// GCRA, the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): a token bucket whose whole state is one
// instant, the theoretical arrival time (TAT) at which the bucket will be full again.
//
// State: the TAT in ticks since the limiter's epoch, 61 bits. One permit is 2^shift ticks exactly, and `shift` (1 or
// more) is the largest that lets 30 years and the burst fit, so a tick is shorter than a nanosecond (up to 4 ns where
// the burst takes decades) and no emission interval is ever rounded. The whole time since the epoch becomes ticks by
// one multiplication with the rate, rounded up by less than 2^-62 tick a nanosecond: 0.2 tick in 30 years. So no error
// adds up, and in any interval W whose refill is whole permits, no more than burst + rate * W are admitted. Zero is a
// full bucket; 30 years after the epoch the clock stands still.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "seawall/algorithm/elapsed.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/decision.h"
#include "seawall/quota.h"
#include "seawall/result.h"

namespace seawall::algorithm {

class Gcra {
 public:
  using State = std::uint64_t;
  static constexpr int kStateBits = 61;
  static constexpr State kMostState = (State{1} << kStateBits) - 1;
  static constexpr Duration kLongestBurst = std::chrono::hours(24) * 36525;  // 100 years

  // Error: kInvalidArgument when the burst takes more than 100 years to come back.
  static constexpr Result<Gcra> make(const Quota& quota) {
    const auto permits = static_cast<std::uint64_t>(quota.permits());
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    const auto most = static_cast<std::int64_t>(Wide{count(kLongestBurst)} * permits / period);
    if (quota.burst() > most) return out_of_range("burst at a rate this low", quota.burst(), 1, most);
    return Gcra(permits, period, static_cast<std::uint64_t>(quota.burst()));
  }

  // What is asked for, in ticks of this rule: computed once, however often it is tried.
  struct Request {
    Duration elapsed;
    std::int64_t n;
    std::uint64_t now;
    std::uint64_t room;  // how far ahead of now the TAT may be before n are taken
  };
  constexpr Request request(Duration elapsed, std::int64_t n) const noexcept {
    const std::uint64_t room = n == 1 ? room_for_one_ : can_take(n) ? tolerance_ - ticks(n) : 0;
    return {elapsed, n, now_ticks(elapsed), room};
  }

  // The state after it was taken; the same state when it is refused, and when it is for nothing.
  constexpr State take(State tat, const Request& request) const noexcept {
    // First in the code, since a refusal must cost little. Signed: the TAT may be less than the room.
    const auto due = static_cast<std::int64_t>(tat - request.room);
    if (!can_take(request.n) || due > static_cast<std::int64_t>(request.now)) [[likely]]
      return tat;
    const State end = std::max(tat, request.now) + (request.n == 1 ? one_ : ticks(request.n));
    if (end == tat) __builtin_unreachable();  // so that who took something need not look whether he did
    return end;
  }

  // What to tell the caller whose take() led from `before` to `after`.
  constexpr Decision told(State before, State after, const Request& request) const noexcept {
    if (!can_take(request.n)) [[unlikely]]
      return told_nothing(before, request.elapsed, request.n);
    if (after == before) return refused(before, request);
    return {.allowed = true,
            .limit = burst(),
            .remaining = static_cast<std::int64_t>((tolerance_ - (after - request.now)) >> shift_),
            .retry_after = Duration(0),
            .reset_after = wait_for(after, request.elapsed),
            .charge = {after, request.n}};
  }

  constexpr Decision acquire(State& tat, Duration elapsed, std::int64_t n) const noexcept {
    const Request asked = request(elapsed, n);
    const State before = tat;
    tat = take(before, asked);
    return told(before, tat, asked);
  }

  constexpr Decision peek(const State& tat, Duration elapsed, std::int64_t n) const noexcept {
    const Request asked = request(elapsed, n);
    return take(tat, asked) != tat ? shown(tat, asked) : told(tat, tat, asked);
  }

  // As acquire, for the first instant at which n permits are there, when that is not more than max_wait away.
  constexpr Reservation reserve(State& tat, Duration elapsed, std::int64_t n, Duration max_wait) const noexcept {
    Reservation reservation{.limit = burst()};
    if (n > burst()) {
      reservation.delay = Decision::kNever;
      return reservation;
    }
    const std::uint64_t end = std::max(tat, now_ticks(elapsed)) + ticks(std::max<std::int64_t>(n, 0));
    if (end > tolerance_) reservation.delay = wait_until(end - tolerance_, elapsed);
    reservation.granted = n <= 0 || (reservation.delay <= max_wait && end <= kMostState);
    if (n <= 0) reservation.delay = Duration(0);
    if (!reservation.granted || n <= 0) return reservation;
    tat = end;
    reservation.charge = {tat, n};
    return reservation;
  }

  // Gives back what of the charge is not refilled yet and answers how many whole permits that was. A charge occupies
  // the ticks [at - cost, at] of the bucket's future; those that lie behind `now` came back by themselves.
  constexpr std::int64_t refund(State& tat, Duration elapsed, Charge charge) const noexcept {
    const std::uint64_t now = now_ticks(elapsed);
    if (charge.permits <= 0 || charge.at <= now || tat <= now) return 0;
    const std::uint64_t cost = ticks(std::min(charge.permits, most_permits()));
    const std::uint64_t back = std::min({cost, charge.at - now, tat - now});
    tat -= back;
    return static_cast<std::int64_t>(back >> shift_);
  }

  // Makes `actual` of a charge that was an estimate. More than is there is taken, down to `debt_cap` permits below
  // zero.
  constexpr Settlement settle(State& tat, Duration elapsed, Charge charge, std::int64_t actual,
                              std::int64_t debt_cap) const noexcept {
    const std::int64_t estimate = std::clamp<std::int64_t>(charge.permits, 0, most_permits());
    actual = std::max<std::int64_t>(actual, 0);
    Settlement done{.charge = charge};
    if (actual <= estimate) {
      done.charge.permits = estimate - actual;
      done.refunded = refund(tat, elapsed, done.charge);
      done.charge = {charge.at - std::min(charge.at, ticks(estimate - actual)), actual};
      return done;
    }
    const std::uint64_t now = now_ticks(elapsed);
    const std::uint64_t from = std::max(tat, now);
    const std::int64_t cap = std::clamp<std::int64_t>(debt_cap, 0, most_permits());
    const std::uint64_t most = std::min(now + tolerance_ + ticks(cap), kMostState);
    const std::int64_t room = most > from ? static_cast<std::int64_t>((most - from) >> shift_) : 0;
    done.charged = std::min(actual - estimate, room);
    done.unpaid = actual - estimate - done.charged;
    if (done.charged == 0) return done;
    tat = from + ticks(done.charged);
    // Of the estimate only what is not refilled yet can still be given back.
    const auto pending = charge.at > now ? static_cast<std::int64_t>((charge.at - now) >> shift_) : 0;
    done.charge = {tat, std::min(estimate, pending) + done.charged};
    return done;
  }

  // The state under this rule for a bucket that had state `tat` under `old` until now. Fractions of a permit are kept
  // as far as a tick allows, and cut.
  constexpr State taken_over(const Gcra& old, State tat, Duration elapsed, LimitChange how) const noexcept {
    const std::uint64_t then = old.now_ticks(elapsed);
    const std::uint64_t now = now_ticks(elapsed);
    if (how == LimitChange::kReset) return now;
    __extension__ using Signed = __int128;  // a debt is a negative rest
    const Signed rest = static_cast<Signed>(old.tolerance_) - static_cast<Signed>(tat > then ? tat - then : 0);
    Signed kept = 0;
    if (how == LimitChange::kProportional) {
      kept = divide_down(rest * static_cast<Signed>(tolerance_), static_cast<Signed>(old.tolerance_));
    } else {
      kept = shift_ >= old.shift_ ? rest * (Signed{1} << (shift_ - old.shift_)) : rest >> (old.shift_ - shift_);
    }
    const Signed backlog = static_cast<Signed>(tolerance_) - std::min(kept, static_cast<Signed>(tolerance_));
    return now + static_cast<std::uint64_t>(std::min(backlog, static_cast<Signed>(kMostState - now)));
  }

  // From here on the state says no more than a fresh one.
  constexpr Duration idle_at(const State& tat) const noexcept { return duration(ns_at(tat)); }

  constexpr std::int64_t burst() const noexcept {
    if (burst_ < 1) __builtin_unreachable();  // so that asking for one permit needs no test
    return burst_;
  }
  constexpr int shift() const noexcept { return shift_; }

  // The rule as numbers of 32 bits, to be kept where words are small.
  using Packed = std::array<std::uint32_t, 6>;
  constexpr Packed pack() const noexcept {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    return {low(tick_rate_),
            low(tick_rate_ >> 32),
            low(tick_time_),
            low(tick_time_ >> 32),
            static_cast<std::uint32_t>(burst_),
            static_cast<std::uint32_t>(shift_)};
  }
  static constexpr Gcra unpack(const Packed& p) noexcept {
    const auto wide = [](std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; };
    return Gcra(static_cast<int>(p[5] & 63), wide(p[0], p[1]), wide(p[2], p[3]), std::int64_t{p[4]});
  }

 private:
  static constexpr int kFraction = 62;  // bits behind the point of tick_rate_ and tick_time_

  constexpr Gcra(std::uint64_t permits, std::uint64_t period, std::uint64_t burst) noexcept
      : shift_(best_shift(permits, period, burst)),
        tick_rate_(static_cast<std::uint64_t>(((Wide{permits << shift_} << kFraction) + period - 1) / period)),
        tick_time_(static_cast<std::uint64_t>(((Wide{1} << 2 * kFraction) + tick_rate_ - 1) / tick_rate_)),
        one_(std::uint64_t{1} << shift_),
        burst_(static_cast<std::int64_t>(burst)),
        tolerance_(burst << shift_),
        room_for_one_(tolerance_ - one_) {}
  constexpr Gcra(int shift, std::uint64_t tick_rate, std::uint64_t tick_time, std::int64_t burst) noexcept
      : shift_(shift),
        tick_rate_(tick_rate),
        tick_time_(tick_time),
        one_(std::uint64_t{1} << shift),
        burst_(burst),
        tolerance_(static_cast<std::uint64_t>(burst) << shift),
        room_for_one_(tolerance_ - one_) {}

  // At most 2^60 permits are in 30 years at 10^9 a second, so this is never below 1.
  static constexpr int best_shift(std::uint64_t permits, std::uint64_t period, std::uint64_t burst) noexcept {
    const auto fits = [&](int shift) {
      return (Wide{count(kHorizon)} * permits << shift) / period + (Wide{burst} << shift) < Wide{kMostState};
    };
    int shift = 1;
    while (fits(shift + 1)) ++shift;
    return shift;
  }

  template <class T>
  static constexpr T divide_down(T a, T b) noexcept {
    return a / b - (a % b < 0 ? 1 : 0);
  }

  constexpr bool can_take(std::int64_t n) const noexcept { return n >= 1 && n <= burst(); }

  constexpr Decision refused(State tat, const Request& request) const noexcept {
    return {.allowed = false,
            .limit = burst(),
            .remaining = request.n == 1 ? 0 : left(tat, request.now),
            .retry_after = wait_for(tat - request.room, request.elapsed),
            .reset_after = wait_for(tat, request.elapsed),
            .charge = {}};
  }
  // Nobody asks for nothing, or for more than there can be, in a hurry. By value, so that others stay in registers.
  [[gnu::noinline, gnu::cold]] constexpr Decision told_nothing(State tat, Duration elapsed,
                                                               std::int64_t n) const noexcept {
    Decision decision = shown(tat, request(elapsed, n));
    decision.allowed = n <= 0;
    if (!decision.allowed) decision.retry_after = Decision::kNever;
    return decision;
  }
  // Allowed, and nothing taken.
  constexpr Decision shown(State tat, const Request& request) const noexcept {
    return {.allowed = true,
            .limit = burst(),
            .remaining = left(tat, request.now),
            .retry_after = Duration(0),
            .reset_after = wait_until(tat, request.elapsed),
            .charge = {}};
  }

  constexpr std::int64_t left(State tat, std::uint64_t now) const noexcept {
    const std::uint64_t backlog = tat > now ? tat - now : 0;
    return backlog >= tolerance_ ? 0 : static_cast<std::int64_t>((tolerance_ - backlog) >> shift_);
  }

  constexpr std::uint64_t now_ticks(Duration elapsed) const noexcept { return ticks_at(count(elapsed)); }
  // x below 2^62: the product's high half, with the point at bit 64.
  constexpr std::uint64_t ticks_at(std::uint64_t ns) const noexcept { return high_half(ns << 2, tick_rate_); }
  // The first nanosecond at which the clock has reached `tick`. tick_time_ is rounded up, by less than one in 2^62, so
  // the product is too high by less than tick * 2^-62: only if it is that close above a whole one, that one may do.
  constexpr std::uint64_t ns_at(std::uint64_t tick) const noexcept {
    const Wide product = Wide{tick << 2} * tick_time_;
    const auto ns = static_cast<std::uint64_t>(product >> 64);
    if (static_cast<std::uint64_t>(product) > tick << 2) [[likely]]
      return ns + 1;
    return ns + (ticks_at(ns) < tick ? 1 : 0);
  }
  static constexpr std::uint64_t high_half(std::uint64_t a, std::uint64_t b) noexcept {
    return static_cast<std::uint64_t>((Wide{a} * b) >> 64);
  }

  // The smallest wait after which the clock has reached `tick`, which it has not yet.
  constexpr Duration wait_for(std::uint64_t tick, Duration elapsed) const noexcept {
    return duration(ns_at(tick)) - elapsed;
  }
  // The same, none when it has.
  constexpr Duration wait_until(std::uint64_t tick, Duration elapsed) const noexcept {
    return std::max(Duration(0), wait_for(tick, elapsed));
  }

  // The most permits that fit a state: no sum of ticks below can wrap.
  constexpr std::int64_t most_permits() const noexcept { return static_cast<std::int64_t>(kMostState >> shift_); }
  constexpr std::uint64_t ticks(std::int64_t permits) const noexcept {
    return static_cast<std::uint64_t>(permits) << shift_;
  }
  static constexpr std::uint64_t count(Duration d) noexcept { return static_cast<std::uint64_t>(d.count()); }
  static constexpr Duration duration(std::uint64_t ns) noexcept { return Duration(static_cast<std::int64_t>(ns)); }

  int shift_;
  std::uint64_t tick_rate_;  // ticks in a nanosecond
  std::uint64_t tick_time_;  // nanoseconds in a tick
  std::uint64_t one_;        // a permit in ticks
  std::int64_t burst_;
  std::uint64_t tolerance_;  // the burst in ticks
  std::uint64_t room_for_one_;
};

}  // namespace seawall::algorithm
