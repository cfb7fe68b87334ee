// SPDX-License-Identifier: MIT
// What a store goes through, with a real server: no call waits beyond its deadline, no more is admitted than stated,
// and all is as before when the server is back, without anything being made anew.
//
// How late a call may return is judged with a margin for a busy machine: what matters is that no wait for a server that
// says nothing reaches a caller. In one test such a wait would last ten minutes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "seawall/redis/limit_set.h"
#include "seawall/redis/rate_limiter.h"
#include "support/catch.h"
#include "support/redis_faults.h"
#include "support/redis_server.h"
#include "support/silent_port.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using seawall::testing::eventually;
using seawall::testing::RedisServer;
using seawall::testing::tell_overshoot;

namespace {

constexpr Duration kDeadline = 20ms;
constexpr Duration kMargin = seawall::testing::kBusyMachine;

StoreOptions options_for(std::vector<Endpoint> endpoints) {
  return {.endpoints = std::move(endpoints),
          .deadline = kDeadline,
          .silence = 100ms,
          .reconnect_max = 100ms,
          .breaker = {.open_duration = 50ms}};
}
Quota slow(std::int64_t permits) { return Quota::make(permits, 24h).value(); }

// Asks for one permit and notes the longest wait.
struct Caller {
  RateLimiter limiter;
  Duration longest{0};
  std::int64_t admitted = 0;

  Answer ask(const std::string& key = "x") {
    const TimePoint before = Clock::now();
    const Answer answer = limiter.try_acquire(key);
    longest = std::max(longest, Clock::now() - before);
    admitted += answer.allowed ? 1 : 0;
    return answer;
  }
  bool store_decides(const std::string& key = "x") {
    return eventually([&] { return ask(key).by == DecidedBy::kStore; });
  }
};
Caller caller(const Store& store, RateLimiterOptions options) {
  options.denial_cache = 0s;
  return {RateLimiter::make(store, options).value()};
}

}  // namespace

TEST_CASE("kill -9 and restart: the local share decides meanwhile, and nothing waits") {
  RedisServer server;
  const Store store = Store::open(options_for({server.endpoint()})).value();
  Caller users = caller(store, {.name = "user", .quota = slow(100), .gateways = 4});
  REQUIRE(users.store_decides("other"));  // not of the key whose local share is counted
  server.kill();
  std::int64_t share = 0;
  for (int i = 0; i < 200; ++i) {
    const Answer answer = users.ask();
    CHECK(answer.by == DecidedBy::kPolicy);
    CHECK((answer.fault == Fault::kAway || answer.fault == Fault::kTimeout));
    share += answer.allowed ? 1 : 0;
  }
  CHECK(share == 25);
  CHECK(users.longest < kDeadline + kMargin);
  // Callers stop waiting altogether: the breaker is open.
  CHECK(eventually([&] {
    users.ask("other");
    return store.stats().not_sent > 100;
  }));
  server.start();
  CHECK(users.store_decides());
  CHECK(store.stats().up);
  tell_overshoot("kill -9, exact, local share of one of 4", users.admitted, 100, 100);
}

TEST_CASE("a server that was never there") {
  const Store store = Store::open(options_for({{"127.0.0.1", 1}})).value();
  Caller allow = caller(store, {.name = "a", .quota = slow(1), .when_away = WhenAway::kAllow});
  Caller deny = caller(store, {.name = "d", .quota = slow(1), .when_away = WhenAway::kDeny});
  for (int i = 0; i < 50; ++i) {
    CHECK(allow.ask().allowed);
    const Answer refused = deny.ask();
    CHECK_FALSE(refused.allowed);
    CHECK(refused.retry_after == 1s);
    CHECK(refused.by == DecidedBy::kPolicy);
  }
  CHECK(allow.longest < kDeadline + kMargin);
  CHECK_FALSE(store.stats().up);
  tell_overshoot("never there, all are allowed", allow.admitted, 1, seawall::testing::kNoBound);
  tell_overshoot("never there, none is allowed", deny.admitted, 0, 0);
}

// After the silence (100 ms here) the connection is closed, new ones are opened and never greeted.
TEST_CASE("SIGSTOP: the connection is found silent and left, and on SIGCONT all is back") {
  RedisServer server;
  const Store store = Store::open(options_for({server.endpoint()})).value();
  Caller users = caller(store, {.name = "user", .quota = slow(100000), .when_away = WhenAway::kDeny});
  REQUIRE(users.store_decides());
  const auto before = users.admitted;
  server.stop();
  // Found silent, left, tried again and found silent again.
  const TimePoint end = Clock::now() + seawall::testing::stop_of(0s);
  while (Clock::now() < end) CHECK(users.ask().by == DecidedBy::kPolicy);
  CHECK(seawall::testing::eventually([&] {
    CHECK(users.ask().by == DecidedBy::kPolicy);
    return store.stats().silences >= 2;
  }));
  CHECK(users.admitted == before);
  CHECK(users.longest < kDeadline + kMargin);
  server.resume();
  CHECK(users.store_decides());
  // What was sent to the stopped server is charged when it goes on, whoever still waits: never the other way round.
  const std::int64_t charged = 100000 - users.limiter.peek("x").remaining;
  tell_overshoot("SIGSTOP, exact, against what was charged", users.admitted, charged, 0);
}

