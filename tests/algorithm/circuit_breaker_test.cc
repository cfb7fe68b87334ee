// SPDX-License-Identifier: MIT
#include "seawall/algorithm/circuit_breaker.h"

#include <limits>
#include <string>

#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;
namespace breaker = seawall::algorithm::breaker;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kYear = 365 * 24 * 3600 * kSecond;
constexpr CircuitBreakerConfig kDefaults;

constexpr std::uint64_t after_failures(std::uint64_t word, int n, std::int64_t at) {
  for (int i = 0; i < n; ++i) {
    word = breaker::report(kDefaults, word, at, breaker::token_of(word), Outcome::kFailure).next;
  }
  return word;
}

constexpr std::uint64_t kOpenAtZero = after_failures(0, 3, 0);
constexpr std::uint64_t kProbing = breaker::acquire(kDefaults, kOpenAtZero, 30 * kSecond).next;

CircuitBreakerConfig config(const CircuitBreakerOptions& options) {
  return CircuitBreakerConfig::make(options).value();
}

}  // namespace

// The whole cycle, by the compiler.
static_assert(breaker::state_of(0) == BreakerState::kClosed);
static_assert(breaker::acquire(kDefaults, 0, 0).answer.token != 0);
static_assert(breaker::acquire(kDefaults, 0, 0).next == 0, "a closed admit writes nothing");
static_assert(breaker::state_of(after_failures(0, 2, 0)) == BreakerState::kClosed);
static_assert(breaker::state_of(kOpenAtZero) == BreakerState::kOpen, "three in a row open it");
static_assert(breaker::acquire(kDefaults, kOpenAtZero, 30 * kSecond - 1).answer.token == 0);
static_assert(breaker::acquire(kDefaults, kOpenAtZero, 30 * kSecond - 1).answer.retry_after == 1ns);
static_assert(breaker::acquire(kDefaults, kOpenAtZero, 30 * kSecond - 1).next == kOpenAtZero,
              "a refusal writes nothing");
static_assert(breaker::state_of(kProbing) == BreakerState::kHalfOpen);
static_assert(breaker::Probes::get(kProbing) == 1, "the call that moves it to half-open is the probe");
static_assert(breaker::acquire(kDefaults, kProbing, 30 * kSecond).answer.token == 0, "one probe at a time");
static_assert(breaker::State::kMask + breaker::Generation::kMask + breaker::Trips::kMask +
                      breaker::OpenDeadline::kMask ==
                  std::numeric_limits<std::uint64_t>::max(),
              "the fields fill the word and do not overlap");
static_assert((breaker::LeaseDeadline::kMask | breaker::Probes::kMask | breaker::Successes::kMask) ==
              breaker::OpenDeadline::kMask);

TEST_CASE("options out of range are refused by name") {
  const auto message = [](const CircuitBreakerOptions& o) {
    return std::string(CircuitBreakerConfig::make(o).error().message.view());
  };
  CHECK(message({.failure_threshold = 0}) == "failure_threshold must be from 1 to 1023, not 0");
  CHECK(message({.failure_threshold = 1024}) == "failure_threshold must be from 1 to 1023, not 1024");
  CHECK(message({.half_open_max_probes = 16}) == "half_open_max_probes must be from 1 to 15, not 16");
  CHECK(message({.success_threshold = -1}) == "success_threshold must be from 1 to 15, not -1");
  CHECK(message({.open_duration = 0ns}).starts_with("open_duration in ns must be from 1000000 to"));
  CHECK(message({.probe_lease = 9000h}).starts_with("probe_lease in ns must be from"));
}

TEST_CASE("options that need each other are refused alone") {
  const auto message = [](const CircuitBreakerOptions& o) {
    return std::string(CircuitBreakerConfig::make(o).error().message.view());
  };
  const std::string pair = "slow_call_rate_threshold and slow_call_duration need each other";
  CHECK(message({.failure_rate_threshold = 50}) == "a rate threshold needs count_window or time_window");
  CHECK(message({.count_window = 10}) == "a window needs failure_rate_threshold or slow_call_rate_threshold");
  CHECK(message({.slow_call_rate_threshold = 50, .count_window = 10}) == pair);
  CHECK(message({.failure_rate_threshold = 50, .slow_call_duration = 1s, .count_window = 10}) == pair);
  CHECK(message({.failure_threshold = CircuitBreakerConfig::kOff}) ==
        "nothing opens a breaker without failure_threshold and rates");
}

