// SPDX-License-Identifier: MIT
//
// MetricsPublisher: what breakers, limiters and the registry know, as metrics.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "seawall/fixed_window.h"
#include "seawall/keyed_circuit_breaker.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/runtime/metrics_publisher.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/prober.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/service_source.h"
#include "seawall/runtime/source_follower.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"

namespace {

using seawall::CircuitBreaker;
using seawall::Code;
using seawall::MetricsPublisher;
using seawall::MetricsRegistry;
using seawall::Outcome;
using seawall::TimePoint;
using std::chrono::seconds;

constexpr TimePoint kStart = seawall::time_from_ns(1'000'000'000'000);

bool has(const MetricsRegistry& r, std::string_view line) {
  return r.to_openmetrics().find(std::string("\n").append(line).append("\n")) != std::string::npos;
}
bool mentions(const MetricsRegistry& r, std::string_view text) {
  return r.to_openmetrics().find(text) != std::string::npos;
}

void fail(CircuitBreaker& breaker, int times, TimePoint now) {
  for (int i = 0; i < times; ++i) breaker.try_acquire_at(now).report_at(Outcome::kFailure, now);
}

}  // namespace

TEST_CASE("a breaker's state, counts and transitions are published") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  CircuitBreaker breaker({}, kStart);
  REQUIRE(publisher.watch("trading", breaker));
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_circuit_breaker_state{breaker="trading",seawall_circuit_breaker_state="closed"} 1)"));
  const std::string tripped =
      R"(seawall_circuit_breaker_transitions_total{breaker="trading",to="open",reason="failure_threshold"} )";
  CHECK(has(metrics, tripped + "0"));  // before the first one, so that it is an increase
  CHECK(!mentions(metrics, "\nseawall_circuit_breaker_successes_total"));  // not counted by this breaker

  fail(breaker, 2, kStart);
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_circuit_breaker_consecutive_failures{breaker="trading"} 2)"));
  auto late = breaker.try_acquire_at(kStart);
  fail(breaker, 1, kStart);
  late.report_at(Outcome::kSuccess, kStart);
  publisher.publish_at(kStart);
  publisher.publish_at(kStart);  // counts nothing twice
  CHECK(has(metrics, R"(seawall_circuit_breaker_state{breaker="trading",seawall_circuit_breaker_state="open"} 1)"));
  CHECK(has(metrics, R"(seawall_circuit_breaker_state{breaker="trading",seawall_circuit_breaker_state="closed"} 0)"));
  CHECK(has(metrics, R"(seawall_circuit_breaker_late_results_total{breaker="trading"} 1)"));
  CHECK(has(metrics, tripped + "1"));

  breaker.reset_at(kStart);
  fail(breaker, 3, kStart);
  publisher.publish_at(kStart);
  CHECK(has(metrics, tripped + "2"));
  CHECK(seawall::validate_exposition(seawall::Exposition::kOpenMetrics, metrics.to_openmetrics()));
}

TEST_CASE("a breaker that counts its calls publishes them") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  CircuitBreaker breaker(seawall::CircuitBreakerConfig::make({.count_totals = true}).value(), kStart);
  REQUIRE(publisher.watch("b", breaker));
  breaker.try_acquire_at(kStart).report_at(Outcome::kSuccess, kStart);
  fail(breaker, 3, kStart);
  CHECK(!breaker.try_acquire_at(kStart));
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_circuit_breaker_successes_total{breaker="b"} 1)"));
  CHECK(has(metrics, R"(seawall_circuit_breaker_failures_total{breaker="b"} 3)"));
  CHECK(has(metrics, R"(seawall_circuit_breaker_refusals_total{breaker="b"} 1)"));
}

TEST_CASE("who watches a breaker may see its events too") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  CircuitBreaker breaker({}, kStart);
  std::vector<seawall::BreakerReason> seen;
  REQUIRE(publisher.watch("b", breaker, [&](const auto& event) { seen.push_back(event.reason); }));
  breaker.force_open_at(kStart);
  breaker.reset_at(kStart);
  publisher.publish_at(kStart);
  CHECK(seen == std::vector{seawall::BreakerReason::kForcedOpen, seawall::BreakerReason::kReset});
}

