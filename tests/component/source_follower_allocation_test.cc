// SPDX-License-Identifier: MIT
//
// A tick that runs out of memory, at any allocation, loses nothing: the next one hears and tells the rest. Not under
// the sanitizers, which keep their own operator new.
#include "support/allocations.h"

#if SEAWALL_COUNTS_ALLOCATIONS

#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"
#include "support/catch.h"

using seawall::Health;
using seawall::InstanceInfo;
using seawall::SourceAnswer;
using seawall::TimePoint;

namespace {

// Says each thing once.
class Teller final : public seawall::ServiceSource {
 public:
  std::vector<SourceAnswer> poll_at(TimePoint) override { return std::exchange(news, {}); }

  std::vector<SourceAnswer> news;
};

// Says all that it knows in each tick.
class Inventory final : public seawall::ServiceSource {
 public:
  std::vector<SourceAnswer> poll_at(TimePoint) override { return {knows}; }

  SourceAnswer knows{.service = "a-service-with-a-name-of-some-length"};
};

void lists(SourceAnswer& answer, const std::string& id, std::int32_t port, std::int32_t weight, Health health) {
  const std::string whole = id + "-whose-id-is-of-some-length";
  answer.instances.push_back({.id = whole,
                              .host = "a-host-with-a-name-of-some-length",
                              .port = port,
                              .weight = weight,
                              .metadata = {{"k", "v"}}});
  answer.health.push_back(health);
}

// A tick with so many allocations. -> whether they were enough.
bool ticks_with(std::size_t allocations, seawall::SourceFollower& follower) {
  allocation::allowed = allocations;
  bool ended = true;
  try {
    follower.tick_at(TimePoint());
  } catch (const std::bad_alloc&) {
    ended = false;
  }
  allocation::allowed = allocation::kAll;
  return ended;
}

// Plays with memory for one allocation more each time, with a follower that lets go at once, until that is enough.
// -> how many are.
template <class Play>  // (registry, follower, allocations) -> whether they were enough
std::size_t with_ever_more_memory(seawall::SourceFollowerOptions options, const Play& play) {
  options.removal_grace = seawall::Duration(0);
  const auto config = seawall::SourceFollowerConfig::make(options).value();
  for (std::size_t allocations = 0;; ++allocations) {
    CAPTURE(allocations);
    seawall::ServiceRegistry registry({}, TimePoint());
    seawall::SourceFollower follower(registry, config);
    if (play(registry, follower, allocations)) return allocations;
  }
}

std::map<char, InstanceInfo> listed(const seawall::ServiceRegistry& registry) {
  std::map<char, InstanceInfo> all;
  for (const auto& service : registry.services_at(TimePoint())) {
    for (const auto& info : service.instances) all.emplace(info.id.front(), info);
  }
  return all;
}

}  // namespace

TEST_CASE("what a tick could not tell for want of memory is told by the next one") {
  const auto enough = with_ever_more_memory({}, [](auto& registry, auto& follower, std::size_t allocations) {
    Inventory inventory;
    follower.add(inventory, {.name = "inventory"});
    for (const char* id : {"changed", "gone", "judged", "moved"}) lists(inventory.knows, id, 1, 1, Health::kPassing);
    follower.tick_at(TimePoint());
    const auto before = listed(registry);
    REQUIRE(before.size() == 4);

    SourceAnswer& now = inventory.knows;
    now.instances.clear();
    now.health.clear();
    lists(now, "changed", 1, 7, Health::kPassing);
    lists(now, "judged", 1, 1, Health::kFailing);
    lists(now, "moved", 2, 1, Health::kPassing);
    lists(now, "new", 1, 1, Health::kPassing);
    const bool ended = ticks_with(allocations, follower);
    follower.tick_at(TimePoint());

    auto after = listed(registry);
    REQUIRE(after.size() == 4);
    CHECK(after.at('c').weight == 7);
    CHECK(after.at('c').generation == before.at('c').generation);
    CHECK(after.at('j').health == Health::kFailing);
    CHECK(after.at('j').generation == before.at('j').generation);
    CHECK(after.at('m').port == 2);
    CHECK(after.at('m').generation > before.at('m').generation);
    CHECK(after.at('n').port == 1);
    CHECK(follower.tick_at(TimePoint()) == 0);
    return ended;
  });
  CHECK(enough > 10);
}

TEST_CASE("who is gone after a tick without memory is spoken of no more") {
  const auto enough = with_ever_more_memory({}, [](auto& registry, auto& follower, std::size_t allocations) {
    Inventory inventory;
    follower.add(inventory, {.name = "inventory"});
    SourceAnswer& now = inventory.knows;
    const std::vector<const char*> ids = {"1", "2", "3", "4"};
    for (const char* id : ids) lists(now, id, 1, 1, Health::kPassing);
    follower.tick_at(TimePoint());
    now.instances.clear();
    now.health.clear();
    for (const char* id : ids) lists(now, id, 1, 7, Health::kFailing);
    const bool ended = ticks_with(allocations, follower);

    now.instances.resize(2);  // half of them, which is believed
    now.health.resize(2);
    follower.tick_at(TimePoint());
    const auto after = listed(registry);
    REQUIRE(after.size() == 2);
    for (const char id : {'1', '2'}) {
      CHECK(after.at(id).weight == 7);
      CHECK(after.at(id).health == Health::kFailing);
    }
    CHECK(follower.stats().removals == 2);
    return ended;
  });
  CHECK(enough > 10);
}

