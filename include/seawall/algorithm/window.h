// SPDX-License-Identifier: MIT
//
// The sliding window: time is cut into sub-windows, N to a window, and the N + 1 sub-windows that a trailing window can
// touch are added up.
//
// Strict: all of them count in full. So no window, wherever it starts, holds more than the limit L; the price is that a
// permit comes back up to W / N late. Estimate: the oldest counts by its overlap with the window that ends now, as is
// usual elsewhere. A permit comes back gradually, and an adversary gets 2 L - 1 into one window, whatever N is; not
// more, since those between count in full, and the oldest as at least one.
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

namespace seawall {

// What the oldest sub-window counts that a trailing window touches: all of it, or the part that it touches.
enum class WindowMode : std::int32_t { kStrict = 0, kEstimate = 1 };

}  // namespace seawall

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

  // sub_windows 0 means the most that is possible: 12, fewer only where 30 years of them would not fit the head word
  // of a SlidingWindow: number of the sub-window, count_bits() of permits, one mark. Errors: kInvalidArgument for
  // sub_windows out of range, and for a burst other than permits.
  static constexpr Result<Window> make(const Quota& quota, std::int32_t sub_windows = 0,
                                       WindowMode mode = WindowMode::kStrict) {
    if (quota.burst() != quota.permits()) {
      return Error{Code::kInvalidArgument, "a sliding window has no burst of its own: burst must equal permits"};
    }
    const std::int32_t most = most_sub_windows(quota);
    if (sub_windows < 0 || sub_windows > most) return out_of_range("sub_windows", sub_windows, 0, most);
    return Window(quota, static_cast<std::uint64_t>(sub_windows == 0 ? most : sub_windows), mode);
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
    return peek(ring, elapsed, n, limit_);
  }
  // As of a limit that was changed at run time.
  constexpr Decision peek(const State& ring, Duration elapsed, std::int64_t n, std::int64_t limit) const noexcept {
    const std::uint64_t now = std::max(index(elapsed), ring.newest);
    const std::int64_t total = taken(ring, elapsed);
    Decision decision{.limit = limit, .remaining = std::max<std::int64_t>(0, limit - total)};
    decision.reset_after = std::max(Duration(0), between(elapsed, idle_at(ring)));
    decision.allowed = n <= decision.remaining;
    if (n > limit) {
      decision.retry_after = Decision::kNever;
    } else if (!decision.allowed) {
      decision.retry_after = between(elapsed, room_at(ring, now, elapsed, limit - n));
    }
    return decision;
  }

  // The permits that count at `elapsed`, by the mode.
  constexpr std::int64_t taken(const State& ring, Duration elapsed) const noexcept {
    const std::uint64_t now = std::max(index(elapsed), ring.newest);
    const std::int64_t all = now == ring.newest ? ring.total : live(ring, now);
    return estimates() ? all - forgiven(oldest(ring, now), now, elapsed) : all;
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
    std::size_t at = slot(ring.newest);
    for (std::uint64_t i = ring.newest; i != 0 && ring.newest - i <= sub_windows_; --i, at = before(at)) {
      if (ring.counts[at] != 0) return start(i + sub_windows_ + 1);
    }
    return Duration(0);
  }

  // What an admission of n in sub-window i adds to the decision that allowed it.
  constexpr Decision charged(Decision decision, std::uint64_t i, Duration elapsed, std::int64_t n) const noexcept {
    decision.remaining -= n;
    decision.reset_after = between(elapsed, start(i + sub_windows_ + 1));
    decision.charge = {i, n};
    return decision;
  }

  constexpr std::int64_t limit() const noexcept { return limit_; }
  constexpr std::uint64_t sub_windows() const noexcept { return sub_windows_; }
  constexpr bool estimates() const noexcept { return mode_ == WindowMode::kEstimate; }
  constexpr int count_bits() const noexcept { return count_bits_; }
  // The largest limit, debts included, that the head word has room for: it may count a limit twice.
  constexpr std::int64_t most_permits() const noexcept { return ((std::int64_t{1} << count_bits_) - 1) / 2; }
  // Whether states of the one mean the same to the other, the limit apart.
  constexpr bool same_shape(const Window& other) const noexcept {
    return period_ == other.period_ && sub_windows_ == other.sub_windows_ && mode_ == other.mode_;
  }

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
  constexpr std::size_t slot(std::uint64_t i) const noexcept {
    return static_cast<std::size_t>(i - round_.floor(i) * (sub_windows_ + 1));  // i % (sub_windows + 1)
  }
  // The slot of the sub-window before the one in slot `at`.
  constexpr std::size_t before(std::size_t at) const noexcept { return at == 0 ? sub_windows_ : at - 1; }

 private:
  constexpr Window(const Quota& quota, std::uint64_t sub_windows, WindowMode mode) noexcept
      : limit_(quota.permits()),
        period_(quota.period()),
        sub_windows_(sub_windows),
        mode_(mode),
        count_bits_(std::clamp(63 - number_bits(quota, sub_windows), bits(quota), kMostCountBits)),
        index_(sub_windows, static_cast<std::uint64_t>(quota.period().count())),
        start_(static_cast<std::uint64_t>(quota.period().count()), sub_windows),
        round_(1, sub_windows + 1) {}

  static constexpr int kMostCountBits = 31;  // a limit is at most 10^9

  // For a limit of permits, counted twice.
  static constexpr int bits(const Quota& quota) noexcept {
    return static_cast<int>(std::bit_width(2 * static_cast<std::uint64_t>(quota.permits())));
  }
  // For the numbers of the sub-windows of 30 years.
  static constexpr int number_bits(const Quota& quota, std::uint64_t sub_windows) noexcept {
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    const Wide last = Wide{static_cast<std::uint64_t>(kHorizon.count())} * sub_windows / period;
    return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(last) + 2 * WindowRing::kSlots));
  }

  static constexpr std::int32_t most_sub_windows(const Quota& quota) noexcept {
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    auto n = static_cast<std::uint64_t>(kMaxSubWindows);
    while (n > 1 && (n > period || number_bits(quota, n) + bits(quota) > 63)) --n;
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

  // The permits of `ring` that still count, in full, while sub-window `now` is in progress.
  constexpr std::int64_t live(const State& ring, std::uint64_t now) const noexcept {
    std::int64_t sum = 0;
    std::size_t at = slot(ring.newest);
    for (std::uint64_t i = ring.newest; i != 0 && in_window(i, now) && ring.newest - i <= sub_windows_; --i) {
      sum += ring.counts[at];
      at = before(at);
    }
    return sum;
  }

  // The permits of the sub-window that leaves when `now` ends.
  constexpr std::int64_t oldest(const State& ring, std::uint64_t now) const noexcept {
    if (now <= sub_windows_ || now - sub_windows_ > ring.newest) return 0;
    return ring.counts[slot(now - sub_windows_)];
  }

  // What of the oldest sub-window's permits lies before the window that ends now.
  constexpr std::int64_t forgiven(std::int64_t permits, std::uint64_t now, Duration elapsed) const noexcept {
    const Duration into = std::min(elapsed - start(now), length(now));
    if (permits == 0 || into <= Duration(0)) return 0;
    return static_cast<std::int64_t>(wide(permits) * wide(into.count()) / wide(length(now).count()));
  }

  // The first instant after `elapsed`, in sub-window i or later, at which no more than `room` permits count.
  constexpr Duration room_at(const State& ring, std::uint64_t i, Duration elapsed, std::int64_t room) const noexcept {
    std::int64_t sum = live(ring, i);
    for (;; ++i) {
      const std::int64_t leaving = oldest(ring, i);
      if (sum <= room) return std::max(elapsed, start(i));
      if (estimates() && sum - leaving < room + 1) {
        const auto into = (wide(sum - room) * wide(length(i).count()) + wide(leaving) - 1) / wide(leaving);
        if (into < wide(length(i).count())) return start(i) + Duration(static_cast<std::int64_t>(into));
      }
      sum -= leaving;
    }
  }

  constexpr Duration length(std::uint64_t i) const noexcept { return start(i + 1) - start(i); }
  static constexpr Wide wide(std::int64_t x) noexcept { return Wide{static_cast<std::uint64_t>(x)}; }

  constexpr std::uint32_t& count_of(State& ring, std::uint64_t i) const noexcept { return ring.counts[slot(i)]; }

  std::int64_t limit_;
  Duration period_;
  std::uint64_t sub_windows_;
  WindowMode mode_;
  int count_bits_;
  Ratio index_;  // nanoseconds to sub-windows
  Ratio start_;  // sub-windows to nanoseconds
  Ratio round_;  // sub-windows to rounds of the ring
};

static_assert(sizeof(WindowRing) == 64);

}  // namespace seawall::algorithm
