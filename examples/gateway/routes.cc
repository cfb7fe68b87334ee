// SPDX-License-Identifier: MIT
#include "gateway/routes.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

namespace {

using RouteFunction = http::Response (*)(App&, const Exchange&);

// A route that the gateway answers at once.
Endpoint at_once(RouteFunction function) {
  return [function](App& app, Exchange& exchange, http::Loop&) -> http::Task<http::Response> {
    co_return function(app, exchange);
  };
}

// The same for operators only.
Endpoint guarded(RouteFunction function) {
  return [function](App& app, Exchange& exchange, http::Loop&) -> http::Task<http::Response> {
    auto denied = deny_access(app, exchange);
    co_return denied ? std::move(*denied) : function(app, exchange);
  };
}

Endpoint proxied(std::size_t service) {
  return [service](App& app, Exchange& exchange, http::Loop& loop) { return proxy(app, service, exchange, loop); };
}

// Whether `path` has the form of `pattern`, where {} stands for one segment, which is appended to `segments`.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string_view>& segments) {
  segments.clear();
  while (!pattern.empty()) {
    const std::size_t hole = pattern.find("{}");
    if (hole == std::string_view::npos) return pattern == path;
    if (!path.starts_with(pattern.substr(0, hole))) return false;
    path.remove_prefix(hole);
    pattern.remove_prefix(hole + 2);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty()) return false;
    segments.push_back(segment);
    path.remove_prefix(segment.size());
  }
  return path.empty();
}

std::string processing_time(const Exchange& exchange) {
  const std::chrono::duration<double> spent = seawall::Clock::now() - exchange.start;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3fs", spent.count());
  return text.data();
}

void end_span(seawall::Span& span, int status) {
  span.set("http.response.status_code", status);
  if (status >= 500) span.set_status(seawall::SpanStatus::kError, http::reason_phrase(status));
  span.end();
}

}  // namespace

Router::Router(App& app) : app_(app), unmatched_(app.metrics.route("unmatched")) {
  add("POST", "/api/v1/trading/execute", proxied(0));
  add("GET", "/api/v1/gamification/user/{}/profile", proxied(1));
  add("GET", "/api/v1/social/feed", proxied(2));
  add("POST", "/api/v1/users/register", proxied(3));
  add("GET", "/", at_once(root_route));
  add("GET", "/health", at_once(health_route));
  add("GET", "/services", at_once(services_route));
  add("GET", "/dashboard", at_once(dashboard_route));
  add("GET", "/dashboard/history", at_once(history_route));
  add("GET", "/metrics", at_once(metrics_route));
  add("GET", "/traces", at_once(traces_route));
  add("GET", "/traces/{}", at_once(trace_route));
  add("POST", "/v1/traces", guarded(ingest_spans_route));
  add("POST", "/registry/instances", guarded(register_route));
  add("PUT", "/registry/instances/{}/heartbeat", guarded(heartbeat_route));
  add("DELETE", "/registry/instances/{}", guarded(deregister_route));
  add("POST", "/admin/circuit-breaker/reset/{}", guarded(reset_breaker_route));
  if (!app.options.test_endpoints) return;
  add("POST", "/test/circuit-breaker/{}", at_once(trip_breaker_route));
  add("GET", "/test/rate-limit", at_once(rate_limit_test_route));
}

void Router::add(std::string method, std::string path, Endpoint endpoint) {
  RouteCounters& counters = app_.metrics.route(path);
  routes_.push_back({std::move(method), std::move(path), std::move(endpoint), &counters});
}

http::Task<http::Response> Router::handle(const http::Request& request, http::Loop& loop) {
  Exchange exchange(request, app_);
  RouteCounters* counters = &unmatched_;
  http::Response response;
  try {
    response = co_await dispatch(exchange, loop, counters);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s %s: %s\n", request.method.c_str(), std::string(request.path()).c_str(),
                 error.what());
    response = refuse(exchange, 500, "internal error");
  }
  finish(exchange, response, *counters);
  end_span(exchange.span, response.status);
  co_return response;
}

http::Response Router::refuse_unread(const http::Request& request, int status, const std::string& message) {
  const Exchange exchange(request, app_);
  if (status == 503) app_.metrics.no_connection.add();  // the server's only reason
  auto response = refuse(exchange, status, message);
  finish(exchange, response, unmatched_);
  return response;
}

http::Task<http::Response> Router::dispatch(Exchange& exchange, http::Loop& loop, RouteCounters*& counters) {
  const std::string& method = exchange.request.method;
  std::string allow;
  for (const Route& route : routes_) {
    if (!matches(route.path, exchange.request.path(), exchange.segments)) continue;
    counters = route.counters;
    exchange.route = route.path;
    if (method == route.method || (method == "HEAD" && route.method == "GET")) {
      co_return co_await route.endpoint(app_, exchange, loop);
    }
    allow += (allow.empty() ? "" : ", ") + route.method + (route.method == "GET" ? ", HEAD" : "");
  }
  if (method == "OPTIONS" && exchange.request.target == "*") allow = "GET, HEAD, POST, PUT, DELETE";
  if (allow.empty()) co_return refuse(exchange, 404, "no such route");
  allow += ", OPTIONS";
  if (method == "OPTIONS") co_return options_answer(exchange, allow);
  auto response = refuse(exchange, 405, "the method " + method + " is not allowed here");
  response.headers.add("Allow", allow);
  co_return response;
}

http::Response Router::options_answer(const Exchange& exchange, const std::string& allow) const {
  http::Response response;
  response.status = 204;
  response.headers.add("Allow", allow);
  const auto& headers = exchange.request.headers;
  if (!app_.options.cors_origins.empty() && headers.find("Access-Control-Request-Method")) {
    response.headers.add("Access-Control-Allow-Methods", allow);
    response.headers.add("Access-Control-Allow-Headers",
                         "Authorization, Content-Type, X-Correlation-ID, X-User-ID, traceparent, tracestate");
    response.headers.add("Access-Control-Max-Age", "600");
  }
  return response;
}

void Router::finish(const Exchange& exchange, http::Response& response, RouteCounters& counters) {
  response.headers.set("X-Correlation-ID", exchange.correlation.view());
  response.headers.set("X-Trace-ID", exchange.trace_id());
  response.headers.set("X-Processing-Time", processing_time(exchange));
  const bool come_back = response.status == 429 || response.status == 503;
  if (come_back && !response.headers.find("Retry-After")) response.headers.add("Retry-After", "1");
  add_cors(exchange, response);
  counters.count(exchange.request.method, response.status);
  app_.metrics.requests.add();
}

void Router::add_cors(const Exchange& exchange, http::Response& response) const {
  const auto& origins = app_.options.cors_origins;
  if (origins.empty()) return;
  response.headers.add("Vary", "Origin");
  const std::string* origin = exchange.request.headers.find("Origin");
  if (!origin || std::find(origins.begin(), origins.end(), *origin) == origins.end()) {
    for (const char* name :
         {"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"}) {
      response.headers.remove(name);
    }
    return;
  }
  response.headers.set("Access-Control-Allow-Origin", *origin);
  response.headers.set("Access-Control-Expose-Headers",
                       "X-Correlation-ID, X-Processing-Time, X-Trace-ID, Retry-After, RateLimit, RateLimit-Policy");
}
