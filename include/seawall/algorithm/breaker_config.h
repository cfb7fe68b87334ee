// SPDX-License-Identifier: MIT
//
// What a circuit breaker may be told. Options are a plain aggregate with the defaults in it; a Config is options that
// were parsed, so every Config is valid and a breaker made from one cannot fail.
//
//   auto config = seawall::CircuitBreakerConfig::make({.failure_threshold = 5, .open_duration = 10s});
//   if (!config) return report(config.error().message.view());
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

struct CircuitBreakerOptions {
  static constexpr std::int32_t kOff = -1;

  // What opens it: any of these rules by itself.
  std::int32_t failure_threshold = 3;         // so many failures in a row; kOff: not this rule
  std::int32_t failure_rate_threshold = 0;    // failures in percent of the calls of a window; 0: not this rule
  std::int32_t slow_call_rate_threshold = 0;  // slow calls likewise; a call may be both
  Duration slow_call_duration{0};             // a call is slow from here on (kept to 262 us, for the call)
  // The windows that the two rates are taken over, each by itself. They begin anew when the breaker closes.
  std::int32_t count_window = 0;    // the last so many calls; 0: no such window
  Duration time_window{0};          // the calls of the last so long, to a tenth (90 to 100 % of it); 0: no such window
  std::int32_t minimum_calls = 20;  // a rate over fewer calls opens nothing; a smaller count_window needs to be full

  // How long it stays open.
  Duration open_duration = std::chrono::seconds(30);     // refuse for so long, then let a probe decide
  std::int32_t open_growth_percent = 0;                  // each opening in a row lasts longer: 100 doubles
  Duration max_open_duration = std::chrono::minutes(5);  // growth stops here; no less than open_duration
  Duration open_decay{0};                // closed for so long makes up for one opening; 0: closing makes up for all
  std::int32_t open_jitter_percent = 0;  // then up to so much longer, so that not all callers come back at once
  std::uint64_t seed = 0;                // of the jitter; 0: the breaker's epoch, which differs between processes

  // How it closes.
  std::int32_t half_open_max_probes = 1;            // probes in flight at once
  std::int32_t success_threshold = 1;               // so many successful probes close the breaker
  Duration probe_lease = std::chrono::seconds(30);  // a probe not reported for so long is lost; longer than a call

  bool shadow = false;        // refuse nothing, and count what would have been refused
  bool count_totals = false;  // count all calls, at the price of one write to the CPU's own line for each

  friend constexpr bool operator==(const CircuitBreakerOptions&, const CircuitBreakerOptions&) = default;
};

class CircuitBreakerConfig {
 public:
  static constexpr std::int32_t kOff = CircuitBreakerOptions::kOff;
  static constexpr std::int32_t kMaxFailureThreshold = 1023;
  static constexpr std::int32_t kMaxProbes = 15;
  static constexpr std::int32_t kMaxSuccessThreshold = 15;
  static constexpr std::int32_t kMaxCountWindow = 1024;
  static constexpr std::int32_t kMaxMinimumCalls = 1'000'000;
  static constexpr std::int32_t kMaxGrowthPercent = 900;
  static constexpr std::int32_t kSlices = 10;  // of a time window
  static constexpr Duration kMinDuration = std::chrono::milliseconds(1);
  static constexpr Duration kMinTimeWindow = std::chrono::seconds(1);
  static constexpr Duration kMaxDuration = std::chrono::hours(366 * 24);

  constexpr CircuitBreakerConfig() = default;

