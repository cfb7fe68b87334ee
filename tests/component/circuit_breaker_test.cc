// SPDX-License-Identifier: MIT
#include "seawall/circuit_breaker.h"

#include <sys/mman.h>

#include <array>
#include <new>
#include <vector>

#include "seawall/testing/manual_clock.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint kEpoch = time_from_ns(1'000'000'000'000);

struct Fixture {
  testing::ManualClock clock{kEpoch};
  CircuitBreaker breaker;

  explicit Fixture(const CircuitBreakerOptions& options = {})
      : breaker(CircuitBreakerConfig::make(options).value(), kEpoch) {}

  Ticket acquire() { return breaker.try_acquire_at(clock.now()); }
  ReportResult call(Outcome outcome) { return acquire().report_at(outcome, clock.now()); }
  void fail(int n) {
    for (int i = 0; i < n; ++i) call(Outcome::kFailure);
  }
  CircuitBreakerSnapshot snapshot() { return breaker.snapshot_at(clock.now()); }
  std::vector<CircuitBreakerEvent> events() {
    std::array<CircuitBreakerEvent, 64> buffer;
    const std::size_t n = breaker.poll_events(buffer);
    return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n)};
  }
};

}  // namespace

TEST_CASE("three failures in a row open it, a probe after open_duration closes it") {
  Fixture f;
  f.fail(2);
  CHECK(f.breaker.state() == BreakerState::kClosed);
  f.fail(1);
  CHECK(f.breaker.state() == BreakerState::kOpen);
  CHECK(f.snapshot().failure_count == 3);
  auto refused = f.acquire();
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() == 30s);
  CHECK(refused.report(Outcome::kSuccess) == ReportResult::kInvalidToken);
  f.clock.advance(30s);
  CHECK(f.snapshot().state == BreakerState::kOpen);
  CHECK(f.snapshot().retry_after == 0s);
  auto probe = f.acquire();
  REQUIRE(probe);
  CHECK(f.snapshot().state == BreakerState::kHalfOpen);
  CHECK(f.snapshot().probes_in_flight == 1);
  CHECK_FALSE(f.acquire());
  CHECK(probe.report_at(Outcome::kSuccess, f.clock.now()) == ReportResult::kRecorded);
  CHECK(f.snapshot().state == BreakerState::kClosed);
  CHECK(f.snapshot().failure_count == 0);

  const auto events = f.events();
  REQUIRE(events.size() == 3);
  CHECK(events[0].reason == BreakerReason::kFailureThreshold);
  CHECK(events[1].reason == BreakerReason::kOpenElapsed);
  CHECK(events[1].at == kEpoch + 30s);
  CHECK(events[2].reason == BreakerReason::kProbesSucceeded);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(events[i].generation == i + 1);
  CHECK(f.events().empty());
}

