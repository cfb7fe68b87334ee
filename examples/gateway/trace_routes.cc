// SPDX-License-Identifier: MIT
// Traces for people and for the dashboard, and the collector of what the services measured.
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "gateway/routes.h"

using nlohmann::json;
using seawall::AttributeValue;
using seawall::SpanRecord;

namespace {

// Wall clock minus the clock of spans.
seawall::Duration unix_offset() {
  return std::chrono::system_clock::now().time_since_epoch() - seawall::Clock::now().time_since_epoch();
}

std::string timestamp_of(seawall::TimePoint at) {
  const auto since_1970 = at.time_since_epoch() + unix_offset();
  return timestamp(std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(since_1970)));
}

double milliseconds(seawall::Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

template <std::size_t kBytes>
json hex(const std::array<std::uint8_t, kBytes>& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : id) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return text;
}

json to_json(const AttributeValue& value) {
  return std::visit(
      []<class T>(const T& held) {
        if constexpr (std::is_same_v<T, std::string_view>)
          return json(std::string(held));
        else
          return json(held);
      },
      value);
}

struct ToObject {
  json object = json::object();
  void operator()(std::string_view key, const AttributeValue& value) { object[std::string(key)] = to_json(value); }
};

std::string service_of(const App& app, const SpanRecord& span) {
  return std::string(span.service().empty() ? std::string_view(app.tracer.service()) : span.service());
}

json span_json(const App& app, const SpanRecord& span, seawall::TimePoint start) {
  ToObject attributes;
  span.for_each_attribute(attributes);
  json events = json::array();
  span.for_each_event([&](std::string_view name, seawall::TimePoint at, const auto& each) {
    ToObject of_event;
    each(of_event);
    events.push_back({{"name", name}, {"offset_ms", milliseconds(at - start)}, {"attributes", of_event.object}});
  });
  const bool root = span.parent_id == seawall::SpanId{};
  return {{"service", service_of(app, span)},
          {"name", span.name()},
          {"kind", seawall::to_string(span.kind)},
          {"span_id", hex(span.span_id)},
          {"parent_span_id", root ? json() : hex(span.parent_id)},
          {"offset_ms", milliseconds(span.start - start)},
          {"duration_ms", milliseconds(span.end - span.start)},
          {"status", seawall::to_string(span.status)},
          {"message", span.status_text()},
          {"attributes", std::move(attributes.object)},
          {"events", std::move(events)}};
}

json summary_json(const App& app, const seawall::KeptTrace& trace) {
  const SpanRecord& first = trace.first;
  return {{"trace_id", hex(first.trace_id)},
          {"service", service_of(app, first)},
          {"name", first.name()},
          {"started", timestamp_of(first.start)},
          {"duration_ms", milliseconds(first.end - first.start)},
          {"status", seawall::to_string(first.status)},
          {"message", first.status_text()},
          {"spans", trace.spans}};
}

// Ids by the rules of traceparent: so many lower-case digits, not all of them zero.
std::optional<seawall::TraceContext> ids_of(std::string_view trace_id, std::string_view span_id) {
  auto parsed =
      seawall::TraceContext::parse(std::string("00-").append(trace_id).append("-").append(span_id).append("-00"));
  if (!parsed) return std::nullopt;
  return parsed.value();
}

// ---- OTLP/HTTP JSON ----------------------------------------------------------------------------------------------

// Thrown by what follows; the route makes a 400 of it.
struct Malformed {
  std::string field;
};

const json& member(const json& object, const char* name, json::value_t type) {
  const auto found = object.find(name);
  if (!object.is_object() || found == object.end() || found->type() != type) throw Malformed{name};
  return *found;
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (!found->is_string()) throw Malformed{name};
  return found->get<std::string>();
}

// 64-bit numbers are decimal strings in this protocol; readers accept numbers as well.
std::int64_t number_of(const json& value, const char* name) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}) throw Malformed{name};
  if (value.is_number_integer()) return value.get<std::int64_t>();
  const auto number = value.is_string() ? to_integer(value.get_ref<const std::string&>()) : std::nullopt;
  if (!number) throw Malformed{name};
  return *number;
}

seawall::TimePoint instant_of(const json& object, const char* name, seawall::Duration offset) {
  if (!object.contains(name)) throw Malformed{name};
  const std::int64_t unix_ns = number_of(object[name], name);
  if (unix_ns < 0) throw Malformed{name};
  return seawall::time_from_ns(unix_ns - offset.count());
}

// fn(key, value) for each attribute of a type that spans have; arrays and maps are left out.
template <class Fn>
void for_each_attribute(const json& object, Fn&& fn) {
  const auto list = object.find("attributes");
  if (list == object.end()) return;
  if (!list->is_array()) throw Malformed{"attributes"};
  for (const json& each : *list) {
    const std::string key = text_of(each, "key");
    const json& value = member(each, "value", json::value_t::object);
    if (value.contains("stringValue")) {
      const std::string text = text_of(value, "stringValue");
      fn(key, AttributeValue(std::string_view(text)));
    } else if (value.contains("intValue")) {
      fn(key, AttributeValue(number_of(value["intValue"], "intValue")));
    } else if (value.contains("boolValue") && value["boolValue"].is_boolean()) {
      fn(key, AttributeValue(value["boolValue"].get<bool>()));
    } else if (value.contains("doubleValue") && value["doubleValue"].is_number()) {
      fn(key, AttributeValue(value["doubleValue"].get<double>()));
    }
  }
}

