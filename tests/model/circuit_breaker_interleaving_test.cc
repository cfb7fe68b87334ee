// SPDX-License-Identifier: MIT
//
// The shipped breaker under every order of its accesses, for two and three threads. What must hold in each:
//   - probes in flight never exceed the maximum, and two holders never share a place;
//   - a stale token never changes the word;
//   - each transition has one event, and events come in the order of their generations;
//   - after an admit, half-open is no older than its lease;
//   - a thread that dies anywhere costs at most its probe (until the lease) and one event, which is counted.
#include <array>
#include <stdexcept>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using testing::explorer::explore;
using testing::explorer::kMortal;
using testing::explorer::Run;

namespace {

using Breaker = BasicCircuitBreaker<testing::explorer::Cell>;
constexpr TimePoint kEpoch = time_from_ns(0);
constexpr TimePoint at(Duration t) { return kEpoch + t; }

CircuitBreakerConfig config(const CircuitBreakerOptions& options) {
  return CircuitBreakerConfig::make(options).value();
}

void fail(Breaker& breaker, int n, TimePoint now) {
  for (int i = 0; i < n; ++i) breaker.try_acquire_at(now).report_at(Outcome::kFailure, now);
}

std::vector<CircuitBreakerEvent> drain(Breaker& breaker) {
  std::array<CircuitBreakerEvent, 64> buffer;
  const std::size_t n = breaker.poll_events(buffer);
  return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n)};
}

// One event for each generation up to the present one, each from the state that the one before led to.
void require_all_events(Breaker& breaker) {
  const auto events = drain(breaker);
  REQUIRE(events.size() == breaker.snapshot_at(kEpoch).generation);
  BreakerState state = BreakerState::kClosed;
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    REQUIRE(events[i].generation == i + 1);
    REQUIRE(events[i].from == state);
    state = events[i].to;
  }
  REQUIRE(state == breaker.state());
}

}  // namespace

TEST_CASE("explorer: it finds the lost update of a read and a write, and counts schedules") {
  bool lost_update = false;
  const auto result = explore([&](Run& run) {
    testing::explorer::Cell cell;
    for (int i = 0; i < 2; ++i) run.thread([&] { cell.store(cell.load() + 1); });
    if (!run.go()) return;
    lost_update |= cell.load() == 1;
  });
  CHECK(lost_update);
  CHECK(result.complete);
  CHECK(result.schedules == 4);  // of the six orders, those that differ in more than the order of the two loads
}

TEST_CASE("explorer: a scenario that runs differently another time is told, and not taken for one that is well") {
  int runs = 0;
  const auto scenario = [&](Run& run) {
    testing::explorer::Cell cell;
    const int accesses = runs++ == 0 ? 3 : 1;
    for (int i = 0; i < 2; ++i) {
      run.thread([&cell, accesses] {
        for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(accesses); ++n) cell.store(n);
      });
    }
    (void)run.go();
  };
  CHECK_THROWS_AS(explore(scenario), std::logic_error);
}

TEST_CASE("explorer: independent accesses are not permuted, and a thread dies at each of its accesses") {
  const auto independent = explore([](Run& run) {
    std::array<testing::explorer::Cell, 3> cells;
    for (auto& cell : cells) run.thread([&cell] { cell.store(cell.load() + 1); });
    if (!run.go()) return;
    for (const auto& cell : cells) REQUIRE(cell.load() == 1);
  });
  CHECK(independent.schedules == 1);
  std::vector<std::uint64_t> left;
  const auto mortal = explore([&](Run& run) {
    testing::explorer::Cell cell;
    run.thread(
        [&] {
          for (std::uint64_t i = 1; i <= 3; ++i) cell.store(i);
        },
        kMortal);
    if (run.go()) left.push_back(cell.load());
  });
  CHECK(left == std::vector<std::uint64_t>{3, 0, 1, 2, 3});
  CHECK(mortal.kills == 3);
}

