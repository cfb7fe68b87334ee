// SPDX-License-Identifier: MIT
//
// The options of a circuit breaker at the C border, for the breaker itself and for the keyed one.
#pragma once

#include <array>
#include <cstdint>

#include "internal.h"
#include "options.h"
#include "seawall/algorithm/breaker_config.h"

namespace seawall::capi {

inline Result<CircuitBreakerConfig> breaker_config(const seawall_circuit_breaker_options& given) {
  CircuitBreakerOptions options;
  const auto number = [](auto value, auto fallback) { return value != 0 ? value : fallback; };
  const auto time = [](int64_t ns, Duration fallback) { return ns != 0 ? Duration(ns) : fallback; };
  options.failure_threshold = number(given.failure_threshold, options.failure_threshold);
  options.failure_rate_threshold = given.failure_rate_threshold;
  options.slow_call_rate_threshold = given.slow_call_rate_threshold;
  options.slow_call_duration = Duration(given.slow_call_duration_ns);
  options.count_window = given.count_window;
  options.time_window = Duration(given.time_window_ns);
  options.minimum_calls = number(given.minimum_calls, options.minimum_calls);
  options.open_duration = time(given.open_duration_ns, options.open_duration);
  options.open_growth_percent = given.open_growth_percent;
  options.max_open_duration = time(given.max_open_duration_ns, options.max_open_duration);
  options.open_decay = Duration(given.open_decay_ns);
  options.open_jitter_percent = given.open_jitter_percent;
  options.seed = given.seed;
  options.half_open_max_probes = number(given.half_open_max_probes, options.half_open_max_probes);
  options.success_threshold = number(given.success_threshold, options.success_threshold);
  options.probe_lease = time(given.probe_lease_ns, options.probe_lease);
  options.shadow = given.shadow != 0;
  options.count_totals = given.count_totals != 0;
  return CircuitBreakerConfig::make(options);
}

inline std::array<OptionField, 18> fields_of(seawall_circuit_breaker_options& options) {
  return {{{"failure_threshold", &options.failure_threshold},
           {"open_duration_ns", &options.open_duration_ns},
           {"half_open_max_probes", &options.half_open_max_probes},
           {"success_threshold", &options.success_threshold},
           {"probe_lease_ns", &options.probe_lease_ns},
           {"failure_rate_threshold", &options.failure_rate_threshold},
           {"slow_call_rate_threshold", &options.slow_call_rate_threshold},
           {"slow_call_duration_ns", &options.slow_call_duration_ns},
           {"time_window_ns", &options.time_window_ns},
           {"count_window", &options.count_window},
           {"minimum_calls", &options.minimum_calls},
           {"open_growth_percent", &options.open_growth_percent},
           {"open_jitter_percent", &options.open_jitter_percent},
           {"max_open_duration_ns", &options.max_open_duration_ns},
           {"open_decay_ns", &options.open_decay_ns},
           {"seed", &options.seed},
           {"shadow", &options.shadow},
           {"count_totals", &options.count_totals}}};
}

// What a C caller sees of one breaker.
template <class Breaker>
seawall_circuit_breaker_snapshot snapshot_of(const Breaker& breaker, TimePoint now) noexcept {
  const auto seen = breaker.snapshot_at(now);
  const auto stats = breaker.stats();
  const auto by_count = breaker.count_window();
  const auto by_time = breaker.time_window_at(now);
  return {.struct_size = 0,
          .state = static_cast<int32_t>(seen.state),
          .failure_count = seen.failure_count,
          .generation = seen.generation,
          .trips = seen.trips,
          .probes_in_flight = seen.probes_in_flight,
          .probe_successes = seen.probe_successes,
          .reason = static_cast<int32_t>(seen.reason),
          .retry_after_ns = seen.retry_after.count(),
          .late_results = stats.late_results,
          .probes_lost = stats.probes_lost,
          .lost_events = stats.lost_events,
          .shadow_refusals = stats.shadow_refusals,
          .successes = stats.successes,
          .failures = stats.failures,
          .ignored = stats.ignored,
          .slow_calls = stats.slow_calls,
          .refusals = stats.refusals,
          .count_window_calls = by_count.calls,
          .count_window_failures = by_count.failures,
          .count_window_slow = by_count.slow,
          .time_window_calls = by_time.calls,
          .time_window_failures = by_time.failures,
          .time_window_slow = by_time.slow};
}

// SEAWALL_NOW reaches a breaker as "ask the clock if you need it".
struct LazyClock {
  int64_t now_ns;
  TimePoint operator()() const noexcept { return instant(now_ns); }
};

}  // namespace seawall::capi
