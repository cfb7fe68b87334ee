// SPDX-License-Identifier: MIT
// A whole request through one Pipeline: two limits keyed by 10,000 users, the breaker of the service, a pick among 16
// instances, the caller's trace continued, three metrics recorded, the clock read once; admitted and completed.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/service_registry.h"

namespace {

using namespace seawall;
using namespace std::chrono_literals;

constexpr std::uint64_t kUsers = 10'000;
constexpr std::size_t kInstances = 16;
constexpr std::string_view kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct Fixture {
  using Users = KeyedRateLimiter<TokenBucket>;
  const Quota per_minute = Quota::make(100'000'000, 60s).value();
  ServiceRegistry registry{ServiceRegistryConfig::make({.heartbeat_interval = 1h, .lease = 24h}).value()};
  MetricsRegistry metrics;
  Users users = Users::make({.quota = per_minute, .memory_bytes = Users::memory_for(kUsers)}).value();
  Users orders = Users::make({.quota = per_minute, .memory_bytes = Users::memory_for(kUsers)}).value();
  CircuitBreaker breaker;
  std::unique_ptr<Pipeline> pipeline;

  Fixture() {
    for (std::size_t i = 0; i < kInstances; ++i) {
      const InstanceSpec spec{
          .id = std::string("trading-").append(std::to_string(i)), .host = "10.0.0.1", .port = 8001};
      (void)registry.register_instance("trading", spec).value();
    }
    pipeline = Pipeline::make({.limits = {{"user", per_minute, users}, {"orders", per_minute, orders}},
                               .breaker = &breaker,
                               .service = registry.service("trading").value(),
                               .trace = true},
                              {.metrics = PipelineMetrics::make(metrics, "trading").value()})
                   .value();
  }
};
Fixture& fixture() {
  static Fixture made;
  return made;
}

// The end is told with the instant of the admission: what the host read for the next thing it does.
void whole(benchmark::State& state) {
  Pipeline& pipeline = *fixture().pipeline;
  const TraceContext trace = TraceContext::parse(kTraceparent).value();
  auto user = static_cast<std::uint64_t>(state.thread_index()) * kUsers / 2;
  for (auto _ : state) {
    const std::array keys{LimiterKey(user * 0x9e3779b97f4a7c15)};
    const TimePoint now = Clock::now();
    const Admission call = pipeline.admit_at({.keys = keys, .trace = &trace}, now);
    benchmark::DoNotOptimize(call.traceparent[3]);
    if (!pipeline.complete_at(call, Outcome::kSuccess, now)) state.SkipWithError("refused");
    if (++user == kUsers) user = 0;
  }
}

// As it comes from the wire: a traceparent to parse, a status to count, the clock read at both ends.
void from_text(benchmark::State& state) {
  Pipeline& pipeline = *fixture().pipeline;
  std::uint64_t user = 0;
  for (auto _ : state) {
    const std::array keys{LimiterKey(user * 0x9e3779b97f4a7c15)};
    const Admission call = pipeline.admit({.keys = keys, .traceparent = kTraceparent});
    benchmark::DoNotOptimize(call.traceparent[3]);
    if (!pipeline.complete(call, Outcome::kSuccess, 200)) state.SkipWithError("refused");
    if (++user == kUsers) user = 0;
  }
}

// Refused by the limit of the user: nothing is charged.
void refused(benchmark::State& state) {
  Fixture& f = fixture();
  static auto shut = Fixture::Users::make({.quota = Quota::make(1, Quota::kMaxPeriod).value()}).value();
  static const auto pipeline = Pipeline::make({.limits = {{"user", Quota::make(1, Quota::kMaxPeriod).value(), shut},
                                                          {"orders", f.per_minute, f.orders}},
                                               .breaker = &f.breaker,
                                               .service = f.registry.service("trading").value()})
                                   .value();
  const std::array keys{LimiterKey(7)};
  const TimePoint now = Clock::now();
  (void)pipeline->charge_at({.keys = keys}, now);
  for (auto _ : state) benchmark::DoNotOptimize(pipeline->admit_at({.keys = keys}, now).gate);
}

}  // namespace

BENCHMARK(whole)->Name("pipeline.cpp")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(from_text)->Name("pipeline.cpp_text")->UseRealTime();
BENCHMARK(refused)->Name("pipeline.refused")->UseRealTime();
