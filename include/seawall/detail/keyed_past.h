// SPDX-License-Identifier: MIT
//
// KeyedPast: the line beside a slot of a keyed window, with what the sub-windows before the one in progress hold.
// keyed_window_line.h says how it goes with the slot's word, the head.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "seawall/decision.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

// Rule: algorithm::KeyedWindow.
template <class Cell, class Rule>
class alignas(kCacheLine) KeyedPast {
 public:
  using Count = typename Rule::Count;
  using Ring = typename Rule::Ring;

  // Settles the past of a frozen head and answers what the head moves to.
  Count settle(const Rule& rule, const Count& head, std::uint64_t now) noexcept {
    // Acquire: with the sum comes the slot it counts.
    Count base = rule.count(base_.load(std::memory_order_acquire));
    if (base.index < head.index) base = agree(rule, base, {head.index, 0});
    if (base.index != head.index) return base;
    const Count over{head.index, head.permits - base.permits};
    publish(slots_[rule.window().slot(over.index)], [&](std::uint64_t seen) {
      return Step<bool>{rule.count(seen).index < over.index ? rule.word(over) : seen, true};
    });
    return agree(rule, base, sum_for(rule, std::max(now, head.index + 1), head.index));
  }

  // The permits that sub-window `next` finds taken; `last` is the latest that is over.
  Count sum_for(const Rule& rule, std::uint64_t next, std::uint64_t last) const noexcept {
    Count sum{next, 0};
    for (std::uint64_t i = last; i != 0 && rule.window().in_window(i, next); --i) sum.permits += taken(rule, i);
    return sum;
  }
  std::int64_t taken(const Rule& rule, std::uint64_t index) const noexcept {
    // Acquire: a refund seen here is seen with what led to it.
    const Count slot = rule.count(slots_[rule.window().slot(index)].load(std::memory_order_acquire));
    return slot.index == index ? slot.permits : 0;
  }

  Count agree(const Rule& rule, const Count& from, const Count& proposal) noexcept {
    return publish(base_, [&](std::uint64_t seen) {
      const std::uint64_t next = seen == rule.word(from) ? rule.word(proposal) : seen;
      return Step<Count>{next, rule.count(next)};
    });
  }

  // What the head found taken when it came to its sub-window. Only the word that was read before, still unchanged, says
  // that this base is its own.
  std::int64_t found_taken(const Rule& rule, const Count& head) const noexcept {
    const Count base = rule.count(base_.load(std::memory_order_acquire));  // acquire: as in settle
    return base.index == head.index ? base.permits : 0;
  }

  // The permits that count, while the word of `head` stands: never too few, since slots only fall until it moves.
  Ring ring(const Rule& rule, const Count& head) const noexcept {
    const auto& window = rule.window();
    Ring all;
    all.newest = head.index;
    const auto put = [&](std::uint64_t i, std::int64_t permits) {
      all.counts[window.slot(i)] = static_cast<std::uint32_t>(permits);
      all.total += all.counts[window.slot(i)];
    };
    for (std::uint64_t i = head.index; i-- > 1 && window.in_window(i, head.index);) put(i, taken(rule, i));
    put(head.index, head.permits - found_taken(rule, head));
    return all;
  }

  // The base's sub-window after it was raised to the mark of the turn at least. All who bring a key in in this turn
  // raise it to the same mark, so it stands still until one of them succeeded.
  std::uint64_t seal(const Rule& rule, std::uint64_t mark) noexcept {
    return publish(base_, [&](std::uint64_t seen) {
      const std::uint64_t next = rule.count(seen).index < mark ? rule.word({mark, 0}) : seen;
      return Step<std::uint64_t>{next, rule.count(next).index};
    });
  }

  // Sub-windows have numbers that never come back, so this one is found or is not.
  std::int64_t refund(const Rule& rule, const Charge& charge) noexcept {
    return publish(slots_[rule.window().slot(charge.at)], [&](std::uint64_t seen) {
      Count slot = rule.count(seen);
      if (slot.index != charge.at) return Step<std::int64_t>{seen, 0};
      const std::int64_t back = std::min(charge.permits, slot.permits);
      slot.permits -= back;
      return Step<std::int64_t>{rule.word(slot), back};
    });
  }

 private:
  Cell base_{0};
  std::array<Cell, Rule::kSubWindows + 1> slots_{};
};

}  // namespace seawall::detail
