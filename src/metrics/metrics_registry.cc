// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_registry.h"

#include <algorithm>
#include <utility>

#include "metrics/exposition_page.h"
#include "metrics/metrics_handles.h"
#include "metrics/metrics_names.h"
#include "metrics/metrics_state.h"

namespace seawall {

using detail::HandleAccess;
using detail::SeriesRef;

namespace {

detail::Definition define(MetricType type, std::string_view name, std::string_view help, TextList labels) {
  detail::Definition made;
  made.name = name;
  made.help = help;
  made.type = type;
  made.labels.assign(labels.texts().begin(), labels.texts().end());
  return made;
}

SeriesId id_of(const SeriesRef& series) noexcept {
  return SeriesId{std::uint64_t{series.generation} << 32 | series.index};
}

template <class Metric>
constexpr MetricType kTypeOf = std::is_same_v<Metric, Counter>     ? MetricType::kCounter
                               : std::is_same_v<Metric, Gauge>     ? MetricType::kGauge
                               : std::is_same_v<Metric, Histogram> ? MetricType::kHistogram
                                                                   : MetricType::kStateSet;

template <class Metric>
Metric handle_of(detail::MetricsState& state, SeriesId id) noexcept {
  if (MetricsRegistry::type_of(id) != kTypeOf<Metric>) return {};
  SeriesRef series = state.at(static_cast<std::uint32_t>(static_cast<std::uint64_t>(id)));
  const auto generation = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 32);
  if (series.generation != generation) {
    series.recording = &state.recording();  // its use is counted
    series.generation = generation | 1u;    // whatever the number: never the 0 of `nowhere`, which has one cell only
    series.head = &detail::nowhere.head;
    series.first = &detail::nowhere.cell;
    return HandleAccess::make<Metric>(series, nullptr);
  }
  return HandleAccess::make<Metric>(series, state.family(series.head->family.load(std::memory_order_acquire)));
}

}  // namespace

std::string_view to_string(MetricType type) noexcept {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kStateSet:
      return "stateset";
    case MetricType::kInfo:
      return "info";
  }
  return "unknown";
}

Result<MetricsConfig> MetricsConfig::make(const MetricsOptions& o) {
  if (o.max_families < 1 || o.max_families > 100'000) return out_of_range("max_families", o.max_families, 1, 100'000);
  if (o.max_series < 1 || o.max_series > 10'000'000) return out_of_range("max_series", o.max_series, 1, 10'000'000);
  if (o.max_series_per_family < 1 || o.max_series_per_family > 10'000'000) {
    return out_of_range("max_series_per_family", o.max_series_per_family, 1, 10'000'000);
  }
  if (o.max_label_value_bytes < 1 || o.max_label_value_bytes > 1024) {
    return out_of_range("max_label_value_bytes", o.max_label_value_bytes, 1, 1024);
  }
  return MetricsConfig(o);
}

