// SPDX-License-Identifier: MIT
//
// MetricsWindows: what the counters and histograms of a registry did in the last 60 seconds and the last 60 minutes:
// rates, shares, p50, p90, p99 and means, for a host's own status page. Whoever has a Prometheus server asks that one.
//
// The host calls tick_at(now) about once a second (more often does no harm); it copies the totals into rings, one of 61
// samples a second and one of 61 samples a minute apart. An answer is the difference of two samples divided by the time
// that truly lies between them, which it tells as `covered`: less than the window after the start and after late ticks.
// Only samples inside the window count: after ticks stopped for longer than the window, covered is 0 and the rates are
// NaN, until the next two samples; what happened in a pause is never shown as a rate of now. All of one answer, both
// sides of a share included, is of the same two ticks, the younger one being the latest tick.
// A series that is new since the latest tick counts from 0. A removed one leaves the windows at the next tick, and a
// new one with its labels begins at 0: no rate is ever negative.
//
// Memory: 976 bytes for each counter series and 976 (B + 1) for a histogram series of B buckets, and some 200; series
// for which memory_bytes has no room are left out and counted (skipped_series), and come in when others go, without a
// past. Safe from any thread: ticks and questions take turns at a mutex that recorders, lookups and scrapes never take.
// Known flaw: the answers are as old as the latest tick, and a quantile is only as fine as the histogram's buckets.
//
//   seawall::MetricsWindows windows(metrics);  // of a seawall::MetricsRegistry
//   every_second([&] { windows.tick(); });
//   double errors = windows.share(seawall::Window::kMinute, {"errors_total"}, {"requests_total"}).share();
//   double p99 = windows.histogram(seawall::Window::kHour, {"latency_seconds", {{"route", "/trades"}}}).quantile(0.99);
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/histogram.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

class MetricsRegistry;

enum class Window : std::int32_t { kMinute = 0, kHour = 1 };

struct LabelMatch {
  std::string_view name;
  std::string_view value;  // empty: the label is absent
};

// Which series: those of a family that have all these labels. Used as an argument only, as TextList is.
struct SeriesMatch {
  SeriesMatch(std::string_view name) noexcept : family(name) {}
  SeriesMatch(const char* name) noexcept : family(name) {}
  SeriesMatch(std::string_view name, std::span<const LabelMatch> with) noexcept : family(name), labels(with) {}
  SeriesMatch(std::string_view name, std::initializer_list<LabelMatch> with) noexcept
      : family(name), labels(with.begin(), with.size()) {}

  std::string_view family;
  std::span<const LabelMatch> labels;
};

// Of all series that match, added up. No series: 0 of everything, over the time that the window covers.
struct WindowCounter {
  Duration covered{0};
  std::size_t series = 0;
  double increase = 0;  // in the units that are exposed

  double per_second() const noexcept;  // NaN where nothing is covered
};

struct WindowShare {
  Duration covered{0};
  double part = 0;
  double whole = 0;

  double share() const noexcept;  // NaN where the whole did not grow
};

struct WindowHistogram {
  Duration covered{0};
  std::size_t series = 0;
  HistogramSnapshot increase;

  double per_second() const noexcept;                                        // observations; NaN as above
  double mean() const noexcept;                                              // NaN without observations
  double quantile(double q) const noexcept { return increase.quantile(q); }  // the same
};

struct WindowsStats {
  std::size_t series = 0;            // kept
  std::size_t skipped_series = 0;    // for which there was no room at the latest tick
  std::size_t bytes = 0;             // that the kept ones take
  std::uint64_t samples = 0;         // ticks that took one
  std::uint64_t backward_ticks = 0;  // before the latest one: ignored
};

struct MetricsWindowsOptions {
  std::int64_t memory_bytes = 16 << 20;    // 4 KiB to 1 TiB
  std::vector<std::string> families = {};  // only these, 1000 at most; empty: all counters and histograms
};

class MetricsWindows {
 public:
  static constexpr std::size_t kSamples = 61;  // in each ring: 60 steps
  static constexpr std::size_t kMaxFamilies = 1000;

  // Errors: kInvalidArgument, naming the option. The registry is borrowed and must outlive what is made.
  static Result<MetricsWindows> make(const MetricsRegistry& registry, const MetricsWindowsOptions& options = {});
  explicit MetricsWindows(const MetricsRegistry& registry);  // with all defaults
  MetricsWindows(MetricsWindows&&) noexcept;
  MetricsWindows& operator=(MetricsWindows&&) noexcept;
  ~MetricsWindows();

  // True when it took a sample: the first of its second. A tick that is not later than the latest one does nothing.
  // Allocates only for series that are new; out of memory, those are left out this time.
  bool tick_at(TimePoint now) noexcept;
  bool tick() noexcept { return tick_at(Clock::now()); }

  WindowCounter counter_at(TimePoint now, Window window, const SeriesMatch& match) const noexcept;
  // Counters both: of the `whole`, how much `part` grew. A part that is in the whole gives 0 to 1.
  WindowShare share_at(TimePoint now, Window window, const SeriesMatch& part, const SeriesMatch& whole) const noexcept;
  WindowHistogram histogram_at(TimePoint now, Window window, const SeriesMatch& match) const noexcept;
  WindowCounter counter(Window window, const SeriesMatch& match) const noexcept {
    return counter_at(Clock::now(), window, match);
  }
  WindowShare share(Window window, const SeriesMatch& part, const SeriesMatch& whole) const noexcept {
    return share_at(Clock::now(), window, part, whole);
  }
  WindowHistogram histogram(Window window, const SeriesMatch& match) const noexcept {
    return histogram_at(Clock::now(), window, match);
  }

  // Every series by itself: {"schema": 1, "age_seconds": 0.2, "skipped_series": 0, "families": [{"name", "type",
  // "series": [{"labels": {...}, "minute": {...}, "hour": {...}}]}]}, where a window is {"covered_seconds", "increase",
  // "rate"} and of a histogram {"covered_seconds", "count", "sum", "rate", "mean", "p50", "p90", "p99"}. What is not
  // known is null; age_seconds is that of the latest tick.
  std::string to_json_at(TimePoint now) const;
  std::string to_json() const { return to_json_at(Clock::now()); }

  WindowsStats stats() const noexcept;

 private:
  class Impl;
  explicit MetricsWindows(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seawall
