// SPDX-License-Identifier: MIT
//
// KeyedHash: the hash of a keyed table, under a secret seed of 128 bits.
//
// Texts: SipHash-1-3. Numbers: the high half of a * number + b in 128 bits, then mix64. Of any two numbers that were
// chosen without knowing the seed, the hashes are two independent random numbers, so they meet exactly as seldom as
// those do (multiply-shift is strongly universal, Dietzfelbinger 1996; a step that is one to one keeps that); mix64
// tears apart the even steps that multiplication keeps in keys that count up. It does not resist somebody who learns
// which numbers share a line and computes the seed from that; a SipHash does, at 60 instructions more. Whoever fears it
// hands over the number's bytes as a text.
#pragma once

#include <cstdint>
#include <string_view>

#include "seawall/algorithm/mix.h"
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
    return algorithm::mix64(static_cast<std::uint64_t>((factor_ * number + offset_) >> 64));
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

}  // namespace seawall::detail
