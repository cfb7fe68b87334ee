// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "metrics_handle.h"
#include "options.h"

using seawall::Counter;
using seawall::Family;
using seawall::Gauge;
using seawall::Histogram;
using seawall::Info;
using seawall::MetricsRegistry;
using seawall::MetricType;
using seawall::Result;
using seawall::SeriesId;
using seawall::StateSet;
using namespace seawall::capi;

namespace {

using AnyFamily = std::variant<Family<Counter>, Family<Gauge>, Family<Histogram>, Family<StateSet>, Family<Info>>;

}  // namespace

struct seawall_family : Handle<0x53574D05> {
  seawall_family(MetricsRegistry& metrics, const AnyFamily& family, std::size_t labels)
      : owner(metrics), rep(family), label_count(labels) {}
  MetricsRegistry& owner;
  const AnyFamily rep;
  const std::size_t label_count;
};

seawall_metrics::seawall_metrics(const seawall::MetricsConfig& config) : rep(config) {}
seawall_metrics::~seawall_metrics() = default;

namespace {

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
  options.use_rseq = given.no_rseq == 0;
  options.share_with_children = given.share_with_children != 0;
  const auto config = seawall::MetricsConfig::make(options);
  if (!config) return fail(error, config.error());
  *out = new seawall_metrics(config.value());
  return SEAWALL_OK;
}

Result<seawall::HistogramOptions> histogram_options(const seawall_family_options& o) {
  seawall::HistogramOptions options{.steps_per_unit = o.steps_per_unit};
  if (o.exponential != 0) {
    options.exponential.emplace();
    if (o.schema != 0 || o.min_exponent != 0 || o.max_exponent != 0) {
      *options.exponential = {.schema = o.schema, .min_exponent = o.min_exponent, .max_exponent = o.max_exponent};
    }
  }
  if (o.bound_count != 0) {
    const auto bounds = seawall::Bounds::make({o.bounds, o.bound_count});
    if (!bounds) return bounds.error();
    options.bounds = bounds.value();
  }
  return options;
}

Result<AnyFamily> register_family(MetricsRegistry& registry, const seawall_family_options& o, const Texts& labels,
                                  const Texts& states) {
  const auto any = [](const auto& family) -> Result<AnyFamily> {
    if (!family) return family.error();
    return AnyFamily(family.value());
  };
  const std::string_view name = text_in(o.name.data, o.name.size);
  const std::string_view help = text_in(o.help.data, o.help.size);
  switch (o.type) {
    case SEAWALL_METRIC_COUNTER:
      return any(registry.counter(
          name, help, labels.span(),
          {.units_per_one = o.units_per_one != 0 ? o.units_per_one : 1, .exemplars = o.exemplars != 0}));
    case SEAWALL_METRIC_GAUGE:
      return any(registry.gauge(name, help, labels.span()));
    case SEAWALL_METRIC_HISTOGRAM: {
      const auto options = histogram_options(o);
      if (!options) return options.error();
      return any(registry.histogram(name, help, labels.span(), options.value(), o.exemplars != 0));
    }
    case SEAWALL_METRIC_STATE_SET:
      return any(registry.state_set(name, help, states.span(), labels.span()));
    case SEAWALL_METRIC_INFO:
      return any(registry.info(name, help, labels.span()));
    default:
      return seawall::out_of_range("type", o.type, SEAWALL_METRIC_COUNTER, SEAWALL_METRIC_INFO);
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
  if (o.exponential != 0 && o.type != SEAWALL_METRIC_HISTOGRAM) return "exponential given for what is no histogram";
  if (o.exponential != 0 && o.bound_count != 0) return "both exponential and bounds given";
  if (o.state_count != 0 && o.type != SEAWALL_METRIC_STATE_SET) return "states given for what is no state set";
  if (o.exemplars != 0 && o.type != SEAWALL_METRIC_COUNTER && o.type != SEAWALL_METRIC_HISTOGRAM)
    return "exemplars given for what is no counter and no histogram";
  if (o.units_per_one != 0 && o.type != SEAWALL_METRIC_COUNTER) return "units_per_one given for what is no counter";
  return nullptr;
}

// The values for one of the seawall_family_*.
int32_t read_values(const seawall_family* family, const seawall_text* values, std::size_t count, Texts& texts,
                    seawall_error* error) noexcept {
  if (!valid(family)) return wrong_handle(error, "family is no family handle");
  if (count == family->label_count && texts.read(values, count)) return SEAWALL_OK;
  return invalid(error, "values must be one readable text for each label");
}

// Runs `use` on a series of a type, given by its number, unless the other arguments are no `good`.
template <class Registry, class Use>
int32_t with_series(Registry* metrics, seawall_series series, MetricType type, bool good, Use use) noexcept {
  if (!valid(metrics) || MetricsRegistry::type_of(SeriesId{series}) != type) return SEAWALL_E_WRONG_HANDLE;
  if (!good) return SEAWALL_E_INVALID_ARGUMENT;
  use(metrics->rep, SeriesId{series});
  return SEAWALL_OK;
}

seawall::Exemplar exemplar_in(const seawall_exemplar& given) noexcept {
  const auto word = [](const std::uint8_t* bytes) {
    std::uint64_t made = 0;
    for (int i = 0; i < 8; ++i) made = made << 8 | bytes[i];
    return made;
  };
  return {word(given.trace_id), word(given.trace_id + 8), word(given.span_id), 0, given.unix_ms};
}

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
                                                     {"max_label_value_bytes", &read.max_label_value_bytes},
                                                     {"no_rseq", &read.no_rseq},
                                                     {"share_with_children", &read.share_with_children}});
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
  Texts states;
  if (!states.read(read.states, read.state_count)) return invalid(error, "states must be 1 to 16 readable texts");
  return guarded(error, [&] {
    const auto family = register_family(metrics->rep, read, labels, states);
    if (!family) return fail(error, family.error());
    const seawall::detail::MutexLock lock(metrics->mutex);
    auto& handle = metrics->families[std::string(text_in(read.name.data, read.name.size))];
    if (!handle) handle = std::make_unique<seawall_family>(metrics->rep, family.value(), read.label_count);
    *out = handle.get();
    return static_cast<int32_t>(SEAWALL_OK);
  });
}

