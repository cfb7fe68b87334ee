// SPDX-License-Identifier: MIT
#include "seawall/keyed_circuit_breaker.h"

#include <array>
#include <set>
#include <string>

#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint kEpoch = time_from_ns(1'000'000'000'000);

KeyedCircuitBreaker keyed(KeyedCircuitBreakerOptions options) {
  if (options.seed == 0) options.seed = 7;
  return KeyedCircuitBreaker::make(options, kEpoch).value();
}

void fail(KeyedCircuitBreaker& hosts, const std::string& key, int n, TimePoint now) {
  for (int i = 0; i < n; ++i) hosts.try_acquire_at(key, now).report_at(Outcome::kFailure, now);
}
BreakerState state(const KeyedCircuitBreaker& hosts, const std::string& key, TimePoint now) {
  return hosts.snapshot_at(key, now).value().state;
}
std::string host(int i) { return "10.0.0." + std::to_string(i); }

std::set<std::string> names(const KeyedCircuitBreaker& hosts) {
  std::set<std::string> found;
  std::array<char, KeyedCircuitBreaker::kNameSize> name;
  for (std::size_t i = 0; i < hosts.stats().capacity; ++i) {
    if (const auto size = hosts.key_at(i, name)) found.emplace(name.data(), *size);
  }
  return found;
}

}  // namespace

TEST_CASE("keyed: each key has a breaker of its own") {
  auto hosts = keyed({});
  CHECK_FALSE(hosts.snapshot_at("a", kEpoch));
  fail(hosts, "a", 3, kEpoch);
  CHECK_FALSE(hosts.try_acquire_at("a", kEpoch));
  CHECK(hosts.try_acquire_at("b", kEpoch));
  CHECK(state(hosts, "a", kEpoch) == BreakerState::kOpen);
  CHECK(state(hosts, "b", kEpoch) == BreakerState::kClosed);
  CHECK(hosts.try_acquire_at("a", kEpoch + 30s).report_at(Outcome::kSuccess, kEpoch + 30s) == ReportResult::kRecorded);
  CHECK(state(hosts, "a", kEpoch + 30s) == BreakerState::kClosed);
  CHECK(hosts.stats().in_use == 2);
  CHECK(names(hosts) == std::set<std::string>{"a", "b"});
}

TEST_CASE("keyed: only what is idle, closed and without failures is evicted") {
  auto hosts = keyed({.capacity = 4, .idle_after = 60s});
  fail(hosts, "open", 3, kEpoch);
  fail(hosts, "failing", 1, kEpoch);
  hosts.try_acquire_at("idle", kEpoch).report_at(Outcome::kSuccess, kEpoch);
  hosts.try_acquire_at("busy", kEpoch + 50s).report_at(Outcome::kSuccess, kEpoch + 50s);
  CHECK(hosts.try_acquire_at("new", kEpoch + 60s - 1ns));  // nobody is idle yet: admitted, not counted
  CHECK(hosts.stats().full == 1);
  CHECK_FALSE(hosts.snapshot_at("new", kEpoch));
  CHECK(hosts.try_acquire_at("new", kEpoch + 60s));
  CHECK(hosts.stats().evictions == 1);
  CHECK(names(hosts) == std::set<std::string>{"open", "failing", "busy", "new"});
  // However long nobody asks, an open breaker stays, and a failure is remembered.
  CHECK(hosts.try_acquire_at("newer", kEpoch + 1000h));
  CHECK(hosts.try_acquire_at("newest", kEpoch + 1000h));
  CHECK(names(hosts) == std::set<std::string>{"open", "failing", "newer", "newest"});
  CHECK(hosts.snapshot_at("failing", kEpoch)->failure_count == 1);
}

TEST_CASE("keyed: who is asked for again is not idle, and openings that are not made up for are remembered") {
  auto hosts =
      keyed({.capacity = 2, .idle_after = 60s, .breaker = CircuitBreakerConfig::make({.open_decay = 1h}).value()});
  fail(hosts, "opened", 3, kEpoch);
  hosts.try_acquire_at("opened", kEpoch + 30s).report_at(Outcome::kSuccess, kEpoch + 30s);
  REQUIRE(hosts.snapshot_at("opened", kEpoch + 30s)->trips == 1);
  for (int minute = 0; minute < 20; ++minute) hosts.try_acquire_at("busy", kEpoch + minute * 30s).cancel();
  CHECK(hosts.try_acquire_at("new", kEpoch + 600s));
  CHECK(names(hosts) == std::set<std::string>{"opened", "busy"});
  CHECK(hosts.try_acquire_at("new", kEpoch + 640s));
  CHECK(names(hosts) == std::set<std::string>{"opened", "new"});
}

