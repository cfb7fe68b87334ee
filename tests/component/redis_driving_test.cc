// SPDX-License-Identifier: MIT
// Who drives the loop of a store: its thread, or a caller who waits while nothing else is under way.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "redis/limiter_core.h"
#include "redis/store_core.h"
#include "seawall/redis/rate_limiter.h"
#include "support/catch.h"
#include "support/redis_server.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using seawall::testing::eventually;
using seawall::testing::RedisServer;

namespace {

constexpr auto kLong = 60s;  // a deadline that no test comes to

Store open(const RedisServer& server, Duration deadline = kLong) {
  return Store::open({.endpoints = {server.endpoint()}, .deadline = deadline, .silence = kLong}).value();
}
RateLimiter limiter(const Store& store, std::int64_t permits = 1'000'000) {
  const Quota quota = Quota::make(permits, 24h).value();
  return RateLimiter::make(store, {.name = "user", .quota = quota, .when_away = WhenAway::kDeny}).value();
}

// Asks, and tells which thread brings the answer.
std::future<std::thread::id> ask(const RateLimiter& users, Caller caller) {
  const auto told = std::make_shared<std::promise<std::thread::id>>();
  users.core()->ask_peek("ann", Clock::now(), 1, caller,
                         [told](const Answer&) { told->set_value(std::this_thread::get_id()); });
  return told->get_future();
}
std::thread::id thread_of(const Store& store, const RateLimiter& users) {
  REQUIRE(eventually([&] { return store.stats().up; }));
  return ask(users, Caller::kGoesOn).get();
}
// Asks one after another until he drives himself.
bool drives(const RateLimiter& users) {
  return eventually([&] { return ask(users, Caller::kWaits).get() == std::this_thread::get_id(); });
}

}  // namespace

TEST_CASE("one caller after another drives himself, those who do not wait are answered by the thread") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store);
  const std::thread::id thread = thread_of(store, users);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(drives(users));
    CHECK(ask(users, Caller::kGoesOn).get() == thread);
  }
  CHECK(store.stats().connects == 1);
}

TEST_CASE("what comes while a caller drives is the thread's, and both are answered") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store);
  const std::thread::id thread = thread_of(store, users);
  REQUIRE(drives(users));
  server.stop();
  const auto written = store.stats().batches;
  std::future<Answer> first = std::async(std::launch::async, [&] { return users.try_acquire("first"); });
  REQUIRE(eventually([&] { return store.stats().batches > written; }));
  std::future<Answer> second = std::async(std::launch::async, [&] { return users.try_acquire("second"); });
  std::future<std::thread::id> third = ask(users, Caller::kGoesOn);
  server.resume();
  CHECK(third.get() == thread);
  CHECK(first.get().by == DecidedBy::kStore);
  CHECK(second.get().by == DecidedBy::kStore);
  CHECK(drives(users));
  CHECK(store.stats().connects == 1);
}

TEST_CASE("a caller who drives leaves at his deadline, and the late answer is dropped") {
  RedisServer server;
  const Store store = open(server, 50ms);
  RateLimiter users = limiter(store);
  REQUIRE(eventually([&] { return store.stats().up; }));
  REQUIRE(drives(users));
  server.stop();
  const Answer late = users.try_acquire("ann", 1000);
  CHECK(late.by == DecidedBy::kPolicy);
  server.resume();
  // Each later answer is that of its own request. What was sent is charged, though nobody waited.
  Answer told;
  REQUIRE(eventually([&] { return (told = users.peek("ann")).by == DecidedBy::kStore; }));
  if (late.fault == Fault::kTimeout) CHECK(told.remaining == 1'000'000 - 1000);
  const std::int64_t left = told.remaining;
  REQUIRE(eventually([&] { return (told = users.try_acquire("ann", 10)).by == DecidedBy::kStore; }));
  CHECK(told.remaining <= left - 10);
  CHECK(store.stats().connects == 1);
}

TEST_CASE("while nobody drives, a connection that is lost is found and made again without any call") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store);
  REQUIRE(eventually([&] { return store.stats().up; }));
  REQUIRE(drives(users));
  server.kill();
  CHECK(eventually([&] { return store.stats().disconnects == 1; }));
  server.start();
  CHECK(eventually([&] { return store.stats().connects == 2; }));
  CHECK(drives(users));
}

TEST_CASE("while nobody drives, messages are heard, by the thread") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store);
  const std::thread::id thread = thread_of(store, users);
  REQUIRE(drives(users));
  const auto whose = std::make_shared<int>(0);
  std::atomic<int> heard{0};
  std::atomic<int> elsewhere{0};
  store.core()->loop().listen("news", whose, [&](std::string_view) {
    ++heard;
    if (std::this_thread::get_id() != thread) ++elsewhere;
  });
  for (int i = 0; i < 3; ++i) {
    REQUIRE(drives(users));
    const int before = heard;
    CHECK(eventually([&] {
      server({"PUBLISH", "news", "x"});
      return heard > before;
    }));
  }
  CHECK(elsewhere == 0);
}

TEST_CASE("callers who drive and callers who do not take every permit once") {
  RedisServer server;
  const Store store = open(server);
  constexpr int kEach = 400;
  RateLimiter users = limiter(store, 3 * kEach / 2);
  REQUIRE(eventually([&] { return store.stats().up; }));
  REQUIRE(drives(users));
  std::atomic<int> allowed{0};
  std::atomic<int> answered{0};
  std::atomic<int> by_policy{0};
  const auto count = [&](const Answer& answer) {
    allowed += answer.allowed ? 1 : 0;
    by_policy += answer.by == DecidedBy::kPolicy ? 1 : 0;
    ++answered;
  };
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        t == 2 && i % 2 == 0 ? users.try_acquire_async("ann", 1, count) : count(users.try_acquire("ann"));
        // The others pause, so that the first is alone for a while and drives.
        if (t != 0 && i % 50 == 0) seawall::testing::short_sleep();
      }
    });
  }
  for (std::thread& each : callers) each.join();
  REQUIRE(eventually([&] { return answered == 3 * kEach; }));
  CHECK(allowed == 3 * kEach / 2);
  CHECK(by_policy == 0);
  CHECK(store.stats().timeouts == 0);
}
