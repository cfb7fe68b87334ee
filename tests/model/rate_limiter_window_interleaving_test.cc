// SPDX-License-Identifier: MIT
//
// The shipped window under every order of its accesses, for two and three threads with clocks of their own, and with a
// thread that dies before any of its accesses. All explorations are exhaustive (CHECK(complete)); states are merged.
// What must hold in each order:
//   - at most the limit is admitted, over whatever sub-window boundary the threads disagree about;
//   - no permit is lost: once all threads are through, what was not admitted is still there;
//   - a refund counts exactly once, and at once;
//   - nobody uses a permit before his reservation begins, and nobody before the reservations that stand;
//   - a dead thread stops nobody and costs at most what it asked for.
#include <array>
#include <cstdlib>
#include <functional>

#include "seawall/sliding_window.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::Exploration;
using seawall::testing::explorer::kMergeStates;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

using Window = BasicSlidingWindow<seawall::testing::explorer::Cell>;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

// A window of 2 s in two sub-windows: sub-window 1 ends at 1 s, permits taken in it come back at 3 s.
SlidingWindowConfig window_config(std::int64_t limit, std::int32_t sub_windows = 2,
                                  WindowMode mode = WindowMode::kStrict) {
  return SlidingWindowConfig::make({.quota = Quota::make(limit, 2s).value(), .sub_windows = sub_windows, .mode = mode})
      .value();
}

Exploration explore_all(const std::function<void(Run&)>& scenario) {
  const auto result = seawall::testing::explorer::explore(scenario, 5'000'000, kMergeStates);
  CHECK(result.complete);
  UNSCOPED_INFO(result.states << " states, " << result.schedules << " schedules");
  if (std::getenv("SEAWALL_EXPLORER_COUNTS") != nullptr) {
    WARN(result.states << " states, " << result.schedules << " schedules");
  }
  return result;
}

}  // namespace

// The order that summing slots gets wrong: one thread still counts in the old sub-window while the other moves on.
TEST_CASE("interleavings: two threads on two sides of a boundary share the last permit of a window") {
  const auto result = explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms)).allowed);
    std::array<bool, 2> admitted{};
    run.thread([&] { return admitted[0] = window.try_acquire_at(at(999ms)).allowed; });
    run.thread([&] { return admitted[1] = window.try_acquire_at(at(1001ms)).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE(window.peek_at(at(2999ms), 0).remaining == 0);
    REQUIRE(window.peek_at(at(3s), 0).remaining >= 1);
  });
  CHECK(result.states > 100);
}

TEST_CASE("interleavings: two threads move a window to different sub-windows") {
  for (const std::int32_t sub_windows : {1, 2}) {
    explore_all([&](Run& run) {
      Window window(window_config(3, sub_windows), at(0s));
      REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
      std::array<bool, 2> admitted{};
      // What was taken in the first sub-window still counts at 2.5 s (3 s of one, 2 s and 3 s of two) and not at 5 s.
      const std::array<Duration, 2> clocks{2500ms, 5s};
      for (std::size_t i = 0; i < 2; ++i) {
        run.thread([&, i] { return admitted[i] = window.try_acquire_at(at(clocks[i]), 2).allowed; });
      }
      if (!run.go()) return;
      REQUIRE(admitted[1] + admitted[0] == 1);  // at 5 s there is room for one of them, never for two
      REQUIRE(window.peek_at(at(5s), 0).remaining == 1);
    });
  }
}

TEST_CASE("interleavings: three threads around a boundary") {
  explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(0s)).allowed);
    std::array<bool, 3> admitted{};
    const std::array<Duration, 3> clocks{900ms, 950ms, 1100ms};
    for (std::size_t i = 0; i < 3; ++i) {
      run.thread([&, i] { return admitted[i] = window.try_acquire_at(at(clocks[i])).allowed; });
    }
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] + admitted[2] == 1);
    REQUIRE(window.peek_at(at(2999ms), 0).remaining == 0);
  });
}

