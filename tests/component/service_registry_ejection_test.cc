// SPDX-License-Identifier: MIT
// Who fails is ejected, but never too many; who is too few panics: for one, two and three instances, in order.
#include <array>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/service_fleet.h"

using namespace std::chrono_literals;
using seawall::Balancer;
using seawall::Outcome;
using seawall::PanicMode;
using seawall::testing::Fleet;
using seawall::testing::named;

namespace {

constexpr Balancer kAll[] = {Balancer::kRoundRobin, Balancer::kRandom, Balancer::kLeastLoaded,
                             Balancer::kPeakEwma,   Balancer::kMaglev, Balancer::kRingHash};

}  // namespace

TEST_CASE("three failures in a row eject, and a probe that succeeds brings back") {
  for (const Balancer balancer : kAll) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer, .ejection_jitter_percent = 0});
    fleet.add_many(4);
    fleet.fail("i1", 2);
    CHECK(fleet.state("i1") == "healthy");
    fleet.fail("i1", 1);
    CHECK(fleet.state("i1") == "ejected");
    CHECK(fleet.registry.find_at("i1", fleet.now())->status.reasons == seawall::kReasonEjected);
    CHECK(fleet.registry.stats().ejections == 1);
    CHECK(fleet.calls(400).count("i1") == 0);
    fleet.now_ns += seawall::Duration(30s).count() - 1'000'000;
    CHECK(fleet.calls(400).count("i1") == 0);
    fleet.now_ns += 1'000'000;
    // One call, and only one, is a probe; the others pass it over until it is back.
    int probes = 0;
    seawall::Pick probe;
    for (int i = 0; i < 400; ++i) {
      const auto pick = fleet.service.pick_at(fleet.now()).value();
      if ((pick.flags & seawall::kPickProbe) != 0) {
        ++probes;
        probe = pick;
      } else {
        fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now());
      }
    }
    CHECK(probes == 1);
    CHECK(fleet.state("i1") == "ejected");
    CHECK(fleet.service.done_at(probe.ticket, Outcome::kSuccess, fleet.now()) == seawall::ReportResult::kRecorded);
    CHECK(fleet.state("i1") == "healthy");
    fleet.now_ns += seawall::Duration(5min).count();  // the average of the failures has faded, too
    CHECK(fleet.calls(800).count("i1") == 1);
  }
}

TEST_CASE("a probe that fails ejects for longer, and time in service makes up for it") {
  Fleet fleet({.ejection_duration = 10s, .ejection_decay = 60s, .ejection_jitter_percent = 0});
  fleet.add_many(4);
  fleet.fail("i0", 3);
  fleet.pass(10s);
  fleet.fail("i0", 1);
  CHECK(fleet.registry.stats().ejections == 1);  // it was never back
  fleet.pass(19s);
  CHECK(fleet.calls(100).count("i0") == 0);
  fleet.pass(1s);
  CHECK(fleet.calls(100).count("i0") == 1);
  fleet.pass(130s);  // two ejections are made up for
  fleet.fail("i0", 3);
  fleet.pass(10s);
  CHECK(fleet.calls(100).count("i0") == 1);
}

TEST_CASE("a success between failures starts the count again, and what is ignored does not") {
  Fleet fleet;
  fleet.add_many(2);
  fleet.fail("i0", 2);
  fleet.calls(4);
  fleet.fail("i0", 2);
  CHECK(fleet.state("i0") == "healthy");
  for (int i = 0; i < 4; ++i) fleet.call(Outcome::kIgnored);
  fleet.fail("i0", 1);
  CHECK(fleet.state("i0") == "ejected");
}

TEST_CASE("late failures do not eject whoever came after") {
  Fleet fleet;
  fleet.add_many(2);
  std::vector<seawall::Pick> old;
  for (int i = 0; i < 8; ++i) old.push_back(fleet.service.pick_at(fleet.now()).value());
  fleet.add("i0");
  fleet.add("i1");
  for (const auto& pick : old) fleet.service.done_at(pick.ticket, Outcome::kFailure, fleet.now());
  CHECK(fleet.state("i0") == "healthy");
  CHECK(fleet.state("i1") == "healthy");
}