namespace {

// In whose state a call comes in while the table looks at it.
struct AskedMeanwhile {
  AskedMeanwhile(const CircuitBreakerConfig& /*config*/, TimePoint /*epoch*/) noexcept {}
  CircuitBreakerSnapshot snapshot_at(TimePoint /*now*/) const {
    if (++looks == 2) call();
    return {};
  }
  void reset_at(TimePoint /*now*/) { ++resets; }
  void clear_stats() {}
  void set_shadow(bool /*on*/) {}

  static inline int looks = 0, resets = 0;
  static inline void (*call)() = nullptr;
};

}  // namespace

TEST_CASE("keyed: a call that comes while its breaker is given away keeps it") {
  using Table = detail::BreakerTable<AskedMeanwhile, 16>;
  static Table* table = nullptr;
  static Table::Place* place = nullptr;
  Table one(1, 60s, CircuitBreakerConfig(), kEpoch);
  table = &one;
  place = one.find_or_add(1, "a", kEpoch);
  REQUIRE(place != nullptr);
  AskedMeanwhile::call = [] { table->touch(*place, kEpoch + 60s); };
  CHECK(one.find_or_add(2, "b", kEpoch + 60s) == nullptr);
  CHECK(place->is_of(1));
  CHECK(AskedMeanwhile::resets == 0);
  CHECK(one.find_or_add(2, "b", kEpoch + 120s) == place);
  CHECK(AskedMeanwhile::resets == 1);
}

TEST_CASE("keyed: a call that is out when its key is forgotten counts for nobody") {
  auto hosts = keyed({.capacity = 1, .idle_after = 1s});
  auto old = hosts.try_acquire_at("old", kEpoch);
  CHECK(hosts.forget_at("old", kEpoch));
  CHECK_FALSE(hosts.forget_at("old", kEpoch));
  CHECK(hosts.stats().in_use == 0);
  auto fresh = hosts.try_acquire_at("new", kEpoch);
  CHECK(old.report_at(Outcome::kFailure, kEpoch) == ReportResult::kLate);
  CHECK(hosts.snapshot_at("new", kEpoch)->failure_count == 0);
  CHECK(fresh.report_at(Outcome::kFailure, kEpoch) == ReportResult::kRecorded);
  CHECK(hosts.snapshot_at("new", kEpoch)->failure_count == 1);
  // An open one is given up too, when the host says so; its successor is closed.
  fail(hosts, "new", 2, kEpoch);
  CHECK(state(hosts, "new", kEpoch) == BreakerState::kOpen);
  CHECK(hosts.forget_at("new", kEpoch));
  CHECK(hosts.try_acquire_at("newer", kEpoch));
  CHECK(hosts.snapshot_at("newer", kEpoch)->trips == 0);
}

TEST_CASE("keyed: what a new key meets when all breakers are taken") {
  for (const auto policy : {WhenBreakersFull::kAdmit, WhenBreakersFull::kShare, WhenBreakersFull::kRefuse}) {
    auto hosts = keyed({.capacity = 2, .idle_after = 60s, .when_full = policy});
    fail(hosts, "a", 3, kEpoch);
    hosts.try_acquire_at("b", kEpoch).cancel();
    auto ticket = hosts.try_acquire_at("c", kEpoch);
    CHECK(bool(ticket) == (policy != WhenBreakersFull::kRefuse));
    if (policy == WhenBreakersFull::kAdmit)
      CHECK(ticket.report_at(Outcome::kFailure, kEpoch) == ReportResult::kNotCounted);
    if (policy == WhenBreakersFull::kShare) {
      CHECK(ticket.report_at(Outcome::kFailure, kEpoch) == ReportResult::kRecorded);
      fail(hosts, "d", 2, kEpoch);
      CHECK_FALSE(hosts.try_acquire_at("e", kEpoch));
    }
    if (policy == WhenBreakersFull::kRefuse) {
      CHECK(ticket.retry_after() == 60s);
      CHECK_FALSE(hosts.try_acquire_at("c", kEpoch + 60s - 1ns));
      CHECK(hosts.try_acquire_at("c", kEpoch + 60s));  // in the place of "b"
    }
    CHECK(hosts.stats().full > 0);
    CHECK(state(hosts, "a", kEpoch) == BreakerState::kOpen);
  }
}

TEST_CASE("keyed: shadow refuses nobody for want of a place, and counts nothing on them") {
  auto hosts = keyed({.capacity = 1,
                      .when_full = WhenBreakersFull::kRefuse,
                      .breaker = CircuitBreakerConfig::make({.shadow = true}).value()});
  hosts.try_acquire_at("a", kEpoch).cancel();
  for (int i = 0; i < 4; ++i) {
    auto ticket = hosts.try_acquire_at("b", kEpoch);
    CHECK(ticket);
    CHECK(ticket.report_at(Outcome::kFailure, kEpoch) == ReportResult::kNotCounted);
  }
  CHECK(hosts.stats().full == 4);
}