#if !defined(SEAWALL_FIBER_ASAN) && !defined(SEAWALL_FIBER_TSAN)
// 218,540 states: seconds, but minutes under a sanitizer.
TEST_CASE("interleavings: three threads move a window to one sub-window") {
  explore_all([](Run& run) {
    Window window(window_config(2, 1), at(0s));
    REQUIRE(window.try_acquire_at(at(0s)).allowed);
    std::array<bool, 3> admitted{};
    const std::array<Duration, 3> clocks{2100ms, 2200ms, 2300ms};
    for (std::size_t i = 0; i < 3; ++i) {
      run.thread([&, i] { return admitted[i] = window.try_acquire_at(at(clocks[i])).allowed; });
    }
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] + admitted[2] == 1);
    REQUIRE(window.peek_at(at(3900ms), 0).remaining == 0);
    REQUIRE(window.peek_at(at(4s), 0).remaining == 1);
  });
}

#endif
TEST_CASE("interleavings: a refund races with the end of the sub-window it names") {
  explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    const Charge charge = window.try_acquire_at(at(500ms), 2).charge;
    std::int64_t back = 0;
    bool admitted = false;
    run.thread([&] { return back = window.refund_at(charge, at(900ms)); });
    run.thread([&] { return admitted = window.try_acquire_at(at(1100ms), 2).allowed; });
    if (!run.go()) return;
    REQUIRE(back == 2);
    REQUIRE(window.peek_at(at(1100ms), 0).remaining == (admitted ? 0 : 2));  // given back exactly once, at once
    REQUIRE(window.peek_at(at(3500ms), 0).remaining == (admitted ? 0 : 2));
  });
}

// What was admitted into the place of a late refund is in the head, what was refunded in a slot.
TEST_CASE("interleavings: a late refund, who takes its place, and who moves on") {
  explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    const Charge charge = window.try_acquire_at(at(500ms), 2).charge;
    REQUIRE_FALSE(window.try_acquire_at(at(1100ms)).allowed);
    window.refund_at({charge.at, 1}, at(1100ms));
    REQUIRE(window.try_acquire_at(at(1100ms)).allowed);  // moves the head to sub-window 2
    std::int64_t back = 0;
    std::array<bool, 2> admitted{};
    run.thread([&] { return back = window.refund_at({charge.at, 1}, at(1200ms)); });
    run.thread([&] { return admitted[0] = window.try_acquire_at(at(1200ms)).allowed; });
    run.thread([&] { return admitted[1] = window.try_acquire_at(at(2100ms)).allowed; });
    if (!run.go()) return;
    REQUIRE(back == 1);
    REQUIRE(admitted[0] + admitted[1] <= 1);
    REQUIRE(window.peek_at(at(2900ms), 0).remaining == 1 - admitted[0] - admitted[1]);
    REQUIRE(window.peek_at(at(3900ms), 0).remaining == 1 - admitted[0] - admitted[1]);
    REQUIRE(window.peek_at(at(5s), 0).remaining == 2);
  });
}

TEST_CASE("interleavings: two late refunds and a charge that needs both") {
  explore_all([](Run& run) {
    Window window(window_config(3), at(0s));
    const Charge first = window.try_acquire_at(at(0s)).charge;
    const Charge second = window.try_acquire_at(at(1s)).charge;
    REQUIRE(window.try_acquire_at(at(2s)).allowed);
    std::array<std::int64_t, 2> back{};
    bool admitted = false;
    run.thread([&] { return back[0] = window.refund_at(first, at(2s)); });
    run.thread([&] { return back[1] = window.refund_at(second, at(2s)); });
    run.thread([&] { return admitted = window.try_acquire_at(at(2s), 2).allowed; });
    if (!run.go()) return;
    REQUIRE((back[0] == 1 && back[1] == 1));
    REQUIRE(window.peek_at(at(2s), 0).remaining == (admitted ? 0 : 2));
  });
}

TEST_CASE("interleavings: a refusal and a peek see one moment, whatever moves meanwhile") {
  explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
    Decision refused;
    run.thread([&] { refused = window.peek_at(at(600ms)); });
    run.thread([&] { return window.reserve_at(at(1100ms)).granted; });
    if (!run.go()) return;
    REQUIRE_FALSE(refused.allowed);
    REQUIRE(refused.remaining == 0);
    REQUIRE(refused.retry_after == 2400ms);  // at 3 s, from either side of the boundary
  });
}