template <class Metric>
Metric Family<Metric>::with(TextList values) const noexcept {
  return HandleAccess::make<Metric>(family_->owner->with(*family_, values.texts()), family_);
}
template <class Metric>
Metric Family<Metric>::overflow() const noexcept {
  return HandleAccess::make<Metric>(family_->owner->overflow(*family_), family_);
}
template <class Metric>
bool Family<Metric>::is_overflow(const Metric& metric) const noexcept {
  return HandleAccess::series(metric).head == family_->overflow.head;
}
template <class Metric>
bool Family<Metric>::remove(TextList values) const noexcept {
  return family_->owner->remove(*family_, values.texts());
}
template <class Metric>
const std::atomic<std::uint64_t>& Family<Metric>::removals() const noexcept {
  return family_->removals;
}
template <class Metric>
Result<void> Family<Metric>::set_callback(TextList values,
                                          std::function<double()> read) const requires std::same_as<Metric, Gauge> {
  return family_->owner->set_callback(*family_, values.texts(), std::move(read));
}
template <class Metric>
std::string_view Family<Metric>::name() const noexcept {
  return family_->definition.name;
}
template <class Metric>
std::size_t Family<Metric>::label_count() const noexcept {
  return family_->definition.labels.size();
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;
template class Family<StateSet>;
template class Family<Info>;

MetricsRegistry::MetricsRegistry(const MetricsConfig& config) : state_(new detail::MetricsState(config)) {}
MetricsRegistry::~MetricsRegistry() = default;

Result<Family<Counter>> MetricsRegistry::counter(std::string_view name, std::string_view help, TextList labels,
                                                 CounterOptions options) {
  detail::Definition definition = define(MetricType::kCounter, name, help, labels);
  definition.units_per_one = options.units_per_one;
  definition.exemplars = options.exemplars;
  auto family = state_->find_or_add(std::move(definition));
  if (!family) return family.error();
  return Family<Counter>(family.value());
}

Result<Family<Gauge>> MetricsRegistry::gauge(std::string_view name, std::string_view help, TextList labels) {
  auto family = state_->find_or_add(define(MetricType::kGauge, name, help, labels));
  if (!family) return family.error();
  return Family<Gauge>(family.value());
}

Result<Family<Histogram>> MetricsRegistry::histogram(std::string_view name, std::string_view help, TextList labels,
                                                     const HistogramOptions& options, bool exemplars) {
  const auto config = HistogramConfig::make(options);
  if (!config) return config.error();
  detail::Definition definition = define(MetricType::kHistogram, name, help, labels);
  definition.histogram = config.value();
  definition.exemplars = exemplars;
  auto family = state_->find_or_add(std::move(definition));
  if (!family) return family.error();
  return Family<Histogram>(family.value());
}

Result<Family<StateSet>> MetricsRegistry::state_set(std::string_view name, std::string_view help, TextList states,
                                                    TextList labels) {
  detail::Definition definition = define(MetricType::kStateSet, name, help, labels);
  definition.states.assign(states.texts().begin(), states.texts().end());
  auto family = state_->find_or_add(std::move(definition));
  if (!family) return family.error();
  return Family<StateSet>(family.value());
}

Result<Family<Info>> MetricsRegistry::info(std::string_view name, std::string_view help, TextList labels) {
  auto family = state_->find_or_add(define(MetricType::kInfo, name, help, labels));
  if (!family) return family.error();
  return Family<Info>(family.value());
}

SeriesId MetricsRegistry::id(const Counter& counter) const noexcept { return id_of(HandleAccess::series(counter)); }
SeriesId MetricsRegistry::id(const Gauge& gauge) const noexcept { return id_of(HandleAccess::series(gauge)); }
SeriesId MetricsRegistry::id(const Histogram& h) const noexcept { return id_of(HandleAccess::series(h)); }
SeriesId MetricsRegistry::id(const StateSet& states) const noexcept { return id_of(HandleAccess::series(states)); }
SeriesId MetricsRegistry::id(const Info& info) const noexcept { return id_of(HandleAccess::series(info)); }
MetricType MetricsRegistry::type_of(SeriesId id) noexcept {
  return detail::type_of_generation(static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 32));
}
Counter MetricsRegistry::counter_of(SeriesId id) const noexcept { return handle_of<Counter>(*state_, id); }
Gauge MetricsRegistry::gauge_of(SeriesId id) const noexcept { return handle_of<Gauge>(*state_, id); }
Histogram MetricsRegistry::histogram_of(SeriesId id) const noexcept { return handle_of<Histogram>(*state_, id); }
StateSet MetricsRegistry::state_set_of(SeriesId id) const noexcept { return handle_of<StateSet>(*state_, id); }

std::int64_t MetricsRegistry::series_count() const noexcept { return state_->series_count(); }
std::uint64_t MetricsRegistry::stale_recordings() const noexcept {
  return state_->recording().stale.load(std::memory_order_relaxed);  // relaxed: a count of its own
}
std::size_t MetricsRegistry::cell_bytes() const noexcept { return state_->cell_bytes(); }
bool MetricsRegistry::is_per_cpu() const noexcept { return state_->recording().cpus != 0; }

PagePart MetricsRegistry::render_part(ExpositionCursor& cursor, std::span<char> buffer) const noexcept {
  return detail::render_part(state_->first_family(), cursor, buffer);
}

std::string MetricsRegistry::render(const ExpositionOptions& options) const {
  std::string page;
  std::size_t written = 0;
  for (ExpositionCursor cursor(options); !cursor.done();) {
    page.resize(std::max<std::size_t>(2 * page.size(), 16'384));
    written += render_part(cursor, std::span(page).subspan(written)).written;
  }
  page.resize(written);
  return page;
}

}  // namespace seawall