TEST_CASE("every state of a breaker has its name in the state set") {
  using State = seawall::BreakerState;
  for (const State state : {State::kClosed, State::kOpen, State::kHalfOpen, State::kForcedOpen, State::kDisabled}) {
    MetricsRegistry metrics;
    MetricsPublisher publisher(metrics);
    CircuitBreaker breaker({}, kStart);
    REQUIRE(publisher.watch("b", breaker));
    seawall::Ticket probe;
    if (state == State::kOpen || state == State::kHalfOpen) fail(breaker, 3, kStart);
    if (state == State::kHalfOpen) probe = breaker.try_acquire_at(kStart + seconds(30));
    if (state == State::kForcedOpen) breaker.force_open_at(kStart);
    if (state == State::kDisabled) breaker.disable_at(kStart);
    publisher.publish_at(kStart + seconds(30));
    std::string line = R"(seawall_circuit_breaker_state{breaker="b",seawall_circuit_breaker_state=")";
    CHECK(has(metrics, line.append(to_string(state)).append("\"} 1")));
  }
}

TEST_CASE("limiters publish what is left, keyed ones how full they are") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  const auto quota = seawall::Quota::make(5, seconds(60), 5).value();
  seawall::TokenBucket bucket(seawall::TokenBucketConfig::make(quota).value(), kStart);
  seawall::SlidingWindow window(seawall::SlidingWindowConfig::make({quota}).value(), kStart);
  seawall::FixedWindow fixed(seawall::FixedWindowConfig::make(quota).value(), kStart);
  seawall::LeasedTokenBucket leased(
      seawall::LeasedTokenBucketConfig::make({.quota = seawall::Quota::make(600, seconds(60), 600).value()}).value(),
      kStart);
  auto keyed = seawall::KeyedRateLimiter<seawall::TokenBucket>::make({.quota = quota}, kStart).value();
  REQUIRE(publisher.watch("bucket", bucket));
  REQUIRE(publisher.watch("fixed", fixed));
  REQUIRE(publisher.watch("leased", leased));
  REQUIRE(publisher.watch("window", window));
  REQUIRE(publisher.watch("users", keyed));
  (void)bucket.try_acquire_at(kStart, 2);
  (void)window.try_acquire_at(kStart, 4);
  (void)keyed.try_acquire_at("a", kStart);
  (void)keyed.try_acquire_at("b", kStart);
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_rate_limiter_limit{limiter="bucket"} 5)"));
  CHECK(has(metrics, R"(seawall_rate_limiter_remaining{limiter="bucket"} 3)"));
  CHECK(has(metrics, R"(seawall_rate_limiter_remaining{limiter="window"} 1)"));
  CHECK(has(metrics, R"(seawall_keyed_limiter_keys{limiter="users"} 2)"));
  CHECK(has(metrics, R"(seawall_keyed_limiter_evictions_total{limiter="users"} 0)"));
  CHECK(mentions(metrics, R"(seawall_keyed_limiter_memory_bytes{limiter="users"} )"));
  CHECK(has(metrics, R"(seawall_rate_limiter_remaining{limiter="fixed"} 5)"));
  CHECK(mentions(metrics, R"(seawall_rate_limiter_limit{limiter="leased"} )"));
}

