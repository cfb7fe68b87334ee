// SPDX-License-Identifier: MIT
//
// MetricsRegistry: families of counters, gauges, histograms, state sets and infos with labels, and their exposition.
//
// Resolve once, record for ever: register a family, resolve each label set to a handle with with(), keep it; recording
// through it takes no lock, looks nothing up and allocates nothing. with() finds a series that is there without a lock,
// too; the first use of a label set, and remove(), take the registry's lock. Rendering takes no lock that one of those
// waits for. All members are safe from any thread, and in forked children (see MetricsOptions). The registry opens no
// socket; the host serves the text under content_type().
//
// Memory is bounded whatever the input. Beyond max_series or max_series_per_family, and for a value that is too long,
// no UTF-8 or holds a zero byte, with() answers the family's overflow series (label seawall_overflow="true") and counts
// that in seawall_metrics_dropped_label_sets_total{family="..."}; nothing recorded is lost from the family's sum. An
// empty label value means "label absent", as in Prometheus. A series can be removed; its handles then record nothing,
// and seawall_metrics_stale_recordings_total counts how often. Beside its label text a counter series takes some 80
// bytes and 8 for each CPU, a histogram series 8 more for each further bucket and CPU. Handles must not be used once
// the registry is gone. Known flaw: what removed series and earlier, smaller tables took is kept for later series and
// never given back to the system.
//
//   seawall::MetricsRegistry metrics;
//   auto requests = metrics.counter("http_requests_total", "Requests answered.", {"route", "code"}).value();
//   seawall::Counter ok = requests.with({"/trades", "200"});  // once
//   ok.add();                                                 // at each request
//   respond(metrics.to_prometheus(), seawall::content_type(seawall::Exposition::kPrometheus));
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "seawall/state_set.h"

namespace seawall {

namespace detail {
class MetricsState;
struct FamilyState;
}  // namespace detail

enum class MetricType : std::int32_t { kCounter = 0, kGauge = 1, kHistogram = 2, kStateSet = 3, kInfo = 4 };
std::string_view to_string(MetricType type) noexcept;  // as OpenMetrics has them: "counter", ..., "stateset", "info"

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
  std::int64_t max_label_value_bytes = 256;  // 1024 at most
  // A cell for each CPU, written in restartable sequences, where the system has them. false: atomic additions.
  bool use_rseq = true;
  // Forked children record into the same cells as their parent, which then shows the totals of all: resolve handles,
  // then fork. Children can make no new series, and the memory of removed series is not used again. false: a child has
  // a copy of its own, as of the fork.
  bool share_with_children = false;
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
  bool exemplars = false;  // keep what add() is given
};

// A handle as a number, for those who cannot keep a C++ value: 0 is none. It tells the type, and a removed series.
enum class SeriesId : std::uint64_t {};

// The handle of a series of an info: nothing to record.
class Info {
 public:
  bool is_alive() const noexcept { return series_.is_alive(); }
  friend bool operator==(const Info& a, const Info& b) noexcept { return a.series_ == b.series_; }

 private:
  friend detail::HandleAccess;
  detail::SeriesRef series_;
};

// A family: one name, one type, one list of label names. A small value; copy it freely. Valid as long as its registry.
template <class Metric>
class Family {
 public:
  // The series with these values, one for each label name in the order of registration. Never fails: what cannot have a
  // series of its own, a wrong number of values among them, gets overflow().
  Metric with(TextList values) const noexcept;
  // The one series of a family without labels; the same as with({}).
  Metric get() const noexcept { return with({}); }
  // What takes the dropped label sets; exposed once it was handed out. In a family without labels its only series.
  Metric overflow() const noexcept;
  bool is_overflow(const Metric& metric) const noexcept;
  // The series is no longer exposed and its handles record nothing; with() makes a new one, at 0. False: there is none,
  // or it is the one of a family without labels. A callback of the series has ended and runs no more.
  bool remove(TextList values) const noexcept;
  // How many series were removed. A handle that with() gave, other than overflow(), is the one of its values for as
  // long as this is what it was before with() was called: for hosts that keep handles by values. Read it with acquire.
  const std::atomic<std::uint64_t>& removals() const noexcept;
  // Of gauges: each rendering asks `read` for the value, on its own thread, with no lock held that recording or lookups
  // take. It may record, look up and remove, itself too, but not render. It must return soon: another rendering that
  // comes to it waits, as remove() of its series does, so one that never returns holds up every scrape. One that throws
  // has no sample that time, and in a child that was forked while another thread was inside it none any more.
  // Errors: kAlreadyExists when the series has a callback, kFull when it cannot have a series of its own or lost it
  // meanwhile, kInternal in a child that was forked while another thread gave one.
  Result<void> set_callback(TextList values, std::function<double()> read) const requires std::same_as<Metric, Gauge>;
  std::string_view name() const noexcept;
  std::size_t label_count() const noexcept;

