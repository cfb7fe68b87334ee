// SPDX-License-Identifier: MIT
// Probes of instances: when they are sent, and what their answers do.
#include "seawall/runtime/prober.h"

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "seawall/algorithm/probe_rule.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/service_source.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Duration;
using seawall::Health;
using seawall::Probe;
using seawall::ProbeAnswer;
using seawall::Prober;
using seawall::ProberConfig;
using seawall::ProberOptions;
using seawall::ServiceRegistry;
using seawall::TimePoint;

namespace {

constexpr TimePoint at(Duration t) { return TimePoint(t); }

// Leases so long that only probes matter.
struct Probed {
  explicit Probed(const ProberOptions& options = {})
      : registry(seawall::ServiceRegistryConfig::make({.lease = 1h}).value(), at(0s)),
        prober(registry, ProberConfig::make(options).value()) {}

  void add(const std::string& service, const std::string& id) {
    registry.register_instance_at(service, {.id = id, .host = "10.0.0.1", .port = 80}, at(now)).value();
  }
  std::vector<Probe> due() {
    std::vector<Probe> probes;
    while (auto probe = prober.next_at(at(now))) probes.push_back(*probe);
    return probes;
  }
  // Those of the first second, in which new instances are asked for the first time.
  std::vector<Probe> first() {
    CHECK(due().empty());
    now += 1s;
    return due();
  }
  // Time passes in steps of 50 ms; each probe is answered at once.
  std::vector<Duration> answer_until(Duration end, const ProbeAnswer& answer) {
    std::vector<Duration> times;
    for (; now < end; now += 50ms) {
      for (const Probe& probe : due()) {
        prober.finish_at(probe.id, answer, at(now));
        times.push_back(now);
      }
    }
    return times;
  }
  std::string state(const std::string& name) const {
    return std::string(registry.find_at(name, at(now))->status.state());
  }

  ServiceRegistry registry;
  Prober prober;
  Duration now = 0s;
};

}  // namespace

TEST_CASE("probe rule: rises and falls take their number in a row") {
  using seawall::algorithm::ProbeRule;
  using seawall::algorithm::ProbeState;
  constexpr ProbeRule rule{.rise = 2, .fall = 3};
  const auto after = [&](std::vector<Health> results) {
    ProbeState state;
    for (const Health result : results) state = rule.next(state, result);
    return state;
  };
  constexpr auto P = Health::kPassing, F = Health::kFailing, W = Health::kWarning, U = Health::kUnknown;
  CHECK(after({}) == ProbeState{U, 0});
  CHECK(after({P}) == ProbeState{P, 0});
  CHECK(after({F, F}) == ProbeState{U, 2});
  CHECK(after({F, F, F}) == ProbeState{F, 0});
  CHECK(after({P, F, F, P, F, F}) == ProbeState{P, 2});
  CHECK(after({P, F, F, F, P}) == ProbeState{F, 1});
  CHECK(after({P, F, F, F, P, F, P}) == ProbeState{F, 1});
  CHECK(after({P, F, F, F, P, P}) == ProbeState{P, 0});
  CHECK(after({F, F, F, P, W}) == ProbeState{W, 0});
  CHECK(after({P, W}) == ProbeState{W, 0});
  CHECK(after({W, F, F, P}) == ProbeState{P, 0});
  CHECK(after({P, F, F, U, F}) == ProbeState{F, 0});  // nothing learnt breaks no row
  CHECK(ProbeState{}.on_edge());
  CHECK_FALSE(after({P}).on_edge());
  CHECK(after({P, F}).on_edge());
}

TEST_CASE("a probe says where to ask, and an instance is asked once in an interval") {
  Probed p({.path = "/live", .jitter_percent = 0});
  p.add("prod/trading", "t-1");
  const auto probes = p.first();
  REQUIRE(probes.size() == 1);
  CHECK(probes[0].service == "prod/trading");
  CHECK(probes[0].instance == "t-1");
  CHECK(probes[0].host == "10.0.0.1");
  CHECK(probes[0].port == 80);
  CHECK(probes[0].path == "/live");
  CHECK(probes[0].timeout == 1s);
  p.prober.finish_at(probes[0].id, {.status = 200}, at(p.now));
  CHECK(p.registry.find_at("prod/trading/t-1", at(p.now))->health == Health::kPassing);
  p.now = 6s - 1ns;
  CHECK(p.due().empty());
  p.now = 6s;
  CHECK(p.due().size() == 1);
}

