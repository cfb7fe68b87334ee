// SPDX-License-Identifier: MIT
//
// Prometheus text 0.0.4 and OpenMetrics 1.0 text, which differ in the head of a family, in exemplars and at the end.
// The older one knows no state sets and infos; there they are gauges of the same samples.
#include "metrics/exposition_printer.h"
#include "metrics/metrics_names.h"

namespace seawall::detail {
namespace {

class TextPrinter final : public ExpositionPrinter {
 public:
  constexpr explicit TextPrinter(bool open_metrics) : open_metrics_(open_metrics) {}

  void begin_family(PageWriter& out, const Definition& d, bool) const noexcept override {
    if (open_metrics_) {
      metadata(out, "TYPE", d, to_string(d.type));
      if (const std::string_view unit = unit_of(d); !unit.empty()) metadata(out, "UNIT", d, unit);
    }
    metadata_head(out, "HELP", d);
    escaped(out, d.help, open_metrics_);
    out += '\n';
    if (!open_metrics_) metadata(out, "TYPE", d, is_gauge(d.type) ? "gauge" : to_string(d.type));
  }

  void series(PageWriter& out, const Definition& d, const SeriesReader& s, bool,
              const ExpositionOptions&) const noexcept override {
    switch (d.type) {
      case MetricType::kCounter:
        return counter(out, d, s);
      case MetricType::kGauge:
        sample(out, d.name, "", s.labels());
        out.number(s.value()) += '\n';
        return;
      case MetricType::kHistogram:
        return histogram(out, d, s);
      case MetricType::kStateSet:
        return states(out, d, s);
      case MetricType::kInfo:
        sample(out, d.name, "", s.labels());
        out += "1\n";
        return;
    }
  }

  void end(PageWriter& out) const noexcept override {
    if (open_metrics_) out += "# EOF\n";
  }

 private:
  static bool is_gauge(MetricType type) noexcept { return type == MetricType::kStateSet || type == MetricType::kInfo; }

  void metadata_head(PageWriter& out, std::string_view keyword, const Definition& d) const noexcept {
    out.append("# ").append(keyword).append(" ");
    out.append(open_metrics_ ? family_name(d) : std::string_view(d.name)).append(" ");
  }
  void metadata(PageWriter& out, std::string_view keyword, const Definition& d, std::string_view text) const noexcept {
    metadata_head(out, keyword, d);
    out.append(text) += '\n';
  }
  // Quotes are escaped in label values, and by OpenMetrics in help texts as well.
  static void escaped(PageWriter& out, std::string_view text, bool quotes) noexcept {
    for (const char c : text) {
      if (c == '\\' || (c == '"' && quotes)) out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
  }

  static void sample(PageWriter& out, std::string_view name, std::string_view suffix,
                     std::string_view labels) noexcept {
    out.append(name).append(suffix);
    if (!labels.empty()) out.append("{").append(labels) += '}';
    out += ' ';
  }
  // Up to the quote that opens the value of one more label.
  static void sample_with(PageWriter& out, std::string_view name, std::string_view suffix, std::string_view labels,
                          std::string_view label) noexcept {
    out.append(name).append(suffix).append("{").append(labels);
    if (!labels.empty()) out += ',';
    out.append(label).append("=\"");
  }

  void counter(PageWriter& out, const Definition& d, const SeriesReader& s) const noexcept {
    sample(out, d.name, "", s.labels());
    if (d.units_per_one == 1) {
      out.integer(s.total());
    } else {
      out.number(total_value(d, s.total()));
    }
    exemplar(out, s, 0, 0);
    out += '\n';
  }

  void states(PageWriter& out, const Definition& d, const SeriesReader& s) const noexcept {
    for (std::size_t i = 0; i < d.states.size(); ++i) {
      sample_with(out, d.name, "", s.labels(), d.name);
      escaped(out, d.states[i], true);
      out.append(i == s.state() ? "\"} 1\n" : "\"} 0\n");
    }
  }

  void histogram(PageWriter& out, const Definition& d, const SeriesReader& s) const noexcept {
    for_each_bound(s.histogram(), [&](double bound, std::uint64_t below, std::size_t first, std::size_t last) {
      sample_with(out, d.name, "_bucket", s.labels(), "le");
      out.bound(bound).append("\"} ").integer(below);
      exemplar(out, s, first, last);
      out += '\n';
    });
    sample(out, d.name, "_sum", s.labels());
    out.number(s.histogram().sum) += '\n';
    sample(out, d.name, "_count", s.labels());
    out.integer(s.histogram().count) += '\n';
  }

  // The latest one of these buckets.
  void exemplar(PageWriter& out, const SeriesReader& s, std::size_t first, std::size_t last) const noexcept {
    Exemplar latest;
    if (!open_metrics_ || !latest_exemplar(s, first, last, latest)) return;
    out.append(" # {trace_id=\"").hex(latest.trace_id_high).hex(latest.trace_id_low);
    out.append("\",span_id=\"").hex(latest.span_id).append("\"} ").number(latest.value) += ' ';
    out.milliseconds(latest.unix_ms);
  }

  const bool open_metrics_;
};

constexpr TextPrinter kPrometheus(false);
constexpr TextPrinter kOpenMetrics(true);

}  // namespace

const ExpositionPrinter& kPrometheusPrinter = kPrometheus;
const ExpositionPrinter& kOpenMetricsPrinter = kOpenMetrics;

}  // namespace seawall::detail
