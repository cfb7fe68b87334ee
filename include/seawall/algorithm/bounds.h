// SPDX-License-Identifier: MIT
//
// Bounds: the upper bounds of a histogram's buckets, and the pure functions on them.
//
// A Bounds is always valid: 1 to kMax numbers, finite, not negative, strictly rising. The bucket above the last bound,
// `+Inf`, is implied and never listed. A value equal to a bound belongs to the bucket below it (Prometheus `le`).
//
//   auto latency = seawall::Bounds::defaults();                                 // 5 ms to 10 s, in seconds
//   auto sizes = seawall::Bounds::exponential(256, 4, 8).value();               // 256 B to 4 MiB, in bytes
//   std::size_t bucket = latency.bucket_of(0.3);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "seawall/result.h"

namespace seawall {

// Index of the bucket that holds `value`: that of the first bound not below it, bounds.size() for +Inf. NaN is not
// less or equal to anything and so counts as +Inf. This is the definition; Bounds has it without branches.
constexpr std::size_t bucket_of(std::span<const double> bounds, double value) noexcept {
  std::size_t i = 0;
  while (i < bounds.size() && !(value <= bounds[i])) ++i;
  return i;
}

class Bounds {
 public:
  static constexpr std::size_t kMax = 30;

  // Error: kInvalidArgument, naming the bound by its position (from 0).
  static constexpr Result<Bounds> make(std::span<const double> values) {
    if (values.empty() || values.size() > kMax) {
      return out_of_range("number of bounds", static_cast<std::int64_t>(values.size()), 1, kMax);
    }
    Bounds made;
    for (const double value : values) {
      if (!(value >= 0 && value <= std::numeric_limits<double>::max()))
        return bad(made.size_, "finite and not negative");
      if (made.size_ > 0 && value <= made.values_[made.size_ - 1]) return bad(made.size_, "above the one before it");
      made.values_[made.size_++] = value;
    }
    return made;
  }

  // start, start + width, ...
  static constexpr Result<Bounds> linear(double start, double width, std::size_t count) {
    return generate(start, 1, width, count);
  }
  // start, start * factor, ...
  static constexpr Result<Bounds> exponential(double start, double factor, std::size_t count) {
    return generate(start, factor, 0, count);
  }
  // For latencies in seconds; the defaults of Prometheus' own clients.
  static constexpr Bounds defaults() {
    constexpr double kSeconds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
    return make(kSeconds).value();
  }

  constexpr std::span<const double> values() const noexcept { return {values_.data(), size_}; }

  // Counts the bounds that are not below `value`, four at a time: linear, which up to some 35 bounds beats a binary
  // search, and without a branch that depends on the value, which the processor could not foresee.
  constexpr std::size_t bucket_of(double value) const noexcept {
    if (std::is_constant_evaluated()) return seawall::bucket_of(values(), value);
    using Two [[gnu::vector_size(16)]] = double;
    using Counts [[gnu::vector_size(16)]] = std::int64_t;
    const Two wanted = {value, value};
    Counts even = {0, 0}, odd = {0, 0};  // down by 1 for each, as true is -1
    std::size_t i = 0;
    for (; i < size_; i += 4) {
      const Two low = {values_[i], values_[i + 1]};
      const Two high = {values_[i + 2], values_[i + 3]};
      even += static_cast<Counts>(wanted <= low);
      odd += static_cast<Counts>(wanted <= high);
    }
    even += odd;
    const std::size_t found = i + static_cast<std::size_t>(even[0] + even[1]);
    return found < size_ ? found : size_;  // NaN is not at most +Inf, the filler, either
  }

  friend constexpr bool operator==(const Bounds& a, const Bounds& b) {
    return a.size_ == b.size_ && a.values_ == b.values_;
  }

 private:
  constexpr Bounds() noexcept { values_.fill(std::numeric_limits<double>::infinity()); }

  static constexpr Error bad(std::size_t position, const char* rule) {
    Message m("bound ");
    m.append(static_cast<std::int64_t>(position)).append(" must be ").append(rule);
    return {Code::kInvalidArgument, m};
  }
  // Each value is the last * factor + width.
  static constexpr Result<Bounds> generate(double start, double factor, double width, std::size_t count) {
    std::array<double, kMax + 1> values{};  // one more, so that make() refuses a count that is too large
    const std::size_t size = count < values.size() ? count : values.size();
    for (std::size_t i = 0; i < size; ++i) values[i] = i == 0 ? start : values[i - 1] * factor + width;
    return make(std::span(values).first(size));
  }

  alignas(16) std::array<double, (kMax + 3) / 4 * 4> values_;  // filled up with +Inf
  std::size_t size_ = 0;
};

}  // namespace seawall
