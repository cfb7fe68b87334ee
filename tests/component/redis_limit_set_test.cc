// SPDX-License-Identifier: MIT
// Several limits in a real redis-server as one decision.
#include <chrono>
#include <future>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/redis/limit_set.h"
#include "seawall/redis/rate_limiter.h"
#include "support/catch.h"
#include "support/redis_limits.h"
#include "support/redis_server.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using seawall::testing::limiter;
using seawall::testing::open;
using seawall::testing::RedisServer;
using seawall::testing::slow;

namespace {

using Keys = std::vector<std::string_view>;

RateLimiterOptions window(std::string name, std::int64_t permits) {
  return {.name = std::move(name), .quota = slow(permits), .algorithm = Algorithm::kSlidingWindow, .denial_cache = 0s};
}

Store nowhere() { return Store::open({.endpoints = {{"127.0.0.1", 1}}, .deadline = 1ms}).value(); }

bool nothing_charged(const SetAnswer& answer) {
  for (const Answer& each : answer.answers) {
    if (each.stored.permits != 0 || each.charge.permits != 0) return false;
  }
  return true;
}

void check_same(const SetAnswer& peeked, const SetAnswer& taken) {
  CHECK(peeked.allowed == taken.allowed);
  CHECK(peeked.refused_by() == taken.refused_by());
  CHECK((peeked.retry_after == Decision::kNever) == (taken.retry_after == Decision::kNever));
  CHECK(peeked.retry_after >= taken.retry_after);  // asked before
  REQUIRE(peeked.answers.size() == taken.answers.size());
  for (std::size_t i = 0; i < taken.answers.size(); ++i) {
    CHECK(peeked.answers[i].allowed == taken.answers[i].allowed);
    CHECK(peeked.answers[i].limit == taken.answers[i].limit);
    CHECK(peeked.answers[i].by == taken.answers[i].by);
    CHECK(peeked.answers[i].fault == taken.answers[i].fault);
  }
}

}  // namespace

TEST_CASE("a set charges all of its limits or none, in one call") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(3)});
  RateLimiter services =
      limiter(store, {.name = "service", .quota = slow(4), .algorithm = Algorithm::kSlidingWindow, .denial_cache = 0s});
  LimitSet limits = LimitSet::make({users, services}).value();
  for (int i = 0; i < 3; ++i) {
    const SetAnswer answer = limits.try_acquire({"ann", "trading"});
    CHECK(answer.allowed);
    CHECK(answer.answers[0].remaining == 2 - i);
    CHECK(answer.answers[1].remaining == 3 - i);
  }
  const SetAnswer refused = limits.try_acquire({"ann", "trading"});
  CHECK_FALSE(refused.allowed);
  CHECK(refused.refused_by() == 0);
  CHECK(refused.retry_after > 0s);
  CHECK(refused.answers[1].allowed);
  CHECK(services.peek("trading").remaining == 1);
  const SetAnswer last = limits.try_acquire({"bob", "trading"});
  CHECK(last.allowed);
  CHECK(limits.try_acquire({"bob", "trading"}).refused_by() == 1);
  CHECK(users.peek("bob").remaining == 2);
  users.refund("bob", last.answers[0]);
  CHECK(users.peek("bob").remaining == 3);
  CHECK(services.refund("trading", last.answers[1]) == 1);
  CHECK(limits.try_acquire({"bob"}).retry_after == Decision::kNever);
}

TEST_CASE("a set that refuses by memory does not say what is left of the limits that it did not ask") {
  RedisServer server;
  const Store store = open(server);
  const RateLimiter users = limiter(store, {.name = "user", .quota = slow(1)});
  const RateLimiter services = limiter(store, {.name = "service", .quota = slow(4)});
  LimitSet limits = LimitSet::make({users, services}).value();
  CHECK(limits.try_acquire({"ann", "trading"}).allowed);
  CHECK(limits.try_acquire({"ann", "trading"}).answers[1].remaining == 3);
  const SetAnswer cached = limits.try_acquire({"ann", "trading"});
  CHECK(cached.answers[0].by == DecidedBy::kDenialCache);
  CHECK(cached.answers[0].remaining == 0);
  CHECK(cached.answers[1].allowed);
  CHECK(cached.answers[1].remaining == -1);
}

TEST_CASE("a set refuses the second of two places with one key, which would be charged once for both") {
  RedisServer server;
  const Store store = open(server);
  const RateLimiter users = limiter(store, {.name = "user", .quota = slow(3)});
  LimitSet both = LimitSet::make({users, users}).value();
  const SetAnswer twice = both.try_acquire({"ann", "ann"});
  CHECK_FALSE(twice.allowed);
  CHECK(twice.refused_by() == 1);
  CHECK(twice.retry_after == Decision::kNever);
  CHECK(both.try_acquire({"ann", "bob"}).allowed);
}

