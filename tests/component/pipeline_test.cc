// SPDX-License-Identifier: MIT
// What a pipeline answers, in which order its gates answer, and that a refusal charges nobody.
#include "seawall/runtime/pipeline.h"

#include <array>
#include <string>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }
Quota quota(std::int64_t permits, Duration period) { return Quota::make(permits, period).value(); }
SlidingWindowConfig window(std::int64_t permits) {
  return SlidingWindowConfig::make({.quota = quota(permits, 60s), .sub_windows = 1}).value();
}
CircuitBreakerConfig three_failures() {
  CircuitBreakerOptions options;
  options.open_duration = 30s;
  return CircuitBreakerConfig::make(options).value();
}

// Gates that answer from a script and write down what is done to them: a look in small letters, a taking in capitals.
struct Script {
  std::string refuses;  // the letters of those that refuse
  bool check = false;   // the request has one
  std::string log = {};

  bool answer(char letter) {
    log += letter;
    return refuses.find(letter) == std::string::npos;
  }
  bool other_limits_would_allow() { return answer('o'); }
  bool first_limit_would_allow() { return answer('f'); }
  bool has_check() const { return check; }
  bool request_is_good() { return answer('c'); }
  bool breaker_would_admit() { return answer('b'); }
  bool has_instances() { return answer('i'); }
  bool charge_limits() { return answer('L'); }
  void refund_limits() { log += "-L"; }
  bool take_instance() { return answer('I'); }
  void drop_instance() { log += "-I"; }
  bool take_breaker() { return answer('B'); }
};

// Everything that a pipeline can have, at the instant 0.
struct World {
  using Users = KeyedRateLimiter<SlidingWindow>;

  ServiceRegistry registry{ServiceRegistryConfig(), at(0s)};
  Users users = Users::make({.quota = quota(3, 60s), .memory_bytes = 64 * 1024}, at(0s)).value();
  SlidingWindow service{window(5), at(0s)};
  CircuitBreaker breaker{three_failures(), at(0s)};
  MetricsRegistry metrics;
  std::unique_ptr<Pipeline> pipeline;
  std::array<LimiterKey, 1> ann{LimiterKey("ann")}, bob{LimiterKey("bob")};

  explicit World(int instances = 2) {
    for (int i = 0; i < instances; ++i) add(i);
    pipeline = Pipeline::make(parts(), {.metrics = PipelineMetrics::make(metrics, "trading").value()}, at(0s)).value();
  }
  void add(int i) {
    const auto port = static_cast<std::int32_t>(8001 + i);
    const InstanceSpec spec{.id = "t-" + std::to_string(i), .host = "127.0.0.1", .port = port};
    REQUIRE(registry.register_instance_at("trading", spec, at(0s)));
  }
  PipelineParts parts() {
    return {.limits = {{"user", quota(3, 60s), users}, {"service", quota(5, 60s), service}},
            .breaker = &breaker,
            .service = registry.service("trading").value(),
            .trace = true};
  }
  Admission admit(const std::array<LimiterKey, 1>& who, Duration when = 0s) {
    return pipeline->admit_at({.keys = who}, at(when));
  }
  std::int64_t left(const std::array<LimiterKey, 1>& who) { return users.peek_at(who[0], at(0s)).remaining; }
  std::int64_t left() { return service.peek_at(at(0s)).remaining; }
  std::int64_t in_flight() {
    std::int64_t sum = 0;
    for (const auto& listed : registry.services_at(at(0s))) {
      for (const auto& instance : listed.instances) sum += instance.in_flight;
    }
    return sum;
  }
  // Three calls to the instance that is not in `other`.
  void fail_at(std::uint32_t other) {
    const auto trading = registry.service("trading").value();
    for (int i = 0; i < 3; ++i) {
      const auto pick = trading.pick_at(at(0s), std::array{other});
      REQUIRE(pick);
      trading.done_at(pick->ticket, Outcome::kFailure, at(0s));
    }
  }
  std::int64_t failures(std::uint32_t slot) { return registry.services_at(at(0s)).at(0).instances.at(slot).failures; }
  void fail(int times) {
    for (int i = 0; i < times; ++i) {
      auto ticket = breaker.try_acquire_at(at(0s));
      ticket.report_at(Outcome::kFailure, at(0s));
    }
  }
};

}  // namespace