TEST_CASE("jitter makes a break longer by up to its percentage, and all lengths are met") {
  for (const std::int32_t percent : {0, 1, 50, 100}) {
    for (const std::uint64_t seed : {1U, 2U, 77U}) {
      const auto jittery = config({.open_duration = 1000s, .open_jitter_percent = percent, .seed = seed});
      std::int64_t shortest = std::numeric_limits<std::int64_t>::max(), longest = 0;
      for (std::uint64_t generation = 0; generation < 1000; ++generation) {
        const std::int64_t ns = breaker::open_ns(jittery, 0, generation);
        shortest = std::min(shortest, ns);
        longest = std::max(longest, ns);
      }
      CHECK(shortest >= 1000 * kSecond);
      CHECK(shortest <= (1000 + percent) * kSecond);
      CHECK(longest <= (1000 + 10 * percent) * kSecond);
      CHECK(longest >= (1000 + 9 * percent) * kSecond);
    }
  }
}

TEST_CASE("the largest options fit their fields") {
  const auto widest = config({.failure_threshold = 1023,
                              .open_duration = CircuitBreakerConfig::kMaxDuration,
                              .half_open_max_probes = 15,
                              .success_threshold = 15,
                              .probe_lease = CircuitBreakerConfig::kMaxDuration});
  std::uint64_t word = 0;
  for (int i = 0; i < 1022; ++i)
    word = breaker::report(widest, word, 0, breaker::token_of(word), Outcome::kFailure).next;
  CHECK(breaker::describe(widest, word, 0).failure_count == 1022);
  word = breaker::report(widest, word, 0, breaker::token_of(word), Outcome::kFailure).next;
  REQUIRE(breaker::state_of(word) == BreakerState::kOpen);
  CHECK(breaker::describe(widest, word, 0).retry_after == CircuitBreakerConfig::kMaxDuration);
  const std::int64_t due = CircuitBreakerConfig::kMaxDuration.count();
  for (int i = 0; i < 15; ++i) {
    const auto step = breaker::acquire(widest, word, due);
    REQUIRE(step.answer.token != 0);
    word = step.next;
  }
  CHECK(breaker::describe(widest, word, due).probes_in_flight == 15);
  CHECK(breaker::acquire(widest, word, due).answer.token == 0);
  for (int i = 0; i < 14; ++i)
    word = breaker::report(widest, word, due, breaker::token_of(word), Outcome::kSuccess).next;
  CHECK(breaker::describe(widest, word, due).probe_successes == 14);
  word = breaker::report(widest, word, due, breaker::token_of(word), Outcome::kSuccess).next;
  CHECK(breaker::state_of(word) == BreakerState::kClosed);
}

TEST_CASE("refused at every instant before retry_after, admitted exactly at it") {
  const auto quick = config({.failure_threshold = 1, .open_duration = 7ms});
  for (const std::int64_t tripped_at : {0LL, 1LL, 999'999LL, 1'000'000LL, 1'000'001LL, 123'456'789'012LL}) {
    const std::uint64_t word = breaker::report(quick, 0, tripped_at, breaker::token_of(0), Outcome::kFailure).next;
    const Duration wait = breaker::acquire(quick, word, tripped_at).answer.retry_after;
    CHECK(wait >= 7ms);  // rounded up, never down
    CHECK(wait < 8ms);
    CHECK(breaker::acquire(quick, word, tripped_at + wait.count() - 1).answer.token == 0);
    CHECK(breaker::acquire(quick, word, tripped_at + wait.count()).answer.token != 0);
  }
}

