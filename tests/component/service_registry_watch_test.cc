// SPDX-License-Identifier: MIT
// Watching by version: what a caller who holds a snapshot is told, and what it means when a registry is another one.
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "seawall/service_snapshot.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::ServiceRegistry;
using seawall::ServiceSnapshot;

namespace {

constexpr seawall::TimePoint at(seawall::Duration t) { return seawall::TimePoint(t); }

void add(ServiceRegistry& registry, const std::string& id, std::int32_t port = 1) {
  REQUIRE(registry.register_instance_at("s", {.id = id, .host = "h", .port = port, .zone = "z"}, at(0s)));
}

std::string ids(const std::vector<seawall::SnapshotInstance>& instances) {
  std::string all;
  for (const auto& instance : instances) all.append(instance.id).append(" ");
  return all;
}

}  // namespace

TEST_CASE("watch: a snapshot is all instances that get traffic, in order of id") {
  ServiceRegistry registry({}, at(0s));
  for (const char* id : {"c", "a", "b"}) add(registry, id);
  registry.drain_at("s/b", 0, at(0s));
  const ServiceSnapshot read = registry.reader().snapshot_at("s", at(7s));
  CHECK(ids(read.instances) == "a c ");
  CHECK(read.age == 7s);
  CHECK(read.epoch != 0);
  CHECK(read.version == registry.reader().version("s"));
  CHECK(read.instances[0].host == "h");
  CHECK(read.instances[0].zone == "z");
  CHECK(read.instances[0].weight == 1);
  CHECK(read.instances[0].slot == 1);
  registry.tick_at(at(1s));
  CHECK(registry.reader().snapshot_at("s", at(1s)).age == 0s);
  CHECK(registry.reader().snapshot_at("s", at(0s)).age == 0s);
}

TEST_CASE("watch: what was added, removed and changed since the snapshot that is held") {
  ServiceRegistry registry({}, at(0s));
  const auto& reader = registry.reader();
  add(registry, "a");
  add(registry, "b");
  add(registry, "c");
  const ServiceSnapshot held = reader.snapshot_at("s", at(0s));
  CHECK_FALSE(reader.changed_since(held, "s", at(0s)));
  registry.deregister_at("s/a", 0, at(0s));
  add(registry, "d");
  CHECK(registry.update_at("s/b", 0, {.weight = 5}, at(0s)));
  add(registry, "c", 2);
  const auto news = reader.changed_since(held, "s", at(0s));
  REQUIRE(news);
  CHECK_FALSE(news->changes.reset);
  CHECK(ids(news->changes.added) == "d ");
  CHECK(ids(news->changes.removed) == "a ");
  CHECK(ids(news->changes.changed) == "b c ");
  CHECK(news->changes.changed[0].weight == 5);
  CHECK(news->changes.changed[1].port == 2);
  CHECK(news->snapshot.version > held.version);
  CHECK_FALSE(reader.changed_since(news->snapshot, "s", at(0s)));
}

TEST_CASE("watch: what gets no traffic any more is removed, and added when it does again") {
  ServiceRegistry registry({}, at(0s));
  const auto& reader = registry.reader();
  add(registry, "a");
  const ServiceSnapshot healthy = reader.snapshot_at("s", at(0s));
  registry.set_health_at("s/a", 0, seawall::Health::kFailing, at(0s));
  const auto failing = reader.changed_since(healthy, "s", at(0s));
  REQUIRE(failing);
  CHECK(ids(failing->changes.removed) == "a ");
  registry.set_health_at("s/a", 0, seawall::Health::kPassing, at(0s));
  const auto back = reader.changed_since(failing->snapshot, "s", at(0s));
  REQUIRE(back);
  CHECK(ids(back->changes.added) == "a ");
  CHECK(ids(back->snapshot.instances) == "a ");
}

TEST_CASE("watch: a version that grew without a change is news of nothing") {
  ServiceRegistry registry({}, at(0s));
  add(registry, "a");
  const ServiceSnapshot held = registry.reader().snapshot_at("s", at(0s));
  CHECK(registry.update_at("s/a", 0, {.metadata = {{{"k", "v"}}}}, at(0s)));
  const auto news = registry.reader().changed_since(held, "s", at(0s));
  REQUIRE(news);
  CHECK(news->changes.empty());
}