TEST_CASE("the order of the gates, and what each refusal gives back") {
  struct Row {
    std::string refuses, log;
    Gate gate;
    bool check = false;
  };
  const std::vector<Row> rows = {
      {"", "obiLIB", Gate::kNone},       {"o", "of", Gate::kLimits},
      {"b", "obf", Gate::kBreaker},      {"bf", "obf", Gate::kLimits},  // the limits answer first
      {"i", "obif", Gate::kInstance},    {"if", "obif", Gate::kLimits},
      {"L", "obiL", Gate::kLimits},  // the first limit, or one that was lost to another caller
      {"I", "obiLI-L", Gate::kInstance}, {"B", "obiLIB-I-L", Gate::kBreaker},
      {"obiLIB", "of", Gate::kLimits},   {"biLIB", "obf", Gate::kBreaker},
  };
  for (const Row& row : rows) {
    Script gates{row.refuses, row.check};
    CHECK(algorithm::pass(gates) == row.gate);
    CHECK(gates.log == row.log);
  }
}

TEST_CASE("an admission has all that the call needs, and is completed once") {
  World w;
  const auto call = w.admit(w.ann);
  REQUIRE(call);
  CHECK(call.retry_after == 0s);
  CHECK(call.decisions.size() == 2);
  CHECK(call.nearest == 0);
  CHECK(call.label.text() == "user");
  CHECK(call.label.quota == 3);
  CHECK(call.label.window == 60s);
  CHECK(call.limit() == 3);
  CHECK(call.remaining() == 2);
  REQUIRE(call.has_instance);
  CHECK((call.instance.port == 8001 || call.instance.port == 8002));
  CHECK(TraceContext::parse(std::string_view(call.traceparent.data())));
  CHECK_FALSE(call.trace_continued);
  CHECK(w.in_flight() == 1);
  CHECK(w.pipeline->stats_at(at(0s)).in_flight == 1);

  PickText text;
  REQUIRE(w.pipeline->describe(call, text));
  CHECK(text.host.view() == "127.0.0.1");

  CHECK(w.pipeline->complete_at(call, Outcome::kSuccess, at(2s), 204));
  CHECK_FALSE(w.pipeline->complete_at(call, Outcome::kFailure, at(2s)));
  CHECK_FALSE(w.pipeline->describe(call, text));
  auto again = call;
  CHECK_FALSE(w.pipeline->another_at(again, Outcome::kFailure, at(2s)));
  CHECK_FALSE(w.pipeline->cancel_at(again, {.keys = w.ann}, at(2s)));
  CHECK(w.in_flight() == 0);
  CHECK(w.breaker.snapshot_at(at(2s)).failure_count == 0);
  CHECK(w.left(w.ann) == 2);
  const auto stats = w.pipeline->stats_at(at(2s));
  CHECK(stats.in_flight == 0);
  CHECK(stats.repeated == 3);
  CHECK(stats.compositions == 1);

  const std::string page = w.metrics.to_prometheus();
  for (const char* line : {"seawall_pipeline_requests_total{pipeline=\"trading\",gate=\"none\"} 1\n",
                           "seawall_pipeline_calls_total{pipeline=\"trading\",outcome=\"success\"} 1\n",
                           "seawall_pipeline_calls_total{pipeline=\"trading\",outcome=\"failure\"} 0\n",
                           "seawall_pipeline_responses_total{pipeline=\"trading\",status=\"2xx\"} 1\n",
                           "seawall_pipeline_call_duration_seconds_sum{pipeline=\"trading\"} 2\n"}) {
    INFO(line);
    CHECK(page.find(line) != std::string::npos);
  }
}

