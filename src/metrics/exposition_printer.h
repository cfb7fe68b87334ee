// SPDX-License-Identifier: MIT
//
// A printer for each format: how a document, a family and a series are written. The walk (exposition_page.cc) decides
// which and when; each call writes one unit, which goes out whole or not at all.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "metrics/metrics_names.h"
#include "metrics/metrics_reader.h"
#include "seawall/runtime/exposition.h"
#include "text/page_writer.h"

namespace seawall::detail {

class ExpositionPrinter {
 public:
  virtual void begin(PageWriter&, const ExpositionOptions&) const noexcept {}
  virtual void begin_family(PageWriter& out, const Definition& definition, bool first) const noexcept = 0;
  virtual void series(PageWriter& out, const Definition& definition, const SeriesReader& series, bool first,
                      const ExpositionOptions& options) const noexcept = 0;
  virtual void end_family(PageWriter&, const Definition&) const noexcept {}
  virtual void end(PageWriter&) const noexcept {}

 protected:
  ~ExpositionPrinter() = default;  // all of them are constants
};

extern const ExpositionPrinter& kPrometheusPrinter;
extern const ExpositionPrinter& kOpenMetricsPrinter;
extern const ExpositionPrinter& kJsonPrinter;
extern const ExpositionPrinter& kOtlpPrinter;

// The base unit that a family's name ends in, such as "seconds"; "" when it ends in none, or its type has no units.
inline std::string_view unit_of(const Definition& d) noexcept {
  if (d.type == MetricType::kInfo || d.type == MetricType::kStateSet) return {};
  static constexpr std::string_view kUnits[] = {"seconds", "bytes",   "ratio",  "celsius", "meters",
                                                "volts",   "amperes", "joules", "grams"};
  const std::string_view name = family_name(d);
  const auto ends = [name](std::string_view unit) {
    return name.size() > unit.size() + 1 && name.ends_with(unit) && name[name.size() - unit.size() - 1] == '_';
  };
  const auto found = std::find_if(std::begin(kUnits), std::end(kUnits), ends);
  return found == std::end(kUnits) ? std::string_view() : *found;
}

inline double total_value(const Definition& d, std::uint64_t total) noexcept {
  return static_cast<double>(total) / static_cast<double>(d.units_per_one);
}

// Calls each(name, value) for the labels in a="1",b="2". The value keeps its escapes, which JSON has too.
template <class Each>
void for_each_label(std::string_view labels, Each each) noexcept {
  while (!labels.empty()) {
    const std::size_t name = labels.find('=');
    std::size_t end = name + 2;
    while (labels[end] != '"') end += labels[end] == '\\' ? 2 : 1;
    each(labels.substr(0, name), labels.substr(name + 2, end - name - 2));
    labels.remove_prefix(std::min(end + 2, labels.size()));
  }
}

// Calls each(bound, how many are at most that, its first bucket, its last one) for the buckets that a text shows: all
// fixed ones; of exponential ones those that end at a power of two, which are exact sums of the finer ones.
template <class Each>
void for_each_bound(const HistogramSnapshot& h, Each each) noexcept {
  const std::size_t step = h.config.exponential() ? std::size_t{1} << h.config.exponential()->schema() : 1;
  const std::size_t last = h.config.bucket_count() - 1;
  std::uint64_t below = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i <= last; ++i) {
    below += h.buckets[i];
    if (i % step != 0 && i != last) continue;
    each(h.config.upper_bound(i), below, first, i);
    first = i + 1;
  }
}

inline bool latest_exemplar(const SeriesReader& s, std::size_t first, std::size_t last, Exemplar& out) noexcept {
  bool found = false;
  for (std::size_t i = first; i <= last; ++i) {
    Exemplar read;
    if (!s.exemplar(i, read) || std::isnan(read.value) || (found && read.unix_ms < out.unix_ms)) continue;
    out = read;
    found = true;
  }
  return found;
}

}  // namespace seawall::detail
