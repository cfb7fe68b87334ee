// SPDX-License-Identifier: MIT
//
// Histogram: how observations (latencies in seconds, sizes in bytes) are distributed over buckets, and their sum. See
// algorithm/histogram_config.h for the kinds of buckets and for what NaN, infinities and negative values do.
//
// The handle of one series, as Counter is. observe() finds the bucket and makes two plain additions to cells of the
// CPU's own, in one sequence; it never locks, waits or allocates. Only the buckets are counted and the count is their
// sum, so in every snapshot `count` equals the `+Inf` bucket and no count falls; only `sum` may miss observations that
// are being made. The sum is exact: whole steps of 1 / steps_per_unit. Known flaw: the sum wraps to 0 after 2^64 steps
// (584 years of latency at the default, or 2048 values beyond kMaxSteps), which scrapers read as a restart; and a
// quantile is only as fine as the buckets.
//
//   seawall::Histogram latency = metrics.histogram("latency_seconds", "Latency.").value().get();  // 5 ms to 10 s
//   latency.observe(std::chrono::milliseconds(12));
//   double p99 = latency.snapshot().quantile(0.99);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "seawall/algorithm/histogram_config.h"
#include "seawall/detail/recording.h"
#include "seawall/exemplar.h"
#include "seawall/time.h"

namespace seawall {

namespace detail {
struct HandleAccess;

inline constexpr HistogramConfig kNoHistogram{};
}  // namespace detail

struct HistogramSnapshot {
  HistogramConfig config;
  std::array<std::uint64_t, HistogramConfig::kMaxBuckets> buckets{};  // not cumulative; the last one used is +Inf
  std::uint64_t count = 0;
  double sum = 0;

  std::span<const std::uint64_t> counts() const noexcept { return {buckets.data(), config.bucket_count()}; }
  // NaN when nothing was observed; see algorithm/histogram_config.h.
  double quantile(double q) const noexcept { return seawall::quantile(config, counts(), q); }
};

class Histogram {
 public:
  Histogram() = default;

  void observe(double value) const noexcept { record(place_of(value)); }
  // In seconds.
  void observe(Duration value) const noexcept { observe(static_cast<double>(value.count()) / 1e9); }

  // Keeps the exemplar of the bucket, too, where the family does.
  void observe(double value, Exemplar exemplar) const noexcept {
    const HistogramConfig::Place place = place_of(value);
    if (!record(place)) return;
    exemplar.value = value;
    detail::keep_exemplar(series_, place.bucket, exemplar);
  }

  // Empty once the series is removed.
  HistogramSnapshot snapshot() const noexcept {
    HistogramSnapshot out;
    out.config = *config_;
    read_into(out);
    if (!is_alive()) out.buckets = {}, out.count = 0, out.sum = 0;
    return out;
  }

  const HistogramConfig& config() const noexcept { return *config_; }
  bool is_alive() const noexcept { return series_.is_alive(); }
  // Handles of the same series.
  friend bool operator==(const Histogram& a, const Histogram& b) noexcept { return a.series_ == b.series_; }

 private:
  friend detail::HandleAccess;

  void use(const HistogramConfig& config) noexcept {
    config_ = &config;
    hot_ = std::uint64_t{config.quick()} << 32 | series_.generation;
  }
  HistogramConfig::Place place_of(double value) const noexcept {
    return config_->place_of(value, static_cast<std::uint32_t>(hot_ >> 32));
  }
  bool record(const HistogramConfig::Place& place) const noexcept {
    return detail::add_to_both(series_, static_cast<std::uint32_t>(hot_), place.bucket, place.steps);
  }

  void read_into(HistogramSnapshot& out) const noexcept {
    if (!is_alive()) return;
    const std::uint32_t blocks = series_.recording->blocks;
    const std::uint64_t steps = detail::sum_of(series_.first, blocks);
    for (std::size_t i = 0; i < out.config.bucket_count(); ++i) {
      out.buckets[i] = detail::sum_of(series_.first + 1 + i, blocks);
      out.count += out.buckets[i];
    }
    out.sum = static_cast<double>(steps) / static_cast<double>(out.config.steps_per_unit());
  }

  // One cell for the sum, then one for each bucket.
  detail::SeriesRef series_;
  const HistogramConfig* config_ = &detail::kNoHistogram;
  // What an observation needs of both, in one load: the config's quick(), the series' generation.
  std::uint64_t hot_ = series_.generation;
};

}  // namespace seawall
