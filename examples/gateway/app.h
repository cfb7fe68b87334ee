// SPDX-License-Identifier: MIT
//
// App: what the gateway keeps between requests. Everything here is shared by all loops; the Seawall parts are made for
// that, and the rest has a lock of its own.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/configuration.h"
#include "gateway/history.h"
#include "gateway/kpis.h"
#include "gateway/metrics.h"
#include "gateway/options.h"
#include "gateway/shared_limits.h"
#include "gateway/shared_registry.h"
#include "gateway/sources.h"
#include "gateway/watched.h"
#include "seawall/circuit_breaker.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_publisher.h"
#include "seawall/runtime/metrics_windows.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/pipelines.h"
#include "seawall/runtime/prober.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/tracer.h"
#include "seawall/sliding_window.h"
#include "seawall/trace/propagator.h"

inline constexpr std::array<std::string_view, kUpstreams> kUpstreamNames = {"trading", "gamification", "social",
                                                                            "user"};

// One service behind the gateway.
struct Upstream {
  std::string name;
  const seawall::Pipelines& all;
  seawall::Pipeline& pipeline;  // all that a request passes

  // Of the service: sees the final outcome of each request. A reload may replace it.
  std::shared_ptr<seawall::CircuitBreaker> breaker() const { return all.breaker(name); }
};

struct App {
  explicit App(Options given);

  Upstream* find(std::string_view name);
  // Reads the file of --config again. One that is wrong is reported and changes nothing. One call at a time, from any
  // thread: it may take a while, and requests do not wait for it.
  void reload();
  // Users (and addresses) with a request in the last period. The walk over all of them takes about a millisecond: it is
  // left out when nobody came since the last one, for a second.
  std::size_t active_users(seawall::TimePoint now);
  // Ends leases every 200 ms and takes a sample for the dashboard every second, for ever.
  http::Task<> keep_house(http::Server& server);
  // Probes the instances, for ever.
  http::Task<> keep_probing(http::Server& server, http::Loop& loop);

  const Options options;
  const seawall::TimePoint started = seawall::Clock::now();
  seawall::ServiceRegistry registry;
  seawall::Prober prober;
  Sources sources;
  seawall::KeyedRateLimiter<seawall::SlidingWindow> test_limit;  // of GET /test/rate-limit: 10 in 60 s
  std::unique_ptr<SharedLimits> shared_limits;                   // with --redis
  std::unique_ptr<SharedRegistry> shared_registry;               // with --redis
  Metrics metrics;
  std::unique_ptr<seawall::Pipelines> pipelines;  // limits, breakers and balancers, by --config
  std::array<std::unique_ptr<Upstream>, kUpstreams> upstreams;
  seawall::MetricsPublisher publisher{metrics.registry};  // watches what is above
  // Of the families that kpis.cc asks for.
  seawall::MetricsWindows windows = kpi_windows(metrics.registry);
  History history;
  seawall::Tracer tracer;
  // For the gateway's callers: believed, as their deployment always did. One open to the world would not (TraceTrust).
  seawall::Propagator propagator{seawall::PropagatorConfig::make({}).value()};

 private:
  Sample sample(seawall::TimePoint now);
  seawall::BreakerState breaker_since_last_sample(std::size_t upstream);
  // Tells the other gateways which breakers have opened here, and probes soon what has at theirs.
  void share_trips(seawall::TimePoint now);
  // What is left to do for shared limits, sources and probes when nothing of the configuration can fail any more.
  std::function<void()> prepare(const Configuration& configuration);

  // Of each upstream, the last opening that was told: the breaker (a reload may bring another) and its generation.
  std::array<std::pair<const void*, std::uint32_t>, kUpstreams> trips_told_{};
  // Of each upstream, what the last sample saw: the breaker and its generation, which counts its changes.
  std::array<std::pair<const void*, std::uint32_t>, kUpstreams> sampled_{};
  InstancesConfiguration instances_;  // the present one, of those that read the file
  std::unique_ptr<Watched> watched_;
  std::atomic<std::int64_t> users_counted_at_{INT64_MIN};
  std::atomic<std::uint64_t> requests_counted_{0};
  std::atomic<std::size_t> users_{0};
};

// How an instance is listed: alive by the registry, and not ejected or ready for a probe.
bool takes_calls(const seawall::InstanceInfo& instance);