TEST_CASE("a set that peeks is told what a try would be, and takes nothing") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(3), .denial_cache = 0s});
  RateLimiter services = limiter(store, window("service", 4));
  LimitSet limits = LimitSet::make({users, services}).value();
  for (const std::int64_t n : {0, 1, 2, 1, 4, 1}) {
    const SetAnswer peeked = limits.peek({"ann", "trading"}, n);
    CHECK(nothing_charged(peeked));
    const SetAnswer taken = limits.try_acquire({"ann", "trading"}, n);
    check_same(peeked, taken);
    for (std::size_t i = 0; i < 2 && taken.allowed; ++i) {
      CHECK(peeked.answers[i].remaining == taken.answers[i].remaining + n);
    }
  }
  CHECK(users.peek("ann").remaining == 0);
  CHECK(services.peek("trading").remaining == 1);
  CHECK_FALSE(limits.peek({"ann", "trading"}).allowed);
  CHECK(limits.peek({"bob", "trading"}).allowed);
  CHECK(limits.peek({"bob", "trading"}, 2).refused_by() == 1);
  CHECK(limits.peek({"bob"}).retry_after == Decision::kNever);
}

TEST_CASE("a set that peeks asks Redis although a refusal is remembered") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(1)});
  RateLimiter other = limiter(open(server), {.name = "user", .quota = slow(1)});
  LimitSet limits = LimitSet::make({users}).value();
  const Answer taken = other.try_acquire("ann");
  CHECK(limits.try_acquire({"ann"}).answers[0].by == DecidedBy::kStore);
  CHECK(limits.try_acquire({"ann"}).answers[0].by == DecidedBy::kDenialCache);
  CHECK(limits.peek({"ann"}).answers[0].by == DecidedBy::kStore);
  other.refund("ann", taken);
  CHECK(limits.peek({"ann"}).allowed);
}

TEST_CASE("a set gives a whole taken set back, once and in one call") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(3)});
  RateLimiter services = limiter(store, window("service", 4));
  RateLimiter all = limiter(store, window("all", 5));
  LimitSet limits = LimitSet::make({users, services, all}).value();
  SetAnswer first = limits.try_acquire({"ann", "trading", ""}, 3);
  SetAnswer refused = limits.try_acquire({"ann", "trading", ""});
  CHECK_FALSE(refused.allowed);
  auto asked = store.stats().requests;
  limits.refund({"ann", "trading", ""}, refused);
  CHECK(store.stats().requests == asked);
  limits.refund({"ann", "trading", ""}, first);
  CHECK(store.stats().requests == asked + 1);
  CHECK(nothing_charged(first));
  CHECK(first.answers[0].remaining >= 2);  // a part of one has been refilled since
  CHECK(first.answers[1].remaining == 4);
  CHECK(first.answers[2].remaining == 5);
  limits.refund({"ann", "trading", ""}, first);
  CHECK(store.stats().requests == asked + 1);
  CHECK(users.peek("ann").remaining == 3);
  CHECK(services.peek("trading").remaining == 4);
  CHECK(all.peek("").remaining == 5);
  CHECK(limits.try_acquire({"ann", "trading", ""}).allowed);  // the refusal is no longer remembered
  // A part of it, and what was never taken.
  SetAnswer part = limits.try_acquire({"bob", "social", ""}, 2);
  part.answers[1].stored.permits = 1;
  limits.refund({"bob", "social", ""}, part);
  CHECK(services.peek("social").remaining == 3);
  CHECK(all.peek("").remaining == 4);
  SetAnswer nothing = limits.try_acquire({"ann", "trading", ""}, 0);
  CHECK(nothing_charged(nothing));
  limits.refund({"ann", "trading", ""}, nothing);
  CHECK(all.peek("").remaining == 4);
}

TEST_CASE("what a set gives back comes back once though the answer is lost and it is asked again") {
  RedisServer server;
  const Store patient = open(server);
  const Store hasty = Store::open({.endpoints = {server.endpoint()}, .deadline = 20ms, .silence = 120s}).value();
  REQUIRE(seawall::testing::eventually([&] { return hasty.stats().up; }));
  const auto set_in = [](const Store& store) {
    return LimitSet::make({limiter(store, {.name = "user", .quota = slow(10)}), limiter(store, window("all", 10))})
        .value();
  };
  LimitSet limits = set_in(patient);
  LimitSet hurried = set_in(hasty);
  REQUIRE(limits.try_acquire({"ann", ""}, 4).allowed);
  SetAnswer taken = limits.try_acquire({"ann", ""}, 3);
  REQUIRE(taken.allowed);
  server.stop();
  hurried.refund({"ann", ""}, taken);
  CHECK(nothing_charged(taken));
  CHECK(taken.answers[1].remaining == 3);
  server.resume();
  CHECK(seawall::testing::eventually([&] { return limits.peek({"ann", ""}).answers[1].remaining == 6; }));
  hurried.refund({"ann", ""}, taken);
  limits.refund({"ann", ""}, taken);
  CHECK(limits.peek({"ann", ""}).answers[0].remaining == 6);
  CHECK(limits.peek({"ann", ""}).answers[1].remaining == 6);
}