TEST_CASE("three failures take an instance out, two successes bring it back, faster on the edge") {
  Probed p({.jitter_percent = 0});
  p.add("s", "a");
  p.answer_until(10s, {.status = 200});
  CHECK(p.state("a") == "healthy");
  const auto failed = p.answer_until(14s, {.status = 500});
  REQUIRE(failed.size() >= 3);
  CHECK(failed[1] - failed[0] == 1s);
  CHECK(failed[2] - failed[1] == 1s);
  CHECK(p.state("a") == "unhealthy");
  CHECK(p.prober.stats().falls == 1);
  const auto passed = p.answer_until(20s, {.status = 204});
  REQUIRE(passed.size() >= 2);
  CHECK(passed[1] - passed[0] == 1s);
  CHECK(p.state("a") == "healthy");
  CHECK(p.prober.stats().rises == 1);
  p.answer_until(26s, {.status = 429});
  CHECK(p.state("a") == "warning");
}

TEST_CASE("a probe that never comes back fails at its timeout, and its late answer changes nothing") {
  Probed p({.jitter_percent = 0, .max_in_flight = 1});
  p.add("s", "a");
  p.add("s", "b");
  const auto first = p.first();
  REQUIRE(first.size() == 1);  // max_in_flight
  p.now = 2s - 1ns;
  CHECK(p.due().empty());
  p.now = 2s;
  const auto second = p.due();
  REQUIRE(second.size() == 1);
  CHECK(second[0].instance != first[0].instance);
  CHECK(p.prober.stats().timeouts == 1);
  p.prober.finish_at(first[0].id, {.status = 200}, at(p.now));
  CHECK(p.prober.stats().late == 1);
  CHECK(p.prober.stats().passed == 0);
  for (; p.now < 12s; p.now += 100ms) p.due();  // nobody answers
  CHECK(p.state("a") == "unhealthy");
  CHECK(p.state("b") == "unhealthy");
  CHECK(p.prober.stats().in_flight <= 1);
  CHECK(p.prober.stats().targets == 2);
  p.prober.finish_at(0, {}, at(p.now));
  p.prober.finish_at(~0ull, {}, at(p.now));
  CHECK(p.prober.stats().late == 3);
}

TEST_CASE("an address that was given on to another instance is no longer well") {
  Probed p({.fall = 1});
  p.add("prod/s", "a");
  p.answer_until(10s, {.status = 200, .service = "s", .instance = "a"});
  CHECK(p.state("prod/s/a") == "healthy");
  SECTION("another instance") { p.answer_until(20s, {.status = 200, .service = "s", .instance = "b"}); }
  SECTION("another service") { p.answer_until(20s, {.status = 200, .service = "t"}); }
  CHECK(p.state("prod/s/a") == "unhealthy");
  CHECK(p.prober.stats().wrong_identity > 0);
}

TEST_CASE("an id that was made of the address is not known to its instance") {
  Probed p({.fall = 1});
  p.add("s", seawall::instance_id_of("s", "10.0.0.1", 80));
  p.answer_until(10s, {.status = 200, .service = "s", .instance = "a"});
  CHECK(p.state("s/s@10.0.0.1:80") == "healthy");
  p.answer_until(20s, {.status = 200, .service = "t", .instance = "a"});
  CHECK(p.state("s/s@10.0.0.1:80") == "unhealthy");
}

TEST_CASE("an identity that is required must be there, whole") {
  Probed p({.fall = 1, .require_identity = true});
  p.add("s", "a");
  SECTION("nothing") { p.answer_until(3s, {.status = 200}); }
  SECTION("half") { p.answer_until(3s, {.status = 200, .service = "s"}); }
  CHECK(p.state("a") == "unhealthy");
}

TEST_CASE("a prober that could not ask has learnt nothing and asks again soon") {
  Probed p({.jitter_percent = 0, .rise = 1, .fall = 1});
  p.add("s", "a");
  p.answer_until(7s, {.status = 200});
  const auto times = p.answer_until(20s, {.status = ProbeAnswer::kNothingLearnt});
  CHECK(times.size() >= 7);
  CHECK(p.state("a") == "healthy");
  CHECK(p.prober.stats().learnt_nothing == static_cast<std::int64_t>(times.size()));
}

