// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_registry.h"

#include <algorithm>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "metrics_exposition.h"
#include "metrics_family.h"
#include "metrics_names.h"
#include "seawall/detail/siphash.h"

namespace seawall {
namespace detail {
namespace {

template <class Metric>
constexpr MetricType type_of() {
  if (std::is_same_v<Metric, Counter>) return MetricType::kCounter;
  return std::is_same_v<Metric, Gauge> ? MetricType::kGauge : MetricType::kHistogram;
}

Definition define(MetricType type, std::string_view name, std::string_view help, TextList labels) {
  Definition made;
  made.name = name;
  made.help = help;
  made.type = type;
  made.labels.assign(labels.texts().begin(), labels.texts().end());
  return made;
}

Definition dropped_label_sets() {
  return define(MetricType::kCounter, "seawall_metrics_dropped_label_sets_total",
                "Lookups answered with the overflow series: a bound on series was reached, or a value was refused.",
                {"family"});
}

template <class Values>
std::size_t hash_values(const Values& values) {
  std::uint64_t hash = values.size();
  for (const auto& value : values) hash = detail::siphash({hash, value.size()}, value);
  return static_cast<std::size_t>(hash);
}

Error other_definition(const Definition& given) {
  Message m("metric \"");
  m.append(given.name).append("\" is registered with another type, help, label list or options");
  return {Code::kAlreadyExists, m};
}

Error clash(const Definition& given, std::string_view claimed, const Definition& owner) {
  Message m("metric \"");
  m.append(given.name).append("\" and \"").append(owner.name).append("\" would both expose ").append(claimed);
  return {Code::kAlreadyExists, m};
}

Error too_many_families(const Definition& given, std::int64_t bound) {
  Message m("metric \"");
  m.append(given.name).append("\" exceeds max_families = ").append(bound);
  return {Code::kFull, m};
}

}  // namespace

std::size_t SeriesHash::operator()(const Series* series) const { return hash_values(series->values); }
std::size_t SeriesHash::operator()(LabelValues values) const { return hash_values(values); }
bool SeriesEqual::operator()(const Series* a, LabelValues b) const {
  return std::equal(a->values.begin(), a->values.end(), b.begin(), b.end());
}

template <class Metric>
FamilyOf<Metric>::FamilyOf(Definition made, SeriesBudget* budget, Counter* dropped)
    : FamilyState(std::move(made)), budget_(budget), dropped_(dropped), overflow_(make_series()) {
  if (!definition.labels.empty()) {
    overflow_->labels = kOverflowLabels;
    return;
  }
  series.link(overflow_.get());
  overflow_linked_ = true;
  if (budget_ != nullptr) budget_->used.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count of its own
}

template <class Metric>
std::unique_ptr<SeriesOf<Metric>> FamilyOf<Metric>::make_series() const {
  if constexpr (std::is_same_v<Metric, Histogram>) {
    return std::make_unique<SeriesOf<Metric>>(definition.histogram);
  } else {
    return std::make_unique<SeriesOf<Metric>>();
  }
}

template <class Metric>
bool FamilyOf<Metric>::acceptable(LabelValues values) const noexcept {
  if (values.size() != definition.labels.size()) return false;
  const auto longest = budget_ != nullptr ? static_cast<std::size_t>(budget_->options.max_label_value_bytes)
                                          : std::numeric_limits<std::size_t>::max();
  return std::all_of(values.begin(), values.end(),
                     [longest](std::string_view v) { return v.size() <= longest && is_clean_text(v); });
}

template <class Metric>
bool FamilyOf<Metric>::reserve() {
  if (budget_ == nullptr) return true;
  if (static_cast<std::int64_t>(owned_.size()) >= budget_->options.max_series_per_family) return false;
  // Relaxed: a bound on a count; the series itself is published by its list.
  if (budget_->used.fetch_add(1, std::memory_order_relaxed) < budget_->options.max_series) return true;
  budget_->used.fetch_sub(1, std::memory_order_relaxed);  // relaxed, as above
  return false;
}

template <class Metric>
Metric* FamilyOf<Metric>::find_or_add(LabelValues values) {
  if (const auto found = by_values_.find(values); found != by_values_.end()) {
    return &static_cast<SeriesOf<Metric>*>(*found)->metric;
  }
  if (!acceptable(values) || !reserve()) return nullptr;
  try {
    return add(values);
  } catch (const std::bad_alloc&) {
    // A request must not fail because it is being counted: out of memory is one more reason to overflow.
    if (budget_ != nullptr) budget_->used.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a count of its own
    return nullptr;
  }
}

template <class Metric>
Metric* FamilyOf<Metric>::add(LabelValues values) {
  auto made = make_series();
  made->values.assign(values.begin(), values.end());
  made->labels = label_text(definition.labels, made->values);
  SeriesOf<Metric>* added = made.get();
  if (owned_.size() == owned_.capacity()) owned_.reserve(2 * owned_.size() + 8);
  by_values_.insert(added);  // the last step that can fail
  owned_.push_back(std::move(made));
  series.link(added);
  return &added->metric;
}

template <class Metric>
Metric& FamilyOf<Metric>::with(LabelValues values) noexcept {
  if (definition.labels.empty() && values.empty()) return overflow_->metric;
  {
    const MutexLock lock(mutex_);
    if (Metric* metric = find_or_add(values)) return *metric;
  }
  if (dropped_ != nullptr) dropped_->add();
  return overflow();
}

template <class Metric>
Metric& FamilyOf<Metric>::overflow() noexcept {
  const MutexLock lock(mutex_);
  if (!std::exchange(overflow_linked_, true)) series.link(overflow_.get());
  return overflow_->metric;
}

MetricsState::MetricsState(const MetricsConfig& config)
    : budget{.options = config.options()}, dropped(dropped_label_sets(), nullptr, nullptr) {
  for (std::string& name : claimed_names(dropped.definition)) claims.emplace(std::move(name), &dropped);
  families.link(&dropped);
}

template <class Metric>
FamilyOf<Metric>* MetricsState::add(Definition definition) {
  std::map<std::string, FamilyState*, std::less<>> names;
  for (std::string& name : claimed_names(definition)) names.emplace(std::move(name), nullptr);
  Counter* drops = nullptr;
  if (!definition.labels.empty()) {
    const std::string_view name = definition.name;
    drops = &dropped.with(LabelValues(&name, 1));
  }
  if (owned.size() == owned.capacity()) owned.reserve(2 * owned.size() + 8);
  owned.push_back(std::make_unique<FamilyOf<Metric>>(std::move(definition), &budget, drops));
  auto* family = static_cast<FamilyOf<Metric>*>(owned.back().get());
  for (auto& [name, owner] : names) owner = family;
  claims.merge(names);  // moves the nodes: like all from owned on, it cannot fail
  families.link(family);
  return family;
}

template <class Metric>
Result<FamilyOf<Metric>*> MetricsState::find_or_add(Definition definition) {
  if (auto checked = check_definition(definition); !checked) return checked.error();
  const MutexLock lock(mutex);
  for (const std::string& name : claimed_names(definition)) {
    const auto claim = claims.find(name);
    if (claim == claims.end()) continue;
    FamilyState* owner = claim->second;
    if (owner->definition == definition) return static_cast<FamilyOf<Metric>*>(owner);
    if (owner->definition.name == definition.name) return other_definition(definition);
    return clash(definition, name, owner->definition);
  }
  if (static_cast<std::int64_t>(owned.size()) >= budget.options.max_families) {
    return too_many_families(definition, budget.options.max_families);
  }
  return add<Metric>(std::move(definition));
}

std::vector<const FamilyState*> MetricsState::sorted() const {
  std::vector<const FamilyState*> found;
  for (const FamilyState* f = families.first(); f != nullptr; f = AppendList<FamilyState>::after(*f)) {
    if (f->series.first() != nullptr) found.push_back(f);
  }
  std::sort(found.begin(), found.end(),
            [](const FamilyState* a, const FamilyState* b) { return a->definition.name < b->definition.name; });
  return found;
}

}  // namespace detail

std::string_view to_string(MetricType type) noexcept {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "unknown";
}

Result<MetricsConfig> MetricsConfig::make(const MetricsOptions& o) {
  if (o.max_families < 1 || o.max_families > 100'000) return out_of_range("max_families", o.max_families, 1, 100'000);
  if (o.max_series < 1 || o.max_series > 10'000'000) return out_of_range("max_series", o.max_series, 1, 10'000'000);
  if (o.max_series_per_family < 1 || o.max_series_per_family > 10'000'000) {
    return out_of_range("max_series_per_family", o.max_series_per_family, 1, 10'000'000);
  }
  if (o.max_label_value_bytes < 1 || o.max_label_value_bytes > 65'536) {
    return out_of_range("max_label_value_bytes", o.max_label_value_bytes, 1, 65'536);
  }
  return MetricsConfig(o);
}

template <class Metric>
Metric& Family<Metric>::with(TextList values) const noexcept {
  return family_->with(values.texts());
}
template <class Metric>
Metric& Family<Metric>::overflow() const noexcept {
  return family_->overflow();
}
template <class Metric>
bool Family<Metric>::is_overflow(const Metric& metric) const noexcept {
  return family_->is_overflow(metric);
}
template <class Metric>
std::string_view Family<Metric>::name() const noexcept {
  return family_->definition.name;
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

MetricsRegistry::MetricsRegistry(const MetricsConfig& config) : state_(new detail::MetricsState(config)) {}
MetricsRegistry::~MetricsRegistry() = default;

Result<Family<Counter>> MetricsRegistry::counter(std::string_view name, std::string_view help, TextList labels,
                                                 CounterOptions options) {
  detail::Definition definition = detail::define(MetricType::kCounter, name, help, labels);
  definition.units_per_one = options.units_per_one;
  auto family = state_->find_or_add<Counter>(std::move(definition));
  if (!family) return family.error();
  return Family<Counter>(family.value());
}

Result<Family<Gauge>> MetricsRegistry::gauge(std::string_view name, std::string_view help, TextList labels) {
  auto family = state_->find_or_add<Gauge>(detail::define(MetricType::kGauge, name, help, labels));
  if (!family) return family.error();
  return Family<Gauge>(family.value());
}

Result<Family<Histogram>> MetricsRegistry::histogram(std::string_view name, std::string_view help, TextList labels,
                                                     const HistogramOptions& options) {
  const auto config = HistogramConfig::make(options);
  if (!config) return config.error();
  detail::Definition definition = detail::define(MetricType::kHistogram, name, help, labels);
  definition.histogram = config.value();
  auto family = state_->find_or_add<Histogram>(std::move(definition));
  if (!family) return family.error();
  return Family<Histogram>(family.value());
}

std::int64_t MetricsRegistry::series_count() const noexcept {
  return state_->budget.used.load(std::memory_order_relaxed);  // relaxed: a count of its own
}

std::string MetricsRegistry::render(Exposition format) const { return detail::render(state_->sorted(), format); }

}  // namespace seawall
