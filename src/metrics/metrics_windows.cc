// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_windows.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <new>
#include <utility>

#include "metrics/exposition_printer.h"
#include "metrics/metrics_family.h"
#include "metrics/metrics_reader.h"
#include "metrics/metrics_state.h"
#include "metrics/window_samples.h"
#include "seawall/detail/mutex.h"
#include "text/json_text.h"

namespace seawall {
namespace {

using detail::FamilyState;
using detail::FirstSamples;
using detail::SampledSeries;
using detail::SampleSpan;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double ratio(double part, double whole) noexcept { return whole > 0 ? part / whole : kUnknown; }
double seconds(Duration duration) noexcept { return static_cast<double>(duration.count()) / 1e9; }

// Whether an escaped label value is this one.
bool is_escaped(std::string_view escaped, std::string_view value) noexcept {
  std::size_t at = 0;
  for (const char c : value) {
    if (c == '\\' || c == '"' || c == '\n') {
      if (at >= escaped.size() || escaped[at++] != '\\') return false;
    }
    if (at >= escaped.size() || escaped[at++] != (c == '\n' ? 'n' : c)) return false;
  }
  return at == escaped.size();
}

bool matches(std::string_view labels, std::span<const LabelMatch> wanted) noexcept {
  for (const LabelMatch& match : wanted) {
    std::string_view found;
    detail::for_each_label(labels, [&](std::string_view name, std::string_view value) {
      if (name == match.name) found = value;
    });
    if (!is_escaped(found, match.value)) return false;
  }
  return true;
}

void append_known(std::string& out, double value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    out += "null";
  }
}

void append_field(std::string& out, std::string_view name, double value) {
  out.append(",\"").append(name).append("\":");
  append_known(out, value);
}

// The sums of the series that match, by the same two samples.
void add_increase(const FamilyState& family, const SampledSeries& series, const SampleSpan& span, WindowCounter& into) {
  into.increase += static_cast<double>(series.increase(span, 0)) / static_cast<double>(family.definition.units_per_one);
}

void add_increase(const FamilyState& family, const SampledSeries& series, const SampleSpan& span,
                  WindowHistogram& into) {
  HistogramSnapshot& sum = into.increase;
  sum.config = family.definition.histogram;
  const std::size_t buckets = sum.config.bucket_count();
  for (std::size_t i = 0; i < buckets; ++i) {
    const std::uint64_t grown = series.increase(span, i);
    sum.buckets[i] += grown;
    sum.count += grown;
  }
  sum.sum += std::bit_cast<double>(series.value(0, span.to, buckets)) -
             std::bit_cast<double>(series.value(span.ring, span.from, buckets));
}

void append_window(std::string& out, const WindowCounter& window) {
  append_field(out, "increase", window.increase);
  append_field(out, "rate", window.per_second());
}

void append_window(std::string& out, const WindowHistogram& window) {
  append_field(out, "count", static_cast<double>(window.increase.count));
  append_field(out, "sum", window.increase.sum);
  append_field(out, "rate", window.per_second());
  append_field(out, "mean", window.mean());
  append_field(out, "p50", window.quantile(0.5));
  append_field(out, "p90", window.quantile(0.9));
  append_field(out, "p99", window.quantile(0.99));
}

}  // namespace

double WindowCounter::per_second() const noexcept { return ratio(increase, seconds(covered)); }
double WindowShare::share() const noexcept { return ratio(part, whole); }
double WindowHistogram::per_second() const noexcept {
  return ratio(static_cast<double>(increase.count), seconds(covered));
}
double WindowHistogram::mean() const noexcept { return ratio(increase.sum, static_cast<double>(increase.count)); }

class MetricsWindows::Impl {
 public:
  Impl(const detail::MetricsState& state, const MetricsWindowsOptions& options)
      : state_(state), memory_(static_cast<std::size_t>(options.memory_bytes)), chosen_(options.families) {
    std::sort(chosen_.begin(), chosen_.end());
  }

