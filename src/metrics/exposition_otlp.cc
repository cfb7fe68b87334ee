// SPDX-License-Identifier: MIT
//
// OTLP/HTTP JSON, the body of POST /v1/metrics: one ExportMetricsServiceRequest in the JSON mapping of
// opentelemetry-proto 1.x. 64-bit integers are strings, ids hex, enums numbers, NaN and infinities strings. Totals are
// cumulative (2). As the rules for Prometheus' metrics say, a counter loses its _total, state sets and infos are sums
// that do not only rise, and the overflow series has the attribute otel.metric.overflow.
#include "metrics/exposition_printer.h"
#include "text/json_text.h"

namespace seawall::detail {
namespace {

// UCUM, which OTLP writes units in.
std::string_view ucum(std::string_view unit) noexcept {
  if (unit == "seconds") return "s";
  if (unit == "bytes") return "By";
  if (unit == "ratio") return "1";
  if (unit == "celsius") return "Cel";
  if (unit == "meters") return "m";
  if (unit == "volts") return "V";
  if (unit == "amperes") return "A";
  if (unit == "joules") return "J";
  return unit == "grams" ? "g" : "";
}

void number(PageWriter& out, double value) noexcept {
  if (std::isfinite(value)) {
    out.number(value);
  } else {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  }
}

template <class Integer>
void quoted(PageWriter& out, Integer value) noexcept {
  (out += '"').integer(value) += '"';
}

// {"key":"...","value":{"stringValue":"..."}}; the value may have escapes already.
void attribute(PageWriter& out, std::string_view name, std::string_view escaped_value) noexcept {
  out.append("{\"key\":\"").append(name).append("\",\"value\":{\"stringValue\":\"");
  append_json_escaped(out, escaped_value);
  out += "\"}}";
}

void exemplar(PageWriter& out, const Exemplar& e, bool first) noexcept {
  out.append(first ? "{\"timeUnixNano\":" : ",{\"timeUnixNano\":");
  quoted(out, e.unix_ms * 1'000'000);
  out.append(",\"asDouble\":");
  number(out, e.value);
  out.append(",\"traceId\":\"").hex(e.trace_id_high).hex(e.trace_id_low);
  out.append("\",\"spanId\":\"").hex(e.span_id).append("\"}");
}

class OtlpPrinter final : public ExpositionPrinter {
 public:
  void begin(PageWriter& out, const ExpositionOptions& o) const noexcept override {
    out += "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[";
    if (!o.service.empty()) {
      out += "{\"key\":\"service.name\",\"value\":{\"stringValue\":";
      append_json_text(out, o.service);
      out += "}}";
    }
    out += "]},\"scopeMetrics\":[{\"scope\":{\"name\":\"seawall\"},\"metrics\":[";
  }

  void begin_family(PageWriter& out, const Definition& d, bool first) const noexcept override {
    out += first ? "{\"name\":" : ",{\"name\":";
    append_json_text(out, d.type == MetricType::kCounter ? family_name(d) : d.name);
    out += ",\"description\":";
    append_json_text(out, d.help);
    out.append(",\"unit\":\"").append(ucum(unit_of(d))).append("\",").append(data(d));
    out += "\"dataPoints\":[";
  }
  void end_family(PageWriter& out, const Definition&) const noexcept override { out += "]}}"; }

  void series(PageWriter& out, const Definition& d, const SeriesReader& s, bool first,
              const ExpositionOptions& o) const noexcept override {
    if (d.type != MetricType::kStateSet) return point(out, d, s, first, o, nullptr);
    for (std::size_t i = 0; i < d.states.size(); ++i) point(out, d, s, first && i == 0, o, &d.states[i]);
  }

  void end(PageWriter& out) const noexcept override { out += "]}]}]}\n"; }

 private:
  static std::string_view data(const Definition& d) noexcept {
    switch (d.type) {
      case MetricType::kCounter:
        return "\"sum\":{\"aggregationTemporality\":2,\"isMonotonic\":true,";
      case MetricType::kGauge:
        return "\"gauge\":{";
      case MetricType::kHistogram:
        return d.histogram.exponential() ? "\"exponentialHistogram\":{\"aggregationTemporality\":2,"
                                         : "\"histogram\":{\"aggregationTemporality\":2,";
      case MetricType::kStateSet:
      case MetricType::kInfo:
        break;
    }
    return "\"sum\":{\"aggregationTemporality\":2,\"isMonotonic\":false,";
  }

