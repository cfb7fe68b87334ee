// SPDX-License-Identifier: MIT
// What the registry promises, verb by verb; time is written out.
#include "seawall/runtime/service_registry.h"

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::AdminState;
using seawall::Code;
using seawall::Duration;
using seawall::Health;
using seawall::InstanceSpec;
using seawall::RegistryAnswer;
using seawall::SelfState;
using seawall::ServiceRegistry;
using seawall::ServiceRegistryConfig;
using seawall::ServiceRegistryOptions;
using seawall::TimePoint;

namespace {

constexpr TimePoint at(Duration t) { return TimePoint(t); }

InstanceSpec spec(std::string id, std::int32_t port = 8001) {
  return {.id = std::move(id), .host = "127.0.0.1", .port = port};
}

ServiceRegistryConfig config(const ServiceRegistryOptions& options) {
  return ServiceRegistryConfig::make(options).value();
}

// Who gets the next pick; "" for nobody that may, which is all that panic finds. The pick is given back at once.
std::string picked(const seawall::Service& service, TimePoint now) {
  seawall::PickText text;
  const auto pick = service.pick_at(now, text);
  if (!pick) return "";
  service.done(pick->ticket);
  return (pick->flags & seawall::kPickPanic) != 0 ? "" : std::string(text.id.view());
}

std::string state(const ServiceRegistry& registry, std::string_view id, TimePoint now) {
  const auto info = registry.find_at(id, now);
  return info ? std::string(info->status.state()) : "unknown";
}

}  // namespace

TEST_CASE("a registered instance is picked with its whole address") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("trading").value();
  CHECK_FALSE(service.pick_at(at(0s)));
  std::string host(200, 'h');
  host.append(".example");
  const auto mine = registry.register_instance_at("trading", {.id = "trading-1", .host = host, .port = 65535}, at(0s));
  REQUIRE(mine.ok());
  CHECK(mine.value().heartbeat_interval >= 800ms);
  CHECK(mine.value().heartbeat_interval <= 1200ms);
  CHECK(mine.value().lease == 3s);
  seawall::PickText text;
  const auto pick = service.pick_at(at(0s), text);
  REQUIRE(pick);
  CHECK(text.id.view() == "trading-1");
  CHECK(text.host.view() == host);
  CHECK(pick->port == 65535);
  CHECK(pick->generation == mine.value().generation);
  CHECK(pick->slot == mine.value().slot);
}

TEST_CASE("a lease ends exactly one lease after the last heartbeat") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  const auto mine = registry.register_instance_at("s", spec("a"), at(0s)).value();
  registry.tick_at(at(1s));
  CHECK(registry.heartbeat_at("a", mine.generation, at(1s)) == RegistryAnswer::kOk);
  registry.tick_at(at(2s));
  registry.tick_at(at(3s));
  CHECK(picked(service, at(4s - 1ns)) == "a");
  CHECK(picked(service, at(4s)).empty());  // before any tick has noticed
  CHECK(state(registry, "a", at(3s - 1ns)) == "healthy");
  CHECK(state(registry, "a", at(4s - 1ns)) == "suspect");
  CHECK(state(registry, "a", at(4s)) == "expired");
  CHECK(registry.tick_at(at(4s - 1ns)) == 0);
  CHECK(registry.tick_at(at(4s)) == 1);
  CHECK(picked(service, at(0s)).empty());  // an old `now` brings nothing back after the tick
}

TEST_CASE("an expired instance is listed for its retention and comes back by a heartbeat until it is removed") {
  ServiceRegistry registry(config({.expired_retention = 5s}), at(0s));
  const auto service = registry.service("s").value();
  const auto mine = registry.register_instance_at("s", spec("a"), at(0s)).value();
  for (auto t = 1s; t <= 7s; ++t) registry.tick_at(at(t));
  CHECK(state(registry, "a", at(7s)) == "expired");
  CHECK(registry.heartbeat_at("a", mine.generation, at(7s)) == RegistryAnswer::kOk);
  CHECK(picked(service, at(7s)) == "a");
  for (auto t = 8s; t < 15s; ++t) registry.tick_at(at(t));
  CHECK(state(registry, "a", at(14s)) == "expired");
  registry.tick_at(at(15s));
  CHECK(state(registry, "a", at(15s)) == "unknown");
  CHECK(registry.heartbeat_at("a", mine.generation, at(15s)) == RegistryAnswer::kUnknown);
  CHECK(state(registry, "a", at(15s)) == "unknown");  // and the heartbeat did not make half a record of it
  CHECK(registry.stats().instances == 0);
}

