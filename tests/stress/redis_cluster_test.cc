// SPDX-License-Identifier: MIT
// The slot router against a Redis Cluster of three real nodes, and a fourth as replica.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "redis/hash_slot.h"
#include "seawall/redis/instance_keeper.h"
#include "seawall/redis/limit_set.h"
#include "seawall/redis/rate_limiter.h"
#include "seawall/redis/registrar.h"
#include "seawall/redis/store_source.h"
#include "support/catch.h"
#include "support/redis_faults.h"
#include "support/redis_server.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using seawall::testing::eventually;
using seawall::testing::RedisServer;
using seawall::testing::tell_overshoot;

namespace {

Quota slow(std::int64_t permits) { return Quota::make(permits, 24h).value(); }

class Cluster {
 public:
  static constexpr int kMasters = 3;

  Cluster() {
    for (int i = 0; i < kMasters; ++i) nodes_.push_back(std::make_unique<RedisServer>(cluster_node()));
    for (int i = 0; i < kMasters; ++i) {
      node(i)({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first(i)), std::to_string(first(i + 1) - 1)});
      node(i)({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    }
    for (int i = 1; i < kMasters; ++i) meet(i);
    REQUIRE(eventually([this] {
      return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& each) {
        const std::string info = (*each)({"CLUSTER", "INFO"});
        return info.find("cluster_state:ok") != std::string::npos && info.find("cluster_size:3") != std::string::npos;
      });
    }));
  }

  RedisServer& node(int i) { return *nodes_[static_cast<std::size_t>(i)]; }
  std::string id(int i) { return node(i)({"CLUSTER", "MYID"}); }
  static int owner(std::string_view key) {
    const int slot = hash_slot(key);
    return slot < first(1) ? 0 : slot < first(2) ? 1 : 2;
  }

  // All that lie in a slot. Answers how many.
  std::size_t move_keys(const std::string& slot, int from, int to) {
    const std::string keys = node(from)({"CLUSTER", "GETKEYSINSLOT", slot, "100"});  // [a,b]
    std::vector<std::string> command{"MIGRATE", "127.0.0.1", std::to_string(node(to).port()), "", "0", "60000", "KEYS"};
    const std::size_t words = command.size();
    for (std::size_t at = 1; at + 1 < keys.size(); at = keys.find_first_of(",]", at) + 1) {
      command.push_back(keys.substr(at, keys.find_first_of(",]", at) - at));
    }
    CHECK(node(from)(command) == "OK");
    return command.size() - words;
  }

  int add_replica_of(int master) {
    nodes_.push_back(std::make_unique<RedisServer>(cluster_node()));
    const int replica = static_cast<int>(nodes_.size()) - 1;
    meet(replica);
    const std::string id_of_master = id(master);
    const std::string id_of_replica = id(replica);
    REQUIRE(eventually([&] { return node(replica)({"CLUSTER", "REPLICATE", id_of_master}) == "OK"; }));
    // Else its takeover is nothing to them.
    REQUIRE(eventually([&] {
      return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& each) {
        return (*each)({"CLUSTER", "REPLICAS", id_of_master}).find(id_of_replica) != std::string::npos;
      });
    }));
    return replica;
  }

 private:
  static seawall::testing::RedisOptions cluster_node() { return {.cluster = true}; }
  static int first(int node) { return kHashSlots * node / kMasters; }
  void meet(int i) { node(i)({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(0).port())}); }

  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

// Each service lies in a slot of its own, the directory in another one, and hints come from wherever they were said.
void registry_of_many_services(Cluster& cluster, const Store& store) {
  constexpr std::size_t kServices = 12;
  Registrar registrar = Registrar::make(store).value();
  const Store other = Store::open({.endpoints = {cluster.node(2).endpoint()}, .cluster = true}).value();
  StoreSource source = StoreSource::make(other, {.poll_interval = 1h}).value();
  REQUIRE(eventually([&] {
    source.poll_at(Clock::now());
    return other.stats().answered > 0;
  }));
  for (std::size_t i = 0; i < kServices; ++i) {
    const std::string service = std::string("s").append(std::to_string(i));
    REQUIRE(eventually([&] { return registrar.enter(service).ok(); }));
    REQUIRE(eventually(
        [&] { return registrar.register_instance(service, {.id = service, .host = "10.0.0.1", .port = 8001}).ok(); }));
  }
  std::size_t listed = 0;
  CHECK(eventually([&] {
    for (const SourceAnswer& answer : source.poll_at(Clock::now())) {
      listed += answer.instances.size() == 1 && answer.instances[0].id == answer.service ? 1 : 0;
    }
    return listed >= kServices;
  }));
  CHECK(source.stats().services == kServices);
}

