// SPDX-License-Identifier: MIT
//
// Decision, Reservation, Settlement: the answers of limiters, with all that a caller needs to tell its client
// (RateLimit and Retry-After headers).
//
// Limiters share these verbs. Each has a twin without `_at` that reads the clock; none blocks: the caller sleeps.
//
//   Decision try_acquire_at(now, n = 1)                      n permits or nothing, now
//   Decision peek_at(now, n = 1)                             what try_acquire_at would answer
//   Reservation reserve_at(now, n = 1, max_wait = forever)   n permits for later, taken now; usable after `delay`
//   Reservation acquire_until_at(deadline, now, n = 1)       the same when now + delay <= deadline, else nothing taken
//   int64_t refund_at(charge, now)                           gives back; answers the whole permits that came back
//   int64_t cancel_at(reservation, now)                      gives a reservation back, whatever was taken after it
//   Settlement settle_at(charge, actual, now, debt_cap = 0)  an estimate was charged, this is the real cost
//   void change_limit_at(config, how, now)                   from here on another limit
#pragma once

#include <cstdint>

#include "seawall/time.h"

namespace seawall {

// What a Decision took, so that it can be given back: `limiter.refund(decision.charge)`. Give it back at most once, to
// the limiter (and key) that took it. The default charge took nothing, and refunding it does nothing.
struct Charge {
  std::uint64_t at = 0;      // token bucket: the TAT that the charge led to; sliding window: the sub-window charged
  std::int64_t permits = 0;  // may be lowered before the refund, to give back only a part

  friend constexpr bool operator==(const Charge&, const Charge&) = default;
};

struct Decision {
  static constexpr Duration kNever = Duration::max();

  bool allowed = false;
  std::int64_t limit = 0;      // the most permits that can be available at one instant
  std::int64_t remaining = 0;  // permits available after this decision
  Duration retry_after{0};     // 0 when allowed; else the same request is refused at every earlier instant; or kNever
  Duration reset_after{0};     // until all `limit` permits are available again, if nobody asks meanwhile
  Charge charge{};             // what was taken; empty when refused and after peek

  // The request can never be allowed, however long the caller waits: it costs more than the limit.
  constexpr bool never() const noexcept { return retry_after == kNever; }
};

// A promise: the permits are taken, the caller acts `delay` after the `now` that it passed, or cancels. What comes
// later is promised behind it. The wait is known before anybody sleeps, so a caller that cannot wait so long has lost
// nothing.
struct Reservation {
  bool granted = false;
  std::int64_t limit = 0;  // as in Decision
  Duration delay{0};       // granted: until the permits may be used; else the wait that was too long, or kNever
  Charge charge{};         // what was taken; empty when not granted

  // No wait would do: it costs more than the limit.
  constexpr bool never() const noexcept { return delay == Decision::kNever; }
};

// What settle_at did. The real cost is the estimate, less `refunded`, plus `charged`, plus `unpaid`.
struct Settlement {
  std::int64_t refunded = 0;  // whole permits given back, when the real cost was lower
  std::int64_t charged = 0;   // permits taken on top, when it was higher; they may exceed what is left by `debt_cap`
  std::int64_t unpaid = 0;    // permits that would have gone beyond the debt cap: not charged to anybody
  Charge charge{};            // what is charged now, for a later refund or settlement
};

// What becomes of the permits that are left when a limit changes at run time. Debts and reservations stay in all but
// kReset.
enum class LimitChange : std::int32_t {
  kKeep = 0,          // as many are left as before, the new limit at most; in a SlidingWindow as many are taken
  kProportional = 1,  // the same share of the limit is left
  kReset = 2,         // the new limit starts full
};

}  // namespace seawall