TEST_CASE("a host that was paused ends nobody's lease on waking") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  const auto a = registry.register_instance_at("s", spec("a"), at(0s)).value();
  registry.tick_at(at(1s));
  CHECK(picked(service, at(3600s)) == "a");  // before the first tick after an hour of sleep
  CHECK(registry.tick_at(at(3600s)) == 0);
  CHECK(registry.stats().late_ticks == 1);
  CHECK(picked(service, at(3600s)) == "a");
  // It had 2 s left at the last tick, of which 1 s is believed to have passed: 1 s is left.
  CHECK(picked(service, at(3601s - 1ns)) == "a");
  CHECK(picked(service, at(3601s)).empty());
  CHECK(registry.heartbeat_at("a", a.generation, at(3601s)) == RegistryAnswer::kOk);
  CHECK(registry.find_at("a", at(3601s))->lease_left == 3s);
}

TEST_CASE("a heartbeat that came after the pause gets no more than a whole lease from the late tick") {
  ServiceRegistry registry({}, at(0s));
  const auto a = registry.register_instance_at("s", spec("a"), at(0s)).value();
  registry.heartbeat_at("a", a.generation, at(100s));
  registry.tick_at(at(100s + 1ms));
  CHECK(registry.find_at("a", at(100s + 1ms))->lease_left == 3s);
}

TEST_CASE("registering the same id again replaces the process and fences the old one") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  const auto old = registry.register_instance_at("s", spec("a", 1), at(0s)).value();
  const auto now = registry.register_instance_at("s", spec("a", 2), at(0s)).value();
  CHECK(now.generation > old.generation);
  CHECK(now.slot == old.slot);
  CHECK(service.size() == 1);
  CHECK(service.pick_at(at(0s))->port == 2);
  CHECK(registry.heartbeat_at("a", old.generation, at(1s)) == RegistryAnswer::kFenced);
  CHECK(registry.drain_at("a", old.generation, at(1s)) == RegistryAnswer::kFenced);
  CHECK(registry.deregister_at("a", old.generation, at(1s)) == RegistryAnswer::kFenced);
  CHECK(registry.find_at("a", at(1s))->lease_left == 2s);  // the fenced heartbeat renewed nothing
  CHECK(registry.heartbeat_at("a", now.generation + 1, at(1s)) == RegistryAnswer::kUnknown);
  CHECK(registry.heartbeat_at("a", 0, at(1s)) == RegistryAnswer::kUnknown);
  CHECK(registry.deregister_at("a", now.generation, at(1s)) == RegistryAnswer::kOk);
  CHECK(registry.deregister_at("a", ServiceRegistry::kAnyGeneration, at(1s)) == RegistryAnswer::kUnknown);
  CHECK_FALSE(service.pick_at(at(1s)));
  CHECK(registry.register_instance_at("s", spec("a"), at(1s)).value().generation > now.generation);
}

TEST_CASE("a heartbeat takes back neither draining nor failing nor disabled") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  const auto a = registry.register_instance_at("s", spec("a"), at(0s)).value();
  const auto beat = [&](SelfState s) { return registry.heartbeat_at("a", a.generation, at(0s), s); };

  registry.drain_at("a", a.generation, at(0s));
  CHECK(beat(SelfState::kServing) == RegistryAnswer::kOk);
  CHECK(state(registry, "a", at(0s)) == "draining");
  CHECK_FALSE(service.pick_at(at(0s)));
  registry.set_admin_at("a", 0, AdminState::kDisabled, at(0s));
  beat(SelfState::kServing);
  CHECK(state(registry, "a", at(0s)) == "disabled");
  registry.set_admin_at("a", 0, AdminState::kEnabled, at(0s));
  CHECK(picked(service, at(0s)) == "a");
  registry.set_health_at("a", a.generation, Health::kFailing, at(0s));
  beat(SelfState::kServing);
  CHECK(state(registry, "a", at(0s)) == "unhealthy");
  CHECK(picked(service, at(0s)).empty());
  registry.set_health_at("a", a.generation, Health::kPassing, at(0s));
  CHECK(picked(service, at(0s)) == "a");
}