TEST_CASE("the share is asked after the ejection that would be: 1, 2 and 3 instances") {
  const auto ejected_of = [](int n, const seawall::ServiceOptions& options) {
    Fleet fleet(options);
    fleet.add_many(n);
    for (int i = 0; i < n; ++i) fleet.fail(named("i", i), 3);
    int count = 0;
    for (int i = 0; i < n; ++i) count += fleet.state(named("i", i)) == "ejected";
    CHECK(fleet.registry.stats().ejections == count);
    CHECK((count == n || options.ejection_failures == 0 || fleet.registry.stats().ejections_refused > 0));
    return count;
  };
  CHECK(ejected_of(1, {}) == 0);
  CHECK(ejected_of(2, {}) == 1);
  CHECK(ejected_of(3, {}) == 1);
  CHECK(ejected_of(4, {}) == 2);
  CHECK(ejected_of(3, {.max_ejected_percent = 67}) == 2);                         // two are 66.7 %, three would be all
  CHECK(ejected_of(3, {.panic_threshold = 0, .max_ejected_percent = 100}) == 2);  // one is left, always
  CHECK(ejected_of(3, {.panic_threshold = 0, .max_ejected_percent = 100, .least_left = 2}) == 1);
  CHECK(ejected_of(3, {.panic_threshold = 0, .max_ejected_percent = 100, .least_left = 0}) == 3);
  CHECK(ejected_of(1, {.panic_threshold = 0, .max_ejected_percent = 100, .least_left = 0}) == 1);
  CHECK(ejected_of(3, {.ejection_failures = 0}) == 0);
}

TEST_CASE("an ejected instance that leaves gives its place in the share back") {
  Fleet fleet;
  fleet.add_many(4);
  fleet.fail("i0", 3);
  fleet.fail("i1", 3);
  fleet.fail("i2", 3);
  CHECK(fleet.state("i2") == "healthy");
  fleet.registry.deregister_at("i0", 0, fleet.now());
  fleet.add("i1");  // a new process, which is not ejected
  CHECK(fleet.state("i1") == "healthy");
  fleet.fail("i2", 3);
  CHECK(fleet.state("i2") == "ejected");
  fleet.fail("i3", 3);
  CHECK(fleet.state("i3") == "healthy");  // two of three would be too many
}

TEST_CASE("an operator brings an ejected instance back, and its place in the share is free") {
  Fleet fleet({.ejection_jitter_percent = 0});
  fleet.add_many(3);
  fleet.fail("i0", 3);
  const auto listed = fleet.registry.find_at("i0", fleet.now()).value();
  CHECK(listed.breaker == seawall::BreakerState::kOpen);
  CHECK(listed.ejected_for == 30s);
  CHECK(fleet.registry.restore_at("i0", listed.generation + 1, fleet.now()) == seawall::RegistryAnswer::kUnknown);
  CHECK(fleet.registry.restore_at("i0", listed.generation, fleet.now()) == seawall::RegistryAnswer::kOk);
  CHECK(fleet.registry.restore_at("i9", 0, fleet.now()) == seawall::RegistryAnswer::kUnknown);
  CHECK(fleet.registry.find_at("i0", fleet.now())->breaker == seawall::BreakerState::kClosed);
  CHECK(fleet.calls(30) == std::map<std::string, int>{{"i0", 10}, {"i1", 10}, {"i2", 10}});
  fleet.fail("i1", 3);
  CHECK(fleet.state("i1") == "ejected");
  CHECK(fleet.registry.restore_at("i2", 0, fleet.now()) ==
        seawall::RegistryAnswer::kOk);  // was not ejected: nothing changes
  fleet.fail("i2", 3);
  CHECK(fleet.state("i2") == "healthy");
}

TEST_CASE("what a probe brings back, and who is brought back by hand, leaves one place in the share") {
  Fleet fleet({.ejection_jitter_percent = 0});
  fleet.add_many(4);
  fleet.fail("i0", 3);
  fleet.fail("i1", 3);
  const auto ejected = [&] { return fleet.registry.explain_at("s", fleet.now())->ejected; };
  CHECK(ejected() == 2);
  CHECK(fleet.registry.restore_at("i0", 0, fleet.now()) == seawall::RegistryAnswer::kOk);
  CHECK(ejected() == 1);
  fleet.pass(31s);
  for (int i = 0; i < 8; ++i) fleet.call();
  CHECK(ejected() == 0);
  fleet.fail("i2", 3);
  fleet.fail("i3", 3);
  CHECK(ejected() == 2);
}

