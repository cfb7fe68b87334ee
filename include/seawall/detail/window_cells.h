// SPDX-License-Identifier: MIT
//
// WindowCells: the words of a SlidingWindow and how they move together.
//
// A tally is {number of a sub-window, permits, frozen mark}, from high to low.
//
//   head_     the sub-window in progress, and base plus what was charged in it: every admission is one exchange here
//   base_     the permits of the N sub-windows before it, agreed on before the head moved to it
//   slots_    the permits of each sub-window that is over; they only fall, by refunds
//
// What counts is own + slots, where own = head - base was charged in the sub-window in progress. Slots only fall while
// the head stays where it is, so their sum, read at any time, is never too low for an exchange of that very head: a
// refund to an older sub-window is one exchange on its slot, counts at once, and cannot let too many in. The head alone
// (base + own) is a bound that spares looking at the slots.
//
// To move on: freeze the head, so that own stands still; write it to its slot; add up the slots that the new sub-window
// still counts, and agree on the sum in base_; move the head to {new, sum}. Any thread that meets a frozen head does
// all the steps; each is an exchange that only the first can win, and numbers of sub-windows only grow, so none can be
// won late. (Summing slots and then counting in one's own sub-window, without the head, admits too many in 175 of 252
// interleavings of two threads.)
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "seawall/algorithm/window.h"
#include "seawall/decision.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/step.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

template <class Cell>
class WindowCells {
 public:
  // The window at one moment. While `word` stands in the head, no more permits count than `ring` says.
  struct View {
    std::uint64_t word = 0;
    algorithm::WindowRing ring;
    bool booked = false;  // for callers whose time is before the sub-window in progress: a reservation entered it
  };
  struct Quick {
    bool done = false;
    std::int64_t permits = 0;  // that counted before
  };

  explicit WindowCells(const algorithm::Window& rule) noexcept : rule_(rule) {}

  const algorithm::Window& rule() const noexcept { return rule_; }

  // Charges n in sub-window `index` if it is the one in progress and if the head alone shows that they fit.
  Quick take_quickly(std::uint64_t index, std::int64_t n, std::int64_t limit) noexcept {
    // Relaxed: a stale value costs a look at the slots.
    if (refunded_.load(std::memory_order_relaxed) >= index) return {};
    return update(head_, [&](std::uint64_t seen) {
      const Tally head = tally(seen);
      if (head.index != index || head.frozen || n > limit - head.permits) return Step<Quick>{seen, {}};
      return Step<Quick>{word({index, head.permits + n}), {true, head.permits}};
    });
  }

  View look() noexcept {
    View view;
    for (Attempts<Cell> attempts; !look_once(view); attempts.again()) {
    }
    return view;
  }

  // Charges n to the sub-window of `view` if the head is still as it was seen.
  bool take(const View& view, std::int64_t n) noexcept {
    const Tally head = tally(view.word);
    return replace(head_, view.word, word({head.index, head.permits + n}));
  }

  // Moves the head to `index`, or to wherever another thread proposed first. Returns when the head has moved.
  void move_to(std::uint64_t index) noexcept {
    const Tally head = publish(head_, [&](std::uint64_t seen) {
      Tally t = tally(seen);
      if (t.index < index) t.frozen = true;
      return Step<Tally>{word(t), t};
    });
    if (!head.frozen) return;
    Tally base = read(base_);
    if (base.index == head.index) {
      write_slot({head.index, head.permits - base.permits});
      base = agree(base, sum_for(std::max(index, head.index + 1), head.index));
    }
    replace(head_, word(head), word(base));
  }

  // From now on the head is booked wherever it is, until time has passed `index`. Taken back only where no later
  // booking is under way.
  void book(std::uint64_t index) noexcept {
    publish(booked_, [&](std::uint64_t seen) { return Step<bool>{std::max(seen, index), true}; });
  }
  void unbook(std::uint64_t index) noexcept { replace(booked_, index, 0); }

  // Charges older than sub-window `index` cannot be given back any more.
  void close_before(std::uint64_t index) noexcept {
    publish(closed_, [&](std::uint64_t seen) { return Step<bool>{std::max(seen, index), true}; });
  }

  // Gives back to sub-window charge.at, as of sub-window `index` or later; answers how many permits.
  std::int64_t refund(const Charge& charge, std::uint64_t index) noexcept {
    return lower(charge.at, index, [&](std::int64_t permits) {
      // Acquire: a change of the limit closes sub-windows before it lowers them.
      if (charge.at < closed_.load(std::memory_order_acquire)) return permits;
      return permits - std::min(charge.permits, permits);
    });
  }

  // Lowers the permits of sub-window i to fewer(permits), wherever they stand; answers by how many.
  template <class Fewer>
  std::int64_t lower(std::uint64_t i, std::uint64_t index, Fewer&& fewer) noexcept {
    for (Attempts<Cell> attempts;; attempts.again()) {
      const Tally head = read(head_);
      if (i > head.index || !rule_.in_window(i, std::max(index, head.index))) return 0;
      if (i < head.index) return lower_slot(i, head.index, fewer);
      if (head.frozen) {
        move_to(i);
      } else if (const std::int64_t by = lower_head(i, fewer); by >= 0) {
        return by;
      }
    }
  }

