// SPDX-License-Identifier: MIT
// A ticket counts exactly once, whoever ends it: its owner, the end of its instance, or the reaper.
#include <array>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"
#include "support/service_fleet.h"

using namespace std::chrono_literals;
using seawall::Outcome;
using seawall::ReportResult;
using seawall::ServiceRegistry;
using seawall::ServiceRegistryConfig;

namespace {

constexpr seawall::TimePoint at(seawall::Duration t) { return seawall::TimePoint(t); }

struct Fixture {
  ServiceRegistry registry;
  seawall::Service service = registry.service("s").value();

  explicit Fixture(const seawall::ServiceRegistryOptions& options = {})
      : registry(ServiceRegistryConfig::make(options).value(), at(0s)) {}
  void add(const std::string& id) {
    REQUIRE(registry.register_instance_at("s", {.id = id, .host = "h", .port = 1}, at(0s)));
  }
  std::int64_t in_flight(const std::string& id) const { return registry.find_at(id, at(0s))->in_flight; }
};

}  // namespace

TEST_CASE("the second done of a ticket changes nothing and is counted") {
  Fixture f;
  f.add("a");
  const auto first = f.service.pick_at(at(0s)).value();
  const auto second = f.service.pick_at(at(0s)).value();
  CHECK(f.service.done_at(first.ticket, Outcome::kFailure, at(0s)) == ReportResult::kRecorded);
  CHECK(f.service.done_at(first.ticket, Outcome::kFailure, at(0s)) == ReportResult::kLate);
  CHECK(f.registry.done(first.ticket, Outcome::kFailure) == ReportResult::kLate);
  CHECK(f.in_flight("a") == 1);
  CHECK(f.registry.find_at("a", at(0s))->failures == 1);
  CHECK(f.registry.stats().tickets_late == 2);
  // Not even when its cell belongs to a later call.
  for (int i = 0; i < 3 * 16384; ++i) f.service.done_at(f.service.pick_at(at(0s))->ticket, Outcome::kSuccess, at(0s));
  std::vector<seawall::Pick> held;
  for (int i = 0; i < 1000; ++i) held.push_back(f.service.pick_at(at(0s)).value());
  CHECK(f.service.done_at(first.ticket, Outcome::kSuccess, at(0s)) == ReportResult::kLate);
  CHECK(f.in_flight("a") == 1001);
  for (const auto& pick : held)
    CHECK(f.service.done_at(pick.ticket, Outcome::kSuccess, at(0s)) == ReportResult::kRecorded);
  CHECK(f.service.done_at(second.ticket, Outcome::kSuccess, at(0s)) == ReportResult::kRecorded);
  CHECK(f.in_flight("a") == 0);
}

TEST_CASE("a done after its instance left changes nothing, not for the one that has its place either") {
  Fixture f;
  f.add("a");
  const auto pick = f.service.pick_at(at(0s)).value();
  CHECK(f.registry.deregister_at("a", 0, at(0s)) == seawall::RegistryAnswer::kOk);
  for (const auto* id : {"b", "c", "d"}) f.add(id);
  CHECK(f.service.done_at(pick.ticket, Outcome::kFailure, at(0s)) == ReportResult::kLate);
  for (const auto* id : {"b", "c", "d"}) {
    CHECK(f.in_flight(id) == 0);
    CHECK(f.registry.find_at(id, at(0s))->failures == 0);
  }
}

TEST_CASE("a ticket that is never given back is reaped after its deadline, and not before") {
  Fixture f({.lease = 3600s, .tick_tolerance = 3500s, .ticket_deadline = 60s});
  f.add("a");
  const auto leaked = f.service.pick_at(at(1s)).value();
  f.registry.tick_at(at(61s));
  CHECK(f.in_flight("a") == 1);
  const auto fresh = f.service.pick_at(at(61s)).value();
  f.registry.tick_at(at(61s + 600ms));  // instants of tickets are kept to 268 ms
  CHECK(f.in_flight("a") == 1);
  CHECK(f.registry.stats().tickets_reaped == 1);
  CHECK(f.service.done_at(leaked.ticket, Outcome::kSuccess, at(62s)) == ReportResult::kLate);
  CHECK(f.service.done_at(fresh.ticket, Outcome::kSuccess, at(62s)) == ReportResult::kRecorded);
  CHECK(f.in_flight("a") == 0);
}

TEST_CASE("a pick from the future of the ticker is not reaped") {
  Fixture f({.ticket_deadline = 1s});
  f.add("a");
  const auto pick = f.service.pick_at(at(2s)).value();
  f.registry.tick_at(at(0s));
  CHECK(f.service.done_at(pick.ticket, Outcome::kSuccess, at(2s)) == ReportResult::kRecorded);
}

TEST_CASE("beyond max_in_flight a pick has no ticket, and is counted") {
  Fixture f({.max_in_flight = 16});
  f.add("a");
  std::vector<seawall::Pick> picks;
  for (int i = 0; i < 17; ++i) picks.push_back(f.service.pick_at(at(0s)).value());
  CHECK(picks[15].ticket != 0);
  CHECK(picks[16].ticket == 0);
  CHECK(f.in_flight("a") == 16);
  CHECK(f.registry.stats().tickets_untracked == 1);
  CHECK(f.service.done_at(0, Outcome::kSuccess, at(0s)) == ReportResult::kNotCounted);
  CHECK(f.registry.stats().tickets_late == 0);
  for (int i = 0; i < 16; ++i) {
    CHECK(f.service.done_at(picks[static_cast<std::size_t>(i)].ticket, Outcome::kSuccess, at(0s)) ==
          ReportResult::kRecorded);
  }
  CHECK(f.in_flight("a") == 0);
}

TEST_CASE("a pick that has no ticket is no load for longer than itself") {
  seawall::testing::Fleet fleet({.balancer = seawall::Balancer::kLeastLoaded}, {.max_in_flight = 16});
  fleet.add("a");
  const std::array<std::uint32_t, 1> b{fleet.add("b")};
  const auto held = [&] {
    std::map<std::uint32_t, std::vector<std::uint64_t>> tickets;
    for (int i = 0; i < 16; ++i) {
      const auto pick = fleet.service.pick_at(fleet.now()).value();
      tickets[pick.slot].push_back(pick.ticket);
    }
    CHECK(tickets[0].size() == 8);
    CHECK(tickets[1].size() == 8);
    return tickets;
  };
  const auto all = held();
  for (int i = 0; i < 10; ++i) CHECK(fleet.service.pick_at(fleet.now(), b).value().ticket == 0);
  for (const auto& [slot, tickets] : all) {
    for (const std::uint64_t ticket : tickets) fleet.service.done_at(ticket, Outcome::kSuccess, fleet.now());
  }
  held();
}

TEST_CASE("the bounds of tickets are named") {
  const auto error = [](const seawall::ServiceRegistryOptions& options) {
    return std::string(ServiceRegistryConfig::make(options).error().message.view());
  };
  CHECK(error({.max_in_flight = 0}).starts_with("max_in_flight must be from 1 to 1048576"));
  CHECK(error({.ticket_deadline = 999ms}).starts_with("ticket_deadline in ns"));
  CHECK(error({.ticket_deadline = 3601s}).starts_with("ticket_deadline in ns"));
}
