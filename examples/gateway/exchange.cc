// SPDX-License-Identifier: MIT
#include "gateway/exchange.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/app.h"

using nlohmann::json;

namespace {

// The headers of a request, as the propagator asks for them.
auto carrier_of(const http::Headers& headers) {
  return [&headers](std::string_view name, seawall::HeaderFields& out) {
    for (const auto& [key, value] : headers) {
      if (http::same_name(key, name)) out.add(value);
    }
  };
}

// Those that are written anew, not copied.
bool is_ours(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 4> kOurs{"traceparent", "tracestate", "baggage", "X-Correlation-ID"};
  return std::any_of(kOurs.begin(), kOurs.end(), [name](std::string_view ours) { return http::same_name(name, ours); });
}

// The text up to `separator`; what is behind it stays in `text`.
std::string_view take_until(std::string_view& text, char separator) {
  std::size_t end = 0;
  while (end < text.size() && text[end] != separator) ++end;
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end < text.size() ? end + 1 : end);
  return taken;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// How precisely a range of an Accept header means `type`: by name, 2 by "type/*", 1 by "*/*", 0 not at all.
constexpr int kNamed = 3;
int match_of(std::string_view range, std::string_view type) noexcept {
  if (http::same_name(range, type)) return kNamed;
  if (range == "*/*") return 1;
  const std::string_view family = type.substr(0, type.find('/') + 1);
  return range.ends_with("/*") && http::same_name(range.substr(0, range.size() - 1), family) ? 2 : 0;
}

// The q among the parameters of a range; 1 without one.
double quality_of(std::string_view parameters) noexcept {
  double quality = 1;
  while (!parameters.empty()) {
    const std::string_view parameter = trimmed(take_until(parameters, ';'));
    if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) continue;
    std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), quality);
  }
  return quality;
}

}  // namespace

Exchange::Exchange(const http::Request& incoming, App& app)
    : request(incoming),
      start(seawall::Clock::now()),
      correlation(seawall::CorrelationId::accept_or_generate(incoming.headers.get("X-Correlation-ID"),
                                                             seawall::IdGenerator::this_thread())),
      trace(app.propagator.extract(carrier_of(incoming.headers), seawall::IdGenerator::this_thread())),
      app_(app) {
  app.metrics.count_refused(trace.fault);
  app.metrics.count_refused(trace.state_fault);
  app.metrics.count_refused(seawall::CorrelationId::fault_of(incoming.headers.get("X-Correlation-ID")));
}

std::string Exchange::trace_id() const {
  std::array<char, 32> text;
  return std::string(trace.context.format_trace_id(text));
}

http::Request Exchange::outgoing(const seawall::Span& call) const {
  http::Request out;
  out.method = request.method == "HEAD" ? "GET" : request.method;
  out.target = request.target;
  out.body = request.body;
  std::string forwarded;
  const http::HopByHop hops(request.headers);  // which cannot take away what is added here
  for (const auto& [name, value] : request.headers) {
    if (hops.contains(name)) continue;
    if (http::same_name(name, "X-Forwarded-For")) {
      if (!value.empty()) forwarded += value + ", ";
    } else if (!is_ours(name)) {
      out.headers.add(name, value);
    }
  }
  if (request.peer) out.headers.add("X-Forwarded-For", forwarded + request.peer->address());
  out.headers.add("Via", http::via(request));
  out.headers.add("X-Correlation-ID", correlation.view());
  const seawall::TraceContext* context = call.context() ? call.context() : &trace.context;
  app_.propagator.inject(*context, trace.state, [&out](std::string_view name, std::string_view value) {
    if (!value.empty()) out.headers.add(name, value);  // what is to be removed was not copied
  });
  seawall::Baggage baggage;
  app_.metrics.count_refused(app_.propagator.extract_baggage(carrier_of(request.headers), baggage));
  if (!baggage.empty()) {
    std::string text(baggage.text_size(), '\0');
    baggage.format(text);
    out.headers.add("baggage", text);
  }
  return out;
}

http::Response reply(const Exchange&, int status, json body) { return http::Response::json(status, to_text(body)); }

http::Response refuse(const Exchange& exchange, int status, std::string_view message, json more) {
  more["success"] = false;
  more["message"] = message;
  more["correlation_id"] = exchange.correlation.view();
  return http::Response::json(status, to_text(more));
}

http::Response refuse(const Exchange& exchange, const Fault& fault) {
  return refuse(exchange, 400, fault.message, {{"field", fault.field}});
}

Acceptance acceptance_of(std::string_view accept, std::string_view type) noexcept {
  if (accept.empty()) return {.quality = 1, .named = false};
  Acceptance found;
  int precision = 0;
  while (!accept.empty()) {
    std::string_view parameters = take_until(accept, ',');
    const int matched = match_of(trimmed(take_until(parameters, ';')), type);
    if (matched <= precision) continue;
    precision = matched;
    found = {.quality = quality_of(parameters), .named = matched == kNamed};
  }
  return found;
}