int32_t seawall_family_series(seawall_family* family, const seawall_text* values, size_t value_count,
                              seawall_series* out, seawall_error* error) noexcept {
  if (out != nullptr) *out = 0;
  Texts texts;
  if (const int32_t code = read_values(family, values, value_count, texts, error); code != SEAWALL_OK) return code;
  if (out == nullptr) return invalid(error, "out is NULL");
  return std::visit(
      [&](const auto& typed) {
        // Acquire, of no other use: a caller that has read this word finds none of the series that it counts as gone.
        static_cast<void>(typed.removals().load(std::memory_order_acquire));
        const auto metric = typed.with(texts.span());
        *out = static_cast<seawall_series>(family->owner.id(metric));
        const bool overflow = family->label_count != 0 && typed.is_overflow(metric);
        return static_cast<int32_t>(overflow ? SEAWALL_SERIES_OVERFLOW : SEAWALL_SERIES_OWN);
      },
      family->rep);
}

int32_t seawall_family_remove(seawall_family* family, const seawall_text* values, size_t value_count,
                              seawall_error* error) noexcept {
  Texts texts;
  if (const int32_t code = read_values(family, values, value_count, texts, error); code != SEAWALL_OK) return code;
  const bool removed = std::visit([&](const auto& typed) { return typed.remove(texts.span()); }, family->rep);
  return removed ? SEAWALL_OK : fail(error, SEAWALL_E_NOT_FOUND, "no series with these values can be removed");
}

// A lock-free atomic of 64 bits is its value and nothing else, on every target that is_always_lock_free admits.
const uint64_t* seawall_family_removals(const seawall_family* family) noexcept {
  if (!valid(family)) return nullptr;
  return std::visit([](const auto& typed) { return reinterpret_cast<const uint64_t*>(&typed.removals()); },
                    family->rep);
}

int32_t seawall_family_gauge_callback(seawall_family* family, const seawall_text* values, size_t value_count,
                                      seawall_gauge_callback callback, void* user_data, seawall_error* error) noexcept {
  Texts texts;
  if (const int32_t code = read_values(family, values, value_count, texts, error); code != SEAWALL_OK) return code;
  const auto* gauges = std::get_if<Family<Gauge>>(&family->rep);
  if (gauges == nullptr) return wrong_handle(error, "the family holds another type of metric");
  if (callback == nullptr) return invalid(error, "callback is NULL");
  return guarded(error, [&] {
    const auto set = gauges->set_callback(texts.span(), [callback, user_data] { return callback(user_data); });
    return set ? static_cast<int32_t>(SEAWALL_OK) : fail(error, set.error());
  });
}

int32_t seawall_counter_add(seawall_metrics* metrics, seawall_series series, int64_t n) noexcept {
  return with_series(metrics, series, MetricType::kCounter, n >= 0,
                     [&](auto& r, SeriesId id) { r.counter_of(id).add(n); });
}

int32_t seawall_counter_add_exemplar(seawall_metrics* metrics, seawall_series series, int64_t n,
                                     const seawall_exemplar* exemplar) noexcept {
  return with_series(metrics, series, MetricType::kCounter, n >= 0 && exemplar != nullptr,
                     [&](auto& r, SeriesId id) { r.counter_of(id).add(n, exemplar_in(*exemplar)); });
}

int32_t seawall_counter_value(const seawall_metrics* metrics, seawall_series series, uint64_t* value) noexcept {
  return with_series(metrics, series, MetricType::kCounter, value != nullptr,
                     [&](auto& r, SeriesId id) { *value = r.counter_of(id).value(); });
}

int32_t seawall_gauge_set(seawall_metrics* metrics, seawall_series series, double value) noexcept {
  return with_series(metrics, series, MetricType::kGauge, true,
                     [&](auto& r, SeriesId id) { r.gauge_of(id).set(value); });
}

