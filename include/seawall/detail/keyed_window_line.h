// SPDX-License-Identifier: MIT
//
// The verbs of a strict sliding window on the keys of one line (keyed_line.h). The slot's word is the head of the key's
// window and decides; beside each slot is a line with the sub-windows that are over:
//
//   base     the permits that the sub-window in progress found taken, agreed on before the head moved to it; of an
//            older sub-window than the head's: none, the key came in with this one
//   slots    the permits of each sub-window that is over; refunds lower them
//
// To move on: freeze the head, so that its total stands still; write (total - base) to the slot of its sub-window; add
// up the slots that the new sub-window still counts and agree on the sum in base; move the head. Each step is one
// exchange that only the first can win, and numbers of sub-windows only grow, whoever's they are, so who slept loses
// every one, and who is killed is overtaken.
//
// A key that takes over a slot first seals the base: raises it to the mark of its turn. The key before was idle at that
// mark, so its head's number is lower; whoever still moves that one on agrees on a base from that number and fails.
//
// Overflow: a word {sub-window of the last admission, permits}, in which nothing comes back before all does, a period
// after the last admission. Else as in keyed_bucket_line.h.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/keyed_window.h"
#include "seawall/decision.h"
#include "seawall/detail/keyed_line.h"
#include "seawall/detail/keyed_past.h"
#include "seawall/detail/keyed_shared.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

template <class Cell, std::size_t kSlots = 7>
class KeyedWindowLine {
 public:
  using Rule = algorithm::KeyedWindow;
  using Count = algorithm::KeyedCountOf;
  using Moment = algorithm::KeyedMoment;
  using Overflow = Cell;
  using Shared = KeyedShared<Rule, Overflow>;
  static constexpr std::size_t kPlaces = kSlots;
  static constexpr std::uint64_t kKind = 2;  // in headers and snapshots

  // As acquire() where the key is there and nobody is faster. False: nothing was taken, ask acquire().
  [[gnu::always_inline]] bool acquire_met(const Rule& rule, std::uint64_t tag, const Moment& now, std::int64_t n,
                                          Decision& answer) noexcept {
    return line_.met(rule, tag, now.ticks, Judge{rule, past_, now, n, n > 0, answer});
  }
  void acquire(const Shared& shared, std::uint64_t tag, const Moment& now, std::int64_t n, Decision& answer) noexcept {
    line_.decide(shared.rule, tag, now.ticks, Ask{{shared.rule, past_, now, n, n > 0, answer}, shared});
  }
  void peek(const Shared& shared, std::uint64_t tag, const Moment& now, std::int64_t n, Decision& answer) noexcept {
    line_.decide(shared.rule, tag, now.ticks, Ask{{shared.rule, past_, now, n, false, answer}, shared});
  }
  std::int64_t refund(const Shared& shared, std::uint64_t tag, Duration elapsed, Charge charge) noexcept {
    const std::uint64_t now = shared.rule.ticks(elapsed);
    if ((charge.at & kOverflowCharge) != 0) return refund_overflow(shared, now, charge);
    if (charge.permits <= 0) return 0;
    std::int64_t back = 0;
    line_.decide(shared.rule, tag, now, Refund{shared.rule, past_, now, charge, back});
    return back;
  }

  // each(tag, end, mark) for all keys, idle or not.
  template <class Each>
  void for_each(const Rule& rule, Each&& each) const noexcept {
    line_.for_each(rule.code(), [&](std::uint64_t word, std::uint64_t mark) {
      each(rule.code().tag(word), rule.busy_until(word, mark), mark);
    });
  }
  // each(tag, state) for the keys whose state says more than a fresh one; the state is the permits taken.
  template <class Each>
  void for_each_active(const Rule& rule, Duration elapsed, Each&& each) const noexcept {
    const std::uint64_t now = rule.ticks(elapsed);
    line_.for_each(rule.code(), [&](std::uint64_t word, std::uint64_t mark) {
      const auto permits = static_cast<std::uint64_t>(std::min(rule.head(word, mark).permits, rule.burst()));
      if (rule.busy_until(word, mark) > now && permits > 0) each(rule.code().tag(word), permits);
    });
  }