TEST_CASE("a keyed limiter's share of overflow is published, by one walk for each publication") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  const auto quota = seawall::Quota::make(5, seconds(60), 5).value();
  using Keyed = seawall::KeyedRateLimiter<seawall::TokenBucket>;
  auto keyed = Keyed::make({.quota = quota, .memory_bytes = Keyed::memory_for(1)}, kStart).value();
  int walks = 0;
  REQUIRE(publisher.watch_keyed("users", [&](TimePoint now) {
    ++walks;
    return keyed.stats_at(now);
  }));
  for (std::uint64_t key = 0; key < 40; ++key) (void)keyed.try_acquire_at(key, kStart);
  publisher.publish_at(kStart);
  CHECK(walks == 1);
  const seawall::KeyedStats stats = keyed.stats_at(kStart);
  REQUIRE(stats.overflow_admissions > 0);
  CHECK(has(metrics, R"(seawall_keyed_limiter_overflow_admissions_total{limiter="users"} )" +
                         std::to_string(stats.overflow_admissions)));
  CHECK(has(metrics,
            R"(seawall_keyed_limiter_full_refusals_total{limiter="users"} )" + std::to_string(stats.full_refusals)));
}

TEST_CASE("a keyed breaker publishes how many keys it has, and how many are open") {
  MetricsRegistry metrics;
  {
    MetricsPublisher publisher(metrics);
    auto hosts = seawall::KeyedCircuitBreaker::make({.capacity = 3, .breaker = {}}, kStart).value();
    REQUIRE(publisher.watch("hosts", hosts));
    for (const char* host : {"a", "b"}) hosts.try_acquire_at(host, kStart).report_at(Outcome::kSuccess, kStart);
    for (int i = 0; i < 3; ++i) hosts.try_acquire_at("c", kStart).report_at(Outcome::kFailure, kStart);
    for (int i = 0; i < 2; ++i) hosts.try_acquire_at("d", kStart).report_at(Outcome::kSuccess, kStart);
    publisher.publish_at(kStart);
    CHECK(has(metrics, R"(seawall_keyed_circuit_breaker_keys{breaker="hosts"} 3)"));
    CHECK(has(metrics, R"(seawall_keyed_circuit_breaker_capacity{breaker="hosts"} 3)"));
    CHECK(has(metrics, R"(seawall_keyed_circuit_breaker_full_total{breaker="hosts"} 2)"));
    CHECK(has(metrics, R"(seawall_keyed_circuit_breaker_breakers{breaker="hosts",state="closed"} 2)"));
    CHECK(has(metrics, R"(seawall_keyed_circuit_breaker_breakers{breaker="hosts",state="open"} 1)"));
    CHECK(hosts.forget_at("c", kStart));
    publisher.publish_at(kStart);
    CHECK(has(metrics, R"(seawall_keyed_circuit_breaker_breakers{breaker="hosts",state="open"} 0)"));
    CHECK(seawall::validate_exposition(seawall::Exposition::kOpenMetrics, metrics.to_openmetrics()));
  }
  CHECK(metrics.series_count() == 0);
}

TEST_CASE("the service registry publishes its totals and each service, and a service that is gone leaves no series") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  seawall::ServiceRegistry registry({}, kStart);
  REQUIRE(publisher.watch("main", registry));
  const auto first = registry.register_instance_at("trading", {.id = "t1", .host = "127.0.0.1", .port = 1}, kStart);
  REQUIRE(first);
  REQUIRE(registry.register_instance_at("trading", {.id = "t2", .host = "127.0.0.1", .port = 2}, kStart));
  REQUIRE(registry.drain_at("t2", seawall::ServiceRegistry::kAnyGeneration, kStart) == seawall::RegistryAnswer::kOk);
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_service_registry_registrations_total{registry="main"} 2)"));
  CHECK(has(metrics, R"(seawall_service_registry_instances{registry="main"} 2)"));
  const std::string instances = R"(seawall_service_registry_service_instances{registry="main",service="trading",)";
  CHECK(has(metrics, instances + "healthy=\"true\"} 1"));
  CHECK(has(metrics, instances + "healthy=\"false\"} 1"));
  for (const char* id : {"t1", "t2"}) {
    CHECK(registry.deregister_at(id, seawall::ServiceRegistry::kAnyGeneration, kStart) == seawall::RegistryAnswer::kOk);
  }
  publisher.publish_at(kStart);
  CHECK(!mentions(metrics, "service=\"trading\""));
  CHECK(has(metrics, R"(seawall_service_registry_removals_total{registry="main"} 2)"));
}