int32_t seawall_gauge_add(seawall_metrics* metrics, seawall_series series, double difference) noexcept {
  return with_series(metrics, series, MetricType::kGauge, true,
                     [&](auto& r, SeriesId id) { r.gauge_of(id).add(difference); });
}

int32_t seawall_gauge_max(seawall_metrics* metrics, seawall_series series, double value) noexcept {
  return with_series(metrics, series, MetricType::kGauge, true,
                     [&](auto& r, SeriesId id) { r.gauge_of(id).max(value); });
}

int32_t seawall_gauge_value(const seawall_metrics* metrics, seawall_series series, double* value) noexcept {
  return with_series(metrics, series, MetricType::kGauge, value != nullptr,
                     [&](auto& r, SeriesId id) { *value = r.gauge_of(id).value(); });
}

int32_t seawall_histogram_observe(seawall_metrics* metrics, seawall_series series, double value) noexcept {
  return with_series(metrics, series, MetricType::kHistogram, true,
                     [&](auto& r, SeriesId id) { r.histogram_of(id).observe(value); });
}

int32_t seawall_histogram_observe_ns(seawall_metrics* metrics, seawall_series series, int64_t ns) noexcept {
  return with_series(metrics, series, MetricType::kHistogram, true,
                     [&](auto& r, SeriesId id) { r.histogram_of(id).observe(seawall::Duration(ns)); });
}

int32_t seawall_histogram_observe_exemplar(seawall_metrics* metrics, seawall_series series, double value,
                                           const seawall_exemplar* exemplar) noexcept {
  return with_series(metrics, series, MetricType::kHistogram, exemplar != nullptr,
                     [&](auto& r, SeriesId id) { r.histogram_of(id).observe(value, exemplar_in(*exemplar)); });
}

int32_t seawall_histogram_totals(const seawall_metrics* metrics, seawall_series series, uint64_t* count,
                                 double* sum) noexcept {
  return with_series(metrics, series, MetricType::kHistogram, true, [&](auto& r, SeriesId id) {
    const auto snapshot = r.histogram_of(id).snapshot();
    if (count != nullptr) *count = snapshot.count;
    if (sum != nullptr) *sum = snapshot.sum;
  });
}

int32_t seawall_histogram_buckets(const seawall_metrics* metrics, seawall_series series, double* upper_bounds,
                                  uint64_t* counts, size_t capacity, size_t* needed, uint64_t* count,
                                  double* sum) noexcept {
  int32_t answer = SEAWALL_OK;
  const int32_t code = with_series(metrics, series, MetricType::kHistogram, true, [&](auto& r, SeriesId id) {
    const auto histogram = r.histogram_of(id);
    const std::size_t size = histogram.is_alive() ? histogram.config().bucket_count() : 0;
    if (needed != nullptr) *needed = size;
    if (size > capacity || (counts == nullptr && size != 0)) {
      answer = SEAWALL_E_BUFFER_TOO_SMALL;
      return;
    }
    // Removed since: as many zeros.
    const auto read = size != 0 ? histogram.snapshot() : seawall::HistogramSnapshot{};
    for (std::size_t i = 0; i < size; ++i) {
      if (upper_bounds != nullptr) upper_bounds[i] = read.config.upper_bound(i);
      counts[i] = read.buckets[i];
    }
    if (count != nullptr) *count = read.count;
    if (sum != nullptr) *sum = read.sum;
  });
  return code != SEAWALL_OK ? code : answer;
}

int32_t seawall_histogram_quantile(const seawall_metrics* metrics, seawall_series series, double q,
                                   double* value) noexcept {
  return with_series(metrics, series, MetricType::kHistogram, value != nullptr && q >= 0 && q <= 1,
                     [&](auto& r, SeriesId id) { *value = r.histogram_of(id).snapshot().quantile(q); });
}

int32_t seawall_state_set_set(seawall_metrics* metrics, seawall_series series, int32_t state) noexcept {
  return with_series(metrics, series, MetricType::kStateSet, state >= 0,
                     [&](auto& r, SeriesId id) { r.state_set_of(id).set(static_cast<std::uint32_t>(state)); });
}

int32_t seawall_state_set_value(const seawall_metrics* metrics, seawall_series series, int32_t* state) noexcept {
  return with_series(metrics, series, MetricType::kStateSet, state != nullptr,
                     [&](auto& r, SeriesId id) { *state = static_cast<int32_t>(r.state_set_of(id).value()); });
}

int32_t seawall_metrics_stale_recordings(const seawall_metrics* metrics, uint64_t* count) noexcept {
  if (!valid(metrics)) return SEAWALL_E_WRONG_HANDLE;
  if (count == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *count = metrics->rep.stale_recordings();
  return SEAWALL_OK;
}

int32_t seawall_metrics_render(const seawall_metrics* metrics, int32_t format, char* buffer, size_t capacity,
                               size_t* needed, seawall_error* error) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(metrics)) return wrong_handle(error, "metrics is no metrics handle");
  if (!is_format(format)) return invalid(error, "format is none of SEAWALL_FORMAT_*");
  if (format == SEAWALL_FORMAT_OTLP_JSON)
    return invalid(error, "OTLP needs a seawall_metrics_page, which knows the instants");
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
