// SPDX-License-Identifier: MIT
// One store and its limiters against a real redis-server.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <future>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "redis/hash_slot.h"
#include "seawall/redis/limit_set.h"
#include "seawall/redis/rate_limiter.h"
#include "support/catch.h"
#include "support/redis_limits.h"
#include "support/redis_server.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using seawall::testing::eventually;
using seawall::testing::limiter;
using seawall::testing::open;
using seawall::testing::RedisServer;
using seawall::testing::slow;

namespace {

// What the script keeps, as limit_script.cc says, on a machine with the lowest byte first.
std::string bytes_of(const auto& number) {
  std::string text(sizeof(number), ' ');
  std::memcpy(text.data(), &number, sizeof(number));
  return text;
}
std::string bucket_state(double tat, double rest, double unit) {
  return std::string("b2").append(bytes_of(tat)).append(bytes_of(rest)).append(bytes_of(unit));
}
std::string window_state(double period, double newest, const std::vector<std::uint32_t>& counts) {
  std::string text = std::string("w2").append(bytes_of(period)).append(bytes_of(newest));
  for (const std::uint32_t count : counts) text.append(bytes_of(count));
  return text;
}
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("exact: the store decides each request, for all processes") {
  RedisServer server;
  const Store one = open(server);
  const Store two = open(server);
  for (const Algorithm algorithm : {Algorithm::kTokenBucket, Algorithm::kSlidingWindow}) {
    const std::string name = algorithm == Algorithm::kTokenBucket ? "bucket" : "window";
    RateLimiterOptions options{.name = name, .quota = slow(5), .algorithm = algorithm};
    RateLimiter here = limiter(one, options);
    RateLimiter there = limiter(two, options);
    const Answer first = here.try_acquire("ann", 2);
    CHECK(first.allowed);
    CHECK(first.by == DecidedBy::kStore);
    CHECK(first.limit == 5);
    CHECK(first.remaining == 3);
    CHECK(there.try_acquire("ann", 3).remaining == 0);
    CHECK(there.try_acquire("bob").remaining == 4);
    const Answer refused = here.try_acquire("ann");
    CHECK_FALSE(refused.allowed);
    CHECK(refused.by == DecidedBy::kStore);
    CHECK(refused.retry_after > 1h);
    CHECK(refused.retry_after <= 26h);
    CHECK(here.peek("ann", 5).retry_after > refused.retry_after - 10min);
    CHECK(here.try_acquire("ann", 6).never());
    CHECK(here.try_acquire("bob", 0).allowed);
    CHECK(here.peek("bob").remaining == 4);
  }
}

TEST_CASE("a refusal is repeated without asking, until a refund") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(4), .denial_cache = 1h});
  const Answer taken = users.try_acquire("ann", 4);
  CHECK(users.try_acquire("ann", 2).by == DecidedBy::kStore);
  const auto asked = store.stats().requests;
  for (int i = 0; i < 100; ++i) {
    const Answer answer = users.try_acquire("ann", 2 + i % 2);
    CHECK_FALSE(answer.allowed);
    CHECK(answer.by == DecidedBy::kDenialCache);
    CHECK(answer.retry_after > 0s);
  }
  CHECK(store.stats().requests == asked);
  CHECK(users.try_acquire("ann", 1).by == DecidedBy::kStore);  // fewer than were refused: nobody knows
  CHECK(users.refund("ann", taken) >= 3);                      // a part of one has been refilled since
  CHECK(users.try_acquire("ann", 2).allowed);
  CHECK(users.stats().by_denial_cache == 100);
}

