// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "seawall/runtime/service_registry.h"

namespace {

constexpr std::size_t kInstances = 16;
constexpr seawall::TimePoint kNow = seawall::time_from_ns(0);

struct Fixture {
  seawall::ServiceRegistry registry{{}, kNow};
  std::array<std::string, kInstances> ids;
  std::array<std::uint64_t, kInstances> generations{};

  explicit Fixture(bool weighted, seawall::Balancer balancer = seawall::Balancer::kRoundRobin) {
    if (!registry.configure("trading", seawall::ServiceConfig::make({.balancer = balancer}).value())) std::abort();
    for (std::size_t i = 0; i < kInstances; ++i) {
      ids[i] = std::string("trading-").append(std::to_string(i));
      const auto weight = static_cast<std::int32_t>(weighted ? i + 1 : 1);
      generations[i] =
          registry
              .register_instance_at("trading", {.id = ids[i], .host = "10.0.0.1", .port = 8001, .weight = weight}, kNow)
              .value()
              .generation;
    }
  }
  seawall::Service service() { return registry.service("trading").value(); }
};

Fixture& equal() {
  static Fixture fixture(false);
  return fixture;
}
Fixture& weighted() {
  static Fixture fixture(true);
  return fixture;
}

Fixture& least_loaded() {
  static Fixture fixture(false, seawall::Balancer::kLeastLoaded);
  return fixture;
}

// A list as long as the options allow it to be made.
struct Crowd {
  static constexpr std::int32_t kCrowd = 10'000;
  seawall::ServiceRegistry registry{
      seawall::ServiceRegistryConfig::make(
          {.max_services = 1, .max_instances = kCrowd, .max_instances_per_service = kCrowd, .max_hashed_services = 0})
          .value(),
      kNow};
  Crowd() {
    // Registered first: each publishes the list.
    for (std::int32_t i = 0; i < kCrowd; ++i) {
      const std::string id = std::string("i").append(std::to_string(i));
      (void)registry.register_instance_at("trading", {.id = id, .host = "10.0.0.1", .port = 8001}, kNow);
    }
    const auto config = seawall::ServiceConfig::make({.balancer = seawall::Balancer::kPeakEwma});
    if (!registry.configure("trading", config.value())) std::abort();
  }
};

// With a clock that moves, so that averages decay, but is not read: a caller has an instant at hand.
void pick_ewma(benchmark::State& state) {
  static Crowd crowd;
  const seawall::Service service = crowd.registry.service("trading").value();
  std::int64_t now_ns = 0;
  for (auto _ : state) {
    const seawall::TimePoint now = seawall::time_from_ns(now_ns += 1000);
    const auto picked = service.pick_at(now);
    benchmark::DoNotOptimize(picked->slot);
    service.done_at(picked->ticket, seawall::Outcome::kSuccess, now, seawall::Duration(5'000'000));
  }
}

// A pick and its done, by handle.
void pick(benchmark::State& state, Fixture& (*fixture)()) {
  const seawall::Service service = fixture().service();
  for (auto _ : state) {
    const auto picked = service.pick_at(kNow);
    benchmark::DoNotOptimize(picked->slot);
    service.done(picked->ticket);
  }
}

void pick_by_name(benchmark::State& state) {
  seawall::ServiceRegistry& registry = equal().registry;
  for (auto _ : state) {
    const auto picked = registry.pick_at("trading", kNow);
    benchmark::DoNotOptimize(picked->slot);
    registry.done(picked->ticket);
  }
}

void heartbeat(benchmark::State& state) {
  Fixture& fixture = equal();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(fixture.registry.heartbeat_at(fixture.ids[at], fixture.generations[at], kNow));
    at = (at + 1) % kInstances;
  }
}

void listing(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(equal().registry.to_json_at(kNow));
}

BENCHMARK_CAPTURE(pick, equal, equal)->Name("pick.handle_rr")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK_CAPTURE(pick, weighted, weighted)->Name("pick.handle_weighted")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK_CAPTURE(pick, least_loaded, least_loaded)->Name("pick.handle_p2c")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(pick_ewma)->Name("pick.ewma_10k")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(pick_by_name)->Name("pick.name")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(heartbeat)->Name("registry.heartbeat")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(listing)->Name("registry.listing")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