TEST_CASE("a connection is enough for a TCP probe") {
  Probed p({.kind = seawall::ProbeKind::kTcp, .fall = 1});
  p.add("s", "a");
  p.answer_until(3s, {.status = 1});
  CHECK(p.registry.find_at("a", at(p.now))->health == Health::kPassing);
  p.answer_until(12s, {.status = 0});
  CHECK(p.state("a") == "unhealthy");
}

TEST_CASE("a new process in a slot starts afresh, the old one's answer is late") {
  Probed p({.fall = 1});
  p.add("s", "a");
  p.answer_until(5s, {.status = 500});
  CHECK(p.state("a") == "unhealthy");
  std::vector<Probe> out;
  for (; out.empty(); out = p.due()) p.now += 50ms;
  REQUIRE(out.size() == 1);
  p.add("s", "a");
  CHECK(p.state("a") == "healthy");  // unknown is in nobody's way
  p.now += 500ms;
  p.due();  // looks
  p.prober.finish_at(out[0].id, {.status = 500}, at(p.now));
  CHECK(p.state("a") == "healthy");
  p.answer_until(10s, {.status = 500});
  CHECK(p.state("a") == "unhealthy");  // it was asked itself
  p.registry.deregister_at("a", 0, at(p.now));
  p.now += 500ms;
  CHECK(p.due().empty());
  CHECK(p.prober.stats().targets == 0);
}

TEST_CASE("a fenced result of a probe does not reach the new generation before the prober knows of it") {
  Probed p({.fall = 1});
  p.add("s", "a");
  const auto out = p.first();
  REQUIRE(out.size() == 1);
  p.add("s", "a");
  p.prober.finish_at(out[0].id, {.status = 500}, at(p.now));
  CHECK(p.state("a") == "healthy");
}

TEST_CASE("probes of many spread over the interval, none is forgotten and at most so many are out") {
  Probed p({.max_in_flight = 8});
  for (int i = 0; i < 200; ++i) p.add("s", std::to_string(i).insert(0, 1, 'i'));
  std::map<std::string, int> asked;
  std::map<std::int64_t, int> in_step;
  for (; p.now < 60s; p.now += 50ms) {
    const auto probes = p.due();
    CHECK(probes.size() <= 8);
    for (const Probe& probe : probes) {
      ++asked[probe.instance];
      if (p.now > 10s) ++in_step[p.now.count()];
      p.prober.finish_at(probe.id, {.status = 200}, at(p.now + 10ms));
    }
  }
  CHECK(asked.size() == 200);
  for (const auto& [id, times] : asked) {
    CHECK(times >= 9);   // 59 s of at most 6 s each
    CHECK(times <= 16);  // and of at least 4 s
  }
  for (const auto& [step, probes] : in_step) CHECK(probes <= 8);
}

TEST_CASE("prober options are checked by name") {
  const auto error = [](const ProberOptions& o) {
    const auto made = ProberConfig::make(o);
    return made ? std::string("ok") : std::string(made.error().message.view());
  };
  CHECK(error({.interval = 1s, .edge_interval = 2s}).starts_with("edge_interval in ns"));
  CHECK(error({.timeout = 0s}).starts_with("timeout in ns"));
  CHECK(error({.rise = 0}).starts_with("rise"));
  CHECK(error({.max_in_flight = 0}).starts_with("max_in_flight"));
  CHECK(error({.path = "health"}).starts_with("path must"));
  CHECK(error({.path = "/a b"}).starts_with("path must"));
  CHECK(error({.path = "/a\r\nX: y"}).starts_with("path must"));
}

