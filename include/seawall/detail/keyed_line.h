// SPDX-License-Identifier: MIT
//
// KeyedLine: some keys in one cache line, each a word {tag, value, stamp}, and a control word {mark, slot, turn}. No
// lock: a thread that stops or is killed anywhere in here holds nobody up.
//
// A key that is there (a hit) is decided on by one exchange of its word; the control word is only read.
//
// A key comes in through the slot that the control word nominates, and only through it:
//   - A turn is open until the slot nominated for it bears its number as stamp. The one exchange that puts the stamp
//     there ends the turn: either it puts a new key into the slot, or (`pass`) it leaves the slot's key as it is.
//   - The control word goes on to the next turn only from a turn that is over.
//   - Who brings a key in has read: the control word; all slots, none of which has the key, and the nominated one not
//     stamped yet; the control word again, the same. If his exchange of the nominated word succeeds, the turn was open
//     till then, so nobody else came in meanwhile, and the key is in the line once, whatever each caller's `now`.
//   - An open turn belongs to nobody. When its maker is killed the next caller uses it or passes; when he wakes up
//     his exchange fails, because the slot is stamped. So nobody's insert is finished by others: it fails as a whole.
//
// The mark is the latest instant as of which this line forgot a key. A key is forgotten (its word given to another, or
// vacated by a sweep) only when it is idle at the mark, and a new one starts no earlier than the mark. So a caller
// whose `now` is old cannot find a fresh state for a key that was used up then, and every word that comes into a slot
// is later than any that left it: no word is met twice, except a full wrap of its value and its stamp later.
//
// Values hold the low bits of an instant. A sweep keeps all of them within reach of the mark: it raises the mark by a
// quarter of the reach (or to `now`, when the line is vacant), and stamps each slot, vacating those that are idle at
// the new mark; its turn is over when all bear its number. A thread that slept through it finds no word as it was.
//
// Invariants (each is a check in the interleaving tests): no tag twice; the mark never moves back; a value is within
// reach of the mark; the control word moves on only from a turn that is over.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/keyed_code.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/keyed_look.h"
#include "seawall/detail/keyed_scan.h"
#include "seawall/detail/keyed_shared.h"

namespace seawall::detail {

template <class Cell, std::size_t kSlots>
class alignas(kCacheLine) KeyedLine {
 public:
  using Code = algorithm::KeyedCode;
  using Control = algorithm::KeyedControl;
  static_assert(kSlots < Control::kSweep + 1);

  // Decides on a key. `rule` says until when a word is busy: busy_until(word, mark); `ask` what happens then:
  //   KeyedStep hit(slot, word, mark)          the key is there
  //   KeyedEntry fresh(slot, start, mark)      it is not, and has this slot (kSlots: any), from `start` on or later
  //   void full(start, free_at)                there is no room before free_at
  //   bool wants_place()                       else `fresh` enters nothing
  //   bool took(), void undo()                 did `full` take something; takes it back
  //   void evicted()                           an idle key was forgotten for this one
  // One that has only hit() asks about a key that is there; else nothing is asked.
  template <class Rule, class Ask>
  [[gnu::always_inline]] void decide(const Rule& rule, std::uint64_t tag, std::uint64_t now, const Ask& ask) noexcept {
    if (!met(rule, tag, now, ask)) [[unlikely]]
      decide_slowly(rule, tag, now, ask);
  }

  // The same for a key that is found by one look and decided on by one exchange. False: not answered.
  template <class Rule, class Ask>
  [[gnu::always_inline]] bool met(const Rule& rule, std::uint64_t tag, std::uint64_t now, const Ask& ask) noexcept {
    KeyedFound found;
    if (!find_key(rule.code(), this, slots_, tag, found)) [[unlikely]]
      return false;
    // Acquire: read after the word. Near its mark, `now` stands for it: so only a branch waits for the control word.
    const std::uint64_t control = control_.load(std::memory_order_acquire);
    return rule.code().near(now, control) && hit(found, now, ask);
  }

  // each(word, mark) for all keys, busy or not.
  template <class Each>
  void for_each(const Code& code, Each&& each) const noexcept {
    Look look = see(code, kNobody);
    while (!look.steady) look = see(code, kNobody);
    for (const std::uint64_t word : look.words) {
      if (!code.vacant(word)) each(word, code.ticks(look.control));
    }
  }

  // Nobody else may use the line: puts a key into a vacant line or slot. False: there is no place.
  template <class Rule>
  bool put(const Rule& rule, std::uint64_t tag, std::uint64_t value, std::uint64_t mark) noexcept {
    const Code& code = rule.code();
    const Look look = see(code, tag);
    if (look.at != kSlots) return false;
    const bool empty = look.is_vacant(code);
    // Relaxed, all three: nobody else is here.
    if (empty) control_.store(Control{code.units_down(mark), 0, 0}.word(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (!code.vacant(look.words[i])) continue;
      slots_[i].store(code.word(tag, value, 0), std::memory_order_relaxed);
      return true;
    }
    return false;
  }

 private:
  static constexpr std::uint64_t kNobody = 0;  // the tag of a vacant slot: `at` says nothing then

  using Look = KeyedLook<kSlots>;

  Look see(const Code& code, std::uint64_t tag) const noexcept {
    Look look;
    // Acquire, all: in this order; with the control word come the slots as the turn before left them.
    const std::uint64_t before = control_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kSlots; ++i) {
      look.words[i] = slots_[i].load(std::memory_order_acquire);
      if (code.has_tag(look.words[i], tag)) look.at = i;
    }
    const std::uint64_t after = control_.load(std::memory_order_acquire);
    look.control = Control::from(after);
    look.steady = after == before;
    return look;
  }

