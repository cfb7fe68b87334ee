// SPDX-License-Identifier: MIT
//
// The verbs of a token bucket on the keys of one line (keyed_line.h), and what becomes of keys for which the line has
// no place.
//
// Overflow: a key without a place is judged on a bucket that it shares with all such keys of a group of lines. When it
// gets a place later it starts as used as that bucket is then, so it never has two full buckets. Order: who takes from
// the shared bucket writes the line's control word after it and takes nothing if that has changed; who brings a key in
// reads the shared bucket after a turn that began later.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/keyed_bucket.h"
#include "seawall/decision.h"
#include "seawall/detail/keyed_line.h"
#include "seawall/detail/keyed_shared.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

template <class Cell, std::size_t kSlots = 7>
class KeyedBucketLine {
 public:
  using Rule = algorithm::KeyedBucket;
  using Moment = algorithm::KeyedMoment;
  using Overflow = Cell;
  using Shared = KeyedShared<Rule, Overflow>;
  static constexpr std::size_t kPlaces = kSlots;
  static constexpr std::uint64_t kKind = 1;  // in headers and snapshots

  // As acquire() where the key is there and nobody is faster. False: nothing was taken, ask acquire().
  [[gnu::always_inline]] bool acquire_met(const Rule& rule, std::uint64_t tag, const Moment& now, std::int64_t n,
                                          Decision& answer) noexcept {
    return line_.met(rule, tag, now.ticks, Judge{rule, now, n, true, answer});
  }
  void acquire(const Shared& shared, std::uint64_t tag, const Moment& now, std::int64_t n, Decision& answer) noexcept {
    line_.decide(shared.rule, tag, now.ticks, Ask{{shared.rule, now, n, true, answer}, shared});
  }
  void peek(const Shared& shared, std::uint64_t tag, const Moment& now, std::int64_t n, Decision& answer) noexcept {
    line_.decide(shared.rule, tag, now.ticks, Ask{{shared.rule, now, n, false, answer}, shared});
  }

  std::int64_t refund(const Shared& shared, std::uint64_t tag, Duration elapsed, Charge charge) noexcept {
    const std::uint64_t now = shared.rule.ticks(elapsed);
    if ((charge.at & kOverflowCharge) != 0) return refund_overflow(shared, now, charge);
    std::int64_t back = 0;
    line_.decide(shared.rule, tag, now, Refund{shared.rule, now, charge, back});
    return back;
  }

  // each(tag, TAT, mark) for all keys, idle or not.
  template <class Each>
  void for_each(const Rule& rule, Each&& each) const noexcept {
    line_.for_each(rule.code(), [&](std::uint64_t word, std::uint64_t mark) {
      each(rule.code().tag(word), rule.busy_until(word, mark), mark);
    });
  }
  // each(tag, state) for the keys whose state says more than a fresh one; the state is the ticks from now to the TAT.
  template <class Each>
  void for_each_active(const Rule& rule, Duration elapsed, Each&& each) const noexcept {
    const std::uint64_t now = rule.ticks(elapsed);
    for_each(rule, [&](std::uint64_t tag, std::uint64_t tat, std::uint64_t) {
      if (tat > now) each(tag, std::min(tat - now, most_state(rule)));
    });
  }

  // Nobody else may use the line. False: the key has a place already, or there is none.
  bool restore(const Rule& rule, Duration elapsed, std::uint64_t tag, std::uint64_t state) noexcept {
    const std::uint64_t now = rule.ticks(elapsed);
    return line_.put(rule, tag, rule.code().low_bits(now + state), now);
  }
  static std::uint64_t saved(const Rule& rule, Duration elapsed, const Overflow& overflow) noexcept {
    const std::uint64_t tat = overflow.load(std::memory_order_relaxed);  // relaxed: one word
    return std::min(tat - std::min(tat, rule.ticks(elapsed)), most_state(rule));
  }
  static void restore(const Rule& rule, Duration elapsed, Overflow& overflow, std::uint64_t state) noexcept {
    overflow.store(rule.ticks(elapsed) + state, std::memory_order_relaxed);  // relaxed: nobody else is here
  }
  // What a state is after a while; 0: no more than a fresh one. A stale caller's charge may be a burst ahead.
  static std::uint64_t aged(const Rule& rule, std::uint64_t state, Duration passed) noexcept {
    return state - std::min(state, rule.ticks(passed));
  }
  static bool is_state(const Rule& rule, std::uint64_t state) noexcept { return state <= most_state(rule); }

