// SPDX-License-Identifier: MIT
//
// The gateway's own metrics, registered once; series of the request path are resolved once and then only counted.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/history.h"
#include "http/server.h"
#include "seawall/algorithm/trace_fault.h"
#include "seawall/runtime/metrics_registry.h"

// The counters of one route by method and status code.
class RouteCounters {
 public:
  RouteCounters(seawall::Family<seawall::Counter> family, std::string route)
      : family_(family), route_(std::move(route)) {}
  void count(std::string_view method, int status) const;

 private:
  seawall::Family<seawall::Counter> family_;
  std::string route_;
};

struct UpstreamMetrics {
  seawall::Histogram duration;
  seawall::Counter calls_answered;
  seawall::Counter calls_failed;
  seawall::Counter calls_cancelled;
  seawall::Counter retries;
};

class Metrics {
 public:
  Metrics();

  RouteCounters& route(const std::string& label);  // made at start, one for each route
  void count_reload(bool taken);                   // of the configuration; the first is the start
  void count_refused(seawall::TraceFault fault);   // a trace header or correlation id; what is only absent is not
  void set_connections(const http::ConnectionCounts& counts);  // one call at a time
  Sample sample() const;  // the totals, without what the registry and the breakers know

  seawall::MetricsRegistry registry;
  seawall::Counter requests;  // all answers; what the family above adds up to
  seawall::Counter proxied;   // of these, those of proxied routes
  seawall::Counter errors;    // proxied, ended with 500, 502 or 504
  seawall::Counter user_limited;
  seawall::Counter service_limited;
  seawall::Counter breaker_open;
  seawall::Counter no_instance;
  seawall::Counter no_connection;
  seawall::Counter trades_live;
  seawall::Counter trades_mock;
  seawall::Counter revenue;  // in millionths
  seawall::Counter users_registered;
  std::array<UpstreamMetrics, kUpstreams> upstreams;

  seawall::Gauge active_users;  // set when somebody asks

 private:
  seawall::Gauge connections_;
  seawall::Counter evicted_;
  seawall::Counter reloads_taken_, reloads_refused_;
  seawall::Gauge last_reload_taken_, last_reload_at_;
  seawall::Family<seawall::Counter> http_requests_;
  std::array<seawall::Counter, seawall::kTraceFaultCount> refused_;  // the first few record nothing
  std::vector<std::pair<std::string, std::unique_ptr<RouteCounters>>> routes_;
};

inline constexpr double kRevenueUnit = 1e-6;
