// SPDX-License-Identifier: MIT
// What a registry in Redis goes through, with a real server: no healthy instance is lost to any reader, not for a
// moment; nothing waits; all recovers without anything being made anew, and who then really dies is noticed.
//
// Leases, grace and stops are short, in the same order as in earnest: a stop is several leases and longer than the
// readers' grace. Where this machine itself stood still for a good part of a lease, who was lost is not judged.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "seawall/redis/instance_keeper.h"
#include "seawall/redis/registrar.h"
#include "seawall/redis/store_source.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"
#include "support/catch.h"
#include "support/redis_faults.h"
#include "support/redis_server.h"
#include "support/silent_port.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using seawall::testing::eventually;
using seawall::testing::RedisServer;

namespace {

constexpr Duration kHeartbeat = 50ms;
constexpr Duration kLease = 200ms;
constexpr Duration kGrace = 600ms;  // longer than the pauses of a keeper that connects and registers again
constexpr Duration kCeiling = 3s;   // of the follower: long enough for a busy machine to heartbeat again
const Duration kStop = seawall::testing::stop_of(1200ms);

StoreOptions options_for(std::vector<Endpoint> endpoints) {
  return {.endpoints = std::move(endpoints), .background_deadline = 300ms, .silence = 300ms, .reconnect_max = 100ms};
}

// A process that keeps instances, and one that reads them.
struct Writer {
  Store store;
  InstanceKeeper keeper{Registrar::make(store, {.heartbeat_interval = kHeartbeat, .lease = kLease}).value()};
};
struct Reader {
  explicit Reader(const Store& from) : store(from) { follower.add(source, {.name = "redis"}); }
  Store store;
  StoreSource source = StoreSource::make(store, {.poll_interval = 50ms}).value();
  ServiceRegistry registry{ServiceRegistryConfig::make({.heartbeat_jitter_percent = 0}).value()};
  SourceFollower follower{registry,
                          SourceFollowerConfig::make({.removal_grace = kGrace, .removal_ceiling = kCeiling}).value()};

  bool has(const std::string& id, TimePoint now) const {
    const auto found = registry.find_at(instance_name("trading", id), now);
    return found && found->status.pickable();
  }
};

class Fleet {
 public:
  Fleet(const std::vector<Endpoint>& endpoints, int writers, int readers) {
    for (int i = 0; i < writers; ++i) writers_.emplace_back(Writer{Store::open(options_for(endpoints)).value()});
    for (int i = 0; i < readers; ++i) {
      readers_.push_back(std::make_unique<Reader>(Store::open(options_for(endpoints)).value()));
    }
    for (int i = 0; i < writers; ++i) add(i, name(i));
  }
  static std::string name(int i) { return std::string("t").append(std::to_string(i)); }

  void add(int writer, const std::string& id) {
    const InstanceSpec spec{.id = id, .host = "10.0.0.1", .port = 8000 + static_cast<int>(ids_.size())};
    REQUIRE(keeper(writer).hold("trading", spec).ok());
    ids_.push_back(id);
  }
  InstanceKeeper& keeper(int i) { return writers_[static_cast<std::size_t>(i)].keeper; }
  const std::vector<std::unique_ptr<Reader>>& readers() const { return readers_; }

  // Everybody ticks, for so long or until it is true.
  template <class Done>
  bool live_until(Done done) {
    return eventually([&] {
      tick();
      return done();
    });
  }
  void live(Duration time) {
    const TimePoint end = Clock::now() + time;
    while (Clock::now() < end) {
      tick();
      seawall::testing::short_sleep();
    }
  }
  bool everybody_sees_all() {
    return live_until([this] { return lost_now() == 0; });
  }
  // From now on nobody may be missing anywhere.
  void watch() {
    watching_ = true;
    ticked_ = Clock::now();
  }
  std::int64_t lost() const { return lost_; }
  Duration longest() const { return longest_; }
  Duration stood() const { return stood_; }  // since watch(): between two ticks, at most

