// SPDX-License-Identifier: MIT
// Many registrations at once cost what they write, once.
#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "seawall/runtime/service_file.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"
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

TEST_CASE("batch: all of a full registry give way to as many in few lists") {
  auto registry = registry_of(6'400);
  (void)registry.register_instances_at(fleet("s", 6'400), at(0s));
  for (int second = 0; second < 5; ++second) registry.tick_at(at(std::chrono::seconds(second)));
  const auto before = registry.stats();
  const auto registered = registry.register_instances_at(fleet("t", 6'400), at(5s));
  CHECK(std::ranges::all_of(registered, [](const auto& one) { return bool(one); }));
  const auto after = registry.stats();
  CHECK(after.evicted_expired == 6'400);
  CHECK(after.instances == 6'400);
  CHECK(after.lists - before.lists < 150);  // of both services, once for each 64th of the registry
  CHECK(registry.service("t").value().size() == 6'400);
}

// Against a search through the listing. Instances expire, come back, go and are replaced; each service and the registry
// as a whole is often full.
TEST_CASE("at a bound the one that expired first makes room, whoever came back or went meanwhile") {
  const auto bounds =
      ServiceRegistryConfig::make({.max_expired_percent = 100, .max_instances = 24, .max_instances_per_service = 10});
  ServiceRegistry registry(bounds.value(), at(0s));
  std::minstd_rand random(7);  // NOLINT: each run is the same
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  seawall::Duration now{0};
  std::int64_t evicted = 0, refused = 0;
  for (int step = 0; step < 4'000; ++step) {
    now += std::chrono::milliseconds(below(60));
    if (below(4) == 0) registry.tick_at(at(now));
    std::vector<seawall::InstanceInfo> all;
    for (auto& service : registry.services_at(at(now))) std::ranges::move(service.instances, std::back_inserter(all));
    if (!all.empty() && below(3) != 0) {
      const auto& one = all[below(static_cast<std::uint32_t>(all.size()))];
      const std::string name = seawall::instance_name(one.service, one.id);
      const std::uint32_t verb = below(12);
      if (verb == 0) REQUIRE(registry.deregister_at(name, 0, at(now)) == seawall::RegistryAnswer::kOk);
      if (verb == 1) REQUIRE(registry.register_instance_at(one.service, {one.id, "h", 1}, at(now)));
      if (verb > 8) (void)registry.heartbeat_at(name, one.generation, at(now));
      continue;
    }
    registry.tick_at(at(now));  // so that the listing shows as expired whom the registry knows to be
    const std::string service(1, static_cast<char>('r' + below(3)));
    std::optional<seawall::InstanceInfo> first;
    std::size_t of_service = 0, left = 0;
    all.clear();
    for (auto& listed : registry.services_at(at(now))) std::ranges::move(listed.instances, std::back_inserter(all));
    for (const auto& one : all) of_service += one.service == service ? 1 : 0;
    const bool full = of_service == 10 || all.size() == 24;
    for (const auto& one : all) {
      if ((one.status.reasons & seawall::kReasonLeaseExpired) == 0) continue;
      if (of_service == 10 && one.service != service) continue;
      const auto rank = [](const auto& info) { return std::tuple(-info.unchanged, info.slot); };
      if (!first || rank(one) < rank(*first)) first = one;
    }
    const auto added = registry.register_instance_at(
        service, {.id = std::string("n").append(std::to_string(step)), .host = "h", .port = 1}, at(now));
    REQUIRE(bool(added) == (!full || first));
    for (const auto& listed : registry.services_at(at(now))) {
      left += static_cast<std::size_t>(std::ranges::count_if(all, [&](const auto& one) {
        return one.service == listed.name && registry.find_at(seawall::instance_name(one.service, one.id), at(now));
      }));
    }
    REQUIRE(left == all.size() - (full && first ? 1 : 0));
    if (full && first) REQUIRE_FALSE(registry.find_at(seawall::instance_name(first->service, first->id), at(now)));
    evicted += full && first ? 1 : 0;
    refused += added ? 0 : 1;
  }
  CHECK(registry.stats().evicted_expired == evicted);
  CHECK(evicted > 100);
  CHECK(refused > 20);
}

TEST_CASE("an id that all services share is each one's own, and by itself the one of its generation") {
  ServiceRegistry registry(ServiceRegistryConfig::make({.max_services = 200}).value(), at(0s));
  std::vector<NewInstance> all;
  for (int i = 0; i < 200; ++i) {
    const std::string service = (i % 2 == 0 ? "s" : "space/s") + std::to_string(i / 2);
    all.push_back({service, {.id = "0", .host = "h", .port = 1 + i}});
  }
  const auto mine = registry.register_instances_at(all, at(0s));
  const auto beat = [&](const std::string& name, int i) {
    return registry.heartbeat_at(name, mine[static_cast<std::size_t>(i)].value().generation, at(0s));
  };
  using seawall::RegistryAnswer;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(registry.find_at(mine[static_cast<std::size_t>(i)].value().name, at(0s))->port == 1 + i);
    REQUIRE(beat(mine[static_cast<std::size_t>(i)].value().name, i) == RegistryAnswer::kOk);
    REQUIRE(beat("0", i) == (i % 2 == 0 ? RegistryAnswer::kOk : RegistryAnswer::kAmbiguous));
  }
  CHECK_FALSE(registry.find_at("0", at(0s)));
  for (int i = 0; i < 198; ++i) {
    REQUIRE(registry.deregister_at(mine[static_cast<std::size_t>(i)].value().name, 0, at(0s)) == RegistryAnswer::kOk);
  }
  CHECK(registry.find_at("0", at(0s))->port == 199);
  CHECK(beat("0", 199) == RegistryAnswer::kUnknown);  // of a namespace: greater than the generation of the only one
  CHECK(registry.deregister_at("0", 0, at(0s)) == RegistryAnswer::kOk);
  CHECK(beat("0", 199) == RegistryAnswer::kUnknown);
  CHECK(beat("space/s99/0", 199) == RegistryAnswer::kOk);
  CHECK(beat("s99/0", 199) == RegistryAnswer::kUnknown);
}

TEST_CASE("batch: who registers says whom it may replace") {
  auto registry = registry_of(4);
  const auto put = [&](seawall::Claim claim, seawall::Duration when) {
    const std::vector<NewInstance> one{{"s", {.id = "a", .host = "h", .port = 1}, claim}};
    const auto answer = registry.register_instances_at(one, at(when)).at(0);
    return answer ? Code{} : answer.error().code;
  };
  CHECK(put(seawall::Claim::kNobody, 0s) == Code{});
  CHECK(put(seawall::Claim::kNobody, 0s) == Code::kAlreadyExists);
  CHECK(put(seawall::Claim::kExpired, 0s) == Code::kAlreadyExists);
  CHECK(put(seawall::Claim::kAnybody, 0s) == Code{});
  for (int second = 1; second < 5; ++second) registry.tick_at(at(std::chrono::seconds(second)));
  CHECK(put(seawall::Claim::kNobody, 5s) == Code::kAlreadyExists);
  CHECK(put(seawall::Claim::kExpired, 5s) == Code{});
  CHECK(registry.find_at("s/a", at(5s))->generation == 3);
}

TEST_CASE("batch: what becomes of ten thousand instances is one list, whatever it is") {
  auto registry = registry_of(10'000);
  const auto mine = registry.register_instances_at(fleet("s", 10'000), at(0s));
  std::vector<seawall::InstanceChange> changes;
  for (const auto& one : mine) changes.push_back({.name = one.value().name, .generation = one.value().generation});
  const auto all = [&](auto&& set) {
    for (auto& change : changes) set(change);
    const auto before = registry.stats();
    for (const auto& answer : registry.change_instances_at(changes, at(1s))) {
      REQUIRE(answer.value() == seawall::RegistryAnswer::kOk);
    }
    return registry.stats().lists - before.lists;
  };
  CHECK(all([](auto& change) { change.update = seawall::InstanceUpdate{.weight = 7}; }) == 1);
  CHECK(registry.find_at("s/i9999", at(1s))->weight == 7);
  CHECK(all([](auto& change) { change.heartbeat = seawall::SelfState::kDraining; }) == 1);
  CHECK(registry.find_at("s/i9999", at(1s))->self == seawall::SelfState::kDraining);
  CHECK(all([](auto& change) { change.health = seawall::Health::kFailing; }) == 1);
  CHECK(registry.find_at("s/i0", at(1s))->health == seawall::Health::kFailing);
  CHECK(all([](auto& change) { change.deregister = true; }) == 1);
  CHECK(registry.stats().instances == 0);
  REQUIRE(registry.register_instances_at(fleet("t", 10'000), at(1s)).back());  // all places are free again
}

TEST_CASE("batch: changes are refused one by one, and the first refusal of an instance is its last verb") {
  auto registry = registry_of(4);
  (void)registry.register_instance_at("s", {.id = "a", .host = "h", .port = 1}, at(0s));
  const auto mine = registry.register_instance_at("s", {.id = "a", .host = "h", .port = 1}, at(0s)).value();
  using Change = seawall::InstanceChange;
  const std::vector<Change> changes{
      {.name = mine.name,
       .generation = mine.generation,
       .update = seawall::InstanceUpdate{.weight = 1001},
       .deregister = true},
      {.name = mine.name, .generation = mine.generation - 1, .health = seawall::Health::kFailing, .deregister = true},
      {.name = mine.name, .generation = 0, .heartbeat = seawall::SelfState::kServing, .deregister = true},
      {.name = mine.name, .generation = mine.generation, .heartbeat = static_cast<seawall::SelfState>(9)},
      {.name = mine.name, .generation = mine.generation, .health = static_cast<seawall::Health>(9), .deregister = true},
      {.name = "s//a", .generation = mine.generation, .deregister = true},
      {.name = "s/a", .generation = mine.generation},
  };
  const auto answers = registry.change_instances_at(changes, at(0s));
  REQUIRE(answers.size() == changes.size());
  CHECK(std::string(answers[0].error().message.view()).find("weight") != std::string::npos);
  CHECK(answers[1].value() == seawall::RegistryAnswer::kFenced);
  CHECK(answers[2].value() == seawall::RegistryAnswer::kUnknown);
  CHECK(answers[3].value() == seawall::RegistryAnswer::kInvalid);
  CHECK(answers[4].value() == seawall::RegistryAnswer::kInvalid);
  CHECK(answers[5].value() == seawall::RegistryAnswer::kInvalid);
  CHECK(answers[6].value() == seawall::RegistryAnswer::kOk);
  CHECK(registry.stats().instances == 1);
  CHECK(registry.find_at("s/a", at(0s))->health == seawall::Health::kUnknown);
}

TEST_CASE("batch: each endpoint is the last one's that registered it, wherever it was before") {
  auto registry = ServiceRegistry(
      ServiceRegistryConfig::make({.one_per_endpoint = true, .max_expired_percent = 100}).value(), at(0s));
  const auto put = [&](const char* service, const char* id, std::int32_t port) {
    return registry.register_instance_at(service, {.id = id, .host = "h", .port = port}, at(0s)).value();
  };
  const auto fenced = [&](const seawall::Registration& who) {
    return registry.heartbeat_at(who.name, who.generation, at(0s)) == seawall::RegistryAnswer::kFenced;
  };
  const auto a = put("s", "a", 1);
  const auto elsewhere = put("t", "a", 1);  // of another service: its own endpoint
  const auto b = put("s", "b", 1);
  CHECK(fenced(a));
  CHECK_FALSE(fenced(elsewhere));
  const auto moved = put("s", "b", 2);  // b leaves 1, and nobody has it
  const auto again = put("s", "a", 1);  // a, fenced before, has it again
  CHECK_FALSE(fenced(moved));
  CHECK_FALSE(fenced(again));
  CHECK(fenced(b));
  const auto c = put("s", "c", 1);
  CHECK(fenced(again));
  const auto d = put("s", "d", 2);
  CHECK(fenced(moved));
  REQUIRE(registry.deregister_at(d.name, d.generation, at(0s)) == seawall::RegistryAnswer::kOk);
  const auto e = put("s", "e", 2);
  CHECK_FALSE(fenced(c));
  CHECK_FALSE(fenced(e));
  CHECK(registry.stats().endpoints_taken == 3);
}

TEST_CASE("batch: ten thousand instances of a file are followed in as many writes") {
  auto registry = registry_of(10'000);
  seawall::SourceFollower follower(registry);
  seawall::FileSource file;
  follower.add(file, {.name = "file"});
  const auto follow = [&](int count, int weight, int second) {
    std::string text = R"({"s": [)";
    for (int i = 0; i < count; ++i) {
      text.append(i == 0 ? "" : ",").append(R"({"host": "h", "port": )").append(std::to_string(i + 1));
      text.append(R"(, "weight": )").append(std::to_string(weight)).append("}");
    }
    REQUIRE(file.load(text + "]}"));
    const auto before = registry.stats().listed;
    follower.tick_at(at(std::chrono::seconds(second)));
    registry.tick_at(at(std::chrono::seconds(second)));
    return registry.stats().listed - before;
  };
  CHECK(follow(10'000, 1, 0) == 10'000);
  CHECK(follow(10'000, 2, 1) == 10'000);
  CHECK(follow(6'000, 2, 2) == 0);
  CHECK(follow(6'000, 2, 12) == 6'000);  // after the grace
  CHECK(registry.stats().instances == 6'000);
  CHECK(follower.stats().adds == 10'000);
  CHECK(follower.stats().updates == 10'000);
  CHECK(follower.stats().removals == 4'000);
}