StoreOptions options_for(RedisServer& seed, Duration deadline) {
  return {.endpoints = {seed.endpoint()},
          .cluster = true,
          .deadline = deadline,
          .silence = deadline,
          .reconnect_max = 100ms,
          .breaker = {.open_duration = 50ms}};
}

std::string key_of(const std::string& user) { return std::string("seawall:{user:").append(user).append("}"); }

std::string key_of_service(const std::string& service) {
  return std::string("seawall-registry:main:{").append(service).append("}:items");
}
std::string service_on(int node) {
  for (int i = 0;; ++i) {
    const std::string service = std::string("s").append(std::to_string(i));
    if (Cluster::owner(key_of_service(service)) == node) return service;
  }
}

// A user whose key lies on this node.
std::string user_on(int node) {
  for (int i = 0;; ++i) {
    const std::string user = std::string("u").append(std::to_string(i));
    if (Cluster::owner(key_of(user)) == node) return user;
  }
}

// A store that was never told of a key finds all three masters, so has read who owns which slot; then no call of
// anybody is redirected.
void goes_straight(RedisServer& seed) {
  const Store store = Store::open(options_for(seed, 60s)).value();
  REQUIRE(eventually([&] {
    const StoreStats stats = store.stats();
    return stats.connects - stats.disconnects == Cluster::kMasters;
  }));
  RateLimiter straight =
      RateLimiter::make(store, {.name = "straight", .quota = slow(100), .when_away = WhenAway::kDeny}).value();
  for (int i = 0; i < 50; ++i) {
    CHECK(eventually([&] { return straight.try_acquire(std::to_string(i)).by == DecidedBy::kStore; }));
  }
  CHECK(store.stats().moved == 0);
}

}  // namespace

TEST_CASE("slots are those of the cluster specification") {
  CHECK(hash_slot("123456789") == 0x31c3);
  CHECK(hash_slot("foo{bar}baz") == hash_slot("bar"));
  CHECK(hash_slot("foo{}{bar}") == crc16("foo{}{bar}") % kHashSlots);
  CHECK(hash_slot("foo{{bar}}zap") == hash_slot("{bar"));
  CHECK(hash_slot("foo{bar}{zap}") == hash_slot("bar"));
  CHECK(hash_slot("foo{bar") == crc16("foo{bar") % kHashSlots);
}

TEST_CASE("a cluster of three: every key finds its node, MOVED and ASK are followed, a replica takes over") {
  Cluster cluster;
  const Store store = Store::open(options_for(cluster.node(0), 60s)).value();
  RateLimiter users =
      RateLimiter::make(store, {.name = "user", .quota = slow(100), .when_away = WhenAway::kDeny, .denial_cache = 0s})
          .value();

  for (int node = 0; node < 3; ++node) {
    const Answer answer = users.try_acquire(user_on(node));
    CHECK(answer.by == DecidedBy::kStore);
    CHECK(answer.remaining == 99);
    CHECK(cluster.node(node)({"DBSIZE"}) == "1");
  }
  // The slots are learnt, and then nothing is redirected.
  REQUIRE(eventually([&] {
    const auto before = store.stats().moved;
    for (int i = 0; i < 30; ++i) users.try_acquire(std::to_string(i));
    return store.stats().moved == before;
  }));
  const auto moved = store.stats().moved;
  for (int i = 0; i < 300; ++i) CHECK(users.try_acquire(std::to_string(i)).by == DecidedBy::kStore);
  CHECK(store.stats().moved == moved);
  goes_straight(cluster.node(0));

  // A set needs its keys in one slot.
  RateLimiter tagged = RateLimiter::make(store, {.name = "tagged", .quota = slow(5), .tag = "t"}).value();
  RateLimiter service = RateLimiter::make(store, {.name = "service", .quota = slow(5), .tag = "t"}).value();
  LimitSet set = LimitSet::make({tagged, service}).value();
  const SetAnswer both = set.try_acquire({"ann", "trading"});
  CHECK(both.allowed);
  CHECK(both.answers[1].by == DecidedBy::kStore);

  // ASK: the slot of a key moves from its node to the next; the key is there already.
  const std::string user = user_on(0);
  const std::string key = key_of(user);
  const std::string slot = std::to_string(hash_slot(key));
  CHECK(cluster.node(1)({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(0)}) == "OK");
  CHECK(cluster.node(0)({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(1)}) == "OK");
  CHECK(cluster.node(0)({"MIGRATE", "127.0.0.1", std::to_string(cluster.node(1).port()), key, "0", "5000"}) == "OK");
  const auto asked = store.stats().asked;
  Answer answer = users.try_acquire(user);
  CHECK(answer.by == DecidedBy::kStore);
  CHECK(answer.remaining == 98);
  CHECK(store.stats().asked > asked);
  // MOVED: now it is the next node's for good.
  for (int node = 0; node < 3; ++node) cluster.node(node)({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id(1)});
  answer = users.try_acquire(user);
  CHECK(answer.by == DecidedBy::kStore);
  CHECK(answer.remaining == 97);
  registry_of_many_services(cluster, store);
}