  // One dies without a word, another comes: all must see it, so the fleet works as before.
  void works() {
    CHECK(live_until([this] { return held(); }));
    watching_ = false;
    writers_.pop_back();
    const std::string dead = ids_.back();
    ids_.pop_back();
    add(0, "new");
    CHECK(everybody_sees_all());
    CHECK(live_until([&] {
      return std::none_of(readers_.begin(), readers_.end(), [&](const auto& r) { return r->has(dead, Clock::now()); });
    }));
  }
  std::vector<std::uint64_t> generations() const {
    std::vector<std::uint64_t> all;
    for (const Writer& writer : writers_) {
      for (const KeptInstance& kept : writer.keeper.kept()) all.push_back(kept.generation);
    }
    return all;
  }
  bool held() const {
    return std::all_of(writers_.begin(), writers_.end(), [](const Writer& writer) {
      const auto kept = writer.keeper.kept();
      return std::all_of(kept.begin(), kept.end(), [](const KeptInstance& each) {
        return each.state == KeptState::kHeld && each.fault == Fault::kNone;
      });
    });
  }
  bool stale() const {
    const auto infos = readers_[0]->follower.sources_at(Clock::now());
    return !infos.empty() && infos[0].stale;
  }
  Duration age() const { return readers_[0]->follower.sources_at(Clock::now())[0].age; }

 private:
  void tick() {
    const TimePoint now = Clock::now();
    if (watching_) stood_ = std::max(stood_, now - ticked_);
    ticked_ = now;
    for (Writer& writer : writers_) timed([&] { writer.keeper.tick(); });
    for (const auto& reader : readers_) {
      timed([&] { reader->follower.tick(); });
      reader->registry.tick();
    }
    if (watching_) lost_ = std::max(lost_, lost_now());
  }
  template <class Call>
  void timed(Call call) {
    const TimePoint before = Clock::now();
    call();
    longest_ = std::max(longest_, Clock::now() - before);
  }
  std::int64_t lost_now() const {
    const TimePoint now = Clock::now();
    std::int64_t lost = 0;
    for (const auto& reader : readers_) {
      for (const std::string& id : ids_) lost += reader->has(id, now) ? 0 : 1;
    }
    return lost;
  }

  std::vector<Writer> writers_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::string> ids_;
  bool watching_ = false;
  std::int64_t lost_ = 0;
  Duration longest_{0};
  Duration stood_{0};
  TimePoint ticked_{};
};

void told(const char* fault, const Fleet& fleet) {
  if (fleet.stood() < kLease / 2) CHECK(fleet.lost() == 0);
  CHECK(fleet.longest() < seawall::testing::kBusyMachine);  // a tick only sends
  std::printf(
      "registry, %s: %lld instances lost to a reader, the longest tick took %lld us, the longest time between two %lld "
      "us\n",
      fault, static_cast<long long>(fleet.lost()), static_cast<long long>(fleet.longest().count() / 1000),
      static_cast<long long>(fleet.stood().count() / 1000));
}

}  // namespace

TEST_CASE("registry: kill -9 and restart with nothing kept") {
  RedisServer server;
  Fleet fleet({server.endpoint()}, 6, 2);
  REQUIRE(fleet.everybody_sees_all());
  const auto generations = fleet.generations();
  fleet.watch();
  server.kill();
  fleet.live(kStop);
  CHECK(fleet.stale());
  CHECK(fleet.age() >= kStop / 2);
  server.start();
  CHECK(fleet.live_until([&] { return fleet.held() && !fleet.stale(); }));
  fleet.live(4 * kLease);
  CHECK(fleet.generations() == generations);  // the same instances as before
  told("kill -9", fleet);
  fleet.works();
}

TEST_CASE("registry: SIGSTOP for several leases") {
  RedisServer server;
  Fleet fleet({server.endpoint()}, 6, 2);
  REQUIRE(fleet.everybody_sees_all());
  const auto generations = fleet.generations();
  fleet.watch();
  server.stop();
  fleet.live(kStop);
  CHECK(fleet.stale());
  server.resume();
  CHECK(fleet.live_until([&] { return fleet.held() && !fleet.stale(); }));
  fleet.live(4 * kLease);
  CHECK(fleet.generations() == generations);
  told("SIGSTOP", fleet);
  fleet.works();
}

TEST_CASE("registry: joining a stopped server fences nobody when it goes on") {
  RedisServer server;
  Fleet fleet({server.endpoint()}, 3, 1);
  REQUIRE(fleet.everybody_sees_all());
  server.stop();
  fleet.add(0, "late");  // tried again and again, in connections that are given up one after the other
  fleet.live(kStop);
  server.resume();
  CHECK(fleet.everybody_sees_all());
  fleet.watch();
  fleet.live(4 * kLease);
  CHECK(fleet.live_until([&] { return fleet.held(); }));
  told("joining while stopped", fleet);
}