 private:
  struct Tally {
    std::uint64_t index = 0;
    std::int64_t permits = 0;
    bool frozen = false;
  };

  Tally tally(std::uint64_t word) const noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << rule_.count_bits()) - 1;
    return {word >> (rule_.count_bits() + 1), static_cast<std::int64_t>((word >> 1) & mask), (word & 1) != 0};
  }
  std::uint64_t word(const Tally& t) const noexcept {
    return t.index << (rule_.count_bits() + 1) | static_cast<std::uint64_t>(t.permits) << 1 | (t.frozen ? 1u : 0u);
  }
  Tally read(const Cell& cell) const noexcept {
    // Acquire: what its writer knew of the other words is known to whoever reads this one.
    return tally(cell.load(std::memory_order_acquire));
  }

  // False: the window moved on meanwhile.
  bool look_once(View& view) noexcept {
    // Acquire: base_ and slots_ as published before this head.
    view.word = head_.load(std::memory_order_acquire);
    const Tally head = tally(view.word);
    if (head.frozen) {
      move_to(head.index);
      return false;
    }
    view.ring = {};
    view.ring.newest = head.index;
    const std::uint64_t first = head.index > rule_.sub_windows() ? head.index - rule_.sub_windows() : 1;
    std::size_t at = rule_.slot(head.index);
    const std::size_t own_at = at;
    std::uint64_t sum = 0;
    for (std::uint64_t i = head.index; i > first;) {
      at = rule_.before(at);
      const Tally slot = read(slots_[at]);
      if (slot.index != --i) continue;
      view.ring.counts[at] = static_cast<std::uint32_t>(slot.permits);
      sum += static_cast<std::uint64_t>(slot.permits);
    }
    const Tally base = read(base_);
    // Acquire: a reservation books before it moves the head.
    view.booked = booked_.load(std::memory_order_acquire) >= head.index && head.index != 0;
    // The same sub-window, not frozen: base and booking are its own, and no slot was written over meanwhile.
    const Tally now = read(head_);
    if (now.index != head.index || now.frozen || base.index != head.index) return false;
    view.ring.counts[own_at] = static_cast<std::uint32_t>(head.permits - base.permits);
    view.ring.total = static_cast<std::uint32_t>(sum) + view.ring.counts[own_at];
    return true;
  }

  void write_slot(const Tally& over) noexcept {
    publish(slots_[rule_.slot(over.index)], [&](std::uint64_t seen) {
      return Step<bool>{tally(seen).index < over.index ? word(over) : seen, true};
    });
  }

  // The permits that sub-window `next` finds already taken; `last` is the latest that is over.
  Tally sum_for(std::uint64_t next, std::uint64_t last) const noexcept {
    Tally sum{next, 0};
    std::size_t at = rule_.slot(last);
    for (std::uint64_t i = last; i != 0 && rule_.in_window(i, next); --i, at = rule_.before(at)) {
      const Tally slot = read(slots_[at]);
      if (slot.index == i) sum.permits += slot.permits;
    }
    return sum;
  }

  // The base that replaced `from`: `proposal`, or another thread's.
  Tally agree(const Tally& from, const Tally& proposal) noexcept {
    return replace(base_, word(from), word(proposal)) ? proposal : read(base_);
  }

  template <class Fewer>
  std::int64_t lower_slot(std::uint64_t i, std::uint64_t head, Fewer& fewer) noexcept {
    // Before the slot falls, so that whoever counts on quick charges looks at the slots from here on.
    publish(refunded_, [&](std::uint64_t seen) { return Step<bool>{std::max(seen, head), true}; });
    return publish(slots_[rule_.slot(i)], [&](std::uint64_t seen) {
      Tally slot = tally(seen);
      if (slot.index != i) return Step<std::int64_t>{seen, 0};
      const std::int64_t was = slot.permits;
      slot.permits = fewer(was);
      return Step<std::int64_t>{word(slot), was - slot.permits};
    });
  }

  // -1: the sub-window is no longer in progress.
  template <class Fewer>
  std::int64_t lower_head(std::uint64_t i, Fewer& fewer) noexcept {
    const Tally base = read(base_);  // of a head that was seen before; the exchange finds out if that has moved on
    return publish(head_, [&](std::uint64_t seen) {
      Tally head = tally(seen);
      if (head.frozen || head.index != i || base.index != i) return Step<std::int64_t>{seen, -1};
      const std::int64_t was = head.permits - base.permits;
      const std::int64_t by = was - fewer(was);
      head.permits -= by;
      return Step<std::int64_t>{word(head), by};
    });
  }

  // Read by everybody, written by nobody.
  algorithm::Window rule_;

  // Written by every admission.
  alignas(kCacheLine) Cell head_{0};
  // Written when a sub-window ends, by refunds to older ones and by reservations.
  alignas(kCacheLine) Cell base_{0};
  Cell refunded_{0};  // the latest sub-window during which a slot fell: its head says more than counts
  Cell closed_{0};
  Cell booked_{0};
  std::array<Cell, algorithm::WindowRing::kSlots> slots_{};
};

}  // namespace seawall::detail
