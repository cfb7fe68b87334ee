// SPDX-License-Identifier: MIT
//
// What a circuit breaker may be told. Options are a plain aggregate with the defaults in it; a Config is options that
// were parsed, so every Config is valid and a breaker made from one cannot fail.
//
//   auto config = seawall::CircuitBreakerConfig::make({.failure_threshold = 5, .open_duration = 10s});
//   if (!config) return report(config.error().message.view());
#pragma once

#include <cstdint>

#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

struct CircuitBreakerOptions {
  std::int32_t failure_threshold = 3;                 // so many failures in a row open the breaker
  Duration open_duration = std::chrono::seconds(30);  // refuse for so long, then let a probe decide
  std::int32_t half_open_max_probes = 1;              // probes in flight at once
  std::int32_t success_threshold = 1;                 // so many successful probes close the breaker
  Duration probe_lease = std::chrono::seconds(30);    // a probe not reported for so long is lost; longer than a call
};

class CircuitBreakerConfig {
 public:
  static constexpr std::int32_t kMaxFailureThreshold = 1023;
  static constexpr std::int32_t kMaxProbes = 15;
  static constexpr std::int32_t kMaxSuccessThreshold = 15;
  static constexpr Duration kMinDuration = std::chrono::milliseconds(1);
  static constexpr Duration kMaxDuration = std::chrono::hours(366 * 24);

  constexpr CircuitBreakerConfig() = default;

  // Error: kInvalidArgument, naming the option that is out of the range above (each count at least 1).
  static constexpr Result<CircuitBreakerConfig> make(const CircuitBreakerOptions& o) {
    if (!within(o.failure_threshold, 1, kMaxFailureThreshold)) {
      return out_of_range("failure_threshold", o.failure_threshold, 1, kMaxFailureThreshold);
    }
    if (!within(o.half_open_max_probes, 1, kMaxProbes)) {
      return out_of_range("half_open_max_probes", o.half_open_max_probes, 1, kMaxProbes);
    }
    if (!within(o.success_threshold, 1, kMaxSuccessThreshold)) {
      return out_of_range("success_threshold", o.success_threshold, 1, kMaxSuccessThreshold);
    }
    if (!lasts(o.open_duration)) return duration_error("open_duration in ns", o.open_duration);
    if (!lasts(o.probe_lease)) return duration_error("probe_lease in ns", o.probe_lease);
    CircuitBreakerConfig config;
    config.options_ = o;
    return config;
  }

  constexpr std::int32_t failure_threshold() const noexcept { return options_.failure_threshold; }
  constexpr Duration open_duration() const noexcept { return options_.open_duration; }
  constexpr std::int32_t half_open_max_probes() const noexcept { return options_.half_open_max_probes; }
  constexpr std::int32_t success_threshold() const noexcept { return options_.success_threshold; }
  constexpr Duration probe_lease() const noexcept { return options_.probe_lease; }

 private:
  static constexpr bool within(std::int32_t value, std::int32_t low, std::int32_t high) {
    return low <= value && value <= high;
  }
  static constexpr bool lasts(Duration d) { return kMinDuration <= d && d <= kMaxDuration; }
  static constexpr Error duration_error(std::string_view name, Duration given) {
    return out_of_range(name, given.count(), kMinDuration.count(), kMaxDuration.count());
  }

  CircuitBreakerOptions options_;
};

}  // namespace seawall