TEST_CASE("failures of calls from before an ejection do not count after it") {
  Fleet fleet({.ejection_jitter_percent = 0});
  fleet.add_many(2);
  const std::array<std::uint32_t, 1> not_i1{1};
  std::vector<std::uint64_t> old;
  for (int i = 0; i < 3; ++i) old.push_back(fleet.service.pick_at(fleet.now(), not_i1)->ticket);
  fleet.fail("i0", 3);
  fleet.pass(30s);
  for (int i = 0; i < 4; ++i) fleet.call();
  CHECK(fleet.state("i0") == "healthy");
  for (const std::uint64_t ticket : old) fleet.service.done_at(ticket, Outcome::kFailure, fleet.now());
  CHECK(fleet.state("i0") == "healthy");
}

TEST_CASE("where nobody is ejected any more, those that were are back") {
  Fleet fleet;
  fleet.add_many(2);
  fleet.fail("i0", 3);
  CHECK(fleet.state("i0") == "ejected");
  REQUIRE(fleet.registry.configure("s", seawall::ServiceConfig::make({.ejection_failures = 0}).value()).ok());
  CHECK(fleet.state("i0") == "healthy");
  CHECK(fleet.registry.explain_at("s", fleet.now())->ejected == 0);
}

TEST_CASE("ejections count for panic: those that are left would drown") {
  Fleet fleet({.panic_threshold = 60});
  fleet.add_many(4);
  fleet.fail("i0", 3);
  CHECK(fleet.flags() == 0);  // 75 %
  fleet.fail("i1", 3);
  CHECK(fleet.flags() == seawall::kPickPanic);
  CHECK(fleet.calls(40) == std::map<std::string, int>{{"i0", 10}, {"i1", 10}, {"i2", 10}, {"i3", 10}});
}

TEST_CASE("a probe that is lost is given up after its lease") {
  Fleet fleet({.ejection_jitter_percent = 0, .probe_lease = 5s});
  fleet.add_many(2);
  fleet.fail("i0", 3);
  fleet.pass(30s);
  const auto lost = fleet.service.pick_at(fleet.now()).value();
  const auto other = fleet.service.pick_at(fleet.now()).value();
  CHECK(((lost.flags | other.flags) & seawall::kPickProbe) != 0);
  CHECK(fleet.calls(20).count("i0") == 0);
  fleet.pass(6s);
  CHECK(fleet.calls(20).count("i0") > 0);
}

TEST_CASE("below the threshold all that are known get picks, and the pick says so") {
  for (const Balancer balancer : kAll) {
    INFO(to_string(balancer));
    for (int n = 1; n <= 3; ++n) {
      Fleet fleet({.balancer = balancer});
      fleet.add_many(n);
      int failing = 0;
      // The order: as long as half are well they alone get picks; then all.
      for (; 2 * (n - failing) >= n; ++failing) {
        const auto count = fleet.calls(200);
        for (int i = 0; i < n; ++i) CHECK((count.count(named("i", i)) == 1) == (i >= failing));
        CHECK(fleet.flags() == 0);
        fleet.registry.set_health_at(named("i", failing), 0, seawall::Health::kFailing, fleet.now());
      }
      CHECK(fleet.calls(400).size() == static_cast<std::size_t>(n));
      CHECK((fleet.flags() & seawall::kPickPanic) != 0);
      CHECK(fleet.registry.stats().panic_picks == 401);
    }
  }
}

TEST_CASE("panic overlooks leases, probes and ejection, and nothing that somebody decided") {
  Fleet fleet;
  for (const auto* id : {"drained", "disabled", "failing", "failing2", "ejected"}) fleet.add(id);
  fleet.add("zero", 0);
  (void)fleet.registry.register_instance_at(
      "s", {.id = "starting", .host = "h", .port = 1, .state = seawall::SelfState::kStarting}, fleet.now());
  fleet.fail("ejected", 3);
  CHECK(fleet.state("ejected") == "ejected");
  fleet.registry.drain_at("drained", 0, fleet.now());
  fleet.registry.set_admin_at("disabled", 0, seawall::AdminState::kDisabled, fleet.now());
  fleet.registry.set_health_at("failing", 0, seawall::Health::kFailing, fleet.now());
  fleet.registry.set_health_at("failing2", 0, seawall::Health::kFailing, fleet.now());
  const auto count = fleet.calls(300);
  CHECK(count.size() == 3);
  for (const auto* id : {"failing", "failing2", "ejected"}) CHECK(count.count(id) == 1);
}

