// SPDX-License-Identifier: MIT
//
// Slow start: the weight of a newcomer grows with the time since it first was eligible, so that it can fill its caches.
// Linear from least_percent to the whole. A set of which most members are new has nobody to take the load meanwhile:
// there the ramp is off (worth_it).
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/time.h"

namespace seawall::algorithm {

struct SlowStart {
  Duration window{0};                // 0: off
  std::uint32_t least_percent = 10;  // 1 to 100

  // `weight` is at least 1 and stays so.
  constexpr std::uint32_t weight(std::uint32_t weight, Duration eligible_for) const noexcept {
    if (eligible_for >= window) return weight;
    const auto part = static_cast<std::uint64_t>(std::max<std::int64_t>(eligible_for.count(), 0)) * 1'000 /
                      static_cast<std::uint64_t>(window.count());
    const std::uint64_t share = std::max<std::uint64_t>(part, std::uint64_t{least_percent} * 10);  // in 1/1000
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(weight * share / 1'000, 1));
  }

  static constexpr bool worth_it(std::uint32_t newcomers, std::uint32_t members) noexcept {
    return 2 * std::uint64_t{newcomers} < members;
  }
};

}  // namespace seawall::algorithm