TEST_CASE("each limit refuses in turn, says which it was, and nobody is charged") {
  World w;
  for (int i = 0; i < 3; ++i) CHECK(w.pipeline->complete_at(w.admit(w.ann), Outcome::kSuccess, at(0s)));
  const auto user = w.admit(w.ann);
  CHECK(user.gate == Gate::kLimits);
  CHECK(user.label.text() == "user");
  CHECK(user.retry_after > 0s);
  CHECK(user.remaining() == 0);
  CHECK_FALSE(user.has_instance);
  CHECK(user.ticket.id == 0);
  CHECK(user.traceparent[0] == '\0');
  CHECK(w.left() == 2);
  CHECK_FALSE(w.pipeline->complete_at(user, Outcome::kFailure, at(0s)));

  for (int i = 0; i < 2; ++i) CHECK(w.pipeline->complete_at(w.admit(w.bob), Outcome::kSuccess, at(0s)));
  const auto service = w.admit(w.bob);
  CHECK(service.gate == Gate::kLimits);
  CHECK(service.label.text() == "service");
  CHECK(w.left(w.bob) == 1);
  CHECK(w.in_flight() == 0);
  // More than a limit holds: no wait helps.
  const auto never = w.pipeline->admit_at({.keys = w.bob, .permits = 4}, at(0s));
  CHECK(never.never());
  // Nothing asked: a look at the limits, and through.
  World fresh;
  const auto looked = fresh.pipeline->admit_at({.keys = fresh.ann, .permits = 0}, at(0s));
  REQUIRE(looked);
  CHECK(fresh.left(fresh.ann) == 3);
  CHECK(fresh.pipeline->cancel_at(const_cast<Admission&>(looked), {.keys = fresh.ann}, at(0s)));
  CHECK(fresh.left(fresh.ann) == 3);
}

TEST_CASE("an open breaker refuses behind the limits, and charges nobody, and its one probe is not wasted") {
  World w;
  w.fail(3);
  const auto open = w.admit(w.ann, 1s);
  CHECK(open.gate == Gate::kBreaker);
  CHECK(open.retry_after == 29s);
  CHECK(open.label.text() == "user");
  CHECK(w.left(w.ann) == 3);
  CHECK(w.left() == 5);
  CHECK(w.in_flight() == 0);

  // Who is over a limit learns that, and does not take the probe.
  for (int i = 0; i < 3; ++i) REQUIRE(w.pipeline->charge_at({.keys = w.bob}, at(31s)));
  CHECK(w.admit(w.bob, 31s).gate == Gate::kLimits);
  const auto probe = w.admit(w.ann, 31s);
  REQUIRE(probe);
  CHECK(w.breaker.state() == BreakerState::kHalfOpen);
  CHECK(w.admit(w.ann, 31s).gate == Gate::kBreaker);
  // A probe that was never made goes back, and the permits too.
  auto cancelled = probe;
  CHECK(w.pipeline->cancel_at(cancelled, {.keys = w.ann}, at(31s)));
  CHECK(w.in_flight() == 0);
  CHECK(w.users.peek_at(w.ann[0], at(31s)).remaining == 3);
  const auto next = w.admit(w.ann, 31s);
  REQUIRE(next);
  CHECK(w.pipeline->complete_at(next, Outcome::kSuccess, at(31s)));
  CHECK(w.breaker.state() == BreakerState::kClosed);

  w.breaker.force_open_at(at(31s));
  CHECK(w.admit(w.ann, 31s).never());
  w.breaker.set_shadow(true);
  CHECK(w.admit(w.ann, 31s));
}

TEST_CASE("no instance, or none whose breaker admits: refused, and charged nobody") {
  World none(0);
  const auto empty = none.admit(none.ann);
  CHECK(empty.gate == Gate::kInstance);
  CHECK(empty.retry_after == Pipeline::kInstanceWait);
  CHECK(none.left(none.ann) == 3);
  CHECK(none.left() == 5);

  World w;
  const ServiceOptions all{.panic_threshold = 0, .max_ejected_percent = 100, .least_left = 0};
  REQUIRE(w.registry.configure("trading", ServiceConfig::make(all).value()).ok());
  for (const std::uint32_t slot : {0u, 1u}) w.fail_at(1 - slot);
  const auto broken = w.admit(w.ann, 2s);
  CHECK(broken.gate == Gate::kInstance);
  CHECK(broken.retry_after == Pipeline::kInstanceWait);
  CHECK(w.left(w.ann) == 3);
  CHECK(w.left() == 5);
  CHECK(w.in_flight() == 0);
  // Every instance that is left is unwanted.
  World both;
  const std::array<std::uint32_t, 2> unwanted{0, 1};
  CHECK(both.pipeline->admit_at({.keys = both.ann, .exclude = unwanted}, at(0s)).gate == Gate::kInstance);
  CHECK(both.left(both.ann) == 3);
}