TEST_CASE("what is no longer watched leaves no series, and its name can be used again") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  const std::int64_t before = metrics.series_count();
  {
    CircuitBreaker breaker({}, kStart);
    REQUIRE(publisher.watch("b", breaker));
    fail(breaker, 3, kStart);
    publisher.publish_at(kStart);
    CHECK(metrics.series_count() > before);
    CHECK(publisher.unwatch("b"));
  }
  CHECK(metrics.series_count() == before);
  CHECK(!publisher.unwatch("b"));
  publisher.publish_at(kStart);
  CircuitBreaker other({}, kStart);
  REQUIRE(publisher.watch("b", other));
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_circuit_breaker_state{breaker="b",seawall_circuit_breaker_state="closed"} 1)"));
}

TEST_CASE("a name is watched once for each kind, and series end with the publisher") {
  MetricsRegistry metrics;
  {
    MetricsPublisher publisher(metrics);
    CircuitBreaker breaker({}, kStart);
    CircuitBreaker other({}, kStart);
    seawall::ServiceRegistry registry({}, kStart);
    REQUIRE(publisher.watch("x", breaker));
    REQUIRE(publisher.watch("x", registry));
    const auto again = publisher.watch("x", other);
    REQUIRE(!again);
    CHECK(again.error().code == Code::kAlreadyExists);
    CHECK(again.error().message.view() == "breaker \"x\" is watched already");
    publisher.publish_at(kStart);
    CHECK(metrics.series_count() > 0);
  }
  CHECK(metrics.series_count() == 0);
}

TEST_CASE("a family that cannot be registered is said at once") {
  MetricsRegistry metrics;
  REQUIRE(metrics.gauge("seawall_circuit_breaker_state", "Taken."));
  MetricsPublisher publisher(metrics);
  CircuitBreaker breaker({}, kStart);
  const auto refused = publisher.watch("b", breaker);
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::kAlreadyExists);
  CHECK(refused.error().message.view().find("seawall_circuit_breaker_state") != std::string_view::npos);
}

TEST_CASE("each service's instances are published by their state") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  seawall::ServiceRegistry registry({}, kStart);
  REQUIRE(publisher.watch("r", registry));
  for (const char* id : {"a", "b", "c"}) {
    REQUIRE(registry.register_instance_at("trading", {.id = id, .host = "127.0.0.1", .port = 80}, kStart));
  }
  registry.drain_at("trading/b", seawall::ServiceRegistry::kAnyGeneration, kStart);
  publisher.publish_at(kStart);
  const auto states = [](const char* state) {
    return R"(seawall_service_registry_service_instance_states{registry="r",service="trading",state=")" +
           std::string(state) + "\"} ";
  };
  CHECK(has(metrics, states("healthy") + "2"));
  CHECK(has(metrics, states("draining") + "1"));
  CHECK(has(metrics, states("ejected") + "0"));
  for (int s = 1; s <= 4; ++s) registry.tick_at(kStart + seconds(s));
  publisher.publish_at(kStart + seconds(4));
  CHECK(has(metrics, states("expired") + "3"));
  CHECK(has(metrics, states("healthy") + "0"));
  REQUIRE(publisher.unwatch("r"));
  CHECK(!mentions(metrics, "_instance_states{"));
}

