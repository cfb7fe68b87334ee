// SPDX-License-Identifier: MIT
//
// Histogram: how observations (latencies in seconds, sizes in bytes) are distributed over fixed buckets, and their sum.
//
// observe() is a search in the bounds and two atomic additions to cells of the CPU's own; it never locks, waits or
// allocates. Only the buckets are counted and the count is their sum, so in every snapshot `count` equals the `+Inf`
// bucket and no count falls; only `sum` may miss observations that are being made. Safe from any thread; no pointers,
// so the object may live in MAP_SHARED memory.
//
// The sum is exact: whole steps of 1 / steps_per_unit, each observation rounded to the nearest. What is not a plain
// measurement is still counted but cannot spoil the sum: a negative value counts as 0; NaN and +Inf count into +Inf and
// add nothing; a finite one beyond kMaxSteps adds kMaxSteps. Known flaw: the sum wraps to 0 after 2^64 steps (584 years
// of latency at the default), which scrapers read as a restart; and a quantile is only as fine as the buckets.
//
//   seawall::Histogram latency;                      // seconds, 5 ms to 10 s
//   latency.observe(std::chrono::milliseconds(12));
//   double p99 = latency.snapshot().quantile(0.99);
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "seawall/algorithm/bounds.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/stripe.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

struct HistogramOptions {
  Bounds bounds = Bounds::defaults();
  // Resolution of the sum. 0: the largest power of ten, 10^9 at most, with which the last bound is within 10^11 steps.
  std::int64_t steps_per_unit = 0;
};

class HistogramConfig {
 public:
  static constexpr std::int64_t kMaxStepsPerUnit = 1'000'000'000;

  // Error: kInvalidArgument, naming the option.
  static constexpr Result<HistogramConfig> make(const HistogramOptions& options) {
    if (options.steps_per_unit < 0 || options.steps_per_unit > kMaxStepsPerUnit) {
      return out_of_range("steps_per_unit", options.steps_per_unit, 0, kMaxStepsPerUnit);
    }
    HistogramConfig made;
    made.bounds_ = options.bounds;
    made.steps_per_unit_ = options.steps_per_unit != 0 ? options.steps_per_unit : fitting(options.bounds);
    return made;
  }

  constexpr HistogramConfig() = default;
  constexpr const Bounds& bounds() const noexcept { return bounds_; }
  constexpr std::int64_t steps_per_unit() const noexcept { return steps_per_unit_; }

  friend constexpr bool operator==(const HistogramConfig&, const HistogramConfig&) = default;

 private:
  static constexpr std::int64_t fitting(const Bounds& bounds) {
    std::int64_t steps = kMaxStepsPerUnit;
    while (steps > 1 && bounds.values().back() * static_cast<double>(steps) > 1e11) steps /= 10;
    return steps;
  }

  Bounds bounds_ = Bounds::defaults();
  std::int64_t steps_per_unit_ = kMaxStepsPerUnit;
};

struct HistogramSnapshot {
  Bounds bounds = Bounds::defaults();
  std::array<std::uint64_t, Bounds::kMax + 1> buckets{};  // not cumulative; the one at bounds.size() is +Inf
  std::uint64_t count = 0;
  double sum = 0;

  std::span<const std::uint64_t> counts() const noexcept { return {buckets.data(), bounds.values().size() + 1}; }
  // NaN when nothing was observed; see algorithm/bounds.h.
  double quantile(double q) const noexcept { return seawall::quantile(bounds.values(), counts(), q); }
};

class Histogram {
 public:
  static constexpr std::size_t kStripes = 4;
  static constexpr std::int64_t kMaxSteps = std::int64_t{1} << 53;

  explicit Histogram(const HistogramConfig& config = {}) noexcept : config_(config) {}
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  void observe(double value) noexcept { record(value, steps(value)); }
  // In seconds.
  void observe(Duration value) noexcept { observe(static_cast<double>(value.count()) / 1e9); }

  HistogramSnapshot snapshot() const noexcept {
    HistogramSnapshot out{.bounds = config_.bounds()};
    std::uint64_t sum = 0;
    for (const Cells& cells : cells_) {
      // Relaxed: counts of one cell never fall for a reader, and count and +Inf agree because one is made from the
      // other.
      sum += cells.sum.load(std::memory_order_relaxed);
      for (std::size_t i = 0; i < out.counts().size(); ++i) {
        out.buckets[i] += cells.counts[i].load(std::memory_order_relaxed);
      }
    }
    for (const std::uint64_t bucket : out.counts()) out.count += bucket;
    out.sum = static_cast<double>(sum) / static_cast<double>(config_.steps_per_unit());
    return out;
  }

  const HistogramConfig& config() const noexcept { return config_; }

 private:
  std::uint64_t steps(double value) const noexcept {
    if (!(value > 0 && value <= std::numeric_limits<double>::max())) return 0;  // NaN compares false
    const double scaled = value * static_cast<double>(config_.steps_per_unit());
    if (scaled >= static_cast<double>(kMaxSteps)) return static_cast<std::uint64_t>(kMaxSteps);
    return static_cast<std::uint64_t>(scaled + 0.5);  // NOLINT(bugprone-incorrect-roundings): lround is a call
  }

  void record(double value, std::uint64_t added) noexcept {
    Cells& mine = cells_[detail::stripe<kStripes>()];
    // Relaxed: totals publish no other memory, and additions to one cell are never lost whatever their order.
    mine.counts[bucket_of(config_.bounds().values(), value)].fetch_add(1, std::memory_order_relaxed);
    if (added != 0) mine.sum.fetch_add(added, std::memory_order_relaxed);  // relaxed, as above
  }

  struct alignas(detail::kCacheLine) Cells {
    std::atomic<std::uint64_t> sum{0};
    std::array<std::atomic<std::uint64_t>, Bounds::kMax + 1> counts{};
  };
  HistogramConfig config_;  // never written after construction
  std::array<Cells, kStripes> cells_;
};

static_assert(std::is_standard_layout_v<Histogram> && std::is_trivially_destructible_v<Histogram>);

}  // namespace seawall