TEST_CASE("another instance for the same request: each attempt counts for its instance, the end for the service") {
  World w;
  auto call = w.admit(w.ann);
  REQUIRE(call);
  const Pick first = call.instance;
  REQUIRE(w.pipeline->another_at(call, Outcome::kFailure, at(0s)));
  CHECK(call.instance.slot != first.slot);
  CHECK(w.in_flight() == 1);
  CHECK(w.failures(first.slot) == 1);
  CHECK(w.breaker.snapshot_at(at(0s)).failure_count == 0);
  CHECK(w.left(w.ann) == 2);

  const std::array<std::uint32_t, 1> tried{first.slot};
  CHECK_FALSE(w.pipeline->another_at(call, Outcome::kFailure, at(0s), tried));
  CHECK_FALSE(call.has_instance);
  CHECK(w.in_flight() == 0);
  CHECK(w.pipeline->complete_at(call, Outcome::kFailure, at(0s)));
  CHECK(w.breaker.snapshot_at(at(0s)).failure_count == 1);
  CHECK(w.failures(first.slot) == 1);
  CHECK(w.failures(1 - first.slot) == 1);
}

TEST_CASE(
    "calls that fail eject their instance, a probe that was never made leaves it to the next, and one call decides") {
  World w;
  w.fail_at(1);
  CHECK(w.failures(0) == 3);
  const auto ann = w.admit(w.ann);
  REQUIRE(ann);
  CHECK(ann.instance.slot == 1);
  CHECK(w.pipeline->complete_at(ann, Outcome::kSuccess, at(0s)));
  // Those of the caller's that the service's breaker or its own input stop give the probe back.
  const std::array<std::uint32_t, 1> not_the_other{1};
  auto probe = w.pipeline->admit_at({.keys = w.bob, .exclude = not_the_other}, at(100s));
  REQUIRE(probe);
  CHECK(probe.instance.flags == kPickProbe);
  CHECK(w.pipeline->admit_at({.keys = w.bob, .exclude = not_the_other}, at(100s)).gate == Gate::kInstance);
  CHECK(w.pipeline->cancel_at(probe, {.keys = w.bob}, at(100s)));
  CHECK(w.in_flight() == 0);
  probe = w.pipeline->admit_at({.keys = w.bob, .exclude = not_the_other}, at(100s));
  REQUIRE(probe);
  CHECK(probe.instance.flags == kPickProbe);
  CHECK(w.pipeline->complete_at(probe, Outcome::kSuccess, at(100s)));
  CHECK(w.pipeline->admit_at({.keys = w.bob, .exclude = not_the_other}, at(100s)).instance.flags == 0);
}

TEST_CASE("only the limits: charged, nothing to complete, and before any other gate") {
  World w(0);
  w.fail(3);
  const auto charged = w.pipeline->charge_at({.keys = w.ann}, at(0s));
  CHECK(charged);
  CHECK(charged.ticket.id == 0);
  CHECK(w.left(w.ann) == 2);
  CHECK(w.left() == 4);
  for (int i = 0; i < 2; ++i) CHECK(w.pipeline->charge_at({.keys = w.ann}, at(0s)));
  const auto refused = w.pipeline->charge_at({.keys = w.ann}, at(0s));
  CHECK(refused.gate == Gate::kLimits);
  CHECK(refused.label.text() == "user");
  CHECK(w.left() == 2);
}

TEST_CASE("a request that fails its own check stays charged, and does not take the probe") {
  World w;
  w.fail(3);
  int asked = 0;
  bool answer = false;
  const auto check = [&]() noexcept { return ++asked > 0 && answer; };
  const PipelineRequest request{.keys = w.ann, .check = check};
  const auto bad = w.pipeline->admit_at(request, at(31s));
  CHECK(bad.gate == Gate::kRequest);
  CHECK(bad.never());
  CHECK(bad.remaining() == 2);
  CHECK(bad.ticket.id == 0);
  CHECK(w.breaker.state() == BreakerState::kOpen);
  answer = true;
  const auto probe = w.pipeline->admit_at(request, at(31s));
  CHECK(probe);
  CHECK(w.breaker.state() == BreakerState::kHalfOpen);
  CHECK(asked == 2);
  CHECK(w.pipeline->admit_at(request, at(31s)).gate == Gate::kBreaker);
  CHECK(w.pipeline->charge_at({.keys = w.ann}, at(31s)));
  CHECK(w.pipeline->admit_at(request, at(31s)).gate == Gate::kLimits);
  CHECK(asked == 3);  // not asked behind a limit
}

