// SPDX-License-Identifier: MIT
//
// Static stride: weighted round robin as a pure function of a sequence number (gRPC A58's scheduler). Pass number
// `generation` over the list takes the entry at `index` iff hits(...). Over kMaxWeight passes an entry of weight w is
// taken exactly w times, and its turns are spread out. An entry of weight kMaxWeight is taken in every pass, so a
// choice ends within two passes. No shared state, nothing to lock, no synchronised first pick.
#pragma once

#include <cstdint>

namespace seawall::algorithm {

struct StaticStride {
  static constexpr std::uint32_t kMaxWeight = 65535;

  // The weight in the list for `weight` when the largest is `largest`: above 0, and kMaxWeight for the largest.
  static constexpr std::uint32_t scale(std::uint32_t weight, std::uint32_t largest) noexcept {
    const auto scaled = std::uint64_t{weight} * kMaxWeight / largest;
    return scaled == 0 ? 1 : static_cast<std::uint32_t>(scaled);
  }

  static constexpr bool hits(std::uint32_t generation, std::uint32_t index, std::uint32_t scaled) noexcept {
    if (scaled == kMaxWeight) return true;                                 // all weights equal: no division
    const std::uint64_t offset = std::uint64_t{index} * (kMaxWeight / 2);  // neighbours take turns, not all at once
    return (std::uint64_t{scaled} * generation + offset) % kMaxWeight >= kMaxWeight - scaled;
  }
};

static_assert(StaticStride::scale(1, 1000) == 65 && StaticStride::scale(7, 7) == StaticStride::kMaxWeight);

}  // namespace seawall::algorithm