TEST_CASE("registry: FLUSHALL and SCRIPT FLUSH") {
  RedisServer server;
  Fleet fleet({server.endpoint()}, 6, 2);
  REQUIRE(fleet.everybody_sees_all());
  const auto generations = fleet.generations();
  fleet.watch();
  for (int i = 0; i < 3; ++i) {
    CHECK(server({"FLUSHALL"}) == "OK");
    CHECK(server({"SCRIPT", "FLUSH"}) == "OK");
    fleet.live(2 * kLease);
  }
  CHECK(fleet.live_until([&] { return fleet.held(); }));
  // And Redis knows them: readers alone would show for a while what they once saw.
  CHECK(fleet.live_until([&] { return server({"HLEN", "seawall-registry:main:{trading}:items"}) == "6"; }));
  CHECK(fleet.generations() == generations);
  told("FLUSHALL", fleet);
  fleet.works();
}

TEST_CASE("registry: failover to a replica") {
  RedisServer master;
  RedisServer replica({.replica_of = master.port()});
  REQUIRE(eventually([&] { return master({"INFO", "replication"}).find("state=online") != std::string::npos; }));
  Fleet fleet({master.endpoint(), replica.endpoint()}, 6, 2);
  REQUIRE(fleet.everybody_sees_all());
  const auto generations = fleet.generations();
  fleet.watch();
  replica({"REPLICAOF", "NO", "ONE"});  // from here on it hears nothing, so what follows is lost with the master
  fleet.live(2 * kLease);
  master.kill();
  CHECK(fleet.live_until([&] { return fleet.held() && !fleet.stale(); }));
  fleet.live(4 * kLease);
  CHECK(fleet.generations() == generations);
  told("failover", fleet);
  fleet.works();
}

TEST_CASE("registry: a blackholed server is left for one that answers") {
  seawall::testing::SilentPort silent;
  RedisServer server;
  Fleet fleet({{"127.0.0.1", silent.port()}, server.endpoint()}, 3, 1);
  CHECK(fleet.everybody_sees_all());
  fleet.works();
  CHECK(fleet.longest() < seawall::testing::kBusyMachine);
}

TEST_CASE("registry: foreign values in the place of the registry") {
  RedisServer server;
  Fleet fleet({server.endpoint()}, 6, 2);
  REQUIRE(fleet.everybody_sees_all());
  fleet.watch();
  const std::string items = "seawall-registry:main:{trading}:items";
  server({"DEL", items});
  server({"SET", items, "mine"});
  fleet.live(3 * kLease);
  const auto kept = fleet.keeper(0).kept();
  CHECK(kept[0].fault == Fault::kForeign);
  CHECK(kept[0].reason.find(items) != std::string::npos);
  CHECK(fleet.readers()[0]->follower.sources_at(Clock::now())[0].reason.find(items) != std::string::npos);
  CHECK(server({"GET", items}) == "mine");
  server({"DEL", items});
  CHECK(fleet.live_until([&] { return fleet.held() && !fleet.stale(); }));
  told("foreign values", fleet);
  fleet.works();
}

TEST_CASE("registry: the server's clock is stepped a day on and a year back") {
  constexpr std::int64_t kDay = 24 * 3600;
  RedisServer server({.stepped_clock = true});
  Fleet fleet({server.endpoint()}, 6, 2);
  REQUIRE(fleet.everybody_sees_all());
  const auto generations = fleet.generations();
  fleet.watch();
  for (const std::int64_t step : {kDay, -365 * kDay, std::int64_t{0}}) {
    server.step_clock(step);
    fleet.live(4 * kLease);
  }
  CHECK(fleet.live_until([&] { return fleet.held(); }));
  CHECK(fleet.generations() == generations);
  told("clock steps", fleet);
  fleet.works();
}

TEST_CASE("registry: 20 gateways read what 20 keep, through an outage") {
  RedisServer server;
  Fleet fleet({server.endpoint()}, 20, 20);
  REQUIRE(fleet.everybody_sees_all());
  fleet.live(4 * kLease);
  const StoreSourceStats before = fleet.readers()[0]->source.stats();
  fleet.watch();
  const StoreSource& source = fleet.readers()[0]->source;
  CHECK(fleet.live_until([&] { return source.stats().polls >= before.polls + 5; }));
  CHECK(source.stats().lists == before.lists);  // heartbeats of 20 wake nobody
  server.kill();
  fleet.live(500ms);
  server.start();
  CHECK(fleet.live_until([&] { return fleet.held() && !fleet.stale(); }));
  fleet.live(4 * kLease);
  CHECK(fleet.live_until([&] { return fleet.held(); }));
  told("20 gateways", fleet);
}
