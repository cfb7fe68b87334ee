// SPDX-License-Identifier: MIT
//
// The token bucket of one key, in the bits that a slot of a keyed table has for it.
//
// State: the TAT (algorithm/gcra.h) in ticks since the epoch. One permit is 2^shift ticks exactly, so no rate is
// rounded and nothing adds up; a tick is the burst's time / 2^28 or 2^29, and no less than half a nanosecond: 112 to
// 224 ns for 200 in 60 s. Time is read in whole ticks. The loss: a permit can come up to one tick (2^-28 of the burst)
// early.
//
// Of the TAT a slot keeps instant_bits(), 28 to 33: eight times the burst's time at least.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "seawall/algorithm/elapsed.h"
#include "seawall/algorithm/keyed_code.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/decision.h"
#include "seawall/quota.h"
#include "seawall/result.h"

namespace seawall::algorithm {

class KeyedBucket {
 public:
  // Error: kInvalidArgument when the burst takes longer than the horizon to come back.
  static constexpr Result<KeyedBucket> make(const Quota& quota) {
    const auto permits = static_cast<std::uint64_t>(quota.permits());
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    const auto most = static_cast<std::int64_t>(Wide{count(kHorizon)} * permits / period);
    if (quota.burst() > most) return out_of_range("burst at a rate this low", quota.burst(), 1, most);
    return KeyedBucket(permits, period, static_cast<std::uint64_t>(quota.burst()));
  }

  constexpr std::uint64_t ticks(Duration elapsed) const noexcept { return ticks_.floor(count(elapsed)); }
  constexpr KeyedMoment moment(Duration elapsed) const noexcept { return {elapsed, ticks(elapsed)}; }
  // The first nanosecond of a tick.
  [[gnu::always_inline]] constexpr Duration at(std::uint64_t tick) const noexcept {
    return Duration(static_cast<std::int64_t>(ns_.ceil(tick)));
  }

  // Both write the whole answer, in its place: a Decision handed on through others is read back before it is stored.
  [[gnu::always_inline]] constexpr void acquire(std::uint64_t& tat, const KeyedMoment& now, std::int64_t n,
                                                Decision& answer) const noexcept {
    answer.limit = burst();
    // Signed: a TAT before the epoch, which only a fault can leave in memory, is not a very late one.
    const auto start = static_cast<std::uint64_t>(std::max(signed_of(tat), signed_of(now.ticks)));
    const std::uint64_t next = start + cost(n);
    std::uint64_t rest = 0;
    if (n <= 0 || n > burst() || __builtin_sub_overflow(now.ticks + tolerance_, next, &rest)) [[unlikely]]
      return refuse(tat, now, n, answer);
    if (next == 0) __builtin_unreachable();  // a permit costs a tick or more
    tat = next;
    answer.allowed = true;
    answer.remaining = static_cast<std::int64_t>(rest >> shift_);
    answer.retry_after = Duration(0);
    answer.reset_after = at(next) - now.elapsed;  // after now: a tick is over before the next begins
    answer.charge = {next, n};
  }
  constexpr void peek(std::uint64_t tat, const KeyedMoment& now, std::int64_t n, Decision& answer) const noexcept {
    const std::uint64_t backlog = tat > now.ticks ? tat - now.ticks : 0;
    answer = {.limit = burst(), .remaining = left(backlog), .reset_after = wait_until(tat, now.elapsed)};
    if (n > burst()) {
      answer.retry_after = Decision::kNever;
      return;
    }
    const std::uint64_t room = tolerance_ - cost(std::max<std::int64_t>(n, 0));
    answer.allowed = n <= 0 || backlog <= room;
    if (!answer.allowed) answer.retry_after = wait_until(tat - room, now.elapsed);
  }

  // As Gcra::refund, as of an effective `now` in ticks. Never moves the TAT back to `now` or behind.
  constexpr std::int64_t refund(std::uint64_t& tat, std::uint64_t now, Charge charge) const noexcept {
    if (charge.permits <= 0 || charge.at <= now || tat <= now) return 0;
    const std::uint64_t back = std::min({cost(std::min(charge.permits, burst())), charge.at - now, tat - now});
    tat -= back;
    return static_cast<std::int64_t>(back >> shift_);
  }