TEST_CASE("healthy calls write nothing: the object lies in memory that cannot be written") {
  void* page = mmap(nullptr, sizeof(CircuitBreaker), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  auto* breaker = new (page) CircuitBreaker({}, kEpoch);
  REQUIRE(mprotect(page, sizeof(CircuitBreaker), PROT_READ) == 0);
  for (int i = 0; i < 1000; ++i) {
    auto ticket = breaker->try_acquire();
    REQUIRE(ticket.report(Outcome::kSuccess) == ReportResult::kRecorded);
    auto other = breaker->try_acquire_at(kEpoch);
    REQUIRE(other.report_at(Outcome::kIgnored, kEpoch) == ReportResult::kRecorded);
    const auto dropped = breaker->try_acquire();
    REQUIRE(breaker->execute([] { return 7; }).value() == 7);
  }
  CHECK(breaker->snapshot().state == BreakerState::kClosed);
  REQUIRE(munmap(page, sizeof(CircuitBreaker)) == 0);
}

TEST_CASE("refusals write nothing either") {
  void* page = mmap(nullptr, sizeof(CircuitBreaker), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  auto* breaker = new (page) CircuitBreaker(CircuitBreakerConfig::make({.failure_threshold = 1}).value(), kEpoch);
  breaker->try_acquire_at(kEpoch).report_at(Outcome::kFailure, kEpoch);
  REQUIRE(mprotect(page, sizeof(CircuitBreaker), PROT_READ) == 0);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(breaker->try_acquire_at(kEpoch + 1s));
  REQUIRE(munmap(page, sizeof(CircuitBreaker)) == 0);
}

// A count that decays, or buckets that forget, keep a breaker closed through an outage of slow calls.
TEST_CASE("failures in a row count however much time lies between them") {
  CircuitBreaker breaker({}, kEpoch);
  for (const Duration year : {0h, 24h * 365, 24h * 365 * 20}) {
    REQUIRE(breaker.snapshot_at(kEpoch + year).state == BreakerState::kClosed);
    breaker.try_acquire_at(kEpoch + year).report_at(Outcome::kFailure, kEpoch + year);
  }
  CHECK(breaker.snapshot_at(kEpoch + 24h * 365 * 20).state == BreakerState::kOpen);
}

TEST_CASE("a healthy call reads no clock, any other at most once") {
  Fixture f;
  int reads = 0;
  const auto clock = [&] {
    ++reads;
    return f.clock.now();
  };
  CHECK(f.breaker.execute_with(clock, [] { return 1; }));
  CHECK(reads == 0);
  const auto failing = [](int) { return Outcome::kFailure; };
  CHECK(f.breaker.execute_with(
      clock, [] { return 1; }, failing));
  CHECK(reads == 1);
  f.fail(2);
  reads = 0;
  CHECK_FALSE(f.breaker.execute_with(clock, [] { return 1; }));
  CHECK(reads == 1);
}

TEST_CASE("a late failure does not keep the breaker open and says that it is late") {
  Fixture f;
  auto slow = f.acquire();
  f.fail(3);
  f.clock.advance(29s);
  CHECK(slow.report_at(Outcome::kFailure, f.clock.now()) == ReportResult::kLate);
  CHECK(f.snapshot().retry_after == 1s);
  CHECK(f.breaker.stats().late_results == 1);
  CHECK(f.events().size() == 1);
}

TEST_CASE("a late success from before the trip does not close a half-open breaker") {
  Fixture f;
  auto slow = f.acquire();
  f.fail(3);
  f.clock.advance(30s);
  auto probe = f.acquire();
  CHECK(slow.report_at(Outcome::kSuccess, f.clock.now()) == ReportResult::kLate);
  CHECK(f.breaker.state() == BreakerState::kHalfOpen);
  CHECK(probe.report_at(Outcome::kFailure, f.clock.now()) == ReportResult::kRecorded);
  CHECK(f.breaker.state() == BreakerState::kOpen);
}

TEST_CASE("tickets: destroyed is cancelled, moved is one, reported once") {
  Fixture f;
  f.fail(3);
  f.clock.advance(30s);
  {
    auto probe = f.acquire();
    CHECK_FALSE(f.acquire());
    Ticket moved = std::move(probe);
    CHECK(moved);
    CHECK(f.snapshot().probes_in_flight == 1);
  }
  CHECK(f.snapshot().probes_in_flight == 0);
  CHECK(f.breaker.state() == BreakerState::kHalfOpen);
  auto again = f.acquire();
  REQUIRE(again);
  again = Ticket();  // assignment cancels what was held
  CHECK(f.snapshot().probes_in_flight == 0);
  auto once = f.acquire();
  CHECK(once.report_at(Outcome::kSuccess, f.clock.now()) == ReportResult::kRecorded);
  CHECK(once.report_at(Outcome::kFailure, f.clock.now()) == ReportResult::kInvalidToken);
  CHECK(f.breaker.state() == BreakerState::kClosed);
}

TEST_CASE("a detached token is reported at the breaker") {
  Fixture f;
  auto ticket = f.acquire();
  const std::uint64_t token = ticket.detach();
  CHECK(token != 0);
  CHECK_FALSE(ticket);
  CHECK(f.breaker.report_at(token, Outcome::kFailure, f.clock.now()) == ReportResult::kRecorded);
  CHECK(f.snapshot().failure_count == 1);
  CHECK(f.breaker.report_at(0, Outcome::kFailure, f.clock.now()) == ReportResult::kInvalidToken);
  f.breaker.cancel(0);
  CHECK(f.snapshot().failure_count == 1);
}

TEST_CASE("several probes and several successes, one failure opens again and makes the others late") {
  Fixture f({.half_open_max_probes = 3, .success_threshold = 2});
  f.fail(3);
  f.clock.advance(30s);
  auto a = f.acquire();
  auto b = f.acquire();
  auto c = f.acquire();
  CHECK((a && b && c));
  CHECK_FALSE(f.acquire());
  CHECK(a.report_at(Outcome::kSuccess, f.clock.now()) == ReportResult::kRecorded);
  CHECK(f.snapshot().probe_successes == 1);
  CHECK(b.report_at(Outcome::kFailure, f.clock.now()) == ReportResult::kRecorded);
  CHECK(f.snapshot().state == BreakerState::kOpen);
  CHECK(f.snapshot().trips == 2);
  CHECK(c.report_at(Outcome::kSuccess, f.clock.now()) == ReportResult::kLate);
  CHECK(f.snapshot().state == BreakerState::kOpen);
}

TEST_CASE("a lost probe is counted and its place taken after the lease") {
  Fixture f({.probe_lease = 5s});
  f.fail(3);
  f.clock.advance(30s);
  const std::uint64_t lost = f.acquire().detach();
  f.clock.advance(4s);
  auto refused = f.acquire();
  REQUIRE_FALSE(refused);
  f.clock.advance(refused.retry_after());
  auto probe = f.acquire();
  REQUIRE(probe);
  CHECK(f.breaker.stats().probes_lost == 1);
  CHECK(f.breaker.report_at(lost, Outcome::kSuccess, f.clock.now()) == ReportResult::kLate);
  CHECK(f.breaker.state() == BreakerState::kHalfOpen);
  CHECK(probe.report_at(Outcome::kSuccess, f.clock.now()) == ReportResult::kRecorded);
  CHECK(f.breaker.state() == BreakerState::kClosed);
}

TEST_CASE("only reset leaves forced open and disabled") {
  Fixture f;
  f.breaker.force_open_at(f.clock.now());
  f.breaker.force_open_at(f.clock.now());  // the second changes nothing
  f.clock.advance(1000h);
  auto refused = f.acquire();
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() == Decision::kNever);
  f.breaker.disable_at(f.clock.now());
  for (int i = 0; i < 10; ++i) CHECK(f.call(Outcome::kFailure) == ReportResult::kNotCounted);
  CHECK(f.breaker.state() == BreakerState::kDisabled);
  auto unguarded = f.acquire();
  f.breaker.reset_at(f.clock.now());
  CHECK(unguarded.report_at(Outcome::kFailure, f.clock.now()) == ReportResult::kLate);
  CHECK(f.snapshot().state == BreakerState::kClosed);
  CHECK(f.snapshot().failure_count == 0);
  const auto events = f.events();
  REQUIRE(events.size() == 3);
  CHECK(events[0].to == BreakerState::kForcedOpen);
  CHECK(events[1].from == BreakerState::kForcedOpen);
  CHECK(events[1].to == BreakerState::kDisabled);
  CHECK(events[2].reason == BreakerReason::kReset);
}

TEST_CASE("the clock may step back and start before the epoch") {
  Fixture f;
  f.clock.set(time_from_ns(std::numeric_limits<std::int64_t>::min() + 1));
  f.fail(3);
  CHECK(f.snapshot().retry_after == Duration::max());  // 292 years from here, which is when 30 s after the epoch are
  f.clock.set(kEpoch - 5s);
  CHECK(f.snapshot().retry_after == 35s);
  CHECK(f.acquire().retry_after() == 35s);
  f.clock.set(kEpoch);
  CHECK(f.snapshot().retry_after == 30s);
  f.clock.set(kEpoch + 30s);
  auto probe = f.acquire();
  REQUIRE(probe);
  f.clock.set(kEpoch);
  CHECK_FALSE(f.acquire());
  CHECK(probe.report_at(Outcome::kFailure, f.clock.now()) == ReportResult::kRecorded);
  f.clock.set(kEpoch + 59s);
  CHECK_FALSE(f.acquire());
  f.clock.set(time_from_ns(std::numeric_limits<std::int64_t>::max()));
  CHECK(f.acquire());
}

TEST_CASE("execute: value, void, refusal, classification, exceptions") {
  Fixture f;
  const auto clock = [&] { return f.clock.now(); };
  CHECK(f.breaker.execute_with(clock, [] { return std::make_unique<int>(5); }).value() != nullptr);
  CHECK(f.breaker.execute_with(clock, [] {}));
  const auto bad_status = [](int status) { return status >= 500 ? Outcome::kFailure : Outcome::kSuccess; };
  CHECK(f.breaker
            .execute_with(
                clock, [] { return 503; }, bad_status)
            .value() == 503);
  CHECK(f.snapshot().failure_count == 1);
  CHECK_THROWS_AS(f.breaker.execute_with(clock, []() -> int { throw std::runtime_error("down"); }), std::runtime_error);
  CHECK_THROWS_AS(f.breaker.execute_with(clock, [] { throw 1; }), int);
  CHECK(f.breaker.state() == BreakerState::kOpen);
  int calls = 0;
  const auto refused = f.breaker.execute_with(clock, [&] { return ++calls; });
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() == 30s);
  CHECK(calls == 0);
}

