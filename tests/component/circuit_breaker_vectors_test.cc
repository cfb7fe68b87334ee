// SPDX-License-Identifier: MIT
// Runs tests/vectors/circuit_breaker.txt; the Python tests run the same file through the C API.
#include <map>
#include <stdexcept>
#include <string>

#include "seawall/circuit_breaker.h"
#include "support/catch.h"
#include "support/vectors.h"

using namespace seawall;

namespace {

Outcome outcome_of(const std::string& text) {
  if (text == "success") return Outcome::kSuccess;
  if (text == "failure") return Outcome::kFailure;
  if (text == "ignored") return Outcome::kIgnored;
  throw std::runtime_error("no outcome: " + text);
}

std::string name_of(ReportResult result) {
  static const char* const kNames[] = {"recorded", "late", "not_counted", "invalid_token"};
  return kNames[static_cast<int>(result)];
}

CircuitBreakerConfig config_of(const testing::Fields& fields) {
  CircuitBreakerOptions o;
  const auto count = [&](const char* name, std::int32_t& into) {
    into = static_cast<std::int32_t>(testing::int_field(fields, name, into));
  };
  const auto time = [&](const char* name, Duration& into) {
    into = Duration(testing::int_field(fields, name, into.count()));
  };
  count("failure_threshold", o.failure_threshold);
  count("failure_rate_threshold", o.failure_rate_threshold);
  count("slow_call_rate_threshold", o.slow_call_rate_threshold);
  count("count_window", o.count_window);
  count("minimum_calls", o.minimum_calls);
  count("open_growth_percent", o.open_growth_percent);
  count("open_jitter_percent", o.open_jitter_percent);
  count("half_open_max_probes", o.half_open_max_probes);
  count("success_threshold", o.success_threshold);
  time("slow_call_duration_ns", o.slow_call_duration);
  time("time_window_ns", o.time_window);
  time("open_duration_ns", o.open_duration);
  time("max_open_duration_ns", o.max_open_duration);
  time("open_decay_ns", o.open_decay);
  time("probe_lease_ns", o.probe_lease);
  o.seed = static_cast<std::uint64_t>(testing::int_field(fields, "seed", 0));
  o.shadow = testing::int_field(fields, "shadow", 0) != 0;
  o.count_totals = testing::int_field(fields, "count_totals", 0) != 0;
  return CircuitBreakerConfig::make(o).value();
}

class Player {
 public:
  explicit Player(const testing::Fields& options) : breaker_(config_of(options), time_from_ns(0)) {}

  testing::Fields play(const testing::VectorStep& step) {
    testing::Fields out;
    const TimePoint now = time_from_ns(step.now_ns);
    const std::string name = testing::text_field(step.arguments, "name", "call");
    if (step.verb == "try_acquire" || step.verb == "call") {
      const Duration took(testing::int_field(step.arguments, "took_ns", 0));
      tokens_[name] = breaker_.try_acquire_at(now - took).detach();
      out["admitted"] = std::to_string(tokens_[name] != 0 ? 1 : 0);
    }
    if (step.verb == "report" || step.verb == "call") {
      const Outcome outcome = outcome_of(testing::text_field(step.arguments, "outcome"));
      out["result"] = name_of(breaker_.report_at(tokens_.at(name), outcome, now));
    }
    if (step.verb == "cancel") breaker_.cancel(tokens_.at(name));
    if (step.verb == "set_shadow") breaker_.set_shadow(testing::int_field(step.arguments, "on") != 0);
    if (step.verb == "force_open") breaker_.force_open_at(now);
    if (step.verb == "disable") breaker_.disable_at(now);
    if (step.verb == "reset") breaker_.reset_at(now);
    describe(breaker_.snapshot_at(now), out);
    describe("count_window", breaker_.count_window(), out);
    describe("time_window", breaker_.time_window_at(now), out);
    describe(breaker_.stats(), out);
    return out;
  }

 private:
  static void describe(const std::string& name, const BreakerWindow& window, testing::Fields& out) {
    out[name + "_calls"] = std::to_string(window.calls);
    out[name + "_failures"] = std::to_string(window.failures);
    out[name + "_slow"] = std::to_string(window.slow);
  }
  static void describe(const CircuitBreakerStats& s, testing::Fields& out) {
    out["late_results"] = std::to_string(s.late_results);
    out["probes_lost"] = std::to_string(s.probes_lost);
    out["shadow_refusals"] = std::to_string(s.shadow_refusals);
    out["successes"] = std::to_string(s.successes);
    out["failures"] = std::to_string(s.failures);
    out["ignored"] = std::to_string(s.ignored);
    out["slow_calls"] = std::to_string(s.slow_calls);
    out["refusals"] = std::to_string(s.refusals);
  }
  static void describe(const CircuitBreakerSnapshot& s, testing::Fields& out) {
    out["state"] = to_string(s.state);
    out["reason"] = to_string(s.reason);
    out["failure_count"] = std::to_string(s.failure_count);
    out["generation"] = std::to_string(s.generation);
    out["trips"] = std::to_string(s.trips);
    out["probes_in_flight"] = std::to_string(s.probes_in_flight);
    out["probe_successes"] = std::to_string(s.probe_successes);
    out["retry_after_ns"] = std::to_string(s.retry_after.count());
  }

  CircuitBreaker breaker_;
  std::map<std::string, std::uint64_t> tokens_;
};

}  // namespace

TEST_CASE("the shared vectors hold in C++") {
  for (const auto& vector : testing::load_vectors("circuit_breaker.txt")) {
    CAPTURE(vector.name);
    Player player(vector.options);
    for (const auto& step : vector.steps) CHECK(testing::mismatches(step, player.play(step)) == "");
  }
}
