// SPDX-License-Identifier: MIT
//
// How the calls to a service are spread over its instances, and what becomes of instances that fail. Options are a
// plain aggregate with the defaults in it; a ServiceConfig is options that were parsed.
//
//   auto config = seawall::ServiceConfig::make({.balancer = seawall::Balancer::kPeakEwma, .panic_threshold = 30});
//   registry.configure("trading", config.value());
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "seawall/algorithm/breaker_config.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

// Numbers are those of the C API; they only grow at the end.
enum class Balancer : std::int32_t {
  kRoundRobin = 0,   // in turn, by weight; even for each thread. Knows no load
  kRandom = 1,       // by weight; even over all callers whatever they do
  kLeastLoaded = 2,  // the one with fewer calls under way, for its weight, of two drawn at random. An instance that
                     // fails fast has few: only its ejection keeps calls from it
  kPeakEwma = 3,     // the one of two that costs less: latency times calls under way. Give done() the duration
  kMaglev = 4,       // by key: the same instance for a key; one look into a table
  kRingHash = 5,     // by key: a search, and half as many keys move when instances come and go
};

constexpr std::string_view to_string(Balancer balancer) noexcept {
  constexpr std::string_view kNames[] = {"round_robin", "random", "least_loaded", "peak_ewma", "maglev", "ring_hash"};
  const auto at = static_cast<std::uint32_t>(balancer);
  return at < 6 ? kNames[at] : "unknown";
}

// What a pick does when too few instances are eligible: those that are would drown.
enum class PanicMode : std::int32_t {
  kAll = 0,   // all that are known get their share, but for those drained, disabled, starting or of weight 0
  kFail = 1,  // nobody is picked
};

struct ServiceOptions {
  Balancer balancer = Balancer::kRoundRobin;
  // The caller's zone: its instances come first, as long as they are enough; empty: zones mean nothing. Not with keys.
  std::string zone = {};
  std::int32_t over_provisioning_percent = 140;  // so many of the zone's, eligible, would carry its whole traffic

  PanicMode panic_mode = PanicMode::kAll;
  std::int32_t panic_threshold = 50;  // percent of the known that are eligible, below which there is panic; 0: never

  // Ejection: a circuit breaker for each instance, which done() feeds.
  std::int32_t ejection_failures = 3;                     // so many failures in a row eject; 0: nobody is ejected
  Duration ejection_duration = std::chrono::seconds(30);  // then a probe, a call like any other, decides
  std::int32_t ejection_growth_percent = 100;             // each ejection in a row lasts longer
  Duration max_ejection_duration = std::chrono::minutes(5);
  Duration ejection_decay = std::chrono::minutes(1);  // in service for so long makes up for one ejection
  std::int32_t ejection_jitter_percent = 10;
  Duration probe_lease = std::chrono::seconds(30);  // a probe not given back for so long is lost
  std::int32_t max_ejected_percent = 50;            // of those that would get traffic, counting the next one
  std::int32_t least_left = 1;                      // and so many are never ejected, whatever the share

  Duration ewma_half_life = std::chrono::seconds(7);
  Duration failure_latency = std::chrono::seconds(1);  // a failure counts as a call at least so slow

  Duration slow_start{0};  // a newcomer's weight grows for so long from its first traffic on; not with keys; 0: off
  std::int32_t slow_start_least_percent = 10;

  friend bool operator==(const ServiceOptions&, const ServiceOptions&) = default;
};

class ServiceConfig {
 public:
  static constexpr Duration kMaxDuration = std::chrono::hours(24);

  ServiceConfig() = default;
  // Error: kInvalidArgument, naming the option.
  static Result<ServiceConfig> make(const ServiceOptions& o);

  const ServiceOptions& options() const noexcept { return options_; }
  bool hashed() const noexcept {
    return options_.balancer == Balancer::kMaglev || options_.balancer == Balancer::kRingHash;
  }
  bool ejects() const noexcept { return options_.ejection_failures != 0; }

 private:
  ServiceOptions options_;
};

inline Result<ServiceConfig> ServiceConfig::make(const ServiceOptions& o) {
  struct Count {
    const char* name;
    std::int64_t given, low, high;
  };
  constexpr std::int64_t kMs = 1'000'000;
  const auto ms = [](Duration d) { return d.count(); };
  for (const Count& c :
       {Count{"balancer", static_cast<std::int64_t>(o.balancer), 0, 5},
        Count{"over_provisioning_percent", o.over_provisioning_percent, 100, 1000},
        Count{"panic_mode", static_cast<std::int64_t>(o.panic_mode), 0, 1},
        Count{"panic_threshold", o.panic_threshold, 0, 100}, Count{"ejection_failures", o.ejection_failures, 0, 1000},
        Count{"ejection_duration in ns", ms(o.ejection_duration), kMs, kMaxDuration.count()},
        Count{"ejection_growth_percent", o.ejection_growth_percent, 0, CircuitBreakerConfig::kMaxGrowthPercent},
        Count{"max_ejection_duration in ns", ms(o.max_ejection_duration), kMs, kMaxDuration.count()},
        Count{"ejection_decay in ns", ms(o.ejection_decay), kMs, kMaxDuration.count()},
        Count{"ejection_jitter_percent", o.ejection_jitter_percent, 0, 100},
        Count{"probe_lease in ns", ms(o.probe_lease), kMs, kMaxDuration.count()},
        Count{"max_ejected_percent", o.max_ejected_percent, 0, 100}, Count{"least_left", o.least_left, 0, 65535},
        Count{"ewma_half_life in ns", ms(o.ewma_half_life), kMs, kMaxDuration.count()},
        Count{"failure_latency in ns", ms(o.failure_latency), 0, 30'000 * kMs},
        Count{"slow_start in ns", ms(o.slow_start), 0, kMaxDuration.count()},
        Count{"slow_start_least_percent", o.slow_start_least_percent, 1, 100}}) {
    if (c.given < c.low || c.given > c.high) return out_of_range(c.name, c.given, c.low, c.high);
  }
  if (o.zone.size() > 63) return out_of_range("length of zone", static_cast<std::int64_t>(o.zone.size()), 0, 63);
  ServiceConfig config;
  config.options_ = o;
  return config;
}

// How one service's calls are spread; without a config, as those of all services that are not configured by name.
struct ServiceRule {
  std::string service;
  std::optional<ServiceConfig> config;
};

}  // namespace seawall