  bool tick(TimePoint now) noexcept SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    if (!clock_.empty() && now < clock_.latest()) ++backward_;
    if (!clock_.empty() && now <= clock_.latest()) return false;
    if (!clock_.ring(0).due(now)) return false;
    for (std::size_t i = 0; i < detail::kRings; ++i) due_[i] = clock_.ring(i).due(now);
    // What is met now and was not met then is new, unless something had been left out.
    const bool complete = !clock_.empty() && skipped_ == 0;
    begin_ = complete ? FirstSamples{} : FirstSamples{clock_.ring(0).count(), clock_.ring(1).count()};
    skipped_ = 0;
    walk();
    forget_gone();
    for (std::size_t i = 0; i < detail::kRings; ++i) {
      if (due_[i]) clock_.ring(i).push(now);
    }
    return true;
  }

  // Both of the same samples: those that every series of both has.
  template <class Answer>
  std::array<Answer, 2> sums(TimePoint now, Window window, std::array<const SeriesMatch*, 2> wanted) const noexcept
      SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    FirstSamples first{};
    for (const SeriesMatch* match : wanted) {
      for_each<Answer>(match, [&](const FamilyState&, const SampledSeries& series) {
        for (std::size_t i = 0; i < detail::kRings; ++i) first[i] = std::max(first[i], series.first()[i]);
      });
    }
    const SampleSpan span = clock_.span(now, window, first);
    std::array<Answer, 2> answers;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      answers[i].covered = span.covered;
      for_each<Answer>(wanted[i], [&](const FamilyState& family, const SampledSeries& series) {
        ++answers[i].series;
        add_increase(family, series, span, answers[i]);
      });
    }
    return answers;
  }

  std::string to_json(TimePoint now) const SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    const double age = clock_.empty() ? kUnknown : seconds(std::max(now, clock_.latest()) - clock_.latest());
    std::string out = "{\"schema\":1,\"age_seconds\":";
    append_known(out, age);
    out.append(",\"skipped_series\":").append(std::to_string(skipped_)).append(",\"families\":[");
    const char* comma = "";
    for (const auto& [name, family] : families_) {
      out.append(std::exchange(comma, ",")).append("{\"name\":");
      append_json_text(out, name);
      out.append(",\"type\":\"").append(to_string(family.state->definition.type)).append("\",\"series\":[");
      const char* next = "";
      for (const auto& [index, series] : family.series) {
        out += std::exchange(next, ",");
        append_series(out, now, *family.state, series);
      }
      out += "]}";
    }
    return out.append("]}\n");
  }

  WindowsStats stats() const noexcept SEAWALL_EXCLUDES(mutex_) {
    const detail::MutexLock lock(mutex_);
    WindowsStats stats{
        .skipped_series = skipped_, .bytes = bytes_, .samples = clock_.ring(0).count(), .backward_ticks = backward_};
    for (const auto& [name, family] : families_) stats.series += family.series.size();
    return stats;
  }

 private:
  struct Family {
    const FamilyState* state = nullptr;
    std::map<std::uint32_t, SampledSeries> series;  // by index
  };

  bool is_wanted(const FamilyState& family) const noexcept {
    const auto& d = family.definition;
    if (d.type != MetricType::kCounter && d.type != MetricType::kHistogram) return false;
    return chosen_.empty() || std::binary_search(chosen_.begin(), chosen_.end(), d.name);
  }

  void walk() noexcept SEAWALL_REQUIRES(mutex_) {
    for (const FamilyState* family = state_.first_family(); family != nullptr; family = family->next()) {
      if (!is_wanted(*family)) continue;
      for (std::uint32_t at = 0; reader_.next(*family, at);) {
        if (SampledSeries* series = find_or_add(*family)) {
          keep(*family, *series);
        } else {
          ++skipped_;
        }
      }
    }
  }

  SampledSeries* find_or_add(const FamilyState& family) noexcept SEAWALL_REQUIRES(mutex_) {
    const auto known = families_.find(family.definition.name);
    if (known != families_.end()) {
      auto& series = known->second.series;
      const auto found = series.find(reader_.index());
      if (found != series.end()) {
        if (found->second.generation() == reader_.generation()) return &found->second;
        bytes_ -= found->second.bytes();
        series.erase(found);
      }
    }
    const std::size_t needed = SampledSeries::bytes(reader_.labels(), family.cell_count());
    if (needed > memory_ - bytes_) return nullptr;
    try {
      Family& into = families_[family.definition.name];
      into.state = &family;
      const auto made =
          into.series.try_emplace(reader_.index(), reader_.generation(), reader_.labels(), family.cell_count(), begin_);
      bytes_ += needed;
      return &made.first->second;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  void keep(const FamilyState& family, SampledSeries& series) noexcept SEAWALL_REQUIRES(mutex_) {
    series.seen = clock_.ring(0).count();
    for (std::size_t ring = 0; ring < detail::kRings; ++ring) {
      if (!due_[ring]) continue;
      const std::uint64_t number = clock_.ring(ring).count();
      if (family.definition.type == MetricType::kCounter) {
        series.value(ring, number, 0) = reader_.total();
        continue;
      }
      const auto counts = reader_.histogram().counts();
      for (std::size_t i = 0; i < counts.size(); ++i) series.value(ring, number, i) = counts[i];
      series.value(ring, number, counts.size()) = std::bit_cast<std::uint64_t>(reader_.histogram().sum);
    }
  }

  void forget_gone() noexcept SEAWALL_REQUIRES(mutex_) {
    for (auto& [name, family] : families_) {
      for (auto entry = family.series.begin(); entry != family.series.end();) {
        if (entry->second.seen == clock_.ring(0).count()) {
          ++entry;
        } else {
          bytes_ -= entry->second.bytes();
          entry = family.series.erase(entry);
        }
      }
    }
  }

  // The series that match and are of the type that the answer is of.
  template <class Answer, class Use>
  void for_each(const SeriesMatch* match, Use use) const noexcept SEAWALL_REQUIRES(mutex_) {
    constexpr bool kIsCounter = std::is_same_v<Answer, WindowCounter>;
    if (match == nullptr) return;
    const auto family = families_.find(match->family);
    if (family == families_.end()) return;
    const FamilyState& state = *family->second.state;
    if (state.definition.type != (kIsCounter ? MetricType::kCounter : MetricType::kHistogram)) return;
    for (const auto& [index, series] : family->second.series) {
      if (matches(series.labels(), match->labels)) use(state, series);
    }
  }

  void append_series(std::string& out, TimePoint now, const FamilyState& family, const SampledSeries& series) const
      SEAWALL_REQUIRES(mutex_) {
    out += "{\"labels\":{";
    const char* comma = "";
    detail::for_each_label(series.labels(), [&](std::string_view name, std::string_view value) {
      out.append(std::exchange(comma, ",")).append("\"").append(name).append("\":\"");
      append_json_escaped(out, value);
      out += '"';
    });
    out += '}';
    for (const auto& [name, window] : {std::pair("minute", Window::kMinute), std::pair("hour", Window::kHour)}) {
      const SampleSpan span = clock_.span(now, window, series.first());
      out.append(",\"").append(name).append("\":{\"covered_seconds\":");
      append_known(out, seconds(span.covered));
      if (family.definition.type == MetricType::kCounter) {
        append_one<WindowCounter>(out, family, series, span);
      } else {
        append_one<WindowHistogram>(out, family, series, span);
      }
      out += '}';
    }
    out += '}';
  }

  template <class Answer>
  static void append_one(std::string& out, const FamilyState& family, const SampledSeries& series,
                         const SampleSpan& span) {
    Answer answer;
    answer.covered = span.covered;
    add_increase(family, series, span, answer);
    append_window(out, answer);
  }

  const detail::MetricsState& state_;
  const std::size_t memory_;
  std::vector<std::string> chosen_;
  mutable detail::Mutex mutex_;
  detail::SampleClock clock_ SEAWALL_GUARDED_BY(mutex_);
  std::map<std::string_view, Family> families_ SEAWALL_GUARDED_BY(mutex_);  // names stand in the registry
  std::size_t bytes_ SEAWALL_GUARDED_BY(mutex_) = 0;
  std::size_t skipped_ SEAWALL_GUARDED_BY(mutex_) = 0;
  std::uint64_t backward_ SEAWALL_GUARDED_BY(mutex_) = 0;
  // Of the tick that is under way.
  detail::SeriesReader reader_ SEAWALL_GUARDED_BY(mutex_);
  std::array<bool, detail::kRings> due_ SEAWALL_GUARDED_BY(mutex_){};
  FirstSamples begin_ SEAWALL_GUARDED_BY(mutex_){};
};

Result<MetricsWindows> MetricsWindows::make(const MetricsRegistry& registry, const MetricsWindowsOptions& options) {
  constexpr std::int64_t kLeast = 4096;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (options.memory_bytes < kLeast || options.memory_bytes > kMost) {
    return out_of_range("memory_bytes", options.memory_bytes, kLeast, kMost);
  }
  if (options.families.size() > kMaxFamilies) {
    return out_of_range("families", static_cast<std::int64_t>(options.families.size()), 0, kMaxFamilies);
  }
  return MetricsWindows(std::make_unique<Impl>(*registry.state_, options));
}

MetricsWindows::MetricsWindows(const MetricsRegistry& registry)
    : impl_(std::make_unique<Impl>(*registry.state_, MetricsWindowsOptions{})) {}
MetricsWindows::MetricsWindows(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
MetricsWindows::MetricsWindows(MetricsWindows&&) noexcept = default;
MetricsWindows& MetricsWindows::operator=(MetricsWindows&&) noexcept = default;
MetricsWindows::~MetricsWindows() = default;

bool MetricsWindows::tick_at(TimePoint now) noexcept { return impl_->tick(now); }

WindowCounter MetricsWindows::counter_at(TimePoint now, Window window, const SeriesMatch& match) const noexcept {
  return impl_->sums<WindowCounter>(now, window, {&match, nullptr})[0];
}

WindowShare MetricsWindows::share_at(TimePoint now, Window window, const SeriesMatch& part,
                                     const SeriesMatch& whole) const noexcept {
  const auto sums = impl_->sums<WindowCounter>(now, window, {&part, &whole});
  return {sums[0].covered, sums[0].increase, sums[1].increase};
}

WindowHistogram MetricsWindows::histogram_at(TimePoint now, Window window, const SeriesMatch& match) const noexcept {
  return impl_->sums<WindowHistogram>(now, window, {&match, nullptr})[0];
}

std::string MetricsWindows::to_json_at(TimePoint now) const { return impl_->to_json(now); }

WindowsStats MetricsWindows::stats() const noexcept { return impl_->stats(); }

}  // namespace seawall
