// SPDX-License-Identifier: MIT
//
// HistogramConfig: the buckets of a histogram, fixed or exponential, the resolution of its sum, and what both make of
// an observation.
//
// Fixed bounds when you know the limits that matter (an objective of 250 ms); exponential ones when you do not: they
// cost more cells and no thought. Every observation counts. What is no plain measurement cannot spoil the sum: a
// negative value, -Inf too, counts as 0; NaN and +Inf count into +Inf and add nothing; a finite one beyond kMaxSteps
// adds kMaxSteps.
//
//   auto config = seawall::HistogramConfig::make({.exponential = seawall::ExponentialOptions{}}).value();
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>

#include "seawall/algorithm/bounds.h"
#include "seawall/algorithm/exponential.h"
#include "seawall/result.h"

namespace seawall {

struct HistogramOptions {
  Bounds bounds = Bounds::defaults();
  std::optional<ExponentialOptions> exponential = {};  // instead of the bounds
  // Resolution of the sum. 0: the largest power of ten, 10^9 at most, with which the last bound is within 10^11 steps.
  std::int64_t steps_per_unit = 0;
};

class HistogramConfig {
 public:
  static constexpr std::int64_t kMaxStepsPerUnit = 1'000'000'000;
  static constexpr std::int64_t kMaxSteps = std::int64_t{1} << 53;
  static constexpr std::size_t kMaxBuckets = ExponentialBuckets::kMax;

  // Error: kInvalidArgument, naming the option.
  static constexpr Result<HistogramConfig> make(const HistogramOptions& options) {
    if (options.steps_per_unit < 0 || options.steps_per_unit > kMaxStepsPerUnit) {
      return out_of_range("steps_per_unit", options.steps_per_unit, 0, kMaxStepsPerUnit);
    }
    HistogramConfig made;
    made.bounds_ = options.bounds;
    if (options.exponential) {
      const auto buckets = ExponentialBuckets::make(*options.exponential);
      if (!buckets) return buckets.error();
      made.bounds_ = Bounds::defaults();  // two equal configurations must compare equal
      made.exponential_ = buckets.value();
    }
    made.steps_ = static_cast<double>(options.steps_per_unit != 0 ? options.steps_per_unit : made.fitting());
    made.make_quick();
    return made;
  }

  constexpr HistogramConfig() = default;

  // All buckets, that of +Inf included.
  constexpr std::size_t bucket_count() const noexcept {
    return exponential_ ? exponential_->size() : bounds_.values().size() + 1;
  }
  // Inclusive; +Inf for the last one.
  constexpr double upper_bound(std::size_t bucket) const noexcept {
    if (exponential_) return exponential_->upper_bound(bucket);
    const auto bounds = bounds_.values();
    return bucket < bounds.size() ? bounds[bucket] : std::numeric_limits<double>::infinity();
  }
  constexpr std::size_t bucket_of(double value) const noexcept {
    return exponential_ ? exponential_->bucket_of(value) : bounds_.bucket_of(value);
  }
  // What `value` adds to the sum, in steps of 1 / steps_per_unit, rounded to the nearest.
  constexpr std::uint64_t steps(double value) const noexcept {
    const double scaled = value * steps_;
    if (scaled > 0 && scaled < static_cast<double>(kMaxSteps)) [[likely]] {  // NaN compares false
      return rounded(scaled);
    }
    const bool large = scaled > 0 && value <= std::numeric_limits<double>::max();
    return large ? static_cast<std::uint64_t>(kMaxSteps) : 0;
  }

