// SPDX-License-Identifier: MIT
//
// A request allocates nothing and reads the clock once at each end, whatever becomes of it. Not under the sanitizers,
// which keep their own operator new.
#include "support/allocations.h"

#if SEAWALL_COUNTS_ALLOCATIONS

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

thread_local int readings = 0;  // of the clock

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

}  // namespace

// In the place of the C library's, for the standard clocks too.
extern "C" [[gnu::visibility("default")]] int clock_gettime(clockid_t clock, timespec* now) noexcept {
  ++readings;
  return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
}

TEST_CASE("admitted, refused by each gate, tried elsewhere, completed, cancelled: nothing is allocated") {
  using Users = KeyedRateLimiter<TokenBucket>;
  const Quota quota = Quota::make(3, 60s).value();
  ServiceRegistry registry(ServiceRegistryConfig(), at(0s));
  for (const char* id : {"a", "b"}) {
    (void)registry.register_instance_at("trading", {.id = id, .host = "127.0.0.1", .port = 8001}, at(0s)).value();
  }
  MetricsRegistry metrics;
  auto users = Users::make({.quota = quota, .memory_bytes = 64 * 1024}, at(0s)).value();
  CircuitBreaker breaker({}, at(0s));
  const auto pipeline = Pipeline::make({.limits = {{"user", quota, users}},
                                        .breaker = &breaker,
                                        .service = registry.service("trading").value(),
                                        .trace = true},
                                       {.metrics = PipelineMetrics::make(metrics, "trading").value()}, at(0s))
                            .value();
  const std::array ann{LimiterKey("ann")}, bob{LimiterKey("bob")};
  const PipelineRequest request{.keys = ann};
  const std::array<std::uint32_t, 2> all{0, 1};
  PickText text;
  std::array<LimitLabel, 4> labels;

  const std::size_t before = allocation::made;
  auto call = pipeline->admit_at(request, at(0s));
  bool ok = pipeline->describe(call, text) && pipeline->another_at(call, Outcome::kFailure, at(0s)) &&
            pipeline->complete_at(call, Outcome::kFailure, at(0s), 500);
  auto cancelled = pipeline->admit_at(request, at(0s));
  ok &= pipeline->cancel_at(cancelled, request, at(0s));
  ok &= bool(pipeline->charge_at(request, at(0s))) && bool(pipeline->charge_at(request, at(0s)));
  ok &= pipeline->admit_at(request, at(0s)).gate == Gate::kLimits;
  ok &= pipeline->admit_at({}, at(0s)).gate == Gate::kRequest;
  breaker.force_open_at(at(0s));
  ok &= pipeline->admit_at({.keys = bob}, at(0s)).gate == Gate::kBreaker;
  breaker.reset_at(at(0s));
  ok &= pipeline->admit_at({.keys = bob, .exclude = all}, at(0s)).gate == Gate::kInstance;
  ok &= pipeline->labels(labels) == 1;
  const std::size_t after = allocation::made;
  CHECK(ok);
  CHECK(after == before);
  CHECK(Pipeline::make({}).value() != nullptr);
  CHECK(allocation::made > after);  // the hook does count
}

