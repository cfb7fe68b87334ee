// SPDX-License-Identifier: MIT
// Picks by name, and what a handle keeps.
#include "seawall/service_reader.h"

#include <string>
#include <utility>

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
