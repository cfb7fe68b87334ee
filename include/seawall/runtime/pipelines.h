// SPDX-License-Identifier: MIT
//
// Pipelines: the routes of a gateway with their limits, breakers and services, from a JSON text, and reloaded under
// load.
//
// Use it where routes come from a configuration; use Pipeline where they are part of the program. A reload checks the
// whole text and makes all that is new before it changes anything: an error, which names path and value
// ("/routes/trading/limits/0/permits: must be from 1 to 1000000000, not 0"), leaves all as it was. Then each route gets
// its new composition at once; calls that are out end on the old one.
//
// State is kept where it can be. A limit of the same name, place and kind goes on when its numbers are the same; with
// others it is changed as its "on_change" says, and a window of another period begins anew. A breaker with the same
// options keeps its word; a service keeps loads, latencies and, unless it ejects nobody any more, who is ejected.
// What is not mentioned any more is dropped when the last call on it has ended; a route that is left out refuses all
// requests until it is there again. While a reload is under way, a request may meet the new numbers of one limit and
// the old ones of another. What a keyed limit whose numbers change grants while its keys are copied is not known to the
// new table: at most its old limit for each key, once for each reload.
//
//   {"limits": {"user": {"key": "user", "permits": 200, "period": "60s"}},
//    "services": {"trading": {"balancer": "peak_ewma", "ejection_duration": "10s"}},
//    "routes": {"trading": {"service": "trading", "trace": true, "breaker": {"open_duration": "30s"},
//                           "limits": ["user", {"name": "service", "permits": 1000, "period": "60s"}]}}}
//
// A limit: name (of one in a route), algorithm ("sliding_window"; "token_bucket", "fixed_window"), permits, period,
// burst, key (one limit for each key of this name), memory_bytes, when_full ("overflow", "deny", "allow"), on_change
// ("keep", "proportional", "reset"). A text in a route names one of the shared "limits". Breakers: the fields of
// CircuitBreakerOptions. Services: those of ServiceOptions, with the names of to_string(Balancer) and "all" or "fail"
// for panic_mode; the registry is configured so, and who is not mentioned any more is as by its default again.
// Durations are texts: "150ms", "30s", "5m", "1h". Unknown keys are errors.
//
// Threads: any; find() and reload lock a mutex, so look pipelines up once: they live as long as this object.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "seawall/decision.h"
#include "seawall/keyed_options.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

class MetricsRegistry;
class Pipeline;
class ServiceRegistry;

struct PipelinesOptions {
  std::vector<std::string> keys = {"user"};  // what requests are told apart by, in the order of PipelineRequest::keys
  std::int32_t max_routes = 256;             // ever known, 1 to 65536
  std::int32_t max_in_flight = 4096;         // of each route; see PipelineOptions
  Duration lease = std::chrono::minutes(10);
};

// What became of the state of each limit, breaker and service, by its path; all lists in the order of the text.
struct ReloadReport {
  std::vector<std::string> kept;     // goes on as it was
  std::vector<std::string> changed;  // goes on under other numbers
  std::vector<std::string> reset;    // was there, and begins anew
  std::vector<std::string> added;
  std::vector<std::string> removed;
};

struct PipelineLimitInfo {
  std::string path;  // of its state: /limits/NAME, or /routes/ROUTE/limits/NAME
  std::string name;
  bool keyed = false;
};

class Pipelines {
 public:
  // `registry` and `metrics` may be null, and must outlive this object: routes then have no service, or count nothing.
  // Errors: kInvalidArgument with the path; those of MetricsRegistry and ServiceRegistry::service.
  static Result<std::unique_ptr<Pipelines>> make(std::string_view json, ServiceRegistry* registry,
                                                 MetricsRegistry* metrics, const PipelinesOptions& options = {},
                                                 TimePoint epoch = Clock::now());
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  // Errors: as make; kFull when lost calls hold on to too many older compositions. Nothing is changed then.
  Result<ReloadReport> reload_at(std::string_view json, TimePoint now);
  Result<ReloadReport> reload(std::string_view json) { return reload_at(json, Clock::now()); }

  // Null: there never was such a route.
  Pipeline* find(std::string_view route) const;
  std::vector<std::string> routes() const;  // of the present configuration, in its order
  // The breaker of a route as it is now; null: none. It may be replaced by the next reload.
  std::shared_ptr<CircuitBreaker> breaker(std::string_view route) const;

  // For those who watch: the limits of the present configuration, in order of path, and how one of them is now.
  // Nothing: there is none of this path, or none of this kind.
  std::vector<PipelineLimitInfo> limits() const;
  std::optional<Decision> peek_at(std::string_view limit, TimePoint now) const;           // of one without keys
  std::optional<KeyedStats> keyed_stats_at(std::string_view limit, TimePoint now) const;  // walks all keys

 private:
  class State;
  explicit Pipelines(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace seawall
