// SPDX-License-Identifier: MIT
// Picks by name, and what a handle keeps.
#include "seawall/service_reader.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

namespace {

constexpr seawall::TimePoint kNow = seawall::time_from_ns(0);

seawall::ServiceRegistry with_two_places() {
  return seawall::ServiceRegistry(seawall::ServiceRegistryConfig::make({.max_services = 2}).value(), kNow);
}

void add(seawall::ServiceRegistry& registry, std::string service, std::string id) {
  REQUIRE(registry.register_instance_at(service, {.id = std::move(id), .host = "h", .port = 1}, kNow));
}

std::string by_name(const seawall::ServiceReader& reader, std::string_view service) {
  seawall::PickText text;
  const auto pick = reader.pick_at(service, kNow, text);
  if (!pick) return "nobody";
  CHECK(reader.done(pick->ticket) == seawall::ReportResult::kRecorded);
  CHECK(reader.done(pick->ticket) == seawall::ReportResult::kLate);
  return std::string(text.id.view());
}

std::string name_of(int i) { return std::string("i").append(std::to_string(i)); }

}  // namespace

TEST_CASE("reader: a service is picked by its name as long as it is known") {
  auto registry = with_two_places();
  const seawall::ServiceReader& reader = registry.reader();
  CHECK(by_name(reader, "a") == "nobody");
  add(registry, "a", "a-1");
  add(registry, "b", "b-1");
  CHECK(by_name(reader, "a") == "a-1");
  CHECK(by_name(reader, "b") == "b-1");
  CHECK(by_name(reader, "c") == "nobody");
  CHECK(by_name(reader, "") == "nobody");
  CHECK(by_name(reader, std::string(1000, 'a')) == "nobody");
  registry.deregister_at("a-1", 0, kNow);
  CHECK(by_name(reader, "a") == "nobody");
  add(registry, "c", "c-1");
  CHECK(by_name(reader, "c") == "c-1");
  CHECK(by_name(reader, "a") == "nobody");
}

TEST_CASE("reader: a service of which somebody took a handle keeps its place") {
  auto registry = with_two_places();
  const seawall::ServiceReader& reader = registry.reader();
  CHECK_FALSE(reader.service("a"));
  add(registry, "a", "a-1");
  const auto service = reader.service("a");
  REQUIRE(service);
  registry.deregister_at("a-1", 0, kNow);
  add(registry, "b", "b-1");
  CHECK_FALSE(registry.register_instance_at("c", {.id = "c-1", .host = "h", .port = 1}, kNow));
  CHECK_FALSE(service->pick_at(kNow));
  add(registry, "a", "a-2");
  CHECK(service->pick_at(kNow));
  CHECK(by_name(reader, "a") == "a-2");
}

TEST_CASE("reader: the version grows with each change that a reader can see, and with nothing else") {
  auto registry = with_two_places();
  std::uint64_t before = registry.version();
  const auto grew = [&] { return registry.version() > std::exchange(before, registry.version()); };
  const auto mine = registry.register_instance_at("a", {.id = "a-1", .host = "h", .port = 1}, kNow).value();
  CHECK(grew());
  registry.heartbeat_at("a-1", mine.generation, kNow);
  registry.tick_at(kNow);
  (void)by_name(registry.reader(), "a");
  CHECK_FALSE(grew());
  // Changes of lists, of a service that was there before and still is.
  add(registry, "a", "a-2");
  CHECK(grew());
  registry.set_health_at("a-2", 0, seawall::Health::kFailing, kNow);
  CHECK(grew());
  registry.set_health_at("a-2", 0, seawall::Health::kFailing, kNow);
  CHECK_FALSE(grew());
  CHECK(registry.update_at("a-2", 0, {.weight = 7}, kNow));
  CHECK(grew());
  registry.drain_at("a-1", 0, kNow);
  CHECK(grew());
  registry.deregister_at("a-2", 0, kNow);
  CHECK(grew());
  registry.deregister_at("a-1", 0, kNow);  // and the service
  CHECK(grew());
  CHECK(registry.service("b"));  // of nobody yet
  CHECK(grew());
}

// Its keys go where those of a service go that consists of these instances alone, wherever in the view's list they
// stand: in the own zone, elsewhere, or where only panic looks.
TEST_CASE("view: each of many that it chooses by key is found in its list") {
  const auto bounds = seawall::ServiceRegistryConfig::make(
      {.max_instances = 400, .max_instances_per_service = 400, .max_hashed_services = 3, .hash_table_size = 2003});
  seawall::ServiceRegistry registry(bounds.value(), kNow);
  const auto keyed = seawall::ServiceConfig::make({.balancer = seawall::Balancer::kMaglev, .zone = "west"}).value();
  REQUIRE(registry.configure("s", keyed));
  REQUIRE(registry.configure("alone", keyed));
  std::mt19937 random(3);  // NOLINT: each run is the same
  std::vector<int> order(200);
  order.reserve(400);
  std::iota(order.begin(), order.end(), 0);
  order.insert(order.end(), order.begin(), order.end());  // each again, so that its record is not where it stands
  std::ranges::shuffle(order, random);
  for (const int i : order) {
    const std::string zone = i % 3 == 0 ? "west" : "east";
    const seawall::Metadata metadata{{"mine", i % 2 == 0 ? "yes" : "no"}};
    REQUIRE(registry.register_instance_at(
        "s", {.id = name_of(i), .host = "h", .port = 1, .zone = zone, .metadata = metadata}, kNow));
  }
  for (int i = 0; i < 200; i += 2) {
    REQUIRE(registry.register_instance_at("alone", {.id = name_of(i), .host = "h", .port = 1, .zone = "west"}, kNow));
  }
  const seawall::Service view = registry.view("mine", {.service = "s", .selector = "mine=yes"}).value();
  const seawall::Service alone = registry.service("alone").value();
  const auto gets = [](const seawall::Service& service, std::uint64_t key) {
    seawall::PickText text;
    const auto pick = service.pick_for_at(key, kNow, text).value();
    service.done_at(pick.ticket, seawall::Outcome::kSuccess, kNow);
    return std::string(text.id.view());
  };
  const auto same = [&] {
    for (std::uint64_t key = 0; key < 2'000; ++key) REQUIRE(gets(view, key) == gets(alone, key));
  };
  same();
  const auto fail = [&](int from, int to) {
    for (int i = from; i < to; i += 2) {
      registry.set_health_at(seawall::instance_name("s", name_of(i)), 0, seawall::Health::kFailing, kNow);
      registry.set_health_at(seawall::instance_name("alone", name_of(i)), 0, seawall::Health::kFailing, kNow);
    }
  };
  fail(0, 40);
  same();
  fail(40, 180);  // panic, so that all are found
  same();
}
