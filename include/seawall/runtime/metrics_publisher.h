// SPDX-License-Identifier: MIT
//
// MetricsPublisher: brings what breakers, limiters and the service registry know into a MetricsRegistry, under names
// that are the same in every program. Tell it what to watch, call publish() before each scrape. For what a host counts
// itself take the MetricsRegistry; this is only for what Seawall's own parts count.
//
//   seawall_circuit_breaker_state{breaker}: a state set: closed, open, half_open, forced_open, disabled
//   seawall_circuit_breaker_transitions_total{breaker,to,reason}
//   seawall_circuit_breaker_consecutive_failures, _probes_in_flight, _late_results_total, ... {breaker}
//   seawall_rate_limiter_limit, _remaining {limiter}
//   seawall_keyed_limiter_keys, _capacity, _memory_bytes, _evictions_total, ... {limiter}
//   seawall_keyed_circuit_breaker_keys, _capacity, _memory_bytes, _evictions_total, _full_total {breaker}
//   seawall_keyed_circuit_breaker_breakers{breaker,state}: how many of the keys' breakers are in each state
//   seawall_service_registry_services, _instances, _heartbeats_total, ... {registry}
//   seawall_service_registry_service_instances{registry,service,healthy}, _service_in_flight{registry,service},
//     _service_instance_states{registry,service,state}: how many instances are in each state
//   seawall_prober_probes_total{prober,result}, _transitions_total{prober,to}, _targets{prober}, ...
//   seawall_source_follower_instances, _refused_instances, _removed_total, ... {follower}
//   seawall_source_age_seconds, _stale, _doubted, _failures_total, ... {follower,source,service}
//
// What is watched must stay until unwatch() or the end of the publisher, and the metrics registry for as long as the
// publisher. Its series go with it. The events of a watched breaker are polled here and nowhere else; give watch() a
// function to see them. All members are safe from any thread; publish() runs once at a time and takes the locks that
// the watched parts take for a listing, none that recording takes. A keyed part is walked once for each publish(): some
// milliseconds for 100,000 keys, so a host that shows its key count elsewhere too had better read it from the gauge. A
// LimitSet is no part of its own: watch the limits it refers to.
//
//   seawall::MetricsPublisher publisher(metrics);
//   if (auto watched = publisher.watch("trading", breaker); !watched) return report(watched.error().message.view());
//   publisher.publish();                          // at each scrape
//   respond(metrics.to_prometheus());
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "seawall/decision.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

class KeyedCircuitBreaker;
class MetricsRegistry;
class Prober;
class ServiceRegistry;
class SourceFollower;
struct SourceFollowerReading;
struct CircuitBreakerEvent;
struct KeyedStats;
template <class Cell>
class BasicCircuitBreaker;
using CircuitBreaker = BasicCircuitBreaker<std::atomic<std::uint64_t>>;
template <class Limiter>
class KeyedRateLimiter;

class MetricsPublisher {
 public:
  using EventTap = std::function<void(const CircuitBreakerEvent&)>;

  explicit MetricsPublisher(MetricsRegistry& metrics);
  ~MetricsPublisher();
  MetricsPublisher(MetricsPublisher&&) noexcept;
  MetricsPublisher& operator=(MetricsPublisher&&) noexcept;

  // `name` is the value of the label, once for each kind. Errors: kAlreadyExists when the kind has the name;
  // as MetricsRegistry's when its families cannot be registered. Beyond the registry's bounds what is watched shares
  // the overflow series, as all do.
  Result<void> watch(std::string_view name, CircuitBreaker& breaker, EventTap tap = {});
  Result<void> watch(std::string_view name, KeyedCircuitBreaker& breakers);
  Result<void> watch(std::string_view name, ServiceRegistry& registry);
  Result<void> watch(std::string_view name, Prober& prober);
  // A follower belongs to the thread that ticks it, and so does publish() then; the function may take the host's lock.
  // Sources need names of their own: of several with one name that list a service, the first in sources_at() is shown.
  Result<void> watch(std::string_view name, SourceFollower& follower);
  Result<void> watch_follower(std::string_view name, std::function<SourceFollowerReading(TimePoint)> read);
  template <class Limiter>
  Result<void> watch(std::string_view name, KeyedRateLimiter<Limiter>& limiter) {
    return watch_keyed(name, [&limiter](TimePoint now) { return limiter.stats_at(now); });
  }
  // A TokenBucket, a SlidingWindow or whatever else has peek_at(now) -> Decision.
  template <class Limiter>
  Result<void> watch(std::string_view name, Limiter& limiter) {
    return watch_limiter(name, [&limiter](TimePoint now) { return limiter.peek_at(now); });
  }
  // The same by a function, for limiters of other shapes.
  Result<void> watch_keyed(std::string_view name, std::function<KeyedStats(TimePoint)> stats);
  Result<void> watch_limiter(std::string_view name, std::function<Decision(TimePoint)> peek);

  // Whatever is watched under this name; its series go. False: nothing is.
  bool unwatch(std::string_view name);

  void publish_at(TimePoint now);
  void publish() { publish_at(Clock::now()); }

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seawall