TEST_CASE("keyed: a key has no totals of the one before it in its place") {
  auto hosts = keyed({.capacity = 1, .breaker = CircuitBreakerConfig::make({.count_totals = true}).value()});
  auto late = hosts.try_acquire_at("a", kEpoch);
  fail(hosts, "a", 3, kEpoch);
  CHECK_FALSE(hosts.try_acquire_at("a", kEpoch));
  CHECK(late.report_at(Outcome::kSuccess, kEpoch) == ReportResult::kLate);
  const auto before = hosts.find("a")->stats();
  CHECK((before.failures == 3 && before.refusals == 1 && before.late_results == 1));
  CHECK(hosts.forget_at("a", kEpoch));
  hosts.try_acquire_at("b", kEpoch).cancel();
  const auto after = hosts.find("b")->stats();
  CHECK((after.failures == 0 && after.refusals == 0 && after.late_results == 0));
}

TEST_CASE("keyed: a flood of keys grows no memory and takes no breaker that is in use") {
  auto hosts = keyed({.capacity = 64, .idle_after = 10s});
  for (int i = 0; i < 32; ++i) fail(hosts, host(i), i % 2 == 0 ? 3 : 1, kEpoch);
  const std::size_t memory = hosts.stats().memory_bytes;
  TimePoint now = kEpoch;
  for (int i = 0; i < 20'000; ++i) {
    now += 1ms;
    static_cast<void>(hosts.try_acquire_at("flood " + std::to_string(i), now));
  }
  CHECK(hosts.stats().memory_bytes == memory);
  CHECK(hosts.stats().in_use == 64);
  CHECK(hosts.stats().evictions > 0);
  for (int i = 0; i < 32; ++i) {
    CHECK(state(hosts, host(i), kEpoch) == (i % 2 == 0 ? BreakerState::kOpen : BreakerState::kClosed));
  }
}

TEST_CASE("keyed: the operator") {
  auto hosts = keyed({.capacity = 2, .idle_after = 1s});
  CHECK_FALSE(hosts.reset_at("a", kEpoch));
  CHECK(hosts.force_open_at("a", kEpoch));
  CHECK_FALSE(hosts.try_acquire_at("a", kEpoch + 1000h));
  CHECK(hosts.disable_at("b", kEpoch));
  CHECK_FALSE(hosts.force_open_at("c", kEpoch + 1000h));  // neither of the two is ever idle
  CHECK(hosts.reset_at("a", kEpoch + 1000h));
  CHECK(hosts.try_acquire_at("a", kEpoch + 1000h));
  CHECK(hosts.force_open_at("c", kEpoch + 1001h));
  CHECK(names(hosts) == std::set<std::string>{"b", "c"});
}

TEST_CASE("keyed: a ticket as two numbers") {
  auto hosts = keyed({.capacity = 1, .when_full = WhenBreakersFull::kShare});
  auto ticket = hosts.try_acquire_at("a", kEpoch);
  const auto call = hosts.detach(ticket);
  CHECK_FALSE(ticket);
  CHECK(hosts.report_at(call, Outcome::kFailure, kEpoch) == ReportResult::kRecorded);
  auto other = hosts.try_acquire_at("b", kEpoch);
  const auto shared = hosts.detach(other);
  CHECK(shared.place == 1);
  CHECK(hosts.report_at(shared, Outcome::kFailure, kEpoch) == ReportResult::kRecorded);
  CHECK(hosts.report_at({call.token, 99}, Outcome::kFailure, kEpoch) == ReportResult::kInvalidToken);
  CHECK(hosts.detach(other).token == 0);
  CHECK(hosts.snapshot_at("a", kEpoch)->failure_count == 1);
  CHECK(hosts.find("b") == nullptr);
}

TEST_CASE("keyed: options out of range are refused by name") {
  const auto message = [](const KeyedCircuitBreakerOptions& o) {
    return std::string(KeyedCircuitBreaker::make(o).error().message.view());
  };
  CHECK(message({.capacity = 0}) == "capacity must be from 1 to 1000000, not 0");
  CHECK(message({.idle_after = 0ns}).starts_with("idle_after in ns must be from"));
  CHECK(message({.when_full = static_cast<WhenBreakersFull>(3)}) == "when_full must be from 0 to 2, not 3");
}

TEST_CASE("keyed: long keys are told apart, and listed cut") {
  auto hosts = keyed({});
  const std::string common(200, 'x');
  fail(hosts, common + "1", 3, kEpoch);
  CHECK(hosts.try_acquire_at(common + "2", kEpoch));
  CHECK_FALSE(hosts.try_acquire_at(common + "1", kEpoch));
  CHECK(names(hosts) == std::set<std::string>{common.substr(0, KeyedCircuitBreaker::kNameSize)});
}