TEST_CASE("an open breaker whose time has passed never refuses again, at any later instant") {
  // A 32-bit deadline in milliseconds refuses again 25 and 50 days later, a 40-bit one would after 35 years.
  for (const std::int64_t later : {1 * kSecond, 25 * 86'400 * kSecond, 26 * 86'400 * kSecond, 50 * 86'400 * kSecond,
                                   34 * kYear, 35 * kYear, 36 * kYear, 100 * kYear, 290 * kYear}) {
    CAPTURE(later);
    CHECK(breaker::acquire(kDefaults, kOpenAtZero, later + 30 * kSecond).answer.token != 0);
  }
  CHECK(breaker::acquire(kDefaults, kOpenAtZero, std::numeric_limits<std::int64_t>::max()).answer.token != 0);
}

TEST_CASE("beyond the horizon of 34 years breaks have no length, and nothing is refused for ever") {
  for (const std::int64_t late : {35 * kYear, 290 * kYear, std::numeric_limits<std::int64_t>::max()}) {
    const std::uint64_t open = after_failures(0, 3, late);
    REQUIRE(breaker::state_of(open) == BreakerState::kOpen);
    const auto probe = breaker::acquire(kDefaults, open, late);
    REQUIRE(probe.answer.token != 0);
    CHECK(breaker::acquire(kDefaults, probe.next, late).answer.token != 0);  // its lease has no length either
  }
  const std::int64_t within = 34 * kYear;
  CHECK(breaker::acquire(kDefaults, after_failures(0, 3, within), within).answer.retry_after == 30s);
}

TEST_CASE("a probe that nobody reports is given up at its lease") {
  const std::uint64_t word = kProbing;
  const auto refused = breaker::acquire(kDefaults, word, 30 * kSecond);
  const std::int64_t lease_end = 30 * kSecond + refused.answer.retry_after.count();
  CHECK(refused.answer.retry_after >= 30s);
  CHECK(refused.answer.retry_after < 30s + 256ms);
  CHECK(breaker::acquire(kDefaults, word, lease_end - 1).answer.token == 0);
  const auto again = breaker::acquire(kDefaults, word, lease_end);
  REQUIRE(again.answer.token != 0);
  CHECK(again.answer.probes_lost == 1);
  CHECK(breaker::EventReason::get(again.answer.event) == static_cast<std::uint64_t>(BreakerReason::kProbesLost));
  CHECK(breaker::generation_of(again.next) == breaker::generation_of(word) + 1);
  // What the lost probe says after all is late.
  const auto late = breaker::report(kDefaults, again.next, lease_end, breaker::token_of(word), Outcome::kSuccess);
  CHECK(late.answer.result == ReportResult::kLate);
  CHECK(late.next == again.next);
}

TEST_CASE("each probe has its whole lease, whatever the others do") {
  const auto two = config({.failure_threshold = 1, .half_open_max_probes = 2, .probe_lease = 10s});
  std::uint64_t word = breaker::report(two, 0, 0, breaker::token_of(0), Outcome::kFailure).next;
  word = breaker::acquire(two, word, 30 * kSecond).next;
  word = breaker::acquire(two, word, 39 * kSecond).next;  // the second probe, one second before the first one's lease
  CHECK(breaker::acquire(two, word, 48 * kSecond).answer.token == 0);
  CHECK(breaker::acquire(two, word, 50 * kSecond).answer.probes_lost == 2);
}

TEST_CASE("half-open without a probe in flight does not count one as lost, however long nobody calls") {
  const auto two = config({.success_threshold = 2});
  std::uint64_t word = breaker::acquire(two, kOpenAtZero, 30 * kSecond).next;
  word = breaker::report(two, word, 31 * kSecond, breaker::token_of(word), Outcome::kSuccess).next;
  const auto next = breaker::acquire(two, word, kYear);
  CHECK(next.answer.token != 0);
  CHECK(next.answer.probes_lost == 0);
  CHECK(next.answer.event == 0);
  CHECK(breaker::describe(two, next.next, kYear).probe_successes == 1);
}

