// SPDX-License-Identifier: MIT
//
// Ratio: x * numerator / denominator, exact, without a division: the scale between two units of time.
//
// A reciprocal with 64 fraction bits gives an estimate. What was cut off the reciprocal is below 1, so it adds less
// than x to the product's low half: only where x would carry there, one time in 2^64 / x, can the estimate be 1 too
// low, and the remainder, computed modulo 2^64, says whether it is. This is Granlund and Montgomery's division by an
// invariant.
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
        fraction_(static_cast<std::uint64_t>((Wide{numerator % denominator} << 64) / denominator)),
        cut_((Wide{numerator % denominator} << 64) % denominator == 0 ? 0 : ~std::uint64_t{0}) {}

  // The result must fit 64 bits: the caller bounds x.
  constexpr std::uint64_t floor(std::uint64_t x) const noexcept {
    const Estimate low = estimate(x);
    return low.part + x < x ? corrected(x, low.whole, 0) : low.whole;
  }
  constexpr std::uint64_t ceil(std::uint64_t x) const noexcept {
    const Estimate low = estimate(x);
    const std::uint64_t cut = x & cut_;
    return low.part + cut < cut ? corrected(x, low.whole, 1) : low.whole + (low.part + cut != 0 ? 1 : 0);
  }

 private:
  struct Estimate {
    std::uint64_t whole;  // at most 1 too low
    std::uint64_t part;   // in units of 2^-64
  };
  constexpr Estimate estimate(std::uint64_t x) const noexcept {
    const Wide product = Wide{x} * fraction_;
    return {x * whole_ + static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
  }
  [[gnu::noinline, gnu::cold]] constexpr std::uint64_t corrected(std::uint64_t x, std::uint64_t quotient,
                                                                 std::uint64_t up) const noexcept {
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
  std::uint64_t cut_ = 0;  // all ones where something was cut off the fraction
};

}  // namespace seawall::algorithm