TEST_CASE("the whole pipeline: the clock is read once to admit and once to complete, and nothing is allocated") {
  using Users = KeyedRateLimiter<TokenBucket>;
  const Quota quota = Quota::make(3, 24h).value();
  ServiceRegistry registry;
  MetricsRegistry metrics;
  for (int i = 0; i < 16; ++i) {
    const InstanceSpec spec{.id = std::string("t-").append(std::to_string(i)), .host = "127.0.0.1", .port = 8001};
    (void)registry.register_instance("trading", spec).value();
  }
  auto users = Users::make({.quota = quota, .memory_bytes = 64 * 1024}).value();
  auto orders = Users::make({.quota = quota, .memory_bytes = 64 * 1024}).value();
  CircuitBreaker breaker;
  const auto pipeline = Pipeline::make({.limits = {{"user", quota, users}, {"orders", quota, orders}},
                                        .breaker = &breaker,
                                        .service = registry.service("trading").value(),
                                        .trace = true},
                                       {.metrics = PipelineMetrics::make(metrics, "trading").value()})
                            .value();
  const std::array ann{LimiterKey("ann")};
  const PipelineRequest request{.keys = ann, .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
  struct {
    int admit, complete, again, refuse;
  } read{};
  const auto readings_of = [](auto&& call) {
    const int before = readings;
    call();
    return readings - before;
  };
  const std::size_t before = allocation::made;
  bool ok = true;
  for (int i = 0; i < 3; ++i) {
    Admission call;
    read.admit += readings_of([&] { call = pipeline->admit(request); });
    ok &= bool(call) && call.trace_continued && call.has_instance;
    const Outcome outcome = i == 0 ? Outcome::kFailure : Outcome::kSuccess;
    read.complete += readings_of([&] { ok &= pipeline->complete(call, outcome, 200); });
    read.again += readings_of([&] { ok &= !pipeline->complete(call, outcome); });
  }
  read.refuse = readings_of([&] { ok &= pipeline->admit(request).gate == Gate::kLimits; });
  const int at_an_instant = readings_of([&] {
    const TimePoint now = time_from_ns(1);
    ok &= !pipeline->complete_at(pipeline->admit_at(request, now), Outcome::kSuccess, now);
  });
  // A breaker that has to be asked is asked with the same instant.
  breaker.set_shadow(true);
  breaker.force_open();
  const std::array bob{LimiterKey("bob")};
  Admission shadowed;
  read.admit += readings_of([&] { shadowed = pipeline->admit({.keys = bob}); });
  ok &= bool(shadowed);
  read.complete += readings_of([&] { ok &= pipeline->complete(shadowed, Outcome::kSuccess, 200); });
  CHECK(allocation::made == before);
  CHECK(ok);
  CHECK(read.admit == 4);
  CHECK(read.complete == 4);
  CHECK(read.again == 3);
  CHECK(read.refuse == 1);
  CHECK(at_an_instant == 0);
}

// As when another caller is faster between the look and the charge: one limit stands in three places, so that each look
// finds the permit that only one of them can have.
TEST_CASE("a limit that refuses after others were charged: all of them get their permit back") {
  const Quota quota = Quota::make(1, 60s).value(), two = Quota::make(2, 60s).value();
  TokenBucket first(TokenBucketConfig::make(two).value(), at(0s));
  TokenBucket narrow(TokenBucketConfig::make(two).value(), at(0s)),
      shared(TokenBucketConfig::make(quota).value(), at(0s));
  ServiceRegistry registry(ServiceRegistryConfig(), at(0s));
  (void)registry.register_instance_at("trading", {.id = "a", .host = "127.0.0.1", .port = 8001}, at(0s)).value();
  CircuitBreaker breaker({}, at(0s));
  const auto pipeline =
      Pipeline::make(
          {.limits = {{"first", two, first}, {"narrow", two, narrow}, {"one", quota, shared}, {"other", quota, shared}},
           .breaker = &breaker,
           .service = registry.service("trading").value()},
          {}, at(0s))
          .value();
  const Admission refused = pipeline->admit_at({}, at(0s));
  CHECK(refused.gate == Gate::kLimits);
  CHECK(refused.label.text() == "other");
  CHECK(refused.ticket.id == 0);
  CHECK_FALSE(refused.has_instance);
  CHECK(first.peek_at(at(0s)).remaining == 2);
  CHECK(narrow.peek_at(at(0s)).remaining == 2);
  CHECK(shared.peek_at(at(0s)).remaining == 1);
  CHECK(pipeline->stats_at(at(0s)).in_flight == 0);
}

TEST_CASE("picked, given back, failed, ejected, probed and in panic, by each balancer: nothing is allocated") {
  for (const Balancer balancer : {Balancer::kRoundRobin, Balancer::kRandom, Balancer::kLeastLoaded, Balancer::kPeakEwma,
                                  Balancer::kMaglev, Balancer::kRingHash}) {
    ServiceRegistry registry(ServiceRegistryConfig(), at(0s));
    const ServiceOptions options{.balancer = balancer, .zone = "west", .slow_start = 1s};
    REQUIRE(registry.configure("trading", ServiceConfig::make(options).value()).ok());
    for (const char* id : {"a", "b", "c"}) {
      const std::string zone = *id == 'a' ? "west" : "east";
      const InstanceSpec spec{.id = id, .host = "127.0.0.1", .port = 8001, .weight = 1 + (*id - 'a'), .zone = zone};
      REQUIRE(registry.register_instance_at("trading", spec, at(0s)));
    }
    const Service service = registry.service("trading").value();
    const std::array<std::uint32_t, 1> one{0};
    const std::array<std::uint32_t, 2> but_one{1, 2};
    PickText text;
    std::uint32_t flags = 0;
    int picked = 0;
    const auto call = [&](std::optional<Pick> pick, Outcome outcome, TimePoint now) {
      if (!pick) return;
      ++picked;
      flags |= pick->flags;
      service.done_at(pick->ticket, outcome, now, 5ms);
    };

    const std::size_t before = allocation::made;
    call(service.pick_at(at(0s)), Outcome::kSuccess, at(0s));
    call(service.pick_at(at(0s), text), Outcome::kIgnored, at(0s));
    call(service.pick_at(at(0s), one), Outcome::kSuccess, at(0s));
    call(service.pick_for_at(7, at(0s), text), Outcome::kSuccess, at(0s));
    call(registry.pick_at("trading", at(0s)), Outcome::kSuccess, at(0s));
    for (int i = 0; i < 3; ++i) call(service.pick_at(at(0s), but_one), Outcome::kFailure, at(0s));
    call(service.pick_at(at(0s)), Outcome::kSuccess, at(0s));
    call(service.pick_at(at(1h), but_one), Outcome::kSuccess, at(1h));  // its time is over
    std::size_t made = allocation::made - before;
    CHECK(picked == 10);
    CHECK((flags & (kPickProbe | kPickPanic)) == kPickProbe);
    for (const char* id : {"a", "b"}) registry.set_health_at(id, 0, Health::kFailing, at(0s));
    const std::size_t again = allocation::made;
    call(service.pick_at(at(0s)), Outcome::kSuccess, at(0s));
    made += allocation::made - again;
    CHECK((flags & kPickPanic) != 0);
    CHECK(made == 0);
    CHECK(registry.stats().ejections == 1);
  }
}

#endif
