// SPDX-License-Identifier: MIT
//
// ExpiryGuard: when many leases of one service end at once, it is not the instances that went but the way their
// heartbeats take; so none of them expires. Eureka's self-preservation with what its users missed: for each service,
// on counts and not rates, off for a few instances, and for no lease longer than `ceiling` behind its end (bilibili's
// correction).
//
// What is counted: instances that ended within one lease period, those that already expired and those that would now.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/detail/saturating.h"

namespace seawall::algorithm {

struct ExpiryGuard {
  std::int32_t most_percent = 15;  // of those known may end in one lease period, and at least one; 100 turns it off
  std::int32_t from = 4;           // instances; fewer are not guarded
  std::int64_t ceiling = 0;

  constexpr std::uint32_t may_end(std::uint32_t known) const noexcept {
    if (known < static_cast<std::uint32_t>(from)) return known;
    return std::max(static_cast<std::uint32_t>(std::uint64_t{known} * static_cast<std::uint32_t>(most_percent) / 100),
                    1u);
  }
  constexpr bool holds(std::uint32_t known, std::uint32_t ended) const noexcept { return ended > may_end(known); }
  // Behind it a lease that ended is not held any more.
  constexpr bool past_ceiling(std::int64_t end, std::int64_t now) const noexcept {
    return detail::saturating_sub(now, end) >= ceiling;
  }
};

}  // namespace seawall::algorithm