  struct Place {
    std::size_t bucket;
    std::uint64_t steps;
  };
  // How place_of() finds a bucket of exponential ones, in one number, so that who holds other numbers of his own beside
  // it loads them together. 0 of fixed ones.
  constexpr std::uint32_t quick() const noexcept { return quick_; }
  // bucket_of() and steps(), in one; `quick` is quick().
  constexpr Place place_of(double value, std::uint32_t quick) const noexcept {
    if (quick != 0) {
      const auto bits = std::bit_cast<std::uint64_t>(value);
      // The shift is the number's lowest six bits, all that a processor's shift looks at.
      const std::uint64_t bucket = (bits + slices_[detail::slice_of(bits)]) >> (quick & (kQuickUnit - 1));
      if (bucket < quick / kQuickUnit) [[likely]]
        return {static_cast<std::size_t>(bucket), rounded(value * steps_)};
      return {bucket_of(value), steps(value)};
    }
    return {bounds_.bucket_of(value), steps(value)};
  }
  constexpr Place place_of(double value) const noexcept { return place_of(value, quick_); }

  constexpr const std::optional<ExponentialBuckets>& exponential() const noexcept { return exponential_; }
  constexpr const Bounds& bounds() const noexcept { return bounds_; }  // the defaults when exponential
  constexpr std::int64_t steps_per_unit() const noexcept { return static_cast<std::int64_t>(steps_); }

  friend constexpr bool operator==(const HistogramConfig&, const HistogramConfig&) = default;

 private:
  // To the nearest, the even one of two; up to kMaxSteps. By way of int64: conversions to unsigned cost a branch.
  static constexpr std::uint64_t rounded(double steps) noexcept {
#if defined(__x86_64__)
    using Two [[gnu::vector_size(16)]] = double;
    if (!std::is_constant_evaluated()) return static_cast<std::uint64_t>(__builtin_ia32_cvtsd2si64(Two{steps, 0}));
#endif
    constexpr double kWhole = 0x1p52;  // from here on doubles are whole
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(steps < kWhole ? (steps + kWhole) - kWhole : steps));
  }
  constexpr void make_quick() noexcept {
    if (!exponential_) return;
    slices_ = exponential_->slices();
    std::uint32_t buckets = 0;
    while (buckets + 1 < bucket_count() && upper_bound(buckets) * steps_ < static_cast<double>(kMaxSteps)) ++buckets;
    quick_ = buckets * kQuickUnit + exponential_->shift();
  }
  constexpr std::int64_t fitting() const noexcept {
    const double last = upper_bound(bucket_count() - 2);
    std::int64_t steps = kMaxStepsPerUnit;
    while (steps > 1 && last * static_cast<double>(steps) > 1e11) steps /= 10;
    return steps;
  }

  Bounds bounds_ = Bounds::defaults();
  std::optional<ExponentialBuckets> exponential_;
  double steps_ = static_cast<double>(kMaxStepsPerUnit);  // a whole number, ready to be multiplied by
  // Of exponential buckets: how many place_of() finds without looking at anything else (a value in them is above 0 and
  // below kMaxSteps), times kQuickUnit, and the shift, of 47 to 52, that finds them.
  static constexpr std::uint32_t kQuickUnit = 64;
  std::uint32_t quick_ = 0;
  detail::OctaveSlices slices_{};
};

// The value below which the share q (0 to 1) of all observations lies, interpolated inside its bucket as Prometheus'
// histogram_quantile does. `counts` are per bucket. NaN when nothing was observed or q is outside 0 to 1; the last
// bound when the answer lies in +Inf.
constexpr double quantile(const HistogramConfig& config, std::span<const std::uint64_t> counts, double q) noexcept {
  double total = 0;
  for (const std::uint64_t count : counts) total += static_cast<double>(count);
  if (!(total > 0) || !(q >= 0 && q <= 1)) return std::numeric_limits<double>::quiet_NaN();
  double before = 0;
  for (std::size_t i = 0; i + 1 < counts.size(); ++i) {
    const auto inside = static_cast<double>(counts[i]);
    if (inside > 0 && before + inside >= q * total) {
      const double low = i == 0 ? 0 : config.upper_bound(i - 1);
      const double part = (q * total - before) / inside;
      return low + (config.upper_bound(i) - low) * (part > 0 ? part : 0);
    }
    before += inside;
  }
  return config.upper_bound(counts.size() - 2);
}

}  // namespace seawall
