// SPDX-License-Identifier: MIT
//
// The strict sliding window: time is cut into sub-windows, N to a window, and the N + 1 sub-windows that a trailing
// window can touch count in full. So no window, wherever it starts, holds more than the limit; the price is that a
// permit comes back up to W / N late. (Weighing the oldest sub-window by its overlap, as is usual, lets 1999 of 1000
// pass in one window, whatever N is.)
//
// Sub-windows are numbered from 1 at the epoch; sub-window i starts at ceil((i - 1) * W / N) ns, by exact scaling, so a
// W that N does not divide drifts nowhere.
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

// The counts of one window, for whoever holds it alone: one cache line. All zero is a window never used.
struct WindowRing {
  static constexpr std::size_t kSlots = 13;

  std::uint64_t newest = 0;                    // the latest sub-window seen: never moves back
  std::uint32_t total = 0;                     // permits that count while `newest` is in progress
  std::array<std::uint32_t, kSlots> counts{};  // of sub-window i at [i % slots], for newest - N <= i <= newest

  friend constexpr bool operator==(const WindowRing&, const WindowRing&) = default;
};

class Window {
 public:
  using State = WindowRing;
  static constexpr std::int32_t kMaxSubWindows = WindowRing::kSlots - 1;

  // sub_windows 0 means the most that is possible: 12, fewer only for windows so short that 100 years of them would not
  // fit the head word. The head word keeps count_bits() for the total, one for the frozen mark and the rest for the
  // number of the sub-window. Errors: kInvalidArgument for sub_windows out of range, and for a burst other than
  // permits.
  static constexpr Result<Window> make(const Quota& quota, std::int32_t sub_windows = 0) {
    if (quota.burst() != quota.permits()) {
      return Error{Code::kInvalidArgument, "a sliding window has no burst of its own: burst must equal permits"};
    }
    const std::int32_t most = most_sub_windows(quota);
    if (sub_windows < 0 || sub_windows > most) return out_of_range("sub_windows", sub_windows, 0, most);
    return Window(quota, static_cast<std::uint64_t>(sub_windows == 0 ? most : sub_windows));
  }

  constexpr Decision acquire(State& ring, Duration elapsed, std::int64_t n) const noexcept {
    Decision decision = peek(ring, elapsed, n);
    if (!decision.allowed || n <= 0) return decision;
    advance(ring, std::max(index(elapsed), ring.newest));
    count_of(ring, ring.newest) += static_cast<std::uint32_t>(n);
    ring.total += static_cast<std::uint32_t>(n);
    return charged(decision, ring.newest, elapsed, n);
  }

  constexpr Decision peek(const State& ring, Duration elapsed, std::int64_t n) const noexcept {
    const std::uint64_t now = std::max(index(elapsed), ring.newest);
    const std::uint64_t total = now == ring.newest ? ring.total : live(ring, now);
    Decision decision{.limit = limit_, .remaining = limit_ - static_cast<std::int64_t>(total)};
    decision.reset_after = std::max(Duration(0), idle_at(ring) - elapsed);
    decision.allowed = n <= decision.remaining;
    if (n > limit_) {
      decision.retry_after = Decision::kNever;
    } else if (!decision.allowed) {
      decision.retry_after = room_at(ring, now + 1, n) - elapsed;
    }
    return decision;
  }

  // Gives the permits back to the sub-window that was charged and answers how many: none once it has left the window.
  constexpr std::int64_t refund(State& ring, Duration elapsed, Charge charge) const noexcept {
    if (charge.permits <= 0 || charge.at > ring.newest) return 0;
    if (!in_window(charge.at, std::max(index(elapsed), ring.newest))) return 0;
    std::uint32_t& count = count_of(ring, charge.at);
    const auto back = static_cast<std::uint32_t>(std::min<std::int64_t>(charge.permits, count));
    count -= back;
    ring.total -= back;
    return back;
  }

  // From here on the state says no more than a fresh one.
  constexpr Duration idle_at(const State& ring) const noexcept {
    for (std::uint64_t i = ring.newest; i != 0 && ring.newest - i <= sub_windows_; --i) {
      if (count_of(ring, i) != 0) return start(i + sub_windows_ + 1);
    }
    return Duration(0);
  }

