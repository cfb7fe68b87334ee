// SPDX-License-Identifier: MIT
// Spans as OTLP/HTTP JSON: lowerCamelCase keys, ids in hex, 64-bit numbers as decimal strings, enums as numbers, and
// no JSON number for what is not finite. And as JSON lines, for people and their tools.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "seawall/runtime/span_exporter.h"
#include "text/json_text.h"
#include "text/utf8.h"

namespace seawall {
namespace {

// Appends "," before every element but the first.
class Comma {
 public:
  explicit Comma(std::string& out) : out_(out) {}
  void operator()() {
    if (!first_) out_ += ',';
    first_ = false;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

template <class... Args>
void print(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

// Texts come from outside: bytes that are no UTF-8 must not spoil the whole body.
void append_text(std::string& out, std::string_view text) {
  if (is_utf8(text)) return append_json_text(out, text);
  std::string clean(text);
  for (char& c : clean) {
    if ((static_cast<unsigned char>(c) & 0x80) != 0) c = '?';
  }
  append_json_text(out, clean);
}

template <std::size_t kBytes>
void append_hex(std::string& out, const std::array<std::uint8_t, kBytes>& id) {
  std::array<char, 2 * kBytes> text;
  algorithm::encode_hex(id, text.data());
  out += '"';
  out.append(text.data(), text.size());
  out += '"';
}

void append_number(std::string& out, double number) {
  if (std::isfinite(number)) {
    print(out, "{}", number);
  } else {
    out += std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  }
}

std::int64_t unix_ns(TimePoint at, Duration unix_offset) { return to_ns(at) + unix_offset.count(); }

struct OtlpValue {
  std::string& out;
  void operator()(bool value) const { print(out, "{{\"boolValue\":{}}}", value); }
  void operator()(std::int64_t value) const { print(out, "{{\"intValue\":\"{}\"}}", value); }
  void operator()(double value) const {
    out += "{\"doubleValue\":";
    append_number(out, value);
    out += '}';
  }
  void operator()(std::string_view value) const {
    out += "{\"stringValue\":";
    append_text(out, value);
    out += '}';
  }
};

struct PlainValue {
  std::string& out;
  void operator()(bool value) const { print(out, "{}", value); }
  void operator()(std::int64_t value) const { print(out, "{}", value); }
  void operator()(double value) const { append_number(out, value); }
  void operator()(std::string_view value) const { append_text(out, value); }
};

void append_otlp_attribute(std::string& out, std::string_view key, const AttributeValue& value) {
  out += "{\"key\":";
  append_text(out, key);
  out += ",\"value\":";
  std::visit(OtlpValue{out}, value);
  out += '}';
}

template <class ForEach>
void append_otlp_attributes(std::string& out, const ForEach& for_each) {
  out += "\"attributes\":[";
  Comma comma(out);
  for_each([&](std::string_view key, const AttributeValue& value) {
    comma();
    append_otlp_attribute(out, key, value);
  });
  out += ']';
}

void append_otlp_events(std::string& out, const SpanRecord& span, Duration unix_offset) {
  out += ",\"events\":[";
  Comma comma(out);
  span.for_each_event([&](std::string_view name, TimePoint at, const auto& attributes) {
    comma();
    print(out, "{{\"timeUnixNano\":\"{}\",\"name\":", unix_ns(at, unix_offset));
    append_text(out, name);
    out += ',';
    append_otlp_attributes(out, attributes);
    out += '}';
  });
  out += ']';
}

void append_otlp_status(std::string& out, const SpanRecord& span) {
  print(out, ",\"status\":{{\"code\":{}", static_cast<int>(span.status));
  if (!span.status_text().empty()) {
    out += ",\"message\":";
    append_text(out, span.status_text());
  }
  out += '}';
}

void append_otlp_span(std::string& out, const SpanRecord& span, Duration unix_offset) {
  out += "{\"traceId\":";
  append_hex(out, span.trace_id);
  out += ",\"spanId\":";
  append_hex(out, span.span_id);
  if (!algorithm::all_zero(span.parent_id)) {
    out += ",\"parentSpanId\":";
    append_hex(out, span.parent_id);
  }
  print(out, ",\"flags\":{},\"name\":", span.flags);
  append_text(out, span.name());
  print(out, ",\"kind\":{},\"startTimeUnixNano\":\"{}\",\"endTimeUnixNano\":\"{}\",", static_cast<int>(span.kind),
        unix_ns(span.start, unix_offset), unix_ns(span.end, unix_offset));
  append_otlp_attributes(out, [&](auto&& each) { span.for_each_attribute(each); });
  if (span.dropped_attributes > 0) print(out, ",\"droppedAttributesCount\":{}", span.dropped_attributes);
  append_otlp_events(out, span, unix_offset);
  if (span.dropped_events > 0) print(out, ",\"droppedEventsCount\":{}", span.dropped_events);
  append_otlp_status(out, span);
  out += '}';
}

std::string_view service_of(const SpanRecord& span, std::string_view own) {
  return span.service().empty() ? own : span.service();
}

void append_otlp_resource(std::string& out, std::span<const SpanRecord> spans, std::string_view own,
                          std::string_view service, Duration unix_offset) {
  out += "{\"resource\":{\"attributes\":[";
  append_otlp_attribute(out, "service.name", service);
  out += "]},\"scopeSpans\":[{\"scope\":{\"name\":\"seawall\"},\"spans\":[";
  Comma comma(out);
  for (const SpanRecord& span : spans) {
    if (service_of(span, own) != service) continue;
    comma();
    append_otlp_span(out, span, unix_offset);
  }
  out += "]}]}";
}

template <class ForEach>
void append_plain_attributes(std::string& out, const ForEach& for_each) {
  out += "\"attributes\":{";
  Comma comma(out);
  for_each([&](std::string_view key, const AttributeValue& value) {
    comma();
    append_text(out, key);
    out += ':';
    std::visit(PlainValue{out}, value);
  });
  out += '}';
}

}  // namespace

void append_otlp_json(std::string& out, std::span<const SpanRecord> spans, std::string_view service,
                      Duration unix_offset) {
  out += "{\"resourceSpans\":[";
  Comma comma(out);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const std::string_view mine = service_of(spans[i], service);
    const auto same = [&](const SpanRecord& other) { return service_of(other, service) == mine; };
    if (std::any_of(spans.begin(), spans.begin() + static_cast<std::ptrdiff_t>(i), same)) continue;
    comma();
    append_otlp_resource(out, spans, service, mine, unix_offset);
  }
  out += "]}";
}

void append_json_line(std::string& out, const SpanRecord& span, std::string_view service, Duration unix_offset) {
  out += "{\"service\":";
  append_text(out, service_of(span, service));
  out += ",\"name\":";
  append_text(out, span.name());
  out += ",\"kind\":";
  append_text(out, to_string(span.kind));
  out += ",\"trace_id\":";
  append_hex(out, span.trace_id);
  out += ",\"span_id\":";
  append_hex(out, span.span_id);
  out += ",\"parent_id\":";
  if (algorithm::all_zero(span.parent_id)) {
    out += "null";
  } else {
    append_hex(out, span.parent_id);
  }
  print(out, ",\"start_unix_ns\":{},\"duration_ns\":{},\"status\":", unix_ns(span.start, unix_offset),
        (span.end - span.start).count());
  append_text(out, to_string(span.status));
  out += ",\"message\":";
  append_text(out, span.status_text());
  out += ',';
  append_plain_attributes(out, [&](auto&& each) { span.for_each_attribute(each); });
  out += ",\"events\":[";
  Comma comma(out);
  span.for_each_event([&](std::string_view name, TimePoint at, const auto& attributes) {
    comma();
    out += "{\"name\":";
    append_text(out, name);
    print(out, ",\"unix_ns\":{},", unix_ns(at, unix_offset));
    append_plain_attributes(out, attributes);
    out += '}';
  });
  print(out, "],\"dropped\":{}}}\n", span.dropped_attributes + span.dropped_events);
}

}  // namespace seawall
