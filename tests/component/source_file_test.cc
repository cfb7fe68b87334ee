// SPDX-License-Identifier: MIT
// Services from JSON text: what is read, what is refused and with which words, and what stays after a mistake.
#include <string>
#include <utility>
#include <vector>

#include "seawall/runtime/service_file.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Duration;
using seawall::FileSource;
using seawall::ServiceRegistry;
using seawall::SourceFollower;
using seawall::SourceStatus;
using seawall::TimePoint;

namespace {

constexpr TimePoint at(Duration t) { return TimePoint(t); }

std::string refused(const std::string& json) {
  FileSource file;
  const auto loaded = file.load(json);
  if (loaded) return "taken";
  CHECK(loaded.error().code == seawall::Code::kInvalidArgument);
  CHECK(file.poll_at(at(0s)).empty());
  return std::string(loaded.error().message.view());
}

}  // namespace

TEST_CASE("services, instances and all their fields are read") {
  FileSource file;
  REQUIRE(file.load(R"({"trading": [{"host": "10.0.0.1", "port": 8001},
      {"id": "t-2", "host": "h", "port": 2, "weight": 0, "zone": "b", "state": "draining", "metadata": {"v": "3"}}],
      "user": []})",
                    5s));
  const auto answers = file.poll_at(at(0s));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].service == "trading");
  CHECK(answers[0].status == SourceStatus::kList);
  CHECK(answers[0].age == 5s);
  REQUIRE(answers[0].instances.size() == 2);
  CHECK(answers[0].instances[0] ==
        seawall::InstanceSpec{.id = "trading@10.0.0.1:8001", .host = "10.0.0.1", .port = 8001});
  CHECK(answers[0].instances[1] == seawall::InstanceSpec{.id = "t-2",
                                                         .host = "h",
                                                         .port = 2,
                                                         .weight = 0,
                                                         .zone = "b",
                                                         .metadata = {{"v", "3"}},
                                                         .state = seawall::SelfState::kDraining});
  CHECK(answers[1].status == SourceStatus::kEmpty);
  CHECK(file.poll_at(at(1s)).empty());  // nothing new
}

TEST_CASE("mistakes are refused with path and value") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"[]", "the text: expected an object of services, not an array"},
      {"7", "the text: expected an object of services, not 7"},
      {"", "no valid JSON at byte 1"},
      {R"({"a": [{"host": "h", "port": 1e400}]})", "a[0].port: expected an integer, not 1e400"},
      {R"({"a": [{"host": "h", "port": 1, "zone": 1e400}]})", "a[0].zone: expected a string, not 1e400"},
      {R"({"a": [{"host": "h", "port": 1}]} x)", "no valid JSON at byte 35"},
      {R"({"a": 7})", "a: expected an array of instances, not 7"},
      {R"({"a": {}})", "a: expected an array of instances, not an object"},
      {R"({"a b": []})", R"(service may hold letters, digits and -._~:@ only, not "a b")"},
      {R"({"a": [], "a": []})", R"(service "a" stands twice)"},
      {R"({"a": [5]})", "a[0]: expected an object, not 5"},
      {R"({"a": [{"host": "h", "port": 1}, []]})", "a[1]: expected an object, not an array"},
      {R"({"a": [{"host": "h", "port": "x"}]})", R"(a[0].port: expected an integer, not "x")"},
      {R"({"a": [{"host": "h", "port": 1}, {"host": "h", "port": 1.5}]})", "a[1].port: expected an integer, not 1.5"},
      {R"({"a": [{"host": "h", "port": -1}]})", "a[0].port: expected an integer, not -1"},
      {R"({"a": [{"host": "h", "port": 0}]})", "a[0]: port must be from 1 to 65535, not 0"},
      {R"({"a": [{"host": "h", "port": 65536}]})", "a[0]: port must be from 1 to 65535, not 65536"},
      {R"({"a": [{"host": "h", "port": 99999999999}]})", "a[0].port: expected an integer, not 99999999999"},
      {R"({"a": [{"port": 1, "id": "x"}]})", R"(a[0]: host must not be empty, not "")"},
      {R"({"a": [{"host": "h h", "port": 1, "id": "x"}]})",
       R"(a[0]: host may hold letters, digits and -._:%[] only, not "h h")"},
      {R"({"a": [{"host": "h", "port": 1, "weight": 1001}]})", "a[0]: weight must be from 0 to 1000, not 1001"},
      {R"({"a": [{"host": "h", "port": 1, "state": "up"}]})",
       R"(a[0].state: expected "starting", "serving" or "draining", not "up")"},
      {R"({"a": [{"host": "h", "port": 1, "prot": 2}]})", "a[0].prot: unknown key"},
      {R"({"a": [{"host": "h", "port": 1, "metadata": {"v": 3}}]})", "a[0].metadata.v: expected a string, not 3"},
      {R"({"a": [{"host": "h", "port": 1, "metadata": 3}]})", "a[0].metadata: expected an object, not 3"},
      {R"({"a": [{"host": {}, "port": 1}]})", "a[0].host: expected a string, not an object"},
      {R"({"a": [{"host": null, "port": 1}]})", "a[0].host: expected a string, not null"},
      {R"({"a": [{"host": true, "port": 1}]})", "a[0].host: expected a string, not true"},
      {R"({"a": [{"host": ["h"], "port": 1}]})", "a[0].host: expected a string, not an array"},
  };
  for (const auto& [json, why] : table) {
    CAPTURE(json);
    CHECK(refused(json) == why);
  }
}

