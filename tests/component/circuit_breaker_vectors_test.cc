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
  count("failure_threshold", o.failure_threshold);
  count("half_open_max_probes", o.half_open_max_probes);
  count("success_threshold", o.success_threshold);
  o.open_duration = Duration(testing::int_field(fields, "open_duration_ns", o.open_duration.count()));
  o.probe_lease = Duration(testing::int_field(fields, "probe_lease_ns", o.probe_lease.count()));
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
      tokens_[name] = breaker_.try_acquire_at(now).detach();
      out["admitted"] = std::to_string(tokens_[name] != 0 ? 1 : 0);
    }
    if (step.verb == "report" || step.verb == "call") {
      const Outcome outcome = outcome_of(testing::text_field(step.arguments, "outcome"));
      out["result"] = name_of(breaker_.report_at(tokens_.at(name), outcome, now));
    }
    if (step.verb == "force_open") breaker_.force_open_at(now);
    if (step.verb == "disable") breaker_.disable_at(now);
    if (step.verb == "reset") breaker_.reset_at(now);
    describe(breaker_.snapshot_at(now), out);
    return out;
  }

 private:
  static void describe(const CircuitBreakerSnapshot& s, testing::Fields& out) {
    out["state"] = to_string(s.state);
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