TEST_CASE("a prober's results and what they changed are published") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  seawall::ServiceRegistry registry({}, kStart);
  const auto mine = registry.register_instance_at("trading", {.id = "a", .host = "127.0.0.1", .port = 80}, kStart);
  REQUIRE(mine);
  seawall::Prober prober(registry, seawall::ProberConfig::make({.fall = 1}).value());
  REQUIRE(publisher.watch("p", prober));
  publisher.publish_at(kStart);
  CHECK(has(metrics, R"(seawall_prober_transitions_total{prober="p",to="failing"} 0)"));  // so that it is an increase
  TimePoint now = kStart;
  for (const int status : {200, 200, 500, 200, 200}) {
    std::optional<seawall::Probe> probe;
    for (int waited = 0; !probe && waited < 20; ++waited) {
      now += seconds(1);
      registry.heartbeat_at(mine.value().name, mine.value().generation, now);
      probe = prober.next_at(now);
    }
    REQUIRE(probe);
    prober.finish_at(probe->id, {.status = status}, now);
  }
  publisher.publish_at(now);
  publisher.publish_at(now);  // totals are followed, not added up
  CHECK(has(metrics, R"(seawall_prober_probes_total{prober="p",result="passed"} 4)"));
  CHECK(has(metrics, R"(seawall_prober_probes_total{prober="p",result="failed"} 1)"));
  CHECK(has(metrics, R"(seawall_prober_transitions_total{prober="p",to="failing"} 1)"));
  CHECK(has(metrics, R"(seawall_prober_transitions_total{prober="p",to="passing"} 1)"));
  CHECK(has(metrics, R"(seawall_prober_targets{prober="p"} 1)"));
  CHECK(publisher.watch("p", prober).error().code == Code::kAlreadyExists);
  REQUIRE(publisher.unwatch("p"));
  CHECK(!mentions(metrics, "seawall_prober_targets{"));
  CHECK(!mentions(metrics, R"(prober="p")"));
}

TEST_CASE("of sources their age, failures and what the registry refuses are published") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  seawall::ServiceRegistry registry({}, kStart);
  seawall::ListSource list;
  seawall::SourceFollower follower(registry);
  follower.add(list, {.name = "dns"});
  REQUIRE(publisher.watch("f", follower));
  const auto with = [](const char* field, const char* value) {
    return std::string("seawall_source_") + field + R"({follower="f",source="dns",service="trading"} )" + value;
  };
  list.say(
      {.service = "trading",
       .instances = {{.id = "a", .host = "127.0.0.1", .port = 80}, {.id = "bad/id", .host = "127.0.0.1", .port = 1}},
       .ttl = seconds(60)});
  follower.tick_at(kStart);
  publisher.publish_at(kStart + seconds(5));
  CHECK(has(metrics, with("age_seconds", "5")));
  CHECK(has(metrics, with("stale", "0")));
  CHECK(has(metrics, with("listed_instances", "2")));
  CHECK(has(metrics, R"(seawall_source_follower_instances{follower="f"} 1)"));
  CHECK(has(metrics, R"(seawall_source_follower_refused_instances{follower="f"} 1)"));
  CHECK(has(metrics, R"(seawall_source_follower_added_total{follower="f"} 1)"));
  list.say({.service = "trading", .status = seawall::SourceStatus::kFailed, .reason = "no route"});
  follower.tick_at(kStart + seconds(6));
  publisher.publish_at(kStart + seconds(6));
  CHECK(has(metrics, with("stale", "1")));
  CHECK(has(metrics, with("failures_total", "1")));
  REQUIRE(publisher.unwatch("f"));
  CHECK(!mentions(metrics, R"(follower="f")"));
}

TEST_CASE("of two sources of one name the better one's series are published") {
  MetricsRegistry metrics;
  MetricsPublisher publisher(metrics);
  seawall::ServiceRegistry registry({}, kStart);
  seawall::ListSource worse;
  seawall::ListSource better;
  seawall::SourceFollower follower(registry);
  follower.add(worse, {.name = "dns"});
  follower.add(better, {.name = "dns", .priority = seawall::SourcePriority::kDns});
  REQUIRE(publisher.watch("f", follower));
  better.say({.service = "trading", .instances = {{.id = "b", .host = "127.0.0.1", .port = 80}}});
  for (int second = 0; second < 3; ++second) {
    worse.say({.service = "trading", .instances = {{.id = "a", .host = "127.0.0.1", .port = 80}}});
    follower.tick_at(kStart + seconds(second));
    publisher.publish_at(kStart + seconds(second));
  }
  CHECK(follower.sources_at(kStart).size() == 2);
  CHECK(has(metrics, R"(seawall_source_answers_total{follower="f",source="dns",service="trading"} 1)"));
}
