// SPDX-License-Identifier: MIT
//
// KeyedHash: the hash of a keyed table, under a secret seed of 128 bits.
//
// Texts: SipHash-1-3. Numbers: the high half of a * number + b in 128 bits, then its halves are folded and spread by
// one more multiplication, of which a table uses the upper bits. Of any two numbers that were chosen without knowing
// the seed, the hashes are two independent random numbers, so they meet exactly as seldom as those do (multiply-shift
// is strongly universal, Dietzfelbinger 1996; a step that is one to one keeps that); the fold tears apart the even
// steps that multiplication keeps in keys that count up. It does not resist somebody who learns which numbers share a
// line and computes the seed from that; a SipHash does, at 60 instructions more. Whoever fears it hands over the
// number's bytes as a text.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "seawall/algorithm/ratio.h"
#include "seawall/detail/siphash.h"

namespace seawall::detail {

class KeyedHash {
 public:
  constexpr explicit KeyedHash(SipKey seed) noexcept
      : seed_(seed),
        factor_(wide(siphash(seed, 0), siphash(seed, 1))),
        offset_(wide(siphash(seed, 2), siphash(seed, 3))) {}

  constexpr std::uint64_t of(std::string_view text) const noexcept { return siphash(seed_, text); }
  constexpr std::uint64_t of(std::uint64_t number) const noexcept {
    const auto high = static_cast<std::uint64_t>((factor_ * number + offset_) >> 64);
    return (high ^ high >> 32) * 0x9e3779b97f4a7c15u;
  }
  constexpr SipKey seed() const noexcept { return seed_; }

 private:
  static constexpr algorithm::Wide wide(std::uint64_t high, std::uint64_t low) noexcept {
    return algorithm::Wide{high} << 64 | low;
  }

  SipKey seed_;
  algorithm::Wide factor_;
  algorithm::Wide offset_;
};

// The tags of a table: so many upper bits of what a hash has below the number of its line, as they stand in a word.
class KeyedTags {
 public:
  constexpr explicit KeyedTags(int bits) noexcept
      : mask_(~std::uint64_t{0} << (64 - bits)), least_(std::uint64_t{1} << (64 - bits)) {}

  constexpr int bits() const noexcept { return std::popcount(mask_); }
  // Of a rest of a hash, or of a tag with as many bits or more.
  constexpr std::uint64_t cut(std::uint64_t rest) const noexcept {
    const std::uint64_t tag = rest & mask_;
    return tag == 0 ? least_ : tag;  // 0 is a vacant slot
  }
  constexpr bool can_be(std::uint64_t tag) const noexcept { return (tag & ~mask_) == 0; }

 private:
  std::uint64_t mask_;
  std::uint64_t least_;
};

}  // namespace seawall::detail