  // Nobody else may use the line. All permits count as taken now. False: the key has a place already, or there is none.
  bool restore(const Rule& rule, Duration elapsed, std::uint64_t tag, std::uint64_t state) noexcept {
    const Count head{rule.ticks(elapsed), static_cast<std::int64_t>(state)};
    return line_.put(rule, tag, rule.value(head), head.index);
  }
  static std::uint64_t saved(const Rule& rule, Duration elapsed, const Overflow& overflow) noexcept {
    const Count count = rule.count(overflow.load(std::memory_order_relaxed));  // relaxed: one word
    return rule.window().in_window(count.index, rule.ticks(elapsed)) ? static_cast<std::uint64_t>(count.permits) : 0;
  }
  static void restore(const Rule& rule, Duration elapsed, Overflow& overflow, std::uint64_t state) noexcept {
    const Count count{rule.ticks(elapsed), static_cast<std::int64_t>(state)};
    overflow.store(rule.word(count), std::memory_order_relaxed);  // relaxed: nobody else is here
  }
  static std::uint64_t aged(const Rule& rule, std::uint64_t state, Duration passed) noexcept {
    return passed >= rule.at(rule.window().sub_windows() + 2) ? 0 : state;
  }
  static bool is_state(const Rule& rule, std::uint64_t state) noexcept {
    return state <= static_cast<std::uint64_t>(rule.burst());
  }

 private:
  using Past = KeyedPast<Cell, Rule>;
  using Pasts = std::array<Past, kSlots>;

  // ---- what happens to a key -------------------------------------------------------------------------------------

  // One step towards a head that is in sub-window `now` or later: freezes or moves it. Answers the same word when no
  // step leads there: when what lies beside is further ahead than a head can be read. A word moves less than that
  // between two sweeps, so no verb has written this.
  static std::uint64_t moved(const Rule& rule, Past& past, std::uint64_t word, Count head, std::uint64_t now) noexcept {
    head.frozen = !head.frozen;
    if (head.frozen) return rule.with(word, head);
    const Count next = past.settle(rule, head, now);
    if (next.index > head.index && next.index - head.index >= rule.code().reach()) return word;
    return rule.with(word, next);
  }

  // Of a key that is there.
  struct Judge {
    const Rule& rule;
    Pasts& pasts;
    Moment now;
    std::int64_t n;
    bool take;
    Decision& answer;

    KeyedStep hit(std::size_t slot, std::uint64_t word, std::uint64_t mark) const noexcept {
      const Count head = rule.head(word, mark);
      if (head.frozen || (take && head.index < now.ticks)) {
        const std::uint64_t next = moved(rule, pasts[slot], word, head, now.ticks);
        if (next == word) refuse_or_peek({now.ticks, rule.burst()});  // as if it had taken all, now
        return {next, /*answered=*/next == word};
      }
      if (!take || n > rule.burst() - head.permits) {
        // The head does not know of refunds to sub-windows that are over; what lies beside it does.
        answer = rule.window().peek(pasts[slot].ring(rule, head), now.elapsed, n);
        if (!take || !answer.allowed) return {word};
        answer = rule.window().charged(answer, head.index, now.elapsed, n);
      } else {
        admit(head);
      }
      return {rule.with(word, {head.index, head.permits + n})};
    }

    // A key that has this head and no past.
    void refuse_or_peek(const Count& head) const noexcept {
      algorithm::WindowRing ring;
      ring.newest = head.permits == 0 ? 0 : head.index;
      ring.total = static_cast<std::uint32_t>(head.permits);
      ring.counts[rule.window().slot(ring.newest)] = ring.total;
      answer = rule.window().peek(ring, now.elapsed, n);
    }
    void admit(const Count& head) const noexcept {
      const Decision before{.allowed = true, .limit = rule.burst(), .remaining = rule.burst() - head.permits};
      answer = rule.window().charged(before, head.index, now.elapsed, n);
    }
  };

  struct Ask : Judge {
    using Judge::admit, Judge::answer, Judge::n, Judge::now, Judge::pasts, Judge::refuse_or_peek, Judge::rule,
        Judge::take;
    Shared shared;

