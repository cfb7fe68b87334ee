// SPDX-License-Identifier: MIT
//
// The fixed window: time is cut into windows at multiples of the period since the epoch, each admits `limit` permits.
//
// State, 61 bits: {number of a window, permits taken from its start on}, from high to low. Windows are numbered from 1
// at the epoch and never move back. The permits may be more than one window's: reservations and debts spill into the
// windows after it, `limit` to each. The number takes the bits that 30 years of windows need, the permits all others:
// room for the limit at any rate up to one a nanosecond, and for the windows of 90 years ahead at all but the highest.
// Zero is a limiter never used.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "seawall/algorithm/elapsed.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/decision.h"
#include "seawall/quota.h"
#include "seawall/result.h"

namespace seawall::algorithm {

class FixedWindow {
 public:
  using State = std::uint64_t;
  static constexpr int kStateBits = 61;

  // Error: kInvalidArgument for a burst other than permits.
  static constexpr Result<FixedWindow> make(const Quota& quota) {
    if (quota.burst() != quota.permits()) {
      return Error{Code::kInvalidArgument, "a fixed window has no burst of its own: burst must equal permits"};
    }
    return FixedWindow(quota);
  }

  // As in Gcra, all that follows.
  struct Request {
    Duration elapsed;
    std::int64_t n;
  };
  constexpr Request request(Duration elapsed, std::int64_t n) const noexcept { return {elapsed, n}; }

  constexpr State take(State state, const Request& request) const noexcept {
    const auto [elapsed, n] = request;
    const Tally now = tally_at(state, elapsed);
    if (n < 1 || n > burst() || now.used + count(n) > limit_) return state;
    return word({now.number, now.used + count(n)});
  }

  constexpr Decision told(State before, State after, const Request& request) const noexcept {
    const auto [elapsed, n] = request;
    if (after == before && n > 0) return refused(before, elapsed, n);
    Decision decision = allowed(after, elapsed);
    if (after != before) decision.charge = {tally(after).number, n};
    return decision;
  }

  constexpr Decision peek(const State& state, Duration elapsed, std::int64_t n) const noexcept {
    return n > 0 && take(state, {elapsed, n}) == state ? refused(state, elapsed, n) : allowed(state, elapsed);
  }

  // In the first window that has room for all n: what is left of the windows before it stays unused.
  constexpr Reservation reserve(State& state, Duration elapsed, std::int64_t n, Duration max_wait) const noexcept {
    Reservation reservation{.limit = burst()};
    if (n > burst()) {
      reservation.delay = Decision::kNever;
      return reservation;
    }
    const Tally now = tally_at(state, elapsed);
    const std::uint64_t ahead = n > 0 ? windows_until_room(now.used, count(n)) : 0;
    const std::uint64_t used = std::max(now.used, ahead * limit_) + count(std::max<std::int64_t>(n, 0));
    reservation.delay = until(now.number + ahead, elapsed, ahead);
    reservation.granted = n <= 0 || (reservation.delay <= max_wait && used <= most());
    if (!reservation.granted || n <= 0) return reservation;
    state = word({now.number, used});
    reservation.charge = {now.number + ahead, n};
    return reservation;
  }

  // Nothing comes back of a window that is over, and nothing of one behind which others have reserved: they keep their
  // turns, so its permits cannot be promised again.
  constexpr std::int64_t refund(State& state, Duration elapsed, Charge charge) const noexcept {
    const Tally now = tally_at(state, elapsed);
    if (charge.permits <= 0 || charge.at < now.number) return 0;
    const std::uint64_t ahead = charge.at - now.number;
    if (ahead > now.used / limit_ || now.used > (ahead + 1) * limit_) return 0;
    const std::uint64_t back = std::min(count(charge.permits), now.used - ahead * limit_);
    if (back != 0) state = word({now.number, now.used - back});
    return static_cast<std::int64_t>(back);
  }

  constexpr Settlement settle(State& state, Duration elapsed, Charge charge, std::int64_t actual,
                              std::int64_t debt_cap) const noexcept {
    const std::int64_t estimate = std::max<std::int64_t>(charge.permits, 0);
    actual = std::max<std::int64_t>(actual, 0);
    Settlement done{.charge = charge};
    if (actual <= estimate) {
      done.refunded = refund(state, elapsed, {charge.at, estimate - actual});
      done.charge.permits = actual;
      return done;
    }
    const Tally now = tally_at(state, elapsed);
    const std::uint64_t cap = std::min(limit_ + count(std::max<std::int64_t>(debt_cap, 0)), most());
    const std::uint64_t room = cap > now.used ? cap - now.used : 0;
    done.charged = static_cast<std::int64_t>(std::min(count(actual - estimate), room));
    done.unpaid = actual - estimate - done.charged;
    if (done.charged == 0) return done;
    state = word({now.number, now.used + count(done.charged)});
    done.charge = {now.number, done.charged + (charge.at == now.number ? estimate : 0)};
    return done;
  }