TEST_CASE("three failures at once: one of them trips, one event") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({}), kEpoch);
    std::array<std::uint64_t, 3> tokens;
    for (auto& token : tokens) token = breaker.try_acquire_at(kEpoch).detach();
    for (std::size_t i = 0; i < 3; ++i) {
      run.thread([&, i] { breaker.report_at(tokens[i], Outcome::kFailure, at(std::chrono::seconds(i))); });
    }
    if (!run.go()) return;
    REQUIRE(breaker.state() == BreakerState::kOpen);
    REQUIRE(breaker.snapshot_at(kEpoch).retry_after >= 30s);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("two trips race: the second failure is late, does not extend the break and makes no event") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({.failure_threshold = 1}), kEpoch);
    std::array<std::uint64_t, 2> tokens;
    std::array<ReportResult, 2> results{};
    for (auto& token : tokens) token = breaker.try_acquire_at(kEpoch).detach();
    for (std::size_t i = 0; i < 2; ++i) {
      run.thread([&, i] { results[i] = breaker.report_at(tokens[i], Outcome::kFailure, at(std::chrono::seconds(i))); });
    }
    if (!run.go()) return;
    const bool first_won = results[0] == ReportResult::kRecorded;
    REQUIRE(results[first_won ? 1 : 0] == ReportResult::kLate);
    REQUIRE(breaker.snapshot_at(kEpoch).retry_after == (first_won ? 30s : 31s));
    REQUIRE(breaker.stats().late_results == 1);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("three callers find the break over: as many probes as allowed, one transition") {
  for (const int probes : {1, 2}) {
    const auto result = explore([probes](Run& run) {
      Breaker breaker(config({.half_open_max_probes = probes}), kEpoch);
      fail(breaker, 3, kEpoch);
      std::array<std::uint64_t, 3> tokens{};
      for (std::size_t i = 0; i < 3; ++i) {
        run.thread([&, i] { tokens[i] = breaker.try_acquire_at(at(30s + std::chrono::seconds(i))).detach(); });
      }
      run.after_each_access([&] { REQUIRE(breaker.snapshot_at(kEpoch).probes_in_flight <= probes); });
      if (!run.go()) return;
      int admitted = 0;
      for (const std::uint64_t token : tokens) admitted += token != 0;
      REQUIRE(admitted == probes);
      REQUIRE(breaker.snapshot_at(kEpoch).probes_in_flight == probes);
      require_all_events(breaker);
    });
    CHECK(result.complete);
  }
}

TEST_CASE("a caller whose clock is behind never undoes what one ahead did") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({}), kEpoch);
    fail(breaker, 3, kEpoch);
    bool ahead = false;
    bool behind = false;
    run.thread([&] {
      auto ticket = breaker.try_acquire_at(at(30s));
      ahead = bool(ticket);
      ticket.report_at(Outcome::kFailure, at(30s));
    });
    run.thread([&] {
      auto ticket = breaker.try_acquire_at(at(29s));
      behind = bool(ticket);
      ticket.report_at(Outcome::kSuccess, at(29s));
    });
    if (!run.go()) return;
    REQUIRE(ahead);
    REQUIRE_FALSE(behind);
    REQUIRE(breaker.state() == BreakerState::kOpen);
    REQUIRE(breaker.snapshot_at(at(30s)).retry_after == 30s);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("a stale token never changes the word, whatever happens beside it") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({.half_open_max_probes = 2, .success_threshold = 2}), kEpoch);
    const std::uint64_t from_closed = breaker.try_acquire_at(kEpoch).detach();
    fail(breaker, 3, kEpoch);
    const std::uint64_t lost = breaker.try_acquire_at(at(30s)).detach();
    ReportResult stale{};
    std::uint64_t reclaimed = 0;
    run.thread([&] { stale = breaker.report_at(from_closed, Outcome::kFailure, at(90s)); });
    run.thread([&] { reclaimed = breaker.try_acquire_at(at(90s)).detach(); });
    run.thread([&] { breaker.report_at(lost, Outcome::kSuccess, at(90s)); });
    if (!run.go()) return;
    REQUIRE(stale == ReportResult::kLate);
    const auto seen = breaker.snapshot_at(at(90s));
    REQUIRE(reclaimed != 0);
    REQUIRE(seen.state == BreakerState::kHalfOpen);
    REQUIRE(seen.probes_in_flight == 1);
    // Either the success came before the lease was called in, or it was late.
    REQUIRE(seen.probe_successes + static_cast<int>(breaker.stats().probes_lost) == 1);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("two callers after a lost probe's lease: one takes its place, half-open is never older than the lease") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({.probe_lease = 5s}), kEpoch);
    fail(breaker, 3, kEpoch);
    static_cast<void>(breaker.try_acquire_at(at(30s)).detach());
    std::array<std::uint64_t, 2> tokens{};
    for (auto& token : tokens) {
      run.thread([&] { token = breaker.try_acquire_at(at(40s)).detach(); });
    }
    if (!run.go()) return;
    REQUIRE((tokens[0] != 0) + (tokens[1] != 0) == 1);
    REQUIRE(breaker.stats().probes_lost == 1);
    REQUIRE(breaker.snapshot_at(at(40s)).retry_after >= 5s);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("success, failure and cancel of three probes race: one decides, the others are late") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({.half_open_max_probes = 3}), kEpoch);
    fail(breaker, 3, kEpoch);
    std::array<std::uint64_t, 3> tokens;
    for (auto& token : tokens) token = breaker.try_acquire_at(at(30s)).detach();
    std::array<ReportResult, 2> results{};
    run.thread([&] { results[0] = breaker.report_at(tokens[0], Outcome::kSuccess, at(31s)); });
    run.thread([&] { results[1] = breaker.report_at(tokens[1], Outcome::kFailure, at(31s)); });
    run.thread([&] { breaker.cancel(tokens[2]); });
    if (!run.go()) return;
    const bool closed = breaker.state() == BreakerState::kClosed;
    REQUIRE((closed || breaker.state() == BreakerState::kOpen));
    REQUIRE(results[closed ? 0 : 1] == ReportResult::kRecorded);
    REQUIRE(results[closed ? 1 : 0] == ReportResult::kLate);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("the operator against a trip and a probe: automatic transitions do not leave forced open") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({.failure_threshold = 1}), kEpoch);
    const std::uint64_t token = breaker.try_acquire_at(kEpoch).detach();
    run.thread([&] { breaker.report_at(token, Outcome::kFailure, kEpoch); });
    run.thread([&] { breaker.force_open_at(kEpoch); });
    run.thread([&] { breaker.try_acquire_at(at(60s)).report_at(Outcome::kSuccess, at(60s)); });
    if (!run.go()) return;
    REQUIRE(breaker.state() == BreakerState::kForcedOpen);
    require_all_events(breaker);
  });
  CHECK(result.complete);
}