TEST_CASE("prober: another pace holds from now on, and what is known of an instance stays") {
  Probed p({.interval = 1h, .jitter_percent = 0, .fall = 2});
  p.add("s", "a");
  CHECK(p.first().size() == 1);  // it stays without an answer
  p.answer_until(p.now + 30s, {.status = 500});
  REQUIRE(p.registry.find_at("a", at(p.now))->health == Health::kFailing);
  CHECK(p.prober.stats().sent >= 2);

  // It waits for an hour no more, and is not well again before three say so.
  p.prober.configure_at(ProberConfig::make({.interval = 10s, .jitter_percent = 0, .rise = 3}).value(), at(p.now));
  CHECK(p.registry.find_at("a", at(p.now))->health == Health::kFailing);
  const auto falls = p.prober.stats().falls;
  const Duration end = p.now + 60s;
  for (std::int64_t answered = 0; answered < 2 && p.now < end;) {
    answered += static_cast<std::int64_t>(p.answer_until(p.now + 50ms, {.status = 200}).size());
  }
  REQUIRE(p.now < end);
  CHECK(p.registry.find_at("a", at(p.now))->health == Health::kFailing);
  REQUIRE(p.answer_until(end, {.status = 200}).size() >= 2);
  CHECK(p.registry.find_at("a", at(p.now))->health == Health::kPassing);
  CHECK(p.prober.stats().rises == 1);
  CHECK(p.prober.stats().falls == falls);
}

TEST_CASE("prober: a probe that is out when the kind changes is given up and sent anew") {
  Probed p({.fall = 1});
  p.add("s", "a");
  const auto before = p.first();
  REQUIRE(before.size() == 1);
  p.prober.configure_at(ProberConfig::make({.kind = seawall::ProbeKind::kTcp, .fall = 1}).value(), at(p.now));
  CHECK(p.prober.stats().in_flight == 0);
  const auto after = p.due();
  REQUIRE(after.size() == 1);
  CHECK(after[0].kind == seawall::ProbeKind::kTcp);
  p.prober.finish_at(before[0].id, {.status = 500}, at(p.now));  // of HTTP: a failure
  CHECK(p.prober.stats().late == 1);
  p.prober.finish_at(after[0].id, {.status = 1}, at(p.now));
  CHECK(p.registry.find_at("a", at(p.now))->health == Health::kPassing);
}

TEST_CASE("prober: of whom nobody is asked any more nothing is known, until somebody is again") {
  Probed p({.fall = 1});
  p.add("s", "a");
  p.add("s", "b");
  p.first();
  p.answer_until(p.now + 10s, {.status = 500});
  REQUIRE(p.registry.find_at("a", at(p.now))->health == Health::kFailing);
  const auto off = ProberConfig::make({.interval = 0s});
  REQUIRE(off);
  p.prober.configure_at(off.value(), at(p.now));
  for (const char* id : {"a", "b"}) CHECK(p.registry.find_at(id, at(p.now))->health == Health::kUnknown);
  CHECK(p.prober.stats().targets == 0);
  p.now += 1h;
  CHECK(p.due().empty());

  p.prober.configure_at(ProberConfig::make({}).value(), at(p.now));
  CHECK(p.first().size() == 2);
}

TEST_CASE("a service that somebody else doubts is asked soon, and never more often than on an edge") {
  Probed p({.interval = 60s, .edge_interval = 1s, .jitter_percent = 0});
  p.add("s", "a");
  p.add("s", "b");
  p.add("t", "c");
  p.answer_until(10s, {.status = 200});
  CHECK(p.due().empty());
  CHECK(p.prober.hurry_at("s", at(p.now)) == 2);
  CHECK(p.prober.hurry_at("nobody", at(p.now)) == 0);
  // Each call to the next comes within a quarter of the edge interval, of those of the service alone.
  const auto asked = p.answer_until(p.now + 500ms, {.status = 200});
  CHECK(asked.size() == 2);
  CHECK(asked.back() <= 10s + 250ms);
  CHECK(p.prober.stats().hurried == 2);
  // A fleet that goes on shouting: one round in each edge interval and its spread at most.
  std::size_t rounds = 0;
  const Duration end = p.now + 20s;
  while (p.now < end) {
    p.prober.hurry_at("s", at(p.now));
    rounds += p.answer_until(p.now + 50ms, {.status = 200}).size();
  }
  CHECK(rounds <= 2 * 21);
  CHECK(rounds >= 2 * 15);
  // What is out already, or was due earlier, stays as it is.
  CHECK(p.prober.hurry_at("s", at(p.now)) <= 2);
  p.now += 2s;
  CHECK(p.due().size() == 2);
  CHECK(p.prober.hurry_at("s", at(p.now)) == 0);
}