TEST_CASE("an exception from the classifier cannot lose a probe") {
  Fixture f;
  f.fail(3);
  f.clock.advance(30s);
  const auto broken = [](int) -> Outcome { throw std::runtime_error("classifier"); };
  CHECK_THROWS(f.breaker.execute_with([&] { return f.clock.now(); }, [] { return 1; }, broken));
  CHECK(f.snapshot().state == BreakerState::kHalfOpen);
  CHECK(f.snapshot().probes_in_flight == 0);
}

TEST_CASE("the ring keeps the newest 32 events and counts the rest") {
  Fixture f;
  for (int i = 0; i < 40; ++i) f.breaker.reset_at(f.clock.now());
  CHECK(f.breaker.lost_events() == 8);
  const auto events = f.events();
  REQUIRE(events.size() == 32);
  CHECK(events.front().generation == 9);
  CHECK(events.back().generation == 40);
  CHECK(f.breaker.lost_events() == 8);
}

// Once the generations between two polls passed half of their range, polls answered nothing for the other half.
TEST_CASE("a host that has not polled for more transitions than there are generations misses only the old ones") {
  for (const int transitions : {65'600, 100'000, 131'072, 300'000}) {
    CAPTURE(transitions);
    Fixture f;
    for (int i = 0; i < transitions; ++i) f.breaker.reset_at(f.clock.now());
    CHECK(f.breaker.lost_events() == static_cast<std::uint64_t>(transitions) - 32);
    const auto events = f.events();
    REQUIRE(events.size() == 32);
    CHECK(events.back().generation == static_cast<std::uint32_t>(transitions) % 131'072);
    CHECK(f.events().empty());
  }
}

TEST_CASE("events come in small portions, in order, across the wrap of the generation") {
  Fixture f;
  std::uint32_t expected = 1;
  std::array<CircuitBreakerEvent, 3> portion;
  for (int i = 0; i < 131'080; ++i) {
    f.breaker.reset_at(f.clock.now());
    if (i % 5 != 4) continue;
    while (const std::size_t n = f.breaker.poll_events(portion)) {
      for (std::size_t k = 0; k < n; ++k) {
        if (portion[k].generation != expected) FAIL("generation " << portion[k].generation << ", not " << expected);
        expected = (expected + 1) % 131'072;
      }
    }
  }
  CHECK(expected == 9);
  CHECK(f.breaker.lost_events() == 0);
}

TEST_CASE("an empty span takes nothing and loses nothing") {
  Fixture f;
  f.fail(3);
  CHECK(f.breaker.poll_events({}) == 0);
  CHECK(f.events().size() == 1);
}
