// SPDX-License-Identifier: MIT
//
// ExponentialBuckets: base-2 exponential buckets, those of Prometheus' native histograms and OpenTelemetry's
// exponential ones: 2^schema buckets between a power of two and the next, so the relative error is the same at every
// size (at most 2^(1/2^(schema+1)) - 1 around a bucket's middle: 4.4 % at schema 3).
//
// Bucket 0 is the zero bucket, up to and with 2^min_exponent. Bucket i above it ends, inclusive, at
// 2^(min_exponent + i / 2^schema). The last one is +Inf, beyond 2^max_exponent. A value's bucket is found in its bits
// and one word of a table, without a logarithm and without a branch that depends on it.
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

// An octave in 64 slices, in each of which there is at most one root of a schema. The word of a slice is what to add to
// a mantissa in it, so that its top bits, as many as the schema says, become the number of roots below it: exactly
// those above the root in it carry.
inline constexpr int kMantissaBits = 52;
inline constexpr int kSliceBits = 6;
using OctaveSlices = std::array<std::uint64_t, std::size_t{1} << kSliceBits>;
constexpr std::size_t slice_of(std::uint64_t bits) noexcept {
  return (bits >> (kMantissaBits - kSliceBits)) & (OctaveSlices().size() - 1);
}

constexpr OctaveSlices slices_of(int schema) {
  const std::size_t every = std::size_t{32} >> schema;
  const int shift = kMantissaBits - schema;
  OctaveSlices slices{};
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const double start = 1 + static_cast<double>(i) / 64;
    std::size_t root = 0;
    while (root < 32 && kRoots[root] < start) root += every;
    const std::uint64_t below = root / every;
    if (root < 32 && kRoots[root] < start + 1.0 / 64) {
      const std::uint64_t mantissa = std::bit_cast<std::uint64_t>(kRoots[root]) - std::bit_cast<std::uint64_t>(1.0);
      slices[i] = ((below + 1) << shift) - 1 - mantissa;
    } else {
      slices[i] = (below << shift) - (std::uint64_t{i} << (kMantissaBits - kSliceBits));
    }
  }
  return slices;
}
inline constexpr std::array<OctaveSlices, 6> kSlices = {slices_of(0), slices_of(1), slices_of(2),
                                                        slices_of(3), slices_of(4), slices_of(5)};

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
    made.schema_ = static_cast<std::uint32_t>(o.schema);
    made.low_ = std::bit_cast<std::uint64_t>(power_of_two(static_cast<int>(o.min_exponent)));
    made.span_ = static_cast<std::uint64_t>(o.max_exponent - o.min_exponent) << detail::kMantissaBits;
    return made;
  }

  constexpr int schema() const noexcept { return static_cast<int>(schema_); }
  constexpr int min_exponent() const noexcept { return static_cast<int>(low_ >> detail::kMantissaBits) - 1023; }
  constexpr int max_exponent() const noexcept { return min_exponent() + static_cast<int>(octaves()); }
  constexpr std::size_t size() const noexcept { return (static_cast<std::size_t>(octaves()) << schema_) + 2; }

  // Inclusive; +Inf for the last. As a native histogram counts them, bucket i from 1 on has the index
  // i + min_exponent * 2^schema there, and one less in OpenTelemetry.
  constexpr double upper_bound(std::size_t i) const noexcept {
    if (i + 1 >= size()) return std::numeric_limits<double>::infinity();
    const std::size_t octave = i >> schema_;
    const double root = detail::kRoots[(i - (octave << schema_)) << (kMaxSchema - schema())];
    return root * power_of_two(min_exponent() + static_cast<int>(octave));
  }

  // NaN counts as +Inf, what is not above 0 as 0. A double's bits are its octave and, below, its place in it, so their
  // distance from those of the lowest bound is both.
  constexpr std::size_t bucket_of(double value) const noexcept {
    const std::uint64_t above = std::bit_cast<std::uint64_t>(value) - low_;  // what is below, or has a sign, wraps
    if (above > span_) [[unlikely]]
      return of_extreme(value);
    return static_cast<std::size_t>((above + detail::kSlices[schema_][detail::slice_of(above)]) >> shift());
  }

  // bucket_of() for those who ask often, as (bits of the value + the word of its slice) >> shift(): so the lowest bound
  // costs nothing. Right when below size() - 1; what bucket_of() calls extreme is not, or it is 0 and right.
  constexpr detail::OctaveSlices slices() const noexcept {
    detail::OctaveSlices from_zero = detail::kSlices[schema_];
    for (std::uint64_t& word : from_zero) word -= low_;
    return from_zero;
  }
  constexpr std::uint32_t shift() const noexcept { return detail::kMantissaBits - schema_; }

  friend constexpr bool operator==(const ExponentialBuckets&, const ExponentialBuckets&) = default;

 private:
  constexpr ExponentialBuckets() = default;

  static constexpr double power_of_two(int exponent) noexcept {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  }
  constexpr std::size_t of_extreme(double value) const noexcept {
    return value <= std::bit_cast<double>(low_) ? 0 : size() - 1;
  }
  constexpr std::uint64_t octaves() const noexcept { return span_ >> detail::kMantissaBits; }

  std::uint64_t low_ = std::bit_cast<std::uint64_t>(1.0);  // the bits of 2^min_exponent
  std::uint64_t span_ = std::uint64_t{1} << detail::kMantissaBits;
  std::uint32_t schema_ = 0;
};

}  // namespace seawall
