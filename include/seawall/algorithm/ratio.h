// SPDX-License-Identifier: MIT
//
// Ratio: x * numerator / denominator, exact, without a division: the scale between two units of time.
//
// A reciprocal with 64 fraction bits gives an estimate. What was cut off the reciprocal is below 1, so it adds less
// than x to the product's low half: only where x would carry there, one time in 2^64 / x, can the estimate be 1 too
// low, and the remainder, computed modulo 2^64, says whether it is. This is Granlund and Montgomery's division by an
// invariant.
//
// Rounding up starts from the greatest such reciprocal below the ratio, even where the ratio itself is one: then the
// estimate is below the product, also where that is whole, and one more than its whole part is the answer. What is cut
// off is at most 1 here, so it is 1 too low only where x - 1 would carry.
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
        below_(below(numerator, denominator)) {}

  // The result must fit 64 bits: the caller bounds x.
  [[gnu::always_inline]] constexpr std::uint64_t floor(std::uint64_t x) const noexcept {
    const Product low = times(x, whole_, fraction_);
    return low.part + x < x ? corrected(x, low.whole, 0) : low.whole;
  }
  [[gnu::always_inline]] constexpr std::uint64_t ceil(std::uint64_t x) const noexcept {
    if (x == 0) return 0;
    const Product low = times(x, static_cast<std::uint64_t>(below_ >> 64), static_cast<std::uint64_t>(below_));
    return low.part + (x - 1) < x - 1 ? corrected(x, low.whole, 1) : low.whole + 1;
  }

 private:
  struct Product {
    std::uint64_t whole;
    std::uint64_t part;  // in units of 2^-64
  };
  static constexpr Product times(std::uint64_t x, std::uint64_t whole, std::uint64_t fraction) noexcept {
    const Wide product = Wide{x} * fraction;
    return {x * whole + static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
  }
  // The greatest number of 64 bits and 64 bits of fraction that is below the ratio.
  static constexpr Wide below(std::uint64_t numerator, std::uint64_t denominator) noexcept {
    const Wide rest = Wide{numerator % denominator} << 64;
    const Wide down = (Wide{numerator / denominator} << 64) + rest / denominator;
    return rest % denominator == 0 ? down - 1 : down;
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
  Wide below_ = (Wide{1} << 64) - 1;
};

}  // namespace seawall::algorithm
