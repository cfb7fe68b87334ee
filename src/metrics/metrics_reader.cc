// SPDX-License-Identifier: MIT
#include "metrics/metrics_reader.h"

#include <array>
#include <memory>
#include <optional>

#include "metrics/metrics_handles.h"
#include "metrics/metrics_state.h"

namespace seawall::detail {

bool SeriesReader::next(const FamilyState& family, std::uint32_t& position, std::uint64_t births) noexcept {
  while (position < family.series.size()) {
    const std::uint32_t entry = family.series[position++].load(std::memory_order_acquire);  // pairs with list()
    if (entry == 0) continue;
    const SeriesRef series = family.owner->at(entry - 1);
    const std::uint64_t born = family.owner->series(entry - 1).born.load(std::memory_order_acquire);  // see Series
    if (born > births || !series.is_alive() || !read(family, series)) continue;
    // Meanwhile it may have been removed, and its memory be that of another series of another family.
    if (series.is_alive() && series.head->family.load(std::memory_order_acquire) == family.index) return true;
  }
  return false;
}

bool SeriesReader::read(const FamilyState& family, const SeriesRef& series) noexcept {
  const Series& record = family.owner->series(series.index);
  overflow_ = !family.definition.labels.empty() && series.head == family.overflow.head;
  if (!read_labels(family, series)) return false;
  index_ = series.index;
  generation_ = series.generation;
  exemplars_ = record.exemplars.load(std::memory_order_acquire);  // see Series
  series_ = series;
  switch (family.definition.type) {
    case MetricType::kCounter:
      // Relaxed: a count of its own.
      total_ = family.external != nullptr ? family.external->load(std::memory_order_relaxed)
                                          : sum_of(series.first, series.recording->blocks);
      return true;
    case MetricType::kGauge:
      return read_gauge(family, series);
    case MetricType::kHistogram:
      histogram_.config = family.definition.histogram;
      histogram_.count = 0;
      HandleAccess::read_into(HandleAccess::make<Histogram>(series, &family), histogram_);
      return true;
    case MetricType::kStateSet:
      state_ = HandleAccess::make<StateSet>(series, &family).value();
      return true;
    case MetricType::kInfo:
      return true;
  }
  return false;
}

// False: the words are not all of one series, so this one is gone.
bool SeriesReader::read_labels(const FamilyState& family, const SeriesRef& series) noexcept {
  if (overflow_ || family.label_heads.empty()) {
    labels_.assign(overflow_ ? kOverflowLabels : std::string_view());
    return true;
  }
  const Series& record = family.owner->series(series.index);
  // Acquire, both: if one of them is of a later series, the generation read next is, too. A text is only as long as its
  // own series says.
  const std::uint32_t words = record.label_words.load(std::memory_order_acquire);
  const Word* text = record.labels.load(std::memory_order_acquire);
  if (!series.is_alive() || words > LabelKey::kMaxWords || text == nullptr) return false;
  LabelKey key;
  key.copy_from(text, words);
  std::array<std::string_view, MetricsRegistry::kMaxLabels> texts;
  const std::span values = std::span(texts).first(family.label_heads.size());
  return key.take_apart(values) && labels_.render(family.label_heads, values);
}

bool SeriesReader::read_gauge(const FamilyState& family, const SeriesRef& series) noexcept {
  value_ = HandleAccess::make<Gauge>(series, &family).value();
  if (!family.has_callbacks.load(std::memory_order_acquire)) return true;  // pairs with set_callback()
  std::shared_ptr<GaugeCallback> callback;
  if (!family.owner->find_callback(series, callback)) return false;
  if (!callback) return true;
  const std::optional<double> read = callback->run();
  value_ = read.value_or(0);
  return read.has_value();
}

bool SeriesReader::exemplar(std::size_t bucket, Exemplar& out) const noexcept {
  return exemplars_ != nullptr && exemplars_[bucket].read(out) && series_.is_alive();
}

}  // namespace seawall::detail
