// SPDX-License-Identifier: MIT
//
// SlidingWindow: never more than `limit` permits in any trailing window of `period`, wherever the window starts.
//
// Use it for a promise ("200 a minute"); use TokenBucket to shape a rate. Strict by construction: a permit counts for
// the whole of its sub-window (period / 12), so it comes back between one period and one period and a twelfth after it
// was taken. The bound is on effective time, the later of `now` and the latest seen, in steps of a sub-window.
//
// A refund names the sub-window that was charged: to the one in progress it counts at once, to an older one from the
// next sub-window on, and it does nothing when that sub-window has left the window.
//
// Lock-free and without pointers, usable in shared memory; a thread that dies anywhere in a call stops nobody. 100
// years from the epoch. Any thread may call anything; nothing blocks or allocates; a refusal in the sub-window in
// progress writes nothing.
//
//   seawall::SlidingWindow window(seawall::SlidingWindowConfig::make({.quota = quota}).value());
//   const seawall::Decision d = window.try_acquire();
//   if (!d.allowed) return too_many_requests(d.retry_after);
//   if (!send()) window.refund(d.charge);
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "seawall/algorithm/window.h"
#include "seawall/decision.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/update.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

struct SlidingWindowOptions {
  Quota quota;                   // permits in each period; the burst must equal permits
  std::int32_t sub_windows = 0;  // 1 to 12; 0 means the most, 12 (fewer for windows of a few ns, algorithm/window.h)
};

class SlidingWindowConfig {
 public:
  // Error: kInvalidArgument, naming what is out of range.
  static constexpr Result<SlidingWindowConfig> make(const SlidingWindowOptions& options) {
    const auto rule = algorithm::Window::make(options.quota, options.sub_windows);
    if (!rule) return rule.error();
    return SlidingWindowConfig(rule.value());
  }
  static constexpr Result<SlidingWindowConfig> make(const Quota& quota) { return make(SlidingWindowOptions{quota}); }
  constexpr const algorithm::Window& rule() const noexcept { return rule_; }

 private:
  constexpr explicit SlidingWindowConfig(const algorithm::Window& rule) : rule_(rule) {}
  algorithm::Window rule_;
};

// How the words below fit together. A tally is {number of a sub-window, permits, frozen bit}, from high to low.
//
//   head_     the sub-window in progress, the permits of the whole window so far; every admission is one exchange here
//   base_     the permits of the N sub-windows before it, agreed on before the head moved to it
//   slots_    the permits of each sub-window that is over; refunds lower them
//
// To move on: freeze the head, so its total stands still; write (total - base) to the slot of its sub-window; add up
// the slots that the new sub-window still counts, and agree on the sum in base_; move the head to {new, sum}. Any
// thread that meets a frozen head does all the steps, each is an exchange that only the first can win, and sub-window
// numbers only grow, so none can be won late. (Summing slots and then counting in one's own sub-window, without the
// head, admits too many in 175 of 252 interleavings of two threads.)
template <class Cell>
class BasicSlidingWindow {
 public:
  using Config = SlidingWindowConfig;

  // Starts empty. Instants before the epoch count as the epoch.
  explicit BasicSlidingWindow(const Config& config, TimePoint epoch = Clock::now()) noexcept
      : rule_(config.rule()), epoch_(epoch) {}