  // `state`: of a state set, the one that this point is about.
  static void point(PageWriter& out, const Definition& d, const SeriesReader& s, bool first, const ExpositionOptions& o,
                    const std::string* state) noexcept {
    out += first ? "{\"attributes\":[" : ",{\"attributes\":[";
    attributes(out, d, s, state);
    out += ']';
    if (d.type != MetricType::kGauge) {
      out += ",\"startTimeUnixNano\":";
      quoted(out, o.start_unix_ns);
    }
    out += ",\"timeUnixNano\":";
    quoted(out, o.now_unix_ns);
    value(out, d, s, state);
    out += '}';
  }

  static void attributes(PageWriter& out, const Definition& d, const SeriesReader& s,
                         const std::string* state) noexcept {
    bool comma = false;
    const auto next = [&] {
      if (comma) out += ',';
      comma = true;
    };
    if (s.is_overflow()) {
      next();
      out += "{\"key\":\"otel.metric.overflow\",\"value\":{\"boolValue\":true}}";
    } else {
      for_each_label(s.labels(), [&](std::string_view name, std::string_view value) {
        next();
        attribute(out, name, value);
      });
    }
    if (state == nullptr) return;
    next();
    out.append("{\"key\":\"").append(d.name).append("\",\"value\":{\"stringValue\":");
    append_json_text(out, *state);
    out += "}}";
  }

  static void value(PageWriter& out, const Definition& d, const SeriesReader& s, const std::string* state) noexcept {
    switch (d.type) {
      case MetricType::kHistogram:
        return histogram(out, s);
      case MetricType::kCounter:
        total(out, d, s);
        return exemplars(out, s, 0);
      case MetricType::kGauge:
        out += ",\"asDouble\":";
        return number(out, s.value());
      case MetricType::kStateSet:
        out += state == &d.states[s.state()] ? ",\"asInt\":\"1\"" : ",\"asInt\":\"0\"";
        return;
      case MetricType::kInfo:
        out += ",\"asInt\":\"1\"";
        return;
    }
  }

  static void total(PageWriter& out, const Definition& d, const SeriesReader& s) noexcept {
    if (d.units_per_one == 1 && s.total() <= static_cast<std::uint64_t>(INT64_MAX)) {
      out += ",\"asInt\":";
      quoted(out, s.total());
    } else {
      out += ",\"asDouble\":";
      number(out, total_value(d, s.total()));
    }
  }

  static void histogram(PageWriter& out, const SeriesReader& s) noexcept {
    const HistogramSnapshot& h = s.histogram();
    out += ",\"count\":";
    quoted(out, h.count);
    out += ",\"sum\":";
    number(out, h.sum);
    if (h.config.exponential()) {
      exponential(out, h, *h.config.exponential());
    } else {
      out += ",\"bucketCounts\":";
      counts(out, h.counts());
      out += ",\"explicitBounds\":[";
      for (std::size_t i = 0; i + 1 < h.config.bucket_count(); ++i) {
        if (i != 0) out += ',';
        out.number(h.config.upper_bound(i));
      }
      out += ']';
    }
    exemplars(out, s, h.config.bucket_count() - 1);
  }

  // OTLP's bucket i covers (base^i, base^(i+1)], so the one that ends at our upper_bound(1) is min_exponent * 2^schema.
  // What is beyond the last bound stands in the bucket behind it: there is none for infinity.
  static void exponential(PageWriter& out, const HistogramSnapshot& h, const ExponentialBuckets& buckets) noexcept {
    out.append(",\"scale\":").integer(std::int64_t{buckets.schema()});
    out += ",\"zeroCount\":";
    quoted(out, h.buckets[0]);
    out.append(",\"zeroThreshold\":").number(h.config.upper_bound(0));
    std::size_t used = h.config.bucket_count();
    while (used > 1 && h.buckets[used - 1] == 0) --used;
    const std::int64_t offset = std::int64_t{buckets.min_exponent()} * (std::int64_t{1} << buckets.schema());
    out.append(",\"positive\":{\"offset\":").integer(offset).append(",\"bucketCounts\":");
    counts(out, h.counts().subspan(1, used - 1));
    out += '}';
  }

  static void counts(PageWriter& out, std::span<const std::uint64_t> counts) noexcept {
    out += '[';
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (i != 0) out += ',';
      quoted(out, counts[i]);
    }
    out += ']';
  }

  static void exemplars(PageWriter& out, const SeriesReader& s, std::size_t last) noexcept {
    bool first = true;
    for (std::size_t i = 0; i <= last; ++i) {
      Exemplar read;
      if (!s.exemplar(i, read)) continue;
      if (first) out += ",\"exemplars\":[";
      exemplar(out, read, first);
      first = false;
    }
    if (!first) out += ']';
  }
};

constexpr OtlpPrinter kOtlp;

}  // namespace

const ExpositionPrinter& kOtlpPrinter = kOtlp;

}  // namespace seawall::detail