TEST_CASE("leased: permits are spent here, and never more than the limit by all") {
  RedisServer server;
  const Store one = open(server);
  const Store two = open(server);
  for (const Algorithm algorithm : {Algorithm::kTokenBucket, Algorithm::kSlidingWindow}) {
    const RateLimiterOptions options{.name = algorithm == Algorithm::kTokenBucket ? "bucket" : "window",
                                     .quota = slow(1000),
                                     .algorithm = algorithm,
                                     .mode = Mode::kLeased,
                                     .gateways = 2,
                                     .batch = 100,
                                     .denial_cache = 0s};
    RateLimiter here = limiter(one, options);
    RateLimiter there = limiter(two, options);
    int admitted = 0;
    int by_lease = 0;
    for (int i = 0; i < 1200; ++i) {
      const Answer answer = (i % 3 == 0 ? there : here).try_acquire("all");
      admitted += answer.allowed ? 1 : 0;
      by_lease += answer.by == DecidedBy::kLease ? 1 : 0;
    }
    CHECK(admitted <= 1000);
    CHECK(admitted >= 600);  // what the leases do not hold
    const RateLimiterStats stats = here.stats();
    CHECK(by_lease >= 300);
    CHECK(stats.leased_permits >= 200);
    CHECK(stats.by_policy == 0);
    // Permits of a lease go back to it.
    RateLimiter third = limiter(one, {.name = "third", .quota = slow(1000), .mode = Mode::kLeased, .batch = 10});
    CHECK(third.try_acquire("x").by == DecidedBy::kStore);
    const Answer lent = third.try_acquire("x", 3);
    CHECK(lent.by == DecidedBy::kLease);
    CHECK(third.refund("x", lent) == 3);
  }
}

TEST_CASE("leased: who asks here first takes as much as who asks at once") {
  RedisServer server;
  const Store store = open(server);
  for (const bool here_first : {false, true}) {
    const auto take = [&](RateLimiter& from, std::int64_t n) {
      const std::optional<Answer> here = here_first ? from.try_acquire_here("x", n) : std::nullopt;
      return (here ? *here : from.try_acquire("x", n)).allowed;
    };
    const std::string which = here_first ? "here" : "once";
    RateLimiter half = limiter(store, {.name = "half-" + which, .quota = slow(16), .mode = Mode::kLeased, .batch = 8});
    CHECK(take(half, 8));
    CHECK(half.stats().by_store == 1);
    RateLimiter ones = limiter(store, {.name = "ones-" + which, .quota = slow(4), .mode = Mode::kLeased, .batch = 1});
    for (const bool allowed : {true, true, true, false, false}) CHECK(take(ones, 1) == allowed);
  }
  // A look alone asks for nothing, and spoils nothing.
  const auto asked = store.stats().requests;
  RateLimiter looked = limiter(store, {.name = "looked", .quota = slow(4), .mode = Mode::kLeased, .batch = 1});
  for (int i = 0; i < 3; ++i) CHECK_FALSE(looked.try_acquire_here("x"));
  CHECK(store.stats().requests == asked);
  CHECK(looked.try_acquire("x").allowed);
  CHECK(looked.try_acquire_here("x").value().by == DecidedBy::kLease);
}

