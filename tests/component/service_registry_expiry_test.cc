// SPDX-License-Identifier: MIT
// Many leases that end at once, and drains that wait for calls.
#include <chrono>
#include <map>
#include <string>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::AdminState;
using seawall::Duration;
using seawall::InstanceSpec;
using seawall::RegistryAnswer;
using seawall::ServiceRegistry;
using seawall::ServiceRegistryConfig;
using seawall::TimePoint;

namespace {

constexpr TimePoint at(Duration t) { return TimePoint(t); }
InstanceSpec spec(std::string id) { return {.id = std::move(id), .host = "127.0.0.1", .port = 8001}; }
std::string numbered(int i) { return std::to_string(i).insert(0, 1, 'i'); }

std::string state(const ServiceRegistry& registry, std::string_view id, TimePoint now) {
  const auto info = registry.find_at(id, now);
  return info ? std::string(info->status.state()) : "unknown";
}

}  // namespace

TEST_CASE("stopping all heartbeats removes nobody before the ceiling") {
  constexpr int kInstances = 20;
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  for (int i = 0; i < kInstances; ++i) registry.register_instance_at("s", spec(numbered(i)), at(0s)).value();
  // Between ticks, too: readers look at leases themselves.
  for (Duration t = 0s; t < 303s; t += 250ms) {
    if (t % 1s == 0s) CHECK(registry.tick_at(at(t)) == 0);
    CHECK(service.pick_at(at(t)).has_value());
  }
  CHECK(registry.stats().held == kInstances);
  CHECK(registry.stats().protected_services == 1);
  CHECK(registry.services_at(at(302s)).front().protected_from_expiry());
  CHECK_FALSE(registry.services_at(at(302s)).front().healthy());
  CHECK(registry.tick_at(at(303s)) == kInstances);
  CHECK(registry.stats().expirations_at_ceiling == kInstances);
  CHECK(registry.stats().protected_services == 0);
  CHECK(registry.services_at(at(303s)).front().instances.size() == kInstances);  // listed for the retention
  CHECK(service.pick_at(at(303s))->flags == seawall::kPickPanic);  // nobody is well: better one of them than none
}

TEST_CASE("one dead of twenty is out one lease after its last heartbeat, three are, four are held") {
  const int dead = GENERATE(1, 3, 4);
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  std::map<std::string, std::uint64_t> generations;
  for (int i = 0; i < 20; ++i) {
    const std::string id = numbered(i);
    generations[id] = registry.register_instance_at("s", spec(id), at(0s)).value().generation;
  }
  std::int64_t ended = 0;
  for (auto t = 1s; t <= 60s; ++t) {
    for (int i = dead; i < 20; ++i) {
      const std::string id = numbered(i);
      registry.heartbeat_at(id, generations[id], at(t));
    }
    ended += registry.tick_at(at(t));
    if (t == 2s) CHECK(ended == 0);
    if (t == 3s) CHECK(ended == (dead < 4 ? dead : 0));
  }
  CHECK(ended == (dead < 4 ? dead : 0));
  CHECK(registry.stats().held == (dead < 4 ? 0 : dead));
  CHECK(service.size() == static_cast<std::uint32_t>(20 - dead));  // the held stand behind the others
}

TEST_CASE("a pause of the host does not use up the ceiling") {
  ServiceRegistry registry(ServiceRegistryConfig::make({.expiry_ceiling = 10s}).value(), at(0s));
  for (const auto* id : {"a", "b", "c", "d"}) registry.register_instance_at("s", spec(id), at(0s)).value();
  for (auto t = 1s; t <= 5s; ++t) CHECK(registry.tick_at(at(t)) == 0);
  CHECK(registry.tick_at(at(3600s)) == 0);  // 1 s of it is believed: 3 s of 10 were over
  for (auto t = 3601s; t < 3607s; ++t) CHECK(registry.tick_at(at(t)) == 0);
  CHECK(registry.tick_at(at(3607s)) == 4);
}

TEST_CASE("a drain is over when the last call is, and then the process is to stop") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  const auto a = registry.register_instance_at("s", spec("a"), at(0s)).value();
  const auto call = service.pick_at(at(0s)).value();
  CHECK_FALSE(registry.drained_at("a", a.generation, at(0s)).done);
  CHECK(registry.drain_until_at("a", a.generation, at(60s), at(0s)) == RegistryAnswer::kOk);
  CHECK_FALSE(service.pick_at(at(0s)));
  for (auto t = 1s; t <= 5s; ++t) {
    CHECK(registry.heartbeat_at("a", a.generation, at(t)) == RegistryAnswer::kOk);
    registry.tick_at(at(t));
    const auto status = registry.drained_at("a", a.generation, at(t));
    CHECK_FALSE(status.done);
    CHECK(status.in_flight == 1);
    CHECK(status.left == 60s - t);
  }
  service.done(call.ticket);
  CHECK(registry.drained_at("a", a.generation, at(5s)).done);
  registry.tick_at(at(6s));
  CHECK(registry.stats().drains == 1);
  CHECK(registry.heartbeat_at("a", a.generation, at(6s)) == RegistryAnswer::kFenced);
  CHECK(state(registry, "a", at(6s)) == "expired");
  CHECK(registry.drained_at("a", a.generation, at(6s)).done);
  for (auto t = 7s; t <= 36s; ++t) registry.tick_at(at(t));
  CHECK(state(registry, "a", at(36s)) == "unknown");
  CHECK(registry.drained_at("a", a.generation, at(36s)).answer == RegistryAnswer::kUnknown);
}

TEST_CASE("a drain ends at its deadline, not within the tick it began in, and may be taken back") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  registry.register_instance_at("s", spec("b"), at(0s)).value();
  const auto call = service.pick_at(at(0s)).value();
  const auto other = service.pick_at(at(0s)).value();
  service.done(other.ticket);
  seawall::PickText text;
  REQUIRE(service.describe(call, text));
  const std::string busy(text.id.view()), idle = busy == "a" ? "b" : "a";
  registry.drain_until_at(busy, 0, at(1s), at(0s));
  registry.drain_until_at(idle, 0, at(1s), at(0s));
  registry.tick_at(at(0s));
  CHECK(registry.stats().drains == 0);  // a pick that had chosen may not be counted yet
  registry.set_admin_at(idle, 0, AdminState::kEnabled, at(0s));
  registry.tick_at(at(1s));
  CHECK(registry.stats().drains == 0);
  CHECK(registry.stats().drains_cut == 1);
  CHECK(state(registry, busy, at(1s)) == "expired");
  CHECK(service.pick_at(at(1s), text));
  CHECK(text.id.view() == idle);
}