TEST_CASE("interleavings: two reservations, one behind the other or in one sub-window") {
  for (const std::int64_t n : {1, 2}) {
    explore_all([&](Run& run) {
      Window window(window_config(2), at(0s));
      REQUIRE(window.try_acquire_at(at(500ms)).allowed);
      std::array<Reservation, 2> mine;
      run.thread([&] { return (mine[0] = window.reserve_at(at(600ms), 2)).delay.count(); });
      run.thread([&] { return (mine[1] = window.reserve_at(at(700ms), n)).delay.count(); });
      if (!run.go()) return;
      REQUIRE((mine[0].granted && mine[1].granted));
      // Usable at these instants; any trailing 2 s hold at most 2 permits.
      const std::array<Duration, 2> when{600ms + mine[0].delay, 700ms + mine[1].delay};
      REQUIRE(when[0] >= 3s);
      if (n == 2) REQUIRE(when[1] >= 3s);
      if (when[1] >= 3s) REQUIRE((when[1] - when[0] > 2s || when[0] - when[1] > 2s));
    });
  }
}

// With the mark of a later booking than the head's own, the head looked free to all: found here.
TEST_CASE("interleavings: nobody passes a reservation that stands, while another is made") {
  explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
    REQUIRE(window.reserve_at(at(600ms), 1).delay == 2400ms);
    bool allowed = false;
    run.thread([&] { return window.reserve_at(at(700ms), 2).granted; });
    run.thread([&] { return allowed = window.try_acquire_at(at(800ms)).allowed; });
    if (!run.go()) return;
    REQUIRE_FALSE(allowed);
  });
}

TEST_CASE("interleavings: a reservation is cancelled while another is made") {
  explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
    const Reservation first = window.reserve_at(at(600ms), 2);
    REQUIRE(first.delay == 2400ms);
    std::int64_t back = 0;
    Reservation second;
    run.thread([&] { return back = window.cancel_at(first, at(700ms)); });
    run.thread([&] { return (second = window.reserve_at(at(700ms), 2)).delay.count(); });
    if (!run.go()) return;
    REQUIRE((back == 2 || (back == 0 && second.delay == 5300ms)));  // too late to help: another was promised behind it
    REQUIRE(second.granted);
    REQUIRE((second.delay >= 2300ms && second.delay <= 5300ms));  // from the place of the first to the one behind it
    const Duration mine = 700ms + second.delay;
    REQUIRE(window.peek_at(at(mine), 0).remaining == 0);
    REQUIRE(window.peek_at(at(mine + 3s), 0).remaining == 2);
  });
}

TEST_CASE("interleavings: the real cost is settled while the window moves") {
  explore_all([](Run& run) {
    Window window(window_config(3), at(0s));
    const Charge charge = window.try_acquire_at(at(500ms)).charge;
    Settlement settled;
    bool admitted = false;
    run.thread([&] {
      settled = window.settle_at(charge, 4, at(900ms), 1);
      return settled.charged * 10 + settled.unpaid;
    });
    run.thread([&] { return admitted = window.try_acquire_at(at(1100ms), 2).allowed; });
    if (!run.go()) return;
    REQUIRE(settled.charged + settled.unpaid == 3);
    REQUIRE(settled.charged == (admitted ? 1 : 3));
    REQUIRE(window.peek_at(at(1100ms), 0).remaining == 0);
    REQUIRE(window.peek_at(at(4s), 0).remaining == 3);
  });
}

TEST_CASE("interleavings: a limit is lowered while the window moves") {
  for (const LimitChange how : {LimitChange::kKeep, LimitChange::kProportional, LimitChange::kReset}) {
    explore_all([&](Run& run) {
      Window window(window_config(4), at(0s));
      REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
      std::array<bool, 2> admitted{};
      run.thread([&] { REQUIRE(window.change_limit_at(window_config(2), how, at(900ms)).ok()); });
      run.thread([&] { return admitted[0] = window.try_acquire_at(at(1100ms)).allowed; });
      if (!run.go()) return;
      const std::int64_t left = window.peek_at(at(1100ms), 0).remaining;
      REQUIRE(window.peek_at(at(1100ms), 0).limit == 2);
      if (how == LimitChange::kKeep) REQUIRE(left == 0);
      if (how == LimitChange::kProportional) REQUIRE(left <= 1);
      if (how == LimitChange::kReset) REQUIRE((left == 1 || left == 2));
      // Nothing hangs on: all comes back in time.
      REQUIRE(window.peek_at(at(4s), 0).remaining == 2);
    });
  }
}