TEST_CASE("leases that all ended are a reason to panic before a tick finds them") {
  seawall::ServiceRegistry registry(seawall::ServiceRegistryConfig::make({.lease = 3s, .tick_tolerance = 2s}).value(),
                                    seawall::time_from_ns(0));
  const auto service = registry.service("s").value();
  registry.register_instance_at("s", {.id = "a", .host = "h", .port = 1}, seawall::time_from_ns(0)).value();
  registry.tick_at(seawall::TimePoint(1500ms));
  CHECK(service.pick_at(seawall::TimePoint(2999ms))->flags == 0);
  CHECK(service.pick_at(seawall::TimePoint(3s))->flags == seawall::kPickPanic);
}

TEST_CASE("panic may be switched off, or fail") {
  for (const seawall::ServiceOptions& options :
       {seawall::ServiceOptions{.panic_threshold = 0}, seawall::ServiceOptions{.panic_mode = PanicMode::kFail}}) {
    Fleet fleet(options);
    fleet.add_many(3);
    for (int i = 0; i < 2; ++i) {
      fleet.registry.set_health_at(named("i", i), 0, seawall::Health::kFailing, fleet.now());
    }
    CHECK((fleet.call() == "i2") == (options.panic_threshold == 0));
    fleet.registry.set_health_at("i2", 0, seawall::Health::kFailing, fleet.now());
    CHECK(fleet.call().empty());
  }
}

TEST_CASE("explain says of each instance what picks do with it, and why") {
  Fleet fleet({.zone = "west", .ejection_duration = 10s, .ejection_jitter_percent = 0});
  for (const auto* id : {"near", "ill", "ill2", "drained", "disabled"}) fleet.add(id, 1, "west");
  for (const auto* id : {"far", "far2", "far3"}) fleet.add(id, 1, "east");
  fleet.add("zero", 0, "east");
  fleet.registry.drain_at("drained", 0, fleet.now());
  fleet.registry.set_admin_at("disabled", 0, seawall::AdminState::kDisabled, fleet.now());
  for (const auto* id : {"ill", "ill2"}) {
    fleet.registry.set_health_at(id, 0, seawall::Health::kFailing, fleet.now());
  }
  fleet.fail("far3", 3);
  // Each with its reasons; and whoever is said to get calls gets some, and nobody else.
  const auto explained = [&] {
    const auto why = fleet.registry.explain_at("s", fleet.now()).value();
    const auto count = fleet.calls(2'000);
    std::map<std::string, std::string> said;
    const std::string text = why.to_text();
    for (const auto& one : why.instances) {
      CAPTURE(text, one.id);
      const bool now = one.verdict == seawall::PickVerdict::kPicked ||
                       one.verdict == seawall::PickVerdict::kSpillOver || one.verdict == seawall::PickVerdict::kPanic;
      if (one.verdict != seawall::PickVerdict::kProbe) CHECK(now == (count.count(one.id) == 1));
      const std::size_t line = text.find("  " + one.id + ": ") + one.id.size() + 4;
      said[one.id] = text.substr(line, text.find(';', line) - line);
    }
    return said;
  };
  using Said = std::map<std::string, std::string>;
  CHECK(explained() == Said{{"near", "picked"},
                            {"ill", "nobody, failing"},
                            {"ill2", "nobody, failing"},
                            {"drained", "nobody, draining"},
                            {"disabled", "nobody, disabled"},
                            {"far", "spill_over"},
                            {"far2", "spill_over"},
                            {"far3", "nobody, ejected for 10.0 s"},
                            {"zero", "nobody, zero_weight"}});
  fleet.pass(10s);
  CHECK(explained()["far3"] == "probe, ejected");
  fleet.registry.set_health_at("near", 0, seawall::Health::kFailing, fleet.now());
  fleet.registry.set_health_at("far", 0, seawall::Health::kFailing, fleet.now());
  const Said panic = explained();
  for (const auto* id : {"near", "ill", "ill2", "far"}) CHECK(panic.at(id) == "panic, failing");
  CHECK(panic.at("far2") == "panic");
  CHECK(panic.at("drained") == "nobody, draining");
  CHECK(panic.at("zero") == "nobody, zero_weight");
}
