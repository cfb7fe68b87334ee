// SPDX-License-Identifier: MIT
#include "metrics_reader.h"

namespace seawall::detail {

bool SeriesReader::next(const FamilyState& family, std::uint32_t& position) noexcept {
  const Series* series = family.series.first();
  for (std::uint32_t i = 0; i < position && series != nullptr; ++i) series = AppendList<Series>::after(*series);
  if (series == nullptr) return false;
  ++position;
  labels_ = series->labels;
  overflow_ = series->values.size() != family.definition.labels.size();
  switch (family.definition.type) {
    case MetricType::kCounter:
      total_ = static_cast<const SeriesOf<Counter>*>(series)->metric.value();
      break;
    case MetricType::kGauge:
      value_ = static_cast<const SeriesOf<Gauge>*>(series)->metric.value();
      break;
    case MetricType::kHistogram:
      histogram_ = static_cast<const SeriesOf<Histogram>*>(series)->metric.snapshot();
      break;
  }
  return true;
}

}  // namespace seawall::detail
