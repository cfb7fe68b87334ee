// SPDX-License-Identifier: MIT
//
// Two different entries of a list, each pair equally likely: the choice behind "the power of two choices"
// (Mitzenmacher 2001). With replacement, one of two instances would be drawn twice in a quarter of all picks, and the
// busier one with it; so the second number skips the first.
#pragma once

#include <cstdint>

#include "seawall/algorithm/mix.h"

namespace seawall::algorithm {

struct Pair {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  friend constexpr bool operator==(const Pair&, const Pair&) = default;
};

// n is at least 2.
constexpr Pair distinct_pair(std::uint32_t n, std::uint64_t random) noexcept {
  const std::uint32_t first = below(n, static_cast<std::uint32_t>(random));
  const std::uint32_t other = below(n - 1, static_cast<std::uint32_t>(random >> 32));
  return {first, other + (other >= first ? 1 : 0)};
}

static_assert(distinct_pair(2, 0) == Pair{0, 1} && distinct_pair(2, 0xffffffff) == Pair{1, 0});

}  // namespace seawall::algorithm
