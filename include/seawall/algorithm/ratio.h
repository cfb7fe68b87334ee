// SPDX-License-Identifier: MIT
//
// Ratio: x * numerator / denominator, exact, without a division: the scale between two units of time.
//
// A reciprocal with 64 fraction bits gives an estimate that is at most 1 too low (one unit of x / 2^64 for the bits cut
// off the reciprocal, one for the bits cut off the product, both below 1), and the remainder, computed modulo 2^64,
// says whether it is. This is Granlund and Montgomery's division by an invariant, with the correction kept.
#pragma once

#include <cstdint>

namespace seawall::algorithm {

__extension__ using Wide = unsigned __int128;

class Ratio {
 public:
  constexpr Ratio() = default;
  // Both from 1 to 2^62.
  constexpr Ratio(std::uint64_t numerator, std::uint64_t denominator) noexcept
      : numerator_(numerator),
        denominator_(denominator),
        whole_(numerator / denominator),
        fraction_(static_cast<std::uint64_t>((Wide{numerator % denominator} << 64) / denominator)) {}

  // The result must fit 64 bits: the caller bounds x.
  constexpr std::uint64_t floor(std::uint64_t x) const noexcept { return divide(x, 0); }
  constexpr std::uint64_t ceil(std::uint64_t x) const noexcept { return divide(x, 1); }

 private:
  constexpr std::uint64_t divide(std::uint64_t x, std::uint64_t up) const noexcept {
    std::uint64_t quotient = x * whole_ + static_cast<std::uint64_t>((Wide{x} * fraction_) >> 64);
    std::uint64_t rest = x * numerator_ - quotient * denominator_;  // modulo 2^64; below 2 * denominator
    if (rest >= denominator_) {
      rest -= denominator_;
      ++quotient;
    }
    return quotient + (rest != 0 ? up : 0);
  }

  std::uint64_t numerator_ = 1;
  std::uint64_t denominator_ = 1;
  std::uint64_t whole_ = 1;
  std::uint64_t fraction_ = 0;
};

}  // namespace seawall::algorithm