namespace {

SourceAnswer said(const std::string& service, char first, int count) {
  SourceAnswer answer{.service = service + "-with-a-name-of-some-length"};
  for (int i = 0; i < count; ++i) lists(answer, std::string(1, static_cast<char>(first + i)), 1, 1, Health::kPassing);
  return answer;
}

std::string all_listed(const seawall::ServiceRegistry& registry) {
  std::string ids;
  for (const auto& entry : listed(registry)) ids += entry.first;
  return ids;
}

}  // namespace

TEST_CASE("what a source says once is heard, though memory ran out meanwhile") {
  const auto enough = with_ever_more_memory({}, [](auto& registry, auto& follower, std::size_t allocations) {
    Teller teller, other;
    follower.add(teller, {.name = "teller"});
    follower.add(other, {.name = "other"});
    teller.news = {said("first", 'a', 4), said("second", 'k', 2)};
    follower.tick_at(TimePoint());
    REQUIRE(all_listed(registry) == "abcdkl");

    teller.news = {said("first", 'c', 4), said("third", 'x', 2)};
    other.news = {said("second", 'l', 3)};
    const bool ended = ticks_with(allocations, follower);
    follower.tick_at(TimePoint());
    REQUIRE(all_listed(registry) == "cdefklmnxy");
    const auto stats = follower.stats();
    CHECK(stats.instances == 10);
    CHECK((stats.removals == 2 && stats.refused == 0 && stats.yielded == 0));
    CHECK(follower.tick_at(TimePoint()) == 0);
    return ended;
  });
  CHECK(enough > 30);
}

TEST_CASE("a follower's bounds are where they were after it ran out of memory") {
  const auto enough = with_ever_more_memory(
      {.max_instances = 4, .max_services = 2}, [](auto& registry, auto& follower, std::size_t allocations) {
        Teller teller;
        follower.add(teller, {.name = "teller"});
        teller.news = {said("first", 'a', 2), said("second", 'c', 3), said("third", 'k', 2)};  // e, k and l wait
        follower.tick_at(TimePoint());
        REQUIRE(all_listed(registry) == "abcd");

        teller.news = {said("first", 'b', 1), said("second", 'c', 4)};  // another list of each: e comes in, f waits
        const bool ended = ticks_with(allocations, follower);
        follower.tick_at(TimePoint());
        REQUIRE(all_listed(registry) == "bcde");
        CHECK(follower.stats().left_out == 4);
        const auto gone = [](const char* service) {
          return SourceAnswer{.service = said(service, 'a', 0).service, .status = seawall::SourceStatus::kForgotten};
        };
        teller.news = {gone("second")};
        follower.tick_at(TimePoint());
        REQUIRE(all_listed(registry) == "bkl");
        teller.news = {gone("first"), gone("third")};
        follower.tick_at(TimePoint());
        REQUIRE(all_listed(registry).empty());
        teller.news = {said("fifth", '1', 6)};  // as many as may be, and no more
        follower.tick_at(TimePoint());
        REQUIRE(all_listed(registry) == "1234");
        return ended;
      });
  CHECK(enough > 30);
}

TEST_CASE("who leaves, and health, is told of all or of none when memory runs out") {
  seawall::InstanceChange change;
  SECTION("health") { change.health = Health::kFailing; }
  SECTION("who leaves") { change.deregister = true; }
  const auto config = seawall::ServiceRegistryConfig::make({.one_per_endpoint = true}).value();
  seawall::ServiceRegistry registry(config, TimePoint());
  std::vector<seawall::InstanceChange> changes;
  for (int i = 0; i < 100; ++i) {
    const seawall::InstanceSpec spec{.id = std::to_string(i) + "-of-some-length-as-an-id", .host = "h", .port = 1 + i};
    const auto mine = registry.register_instance_at("service" + std::to_string(i % 7), spec, TimePoint()).value();
    changes.push_back(change);
    changes.back().name = mine.name;
    changes.back().generation = mine.generation;
  }
  const auto version = registry.version();
  bool threw = false;
  allocation::allowed = 0;
  try {
    (void)registry.change_instances_at(changes, TimePoint());
  } catch (const std::bad_alloc&) {
    threw = true;
  }
  allocation::allowed = allocation::kAll;
  CHECK(threw);
  CHECK(registry.version() == version);

  allocation::allowed = 1;  // for the answers
  const auto answers = registry.change_instances_at(changes, TimePoint());
  allocation::allowed = allocation::kAll;
  REQUIRE(answers.size() == changes.size());
  for (const auto& answer : answers) REQUIRE((answer && answer.value() == seawall::RegistryAnswer::kOk));
  for (const auto& service : registry.services_at(TimePoint())) {
    for (const auto& info : service.instances) CHECK(info.health == Health::kFailing);
    CHECK((!change.deregister || service.instances.empty()));
  }
}

TEST_CASE("of a batch each instance is answered for, though memory ran out for some") {
  std::size_t enough = 0, halfway = 0;
  for (bool failed = true; failed; ++enough) {
    CAPTURE(enough);
    seawall::ServiceRegistry registry({}, TimePoint());
    std::vector<seawall::NewInstance> all;
    for (seawall::InstanceSpec& spec : said("service", 'a', 4).instances) {
      all.push_back({"a-service-with-a-name-of-some-length", std::move(spec)});
    }
    std::vector<seawall::Result<seawall::Registration>> answers;
    allocation::allowed = enough;
    try {
      answers = registry.register_instances_at(all, TimePoint());
    } catch (const std::bad_alloc&) {  // before the first
    }
    allocation::allowed = allocation::kAll;
    std::string registered;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i]) registered += all[i].spec.id.front();
      if (!answers[i]) CHECK(answers[i].error().code == seawall::Code::kNoMemory);
    }
    REQUIRE(all_listed(registry) == registered);
    failed = registered.size() < all.size();
    halfway += failed && !registered.empty() ? 1 : 0;
  }
  CHECK(halfway > 3);
}

#endif