  // The ticks from now to the TAT of a key that had `state` of them under `old`. What is left is cut to whole ticks.
  constexpr std::uint64_t taken_over(const KeyedBucket& old, std::uint64_t state, LimitChange how) const noexcept {
    if (how == LimitChange::kReset) return 0;
    const std::uint64_t rest = old.tolerance_ - std::min(state, old.tolerance_);
    const std::uint64_t kept = how == LimitChange::kProportional
                                   ? static_cast<std::uint64_t>(Wide{rest} * tolerance_ / old.tolerance_)
                                   : static_cast<std::uint64_t>((Wide{rest} << shift_) >> old.shift_);
    return tolerance_ - std::min(kept, tolerance_);
  }

  constexpr std::int64_t burst() const noexcept {
    if (burst_ < 1) __builtin_unreachable();  // a Quota's is not: one comparison less where one permit is asked for
    return burst_;
  }
  constexpr std::uint64_t tolerance() const noexcept { return tolerance_; }
  constexpr int shift() const noexcept { return shift_; }

  // ---- the word of a slot --------------------------------------------------------------------------------------

  constexpr const KeyedCode& code() const noexcept { return code_; }
  constexpr std::uint64_t busy_until(std::uint64_t word, std::uint64_t mark) const noexcept {
    return code_.absolute(word >> kStampBits, mark);
  }
  constexpr std::uint64_t with(std::uint64_t word, std::uint64_t tat) const noexcept { return code_.with(word, tat); }

 private:
  static constexpr std::int64_t signed_of(std::uint64_t ticks) noexcept { return static_cast<std::int64_t>(ticks); }
  static constexpr std::uint64_t count(Duration d) noexcept { return static_cast<std::uint64_t>(d.count()); }

  constexpr KeyedBucket(std::uint64_t permits, std::uint64_t period, std::uint64_t burst) noexcept
      : shift_(best_shift(permits, period, burst)),
        permit_(std::uint64_t{1} << shift_),
        burst_(static_cast<std::int64_t>(burst)),
        tolerance_(burst << shift_),
        ticks_(permits << shift_, period),
        ns_(period, permits << shift_),
        code_(instant_bits(tolerance_, unit_shift(ticks_)), 0, unit_shift(ticks_)) {}

  // The finest tick that leaves the burst at 29 bits and is not shorter than half a nanosecond.
  static constexpr int best_shift(std::uint64_t permits, std::uint64_t period, std::uint64_t burst) noexcept {
    int shift = 0;
    while (burst << (shift + 1) <= std::uint64_t{1} << 29 && permits << (shift + 1) <= 2 * period) ++shift;
    return shift;
  }
  // The mark's unit: the finest in which the horizon fits.
  static constexpr int unit_shift(const Ratio& ticks) noexcept {
    const int bits = static_cast<int>(std::bit_width(ticks.ceil(count(kHorizon))));
    return std::max(0, bits - KeyedCode::kMarkBits);
  }
  // Eight times the burst's time, many units, and an eighth of a second at least, so that sweeps are rare.
  static constexpr int instant_bits(std::uint64_t tolerance, int unit_shift) noexcept {
    return std::max({static_cast<int>(std::bit_width(tolerance - 1)) + 3, unit_shift + 8, 28});
  }

  // Not inlined: so what is admitted keeps its registers.
  [[gnu::noinline]] constexpr void refuse(std::uint64_t tat, KeyedMoment now, std::int64_t n,
                                          Decision& answer) const noexcept {
    peek(tat, now, n, answer);
  }

  constexpr std::int64_t left(std::uint64_t backlog) const noexcept {
    return backlog >= tolerance_ ? 0 : static_cast<std::int64_t>((tolerance_ - backlog) >> shift_);
  }
  constexpr Duration wait_until(std::uint64_t tick, Duration elapsed) const noexcept {
    return std::max(Duration(0), between(elapsed, at(tick)));
  }
  constexpr std::uint64_t cost(std::int64_t permits) const noexcept {
    return static_cast<std::uint64_t>(permits) * permit_;
  }

  int shift_;
  std::uint64_t permit_;  // in ticks: 2^shift
  std::int64_t burst_;
  std::uint64_t tolerance_;  // the burst in ticks
  Ratio ticks_;              // nanoseconds to ticks
  Ratio ns_;                 // ticks to nanoseconds
  KeyedCode code_;
};

}  // namespace seawall::algorithm
