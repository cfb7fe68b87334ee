// SPDX-License-Identifier: MIT
//
// What a family is: its definition, and the list of its series.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics_array.h"
#include "seawall/runtime/metrics_registry.h"

namespace seawall::detail {

class MetricsState;

// All that makes two registrations the same family.
struct Definition {
  std::string name;
  std::string help;
  MetricType type = MetricType::kCounter;
  std::vector<std::string> labels;
  std::int64_t units_per_one = 1;   // counters
  HistogramConfig histogram;        // histograms
  std::vector<std::string> states;  // state sets
  bool exemplars = false;           // counters and histograms

  friend bool operator==(const Definition&, const Definition&) = default;
};

// Families are never removed and series keep their place in the list while they live, so both can be walked without a
// lock, and a walk may stop and go on later.
struct FamilyState {
  explicit FamilyState(Definition made);

  // A cell for each CPU, or one for all.
  bool is_per_cpu() const noexcept {
    return definition.type == MetricType::kCounter || definition.type == MetricType::kHistogram;
  }
  // Of one series; see histogram.h.
  std::size_t cell_count() const noexcept {
    return definition.type == MetricType::kHistogram ? 1 + definition.histogram.bucket_count() : 1;
  }
  std::size_t exemplar_count() const noexcept {
    if (!definition.exemplars) return 0;
    return definition.type == MetricType::kHistogram ? definition.histogram.bucket_count() : 1;
  }
  // The family behind this one in the order of names, nullptr at the end.
  const FamilyState* next() const noexcept { return next_by_name.load(std::memory_order_acquire); }  // see link()

  const Definition definition;
  std::vector<std::string> label_heads;  // ,name=" of each label
  MetricsState* owner = nullptr;
  std::uint32_t index = 0;                               // in the owner's list
  bool bounded = true;                                   // its series count for max_series
  Counter dropped;                                       // answers of overflow()
  SeriesRef overflow;                                    // of a family without labels: its only series
  const std::atomic<std::uint64_t>* external = nullptr;  // the value of all its counters, when it stands elsewhere

  ChunkedArray<std::atomic<std::uint32_t>, 32> series;  // index of each series + 1; 0 where one was removed
  std::atomic<std::int64_t> live{0};                    // series in the list
  std::atomic<std::uint64_t> removals{0};               // see Family::removals()
  std::atomic<bool> has_callbacks{false};
  std::atomic<FamilyState*> next_by_name{nullptr};

  // Guarded by the owner's lock.
  std::vector<std::uint32_t> holes;
  std::int64_t series_count = 0;  // without the overflow series
  bool overflow_linked = false;
};

}  // namespace seawall::detail
