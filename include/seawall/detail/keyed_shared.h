// SPDX-License-Identifier: MIT
//
// What the lines of a keyed table share, and how they and the limiter in them speak.
#pragma once

#include <cstdint>

#include "seawall/detail/keyed_tally.h"
#include "seawall/keyed_options.h"

namespace seawall::detail {

// One of the table's overflow words, and its counts.
template <class Rule, class Overflow>
struct KeyedShared {
  const Rule& rule;
  WhenFull when_full;
  Overflow& overflow;
  KeyedTallies& tallies;
};

// What happens to a key that is there: the word that should stand, which keeps tag and stamp. Answers are written where
// the asker wants them, whole. `answered` false: this is only a step towards the answer. `done`: it holds whatever
// becomes of the word; else only if the word was exchanged, or found unchanged.
struct KeyedStep {
  std::uint64_t next;
  bool answered = true;
  bool done = false;
};

// What a key that comes in would start as. `enters` false: the answer needs no place (a peek, a refusal).
struct KeyedEntry {
  bool enters;
  std::uint64_t value = 0;
};

// In Charge::at: taken from an overflow and not from the key's own.
inline constexpr std::uint64_t kOverflowCharge = std::uint64_t{1} << 63;

}  // namespace seawall::detail