TEST_CASE("a caller's trace is continued when it is valid, else a new one begins") {
  World w;
  const std::string text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto incoming = TraceContext::parse(text).value();
  const auto sent = [](const Admission& call) { return TraceContext::parse(call.traceparent.data()).value(); };
  const auto from_text = w.pipeline->admit_at({.keys = w.ann, .traceparent = text}, at(0s));
  CHECK(from_text.trace_continued);
  CHECK(sent(from_text).trace_id() == incoming.trace_id());
  CHECK(sent(from_text).span_id() != incoming.span_id());
  const auto from_context = w.pipeline->admit_at({.keys = w.ann, .trace = &incoming}, at(0s));
  CHECK(from_context.trace_continued);
  CHECK(sent(from_context).trace_id() == incoming.trace_id());
  const auto fresh = w.pipeline->admit_at({.keys = w.ann, .traceparent = "00-nonsense"}, at(0s));
  CHECK_FALSE(fresh.trace_continued);
  CHECK(sent(fresh).trace_id() != incoming.trace_id());
}

TEST_CASE("a pipeline of nothing admits, and one of some gates has only these") {
  const auto nothing = Pipeline::make({}, {}, at(0s)).value();
  const auto call = nothing->admit_at({}, at(0s));
  CHECK(call);
  CHECK(call.limit() == 0);
  CHECK(call.label.text().empty());
  CHECK_FALSE(call.has_instance);
  CHECK(call.traceparent[0] == '\0');
  CHECK(nothing->complete_at(call, Outcome::kFailure, at(0s)));
  const auto call_without = nothing->admit_at({}, at(0s));
  PickText text;
  CHECK_FALSE(nothing->describe(call_without, text));
}

TEST_CASE("a request without a key for a limit with keys is refused, and charged nobody") {
  World w;
  const auto call = w.pipeline->admit_at({}, at(0s));
  CHECK(call.gate == Gate::kRequest);
  CHECK(call.never());
  CHECK(call.decisions.size() == 0);
  CHECK(w.pipeline->charge_at({}, at(0s)).gate == Gate::kRequest);
  CHECK(w.left() == 5);
  CHECK(w.pipeline->stats_at(at(0s)).in_flight == 0);
}

TEST_CASE("as many calls are out as there may be: the next is turned away, and a lost ticket comes back by its lease") {
  const auto pipeline = Pipeline::make({}, {.max_in_flight = 1, .lease = 10s}, at(0s)).value();
  const std::size_t most = pipeline->stats_at(at(0s)).max_in_flight;
  std::vector<Admission> calls(most);
  for (Admission& call : calls) REQUIRE((call = pipeline->admit_at({}, at(0s))));
  const auto refused = pipeline->admit_at({}, at(1s));
  CHECK(refused.gate == Gate::kInFlight);
  CHECK(refused.retry_after > 0s);
  CHECK(pipeline->charge_at({}, at(1s)).gate == Gate::kInFlight);
  CHECK(pipeline->complete_at(calls[0], Outcome::kSuccess, at(1s)));
  CHECK(pipeline->admit_at({}, at(1s)));
  CHECK(pipeline->stats_at(at(1s)).in_flight == most);
  CHECK(pipeline->stats_at(at(1s)).turned_away == 2);

  // 11 s and the unit of leases later all are over; until its place is needed a late report still counts.
  CHECK(pipeline->stats_at(at(12s)).in_flight == 0);
  CHECK(pipeline->complete_at(calls[1], Outcome::kSuccess, at(12s)));
  for (std::size_t i = 0; i < most; ++i) CHECK(pipeline->admit_at({}, at(12s)));
  CHECK_FALSE(pipeline->complete_at(calls[2], Outcome::kSuccess, at(12s)));
  CHECK(pipeline->stats_at(at(12s)).lost == most - 1);
}

