// SPDX-License-Identifier: MIT
//
// GCRA, the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): a token bucket whose whole state is one
// instant, the theoretical arrival time (TAT) at which the bucket will be full again.
//
// State word: the TAT in ticks since the limiter's epoch, 64 bits. One permit is 2^shift ticks exactly, and `shift` is
// the largest that lets 100 years fit 63 bits, so a tick is between 0.34 and 0.69 ns at every rate and no emission
// interval is ever rounded. `now` becomes ticks by one exact scaling of the whole time since the epoch, so no error
// adds up: a permit can come less than 1 ns early, never more of them than the rate. A TAT is at most one burst (100
// years or less, checked) after now, so it fits. Zero is a full bucket.
#pragma once

#include <algorithm>
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

  // Error: kInvalidArgument when the burst takes more than 100 years to come back.
  static constexpr Result<Gcra> make(const Quota& quota) {
    const auto permits = static_cast<std::uint64_t>(quota.permits());
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    const auto most = static_cast<std::int64_t>(Wide{kHorizonNs} * permits / period);
    if (quota.burst() > most) return out_of_range("burst at a rate this low", quota.burst(), 1, most);
    return Gcra(permits, period, static_cast<std::uint64_t>(quota.burst()));
  }

  constexpr Decision acquire(State& tat, Duration elapsed, std::int64_t n) const noexcept {
    const std::uint64_t now = ticks_.floor(count(elapsed));
    Decision decision = decide(tat, now, elapsed, n);
    if (!decision.allowed || n <= 0) return decision;
    tat = std::max(tat, now) + ticks(n);
    decision.remaining = left(tat - now);
    decision.reset_after = wait_until(tat, elapsed);
    decision.charge = {tat, n};
    return decision;
  }

  constexpr Decision peek(const State& tat, Duration elapsed, std::int64_t n) const noexcept {
    return decide(tat, ticks_.floor(count(elapsed)), elapsed, n);
  }

  // Gives back what of the charge is not refilled yet and answers how many whole permits that was. A charge occupies
  // the ticks [at - cost, at] of the bucket's future; those that lie behind `now` came back by themselves.
  constexpr std::int64_t refund(State& tat, Duration elapsed, Charge charge) const noexcept {
    const std::uint64_t now = ticks_.floor(count(elapsed));
    if (charge.permits <= 0 || charge.at <= now || tat <= now) return 0;
    const std::uint64_t cost = ticks(std::min(charge.permits, burst()));
    const std::uint64_t back = std::min({cost, charge.at - now, tat - now});
    tat -= back;
    return static_cast<std::int64_t>(back >> shift_);
  }

  // From here on the state says no more than a fresh one.
  constexpr Duration idle_at(const State& tat) const noexcept { return duration(ns_.ceil(tat)); }

  constexpr std::int64_t burst() const noexcept { return static_cast<std::int64_t>(tolerance_ >> shift_); }
  constexpr int shift() const noexcept { return shift_; }

 private:
  static constexpr auto kHorizonNs = static_cast<std::uint64_t>(kHorizon.count());

  constexpr Gcra(std::uint64_t permits, std::uint64_t period, std::uint64_t burst) noexcept
      : shift_(best_shift(permits, period)),
        tolerance_(burst << shift_),
        ticks_(permits << shift_, period),
        ns_(period, permits << shift_) {}

  static constexpr int best_shift(std::uint64_t permits, std::uint64_t period) noexcept {
    int shift = 0;
    while (((Wide{kHorizonNs} * permits) << (shift + 1)) / period < (Wide{1} << 63)) ++shift;
    return shift;
  }

  constexpr Decision decide(std::uint64_t tat, std::uint64_t now, Duration elapsed, std::int64_t n) const noexcept {
    const std::uint64_t backlog = tat > now ? tat - now : 0;
    Decision decision{.limit = burst(), .remaining = left(backlog), .reset_after = wait_until(tat, elapsed)};
    if (n > burst()) {
      decision.retry_after = Decision::kNever;
      return decision;
    }
    const std::uint64_t room = tolerance_ - ticks(std::max<std::int64_t>(n, 0));
    decision.allowed = backlog <= room;
    if (!decision.allowed) decision.retry_after = wait_until(tat - room, elapsed);
    return decision;
  }

  constexpr std::int64_t left(std::uint64_t backlog) const noexcept {
    return backlog >= tolerance_ ? 0 : static_cast<std::int64_t>((tolerance_ - backlog) >> shift_);
  }

  // The smallest wait after which the clock has reached `tick`.
  constexpr Duration wait_until(std::uint64_t tick, Duration elapsed) const noexcept {
    return std::max(Duration(0), duration(ns_.ceil(tick)) - elapsed);
  }

  constexpr std::uint64_t ticks(std::int64_t permits) const noexcept {
    return static_cast<std::uint64_t>(permits) << shift_;
  }
  static constexpr std::uint64_t count(Duration d) noexcept { return static_cast<std::uint64_t>(d.count()); }
  static constexpr Duration duration(std::uint64_t ns) noexcept { return Duration(static_cast<std::int64_t>(ns)); }

  int shift_;
  std::uint64_t tolerance_;  // the burst in ticks
  Ratio ticks_;              // nanoseconds to ticks
  Ratio ns_;                 // ticks to nanoseconds
};

}  // namespace seawall::algorithm
