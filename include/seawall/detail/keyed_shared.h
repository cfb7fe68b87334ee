// SPDX-License-Identifier: MIT
//
// What the lines of a keyed table share, whichever limiter they hold.
#pragma once

#include <cstdint>
#include <optional>

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

// In Charge::at: taken from an overflow and not from the key's own.
inline constexpr std::uint64_t kOverflowCharge = std::uint64_t{1} << 63;

}  // namespace seawall::detail