TEST_CASE("a set does not give back beside a key that holds what no limiter wrote") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, window("user", 3));
  RateLimiter services = limiter(store, window("service", 4));
  LimitSet limits = LimitSet::make({users, services}).value();
  SetAnswer taken = limits.try_acquire({"ann", "trading"});
  REQUIRE(server({"SET", "seawall:{user:ann}", "hello"}) == "OK");
  limits.refund({"ann", "trading"}, taken);
  CHECK(taken.answers[1].remaining == 3);
  CHECK(services.peek("trading").remaining == 3);
  CHECK(server({"GET", "seawall:{user:ann}"}) == "hello");
  CHECK(limits.peek({"ann", "trading"}).answers[0].fault == Fault::kForeign);
}

TEST_CASE("away, a set peeks at its policies and gives back what they took") {
  const Store store = nowhere();
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(2)});
  RateLimiter services = limiter(store, {.name = "service", .quota = slow(3)});
  LimitSet limits = LimitSet::make({users, services}).value();
  for (int i = 0; i < 4; ++i) CHECK(limits.peek({"ann", "trading"}, 2).allowed);
  CHECK(users.peek("ann", 2).allowed);
  SetAnswer taken = limits.try_acquire({"ann", "trading"}, 2);
  REQUIRE(taken.allowed);
  CHECK(taken.answers[0].by == DecidedBy::kPolicy);
  const SetAnswer peeked = limits.peek({"ann", "trading"});
  check_same(peeked, limits.try_acquire({"ann", "trading"}));
  CHECK_FALSE(users.peek("ann").allowed);
  CHECK(users.peek("ann", 3).never());
  limits.refund({"ann", "trading"}, taken);
  CHECK(nothing_charged(taken));
  CHECK(taken.answers[0].remaining >= 1);  // a part of one has been refilled since
  CHECK(limits.peek({"ann", "trading"}, 2).allowed);
  LimitSet closed =
      LimitSet::make({users, limiter(store, {.name = "no", .quota = slow(9), .when_away = WhenAway::kDeny})}).value();
  CHECK(closed.peek({"bob", "x"}).refused_by() == 1);
  for (int i = 0; i < 3; ++i) {
    const SetAnswer refused = closed.try_acquire({"bob", "x"}, 2);
    CHECK(refused.refused_by() == 1);
    CHECK(refused.answers[0].allowed);
    CHECK(nothing_charged(refused));
  }
  CHECK(users.peek("bob", 2).allowed);
}

TEST_CASE("while away 0 permits are allowed by every policy and give nothing back") {
  const Store store = nowhere();
  for (const WhenAway away : {WhenAway::kAllow, WhenAway::kDeny, WhenAway::kLocalShare}) {
    RateLimiter users = limiter(store, {.name = "user", .quota = slow(2), .when_away = away});
    LimitSet limits = LimitSet::make({users}).value();
    if (away == WhenAway::kLocalShare) CHECK(limits.try_acquire({"ann"}, 2).allowed);
    for (const std::int64_t n : {std::int64_t(0), std::int64_t(-9)}) {
      CHECK(users.try_acquire("ann", n).allowed);
      CHECK(users.peek("ann", n).retry_after == Duration(0));
      SetAnswer taken = limits.try_acquire({"ann"}, n);
      CHECK(taken.allowed);
      CHECK(nothing_charged(taken));
      limits.refund({"ann"}, taken);
    }
    CHECK(limits.peek({"ann"}).allowed == (away == WhenAway::kAllow));
  }
}

TEST_CASE("a set peeks and gives back without blocking, and a callback without memory is told the same again") {
  RedisServer server;
  const Store store = Store::open({.endpoints = {server.endpoint()}, .deadline = 300ms, .silence = 120s}).value();
  REQUIRE(seawall::testing::eventually([&] { return store.stats().up; }));
  RateLimiter users = limiter(store, window("user", 9));
  LimitSet limits = LimitSet::make({users}).value();
  const Keys keys = {"ann"};
  SetAnswer taken = limits.try_acquire(keys, 5);
  const Answer single = users.try_acquire("bob", 3);
  // A machine that is slower than the deadline decides here, and tells at once.
  if (taken.answers[0].by != DecidedBy::kStore || single.by != DecidedBy::kStore) return;
  // Each answer is thrown away once.
  const auto ask = [](auto begin) {
    std::promise<SetAnswer> told;
    std::optional<SetAnswer> first;
    begin([&](const SetAnswer& answer) {
      if (first) return told.set_value(answer);
      first = answer;
      throw std::bad_alloc();
    });
    const SetAnswer second = told.get_future().get();
    CHECK(second.answers[0].remaining == first->answers[0].remaining);
    CHECK(second.answers[0].by == first->answers[0].by);
  };
  ask([&](auto done) { limits.peek_async(keys, 1, done); });
  ask([&](auto done) { limits.refund_async(keys, taken, done); });
  CHECK(nothing_charged(taken));
  std::promise<std::int64_t> returned;
  std::optional<std::int64_t> first;
  users.refund_async("bob", single, [&](std::int64_t permits) {
    if (first) return returned.set_value(permits);
    first = permits;
    throw std::bad_alloc();
  });
  CHECK(returned.get_future().get() == *first);
}