TEST_CASE("watch: a service that nobody knows, one that goes, and one that comes back") {
  ServiceRegistry registry({}, at(0s));
  const auto& reader = registry.reader();
  const auto first = reader.changed_since({}, "s", at(0s));
  REQUIRE(first);  // so that the caller learns the epoch
  CHECK(first->snapshot.version == 0);
  CHECK_FALSE(reader.changed_since(first->snapshot, "s", at(0s)));
  add(registry, "a");
  const auto came = reader.changed_since(first->snapshot, "s", at(0s));
  REQUIRE(came);
  CHECK_FALSE(came->changes.reset);
  registry.deregister_at("s/a", 0, at(0s));
  const auto went = reader.changed_since(came->snapshot, "s", at(0s));
  REQUIRE(went);
  CHECK(went->snapshot.version == 0);
  CHECK(ids(went->changes.removed) == "a ");
  // Others take its place before it comes back.
  REQUIRE(registry.register_instance_at("t", {.id = "t", .host = "h", .port = 1}, at(0s)));
  add(registry, "a");
  CHECK(reader.version("s") > came->snapshot.version);
}

TEST_CASE("watch: another registry, or one whose version went back, resets what is held") {
  ServiceRegistry one({}, at(0s));
  ServiceRegistry two({}, at(0s));
  for (ServiceRegistry* registry : {&one, &two}) add(*registry, "a");
  const ServiceSnapshot held = one.reader().snapshot_at("s", at(0s));
  const auto restarted = two.reader().changed_since(held, "s", at(0s));
  REQUIRE(restarted);  // though the versions are the same
  CHECK(restarted->snapshot.version == held.version);
  CHECK(restarted->changes.reset);
  CHECK(ids(restarted->changes.changed) == "a ");
  CHECK(restarted->changes.added.empty());
  ServiceSnapshot later = held;
  later.version += 100;
  const auto back = one.reader().changed_since(later, "s", at(0s));
  REQUIRE(back);
  CHECK(back->changes.reset);
  CHECK(ids(back->changes.changed) == "a ");
}

TEST_CASE("watch: a writer that takes over is no restart") {
  const auto config = seawall::ServiceRegistryConfig::make({.max_instances = 4, .max_metadata_bytes = 0}).value();
  const std::size_t bytes = ServiceRegistry::memory_for(config);
  std::vector<std::byte> memory(bytes + 64);
  void* place = memory.data();
  std::size_t space = memory.size();
  const std::span block(static_cast<std::byte*>(std::align(64, bytes, place, space)), bytes);
  auto first = ServiceRegistry::make_in(block, config, at(0s)).value();
  add(first, "a");
  const ServiceSnapshot held = first.reader().snapshot_at("s", at(0s));
  const auto second = ServiceRegistry::take_over(block, config, ServiceRegistry::TakeOver::kAtOnce, at(0s)).value();
  const auto news = second.reader().changed_since(held, "s", at(0s));
  REQUIRE(news);
  CHECK_FALSE(news->changes.reset);
  CHECK(news->changes.empty());
}

// Who only ever applies changes to what it holds has at last what a snapshot says, and never an instance twice.
TEST_CASE("watch: changes add up while a writer churns") {
  ServiceRegistry registry({}, at(0s));
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> wrong{0};
  std::thread watcher([&] {
    ServiceSnapshot held;
    std::map<std::string, seawall::SnapshotInstance> mine;
    for (bool last = false; !last;) {
      last = stop;
      auto news = registry.reader().changed_since(held, "s", at(0s));
      if (!news) continue;
      for (const auto& gone : news->changes.removed) wrong += mine.erase(gone.id) != 1;
      for (const auto& fresh : news->changes.added) wrong += !mine.emplace(fresh.id, fresh).second;
      for (const auto& other : news->changes.changed) wrong += !mine.insert_or_assign(other.id, other).second ? 0 : 1;
      held = std::move(news->snapshot);
      wrong += held.instances.size() != mine.size();
      for (const auto& instance : held.instances) {
        wrong += instance.host != "h" || mine[instance.id] != instance || instance.zone != "z";
      }
    }
    wrong += ids(held.instances) != ids(registry.reader().snapshot_at("s", at(0s)).instances);
  });
  for (int i = 0; i < 3000; ++i) {
    const std::string id{'i', static_cast<char>('0' + i * 7 % 10)};
    if (i % 3 == 2) {
      registry.deregister_at("s/" + id, 0, at(0s));
    } else {
      (void)registry.register_instance_at("s", {.id = id, .host = "h", .port = 1 + i, .zone = "z"}, at(0s));
    }
    if (i % 64 == 0) std::this_thread::yield();
  }
  stop = true;
  watcher.join();
  CHECK(wrong == 0);
}