TEST_CASE("a cluster's replica takes over, and the other nodes' keys do not notice") {
  Cluster cluster;
  const int replica = cluster.add_replica_of(2);
  // It takes over when it is told to, however long this test takes.
  REQUIRE(cluster.node(replica)({"CONFIG", "SET", "cluster-replica-no-failover", "yes"}) == "OK");
  const Store store = Store::open(options_for(cluster.node(0), 50ms)).value();
  RateLimiter users =
      RateLimiter::make(store, {.name = "user", .quota = slow(100), .when_away = WhenAway::kDeny, .denial_cache = 0s})
          .value();
  const std::string here = user_on(0);
  const std::string there = user_on(2);
  const auto decided = [&](const std::string& user) {
    return eventually([&] { return users.try_acquire(user, 0).by == DecidedBy::kStore; });
  };
  REQUIRE(decided(here));
  REQUIRE(decided(there));
  const RateLimiterOptions exact{.name = "user", .quota = slow(100), .when_away = WhenAway::kDeny};
  const Store before = Store::open(options_for(cluster.node(0), 60s)).value();
  REQUIRE(RateLimiter::make(before, exact).value().try_acquire(there, 40).by == DecidedBy::kStore);
  // Replicated, so nothing is forgotten.
  REQUIRE(eventually([&] { return cluster.node(replica)({"DBSIZE"}) == "1"; }));
  cluster.node(2).kill();
  for (int i = 0; i < 20; ++i) {
    CHECK(users.try_acquire(there).by == DecidedBy::kPolicy);
    CHECK(decided(here));
  }
  REQUIRE(eventually([&] { return cluster.node(replica)({"CLUSTER", "FAILOVER", "TAKEOVER"}) == "OK"; }));
  CHECK(decided(there));
  const std::string taken_over = std::string(":").append(std::to_string(cluster.node(replica).port()));
  for (int node = 0; node < 2; ++node) {
    REQUIRE(eventually([&] {
      return cluster.node(node)({"GET", key_of(there)}).find(taken_over) != std::string::npos;
    }));
  }
  goes_straight(cluster.node(0));
  const Store patient = Store::open(options_for(cluster.node(0), 60s)).value();
  RateLimiter taker = RateLimiter::make(patient, exact).value();
  // Replicated before the master died, so nothing is admitted twice; what it had not passed on would be, once.
  std::int64_t admitted = 40;
  for (int i = 0; i < 100; ++i) admitted += taker.try_acquire(there).allowed ? 1 : 0;
  tell_overshoot("cluster failover, exact, against what the replica knew", admitted, 100, 40);
  RateLimiter leased = RateLimiter::make(patient, {.name = "leased",
                                                   .quota = slow(100),
                                                   .mode = Mode::kLeased,
                                                   .when_away = WhenAway::kDeny,
                                                   .denial_cache = 0s})
                           .value();
  admitted = 0;
  for (int i = 0; i < 200; ++i) admitted += leased.try_acquire(std::string("l").append(there)).allowed ? 1 : 0;
  tell_overshoot("cluster, leased", admitted, 100, 0);
}