TEST_CASE("a blackholed connection: a port that takes everything and says nothing") {
  seawall::testing::SilentPort silent;
  const Store store = Store::open(options_for({{"127.0.0.1", silent.port()}})).value();
  Caller users = caller(store, {.name = "user", .quota = slow(10)});
  int asked = 0;
  CHECK(eventually([&] {
    CHECK(users.ask().by == DecidedBy::kPolicy);
    return ++asked >= 20 && store.stats().silences >= 2;
  }));
  CHECK(users.admitted == 10);
  tell_overshoot("blackhole, local share", users.admitted, 10, 10);
}

TEST_CASE("a caller waits for its deadline, not for the silence after which a connection is given up") {
  seawall::testing::SilentPort silent;
  StoreOptions options = options_for({{"127.0.0.1", silent.port()}});
  options.silence = 600s;
  const Store store = Store::open(options).value();
  Caller users = caller(store, {.name = "user", .quota = slow(10)});
  for (int i = 0; i < 20; ++i) CHECK(users.ask().by == DecidedBy::kPolicy);
  CHECK(users.longest < kDeadline + kMargin);
  CHECK(store.stats().silences == 0);
}

TEST_CASE("FLUSHALL and SCRIPT FLUSH: the limit begins anew, the script comes back by itself") {
  RedisServer server;
  StoreOptions patient = options_for({server.endpoint()});
  patient.deadline = patient.silence = 60s;
  const Store store = Store::open(patient).value();
  Caller users = caller(store, {.name = "user", .quota = slow(3)});
  for (int i = 0; i < 5; ++i) CHECK(users.ask().by == DecidedBy::kStore);
  CHECK(users.admitted == 3);
  CHECK(server({"FLUSHALL"}) == "OK");
  for (int i = 0; i < 5; ++i) CHECK(users.ask().by == DecidedBy::kStore);
  CHECK(users.admitted == 6);  // one burst for each FLUSHALL, no more
  tell_overshoot("FLUSHALL, exact, a store that forgot", users.admitted, 3, 3);
  for (int i = 0; i < 3; ++i) {
    CHECK(server({"SCRIPT", "FLUSH"}) == "OK");
    CHECK(users.ask("other").by == DecidedBy::kStore);
    CHECK(users.ask("other").by == DecidedBy::kStore);
  }
  CHECK(store.stats().reloads == 3);
  CHECK(store.stats().connects == 1);
}

TEST_CASE("failover: the replica that becomes master is found, the deposed one is left") {
  RedisServer master;
  RedisServer replica({.replica_of = master.port()});
  REQUIRE(eventually([&] { return master({"INFO", "replication"}).find("state=online") != std::string::npos; }));
  const Store store = Store::open(options_for({replica.endpoint(), master.endpoint()})).value();
  Caller users = caller(store, {.name = "user", .quota = slow(1000), .when_away = WhenAway::kDeny});
  REQUIRE(users.store_decides());
  for (int i = 0; i < 100; ++i) users.ask();
  const auto before = users.admitted;
  master.kill();
  CHECK(replica({"REPLICAOF", "NO", "ONE"}) == "OK");
  CHECK(users.store_decides());
  // What the replica had not heard of yet is admitted again: at most what was admitted before.
  const std::int64_t charged = 1000 - users.limiter.peek("x").remaining;
  tell_overshoot("failover, exact, against what the replica knows", users.admitted, charged, before);
  // The master comes back and becomes the replica's replica, and then master again: READONLY makes the store turn.
  master.start();
  CHECK(master({"REPLICAOF", "127.0.0.1", std::to_string(replica.port())}) == "OK");
  REQUIRE(eventually([&] { return replica({"INFO", "replication"}).find("state=online") != std::string::npos; }));
  CHECK(master({"REPLICAOF", "NO", "ONE"}) == "OK");
  CHECK(replica({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}) == "OK");
  CHECK(users.store_decides());
  CHECK(users.longest < kDeadline + kMargin);
}