 private:
  friend class MetricsRegistry;
  explicit Family(detail::FamilyState* family) : family_(family) {}
  detail::FamilyState* family_;
};

class MetricsRegistry {
 public:
  static constexpr std::size_t kMaxLabels = 16;
  static constexpr std::size_t kMaxNameBytes = 200;
  static constexpr std::size_t kMaxHelpBytes = 1000;
  static constexpr std::size_t kMaxStates = 16;

  explicit MetricsRegistry(const MetricsConfig& config = {});
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Registers a family, or finds it when the definition is the same to the letter. A family without labels has its
  // series, at 0, from now on. Names: [a-zA-Z][a-zA-Z0-9_]*; those of counters end in _total, those of infos in _info,
  // others do not end in _total. Labels: [a-zA-Z_][a-zA-Z0-9_]*, not beginning with __, not `seawall_overflow`, in
  // histograms not `le`, in state sets not the name of the family. Help is needed.
  // Errors quote the culprit: kInvalidArgument; kAlreadyExists for another definition of the name, or for a name that
  // would share a sample name with a family (foo_count with the histogram foo); kFull beyond max_families.
  Result<Family<Counter>> counter(std::string_view name, std::string_view help, TextList labels = {},
                                  CounterOptions options = {});
  Result<Family<Gauge>> gauge(std::string_view name, std::string_view help, TextList labels = {});
  Result<Family<Histogram>> histogram(std::string_view name, std::string_view help, TextList labels = {},
                                      const HistogramOptions& options = {}, bool exemplars = false);
  // `states`: 1 to kMaxStates different texts; a series begins in the first one.
  Result<Family<StateSet>> state_set(std::string_view name, std::string_view help, TextList states,
                                     TextList labels = {});
  // Series that are always 1 and say something by their labels, such as a version. With() makes them.
  Result<Family<Info>> info(std::string_view name, std::string_view help, TextList labels);

  // Handles as numbers and back. A handle that is made of a number that is none, or of another type, records nothing.
  SeriesId id(const Counter& counter) const noexcept;
  SeriesId id(const Gauge& gauge) const noexcept;
  SeriesId id(const Histogram& histogram) const noexcept;
  SeriesId id(const StateSet& states) const noexcept;
  SeriesId id(const Info& info) const noexcept;
  static MetricType type_of(SeriesId id) noexcept;
  Counter counter_of(SeriesId id) const noexcept;
  Gauge gauge_of(SeriesId id) const noexcept;
  Histogram histogram_of(SeriesId id) const noexcept;
  StateSet state_set_of(SeriesId id) const noexcept;

  // All families by name. Each metric is read once and is consistent in itself; there is no instant common to all.
  // JSON: {"schema": 1, "families": [{"name", "type", "help", "series": [{"labels": {...}, "value": ...}]}]}, where a
  // histogram has "count", "sum" and cumulative "buckets": [{"le": 0.1, "count": 3}, ...]; whole numbers above 2^53 and
  // what JSON has no number for (NaN, +Inf, -Inf) are strings.
  std::string render(const ExpositionOptions& options) const;
  std::string render(Exposition format) const { return render(ExpositionOptions{.format = format}); }
  // The same in parts, into the caller's buffer; allocates nothing. Each call writes as many whole units as fit (a
  // family's head with its first series, a series, an end) and moves the cursor behind them.
  //   for (seawall::ExpositionCursor at({.format = format}); !at.done();)
  //     send({buffer.data(), metrics.render_part(at, buffer).written});
  PagePart render_part(ExpositionCursor& cursor, std::span<char> buffer) const noexcept;
  std::string to_prometheus() const { return render(Exposition::kPrometheus); }
  std::string to_openmetrics() const { return render(Exposition::kOpenMetrics); }
  std::string to_json() const { return render(Exposition::kJson); }

  // Series now, overflow series not counted.
  std::int64_t series_count() const noexcept;
  // Recordings through handles that outlived their series.
  std::uint64_t stale_recordings() const noexcept;
  // Memory of all cells, which comes from the kernel and not from the heap.
  std::size_t cell_bytes() const noexcept;
  // Whether recording writes cells of the CPU's own; false where the system has no restartable sequences.
  bool is_per_cpu() const noexcept;

 private:
  friend class MetricsWindows;
  std::unique_ptr<detail::MetricsState> state_;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;
extern template class Family<StateSet>;
extern template class Family<Info>;

}  // namespace seawall
