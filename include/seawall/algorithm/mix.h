// SPDX-License-Identifier: MIT
//
// mix64: the finaliser of SplitMix64 (Steele, Lea, Flood 2014; constants of Stafford's variant 13): spreads a number
// over all 64 bits, one to one. For spreading names that nobody chooses against us; a table whose keys come from
// outside needs a keyed hash (detail/siphash.h).
#pragma once

#include <cstdint>

namespace seawall::algorithm {

constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A number below n from 32 random bits, by multiplication (Lemire 2019); its bias is below n / 2^32.
constexpr std::uint32_t below(std::uint32_t n, std::uint32_t random) noexcept {
  return static_cast<std::uint32_t>((std::uint64_t{random} * n) >> 32);
}

static_assert(below(10, 0) == 0 && below(10, 0xffffffff) == 9);

}  // namespace seawall::algorithm