TEST_CASE("interleavings: an estimate never admits more than one thread alone would get") {
  explore_all([](Run& run) {
    Window window(window_config(4, 1, WindowMode::kEstimate), at(0s));
    REQUIRE(window.try_acquire_at(at(0s), 4).allowed);
    std::array<bool, 2> admitted{};
    // At 3 s half of the first four lie outside the window, at 3.5 s three of them.
    run.thread([&] { return admitted[0] = window.try_acquire_at(at(3s), 2).allowed; });
    run.thread([&] { return admitted[1] = window.try_acquire_at(at(3500ms), 2).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE(window.peek_at(at(3500ms), 0).remaining == 1);
  });
}

TEST_CASE("interleavings: a thread that dies before any of its accesses stops nobody") {
  const auto result = explore_all([](Run& run) {
    Window window(window_config(3), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms)).allowed);
    run.thread([&] { return window.try_acquire_at(at(1100ms)).allowed && false; }, kMortal);
    if (!run.go()) return;
    REQUIRE(window.try_acquire_at(at(1200ms)).allowed);
    const std::int64_t remaining = window.peek_at(at(1200ms), 0).remaining;
    REQUIRE((remaining == 1 || remaining == 0));  // the dead one took its permit or not
    REQUIRE(window.peek_at(at(3200ms), 0).remaining == remaining + 1);
    REQUIRE(window.peek_at(at(4s), 0).remaining == 3);
  });
  CHECK(result.kills > 10);
}

TEST_CASE("interleavings: a thread dies anywhere beside one that moves on") {
  const auto result = explore_all([](Run& run) {
    Window window(window_config(3, 1), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
    bool admitted = false;
    run.thread([&] { (void)window.try_acquire_at(at(2500ms)); }, kMortal);
    run.thread([&] { return admitted = window.try_acquire_at(at(4500ms), 2).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted);
    const std::int64_t remaining = window.peek_at(at(4500ms), 0).remaining;
    REQUIRE((remaining == 0 || remaining == 1));
    REQUIRE(window.peek_at(at(8s), 0).remaining == 3);
  });
  CHECK(result.kills > 10);
}

TEST_CASE("interleavings: a thread that dies in a refund gives back all or nothing") {
  const auto result = explore_all([](Run& run) {
    Window window(window_config(3), at(0s));
    const Charge charge = window.try_acquire_at(at(500ms), 2).charge;
    REQUIRE(window.try_acquire_at(at(1100ms)).allowed);
    run.thread([&] { (void)window.refund_at(charge, at(1100ms)); }, kMortal);
    if (!run.go()) return;
    const std::int64_t remaining = window.peek_at(at(1100ms), 0).remaining;
    REQUIRE((remaining == 0 || remaining == 2));
    REQUIRE(window.peek_at(at(2999ms), 0).remaining == remaining);
    if (remaining > 0) REQUIRE(window.try_acquire_at(at(2100ms), remaining).allowed);
    REQUIRE(window.peek_at(at(2999ms), 0).remaining == 0);
  });
  CHECK(result.kills > 2);
}

TEST_CASE("interleavings: a thread that dies while it reserves leaves a wait that ends") {
  const auto result = explore_all([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
    run.thread([&] { (void)window.reserve_at(at(600ms)); }, kMortal);
    if (!run.go()) return;
    REQUIRE_FALSE(window.try_acquire_at(at(2999ms)).allowed);
    const std::int64_t remaining = window.peek_at(at(3s), 0).remaining;
    REQUIRE((remaining == 1 || remaining == 2));
    REQUIRE(window.try_acquire_at(at(3s), remaining).allowed);
    REQUIRE(window.peek_at(at(6s), 0).remaining == 2);
  });
  CHECK(result.kills > 10);
}
