// SPDX-License-Identifier: MIT
#include "metrics_exposition.h"

#include <array>
#include <charconv>
#include <cmath>

#include "metrics_names.h"
#include "metrics_reader.h"

namespace seawall {
namespace detail {
namespace {

void append_integer(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// The shortest text that reads back as `value`, in any locale: plain digits from 1e-4 to below 1e6, else an exponent.
void append_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    const double size = std::fabs(value);
    const bool plain = size == 0 || (size >= 1e-4 && size < 1e6);
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                   plain ? std::chars_format::fixed : std::chars_format::scientific)
                         .ptr;
    out.append(digits.data(), end);
  }
}

// As OpenMetrics writes bounds, "1.0" and not "1": a series has one name in every format.
std::string bound_text(double bound) {
  std::string out;
  append_double(out, bound);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

void append_total(std::string& out, const Definition& d, std::uint64_t total) {
  if (d.units_per_one == 1) return append_integer(out, total);
  append_double(out, static_cast<double>(total) / static_cast<double>(d.units_per_one));
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\' || (c == '"' && quotes)) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

// Prometheus text 0.0.4 and OpenMetrics 1.0 text, which differ in the head of a family and at the end.
class TextPrinter {
 public:
  explicit TextPrinter(bool open_metrics) : open_metrics_(open_metrics) {}

  void begin(const Definition& d) {
    const std::string_view name = open_metrics_ ? family_name(d) : std::string_view(d.name);
    if (open_metrics_) type_line(name, d);
    out_.append("# HELP ").append(name).append(" ");
    append_escaped(out_, d.help, open_metrics_);
    out_ += '\n';
    if (!open_metrics_) type_line(name, d);
  }
  void end() {}

  void series(const Definition& d, std::string_view labels, std::uint64_t total) {
    sample(d.name, "", labels);
    append_total(out_, d, total);
    out_ += '\n';
  }
  void series(const Definition& d, std::string_view labels, double value) {
    sample(d.name, "", labels);
    append_double(out_, value);
    out_ += '\n';
  }
  void series(const Definition& d, std::string_view labels, const HistogramSnapshot& h) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < h.counts().size(); ++i) {
      below += h.buckets[i];
      integer_sample(d.name, "_bucket", labels,
                     i + 1 < h.counts().size() ? bound_text(h.config.upper_bound(i)) : "+Inf", below);
    }
    sample(d.name, "_sum", labels);
    append_double(out_, h.sum);
    out_ += '\n';
    integer_sample(d.name, "_count", labels, "", h.count);
  }

  void states(const Definition& d, std::string_view labels, std::uint32_t state) {
    for (std::uint32_t i = 0; i < d.states.size(); ++i) {
      out_.append(d.name).append("{").append(labels).append(labels.empty() ? "" : ",").append(d.name).append("=\"");
      append_escaped(out_, d.states[i], true);
      out_.append(i == state ? "\"} 1\n" : "\"} 0\n");
    }
  }

  std::string finish() && {
    if (open_metrics_) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  void type_line(std::string_view name, const Definition& d) {
    const bool as_gauge = !open_metrics_ && (d.type == MetricType::kStateSet || d.type == MetricType::kInfo);
    out_.append("# TYPE ").append(name).append(" ").append(as_gauge ? "gauge" : to_string(d.type)).append("\n");
  }
  void sample(std::string_view name, std::string_view suffix, std::string_view labels, std::string_view le = "") {
    out_.append(name).append(suffix);
    if (!labels.empty() || !le.empty()) {
      out_.append("{").append(labels);
      if (!le.empty()) out_.append(labels.empty() ? "le=\"" : ",le=\"").append(le).append("\"");
      out_ += '}';
    }
    out_ += ' ';
  }
  void integer_sample(std::string_view name, std::string_view suffix, std::string_view labels, std::string_view le,
                      std::uint64_t value) {
    sample(name, suffix, labels, le);
    append_integer(out_, value);
    out_ += '\n';
  }

  const bool open_metrics_;
  std::string out_;
};

class JsonPrinter {
 public:
  void begin(const Definition& d) {
    out_ += first_family_ ? "" : ",";
    first_family_ = false;
    first_series_ = true;
    out_ += "{\"name\":";
    text(d.name);
    out_ += ",\"type\":";
    text(to_string(d.type));
    out_ += ",\"help\":";
    text(d.help);
    out_ += ",\"series\":[";
  }
  void end() { out_ += "]}"; }

  void series(const Definition& d, std::string_view labels, std::uint64_t total) {
    begin_series(labels);
    out_ += ",\"value\":";
    if (d.units_per_one == 1) {
      integer(total);
    } else {
      number(static_cast<double>(total) / static_cast<double>(d.units_per_one));
    }
    out_ += '}';
  }
  void series(const Definition&, std::string_view labels, double value) {
    begin_series(labels);
    out_ += ",\"value\":";
    number(value);
    out_ += '}';
  }
  void series(const Definition&, std::string_view labels, const HistogramSnapshot& h) {
    begin_series(labels);
    out_ += ",\"count\":";
    integer(h.count);
    out_ += ",\"sum\":";
    number(h.sum);
    out_ += ",\"buckets\":[";
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < h.counts().size(); ++i) {
      below += h.buckets[i];
      out_ += i == 0 ? "{\"le\":" : ",{\"le\":";
      number(h.config.upper_bound(i));
      out_ += ",\"count\":";
      integer(below);
      out_ += '}';
    }
    out_ += "]}";
  }

  void states(const Definition& d, std::string_view labels, std::uint32_t state) {
    begin_series(labels);
    out_ += ",\"value\":";
    text(d.states[state]);
    out_ += '}';
  }

  std::string finish() && {
    out_ += "]}\n";
    return std::move(out_);
  }

 private:
  // Escaped label text is JSON but for the form of names and for control characters: a="1",b="2".
  void begin_series(std::string_view labels) {
    out_ += first_series_ ? "{\"labels\":{" : ",{\"labels\":{";
    first_series_ = false;
    while (!labels.empty()) {
      const std::size_t name = labels.find('=');
      std::size_t end = name + 2;
      while (labels[end] != '"') end += labels[end] == '\\' ? 2 : 1;
      text(labels.substr(0, name));
      out_ += ":\"";
      for (const char c : labels.substr(name + 2, end - name - 2)) control_escaped(c);
      out_ += '"';
      labels.remove_prefix(end + 1);
      if (labels.empty()) break;
      labels.remove_prefix(1);
      out_ += ',';
    }
    out_ += '}';
  }
  void control_escaped(char c) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20) {
      out_ += c;
    } else {
      out_.append("\\u00") += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    }
  }
  void text(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ += '\\';
      control_escaped(c);
    }
    out_ += '"';
  }
  void integer(std::uint64_t value) {
    const bool exact = value <= (std::uint64_t{1} << 53);  // beyond, readers that take every number for a double round
    if (!exact) out_ += '"';
    append_integer(out_, value);
    if (!exact) out_ += '"';
  }
  void number(double value) {
    if (!std::isfinite(value)) out_ += '"';
    append_double(out_, value);
    if (!std::isfinite(value)) out_ += '"';
  }

  std::string out_ = "{\"schema\":1,\"families\":[";
  bool first_family_ = true;
  bool first_series_ = true;
};