TEST_CASE("a probe that dies at any access: the next lease ends it, and its event is counted if it is lost") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({}), kEpoch);
    fail(breaker, 3, kEpoch);
    run.thread(
        [&] {
          auto probe = breaker.try_acquire_at(at(30s));
          probe.report_at(Outcome::kFailure, at(31s));
        },
        kMortal);
    run.thread([&] { static_cast<void>(breaker.try_acquire_at(at(29s))); });
    if (!run.go()) return;
    // Whatever it left: after open_duration and a lease a call is admitted and can close the breaker.
    auto next = breaker.try_acquire_at(at(120s));
    REQUIRE(next);
    REQUIRE(next.report_at(Outcome::kSuccess, at(120s)) == ReportResult::kRecorded);
    REQUIRE(breaker.state() == BreakerState::kClosed);
    // No event twice, none out of order, and what is missing is counted: one at most.
    std::size_t delivered = 0;
    std::uint32_t last = 0;
    for (int polls = 0; polls < 3; ++polls) {
      for (const auto& event : drain(breaker)) {
        REQUIRE(event.generation > last);
        last = event.generation;
        ++delivered;
      }
    }
    REQUIRE(breaker.lost_events() <= (run.killed() ? 1U : 0U));
    REQUIRE(delivered + breaker.lost_events() == breaker.snapshot_at(kEpoch).generation);
  });
  CHECK(result.complete);
  CHECK(result.kills > 0);
}

TEST_CASE("two readers share the events of a writer: each is delivered once") {
  const auto result = explore([](Run& run) {
    Breaker breaker(config({}), kEpoch);
    breaker.force_open_at(kEpoch);
    std::array<std::size_t, 2> counts{};
    for (auto& count : counts) {
      run.thread([&] {
        std::array<CircuitBreakerEvent, 4> buffer;
        count = breaker.poll_events(buffer);
      });
    }
    run.thread([&] { breaker.reset_at(kEpoch); });
    if (!run.go()) return;
    const std::size_t rest = drain(breaker).size();
    REQUIRE(counts[0] + counts[1] + rest == 2);
    REQUIRE(breaker.lost_events() == 0);
  });
  CHECK(result.complete);
}

TEST_CASE("writers that overtake each other in the ring: the newer event of a place stays") {
  const auto result = explore([](Run& run) {
    detail::BreakerEvents<testing::explorer::Cell> ring;
    const auto event = [](std::uint64_t generation) {
      return algorithm::breaker::EventGeneration::of(generation) | algorithm::breaker::EventReason::of(8);
    };
    run.thread([&] { ring.publish(event(1)); });
    run.thread([&] { ring.publish(event(33)); });
    std::array<CircuitBreakerEvent, 4> early;
    std::size_t count = 0;
    run.thread([&] { count = ring.poll(33, kEpoch, early); });
    if (!run.go()) return;
    std::uint32_t seen = count > 0 ? early[0].generation : 0;
    std::array<CircuitBreakerEvent, 4> out;
    for (int polls = 0; polls < 40 && seen != 33; ++polls) {
      if (ring.poll(33, kEpoch, out) > 0) seen = out[0].generation;
    }
    REQUIRE(seen == 33);
    REQUIRE(ring.lost(33) == 32);
  });
  CHECK(result.complete);
}

TEST_CASE("a slow writer's event is waited for at the first poll, and given up at the second") {
  const auto event = [](std::uint64_t generation) {
    return algorithm::breaker::EventGeneration::of(generation) | algorithm::breaker::EventReason::of(8);
  };
  std::array<CircuitBreakerEvent, 4> out;
  for (const bool comes : {true, false}) {
    detail::BreakerEvents<testing::explorer::Cell> ring;
    ring.publish(event(2));
    CHECK(ring.poll(2, kEpoch, out) == 0);
    if (comes) ring.publish(event(1));
    CHECK(ring.poll(2, kEpoch, out) == (comes ? 2 : 1));
    CHECK(out[0].generation == (comes ? 1 : 2));
    CHECK(ring.lost(2) == (comes ? 0 : 1));
  }
}