  // By value and not inlined: so a hit keeps what it asks in registers.
  template <class Rule, class Ask>
  [[gnu::noinline]] void decide_slowly(const Rule& rule, std::uint64_t tag, std::uint64_t now, Ask ask) noexcept {
    for (;;) {
      Look look = see(rule.code(), tag);
      const std::uint64_t mark = rule.code().ticks(look.control);
      if (rule.code().late(now, mark)) {
        sweep(rule, now);
      } else if (look.at != kSlots ? hit({look.at, look.words[look.at]}, mark, ask)
                                   : look.steady && missed(rule, look, tag, now, ask)) {
        return;
      }
    }
  }

  // True: answered.
  template <class Rule, class Ask>
  bool missed(const Rule& rule, Look& look, std::uint64_t tag, std::uint64_t now, const Ask& ask) noexcept {
    if constexpr (requires { ask.wants_place(); })
      return enter(rule, look, tag, now, ask);
    else
      return true;
  }

  // A word that was there before the control word is within reach of the mark; if a sweep came in between it has
  // another stamp by now, and the exchange or the second look finds out. As `mark` any instant will do that is near it:
  // no word is further behind the mark than a sweep raises it, a quarter of the reach.
  template <class Ask>
  [[gnu::always_inline]] bool hit(const KeyedFound& found, std::uint64_t mark, const Ask& ask) noexcept {
    const KeyedStep step = ask.hit(found.slot, found.word, mark);
    if (step.next != found.word) return swap(found.slot, found.word, step.next) && step.answered;
    // Relaxed: only whether it is still the same; nothing is read after it.
    return step.answered && (step.done || slots_[found.slot].load(std::memory_order_relaxed) == found.word);
  }

  // True: answered.
  template <class Rule, class Ask>
  bool enter(const Rule& rule, Look& look, std::uint64_t tag, std::uint64_t now, const Ask& ask) noexcept {
    const Code& code = rule.code();
    const std::uint64_t start = std::max(now, code.ticks(look.control));
    if (look.is_over()) {
      const std::size_t place = look.choose(rule, start);
      if (place == kSlots) {
        ask.full(start, look.free_at(rule));
        if (!ask.took() || still(look)) return true;
        ask.undo();
        return false;
      }
      if (!ask.wants_place()) return ask.fresh(kSlots, start, start), true;
      if (!nominate(rule, look, place)) return false;
    }
    if (look.control.slot == Control::kSweep) {
      finish_sweep(rule, look);
      return false;
    }
    const std::uint64_t seen = look.words[look.control.slot];
    if (!look.is_idle(rule, seen)) {
      pass(look);
      return false;
    }
    const std::uint64_t mark = code.ticks(look.control);
    const KeyedEntry entry = ask.fresh(look.control.slot, std::max(now, mark), mark);
    if (!entry.enters) return true;
    if (!swap(look.control.slot, seen, code.word(tag, entry.value, look.control.turn))) return false;
    if (!code.vacant(seen)) ask.evicted();
    return true;
  }

  // The words stay true: a turn that is over lets nobody in.
  template <class Rule>
  bool nominate(const Rule& rule, Look& look, std::size_t place) noexcept {
    const std::uint64_t word = look.words[place];
    Control next{look.control.mark, place, look.next_turn()};
    if (!rule.code().vacant(word)) next.mark = std::max(next.mark, look.end_of(rule, word));
    if (!turn_to(look, next)) return false;
    look.control = next;
    return true;
  }

  void pass(const Look& look) noexcept {
    const std::uint64_t seen = look.words[look.control.slot];
    swap(look.control.slot, seen, Code::restamp(seen, look.control.turn));
  }

  // Does one step towards a mark for which `now` is not late; the caller asks again.
  template <class Rule>
  void sweep(const Rule& rule, std::uint64_t now) noexcept {
    const Code& code = rule.code();
    const Look look = see(code, kNobody);
    if (!look.steady || !code.late(now, code.ticks(look.control))) return;
    if (!look.is_over()) {
      if (look.control.slot == Control::kSweep) return finish_sweep(rule, look);
      return pass(look);
    }
    const bool vacant = look.is_vacant(code);
    const std::uint64_t target = vacant ? now : std::min(now, code.ticks(look.control) + code.reach() / 4);
    turn_to(look, {code.units_down(target), Control::kSweep, look.next_turn()});
  }

  template <class Rule>
  void finish_sweep(const Rule& rule, const Look& look) noexcept {
    const std::uint64_t turn = look.control.turn;
    for (std::size_t i = 0; i < kSlots; ++i) {
      const std::uint64_t seen = look.words[i];
      if (Code::stamp(seen) == turn) continue;
      const bool leaves = look.is_idle(rule, seen);
      swap(i, seen, leaves ? rule.code().vacancy(look.control.mark, turn) : Code::restamp(seen, turn));
    }
  }

  bool turn_to(const Look& look, const Control& next) noexcept {
    return exchange(control_, look.control.word(), next.word());
  }
  // The control word has not changed since; as a write, so that what happened before it is seen by whoever changes it.
  bool still(const Look& look) noexcept { return turn_to(look, look.control); }
  bool swap(std::size_t slot, std::uint64_t seen, std::uint64_t next) noexcept {
    return exchange(slots_[slot], seen, next);
  }

  static bool exchange(Cell& cell, std::uint64_t seen, std::uint64_t next) noexcept {
    // Release: what this thread did to the other words is seen by whoever sees this; acquire for what it builds on.
    // Relaxed on failure: everything is read again.
    return cell.compare_exchange_strong(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  Cell control_{0};
  std::array<Cell, kSlots> slots_{};
};

}  // namespace seawall::detail
