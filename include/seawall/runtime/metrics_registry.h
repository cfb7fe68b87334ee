// SPDX-License-Identifier: MIT
//
// MetricsRegistry: families of counters, gauges and histograms with labels, and their exposition as text and JSON.
//
// Resolve once, record for ever: register a family, resolve each label set to a reference with with(), keep it. The
// reference is valid as long as the registry; recording through it takes no lock. with() hashes the values under a lock
// of that family. Rendering takes no lock at all: a scrape never stalls a recorder, nor a with(). All members are safe
// from any thread. The registry opens no socket; the host serves the text under content_type().
//
// Memory is bounded whatever the input. Beyond max_series or max_series_per_family, and for a value that is too long,
// no UTF-8 or holds a zero byte, with() answers the family's overflow series (label seawall_overflow="true") and counts
// that in seawall_metrics_dropped_label_sets_total{family="..."}; nothing recorded is lost from the family's sum. An
// empty label value means "label absent", as in Prometheus. Known flaw: series are never removed, so a label should
// take few values; a counter series takes some 0.7 KiB and a histogram series some 1.5 KiB.
//
//   seawall::MetricsRegistry metrics;
//   auto requests = metrics.counter("http_requests_total", "Requests answered.", {"route", "code"}).value();
//   seawall::Counter& ok = requests.with({"/trades", "200"});  // once
//   ok.add();                                                  // at each request
//   respond(metrics.to_prometheus(), seawall::content_type(seawall::Exposition::kPrometheus));
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "seawall/counter.h"
#include "seawall/gauge.h"
#include "seawall/histogram.h"
#include "seawall/result.h"
#include "seawall/runtime/exposition.h"

namespace seawall {

namespace detail {
struct MetricsState;
template <class Metric>
class FamilyOf;
}  // namespace detail

enum class MetricType : std::int32_t { kCounter = 0, kGauge = 1, kHistogram = 2 };
std::string_view to_string(MetricType type) noexcept;  // "counter", "gauge", "histogram"

// Label names or values: a borrowed list of texts. Used as an argument only, while the list it was made from lives.
class TextList {
 public:
  // Implicit, so that a call can name its texts in braces.
  TextList() = default;
  TextList(std::initializer_list<std::string_view> texts) noexcept : texts_(texts.begin(), texts.size()) {}
  TextList(std::span<const std::string_view> texts) noexcept : texts_(texts) {}

  std::span<const std::string_view> texts() const noexcept { return texts_; }

 private:
  std::span<const std::string_view> texts_;
};

struct MetricsOptions {
  std::int64_t max_families = 1000;
  std::int64_t max_series = 10'000;  // of all families together; overflow series do not count
  std::int64_t max_series_per_family = 2'000;
  std::int64_t max_label_value_bytes = 256;
};

class MetricsConfig {
 public:
  MetricsConfig() = default;
  // Error: kInvalidArgument, naming the option.
  static Result<MetricsConfig> make(const MetricsOptions& options);
  const MetricsOptions& options() const noexcept { return options_; }

 private:
  explicit MetricsConfig(const MetricsOptions& options) : options_(options) {}
  MetricsOptions options_;
};

struct CounterOptions {
  // The exposed value is the total divided by this: 100 counts cents and exposes whole units, 10^9 counts ns as
  // seconds.
  std::int64_t units_per_one = 1;
};

// A family: one name, one type, one list of label names. A small value; copy it freely. Valid as long as its registry.
template <class Metric>
class Family {
 public:
  // The series with these values, one for each label name in the order of registration. Never fails: what cannot have a
  // series of its own, a wrong number of values among them, gets overflow(). Blocks only for other with() calls.
  Metric& with(TextList values) const noexcept;
  // The one series of a family without labels; the same as with({}).
  Metric& get() const noexcept { return with({}); }
  // What takes the dropped label sets; exposed once it was handed out. In a family without labels its only series.
  Metric& overflow() const noexcept;
  bool is_overflow(const Metric& metric) const noexcept;
  std::string_view name() const noexcept;

 private:
  friend class MetricsRegistry;
  explicit Family(detail::FamilyOf<Metric>* family) : family_(family) {}
  detail::FamilyOf<Metric>* family_;
};

class MetricsRegistry {
 public:
  static constexpr std::size_t kMaxLabels = 16;
  static constexpr std::size_t kMaxNameBytes = 200;
  static constexpr std::size_t kMaxHelpBytes = 1000;

  explicit MetricsRegistry(const MetricsConfig& config = {});
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Registers a family, or finds it when the definition is the same to the letter. A family without labels has its
  // series, at 0, from now on. Names: [a-zA-Z][a-zA-Z0-9_]*; those of counters end in _total, others do not. Labels:
  // [a-zA-Z_][a-zA-Z0-9_]*, not beginning with __, not `seawall_overflow`, in histograms not `le`. Help is needed.
  // Errors quote the culprit: kInvalidArgument; kAlreadyExists for another definition of the name, or for a name that
  // would share a sample name with a family (foo_count with the histogram foo); kFull beyond max_families.
  Result<Family<Counter>> counter(std::string_view name, std::string_view help, TextList labels = {},
                                  CounterOptions options = {});
  Result<Family<Gauge>> gauge(std::string_view name, std::string_view help, TextList labels = {});
  Result<Family<Histogram>> histogram(std::string_view name, std::string_view help, TextList labels = {},
                                      const HistogramOptions& options = {});

  // All families by name. Each metric is read once and is consistent in itself; there is no instant common to all.
  // JSON: {"schema": 1, "families": [{"name", "type", "help", "series": [{"labels": {...}, "value": ...}]}]}, where a
  // histogram has "count", "sum" and cumulative "buckets": [{"le": 0.1, "count": 3}, ...]; whole numbers above 2^53 and
  // what JSON has no number for (NaN, +Inf, -Inf) are strings.
  std::string render(Exposition format) const;
  std::string to_prometheus() const { return render(Exposition::kPrometheus); }
  std::string to_openmetrics() const { return render(Exposition::kOpenMetrics); }
  std::string to_json() const { return render(Exposition::kJson); }

  // Series now, overflow series not counted.
  std::int64_t series_count() const noexcept;

 private:
  std::unique_ptr<detail::MetricsState> state_;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

}  // namespace seawall
