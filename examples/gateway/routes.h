// SPDX-License-Identifier: MIT
//
// The routes of the gateway, and what is done to every request and every answer.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gateway/app.h"
#include "gateway/exchange.h"
#include "seawall/rate_limit_header.h"

// Answers one request; runs on the loop of the request's connection.
using Endpoint = std::function<http::Task<http::Response>(App&, Exchange&, http::Loop&)>;

struct Route {
  std::string method;
  std::string path;  // {} matches one segment
  Endpoint endpoint;
  RouteCounters* counters = nullptr;
};

class Router {
 public:
  explicit Router(App& app);

  // Finds the route, answers OPTIONS, HEAD, 404 and 405, adds what every response has, counts.
  http::Task<http::Response> handle(const http::Request& request, http::Loop& loop);
  // An answer to what the server could not read as a request.
  http::Response refuse_unread(const http::Request& request, int status, const std::string& message);

 private:
  void add(std::string method, std::string path, Endpoint endpoint);
  http::Task<http::Response> dispatch(Exchange& exchange, http::Loop& loop, RouteCounters*& counters);
  http::Response options_answer(const Exchange& exchange, const std::string& allow) const;
  void finish(const Exchange& exchange, http::Response& response, RouteCounters& counters);
  void add_cors(const Exchange& exchange, http::Response& response) const;

  App& app_;
  std::vector<Route> routes_;
  RouteCounters& unmatched_;
};

// proxy.cc
http::Task<http::Response> proxy(App& app, std::size_t service, Exchange& exchange, http::Loop& loop);

// What a client sent for a proxied route; the fault if it is not valid.
std::optional<Fault> check_input(std::size_t service, const Exchange& exchange);

// info_routes.cc
http::Response root_route(App& app, const Exchange& exchange);
http::Response health_route(App& app, const Exchange& exchange);
http::Response services_route(App& app, const Exchange& exchange);
http::Response dashboard_route(App& app, const Exchange& exchange);
http::Response history_route(App& app, const Exchange& exchange);
http::Response metrics_route(App& app, const Exchange& exchange);

// trace_routes.cc: the spans of slow and failed requests, and where the services send theirs (OTLP/HTTP JSON).
http::Response traces_route(App& app, const Exchange& exchange);
http::Response trace_route(App& app, const Exchange& exchange);
http::Response ingest_spans_route(App& app, const Exchange& exchange);

// registry_routes.cc
http::Response register_route(App& app, const Exchange& exchange);
http::Response heartbeat_route(App& app, const Exchange& exchange);
http::Response deregister_route(App& app, const Exchange& exchange);

// admin_routes.cc
http::Response reset_breaker_route(App& app, const Exchange& exchange);
http::Response trip_breaker_route(App& app, const Exchange& exchange);
http::Response rate_limit_test_route(App& app, const Exchange& exchange);
// The answer for a client that may not use /admin and /registry; nothing for one that may.
std::optional<http::Response> deny_access(const App& app, const Exchange& exchange);

// limits.cc: who a request counts for, and the fields that tell limits.
std::variant<std::string, Fault> user_key(const Exchange& exchange);

// How the limits of a pipeline are told.
class Limits {
 public:
  explicit Limits(seawall::Pipeline& pipeline) : count_(pipeline.labels(labels_)) {}
  std::vector<seawall::LimitStatus> of(const seawall::Admission& call) const;

 private:
  std::array<seawall::LimitLabel, seawall::kMostPipelineLimits> labels_;
  std::size_t count_;
};

seawall::LimitStatus status(std::string_view name, const seawall::Quota& quota, const seawall::Decision& decision);
void add_rate_limit_headers(http::Response& response, std::span<const seawall::LimitStatus> limits);
void add_retry_after(http::Response& response, seawall::Duration wait);