TEST_CASE("an instance's own word moves forward only") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  auto starting = spec("a");
  starting.state = SelfState::kStarting;
  const auto a = registry.register_instance_at("s", starting, at(0s)).value();
  CHECK(state(registry, "a", at(0s)) == "starting");
  CHECK_FALSE(service.pick_at(at(0s)));
  registry.heartbeat_at("a", a.generation, at(0s));
  CHECK(state(registry, "a", at(0s)) == "starting");
  registry.heartbeat_at("a", a.generation, at(0s), SelfState::kServing);
  CHECK(picked(service, at(0s)) == "a");
  registry.heartbeat_at("a", a.generation, at(0s), SelfState::kDraining);
  registry.heartbeat_at("a", a.generation, at(0s), SelfState::kServing);  // overtaken on its way
  CHECK(state(registry, "a", at(0s)) == "draining");
}

TEST_CASE("a new generation starts fresh, but disabled stays disabled") {
  ServiceRegistry registry({}, at(0s));
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  registry.drain_at("a", 0, at(0s));
  registry.set_health_at("a", 0, Health::kFailing, at(0s));
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  CHECK(state(registry, "a", at(0s)) == "healthy");
  registry.set_admin_at("a", 0, AdminState::kDisabled, at(0s));
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  CHECK(state(registry, "a", at(0s)) == "disabled");
}

TEST_CASE("calls in flight survive draining and are counted for one generation") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  const auto in_flight = [&] { return registry.find_at("a", at(0s))->in_flight; };
  const auto first = service.pick_at(at(0s)).value();
  const auto second = service.pick_at(at(0s)).value();
  CHECK(in_flight() == 2);
  registry.drain_at("a", 0, at(0s));
  CHECK(in_flight() == 2);
  service.done(first.ticket, seawall::Outcome::kFailure);
  CHECK(in_flight() == 1);
  CHECK(registry.find_at("a", at(0s))->failures == 1);
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  CHECK(in_flight() == 0);
  CHECK(registry.find_at("a", at(0s))->failures == 0);
  registry.done(second.ticket, seawall::Outcome::kFailure);  // of the old process: says nothing about the new one
  CHECK(in_flight() == 0);
  CHECK(registry.find_at("a", at(0s))->failures == 0);
  registry.done(~0ull);  // no such ticket
}

TEST_CASE("the texts of a pick are those of its own process, or none") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  const auto pick = service.pick_at(at(0s)).value();
  seawall::PickText text;
  service.done(pick.ticket);
  REQUIRE(service.describe(pick, text));
  CHECK(text.id.view() == "a");
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  CHECK_FALSE(service.describe(pick, text));
  registry.deregister_at("a", 0, at(0s));
  registry.register_instance_at("s", spec("b"), at(0s)).value();  // in the record of the first
  CHECK_FALSE(service.describe(pick, text));
  CHECK_FALSE(service.describe({}, text));
  seawall::Pick forged = pick;
  forged.ticket = ~0ull;
  CHECK_FALSE(service.describe(forged, text));
}

TEST_CASE("a first pick does not go to the same instance everywhere") {
  constexpr std::size_t kInstances = 16;
  constexpr int kClients = 1000;
  std::map<std::uint32_t, int> count;
  for (int client = 0; client < kClients; ++client) {
    ServiceRegistry registry(config({.max_services = 1, .max_instances = 16}), at(Duration(client)));
    for (std::size_t i = 0; i < kInstances; ++i) {
      registry.register_instance_at("s", spec(std::string(1, static_cast<char>('a' + i))), at(0s)).value();
    }
    ++count[registry.service("s").value().pick_at(at(0s))->slot];
  }
  double chi_square = 0;
  for (std::uint32_t slot = 0; slot < kInstances; ++slot) {
    const double expected = double{kClients} / kInstances;
    chi_square += (count[slot] - expected) * (count[slot] - expected) / expected;
  }
  CHECK(chi_square < 37.7);  // 15 degrees of freedom: 1 in 1000
}

