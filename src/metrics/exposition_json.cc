// SPDX-License-Identifier: MIT
//
// Our own JSON: for people and dashboards. Whole numbers above 2^53 and what JSON has no number for are strings.
#include "metrics/exposition_printer.h"
#include "text/json_text.h"

namespace seawall::detail {
namespace {

void integer(PageWriter& out, std::uint64_t value) noexcept {
  const bool exact = value <= (std::uint64_t{1} << 53);  // beyond, readers that take every number for a double round
  if (!exact) out += '"';
  out.integer(value);
  if (!exact) out += '"';
}

void number(PageWriter& out, double value) noexcept {
  if (!std::isfinite(value)) out += '"';
  out.number(value);
  if (!std::isfinite(value)) out += '"';
}

class JsonPrinter final : public ExpositionPrinter {
 public:
  void begin(PageWriter& out, const ExpositionOptions&) const noexcept override {
    out += "{\"schema\":1,\"families\":[";
  }

  void begin_family(PageWriter& out, const Definition& d, bool first) const noexcept override {
    out += first ? "{\"name\":" : ",{\"name\":";
    append_json_text(out, d.name);
    out += ",\"type\":";
    append_json_text(out, to_string(d.type));
    if (const std::string_view unit = unit_of(d); !unit.empty()) {
      out += ",\"unit\":";
      append_json_text(out, unit);
    }
    out += ",\"help\":";
    append_json_text(out, d.help);
    out += ",\"series\":[";
  }
  void end_family(PageWriter& out, const Definition&) const noexcept override { out += "]}"; }

  void series(PageWriter& out, const Definition& d, const SeriesReader& s, bool first,
              const ExpositionOptions&) const noexcept override {
    out += first ? "{\"labels\":{" : ",{\"labels\":{";
    bool comma = false;
    for_each_label(s.labels(), [&](std::string_view name, std::string_view value) {
      out.append(comma ? ",\"" : "\"").append(name).append("\":\"");
      append_json_escaped(out, value);
      out += '"';
      comma = true;
    });
    out += '}';
    value(out, d, s);
    out += '}';
  }

  void end(PageWriter& out) const noexcept override { out += "]}\n"; }

 private:
  static void value(PageWriter& out, const Definition& d, const SeriesReader& s) noexcept {
    if (d.type == MetricType::kHistogram) return histogram(out, s.histogram());
    if (d.type == MetricType::kStateSet) {
      out += ",\"state\":";
      return append_json_text(out, d.states[s.state()]);
    }
    out += ",\"value\":";
    if (d.type == MetricType::kCounter && d.units_per_one == 1) return integer(out, s.total());
    if (d.type == MetricType::kCounter) return number(out, total_value(d, s.total()));
    number(out, d.type == MetricType::kGauge ? s.value() : 1);
  }

  static void histogram(PageWriter& out, const HistogramSnapshot& h) noexcept {
    out += ",\"count\":";
    integer(out, h.count);
    out += ",\"sum\":";
    number(out, h.sum);
    out += ",\"buckets\":[";
    for_each_bound(h, [&](double bound, std::uint64_t below, std::size_t first, std::size_t) {
      out += first == 0 ? "{\"le\":" : ",{\"le\":";
      number(out, bound);
      out += ",\"count\":";
      integer(out, below);
      out += '}';
    });
    out += ']';
  }
};

constexpr JsonPrinter kJson;

}  // namespace

const ExpositionPrinter& kJsonPrinter = kJson;

}  // namespace seawall::detail