  // The windows of the new period, the permits left as `how` says. A `now` before the latest window counts as its
  // start.
  constexpr State taken_over(const FixedWindow& old, State state, Duration elapsed, LimitChange how) const noexcept {
    const Tally then = old.tally_at(state, elapsed);
    const Duration at = std::max(elapsed, old.start(then.number));
    if (how == LimitChange::kReset) return word({number(at), 0});
    __extension__ using Signed = __int128;  // a debt is a negative rest
    const Signed rest = static_cast<Signed>(old.limit_) - static_cast<Signed>(then.used);
    Signed kept = rest;
    if (how == LimitChange::kProportional) {
      const Signed share = rest * static_cast<Signed>(limit_);
      const auto whole = static_cast<Signed>(old.limit_);
      kept = share / whole - (share % whole < 0 ? 1 : 0);
    }
    const Signed used = static_cast<Signed>(limit_) - std::min(kept, static_cast<Signed>(limit_));
    return word({number(at), static_cast<std::uint64_t>(std::min(used, static_cast<Signed>(most())))});
  }

  constexpr std::int64_t burst() const noexcept { return static_cast<std::int64_t>(limit_); }

  using Packed = std::array<std::uint32_t, 6>;
  constexpr Packed pack() const noexcept {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    return {low(limit_),      low(period_),           low(period_ >> 32),
            low(reciprocal_), low(reciprocal_ >> 32), static_cast<std::uint32_t>(count_bits_)};
  }
  static constexpr FixedWindow unpack(const Packed& p) noexcept {
    const auto wide = [](std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; };
    FixedWindow made;
    made.limit_ = p[0];
    made.period_ = wide(p[1], p[2]);
    made.reciprocal_ = wide(p[3], p[4]);
    made.count_bits_ = static_cast<int>(p[5]);
    return made;
  }

 private:
  struct Tally {
    std::uint64_t number = 1;
    std::uint64_t used = 0;
  };

  constexpr FixedWindow() = default;
  constexpr explicit FixedWindow(const Quota& quota) noexcept
      : limit_(count(quota.permits())),
        period_(static_cast<std::uint64_t>(quota.period().count())),
        reciprocal_(~std::uint64_t{0} / period_),
        count_bits_(kStateBits - static_cast<int>(std::bit_width(count(kHorizon.count()) / period_ + 1))) {}

  static constexpr std::uint64_t count(std::int64_t n) noexcept { return static_cast<std::uint64_t>(n); }
  constexpr std::uint64_t mask() const noexcept { return (std::uint64_t{1} << count_bits_) - 1; }
  // The most permits that may be taken: as many as the bits hold, and no more than three horizons of windows, so that
  // every wait is a Duration. (The limit is at most the period, so the product fits.)
  constexpr std::uint64_t most() const noexcept {
    return std::min(mask(), limit_ * (count(3 * kHorizon.count()) / period_));
  }
  constexpr Tally tally(State state) const noexcept { return {state >> count_bits_, state & mask()}; }
  constexpr State word(const Tally& t) const noexcept { return t.number << count_bits_ | t.used; }

  // The window in progress, or the latest seen, and what is taken of it and of those after it.
  constexpr Tally tally_at(State state, Duration elapsed) const noexcept {
    const Tally last = tally(state);
    const std::uint64_t now = number(elapsed);
    if (now <= last.number) return last;
    const std::uint64_t ahead = now - last.number;
    // The quotient first: the product could be more than 64 bits.
    return {now, ahead > last.used / limit_ ? 0 : last.used - ahead * limit_};
  }

  // One multiplication with the reciprocal is at most one too low; the rest says whether it is.
  constexpr std::uint64_t number(Duration elapsed) const noexcept {
    const auto ns = static_cast<std::uint64_t>(elapsed.count());
    const auto quotient = static_cast<std::uint64_t>((Wide{ns} * reciprocal_) >> 64);
    return quotient + (ns - quotient * period_ >= period_ ? 2 : 1);
  }
  constexpr Duration start(std::uint64_t number) const noexcept {
    return Duration(static_cast<std::int64_t>((std::max<std::uint64_t>(number, 1) - 1) * period_));
  }
  // The wait for window `number`; none for the window at hand.
  constexpr Duration until(std::uint64_t number, Duration elapsed, std::uint64_t ahead) const noexcept {
    return ahead == 0 ? Duration(0) : start(number) - elapsed;
  }
  // For n from 1 to limit.
  constexpr std::uint64_t windows_until_room(std::uint64_t used, std::uint64_t n) const noexcept {
    return used + n <= limit_ ? 0 : (used + n - 1) / limit_;
  }

  constexpr Decision allowed(State state, Duration elapsed) const noexcept {
    const Tally now = tally_at(state, elapsed);
    const std::uint64_t ahead = (now.used + limit_ - 1) / limit_;
    return {.allowed = true,
            .limit = burst(),
            .remaining = burst() - static_cast<std::int64_t>(std::min(now.used, limit_)),
            .retry_after = Duration(0),
            .reset_after = until(now.number + ahead, elapsed, ahead),
            .charge = {}};
  }
  constexpr Decision refused(State state, Duration elapsed, std::int64_t n) const noexcept {
    Decision decision = allowed(state, elapsed);
    decision.allowed = false;
    decision.retry_after = Decision::kNever;
    if (n > burst()) return decision;
    const Tally now = tally_at(state, elapsed);
    const std::uint64_t ahead = windows_until_room(now.used, count(n));
    decision.retry_after = until(now.number + ahead, elapsed, ahead);
    return decision;
  }

  std::uint64_t limit_ = 1;
  std::uint64_t period_ = 1;      // ns
  std::uint64_t reciprocal_ = 0;  // 2^64 / period
  int count_bits_ = 0;
};

}  // namespace seawall::algorithm