 private:
  // Further ahead than two bursts: only when the instant of the save is as far behind that of the latest charge.
  static std::uint64_t most_state(const Rule& rule) noexcept { return rule.code().reach() / 2 - 1; }

  // Of a key that is there.
  struct Judge {
    const Rule& rule;
    Moment now;
    std::int64_t n;
    bool take;
    Decision& answer;

    [[gnu::always_inline]] KeyedStep hit(std::size_t, std::uint64_t word, std::uint64_t mark) const noexcept {
      std::uint64_t tat = rule.busy_until(word, mark);
      judge(tat, now);
      return {take ? rule.with(word, tat) : word};
    }
    [[gnu::always_inline]] void judge(std::uint64_t& tat, const Moment& at) const noexcept {
      return take ? rule.acquire(tat, at, n, answer) : rule.peek(tat, at, n, answer);
    }
  };

  struct Ask : Judge {
    using Judge::answer, Judge::judge, Judge::n, Judge::now, Judge::take;
    Shared shared;

    // As of the line's start, told to a caller whose clock may be behind it.
    void judge_from(std::uint64_t start, std::uint64_t& tat) const noexcept {
      const Moment at = shared.rule.moment(std::max(now.elapsed, shared.rule.at(start)));
      judge(tat, at);
      answer = algorithm::seen_from(TimePoint(now.elapsed), TimePoint(at.elapsed), answer);
    }

    KeyedEntry fresh(std::size_t, std::uint64_t start, std::uint64_t) const noexcept {
      std::uint64_t tat = 0;
      // Acquire: belongs after the control word that was read before.
      if (shared.when_full == WhenFull::kOverflow) tat = shared.overflow.load(std::memory_order_acquire);
      judge_from(start, tat);
      return {took(), shared.rule.code().low_bits(tat)};
    }

    void full(std::uint64_t start, std::uint64_t free_at) const noexcept {
      if (shared.when_full == WhenFull::kOverflow) {
        update(shared.overflow, [&](std::uint64_t tat) {
          judge_from(start, tat);
          return Step<bool>{tat, true};
        });
        if (took()) answer.charge.at |= kOverflowCharge;
        return count(&KeyedTally::overflow_admissions);
      }
      std::uint64_t tat = 0;
      judge(tat, now);
      answer.charge = {};
      if (shared.when_full == WhenFull::kDeny && n > 0 && !answer.never()) {
        const Duration wait = std::max(Duration(0), algorithm::between(now.elapsed, shared.rule.at(free_at)));
        answer = {.limit = answer.limit, .retry_after = wait, .reset_after = wait};
      }
      count(&KeyedTally::full_admissions);
    }
    bool wants_place() const noexcept { return take && n > 0 && n <= shared.rule.burst(); }
    bool took() const noexcept { return answer.charge.permits > 0; }
    void undo() const noexcept { refund_overflow(shared, now.ticks, answer.charge); }
    void evicted() const noexcept { shared.tallies.mine().evictions.add(); }
    void count(KeyedCount KeyedTally::*admitted) const noexcept {
      if (take) (shared.tallies.mine().*(answer.allowed ? admitted : &KeyedTally::full_refusals)).add();
    }
  };

  struct Refund {
    const Rule& rule;
    std::uint64_t now;
    Charge charge;
    std::int64_t& back;

    KeyedStep hit(std::size_t, std::uint64_t word, std::uint64_t mark) const noexcept {
      std::uint64_t tat = rule.busy_until(word, mark);
      back = rule.refund(tat, std::max(now, mark), charge);
      return {rule.with(word, tat)};
    }
  };

  static std::int64_t refund_overflow(const Shared& shared, std::uint64_t now, Charge charge) noexcept {
    charge.at &= ~kOverflowCharge;
    return update(shared.overflow, [&](std::uint64_t tat) {
      const std::int64_t back = shared.rule.refund(tat, now, charge);
      return Step<std::int64_t>{tat, back};
    });
  }

  KeyedLine<Cell, kSlots> line_;
};

}  // namespace seawall::detail
