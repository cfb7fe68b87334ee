// SPDX-License-Identifier: MIT
//
// ExponentialBuckets: base-2 exponential buckets, those of Prometheus' native histograms and OpenTelemetry's
// exponential ones: 2^schema buckets between a power of two and the next, so the relative error is the same at every
// size (at most 2^(1/2^(schema+1)) - 1 around a bucket's middle: 4.4 % at schema 3).
//
// Bucket 0 is the zero bucket, up to and with 2^min_exponent. Bucket i above it ends, inclusive, at
// 2^(min_exponent + i / 2^schema). The last one is +Inf, beyond 2^max_exponent. A value's bucket is found in its
// exponent bits and one comparison, without a logarithm.
//
//   auto buckets = seawall::ExponentialBuckets::make({.schema = 3, .min_exponent = -20, .max_exponent = 7}).value();
//   std::size_t i = buckets.bucket_of(0.012);  // seconds
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "seawall/result.h"

namespace seawall {

// The default is for seconds: 1 us to 128 s in 216 buckets and the two at the ends.
struct ExponentialOptions {
  std::int64_t schema = 3;  // 0 to 5
  std::int64_t min_exponent = -20;
  std::int64_t max_exponent = 7;
};

namespace detail {

// 2^(i/32) for i from 0 to 32, rounded to nearest: each schema up to 5 takes every 2^(5 - schema)th of them.
inline constexpr std::array<double, 33> kRoots = {1.0,
                                                  1.0218971486541166,
                                                  1.0442737824274138,
                                                  1.0671404006768237,
                                                  1.0905077326652577,
                                                  1.1143867425958924,
                                                  1.1387886347566916,
                                                  1.1637248587775775,
                                                  1.189207115002721,
                                                  1.215247359980469,
                                                  1.241857812073484,
                                                  1.2690509571917332,
                                                  1.2968395546510096,
                                                  1.3252366431597413,
                                                  1.3542555469368927,
                                                  1.383909881963832,
                                                  1.4142135623730951,
                                                  1.4451808069770467,
                                                  1.4768261459394993,
                                                  1.5091644275934228,
                                                  1.5422108254079407,
                                                  1.5759808451078865,
                                                  1.6104903319492543,
                                                  1.645755478153965,
                                                  1.681792830507429,
                                                  1.718619298122478,
                                                  1.7562521603732995,
                                                  1.7947090750031072,
                                                  1.8340080864093424,
                                                  1.8741676341103,
                                                  1.9152065613971474,
                                                  1.9571441241754002,
                                                  2.0};

// For each 64th of an octave the number of roots below its start, and there is at most one in it: a value's root index
// is this or one more.
constexpr std::array<std::uint8_t, 64> root_guesses() {
  std::array<std::uint8_t, 64> guesses{};
  for (std::size_t slice = 0; slice < 64; ++slice) {
    const double start = 1 + static_cast<double>(slice) / 64;
    std::uint8_t below = 0;
    while (below < 32 && kRoots[below] < start) ++below;
    guesses[slice] = below;
  }
  return guesses;
}
inline constexpr auto kRootGuesses = root_guesses();

}  // namespace detail

class ExponentialBuckets {
 public:
  static constexpr std::int64_t kMaxSchema = 5;
  static constexpr std::size_t kMax = 400;  // buckets, the two at the ends included

  // Error: kInvalidArgument, naming the option.
  static constexpr Result<ExponentialBuckets> make(const ExponentialOptions& o) {
    if (o.schema < 0 || o.schema > kMaxSchema) return out_of_range("schema", o.schema, 0, kMaxSchema);
    if (o.min_exponent < -1000 || o.min_exponent > 999) return out_of_range("min_exponent", o.min_exponent, -1000, 999);
    const std::int64_t most = o.min_exponent + ((static_cast<std::int64_t>(kMax) - 2) >> o.schema);
    const std::int64_t highest = most < 1023 ? most : 1023;  // the largest power of two that is a double
    if (o.max_exponent <= o.min_exponent || o.max_exponent > highest) {
      return out_of_range("max_exponent", o.max_exponent, o.min_exponent + 1, highest);
    }
    ExponentialBuckets made;
    made.shift_ = static_cast<std::uint8_t>(kMaxSchema - o.schema);
    made.min_exponent_ = static_cast<std::int16_t>(o.min_exponent);
    made.max_exponent_ = static_cast<std::int16_t>(o.max_exponent);
    return made;
  }

  constexpr int schema() const noexcept { return static_cast<int>(kMaxSchema) - shift_; }
  constexpr int min_exponent() const noexcept { return min_exponent_; }
  constexpr int max_exponent() const noexcept { return max_exponent_; }
  constexpr std::size_t size() const noexcept {
    return (static_cast<std::size_t>(max_exponent_ - min_exponent_) << schema()) + 2;
  }

  // Inclusive; +Inf for the last. As a native histogram counts them, bucket i from 1 on has the index
  // i + min_exponent * 2^schema there, and one less in OpenTelemetry.
  constexpr double upper_bound(std::size_t i) const noexcept {
    if (i + 1 >= size()) return std::numeric_limits<double>::infinity();
    const std::size_t octave = i >> schema();
    const double root = detail::kRoots[(i - (octave << schema())) << shift_];
    return root * power_of_two(min_exponent_ + static_cast<int>(octave));
  }

  // NaN counts as +Inf, what is not above 0 as 0.
  constexpr std::size_t bucket_of(double value) const noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto exponent = static_cast<int>(bits >> 52) - 1023;  // a set sign makes it large
    if (exponent >= max_exponent_) [[unlikely]]
      return of_extreme(value);
    if (exponent < min_exponent_) return 0;
    const std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
    const auto fraction = std::bit_cast<double>(mantissa | std::uint64_t{1023} << 52);
    const std::size_t guess = detail::kRootGuesses[mantissa >> 46];
    const std::size_t root = guess + (fraction > detail::kRoots[guess] ? 1 : 0);
    const std::size_t rounding = (std::size_t{1} << shift_) - 1;
    return (static_cast<std::size_t>(exponent - min_exponent_) << schema()) + ((root + rounding) >> shift_);
  }

  friend constexpr bool operator==(const ExponentialBuckets&, const ExponentialBuckets&) = default;

 private:
  constexpr ExponentialBuckets() = default;

  static constexpr double power_of_two(int exponent) noexcept {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  }
  constexpr std::size_t of_extreme(double value) const noexcept {
    if (value <= 0) return 0;
    return value == power_of_two(max_exponent_) ? size() - 2 : size() - 1;
  }

  std::uint8_t shift_ = 0;
  std::int16_t min_exponent_ = 0;
  std::int16_t max_exponent_ = 1;
};

}  // namespace seawall
