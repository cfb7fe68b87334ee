// SPDX-License-Identifier: MIT
//
// Hash ring: instances at many points of a circle; a key belongs to the next point clockwise (Karger et al., STOC
// 1997). When an instance goes, its keys and no others move, to its neighbours on the circle. For when that matters
// more than speed and evenness; else Maglev (maglev.h).
//
// A point is one word: position 63..16 | instance 15..0, so a sorted array of words is the ring.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "seawall/algorithm/mix.h"

namespace seawall::algorithm {

struct HashRing {
  // The points of one instance, weight * points_per_weight of them by the caller's choice; sort() when all are there.
  static constexpr void place(std::span<std::uint64_t> points, std::uint64_t id_hash, std::uint16_t instance) noexcept {
    std::uint64_t at = id_hash;
    for (std::uint64_t& point : points) {
      at += 0x9e3779b97f4a7c15u;
      point = (mix64(at) & ~std::uint64_t{0xffff}) | instance;
    }
  }
  static constexpr void sort(std::span<std::uint64_t> ring) noexcept { std::sort(ring.begin(), ring.end()); }

  // Where in the ring a key's owner stands; the ring is not empty. Whoever may not take that instance goes on to the
  // next points, modulo the size.
  static constexpr std::size_t find(std::span<const std::uint64_t> ring, std::uint64_t key_hash) noexcept {
    const auto found = std::lower_bound(ring.begin(), ring.end(), key_hash & ~std::uint64_t{0xffff});
    return found == ring.end() ? 0 : static_cast<std::size_t>(found - ring.begin());
  }
  static constexpr std::uint32_t instance(std::uint64_t point) noexcept {
    return static_cast<std::uint32_t>(point & 0xffff);
  }
};

}  // namespace seawall::algorithm
