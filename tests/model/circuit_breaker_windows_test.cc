// SPDX-License-Identifier: MIT
//
// The windows of a breaker: random calls against a list of all calls of the present closed time, and every order of the
// accesses of two and three threads. What must hold in each order:
//   - no call is lost: what the windows hold at the end is what was reported;
//   - of several bad calls, the last to end sees all: if their rate is reached, the breaker is open at the end;
//   - one opening, one event, whichever rule and whoever was first;
//   - a call of a former generation neither counts in the new one nor opens it.
#include <array>
#include <memory>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "support/catch.h"
#include "support/explorer.h"
#include "support/game.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::Draws;
using seawall::testing::play;
using testing::explorer::explore;
using testing::explorer::Run;

namespace {

constexpr TimePoint kEpoch = time_from_ns(5'000'000'000);

struct Oracle {
  struct Call {
    std::int64_t slice;
    bool failed, slow;
  };

  CircuitBreakerOptions o;
  std::vector<Call> calls;  // since the breaker was closed
  std::int64_t newest = 0;  // slices do not go back
  int in_a_row = 0;

  static void add(BreakerWindow& window, const Call& call) {
    ++window.calls;
    window.failures += call.failed ? 1 : 0;
    window.slow += call.slow ? 1 : 0;
  }
  BreakerWindow by_count() const {
    BreakerWindow window;
    const auto size = static_cast<std::ptrdiff_t>(o.count_window);
    const auto all = static_cast<std::ptrdiff_t>(calls.size());
    for (std::ptrdiff_t i = std::max<std::ptrdiff_t>(0, all - size); i < all; ++i) {
      add(window, calls[static_cast<std::size_t>(i)]);
    }
    return window;
  }
  BreakerWindow by_time(std::int64_t now_slice) const {
    BreakerWindow window;
    const std::int64_t last = std::max(newest, now_slice);
    for (const Call& call : calls) {
      if (call.slice > last - 10) add(window, call);
    }
    return window;
  }
  static bool high(std::int64_t bad, std::int64_t all, std::int32_t percent) {
    return percent > 0 && static_cast<double>(bad) / static_cast<double>(all) >= percent / 100.0 - 1e-12;
  }
  BreakerReason judge(const BreakerWindow& w, std::int64_t minimum, BreakerReason failures, BreakerReason slow) const {
    if (w.calls < minimum) return BreakerReason::kNone;
    if (high(w.failures, w.calls, o.failure_rate_threshold)) return failures;
    return high(w.slow, w.calls, o.slow_call_rate_threshold) ? slow : BreakerReason::kNone;
  }
  // Why it opens, or kNone.
  BreakerReason report(std::int64_t slice, bool failed, bool slow) {
    in_a_row = failed ? in_a_row + 1 : 0;
    if (in_a_row == o.failure_threshold) return BreakerReason::kFailureThreshold;
    newest = std::max(newest, slice);
    calls.push_back({newest, failed, slow});
    if (!failed && !slow) return BreakerReason::kNone;
    const std::int64_t least = o.minimum_calls;
    if (o.count_window > 0) {
      const auto why = judge(by_count(), std::min<std::int64_t>(least, o.count_window),
                             BreakerReason::kCountFailureRate, BreakerReason::kCountSlowRate);
      if (why != BreakerReason::kNone) return why;
    }
    if (o.time_window == 0s) return BreakerReason::kNone;
    return judge(by_time(slice), least, BreakerReason::kTimeFailureRate, BreakerReason::kTimeSlowRate);
  }
};

// The breaker and the list, side by side.
class Both {
 public:
  explicit Both(testing::Game& game) : game_(game) {
    oracle_.o = some_options();
    breaker_ = std::make_unique<CircuitBreaker>(CircuitBreakerConfig::make(oracle_.o).value(), kEpoch);
  }

  void play() {
    for (Draws& draws : game_.moves) {
      draws_ = &draws;
      const auto kind = pick(0, 19);
      if (kind == 0) elapsed_ = std::max<std::int64_t>(0, elapsed_ - pick(0, 3'000'000'000));
      if (kind == 1) elapsed_ += pick(0, 30'000'000'000);
      if (kind < 8) elapsed_ += pick(0, 300'000'000);
      if (kind == 19 && pick(0, 30) == 0) start_again();
      call();
      compare();
    }
  }
  int openings() const { return openings_; }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) { return draws_->pick(low, high); }
  CircuitBreakerOptions some_options() {
    CircuitBreakerOptions o;
    const auto kind = pick(1, 3);
    o.failure_threshold = pick(0, 1) != 0 ? CircuitBreakerConfig::kOff : static_cast<std::int32_t>(pick(2, 12));
    if ((kind & 1) != 0) o.count_window = static_cast<std::int32_t>(pick(1, 90));
    if ((kind & 2) != 0) o.time_window = Duration(pick(1'000'000'000, 9'000'000'000));
    o.minimum_calls = static_cast<std::int32_t>(pick(1, 40));
    o.failure_rate_threshold = static_cast<std::int32_t>(pick(0, 1) * pick(5, 100));
    if (o.failure_rate_threshold == 0 || pick(0, 1) != 0) {
      o.slow_call_rate_threshold = static_cast<std::int32_t>(pick(5, 100));
      o.slow_call_duration = 100ms;
    }
    bad_percent_ = pick(1, 60);
    game_.tell("failures, minimum, rates", o.failure_threshold, o.minimum_calls, o.failure_rate_threshold,
               o.slow_call_rate_threshold);
    game_.tell("windows", o.count_window, o.time_window.count());
    return o;
  }

  void call() {
    const bool failed = pick(0, 99) < bad_percent_;
    const bool slow = oracle_.o.slow_call_rate_threshold > 0 && pick(0, 99) < bad_percent_;
    // Beside the threshold by more than the unit of a start.
    const Duration took = slow ? 101ms : 99ms;
    const TimePoint end = kEpoch + 200ms + Duration(elapsed_);
    game_.tell("at, failed, slow", elapsed_, failed, slow);
    auto ticket = breaker_->try_acquire_at(end - took);
    RC_ASSERT(bool(ticket));
    RC_ASSERT(ticket.report_at(failed ? Outcome::kFailure : Outcome::kSuccess, end) == ReportResult::kRecorded);
    const auto why = oracle_.report(slice(), failed, slow);
    const auto seen = breaker_->snapshot_at(end);
    RC_ASSERT((seen.state == BreakerState::kOpen) == (why != BreakerReason::kNone));
    if (why == BreakerReason::kNone) return;
    RC_ASSERT(seen.reason == why);
    ++openings_;
    start_again();
  }
  void start_again() {
    game_.tell("at, closed again", elapsed_);
    breaker_->reset_at(kEpoch + Duration(elapsed_));
    oracle_.calls.clear();
    oracle_.newest = 0;
    oracle_.in_a_row = 0;
  }
  void compare() {
    if (oracle_.o.count_window > 0) RC_ASSERT((breaker_->count_window() == oracle_.by_count()));
    if (oracle_.o.time_window == 0s) return;
    const TimePoint now = kEpoch + 200ms + Duration(elapsed_);
    RC_ASSERT((breaker_->time_window_at(now) == oracle_.by_time(slice())));
  }
  std::int64_t slice() const {
    const std::int64_t width = oracle_.o.time_window.count() / 10;
    return width == 0 ? 0 : (elapsed_ + 200'000'000) / width;
  }

  testing::Game& game_;
  Draws* draws_ = &game_.first;
  Oracle oracle_;
  std::unique_ptr<CircuitBreaker> breaker_;
  std::int64_t elapsed_ = 0;
  std::int64_t bad_percent_ = 0;
  int openings_ = 0;
};

using Breaker = BasicCircuitBreaker<testing::explorer::Cell>;

CircuitBreakerConfig rates(std::int32_t percent, std::int32_t minimum, bool by_time) {
  CircuitBreakerOptions o{.failure_threshold = CircuitBreakerConfig::kOff, .failure_rate_threshold = percent};
  if (by_time) o.time_window = 10s;
  if (!by_time) o.count_window = 20;
  o.minimum_calls = minimum;
  return CircuitBreakerConfig::make(o).value();
}

}  // namespace

TEST_CASE("windows: random calls, the breaker and a list of all calls agree after every move") {
  int openings = 0;
  play(200, 400, [&](testing::Game& game) {
    Both both(game);
    both.play();
    openings += both.openings();
  });
  CHECK(openings > 1000);
}

TEST_CASE("windows: no call is lost, in every order of two threads") {
  for (const bool by_time : {false, true}) {
    const auto result = explore([&](Run& run) {
      Breaker breaker(rates(100, 1000, by_time), kEpoch);
      for (const Outcome outcome : {Outcome::kSuccess, Outcome::kFailure}) {
        const std::uint64_t token = breaker.try_acquire_at(kEpoch).detach();
        const TimePoint end = kEpoch + (outcome == Outcome::kFailure ? 1100ms : 0ms);
        run.thread([&breaker, token, outcome, end] { breaker.report_at(token, outcome, end); });
      }
      if (!run.go()) return;
      REQUIRE((by_time ? breaker.time_window_at(kEpoch) : breaker.count_window()) == BreakerWindow{2, 1, 0});
    });
    CHECK(result.complete);
  }
}

// Only the cells that are written by all, without the sums that bad calls read: those are too many accesses for three.
TEST_CASE("windows: three successes of one CPU are three calls, in every order") {
  for (const bool by_time : {false, true}) {
    const auto result = explore([&](Run& run) {
      Breaker breaker(rates(100, 1000, by_time), kEpoch);
      for (int i = 0; i < 3; ++i) {
        const std::uint64_t token = breaker.try_acquire_at(kEpoch).detach();
        run.thread([&breaker, token] { breaker.report_at(token, Outcome::kSuccess, kEpoch); });
      }
      if (!run.go()) return;
      REQUIRE((by_time ? breaker.time_window_at(kEpoch) : breaker.count_window()) == BreakerWindow{3, 0, 0});
    });
    CHECK(result.complete);
  }
}

TEST_CASE("windows: the last of the bad calls sees all, and there is one opening") {
  for (const bool by_time : {false, true}) {
    const auto result = explore([&](Run& run) {
      Breaker breaker(rates(100, 2, by_time), kEpoch);
      for (int i = 0; i < 2; ++i) {
        const std::uint64_t token = breaker.try_acquire_at(kEpoch).detach();
        run.thread([&breaker, token] { breaker.report_at(token, Outcome::kFailure, kEpoch); });
      }
      if (!run.go()) return;
      REQUIRE(breaker.state() == BreakerState::kOpen);
      std::array<CircuitBreakerEvent, 4> events;
      REQUIRE(breaker.poll_events(events) == 1);
    });
    CHECK(result.complete);
  }
}

// The second finds the place of the last call taken, in a block without another: it goes to the block before.
TEST_CASE("windows: two bad calls that end at once behind a full block are both marked") {
  const auto result = explore([&](Run& run) {
    Breaker breaker(rates(100, 1000, false), kEpoch);
    for (int i = 0; i < 15; ++i) breaker.try_acquire_at(kEpoch).report_at(Outcome::kSuccess, kEpoch);
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t token = breaker.try_acquire_at(kEpoch).detach();
      run.thread([&breaker, token] { breaker.report_at(token, Outcome::kFailure, kEpoch); });
    }
    if (!run.go()) return;
    REQUIRE(breaker.count_window() == BreakerWindow{17, 2, 0});
  });
  CHECK(result.complete);
}

TEST_CASE("windows: a rate that was judged before a reset opens nothing after it") {
  for (const bool by_time : {false, true}) {
    const auto result = explore([&](Run& run) {
      Breaker breaker(rates(100, 1, by_time), kEpoch);
      const std::uint64_t old = breaker.try_acquire_at(kEpoch).detach();
      run.thread([&] { breaker.report_at(old, Outcome::kFailure, kEpoch); });
      run.thread([&] { breaker.reset_at(kEpoch); });
      if (!run.go()) return;
      REQUIRE(breaker.state() == BreakerState::kClosed);
    });
    CHECK(result.complete);
  }
}

TEST_CASE("windows: a call of a former generation neither counts nor opens") {
  for (const bool by_time : {false, true}) {
    const auto result = explore([&](Run& run) {
      Breaker breaker(rates(50, 2, by_time), kEpoch);
      const std::uint64_t old = breaker.try_acquire_at(kEpoch).detach();
      run.thread([&] { breaker.report_at(old, Outcome::kFailure, kEpoch); });
      run.thread([&] {
        breaker.reset_at(kEpoch);
        breaker.try_acquire_at(kEpoch).report_at(Outcome::kFailure, kEpoch);
      });
      if (!run.go()) return;
      REQUIRE(breaker.state() == BreakerState::kClosed);
      REQUIRE((by_time ? breaker.time_window_at(kEpoch) : breaker.count_window()) == BreakerWindow{1, 1, 0});
      breaker.try_acquire_at(kEpoch).report_at(Outcome::kFailure, kEpoch);
      REQUIRE(breaker.state() == BreakerState::kOpen);
    });
    CHECK(result.complete);
  }
}
