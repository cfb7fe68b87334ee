// SPDX-License-Identifier: MIT
//
// SlidingWindow: never more than `limit` permits in any trailing window of `period`, wherever the window starts.
//
// Use it for a promise ("200 a minute"); use TokenBucket to shape a rate. Strict by default: a permit counts for the
// whole of its sub-window (period / 12), so it comes back between one period and one period and a twelfth after it was
// taken. WindowMode::kEstimate gives permits back gradually, as most limiters do: even traffic gets exactly the limit
// in each period, but an adversary who knows the sub-windows gets up to 2 * limit - 1 into one period, never more.
// Bounds are on effective time, the later of `now` and the latest at which anything was admitted, in sub-windows.
//
// A refund names the sub-window that was charged, counts at once, and does nothing when that sub-window has left.
// Reservations are first come, first served: until the sub-window of the latest of them begins, nobody is admitted at
// once, also after a cancel. A limit changes at run time; period, sub-windows and mode do not, since what was counted
// has their shape. Every admission is within the limit that was in force at some moment of its call.
//
// Lock-free and without pointers, usable in shared memory; a thread that dies anywhere in a call stops nobody. 30
// years from the epoch. Any thread may call anything; nothing blocks or allocates; a refusal writes nothing.
//
//   seawall::SlidingWindow window(seawall::SlidingWindowConfig::make({.quota = quota}).value());
//   const seawall::Decision d = window.try_acquire();
//   if (!d.allowed) return too_many_requests(d.retry_after);
//   if (!send()) window.refund(d.charge);
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "seawall/algorithm/window.h"
#include "seawall/decision.h"
#include "seawall/detail/saturating.h"
#include "seawall/detail/update.h"
#include "seawall/detail/window_cells.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

struct SlidingWindowOptions {
  Quota quota;                   // permits in each period; the burst must equal permits
  std::int32_t sub_windows = 0;  // 1 to 12; 0 means the most, 12 (fewer for windows of a few ns, algorithm/window.h)
  WindowMode mode = WindowMode::kStrict;
};

class SlidingWindowConfig {
 public:
  // Error: kInvalidArgument, naming what is out of range.
  static constexpr Result<SlidingWindowConfig> make(const SlidingWindowOptions& options) {
    const auto rule = algorithm::Window::make(options.quota, options.sub_windows, options.mode);
    if (!rule) return rule.error();
    return SlidingWindowConfig(rule.value());
  }
  static constexpr Result<SlidingWindowConfig> make(const Quota& quota) { return make(SlidingWindowOptions{quota}); }
  constexpr const algorithm::Window& rule() const noexcept { return rule_; }

 private:
  constexpr explicit SlidingWindowConfig(const algorithm::Window& rule) : rule_(rule) {}
  algorithm::Window rule_;
};

// Cell is std::atomic<uint64_t>; the interleaving explorer of the tests brings another.
template <class Cell>
class BasicSlidingWindow {
 public:
  using Config = SlidingWindowConfig;

  // Starts empty. Instants before the epoch count as the epoch.
  explicit BasicSlidingWindow(const Config& config, TimePoint epoch = Clock::now()) noexcept
      : epoch_(epoch), limit_(static_cast<std::uint64_t>(config.rule().limit())), cells_(config.rule()) {}