TEST_CASE("foreign values are an error and the policy's, whatever they are") {
  RedisServer server;
  const Store store = open(server);
  const std::string bucket = "seawall:{b:x}";
  const std::string window = "seawall:{w:x}";
  RateLimiter b = limiter(store, {.name = "b", .quota = slow(5), .when_away = WhenAway::kDeny});
  RateLimiter w = limiter(
      store, {.name = "w", .quota = slow(5), .algorithm = Algorithm::kSlidingWindow, .when_away = WhenAway::kAllow});
  const std::vector<std::vector<std::string>> hostile{
      {"SET", "KEY", "hello"},
      {"SET", "KEY", ""},
      {"SET", "KEY", std::string(100000, '9')},
      {"SET", "KEY", "b1 1 0 5000"},  // a layout of before
      {"SET", "KEY", bucket_state(1, 5000, 5000)},
      {"SET", "KEY", bucket_state(-1, 0, 5000)},
      {"SET", "KEY", bucket_state(1, -1, 5000)},
      {"SET", "KEY", bucket_state(1, 0.5, 5000)},
      {"SET", "KEY", bucket_state(kNan, 0, 5000)},
      {"SET", "KEY", bucket_state(1, 0, kNan)},
      {"SET", "KEY", bucket_state(1e300, 0, 5000)},
      {"SET", "KEY", bucket_state(1, 0, 5000) + "x"},
      {"SET", "KEY", window_state(86'400'000'000, 1, {5})},
      {"SET", "KEY", window_state(86'400'000'000, 1, std::vector<std::uint32_t>(14, 0))},
      {"SET", "KEY", window_state(86'400'000'000, kNan, std::vector<std::uint32_t>(13, 0))},
      {"SET", "KEY", window_state(86'400'000'000, -1, std::vector<std::uint32_t>(13, 0))},
      {"SET", "KEY", window_state(86'400'000'000, 1, std::vector<std::uint32_t>(13, UINT32_MAX))},
      {"SET", "KEY", window_state(86'400'000'000, 1, std::vector<std::uint32_t>(13, 0)) + "x"},
      {"HSET", "KEY", "a", "b"},
      {"LPUSH", "KEY", "a"},
  };
  for (std::vector<std::string> command : hostile) {
    for (const auto& [key, name] : {std::pair(bucket, &b), std::pair(window, &w)}) {
      command[1] = key;
      server({"DEL", key});
      REQUIRE(server(command).front() != '-');
      const std::string before = server({"TYPE", key});
      const Answer answer = name->try_acquire("x");
      CHECK(answer.by == DecidedBy::kPolicy);
      CHECK(answer.fault == Fault::kForeign);
      CHECK(answer.allowed == (name == &w));
      CHECK(server({"TYPE", key}) == before);
      server({"DEL", key});
      CHECK(name->try_acquire("x").by == DecidedBy::kStore);
    }
  }
  CHECK(b.stats().foreign == hostile.size());
  // A time as far off as can be, in our form: no error, and no longer refusal than two bursts' time.
  server({"SET", bucket, bucket_state(9007199254740992.0, 0, 5000)});
  const Answer answer = b.try_acquire("x");
  CHECK_FALSE(answer.allowed);
  CHECK(answer.by == DecidedBy::kStore);
  CHECK(answer.retry_after < 25h);
  // So many permits in a window's count as no limit has: refused until they are gone.
  server({"SET", window, window_state(86'400'000'000, 1e9, std::vector<std::uint32_t>(13, 150'000'000))});
  CHECK_FALSE(w.try_acquire("x").allowed);
  CHECK(w.peek("x").by == DecidedBy::kStore);
}

TEST_CASE("what callers ask at the same time goes in one write") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(100000)});
  REQUIRE(users.try_acquire("warm").allowed);
  const StoreStats before = store.stats();
  std::atomic<int> allowed{0};
  std::atomic<int> answered{0};
  const auto count = [&](const Answer& answer) {
    allowed += answer.allowed && answer.by == DecidedBy::kStore ? 1 : 0;
    ++answered;
  };
  // Asked within a callback, so that the I/O thread cannot write in between, however slow this machine is.
  users.try_acquire_async("first", 1, [&](const Answer& answer) {
    for (int i = 0; i < 2000; ++i) users.try_acquire_async("key" + std::to_string(i % 50), 1, count);
    count(answer);
  });
  REQUIRE(eventually([&] { return answered == 2001; }));
  CHECK(allowed == 2001);
  const StoreStats after = store.stats();
  CHECK(after.requests - before.requests == 2001);
  CHECK(after.batches - before.batches < 100);  // a socket takes many kilobytes at once, not all of them
  CHECK(after.connects == 1);
}

TEST_CASE("a callback that had no memory for its answer is told the same again, and it counts once") {
  RedisServer server;
  const Store store = Store::open({.endpoints = {server.endpoint()}, .deadline = 300ms, .silence = 120s}).value();
  REQUIRE(eventually([&] { return store.stats().up; }));
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(100), .mode = Mode::kLeased, .batch = 10});
  std::promise<Answer> told;
  std::optional<Answer> first;
  users.try_acquire_async("ann", 1, [&](const Answer& answer) {
    if (first) return told.set_value(answer);
    first = answer;
    throw std::bad_alloc();
  });
  const Answer second = told.get_future().get();
  CHECK(second.by == first->by);
  CHECK(second.stored.at == first->stored.at);
  CHECK(second.remaining == first->remaining);
  CHECK(users.stats().by_store + users.stats().by_policy == 1);
  CHECK(users.stats().leases <= 1);

  LimitSet set = LimitSet::make({users}).value();
  const std::vector<std::string_view> keys = {"bob"};
  std::promise<SetAnswer> set_told;
  std::optional<SetAnswer> set_first;
  set.try_acquire_async(keys, 1, [&](const SetAnswer& answer) {
    if (set_first) return set_told.set_value(answer);
    set_first = answer;
    throw std::bad_alloc();
  });
  const SetAnswer set_second = set_told.get_future().get();
  CHECK(set_second.answers[0].by == set_first->answers[0].by);
  CHECK(users.stats().by_store + users.stats().by_policy == 2);
}

TEST_CASE("keys of any form stay apart and have a bound") {
  RedisServer server;
  const Store store = open(server);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(1), .denial_cache = 0s});
  const std::string zero("a\0b", 3);
  const std::string long_one(100000, 'x');
  for (const std::string& key : {std::string(), std::string("}"), std::string("{a}"), std::string("a\r\nb"), zero,
                                 std::string("a"), long_one, long_one + "y"}) {
    CHECK(users.try_acquire(key).allowed);
    CHECK_FALSE(users.try_acquire(key).allowed);
  }
  CHECK(server({"KEYS", "*"}).size() < 2000);
  CHECK(server({"DBSIZE"}) == "8");
  // The server forgets a key when it is idle, and no sooner.
  RateLimiter quick = limiter(store, {.name = "quick", .quota = Quota::make(10, 1h).value()});
  CHECK(quick.try_acquire("a", 5).allowed);
  const int left = std::stoi(server({"PTTL", "seawall:{quick:a}"}));
  CHECK(left <= 30 * 60 * 1000 + 1);
  CHECK(left > 0);
}

TEST_CASE("a server with a password: a wrong one is told as such, and the right one lets in") {
  RedisServer server({.extra = {"--user", "default", "off", "--user", "gate", "on", ">open-sesame", "~seawall:*",
                                "+@all", "--user", "blind", "on", ">x", "~seawall:*", "+auth", "+select"}});
  const auto open_as = [&](const std::string& user, const std::string& password, Duration deadline = 200ms) {
    return Store::open({.endpoints = {server.endpoint()},
                        .user = user,
                        .password = password,
                        .deadline = deadline,
                        .silence = 60s,
                        .reconnect_max = 20ms})
        .value();
  };
  struct Case {
    const char* user;
    const char* password;
    const char* says;
  };
  for (const Case& one : {Case{"gate", "wrong", "WRONGPASS"}, Case{"", "wrong", "WRONGPASS"}, Case{"", "", "NOAUTH"},
                          Case{"blind", "x", "NOPERM"}}) {
    INFO(one.user << " " << one.password);
    const Store store = open_as(one.user, one.password);
    REQUIRE(eventually([&] { return store.stats().unauthorized; }));
    RateLimiter users = limiter(store, {.name = "user", .quota = slow(2), .when_away = WhenAway::kDeny});
    for (int i = 0; i < 5; ++i) {  // of the later ones the breaker decides, without asking
      const Answer answer = users.try_acquire("ann");
      CHECK_FALSE(answer.allowed);
      CHECK(answer.by == DecidedBy::kPolicy);
      CHECK(answer.fault == Fault::kUnauthorized);
    }
    CHECK_FALSE(store.stats().up);
    CHECK(store.stats().refusal.substr(0, std::string(one.says).size()) == one.says);
  }
  const Store store = open_as("gate", "open-sesame", 60s);
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(2)});
  REQUIRE(eventually([&] { return store.stats().up; }));
  CHECK(users.try_acquire("ann").by == DecidedBy::kStore);
  CHECK_FALSE(store.stats().unauthorized);
  CHECK(store.stats().refusal.empty());
}

TEST_CASE("a key that an ACL keeps from us is no wrong password") {
  RedisServer server({.extra = {"--user", "part", "on", ">x", "~seawall:{mine*", "+@all"}});
  const Store store =
      Store::open({.endpoints = {server.endpoint()}, .user = "part", .password = "x", .deadline = 60s, .silence = 120s})
          .value();
  CHECK(limiter(store, {.name = "mine", .quota = slow(2)}).try_acquire("ann").by == DecidedBy::kStore);
  const Answer answer = limiter(store, {.name = "theirs", .quota = slow(2)}).try_acquire("ann");
  CHECK(answer.by == DecidedBy::kPolicy);
  CHECK(answer.fault == Fault::kRefused);
  CHECK_FALSE(store.stats().unauthorized);
}

TEST_CASE("a server that refused the login and then went is away, not unauthorized") {
  RedisServer server({.extra = {"--requirepass", "one"}});
  const Store store = Store::open({.endpoints = {server.endpoint()},
                                   .password = "two",
                                   .deadline = 50ms,
                                   .silence = 100ms,
                                   .reconnect_max = 20ms})
                          .value();
  RateLimiter users = limiter(store, {.name = "user", .quota = slow(2)});
  const auto fault = [&] { return users.try_acquire("ann").fault; };
  REQUIRE(eventually([&] { return fault() == Fault::kUnauthorized; }));
  server.stop();
  CHECK(eventually([&] { return !store.stats().unauthorized; }));
  CHECK(store.stats().refusal.empty());
  CHECK((fault() == Fault::kAway || fault() == Fault::kTimeout));
  server.resume();
  REQUIRE(eventually([&] { return store.stats().unauthorized; }));
  server.kill();
  CHECK(eventually([&] { return !store.stats().unauthorized; }));
  CHECK((fault() == Fault::kAway || fault() == Fault::kTimeout));
}

TEST_CASE("requirepass: the password that is set later is told, and forgotten when it is right again") {
  RedisServer server;
  const Store store = Store::open({.endpoints = {server.endpoint()},
                                   .password = "one",
                                   .deadline = 500ms,
                                   .silence = 60s,
                                   .reconnect_max = 20ms})
                          .value();
  REQUIRE(eventually([&] { return store.stats().unauthorized; }));  // a password, where none is wanted
  CHECK(server({"CONFIG", "SET", "requirepass", "one"}) == "OK");
  REQUIRE(eventually([&] { return store.stats().up; }));
  CHECK_FALSE(store.stats().unauthorized);
}

TEST_CASE("options are checked") {
  const auto code = [](const auto& result) { return result ? Code::kInternal : result.error().code; };
  CHECK(code(Store::open({})) == Code::kInvalidArgument);
  CHECK(code(Store::open({.endpoints = {{"", 1}}})) == Code::kInvalidArgument);
  CHECK(code(Store::open({.endpoints = {{}}, .deadline = 0s})) == Code::kInvalidArgument);
  CHECK(code(Store::open({.endpoints = {{}}, .deadline = 1s, .silence = 1ms})) == Code::kInvalidArgument);
  CHECK(code(Store::open({.endpoints = {{}}, .cluster = true, .database = 1})) == Code::kInvalidArgument);
  CHECK(code(Store::open({.endpoints = {{}}, .most_pending = 0})) == Code::kInvalidArgument);
  CHECK(code(Store::open({.endpoints = {{}}, .breaker = {.failure_threshold = 0}})) == Code::kInvalidArgument);
  const Store away = Store::open({.endpoints = {{"127.0.0.1", 1}}}).value();
  const auto refused = [&](const RateLimiterOptions& options) {
    return code(RateLimiter::make(away, options)) == Code::kInvalidArgument;
  };
  CHECK(refused({.name = "", .quota = slow(1)}));
  CHECK(refused({.name = "a b", .quota = slow(1)}));
  CHECK(refused({.name = "a", .quota = slow(1), .tag = "{x}"}));
  CHECK(refused({.name = "a", .quota = slow(1), .gateways = 0}));
  CHECK(refused({.name = "a", .quota = slow(10), .mode = Mode::kLeased, .gateways = 10}));
  CHECK(refused({.name = "a", .quota = slow(100), .mode = Mode::kLeased, .gateways = 10, .batch = 10}));
  CHECK(refused({.name = "a", .quota = Quota::make(5, 1min, 2).value(), .algorithm = Algorithm::kSlidingWindow}));
  CHECK(
      refused({.name = "a", .quota = Quota::make(5, Duration(1001)).value(), .algorithm = Algorithm::kSlidingWindow}));
  CHECK(refused({.name = "a", .quota = Quota::make(5, 1us).value(), .algorithm = Algorithm::kSlidingWindow}));
  CHECK(refused({.name = "a", .quota = slow(1), .memory_bytes = 1}));
  CHECK(LimitSet::make({}).error().code == Code::kInvalidArgument);
  const Store cluster = Store::open({.endpoints = {{"127.0.0.1", 1}}, .cluster = true}).value();
  const RateLimiter one = limiter(cluster, {.name = "one", .quota = slow(1)});
  const RateLimiter two = limiter(cluster, {.name = "two", .quota = slow(1)});
  CHECK(LimitSet::make({one, two}).error().code == Code::kInvalidArgument);
  CHECK(LimitSet::make({one, limiter(away, {.name = "x", .quota = slow(1)})}).error().code == Code::kInvalidArgument);
}