TEST_CASE("a pick that ends on another thread is over") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  for (int i = 0; i < 20; ++i) {
    const auto pick = service.pick_at(at(0s)).value();
    std::thread([&] { service.done(pick.ticket); }).join();
  }
  CHECK(registry.find_at("a", at(0s))->in_flight == 0);
}

TEST_CASE("equal weights take turns") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  for (const auto* id : {"a", "b", "c"}) registry.register_instance_at("s", spec(id), at(0s)).value();
  std::map<std::string, int> count;
  std::string before;
  for (int i = 0; i < 300; ++i) {
    const std::string id = picked(service, at(0s));
    CHECK(id != before);
    before = id;
    ++count[id];
  }
  CHECK(count == std::map<std::string, int>{{"a", 100}, {"b", 100}, {"c", 100}});
}

TEST_CASE("two services asked in turn do not disturb each other's round") {
  ServiceRegistry registry({}, at(0s));
  const auto s = registry.service("s").value();
  const auto t = registry.service("t").value();
  for (const auto* id : {"s1", "s2"}) registry.register_instance_at("s", spec(id), at(0s)).value();
  for (const auto* id : {"t1", "t2"}) registry.register_instance_at("t", spec(id), at(0s)).value();
  std::map<std::string, int> count;
  for (int i = 0; i < 100; ++i) {
    ++count[picked(s, at(0s))];
    ++count[picked(t, at(0s))];
  }
  CHECK(count == std::map<std::string, int>{{"s1", 50}, {"s2", 50}, {"t1", 50}, {"t2", 50}});
}

TEST_CASE("weights share picks in proportion, and weight 0 gets none") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  const std::map<std::string, int> weights{{"one", 1}, {"three", 3}, {"six", 6}, {"zero", 0}};
  for (const auto& [id, weight] : weights) {
    auto given = spec(id);
    given.weight = weight;
    registry.register_instance_at("s", given, at(0s)).value();
  }
  std::map<std::string, int> count;
  for (int i = 0; i < 10000; ++i) ++count[picked(service, at(0s))];
  CHECK(count.count("zero") == 0);
  CHECK(std::abs(count["one"] - 1000) <= 2);
  CHECK(std::abs(count["three"] - 3000) <= 2);
  CHECK(std::abs(count["six"] - 6000) <= 2);
  CHECK(registry.find_at("zero", at(0s))->status.healthy());
  for (const auto* id : {"one", "three", "six"}) registry.deregister_at(id, 0, at(0s));
  CHECK_FALSE(service.pick_at(at(0s)));  // all weights 0: nobody, not everybody
}

TEST_CASE("excluded slots are passed over, the light ones found without waiting for their turn") {
  ServiceRegistry registry({}, at(0s));
  const auto service = registry.service("s").value();
  auto heavy = spec("heavy");
  heavy.weight = 1000;
  const std::uint32_t slots[] = {registry.register_instance_at("s", heavy, at(0s)).value().slot,
                                 registry.register_instance_at("s", spec("light"), at(0s)).value().slot};
  for (int i = 0; i < 10; ++i) CHECK(service.pick_at(at(0s), {slots, 1})->slot == slots[1]);
  CHECK_FALSE(service.pick_at(at(0s), slots));
  seawall::PickText text;
  CHECK(registry.pick_at("s", at(0s), text, {slots, 1})->slot == slots[1]);
  CHECK(text.id.view() == "light");
  CHECK_FALSE(registry.pick_at("nobody", at(0s)));
}

TEST_CASE("at each bound the registry says which one it is and adds nothing") {
  ServiceRegistry registry(
      config({.max_services = 2, .max_instances = 3, .max_instances_per_service = 2, .max_metadata_bytes = 4}), at(0s));
  const auto add = [&](std::string_view service, std::string id) {
    const auto r = registry.register_instance_at(service, spec(std::move(id)), at(0s));
    return r ? std::string("ok") : std::string(r.error().message.view());
  };
  CHECK(add("s", "s1") == "ok");
  CHECK(add("s", "s2") == "ok");
  CHECK(add("s", "s3") == "the registry is full: max_instances_per_service is 2");
  CHECK(add("t", "t1") == "ok");
  CHECK(add("t", "t2") == "the registry is full: max_instances is 3");
  CHECK(add("s", "s1") == "ok");  // known ids are replaced at the bound too
  registry.deregister_at("s2", 0, at(0s));
  CHECK(add("u", "u1") == "the registry is full: max_services is 2");
  CHECK(registry.service("u").error().code == Code::kFull);
  auto big = spec("t2");
  big.metadata = {{"abc", "de"}};
  CHECK(registry.register_instance_at("t", big, at(0s)).error().code == Code::kFull);
  CHECK(registry.stats().instances == 2);
  CHECK(registry.stats().refused_full == 4);
  registry.deregister_at("t1", 0, at(0s));  // the last of t, which has no handle: its place is free again
  CHECK(add("u", "u1") == "ok");
}

