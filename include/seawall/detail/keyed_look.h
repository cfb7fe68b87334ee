// SPDX-License-Identifier: MIT
//
// KeyedLook: the words of a line of a keyed table (keyed_line.h) as one thread saw them, and what follows from them
// alone. A rule says until when a word is busy: busy_until(word, mark).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/keyed_code.h"

namespace seawall::detail {

template <std::size_t kSlots>
struct KeyedLook {
  using Code = algorithm::KeyedCode;
  using Control = algorithm::KeyedControl;

  Control control{};  // as it was after the words
  std::array<std::uint64_t, kSlots> words{};
  std::size_t at = kSlots;  // of the key that was looked for; kSlots: it is not there
  bool steady = false;      // the control word was the same before: the words belong to its turn

  bool is_vacant(const Code& code) const noexcept {
    return std::all_of(words.begin(), words.end(), [&](std::uint64_t word) { return code.vacant(word); });
  }

  bool is_over() const noexcept {
    const auto stamped = [&](std::uint64_t word) { return Code::stamp(word) == control.turn; };
    if (control.slot != Control::kSweep) return stamped(words[control.slot]);
    return std::all_of(words.begin(), words.end(), stamped);
  }

  // A number that no slot bears yet, so that the turn begins open.
  std::uint64_t next_turn() const noexcept {
    std::uint64_t turn = control.turn;
    const auto borne = [&](std::uint64_t word) { return Code::stamp(word) == turn; };
    do {
      turn = (turn + 1) & algorithm::kStampMask;
    } while (std::any_of(words.begin(), words.end(), borne));
    return turn;
  }

  // At the mark.
  template <class Rule>
  bool is_idle(const Rule& rule, std::uint64_t word) const noexcept {
    const std::uint64_t mark = rule.code().ticks(control);
    return rule.code().vacant(word) || rule.busy_until(word, mark) <= mark;
  }

  // The first mark as of which a word is idle.
  template <class Rule>
  std::uint64_t end_of(const Rule& rule, std::uint64_t word) const noexcept {
    return rule.code().units_up(rule.busy_until(word, rule.code().ticks(control)));
  }

  // A vacant slot, else the key that has been idle the longest, and is so at a mark not after `now`: so the mark rises
  // as little as can be, never beyond an instant that was seen, and not above a key that stays. kSlots: there is none.
  template <class Rule>
  std::size_t choose(const Rule& rule, std::uint64_t now) const noexcept {
    std::size_t best = kSlots;
    std::uint64_t earliest = rule.code().units_down(now);
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (rule.code().vacant(words[i])) return i;
      const std::uint64_t end = end_of(rule, words[i]);
      if (end > earliest || (end == earliest && best != kSlots)) continue;
      best = i;
      earliest = end;
    }
    return best;
  }

  // In ticks; no slot is vacant.
  template <class Rule>
  std::uint64_t free_at(const Rule& rule) const noexcept {
    std::uint64_t first = end_of(rule, words[0]);
    for (const std::uint64_t word : words) first = std::min(first, end_of(rule, word));
    return rule.code().ticks({first, 0, 0});
  }
};

}  // namespace seawall::detail
