// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>

#include "internal.h"
#include "options.h"
#include "seawall/detail/mutex.h"
#include "seawall/runtime/metrics_registry.h"

using seawall::Counter;
using seawall::Family;
using seawall::Gauge;
using seawall::Histogram;
using seawall::MetricsRegistry;
using seawall::Result;
using namespace seawall::capi;

// A borrowed handle adds a type tag to a metric of the registry.
struct seawall_counter : Handle<0x53574D02> {
  explicit seawall_counter(Counter& metric) : rep(metric) {}
  Counter& rep;
};
struct seawall_gauge : Handle<0x53574D03> {
  explicit seawall_gauge(Gauge& metric) : rep(metric) {}
  Gauge& rep;
};
struct seawall_histogram : Handle<0x53574D04> {
  explicit seawall_histogram(Histogram& metric) : rep(metric) {}
  Histogram& rep;
};

namespace {

using AnyFamily = std::variant<Family<Counter>, Family<Gauge>, Family<Histogram>>;

// The handles given out for one type of metric, so that the same metric always has the same handle.
template <class H>
using Handles = std::unordered_map<const void*, std::unique_ptr<H>>;

}  // namespace

struct seawall_family : Handle<0x53574D05> {
  seawall_family(seawall_metrics& metrics, const AnyFamily& family, std::size_t labels)
      : owner(metrics), rep(family), label_count(labels) {}
  seawall_metrics& owner;
  const AnyFamily rep;
  const std::size_t label_count;
};

struct seawall_metrics : Handle<0x53574D01> {
  explicit seawall_metrics(const seawall::MetricsConfig& config) : rep(config) {}
  MetricsRegistry rep;
  seawall::detail::Mutex mutex;
  std::map<std::string, std::unique_ptr<seawall_family>, std::less<>> families SEAWALL_GUARDED_BY(mutex);
  Handles<seawall_counter> counters SEAWALL_GUARDED_BY(mutex);
  Handles<seawall_gauge> gauges SEAWALL_GUARDED_BY(mutex);
  Handles<seawall_histogram> histograms SEAWALL_GUARDED_BY(mutex);
};

namespace {

int32_t invalid(seawall_error* error, std::string_view why) noexcept {
  return fail(error, SEAWALL_E_INVALID_ARGUMENT, why);
}

// Up to kMaxLabels borrowed texts, parsed from C.
class Texts {
 public:
  // False: a text is NULL, or there are too many.
  bool read(const seawall_text* texts, std::size_t count) noexcept {
    if (count > texts_.size() || (texts == nullptr && count != 0)) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!readable(texts[i].data, texts[i].size)) return false;
      texts_[i] = text_in(texts[i].data, texts[i].size);
    }
    count_ = count;
    return true;
  }
  std::span<const std::string_view> span() const noexcept { return std::span(texts_).first(count_); }

 private:
  std::array<std::string_view, MetricsRegistry::kMaxLabels> texts_;
  std::size_t count_ = 0;
};

int32_t create(const seawall_metrics_options& given, seawall_metrics** out, seawall_error* error) {
  seawall::MetricsOptions options;
  const auto take = [](std::int64_t value, std::int64_t& into) {
    if (value != 0) into = value;
  };
  take(given.max_families, options.max_families);
  take(given.max_series, options.max_series);
  take(given.max_series_per_family, options.max_series_per_family);
  take(given.max_label_value_bytes, options.max_label_value_bytes);
  const auto config = seawall::MetricsConfig::make(options);
  if (!config) return fail(error, config.error());
  *out = new seawall_metrics(config.value());
  return SEAWALL_OK;
}

Result<AnyFamily> register_family(MetricsRegistry& registry, const seawall_family_options& o, const Texts& labels) {
  const auto any = [](const auto& family) -> Result<AnyFamily> {
    if (!family) return family.error();
    return AnyFamily(family.value());
  };
  const std::string_view name = text_in(o.name.data, o.name.size);
  const std::string_view help = text_in(o.help.data, o.help.size);
  switch (o.type) {
    case SEAWALL_METRIC_COUNTER:
      return any(
          registry.counter(name, help, labels.span(), {.units_per_one = o.units_per_one != 0 ? o.units_per_one : 1}));
    case SEAWALL_METRIC_GAUGE:
      return any(registry.gauge(name, help, labels.span()));
    case SEAWALL_METRIC_HISTOGRAM: {
      seawall::HistogramOptions options{.steps_per_unit = o.steps_per_unit};
      if (o.bound_count != 0) {
        const auto bounds = seawall::Bounds::make({o.bounds, o.bound_count});
        if (!bounds) return bounds.error();
        options.bounds = bounds.value();
      }
      return any(registry.histogram(name, help, labels.span(), options));
    }
    default:
      return seawall::out_of_range("type", o.type, SEAWALL_METRIC_COUNTER, SEAWALL_METRIC_HISTOGRAM);
  }
}