template <class Printer>
void print_series(const FamilyState& family, Printer& printer) {
  SeriesReader reader;
  const Definition& definition = family.definition;
  for (std::uint32_t at = 0; reader.next(family, at);) {
    switch (definition.type) {
      case MetricType::kCounter:
        printer.series(definition, reader.labels(), reader.total());
        break;
      case MetricType::kGauge:
        printer.series(definition, reader.labels(), reader.value());
        break;
      case MetricType::kHistogram:
        printer.series(definition, reader.labels(), reader.histogram());
        break;
      case MetricType::kStateSet:
        printer.states(definition, reader.labels(), reader.state());
        break;
      case MetricType::kInfo:
        printer.series(definition, reader.labels(), std::uint64_t{1});
        break;
    }
  }
}

template <class Printer>
std::string print(const MetricsState& state, Printer printer) {
  for (const FamilyState* family = state.first_family(); family != nullptr; family = family->next()) {
    if (family->live.load(std::memory_order_relaxed) == 0) continue;  // relaxed: a count of its own
    printer.begin(family->definition);
    print_series(*family, printer);
    printer.end();
  }
  return std::move(printer).finish();
}

}  // namespace

std::string render(const MetricsState& state, Exposition format) {
  if (format == Exposition::kJson) return print(state, JsonPrinter());
  return print(state, TextPrinter(format == Exposition::kOpenMetrics));
}

}  // namespace detail
}  // namespace seawall