TEST_CASE("after a mistake the last good list stays, stale, and a good text heals it") {
  ServiceRegistry registry({}, at(0s));
  FileSource file;
  SourceFollower follower(registry);
  follower.add(file, {.name = "services.json"});
  REQUIRE(file.load(R"({"a": [{"id": "x", "host": "h", "port": 1}]})"));
  follower.tick_at(at(0s));
  REQUIRE_FALSE(file.load(R"({"a": [{"id": "x", "host": "h", "port": 0}]})"));
  follower.tick_at(at(1s));
  CHECK(registry.find_at("x", at(1s))->port == 1);
  CHECK(follower.sources_at(at(1s)).at(0).stale);
  CHECK(follower.sources_at(at(1s)).at(0).reason == "a[0]: port must be from 1 to 65535, not 0");
  REQUIRE(file.load(R"({"a": [{"id": "x", "host": "h", "port": 2}]})"));
  follower.tick_at(at(2s));
  CHECK(registry.find_at("x", at(2s))->port == 2);
  CHECK_FALSE(follower.sources_at(at(2s)).at(0).stale);
  file.fail("No such file or directory");
  follower.tick_at(at(3s));
  CHECK(registry.find_at("x", at(3s)));
  CHECK(follower.sources_at(at(3s)).at(0).reason == "No such file or directory");
}

TEST_CASE("a service that is in the text no more is empty, and ends at the ceiling") {
  ServiceRegistry registry({}, at(0s));
  FileSource file;
  SourceFollower follower(registry);
  follower.add(file, {.name = "services.json"});
  REQUIRE(file.load(R"({"a": [{"id": "x", "host": "h", "port": 1}], "b": [{"id": "y", "host": "h", "port": 2}]})"));
  follower.tick_at(at(0s));
  REQUIRE(file.load(R"({"b": [{"id": "y", "host": "h", "port": 2}]})"));
  for (auto t = 0s; t < 600s; t += 1s) follower.tick_at(at(t));
  CHECK(registry.find_at("x", at(599s)));
  follower.tick_at(at(600s));
  CHECK_FALSE(registry.find_at("x", at(600s)));
  CHECK(registry.find_at("y", at(600s)));
}

TEST_CASE("what one registry holds comes back from text in another") {
  ServiceRegistry before({}, at(0s));
  REQUIRE(before.register_instance_at(
      "a", {.id = "x", .host = "[::1]", .port = 1, .weight = 3, .zone = "z", .metadata = {{"k\"", "v\n"}, {"l", ""}}},
      at(0s)));
  REQUIRE(before.register_instance_at("b", {.id = "y", .host = "h", .port = 2}, at(0s)));
  REQUIRE(before.register_instance_at("c", {.id = "off", .host = "h", .port = 3}, at(0s)));
  before.set_admin_at("off", ServiceRegistry::kAnyGeneration, seawall::AdminState::kDisabled, at(0s));
  const std::string text = seawall::services_text(before.services_at(at(0s)));
  FileSource disk;
  REQUIRE(disk.load(text, 30s));
  ServiceRegistry after({}, at(0s));
  SourceFollower follower(after);
  follower.add(disk, {.name = "disk", .priority = seawall::SourcePriority::kDisk, .fallback = true});
  follower.tick_at(at(0s));
  CHECK(seawall::services_text(after.services_at(at(0s))) == text);
  CHECK(after.find_at("x", at(0s))->metadata == before.find_at("x", at(0s))->metadata);
  CHECK_FALSE(after.find_at("off", at(0s)));
}