    KeyedEntry fresh(std::size_t place, std::uint64_t start, std::uint64_t mark) const noexcept {
      Count taken{start, 0};
      if (shared.when_full == WhenFull::kOverflow) {
        // Acquire: belongs after the control word that was read before.
        const Count overflow = rule.count(shared.overflow.load(std::memory_order_acquire));
        if (rule.window().in_window(overflow.index, start)) taken = overflow;
      }
      // A key has no past when it comes in: what the overflow admitted before counts as taken now.
      Count head{std::max(start, taken.index), taken.permits};
      if (rule.code().late(head.index, start)) {
        refuse_or_peek({head.index, rule.burst()});
        return {false};
      }
      if (place != kSlots) head.index = std::max(head.index, pasts[place].seal(rule, mark));
      if (!take || n > rule.burst() - head.permits) {
        refuse_or_peek(taken);
        return {false};
      }
      admit(head);
      head.permits += n;
      return {true, rule.value(head)};
    }

    void full(std::uint64_t start, std::uint64_t free_at) const noexcept {
      if (shared.when_full == WhenFull::kOverflow) {
        update(shared.overflow, [&](std::uint64_t seen) { return Step<bool>{overflow(seen, start), true}; });
        if (took()) answer.charge.at |= kOverflowCharge;
        return count(&KeyedTally::overflow_admissions);
      }
      refuse_or_peek({start, 0});
      if (take && answer.allowed) admit({start, 0});
      answer.charge = {};
      if (shared.when_full == WhenFull::kDeny && n > 0 && !answer.never()) {
        const Duration wait = std::max(Duration(0), algorithm::between(now.elapsed, rule.at(free_at)));
        answer = {.limit = answer.limit, .retry_after = wait, .reset_after = wait};
      }
      count(&KeyedTally::full_admissions);
    }
    std::uint64_t overflow(std::uint64_t seen, std::uint64_t start) const noexcept {
      Count count = rule.count(seen);
      if (count.index < start && !rule.window().in_window(count.index, start)) count.permits = 0;
      count.index = std::max(count.index, start);
      const Count before{rule.count(seen).index, count.permits};
      if (!take || n > rule.burst() - count.permits) {
        refuse_or_peek(count.permits == 0 ? count : before);
        return seen;
      }
      admit(count);
      count.permits += n;
      return rule.word(count);
    }

    bool wants_place() const noexcept { return take && n <= rule.burst(); }
    bool took() const noexcept { return answer.charge.permits > 0; }
    void undo() const noexcept { refund_overflow(shared, now.ticks, answer.charge); }
    void evicted() const noexcept { shared.tallies.mine().evictions.add(); }
    void count(KeyedCount KeyedTally::*admitted_as) const noexcept {
      if (take) (shared.tallies.mine().*(answer.allowed ? admitted_as : &KeyedTally::full_refusals)).add();
    }
  };

  struct Refund {
    const Rule& rule;
    Pasts& pasts;
    std::uint64_t now;
    Charge charge;
    std::int64_t& back;

    KeyedStep hit(std::size_t slot, std::uint64_t word, std::uint64_t mark) const noexcept {
      back = 0;
      Count head = rule.head(word, mark);
      if (head.frozen || head.index < now) {
        const std::uint64_t next = moved(rule, pasts[slot], word, head, now);
        return {next, /*answered=*/next == word};
      }
      if (charge.at > head.index || !rule.window().in_window(charge.at, head.index)) return {word};
      if (charge.at < head.index) {
        back = pasts[slot].refund(rule, charge);
        return {word, /*answered=*/true, /*done=*/true};
      }
      back = std::clamp<std::int64_t>(head.permits - pasts[slot].found_taken(rule, head), 0, charge.permits);
      head.permits -= back;
      return {rule.with(word, head)};
    }
  };

  // While the charge's sub-window is in a window with the last admission, the permits have not been set to none since.
  static std::int64_t refund_overflow(const Shared& shared, std::uint64_t now, Charge charge) noexcept {
    charge.at &= ~kOverflowCharge;
    return update(shared.overflow, [&](std::uint64_t seen) {
      Count count = shared.rule.count(seen);
      const bool counts = shared.rule.window().in_window(charge.at, std::max(count.index, now));
      const std::int64_t back = counts ? std::clamp<std::int64_t>(charge.permits, 0, count.permits) : 0;
      count.permits -= back;
      return Step<std::int64_t>{shared.rule.word(count), back};
    });
  }

  KeyedLine<Cell, kSlots> line_;
  Pasts past_{};
};

}  // namespace seawall::detail