  // Error: kInvalidArgument, naming the option that is out of the range above (each count at least 1, each percentage
  // at most 100, durations as above), or that needs another one beside it.
  static constexpr Result<CircuitBreakerConfig> make(const CircuitBreakerOptions& o) {
    if (o.failure_threshold != kOff && !within(o.failure_threshold, 1, kMaxFailureThreshold)) {
      return out_of_range("failure_threshold", o.failure_threshold, 1, kMaxFailureThreshold);
    }
    for (const Count& c : {Count{"half_open_max_probes", o.half_open_max_probes, 1, kMaxProbes},
                           Count{"success_threshold", o.success_threshold, 1, kMaxSuccessThreshold},
                           Count{"failure_rate_threshold", o.failure_rate_threshold, 0, 100},
                           Count{"slow_call_rate_threshold", o.slow_call_rate_threshold, 0, 100},
                           Count{"count_window", o.count_window, 0, kMaxCountWindow},
                           Count{"minimum_calls", o.minimum_calls, 1, kMaxMinimumCalls},
                           Count{"open_growth_percent", o.open_growth_percent, 0, kMaxGrowthPercent},
                           Count{"open_jitter_percent", o.open_jitter_percent, 0, 100}}) {
      if (!within(c.given, c.low, c.high)) return out_of_range(c.name, c.given, c.low, c.high);
    }
    for (const Time& t : {Time{"open_duration in ns", o.open_duration, kMinDuration},
                          Time{"probe_lease in ns", o.probe_lease, kMinDuration},
                          Time{"max_open_duration in ns", o.max_open_duration, kMinDuration},
                          Time{"slow_call_duration in ns", o.slow_call_duration, kMinDuration, true},
                          Time{"time_window in ns", o.time_window, kMinTimeWindow, true},
                          Time{"open_decay in ns", o.open_decay, kMinDuration, true}}) {
      const bool none = t.may_be_none && t.given == Duration(0);
      if (!none && (t.given < t.low || t.given > kMaxDuration)) {
        return out_of_range(t.name, t.given.count(), t.low.count(), kMaxDuration.count());
      }
    }
    if (const char* why = contradiction(o)) return Error{Code::kInvalidArgument, why};
    CircuitBreakerConfig config;
    config.options_ = o;
    return config;
  }

  constexpr const CircuitBreakerOptions& options() const noexcept { return options_; }
  constexpr std::int32_t failure_threshold() const noexcept { return options_.failure_threshold; }
  constexpr Duration open_duration() const noexcept { return options_.open_duration; }
  constexpr std::int32_t half_open_max_probes() const noexcept { return options_.half_open_max_probes; }
  constexpr std::int32_t success_threshold() const noexcept { return options_.success_threshold; }
  constexpr Duration probe_lease() const noexcept { return options_.probe_lease; }

  constexpr bool counts_in_a_row() const noexcept { return options_.failure_threshold != kOff; }
  constexpr bool times_calls() const noexcept { return options_.slow_call_rate_threshold != 0; }
  constexpr bool counts_each_call() const noexcept { return has_window() || times_calls() || options_.count_totals; }
  constexpr bool has_window() const noexcept { return options_.count_window != 0 || has_time_window(); }
  constexpr bool has_time_window() const noexcept { return options_.time_window != Duration(0); }
  // Of a time window; 100 ms or more.
  constexpr Duration slice() const noexcept { return options_.time_window / kSlices; }

  // The same with `seed` where none was given.
  constexpr CircuitBreakerConfig seeded(std::uint64_t seed) const noexcept {
    CircuitBreakerConfig config = *this;
    if (config.options_.seed == 0) config.options_.seed = seed;
    return config;
  }

 private:
  struct Count {
    const char* name;
    std::int32_t given, low, high;
  };
  struct Time {
    const char* name;
    Duration given, low;
    bool may_be_none = false;
  };

  static constexpr bool within(std::int32_t value, std::int32_t low, std::int32_t high) {
    return low <= value && value <= high;
  }
  static constexpr const char* contradiction(const CircuitBreakerOptions& o) {
    const bool rate = o.failure_rate_threshold != 0 || o.slow_call_rate_threshold != 0;
    const bool window = o.count_window != 0 || o.time_window != Duration(0);
    if (rate && !window) return "a rate threshold needs count_window or time_window";
    if (window && !rate) return "a window needs failure_rate_threshold or slow_call_rate_threshold";
    if ((o.slow_call_rate_threshold != 0) != (o.slow_call_duration != Duration(0))) {
      return "slow_call_rate_threshold and slow_call_duration need each other";
    }
    if (o.failure_threshold == kOff && !rate) return "nothing opens a breaker without failure_threshold and rates";
    return nullptr;
  }

  CircuitBreakerOptions options_;
};

}  // namespace seawall