// Its writers and readers go through the same faults as with one server: a master dies and its replica takes over,
// while slots move (ASK, then MOVED or a new map) under the calls of the registry.
TEST_CASE("a cluster's registry: a master dies and a slot moves without a loss") {
  Cluster cluster;
  const int replica = cluster.add_replica_of(2);
  REQUIRE(cluster.node(replica)({"CONFIG", "SET", "cluster-replica-no-failover", "yes"}) == "OK");
  const std::string moving = service_on(0);
  const std::string dying = service_on(2);
  StoreOptions options = options_for(cluster.node(1), 60s);
  options.silence = 300ms;
  options.background_deadline = 300ms;
  options.deadline = 300ms;
  const Store writes = Store::open(options).value();
  const Store reads = Store::open(options).value();
  InstanceKeeper keeper{Registrar::make(writes, {.heartbeat_interval = 100ms, .lease = 10s}).value()};
  StoreSource source = StoreSource::make(reads, {.services = {moving, dying}, .poll_interval = 50ms}).value();
  for (const std::string& service : {moving, dying}) {
    for (const char* const id : {"a", "b"}) {
      REQUIRE(keeper.hold(service, {.id = id, .host = "10.0.0.1", .port = 8001}).ok());
    }
  }
  std::map<std::string, std::size_t> listed;  // how many the last list of a service had
  std::size_t shortened = 0;
  const auto live_until = [&](auto done) {
    return eventually([&] {
      keeper.tick();
      for (const SourceAnswer& answer : source.poll_at(Clock::now())) {
        if (answer.status == SourceStatus::kUnchanged || answer.status == SourceStatus::kFailed) continue;
        shortened += answer.instances.size() < listed[answer.service] ? 1 : 0;
        listed[answer.service] = answer.instances.size();
      }
      return done();
    });
  };
  const auto all_held = [&] {
    const auto kept = keeper.kept();
    return std::all_of(kept.begin(), kept.end(),
                       [](const KeptInstance& each) { return each.state == KeptState::kHeld && !each.reason.size(); });
  };
  const auto renewed = [&] {
    const auto before = keeper.stats().renewals;
    return live_until([&] { return keeper.stats().renewals >= before + 8 && all_held(); });
  };
  REQUIRE(live_until([&] { return listed[moving] == 2 && listed[dying] == 2; }));
  REQUIRE(renewed());
  const auto kept_generations = [&] {
    std::vector<std::uint64_t> all;
    for (const KeptInstance& kept : keeper.kept()) all.push_back(kept.generation);
    return all;
  };
  const auto generations = kept_generations();

  // ASK, and then the new node: the slot of a service goes to the next node while its instances are renewed and read.
  const std::string slot = std::to_string(hash_slot(key_of_service(moving)));
  CHECK(cluster.node(1)({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(0)}) == "OK");
  CHECK(cluster.node(0)({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(1)}) == "OK");
  const auto asked = writes.stats().asked;
  CHECK(cluster.move_keys(slot, 0, 1) > 0);
  // Redis answers TRYAGAIN to a script of which one key does not exist (here no gravestone does) until the slot has
  // moved: for who asks, an outage of this one service.
  const auto faults = keeper.stats().faults;
  CHECK(live_until([&] { return writes.stats().asked > asked && keeper.stats().faults > faults; }));
  // By MOVED, or by a map of the slots that was read in between: either way all go on with the new node.
  for (int node = 0; node < 3; ++node) cluster.node(node)({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id(1)});
  CHECK(renewed());

  // The master of the other service dies; its replica has nothing of what came last, or all of it.
  cluster.node(2).kill();
  CHECK(live_until([&] { return source.stats().faults > 0 && keeper.stats().faults > 0; }));
  REQUIRE(eventually([&] { return cluster.node(replica)({"CLUSTER", "FAILOVER", "TAKEOVER"}) == "OK"; }));
  CHECK(live_until(all_held));
  CHECK(renewed());
  CHECK(kept_generations() == generations);  // the same instances as before
  CHECK(listed[moving] == 2);
  CHECK(listed[dying] == 2);
  std::printf("cluster registry: %zu of its lists were shorter than the one before\n", shortened);
  CHECK(shortened == 0);

  // What a node has forgotten comes back as it was.
  const auto again = keeper.stats().reregistrations;
  CHECK(cluster.node(1)({"DEL", key_of_service(moving)}) == "1");
  CHECK(live_until([&] { return keeper.stats().reregistrations >= again + 2 && all_held(); }));
  CHECK(kept_generations() == generations);
  CHECK(keeper.stats().fenced == 0);
}