TEST_CASE("the instance that expired first makes room") {
  ServiceRegistry registry(config({.max_instances = 2}), at(0s));
  registry.register_instance_at("s", spec("a"), at(0s)).value();
  registry.register_instance_at("t", spec("b"), at(1s)).value();
  for (auto t = 1s; t <= 4s; ++t) registry.tick_at(at(t));
  // The one evicted is the last of the very service that is registered to.
  CHECK(registry.register_instance_at("s", spec("c"), at(4s)));
  CHECK(state(registry, "a", at(4s)) == "unknown");
  CHECK(state(registry, "b", at(4s)) == "expired");
  CHECK(registry.pick_at("s", at(4s))->slot == registry.find_at("c", at(4s))->slot);
  CHECK(registry.stats().evicted_expired == 1);
}

TEST_CASE("a registration names the field that is wrong") {
  ServiceRegistry registry({}, at(0s));
  const auto error = [&](std::string_view service, const InstanceSpec& s) {
    const auto r = registry.register_instance_at(service, s, at(0s));
    return r ? std::string("ok") : std::string(r.error().message.view());
  };
  CHECK(error("", spec("a")) == "service must not be empty");
  CHECK(error("s", spec("")) == "id must not be empty");
  CHECK(error("s", spec(std::string(64, 'a'))) == "length of id must be from 1 to 63, not 64");
  CHECK(error("s", spec("a b")) == "id may hold letters, digits and -._~:@ only");
  CHECK(error("s", spec("a", 0)) == "port must be from 1 to 65535, not 0");
  CHECK(error("s", {.id = "a", .host = "h\r\nX: y", .port = 1}) == "host may hold letters, digits and -._:%[] only");
  CHECK(error("s", {.id = "a", .host = "h", .port = 1, .weight = 1001}) == "weight must be from 0 to 1000, not 1001");
  CHECK(error("s", {.id = "a", .host = "h", .port = 1, .metadata = {{"k", "\xff"}}}) == "metadata must be UTF-8");
  CHECK(error("s", {.id = "a", .host = "h", .port = 1, .metadata = {{"k", ""}, {"k", ""}}}) ==
        "metadata name k stands twice");
  CHECK(registry.stats().services == 0);
}

TEST_CASE("a registration that is refused evicts nobody") {
  ServiceRegistry registry(config({.max_services = 1, .max_instances = 1}), at(0s));
  REQUIRE(registry.register_instance_at("old", spec("a"), at(0s)));
  for (int s = 1; s <= 3; ++s) registry.tick_at(at(std::chrono::seconds(s)));
  SECTION("the service stays, because somebody has its handle") {
    REQUIRE(registry.service("old"));
    const auto refused = registry.register_instance_at("new", spec("b"), at(3s));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.view() == "the registry is full: max_services is 1");
    CHECK(registry.find_at("a", at(3s)).has_value());
    CHECK(registry.stats().evicted_expired == 0);
  }
  SECTION("the service goes with its last instance") {
    CHECK(registry.register_instance_at("new", spec("b"), at(3s)));
    CHECK_FALSE(registry.find_at("a", at(3s)).has_value());
    CHECK(registry.stats().evicted_expired == 1);
  }
}

// Comparing every name with every other took minutes, in which the registry stood still for its caller.
TEST_CASE("metadata of very many names is checked in reasonable time") {
  ServiceRegistry registry(config({.max_metadata_bytes = 1 << 20}), at(0s));
  InstanceSpec many{.id = "a", .host = "h", .port = 1};
  for (int i = 100'000; i < 270'000; ++i) many.metadata.emplace_back(std::to_string(i), "");
  CHECK(registry.register_instance_at("s", many, at(0s)));
  many.metadata.emplace_back("100000", "");
  CHECK_FALSE(registry.register_instance_at("s", many, at(0s)));
}