// What the registry cannot refuse because it would have to read it first.
const char* unreadable(const seawall_family_options& o) noexcept {
  if (!readable(o.name.data, o.name.size)) return "name is NULL";
  if (!readable(o.help.data, o.help.size)) return "help is NULL";
  if (o.bounds == nullptr && o.bound_count != 0) return "bounds is NULL";
  if (o.bound_count != 0 && o.type != SEAWALL_METRIC_HISTOGRAM) return "bounds given for what is no histogram";
  if (o.steps_per_unit != 0 && o.type != SEAWALL_METRIC_HISTOGRAM)
    return "steps_per_unit given for what is no histogram";
  if (o.units_per_one != 0 && o.type != SEAWALL_METRIC_COUNTER) return "units_per_one given for what is no counter";
  return nullptr;
}

template <class H, class Metric>
H* handle_of(Handles<H>& handles, Metric& metric) {
  auto& handle = handles[&metric];
  if (!handle) handle = std::make_unique<H>(metric);
  return handle.get();
}

// The body of the three seawall_family_*: `which` is the member of seawall_metrics that keeps the handles.
template <class Metric, class H>
int32_t resolve(seawall_family* family, const seawall_text* values, std::size_t count, H** out, seawall_error* error,
                Handles<H> seawall_metrics::*which) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(family)) return wrong_handle(error, "family is no family handle");
  if (out == nullptr) return invalid(error, "out is NULL");
  const auto* typed = std::get_if<Family<Metric>>(&family->rep);
  if (typed == nullptr) return wrong_handle(error, "the family holds another type of metric");
  Texts texts;
  if (count != family->label_count || !texts.read(values, count)) {
    return invalid(error, "values must be one readable text for each label");
  }
  return guarded(error, [&] {
    Metric& metric = typed->with(texts.span());
    const bool overflow = family->label_count != 0 && typed->is_overflow(metric);
    const seawall::detail::MutexLock lock(family->owner.mutex);
    *out = handle_of(family->owner.*which, metric);
    return static_cast<int32_t>(overflow ? SEAWALL_SERIES_OVERFLOW : SEAWALL_SERIES_OWN);
  });
}

bool is_format(int32_t format) noexcept { return format >= SEAWALL_FORMAT_PROMETHEUS && format <= SEAWALL_FORMAT_JSON; }

}  // namespace

extern "C" {

int32_t seawall_metrics_options_init(seawall_metrics_options* options) noexcept { return init_options(options); }

int32_t seawall_family_options_init(seawall_family_options* options) noexcept { return init_options(options); }

int32_t seawall_metrics_new(const seawall_metrics_options* options, seawall_metrics** out,
                            seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  seawall_metrics_options read{};
  if (!read_options(options, read)) return invalid(error, "options.struct_size is not that of a known version");
  return guarded(error, [&] { return create(read, out, error); });
}

int32_t seawall_metrics_new_from_json(const char* json, size_t json_size, seawall_metrics** out,
                                      seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&] {
    seawall_metrics_options read{};
    const auto parsed =
        read_json_options(text_in(json, json_size), {{"max_families", &read.max_families},
                                                     {"max_series", &read.max_series},
                                                     {"max_series_per_family", &read.max_series_per_family},
                                                     {"max_label_value_bytes", &read.max_label_value_bytes}});
    return parsed ? create(read, out, error) : fail(error, parsed.error());
  });
}

void seawall_metrics_free(seawall_metrics* metrics) noexcept { free_handle(metrics); }

int32_t seawall_metrics_family(seawall_metrics* metrics, const seawall_family_options* options, seawall_family** out,
                               seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(metrics)) return wrong_handle(error, "metrics is no metrics handle");
  if (out == nullptr || options == nullptr) return invalid(error, "out or options is NULL");
  seawall_family_options read{};
  if (!read_options(options, read)) return invalid(error, "options.struct_size is not that of a known version");
  if (const char* why = unreadable(read)) return invalid(error, why);
  Texts labels;
  if (!labels.read(read.labels, read.label_count)) return invalid(error, "labels must be 0 to 16 readable texts");
  return guarded(error, [&] {
    const auto family = register_family(metrics->rep, read, labels);
    if (!family) return fail(error, family.error());
    const seawall::detail::MutexLock lock(metrics->mutex);
    auto& handle = metrics->families[std::string(text_in(read.name.data, read.name.size))];
    if (!handle) handle = std::make_unique<seawall_family>(*metrics, family.value(), read.label_count);
    *out = handle.get();
    return static_cast<int32_t>(SEAWALL_OK);
  });
}

int32_t seawall_family_counter(seawall_family* family, const seawall_text* values, size_t value_count,
                               seawall_counter** out, seawall_error* error) noexcept {
  return resolve<Counter>(family, values, value_count, out, error, &seawall_metrics::counters);
}
int32_t seawall_family_gauge(seawall_family* family, const seawall_text* values, size_t value_count,
                             seawall_gauge** out, seawall_error* error) noexcept {
  return resolve<Gauge>(family, values, value_count, out, error, &seawall_metrics::gauges);
}
int32_t seawall_family_histogram(seawall_family* family, const seawall_text* values, size_t value_count,
                                 seawall_histogram** out, seawall_error* error) noexcept {
  return resolve<Histogram>(family, values, value_count, out, error, &seawall_metrics::histograms);
}

