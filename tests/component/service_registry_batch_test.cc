// SPDX-License-Identifier: MIT
// Many registrations at once cost what they write, once.
#include <chrono>
#include <string>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Code;
using seawall::NewInstance;
using seawall::ServiceRegistry;
using seawall::ServiceRegistryConfig;

namespace {

constexpr seawall::TimePoint at(seawall::Duration t) { return seawall::TimePoint(t); }

ServiceRegistry registry_of(std::int32_t most) {
  const auto config = ServiceRegistryConfig::make(
      {.max_expired_percent = 100, .max_instances = most, .max_instances_per_service = most, .max_hashed_services = 0});
  return ServiceRegistry(config.value(), at(0s));
}

std::vector<NewInstance> fleet(const std::string& service, int count) {
  std::vector<NewInstance> all;
  for (int i = 0; i < count; ++i) {
    all.push_back({service, {.id = std::string("i").append(std::to_string(i)), .host = "h", .port = 1 + i % 60000}});
  }
  return all;
}

}  // namespace

TEST_CASE("batch: ten thousand instances are one list, and so is their end") {
  auto registry = registry_of(10'000);
  const auto registered = registry.register_instances_at(fleet("s", 10'000), at(0s));
  REQUIRE(registered.size() == 10'000);
  for (const auto& one : registered) REQUIRE(one);
  CHECK(registry.service("s").value().size() == 10'000);
  CHECK(registry.stats().lists == 1);
  CHECK(registry.stats().listed == 10'000);

  registry.tick_at(at(1s));
  for (int second = 2; second < 60; ++second) registry.tick_at(at(std::chrono::seconds(second)));
  CHECK(registry.stats().removals == 10'000);
  CHECK(registry.stats().lists < 10);
  CHECK(registry.stats().listed < 50'000);
}

TEST_CASE("batch: registering all of a full registry anew writes few lists") {
  auto registry = registry_of(1'000);
  (void)registry.register_instances_at(fleet("s", 500), at(0s));
  const auto again = registry.register_instances_at(fleet("s", 500), at(0s));
  for (std::size_t i = 0; i < 500; ++i) REQUIRE(again[i].value().generation == 501 + i);
  CHECK(registry.stats().lists == 2);
  CHECK(registry.stats().instances == 500);
  // With one place to spare each list makes room for one more.
  (void)registry.register_instances_at(fleet("t", 500), at(0s));
  CHECK(registry.stats().instances == 1'000);
  (void)registry.register_instances_at(fleet("t", 500), at(0s));
  CHECK(registry.stats().instances == 1'000);
  CHECK(registry.service("t").value().size() == 500);
  CHECK(registry.find_at("t/i499", at(0s))->generation == 2'000);
}

TEST_CASE("batch: each is refused or registered for itself, in several services") {
  auto registry = registry_of(4);
  std::vector<NewInstance> mixed = fleet("a", 2);
  mixed.push_back({"a", {.id = "x", .host = "h", .port = 0}});
  mixed.push_back({"b", {.id = "y", .host = "h", .port = 2}});
  mixed.push_back({"bad name", {.id = "y", .host = "h", .port = 2}});
  mixed.push_back({"b", {.id = "y", .host = "new", .port = 3}});  // the same again: the later one stands
  mixed.push_back({"a", {.id = "w", .host = "h", .port = 2}});
  mixed.push_back({"a", {.id = "z", .host = "h", .port = 2}});
  const auto answers = registry.register_instances_at(mixed, at(0s));
  REQUIRE(answers.size() == mixed.size());
  CHECK(answers[2].error().code == Code::kInvalidArgument);
  CHECK(std::string(answers[2].error().message.view()).find("port") != std::string::npos);
  CHECK(answers[4].error().code == Code::kInvalidArgument);
  CHECK(answers[5].value().generation > answers[3].value().generation);
  CHECK(answers[7].error().code == Code::kFull);
  CHECK(registry.find_at("b/y", at(0s))->host == "new");
  CHECK(registry.service("a").value().size() == 3);
  CHECK(registry.heartbeat_at("b/y", answers[3].value().generation, at(0s)) == seawall::RegistryAnswer::kFenced);
  seawall::PickText text;
  REQUIRE(registry.pick_at("b", at(0s), text));
  CHECK(text.host.view() == "new");
}

TEST_CASE("batch: a single registration can be picked when it returns") {
  auto registry = registry_of(4);
  REQUIRE(registry.register_instance_at("s", {.id = "a", .host = "h", .port = 1}, at(0s)));
  CHECK(registry.pick_at("s", at(0s)));
  CHECK(registry.stats().lists == 1);
}