  // Takes n permits or nothing. n above the limit is never() allowed; n of 0 or less takes nothing.
  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    if (n <= 0) return peek_at(now, 0);
    const Duration elapsed = algorithm::since(epoch_, now);
    const std::uint64_t index = rule_.index(elapsed);
    for (;;) {
      const Answer answer = detail::update(head_, [&](std::uint64_t word) { return admit(word, index, n); });
      if (answer.kind == Kind::kMove) {
        move_to(index);
      } else if (answer.kind == Kind::kAdmitted) {
        const Decision before{
            .allowed = true, .limit = rule_.limit(), .remaining = rule_.limit() - answer.seen.permits};
        return algorithm::seen_from(now, epoch_, rule_.charged(before, answer.seen.index, elapsed, n));
      } else if (const Decision refusal = peek_at(now, n); !refusal.allowed) {
        return refusal;
      }  // else a refund or the next sub-window came in between: ask again
    }
  }
  Decision try_acquire(std::int64_t n = 1) noexcept { return try_acquire_at(Clock::now(), n); }

  // What try_acquire_at would answer, without taking anything.
  Decision peek_at(TimePoint now, std::int64_t n = 1) noexcept {
    algorithm::WindowRing ring;
    while (!snapshot(ring)) {
    }
    return algorithm::seen_from(now, epoch_, rule_.peek(ring, algorithm::since(epoch_, now), n));
  }
  Decision peek(std::int64_t n = 1) noexcept { return peek_at(Clock::now(), n); }

  // Gives the permits back to the sub-window that was charged. Answers how many: none when it has left the window.
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    if (charge.permits <= 0) return 0;
    const std::uint64_t index = rule_.index(algorithm::since(epoch_, now));
    for (;;) {
      // Acquire: base_ and slots_ are read as they were published before this head.
      const Tally head = tally(head_.load(std::memory_order_acquire));
      if (head.frozen || head.index < index) {
        move_to(index);
      } else if (charge.at > head.index || !rule_.in_window(charge.at, head.index)) {
        return 0;
      } else if (charge.at < head.index) {
        return refund_slot(charge);
      } else if (const std::int64_t back = refund_head(charge); back >= 0) {
        return back;
      }
    }
  }
  std::int64_t refund(Charge charge) noexcept { return refund_at(charge, Clock::now()); }

 private:
  enum class Kind { kAdmitted, kRefused, kMove };
  struct Tally {
    std::uint64_t index = 0;
    std::int64_t permits = 0;
    bool frozen = false;
  };
  struct Answer {
    Kind kind;
    Tally seen;
  };

  Tally tally(std::uint64_t word) const noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << rule_.count_bits()) - 1;
    return {word >> (rule_.count_bits() + 1), static_cast<std::int64_t>((word >> 1) & mask), (word & 1) != 0};
  }
  std::uint64_t word(const Tally& t) const noexcept {
    return t.index << (rule_.count_bits() + 1) | static_cast<std::uint64_t>(t.permits) << 1 | (t.frozen ? 1u : 0u);
  }

  detail::Step<Answer> admit(std::uint64_t seen, std::uint64_t index, std::int64_t n) const noexcept {
    const Tally head = tally(seen);
    if (head.frozen || head.index < index) return {seen, {Kind::kMove, head}};
    if (n > rule_.limit() - head.permits) return {seen, {Kind::kRefused, head}};
    return {word({head.index, head.permits + n, false}), {Kind::kAdmitted, head}};
  }

  // Moves the head to `index`, or to wherever another thread proposed first. Returns when the head has moved.
  void move_to(std::uint64_t index) noexcept {
    const Tally head = detail::publish(head_, [&](std::uint64_t seen) {
      Tally t = tally(seen);
      if (t.index < index) t.frozen = true;
      return detail::Step<Tally>{word(t), t};
    });
    if (!head.frozen) return;
    // Acquire: with the sum comes the slot it counts.
    Tally base = tally(base_.load(std::memory_order_acquire));
    if (base.index == head.index) {
      write_slot({head.index, head.permits - base.permits});
      base = agree(base, sum_for(std::max(index, head.index + 1), head.index));
    }
    detail::publish(head_, [&](std::uint64_t seen) {
      return detail::Step<bool>{seen == word(head) ? word(base) : seen, true};
    });
  }

  void write_slot(const Tally& over) noexcept {
    detail::publish(slots_[rule_.slot(over.index)], [&](std::uint64_t seen) {
      return detail::Step<bool>{tally(seen).index < over.index ? word(over) : seen, true};
    });
  }

  // The permits that sub-window `next` finds already taken; `last` is the latest that is over.
  Tally sum_for(std::uint64_t next, std::uint64_t last) const noexcept {
    Tally sum{next, 0};
    for (std::uint64_t i = last; i != 0 && rule_.in_window(i, next); --i) {
      // Acquire, as all reads of slots: a refund seen here is seen with what led to it.
      const Tally slot = tally(slots_[rule_.slot(i)].load(std::memory_order_acquire));
      if (slot.index == i) sum.permits += slot.permits;
    }
    return sum;
  }

  Tally agree(const Tally& from, const Tally& proposal) noexcept {
    return detail::publish(base_, [&](std::uint64_t seen) {
      const std::uint64_t next = seen == word(from) ? word(proposal) : seen;
      return detail::Step<Tally>{next, tally(next)};
    });
  }

  std::int64_t refund_slot(const Charge& charge) noexcept {
    return detail::publish(slots_[rule_.slot(charge.at)], [&](std::uint64_t seen) {
      Tally slot = tally(seen);
      if (slot.index != charge.at) return detail::Step<std::int64_t>{seen, 0};
      const std::int64_t back = std::min(charge.permits, slot.permits);
      slot.permits -= back;
      return detail::Step<std::int64_t>{word(slot), back};
    });
  }

  // -1: the sub-window is no longer in progress.
  std::int64_t refund_head(const Charge& charge) noexcept {
    // Acquire: belongs to a head that was seen before; if the head has moved on, the exchange below finds out.
    const Tally base = tally(base_.load(std::memory_order_acquire));
    return detail::publish(head_, [&](std::uint64_t seen) {
      Tally head = tally(seen);
      if (head.frozen || head.index != charge.at || base.index != charge.at)
        return detail::Step<std::int64_t>{seen, -1};
      const std::int64_t back = std::min(charge.permits, head.permits - base.permits);
      head.permits -= back;
      return detail::Step<std::int64_t>{word(head), back};
    });
  }

  // The window as one thread would hold it. False: it moved on meanwhile, try again.
  bool snapshot(algorithm::WindowRing& ring) noexcept {
    // Acquire: base_ and slots_ as published before this head.
    const Tally head = tally(head_.load(std::memory_order_acquire));
    if (head.frozen) {
      move_to(head.index);
      return false;
    }
    const Tally base = tally(base_.load(std::memory_order_acquire));  // acquire: as above
    ring = {};
    ring.newest = head.index;
    ring.total = static_cast<std::uint32_t>(head.permits);
    for (std::uint64_t i = head.index; i-- > 1 && rule_.in_window(i, head.index);) {
      // Acquire: keeps the second look at the head below after this one.
      const Tally slot = tally(slots_[rule_.slot(i)].load(std::memory_order_acquire));
      if (slot.index == i) ring.counts[rule_.slot(i)] = static_cast<std::uint32_t>(slot.permits);
    }
    ring.counts[rule_.slot(head.index)] = static_cast<std::uint32_t>(head.permits - base.permits);
    // Acquire: the last read of the snapshot. Same sub-window, not frozen: base and slots did not move in between.
    const Tally now = tally(head_.load(std::memory_order_acquire));
    return now.index == head.index && !now.frozen && base.index == head.index;
  }

  // Read by everybody, written by nobody.
  algorithm::Window rule_;
  TimePoint epoch_;

  // Written by every admission.
  alignas(detail::kCacheLine) Cell head_{0};
  // Written when a sub-window ends, and by refunds.
  alignas(detail::kCacheLine) Cell base_{0};
  std::array<Cell, algorithm::WindowRing::kSlots> slots_{};
};

using SlidingWindow = BasicSlidingWindow<std::atomic<std::uint64_t>>;

}  // namespace seawall