int32_t seawall_counter_add(seawall_counter* counter, int64_t n) noexcept {
  if (!valid(counter)) return SEAWALL_E_WRONG_HANDLE;
  if (n < 0) return SEAWALL_E_INVALID_ARGUMENT;
  counter->rep.add(n);
  return SEAWALL_OK;
}

int32_t seawall_counter_value(const seawall_counter* counter, uint64_t* value) noexcept {
  if (!valid(counter)) return SEAWALL_E_WRONG_HANDLE;
  if (value == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *value = counter->rep.value();
  return SEAWALL_OK;
}

int32_t seawall_gauge_set(seawall_gauge* gauge, double value) noexcept {
  if (!valid(gauge)) return SEAWALL_E_WRONG_HANDLE;
  gauge->rep.set(value);
  return SEAWALL_OK;
}

int32_t seawall_gauge_add(seawall_gauge* gauge, double difference) noexcept {
  if (!valid(gauge)) return SEAWALL_E_WRONG_HANDLE;
  gauge->rep.add(difference);
  return SEAWALL_OK;
}

int32_t seawall_gauge_value(const seawall_gauge* gauge, double* value) noexcept {
  if (!valid(gauge)) return SEAWALL_E_WRONG_HANDLE;
  if (value == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *value = gauge->rep.value();
  return SEAWALL_OK;
}

int32_t seawall_histogram_observe(seawall_histogram* histogram, double value) noexcept {
  if (!valid(histogram)) return SEAWALL_E_WRONG_HANDLE;
  histogram->rep.observe(value);
  return SEAWALL_OK;
}

int32_t seawall_histogram_observe_ns(seawall_histogram* histogram, int64_t ns) noexcept {
  if (!valid(histogram)) return SEAWALL_E_WRONG_HANDLE;
  histogram->rep.observe(seawall::Duration(ns));
  return SEAWALL_OK;
}

int32_t seawall_histogram_totals(const seawall_histogram* histogram, uint64_t* count, double* sum) noexcept {
  if (!valid(histogram)) return SEAWALL_E_WRONG_HANDLE;
  const auto snapshot = histogram->rep.snapshot();
  if (count != nullptr) *count = snapshot.count;
  if (sum != nullptr) *sum = snapshot.sum;
  return SEAWALL_OK;
}

int32_t seawall_histogram_quantile(const seawall_histogram* histogram, double q, double* value) noexcept {
  if (!valid(histogram)) return SEAWALL_E_WRONG_HANDLE;
  if (value == nullptr || !(q >= 0 && q <= 1)) return SEAWALL_E_INVALID_ARGUMENT;
  *value = histogram->rep.snapshot().quantile(q);
  return SEAWALL_OK;
}

int32_t seawall_metrics_render(const seawall_metrics* metrics, int32_t format, char* buffer, size_t capacity,
                               size_t* needed, seawall_error* error) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(metrics)) return wrong_handle(error, "metrics is no metrics handle");
  if (!is_format(format)) return invalid(error, "format is none of SEAWALL_FORMAT_*");
  return guarded(error, [&] {
    const std::string text = metrics->rep.render(static_cast<seawall::Exposition>(format));
    const int32_t code = text_out(text, buffer, capacity, needed);
    return code == SEAWALL_OK ? code : fail(error, code, "the text is longer than the buffer");
  });
}

const char* seawall_metrics_content_type(int32_t format) noexcept {
  return is_format(format) ? seawall::content_type(static_cast<seawall::Exposition>(format)).data() : "";
}

int32_t seawall_metrics_negotiate(const char* accept, size_t accept_size) noexcept {
  if (!readable(accept, accept_size)) return SEAWALL_FORMAT_PROMETHEUS;
  return static_cast<int32_t>(seawall::negotiate(text_in(accept, accept_size)));
}

int32_t seawall_metrics_validate(int32_t format, const char* text, size_t text_size, const char* previous,
                                 size_t previous_size, seawall_error* error) noexcept {
  if (!is_format(format)) return invalid(error, "format is none of SEAWALL_FORMAT_*");
  if (!readable(text, text_size) || !readable(previous, previous_size)) return invalid(error, "a text is NULL");
  return guarded(error, [&] {
    const auto checked = seawall::validate_exposition(static_cast<seawall::Exposition>(format),
                                                      text_in(text, text_size), text_in(previous, previous_size));
    return checked ? static_cast<int32_t>(SEAWALL_OK) : fail(error, checked.error());
  });
}

int32_t seawall_metrics_series_count(const seawall_metrics* metrics, int64_t* count) noexcept {
  if (!valid(metrics)) return SEAWALL_E_WRONG_HANDLE;
  if (count == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *count = metrics->rep.series_count();
  return SEAWALL_OK;
}

}  // extern "C"
