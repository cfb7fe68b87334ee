// SPDX-License-Identifier: MIT
//
// What a MetricsRegistry is made of. Families and series are only ever added, to lists whose links are published with
// release: rendering walks them without a lock. The locks guard adding, and the indexes that only adding needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "seawall/detail/mutex.h"
#include "seawall/runtime/metrics_registry.h"

namespace seawall::detail {

// All that makes two registrations the same family.
struct Definition {
  std::string name;
  std::string help;
  MetricType type = MetricType::kCounter;
  std::vector<std::string> labels;
  std::int64_t units_per_one = 1;  // counters
  HistogramConfig histogram;       // histograms

  friend bool operator==(const Definition&, const Definition&) = default;
};

// A list that is added to at the end by one thread at a time and walked by any: link() publishes with release.
template <class Node>
class AppendList {
 public:
  void link(Node* node) noexcept {
    // Release: whoever finds the node through the link sees it whole.
    (last_ == nullptr ? first_ : last_->next).store(node, std::memory_order_release);
    last_ = node;
  }
  const Node* first() const noexcept { return first_.load(std::memory_order_acquire); }  // pairs with link()
  static const Node* after(const Node& node) noexcept {
    return node.next.load(std::memory_order_acquire);  // pairs with link()
  }

 private:
  std::atomic<Node*> first_{nullptr};
  Node* last_ = nullptr;  // guarded by the lock of whoever adds
};

struct Series {
  std::vector<std::string> values;  // empty: the overflow series, or one without labels
  std::string labels;               // as text, escaped, without braces: a="1",b="2"
  std::atomic<Series*> next{nullptr};
};

template <class Metric>
struct SeriesOf : Series {
  template <class... Arguments>
  explicit SeriesOf(const Arguments&... arguments) : metric(arguments...) {}
  Metric metric;
};

// Each value is hashed with its length, so ("ab", "c") and ("a", "bc") differ; equality compares the values themselves.
using LabelValues = std::span<const std::string_view>;
struct SeriesHash {
  using is_transparent = void;
  std::size_t operator()(const Series* series) const;
  std::size_t operator()(LabelValues values) const;
};
struct SeriesEqual {
  using is_transparent = void;
  bool operator()(const Series* a, const Series* b) const { return a == b || a->values == b->values; }
  bool operator()(const Series* a, LabelValues b) const;
  bool operator()(LabelValues a, const Series* b) const { return (*this)(b, a); }
};

struct SeriesBudget {
  const MetricsOptions options;
  std::atomic<std::int64_t> used{0};
};

class FamilyState {
 public:
  explicit FamilyState(Definition made) : definition(std::move(made)) {}
  virtual ~FamilyState() = default;

  const Definition definition;
  AppendList<Series> series;
  std::atomic<FamilyState*> next{nullptr};
};

template <class Metric>
class FamilyOf final : public FamilyState {
 public:
  // `budget` null: unbounded, for a family whose values are bounded elsewhere. `dropped` counts answers of overflow().
  FamilyOf(Definition made, SeriesBudget* budget, Counter* dropped);

  Metric& with(LabelValues values) noexcept;
  Metric& overflow() noexcept;
  bool is_overflow(const Metric& metric) const noexcept { return &metric == &overflow_->metric; }

 private:
  std::unique_ptr<SeriesOf<Metric>> make_series() const;
  Metric* find_or_add(LabelValues values) SEAWALL_REQUIRES(mutex_);
  Metric* add(LabelValues values) SEAWALL_REQUIRES(mutex_);
  bool acceptable(LabelValues values) const noexcept;
  bool reserve() SEAWALL_REQUIRES(mutex_);

  SeriesBudget* const budget_;
  Counter* const dropped_;
  const std::unique_ptr<SeriesOf<Metric>> overflow_;  // of a family without labels: its only series
  Mutex mutex_;
  bool overflow_linked_ SEAWALL_GUARDED_BY(mutex_) = false;
  std::unordered_set<Series*, SeriesHash, SeriesEqual> by_values_ SEAWALL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<SeriesOf<Metric>>> owned_ SEAWALL_GUARDED_BY(mutex_);
};

struct MetricsState {
  explicit MetricsState(const MetricsConfig& config);

  template <class Metric>
  Result<FamilyOf<Metric>*> find_or_add(Definition definition) SEAWALL_EXCLUDES(mutex);
  template <class Metric>
  FamilyOf<Metric>* add(Definition definition) SEAWALL_REQUIRES(mutex);
  // The families in the order of their names.
  std::vector<const FamilyState*> sorted() const;

  SeriesBudget budget;
  FamilyOf<Counter> dropped;
  AppendList<FamilyState> families;
  Mutex mutex;
  std::map<std::string, FamilyState*, std::less<>> claims SEAWALL_GUARDED_BY(mutex);  // each sample name to its family
  std::vector<std::unique_ptr<FamilyState>> owned SEAWALL_GUARDED_BY(mutex);
};

}  // namespace seawall::detail