  // What an admission of n in sub-window i adds to the decision that allowed it.
  constexpr Decision charged(Decision decision, std::uint64_t i, Duration elapsed, std::int64_t n) const noexcept {
    decision.remaining -= n;
    decision.reset_after = start(i + sub_windows_ + 1) - elapsed;
    decision.charge = {i, n};
    return decision;
  }

  constexpr std::int64_t limit() const noexcept { return limit_; }
  constexpr std::uint64_t sub_windows() const noexcept { return sub_windows_; }
  constexpr int count_bits() const noexcept { return bits(limit_); }

  constexpr std::uint64_t index(Duration elapsed) const noexcept {
    return index_.floor(static_cast<std::uint64_t>(elapsed.count())) + 1;
  }
  constexpr Duration start(std::uint64_t i) const noexcept {
    return Duration(static_cast<std::int64_t>(start_.ceil(i - 1)));
  }
  // Sub-window i still counts while sub-window now is in progress.
  constexpr bool in_window(std::uint64_t i, std::uint64_t now) const noexcept {
    return i >= now || now - i <= sub_windows_;
  }
  constexpr std::size_t slot(std::uint64_t i) const noexcept { return i % (sub_windows_ + 1); }

 private:
  constexpr Window(const Quota& quota, std::uint64_t sub_windows) noexcept
      : limit_(quota.permits()),
        sub_windows_(sub_windows),
        index_(sub_windows, static_cast<std::uint64_t>(quota.period().count())),
        start_(static_cast<std::uint64_t>(quota.period().count()), sub_windows) {}

  static constexpr int bits(std::int64_t limit) noexcept {
    return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(limit)));
  }

  static constexpr std::int32_t most_sub_windows(const Quota& quota) noexcept {
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    const std::uint64_t room = (std::uint64_t{1} << (63 - bits(quota.permits()))) - 2 * WindowRing::kSlots;
    auto n = static_cast<std::uint64_t>(kMaxSubWindows);
    while (n > 1 && (n > period || Wide{static_cast<std::uint64_t>(kHorizon.count())} * n / period > room)) --n;
    return static_cast<std::int32_t>(n);
  }

  constexpr void advance(State& ring, std::uint64_t to) const noexcept {
    const std::uint64_t steps = std::min(to - ring.newest, sub_windows_ + 1);
    for (std::uint64_t i = 0; i < steps; ++i) count_of(ring, to - i) = 0;
    if (steps != 0) {
      ring.newest = to;
      ring.total = static_cast<std::uint32_t>(live(ring, to));
    }
  }

  // The permits of `ring` that still count while sub-window `now` is in progress.
  constexpr std::uint64_t live(const State& ring, std::uint64_t now) const noexcept {
    std::uint64_t sum = 0;
    std::size_t at = slot(ring.newest);
    for (std::uint64_t i = ring.newest; i != 0 && in_window(i, now) && ring.newest - i <= sub_windows_; --i) {
      sum += ring.counts[at];
      at = at == 0 ? sub_windows_ : at - 1;
    }
    return sum;
  }

  // The start of the first sub-window from `i` on in which n permits fit.
  constexpr Duration room_at(const State& ring, std::uint64_t i, std::int64_t n) const noexcept {
    auto sum = static_cast<std::int64_t>(live(ring, i));
    while (sum + n > limit_) {
      if (i > sub_windows_) sum -= count_of(ring, i - sub_windows_);  // leaves when i ends
      ++i;
    }
    return start(i);
  }

  constexpr std::uint32_t& count_of(State& ring, std::uint64_t i) const noexcept { return ring.counts[slot(i)]; }
  constexpr std::uint32_t count_of(const State& ring, std::uint64_t i) const noexcept { return ring.counts[slot(i)]; }

  std::int64_t limit_;
  std::uint64_t sub_windows_;
  Ratio index_;  // nanoseconds to sub-windows
  Ratio start_;  // sub-windows to nanoseconds
};

static_assert(sizeof(WindowRing) == 64);

}  // namespace seawall::algorithm