TEST_CASE("a replaced composition serves the calls that it admitted, and is freed with the last of them") {
  World w;
  const auto watched = std::make_shared<int>(1);
  std::weak_ptr<int> alive = watched;
  auto first = w.parts();
  first.owner = watched;
  const auto pipeline = Pipeline::make(std::move(first), {}, at(0s)).value();
  const_cast<std::shared_ptr<int>&>(watched).reset();
  const auto old_call = pipeline->admit_at({.keys = w.ann}, at(0s));
  REQUIRE(old_call);
  CHECK(w.in_flight() == 1);

  REQUIRE(pipeline->replace_at({}, at(1s)));  // no gates at all
  CHECK(pipeline->stats_at(at(1s)).compositions == 2);
  const auto new_call = pipeline->admit_at({}, at(1s));
  CHECK_FALSE(new_call.has_instance);
  CHECK_FALSE(alive.expired());
  CHECK(pipeline->complete_at(old_call, Outcome::kFailure, at(2s)));
  CHECK(w.in_flight() == 0);
  CHECK(w.breaker.snapshot_at(at(2s)).failure_count == 1);
  pipeline->tidy_at(at(2s));
  CHECK(alive.expired());
  CHECK(pipeline->stats_at(at(2s)).compositions == 1);
  CHECK(pipeline->complete_at(new_call, Outcome::kSuccess, at(2s)));
}

TEST_CASE("compositions that lost tickets hold on to are bounded, and freed when the leases end") {
  const auto pipeline = Pipeline::make({}, {.lease = 10s}, at(0s)).value();
  std::vector<Admission> lost;
  for (std::size_t i = 1; i < Pipeline::kMostCompositions; ++i) {
    lost.push_back(pipeline->admit_at({}, at(0s)));
    REQUIRE(pipeline->replace_at({}, at(0s)));
  }
  lost.push_back(pipeline->admit_at({}, at(0s)));
  const auto full = pipeline->replace_at({}, at(0s));
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Code::kFull);
  CHECK(pipeline->replace_at({}, at(11s)));
  CHECK(pipeline->stats_at(at(11s)).compositions == 1);
  CHECK(pipeline->stats_at(at(11s)).lost == lost.size());
  for (const Admission& call : lost) CHECK_FALSE(pipeline->complete_at(call, Outcome::kSuccess, at(11s)));
}

TEST_CASE("what cannot be composed is named") {
  SlidingWindow limit(window(3), at(0s));
  const auto refused = [&](PipelineParts parts, PipelineOptions options = {}) {
    const auto made = Pipeline::make(std::move(parts), options, at(0s));
    return made ? std::string("made") : std::string(made.error().message.view());
  };
  const Quota q = quota(3, 60s);
  const PipelineLimit good{"a", q, limit};
  CHECK(refused({.limits = {good, good, good, good, good}}) == "limits must be from 0 to 4, not 5");
  CHECK(refused({.limits = {good, {"", q, limit}}}) ==
        "limits/1/name must be 1 to 31 printable ASCII characters without ,");
  CHECK(refused({.limits = {good, {"b", q, limit}, good}}) == "limits/2/name is that of a limit before it");
  CHECK(refused({.limits = {{std::string(32, 'x'), q, limit}}}) != "made");
  CHECK(refused({.limits = {{"\xc3\xa4", q, limit}}}) != "made");
  CHECK(refused({.limits = {{"a", q, {}}}}) == "limits/0/limiter is missing");
  CHECK(refused({.limits = {{"a", q, limit, 16}}}) == "limits/0/key must be from 0 to 15");
  CHECK(refused({}, {.max_in_flight = 0}) == "max_in_flight must be from 1 to 1048576, not 0");
  CHECK(refused({}, {.lease = 1ms}) != "made");
  MetricsRegistry metrics;
  REQUIRE(metrics.gauge("seawall_pipeline_calls_total_", "x."));
  REQUIRE(metrics.counter("seawall_pipeline_calls_total", "Mine."));
  CHECK_FALSE(PipelineMetrics::make(metrics, "x"));
}

TEST_CASE("tickets of nobody's making change nothing") {
  const auto pipeline = Pipeline::make({}, {}, at(0s)).value();
  const auto call = pipeline->admit_at({}, at(0s));
  for (const std::uint64_t id :
       {std::uint64_t{0}, std::uint64_t{5000}, ~std::uint64_t{0}, call.ticket.id + (std::uint64_t{1} << 32),
        call.ticket.id + 1, call.ticket.id ^ (std::uint64_t{1} << 63)}) {
    Admission forged = call;
    forged.ticket.id = id;
    CHECK_FALSE(pipeline->complete_at(forged, Outcome::kSuccess, at(0s)));
  }
  CHECK(pipeline->stats_at(at(0s)).repeated == 6);
  CHECK(pipeline->complete_at(call, Outcome::kSuccess, at(0s)));
}