  // Takes n permits or nothing. n above the limit is never() allowed; n of 0 or less takes nothing.
  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    if (n <= 0) return peek_at(now, 0);
    const Duration elapsed = algorithm::since(epoch_, now);
    const std::uint64_t index = rule().index(elapsed);
    if (!rule().estimates()) {
      const std::int64_t most = limit();
      if (const auto quick = cells_.take_quickly(index, n, most); quick.done) {
        const Decision before{.allowed = true, .limit = most, .remaining = most - quick.permits};
        return algorithm::seen_from(now, epoch_, rule().charged(before, index, elapsed, n));
      }
    }
    return algorithm::seen_from(now, epoch_, acquire(elapsed, n));
  }
  Decision try_acquire(std::int64_t n = 1) noexcept { return try_acquire(Clock(), n); }
  template <ReadableClock C>
  Decision try_acquire(const C& clock, std::int64_t n = 1) noexcept {
    return try_acquire_at(relaxed_now(clock), n);
  }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(TimePoint now, std::int64_t n = 1) noexcept {
    return algorithm::seen_from(now, epoch_, judge(cells_.look(), algorithm::since(epoch_, now), n));
  }
  Decision peek(std::int64_t n = 1) noexcept { return peek_at(Clock::now(), n); }

  // Takes n permits of the first sub-window that has room for them, if it begins within max_wait.
  Reservation reserve_at(TimePoint now, std::int64_t n = 1, Duration max_wait = Decision::kNever) noexcept {
    const Duration elapsed = algorithm::since(epoch_, now);
    for (Attempts attempts;; attempts.again()) {
      const View view = cells_.look();
      const Decision decision = judge(view, elapsed, n);
      const Duration wait = algorithm::seen_from(now, epoch_, decision).retry_after;
      if (n <= 0) return {.granted = true, .limit = decision.limit};
      if (decision.never() || wait > max_wait || elapsed + decision.retry_after > algorithm::kHorizon) {
        return {.granted = false, .limit = decision.limit, .delay = wait};
      }
      const std::uint64_t when = rule().index(elapsed + decision.retry_after);
      if (when > view.ring.newest) {
        if (!decision.allowed) cells_.book(when);
        cells_.move_to(when);
      } else if (cells_.take(view, n)) {
        return {true, decision.limit, wait, {view.ring.newest, n}};
      }
    }
  }
  Reservation reserve(std::int64_t n = 1, Duration max_wait = Decision::kNever) noexcept {
    return reserve_at(Clock::now(), n, max_wait);
  }

  // As reserve_at, when the permits may be used at `deadline` or before; else nothing is taken.
  Reservation acquire_until_at(TimePoint deadline, TimePoint now, std::int64_t n = 1) noexcept {
    return reserve_at(now, n, Duration(detail::saturating_sub(to_ns(deadline), to_ns(now))));
  }
  Reservation acquire_until(TimePoint deadline, std::int64_t n = 1) noexcept {
    return acquire_until_at(deadline, Clock::now(), n);
  }

  // Gives the permits back to the sub-window that was charged. Answers how many: none when it has left the window.
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    if (charge.permits <= 0 || charge.at == 0) return 0;
    return cells_.refund(charge, rule().index(algorithm::since(epoch_, now)));
  }
  std::int64_t refund(Charge charge) noexcept { return refund_at(charge, Clock::now()); }

  // As refund_at, also before the sub-window of the reservation has begun.
  std::int64_t cancel_at(const Reservation& reservation, TimePoint now) noexcept {
    return refund_at(reservation.charge, now);
  }
  std::int64_t cancel(const Reservation& reservation) noexcept { return cancel_at(reservation, Clock::now()); }

  // What was charged turned out to cost `actual`: gives the difference back, or charges it to the sub-window in
  // progress, as far as no more than the limit and debt_cap are taken then. A charge that lies in an older sub-window
  // keeps its part there: the answer's charge then names only what was added.
  Settlement settle_at(Charge charge, std::int64_t actual, TimePoint now, std::int64_t debt_cap = 0) noexcept {
    actual = std::max<std::int64_t>(actual, 0);
    charge.permits = std::max<std::int64_t>(charge.permits, 0);
    const std::int64_t more = actual - charge.permits;
    if (more <= 0) return {.refunded = refund_at({charge.at, -more}, now), .charge = {charge.at, actual}};
    const Duration elapsed = algorithm::since(epoch_, now);
    for (Attempts attempts;; attempts.again()) {
      const View view = cells_.look();
      const std::uint64_t at = std::max(view.ring.newest, rule().index(elapsed));
      const std::int64_t most =
          std::min(detail::saturating_add(limit(), std::max<std::int64_t>(debt_cap, 0)), rule().most_permits());
      const std::int64_t added = std::clamp<std::int64_t>(most - rule().taken(view.ring, elapsed), 0, more);
      if (added > 0 && at > view.ring.newest) {
        cells_.move_to(at);
      } else if (added == 0 || cells_.take(view, added)) {
        const Charge all =
            added == 0 || at == charge.at ? Charge{charge.at, charge.permits + added} : Charge{at, added};
        return {.charged = added, .unpaid = more - added, .charge = all};
      }
    }
  }
  Settlement settle(Charge charge, std::int64_t actual, std::int64_t debt_cap = 0) noexcept {
    return settle_at(charge, actual, Clock::now(), debt_cap);
  }

  // From here on another limit, of the same period, sub-windows and mode. kKeep leaves what was taken. The others take
  // effect in steps that each keep the new limit and are through on return; charges that they scaled down, and those
  // of the sub-window in progress, cannot be given back. Error: kInvalidArgument.
  Result<void> change_limit_at(const Config& config, LimitChange how, TimePoint now) noexcept {
    if (!rule().same_shape(config.rule())) {
      return Error{Code::kInvalidArgument, "a window keeps its period, sub-windows and mode: make a new one"};
    }
    const std::int64_t to = config.rule().limit();
    if (to > rule().most_permits()) return out_of_range("permits of this window", to, 1, rule().most_permits());
    const auto from = static_cast<std::int64_t>(detail::publish(limit_, [&](std::uint64_t seen) {
      return detail::Step<std::uint64_t>{static_cast<std::uint64_t>(to), seen};
    }));
    if (how != LimitChange::kKeep) rescale(from, to, how, algorithm::since(epoch_, now));
    return {};
  }
  Result<void> change_limit(const Config& config, LimitChange how) noexcept {
    return change_limit_at(config, how, Clock::now());
  }

 private:
  using View = typename detail::WindowCells<Cell>::View;
  using Attempts = detail::Attempts<Cell>;

  const algorithm::Window& rule() const noexcept { return cells_.rule(); }
  // Relaxed: an admission by the limit of a moment ago is one that came before the change.
  std::int64_t limit() const noexcept { return static_cast<std::int64_t>(limit_.load(std::memory_order_relaxed)); }

  Decision acquire(Duration elapsed, std::int64_t n) noexcept {
    for (Attempts attempts;; attempts.again()) {
      const View view = cells_.look();
      const Decision decision = judge(view, elapsed, n);
      const std::uint64_t index = std::max(rule().index(elapsed), view.ring.newest);
      if (!decision.allowed) return decision;
      if (index > view.ring.newest) {
        cells_.move_to(index);
      } else if (cells_.take(view, n)) {
        return rule().charged(decision, index, elapsed, n);
      }
    }
  }

  Decision judge(const View& view, Duration elapsed, std::int64_t n) const noexcept {
    const Duration begin = rule().start(std::max<std::uint64_t>(view.ring.newest, 1));
    if (!view.booked || elapsed >= begin) return rule().peek(view.ring, elapsed, n, limit());
    // Booked ahead of time: nothing is free before it begins.
    Decision decision = rule().peek(view.ring, begin, n, limit());
    const Duration early = begin - elapsed;
    decision.remaining = 0;
    decision.allowed = n <= 0;
    if (!decision.never() && n > 0) decision.retry_after += early;
    decision.reset_after += early;
    return decision;
  }

  // What is left becomes the same share of the new limit, or all of it; debts stay.
  void rescale(std::int64_t from, std::int64_t to, LimitChange how, Duration elapsed) noexcept {
    cells_.move_to(rule().index(elapsed));
    const View view = cells_.look();
    const std::int64_t taken = view.ring.total;
    const std::int64_t left = from - taken;
    const std::int64_t kept = how == LimitChange::kReset ? 0 : to - (left < 0 ? left : left * to / from);
    if (kept > taken) {
      charge_more(kept - taken);
    } else if (kept < taken) {
      scale_down(view.ring.newest, kept, taken, elapsed);
    }
    if (how == LimitChange::kReset) cells_.unbook(view.ring.newest);
  }

  void charge_more(std::int64_t n) noexcept {
    while (!cells_.take(cells_.look(), n)) {
    }
  }

  // Each sub-window up to `newest` keeps kept / taken of its permits; all together exactly `kept`, rounded up, if
  // nobody charges or refunds meanwhile.
  void scale_down(std::uint64_t newest, std::int64_t kept, std::int64_t taken, Duration elapsed) noexcept {
    cells_.close_before(newest + 1);
    std::int64_t before = 0;
    for (std::uint64_t i = newest; i != 0 && rule().in_window(i, newest); --i) {
      const auto share = [&](std::int64_t sum) {
        return static_cast<std::int64_t>(
            (algorithm::Wide{static_cast<std::uint64_t>(sum)} * static_cast<std::uint64_t>(kept) +
             static_cast<std::uint64_t>(taken) - 1) /
            static_cast<std::uint64_t>(taken));
      };
      std::int64_t was = 0;
      cells_.lower(i, rule().index(elapsed), [&](std::int64_t permits) {
        was = permits;
        return std::min(permits, share(before + permits) - share(before));
      });
      before += was;
    }
  }

  // Read by everybody, the limit written when it changes.
  TimePoint epoch_;
  Cell limit_;
  detail::WindowCells<Cell> cells_;
};

using SlidingWindow = BasicSlidingWindow<std::atomic<std::uint64_t>>;

}  // namespace seawall