TEST_CASE("the server's clock steps: never more than a burst forward, nobody locked out backward") {
  RedisServer server({.stepped_clock = true});
  server.step_clock(1'000'000'000);
  REQUIRE(server({"TIME"}).substr(0, 2) != "[1");  // the clock can be set: 2,000,000,000 is in 2033
  constexpr std::int64_t kDay = 86400;
  StoreOptions patient = options_for({server.endpoint()});
  patient.deadline = patient.silence = 60s;
  const Store store = Store::open(patient).value();
  const Quota quota = Quota::make(60, 1h).value();  // a bucket refills one a minute
  for (const Algorithm algorithm : {Algorithm::kTokenBucket, Algorithm::kSlidingWindow}) {
    const bool bucket = algorithm == Algorithm::kTokenBucket;
    server.step_clock(0);
    Caller users = caller(store, {.name = bucket ? "bucket" : "window", .quota = quota, .algorithm = algorithm});
    const auto ask_all = [&] {
      const auto before = users.admitted;
      for (int i = 0; i < 100; ++i) CHECK(users.ask().by == DecidedBy::kStore);
      return users.admitted - before;
    };
    const std::int64_t first = ask_all();
    CHECK(first >= 60);
    CHECK(first <= 70);
    server.step_clock(kDay);
    const std::int64_t forward = ask_all();
    CHECK(forward <= 70);
    server.step_clock(-365 * kDay);  // a year back
    CHECK(ask_all() <= 10);
    const Answer refused = users.limiter.peek("x", 60);
    CHECK_FALSE(refused.allowed);
    CHECK(refused.retry_after <= 2h + 10min);
    server.step_clock(-365 * kDay + 9000);  // two and a half periods
    CHECK(ask_all() >= 60);
    const char* const what = bucket ? "clock a day on, exact bucket" : "clock a day on, exact window";
    tell_overshoot(what, first + forward, 60, 60 + 20);  // the burst again, and what was refilled meanwhile
  }
}

TEST_CASE("20 gateways at once: never above the bound of the mode, printed") {
  RedisServer server;
  constexpr int kGateways = 20;
  struct Case {
    const char* name;
    Algorithm algorithm;
    Mode mode;
  };
  for (const Case& given : {Case{"exact bucket", Algorithm::kTokenBucket, Mode::kExact},
                            Case{"exact window", Algorithm::kSlidingWindow, Mode::kExact},
                            Case{"leased bucket", Algorithm::kTokenBucket, Mode::kLeased},
                            Case{"leased window", Algorithm::kSlidingWindow, Mode::kLeased}}) {
    std::string name(given.name);
    std::replace(name.begin(), name.end(), ' ', '-');
    std::vector<Store> stores;
    std::vector<Caller> gateways;
    for (int i = 0; i < kGateways; ++i) {
      StoreOptions patient = options_for({server.endpoint()});
      patient.deadline = patient.silence = 60s;
      stores.push_back(Store::open(patient).value());
      gateways.push_back(caller(stores.back(), {.name = name,
                                                .quota = slow(2000),
                                                .algorithm = given.algorithm,
                                                .mode = given.mode,
                                                .when_away = WhenAway::kDeny,
                                                .gateways = kGateways,
                                                .batch = given.mode == Mode::kLeased ? 20 : 0}));
    }
    std::vector<std::thread> threads;
    for (Caller& gateway : gateways) {
      threads.emplace_back([&gateway] {
        for (int i = 0; i < 200; ++i) gateway.ask("all");
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::int64_t admitted = 0;
    for (const Caller& gateway : gateways) admitted += gateway.admitted;
    if (given.mode == Mode::kExact) CHECK(admitted == 2000);
    tell_overshoot(std::string("20 gateways, ").append(given.name).c_str(), admitted, 2000, 0);
  }
}

TEST_CASE("a burst across an outage: no more than the bound of the local share, printed") {
  RedisServer server;
  constexpr int kGateways = 20;
  std::vector<Store> stores;
  std::vector<Caller> gateways;
  for (int i = 0; i < kGateways; ++i) {
    stores.push_back(Store::open(options_for({server.endpoint()})).value());
    gateways.push_back(caller(stores.back(), {.name = "user", .quota = slow(100), .gateways = kGateways}));
    REQUIRE(gateways.back().store_decides());
  }
  const auto everybody = [&] {
    for (int round = 0; round < 20; ++round) {
      for (Caller& gateway : gateways) gateway.ask();
    }
  };
  everybody();
  server.kill();
  everybody();
  server.start();  // empty: as after FLUSHALL, another burst
  for (Caller& gateway : gateways) CHECK(gateway.store_decides());
  everybody();
  std::int64_t admitted = 0;
  Duration longest{0};
  for (const Caller& gateway : gateways) {
    admitted += gateway.admitted;
    longest = std::max(longest, gateway.longest);
  }
  CHECK(longest < kDeadline + kMargin);
  tell_overshoot("outage, exact, local shares and a store that forgot", admitted, 100, 100 + 100);
}