void read_events(const json& span, SpanRecord& record, seawall::Duration offset) {
  const auto events = span.find("events");
  if (events == span.end()) return;
  if (!events->is_array()) throw Malformed{"events"};
  for (const json& event : *events) {
    std::deque<std::string> texts;  // what the attributes point to
    std::vector<seawall::Attribute> attributes;
    for_each_attribute(event, [&](const std::string& key, AttributeValue value) {
      if (const auto* text = std::get_if<std::string_view>(&value)) value = texts.emplace_back(*text);
      attributes.push_back({texts.emplace_back(key), value});
    });
    record.add_event(text_of(event, "name"), instant_of(event, "timeUnixNano", offset), attributes);
  }
}

SpanRecord read_span(const json& span, std::string_view service, seawall::Duration offset) {
  const auto ids = ids_of(text_of(span, "traceId"), text_of(span, "spanId"));
  if (!ids) throw Malformed{"traceId"};
  SpanRecord record;
  record.trace_id = ids->trace_id();
  record.span_id = ids->span_id();
  if (const std::string parent = text_of(span, "parentSpanId"); !parent.empty()) {
    const auto above = ids_of(text_of(span, "traceId"), parent);
    if (!above) throw Malformed{"parentSpanId"};
    record.parent_id = above->span_id();
  }
  const std::int64_t kind = number_of(span.value("kind", json(1)), "kind");
  if (kind < 1 || kind > 5) throw Malformed{"kind"};
  record.kind = static_cast<seawall::SpanKind>(kind);
  record.start = instant_of(span, "startTimeUnixNano", offset);
  record.end = std::max(record.start, instant_of(span, "endTimeUnixNano", offset));
  record.set_service(service);
  record.set_name(text_of(span, "name"));
  for_each_attribute(span, [&](const std::string& key, const AttributeValue& value) { record.set(key, value); });
  read_events(span, record, offset);
  if (const auto status = span.find("status"); status != span.end() && status->is_object()) {
    const std::int64_t code = number_of(status->value("code", json(0)), "code");
    if (code < 0 || code > 2) throw Malformed{"code"};
    record.set_status(static_cast<seawall::SpanStatus>(code), text_of(*status, "message"));
  }
  return record;
}

std::string service_of(const json& resource_spans) {
  std::string service;
  if (const auto resource = resource_spans.find("resource"); resource != resource_spans.end()) {
    for_each_attribute(*resource, [&](const std::string& key, const AttributeValue& value) {
      const auto* text = std::get_if<std::string_view>(&value);
      if (key == "service.name" && text != nullptr) service = *text;
    });
  }
  return service.empty() ? "unknown_service" : service;
}

std::vector<SpanRecord> read_spans(const json& body) {
  std::vector<SpanRecord> records;
  const seawall::Duration offset = unix_offset();
  for (const json& resource : member(body, "resourceSpans", json::value_t::array)) {
    const std::string service = service_of(resource);
    for (const json& scope : member(resource, "scopeSpans", json::value_t::array)) {
      for (const json& span : member(scope, "spans", json::value_t::array)) {
        records.push_back(read_span(span, service, offset));
      }
    }
  }
  return records;
}

}  // namespace

http::Response traces_route(App& app, const Exchange& exchange) {
  const auto limit = parse_limit(exchange.request.parameter("limit"));
  if (const auto* fault = std::get_if<Fault>(&limit)) return refuse(exchange, *fault);
  json traces = json::array();
  for (const auto& trace : app.tracer.kept(static_cast<std::size_t>(std::get<std::int64_t>(limit)))) {
    traces.push_back(summary_json(app, trace));
  }
  return reply(
      exchange, 200,
      {{"success", true}, {"traces", std::move(traces)}, {"message", "Slow and failed requests, latest first"}});
}

http::Response trace_route(App& app, const Exchange& exchange) {
  const std::string id(exchange.segments.at(0));
  const auto ids = ids_of(id, "0000000000000001");
  if (!ids) return refuse(exchange, Fault{"id", "a trace id is 32 lower-case hex digits, not all of them zero"});
  const auto spans = app.tracer.trace(ids->trace_id());
  if (spans.empty()) return refuse(exchange, 404, "no span of this trace is left");
  json listed = json::array();
  for (const SpanRecord& span : spans) listed.push_back(span_json(app, span, spans.front().start));
  return reply(exchange, 200,
               {{"success", true},
                {"trace_id", id},
                {"started", timestamp_of(spans.front().start)},
                {"spans", std::move(listed)},
                {"message", std::to_string(spans.size()) + " spans"}});
}

http::Response ingest_spans_route(App& app, const Exchange& exchange) {
  const json body = parse_json(exchange.request.body);
  try {
    for (const SpanRecord& record : read_spans(body)) app.tracer.record_at(record, exchange.start);
  } catch (const Malformed& malformed) {
    return refuse(exchange, Fault{malformed.field, malformed.field + " is missing or malformed (OTLP/HTTP JSON)"});
  }
  return http::Response::json(200, "{\"partialSuccess\":{}}");
}