TEST_CASE("an ignored result neither resets, nor counts, nor closes, and gives a probe back") {
  const std::uint64_t two_failures = after_failures(0, 2, 0);
  CHECK(breaker::report(kDefaults, two_failures, 0, breaker::token_of(two_failures), Outcome::kIgnored).next ==
        two_failures);
  const auto refund =
      breaker::report(kDefaults, kProbing, 31 * kSecond, breaker::token_of(kProbing), Outcome::kIgnored);
  CHECK(breaker::state_of(refund.next) == BreakerState::kHalfOpen);
  CHECK(breaker::Probes::get(refund.next) == 0);
  CHECK(refund.answer.event == 0);
  CHECK(breaker::acquire(kDefaults, refund.next, 31 * kSecond).answer.token != 0);
}

TEST_CASE("a late failure neither extends the break nor makes an event") {
  const auto late = breaker::report(kDefaults, kOpenAtZero, 20 * kSecond, breaker::token_of(0), Outcome::kFailure);
  CHECK(late.answer.result == ReportResult::kLate);
  CHECK(late.answer.event == 0);
  CHECK(late.next == kOpenAtZero);
}

TEST_CASE("a success between failures starts the count again") {
  std::uint64_t word = after_failures(0, 2, 0);
  word = breaker::report(kDefaults, word, 0, breaker::token_of(word), Outcome::kSuccess).next;
  CHECK(word == 0);
  CHECK(breaker::state_of(after_failures(word, 2, 0)) == BreakerState::kClosed);
}

TEST_CASE("a probe reported twice does not give a second probe back") {
  const std::uint64_t token = breaker::token_of(kProbing);
  const std::uint64_t once = breaker::report(kDefaults, kProbing, 0, token, Outcome::kIgnored).next;
  const auto twice = breaker::report(kDefaults, once, 0, token, Outcome::kSuccess);
  CHECK(twice.next == once);
  CHECK(twice.answer.result == ReportResult::kLate);
}

TEST_CASE("trips count the openings since closed and stay at 15") {
  std::uint64_t word = kOpenAtZero;
  std::int64_t now = 0;
  for (int trips = 1; trips < 20; ++trips) {
    CHECK(breaker::describe(kDefaults, word, now).trips == std::min(trips, 15));
    now += 31 * kSecond;
    word = breaker::acquire(kDefaults, word, now).next;
    CHECK(breaker::describe(kDefaults, word, now).trips == std::min(trips, 15));
    word = breaker::report(kDefaults, word, now, breaker::token_of(word), Outcome::kFailure).next;
  }
  now += 31 * kSecond;
  word = breaker::acquire(kDefaults, word, now).next;
  word = breaker::report(kDefaults, word, now, breaker::token_of(word), Outcome::kSuccess).next;
  CHECK(breaker::describe(kDefaults, word, now).trips == 0);
}

TEST_CASE("the count that tripped stays readable, also when the operator steps in") {
  CHECK(breaker::describe(kDefaults, kOpenAtZero, 0).failure_count == 3);
  CHECK(breaker::describe(kDefaults, kProbing, 0).failure_count == 3);
  const auto forced = [](std::uint64_t word, BreakerState to) {
    return breaker::administer(kDefaults, word, 0, to).next;
  };
  for (const BreakerState admin : {BreakerState::kForcedOpen, BreakerState::kDisabled}) {
    CHECK(breaker::describe(kDefaults, forced(0, admin), 0).failure_count == 0);
    CHECK(breaker::describe(kDefaults, forced(after_failures(0, 2, 0), admin), 0).failure_count == 2);
    CHECK(breaker::describe(kDefaults, forced(kOpenAtZero, admin), 0).failure_count == 3);
    CHECK(breaker::describe(kDefaults, forced(kProbing, admin), 0).failure_count == 3);
    CHECK(breaker::describe(kDefaults, forced(forced(kOpenAtZero, admin), BreakerState::kClosed), 0).failure_count ==
          0);
  }
  const std::uint64_t both = forced(forced(kOpenAtZero, BreakerState::kForcedOpen), BreakerState::kDisabled);
  CHECK(breaker::describe(kDefaults, both, 0).failure_count == 3);
}