TEST_CASE("options are checked by name") {
  const auto error = [](const ServiceRegistryOptions& o) {
    return std::string(ServiceRegistryConfig::make(o).error().message.view());
  };
  CHECK(error({.heartbeat_interval = 3s}).starts_with("heartbeat_interval in ns"));
  CHECK(error({.tick_tolerance = 2s + 1ns}).starts_with("tick_tolerance in ns"));
  CHECK(error({.max_instances = 65535}).starts_with("max_instances"));
  CHECK(error({.first_generation = 0}).starts_with("first_generation"));
}

TEST_CASE("the listing is JSON in the shape of the gateway's contract") {
  ServiceRegistry registry({}, at(0s));
  (void)registry.service("empty");
  auto given = spec("b-1", 8002);
  given.metadata = {{"version", "1\"\n"}};
  given.zone = "z1";
  registry.register_instance_at("b", given, at(0s)).value();
  registry.register_instance_at("b", spec("b-0", 8003), at(0s)).value();
  registry.drain_at("b-1", 0, at(0s));
  CHECK(registry.to_json_at(at(1s)) ==
        R"({"b":{"host":"127.0.0.1","port":8003,"healthy":true,"protected":false,"instances":[)"
        R"({"id":"b-1","host":"127.0.0.1","port":8002,"healthy":false,"state":"draining","weight":1,"zone":"z1",)"
        R"("in_flight":0,"failures":0,"generation":1,"slot":0,"lease_left_ms":2000,)"
        R"("metadata":{"version":"1\"\u000a"}},)"
        R"({"id":"b-0","host":"127.0.0.1","port":8003,"healthy":true,"state":"healthy","weight":1,"zone":"",)"
        R"("in_flight":0,"failures":0,"generation":2,"slot":1,"lease_left_ms":2000,"metadata":{}}]},)"
        R"("empty":{"host":null,"port":null,"healthy":false,"protected":false,"instances":[]}})");
}

TEST_CASE("heartbeats do not move the version, changes do") {
  ServiceRegistry registry({}, at(0s));
  const auto a = registry.register_instance_at("s", spec("a"), at(0s)).value();
  const auto before = registry.version();
  registry.heartbeat_at("a", a.generation, at(1s));
  registry.tick_at(at(1s));
  CHECK(registry.version() == before);
  registry.drain_at("a", 0, at(1s));
  CHECK(registry.version() > before);
}

TEST_CASE("a name with nothing before or behind a slash is no name of anybody, and a state that there is not is none") {
  ServiceRegistry registry({}, at(0s));
  const auto i = registry.register_instance_at("s", spec("i"), at(0s)).value();
  for (const char* name : {"/i", "", "/", "s/", "s//i", "//i"}) {
    INFO(name);
    CHECK(registry.heartbeat_at(name, i.generation, at(0s)) == RegistryAnswer::kInvalid);
    CHECK(registry.deregister_at(name, 0, at(0s)) == RegistryAnswer::kInvalid);
    CHECK(registry.drained_at(name, 0, at(0s)).answer == RegistryAnswer::kInvalid);
    CHECK_FALSE(registry.find_at(name, at(0s)));
    const auto updated = registry.update_at(name, 0, {.weight = 2}, at(0s));
    REQUIRE_FALSE(updated);
    CHECK(updated.error().message.view() == std::string("name \"").append(name).append("\" has an empty part"));
  }
  CHECK(registry.set_admin_at("i", 0, static_cast<seawall::AdminState>(3), at(0s)) == RegistryAnswer::kInvalid);
  CHECK(registry.set_admin_at("i", 0, static_cast<seawall::AdminState>(-1), at(0s)) == RegistryAnswer::kInvalid);
  CHECK(registry.set_health_at("i", 0, static_cast<seawall::Health>(4), at(0s)) == RegistryAnswer::kInvalid);
  CHECK(registry.heartbeat_at("i", i.generation, at(0s), static_cast<seawall::SelfState>(9)) ==
        RegistryAnswer::kInvalid);
  CHECK(registry.find_at("i", at(0s))->status.healthy());
}