TEST_CASE("a probe's report with an older now does not shorten the next break") {
  const std::uint64_t word =
      breaker::report(kDefaults, kProbing, 5 * kSecond, breaker::token_of(kProbing), Outcome::kFailure).next;
  CHECK(breaker::open_deadline_ns(word) > 59 * kSecond);  // not 35: the probe began at 30
  CHECK(breaker::open_deadline_ns(word) <= 60 * kSecond);
}

TEST_CASE("generations wrap and keep their order") {
  std::uint64_t word = 0;
  for (int i = 0; i < 131'071; ++i) word = breaker::administer(kDefaults, word, 0, BreakerState::kClosed).next;
  CHECK(breaker::generation_of(word) == 131'071);
  const std::uint64_t stale = breaker::token_of(word);
  word = breaker::administer(kDefaults, word, 0, BreakerState::kClosed).next;
  CHECK(word == 0);
  CHECK(breaker::report(kDefaults, word, 0, stale, Outcome::kFailure).answer.result == ReportResult::kLate);
  CHECK(breaker::generations_after(0, 131'071) == 1);
  CHECK(breaker::generations_after(131'071, 0) == -1);
  CHECK(breaker::generations_after(65'535, 0) == 65'535);
}

TEST_CASE("only tokens that a breaker gives out are taken") {
  for (const std::uint64_t token : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, kOpenAtZero,
                                    breaker::token_of(kOpenAtZero), breaker::token_of(0) | 1}) {
    for (const std::uint64_t word : {std::uint64_t{0}, kOpenAtZero, kProbing}) {
      const auto step = breaker::report(kDefaults, word, 0, token, Outcome::kSuccess);
      CHECK(step.answer.result == ReportResult::kInvalidToken);
      CHECK(step.next == word);
      CHECK_FALSE(breaker::changes_nothing(word, token, Outcome::kSuccess));
    }
  }
}

TEST_CASE("the shortcut for healthy reports says what the decision says") {
  for (const std::uint64_t word : {std::uint64_t{0}, after_failures(0, 1, 0), kOpenAtZero, kProbing,
                                   breaker::administer(kDefaults, 0, 0, BreakerState::kDisabled).next}) {
    for (const std::uint64_t seen : {std::uint64_t{0}, kProbing, word}) {
      for (const Outcome outcome : {Outcome::kSuccess, Outcome::kFailure, Outcome::kIgnored}) {
        const std::uint64_t token = breaker::token_of(seen);
        if (!breaker::changes_nothing(word, token, outcome)) continue;
        const auto step = breaker::report(kDefaults, word, 0, token, outcome);
        CHECK(step.next == word);
        CHECK(step.answer.result == ReportResult::kRecorded);
      }
    }
  }
  CHECK(breaker::changes_nothing(0, breaker::token_of(0), Outcome::kSuccess));
}

TEST_CASE("every reason and state has a name, and an event survives its packing") {
  CHECK(to_string(BreakerState::kHalfOpen) == "half_open");
  CHECK(to_string(static_cast<BreakerState>(9)) == "unknown");
  CHECK(to_string(BreakerReason::kReset) == "reset");
  CHECK(to_string(BreakerReason::kNone) == "none");
  CHECK(to_string(BreakerReason::kProbeSlow) == "probe_slow");
  CHECK(to_string(static_cast<BreakerReason>(14)) == "unknown");
  const auto step = breaker::acquire(kDefaults, kOpenAtZero, 30 * kSecond);
  const CircuitBreakerEvent event = breaker::unpack_event(step.answer.event, time_from_ns(1000));
  CHECK(event.from == BreakerState::kOpen);
  CHECK(event.to == BreakerState::kHalfOpen);
  CHECK(event.reason == BreakerReason::kOpenElapsed);
  CHECK(event.generation == 2);
  CHECK(event.at == time_from_ns(30 * kSecond + 1000));
}
