// SPDX-License-Identifier: MIT
//
// The shipped limiters under every order of their accesses, for two and three threads with clocks of their own, and
// with a thread that dies before any of its accesses. What must hold in each order:
//   - a bucket admits at most burst plus refill, and refuses only what would not fit;
//   - a window admits at most its limit, over whatever sub-window boundary the threads disagree about;
//   - no permit is lost: once all threads are through, what was not admitted is still there;
//   - a dead thread stops nobody and costs at most what it asked for.
#include <array>

#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

using Bucket = BasicTokenBucket<seawall::testing::explorer::Cell>;
using Window = BasicSlidingWindow<seawall::testing::explorer::Cell>;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

TokenBucketConfig bucket_config() { return TokenBucketConfig::make(Quota::make(2, 2s).value()).value(); }

// A window of 2 s in two sub-windows: sub-window 1 ends at 1 s, permits taken in it come back at 3 s.
SlidingWindowConfig window_config(std::int64_t limit, std::int32_t sub_windows = 2) {
  return SlidingWindowConfig::make({.quota = Quota::make(limit, 2s).value(), .sub_windows = sub_windows}).value();
}

}  // namespace

TEST_CASE("interleavings: three threads with different clocks share a bucket of two") {
  const auto result = explore([](Run& run) {
    Bucket bucket(bucket_config(), at(0s));
    std::array<bool, 3> admitted{};
    const std::array<Duration, 3> clocks{0ms, 500ms, 999ms};  // the third permit comes at 1 s
    for (std::size_t i = 0; i < 3; ++i)
      run.thread([&, i] { admitted[i] = bucket.try_acquire_at(at(clocks[i])).allowed; });
    if (!run.go()) return;
    const int count = admitted[0] + admitted[1] + admitted[2];
    REQUIRE(count >= 1);  // a clock behind that of an earlier admission may be refused
    REQUIRE(count <= 2);
    REQUIRE_FALSE(bucket.peek_at(at(999ms), count == 2 ? 1 : 2).allowed);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 5);
}

TEST_CASE("interleavings: a bucket's refund races with two admissions") {
  const auto result = explore([](Run& run) {
    Bucket bucket(bucket_config(), at(0s));
    const Charge charge = bucket.try_acquire_at(at(0s), 2).charge;
    std::array<bool, 2> admitted{};
    std::int64_t back = 0;
    for (bool& mine : admitted) run.thread([&] { mine = bucket.try_acquire_at(at(0s)).allowed; });
    run.thread([&] { back = bucket.refund_at(charge, at(0s)); });
    if (!run.go()) return;
    REQUIRE(back == 2);
    REQUIRE(bucket.peek_at(at(0s), 0).remaining == 2 - admitted[0] - admitted[1]);
  });
  CHECK(result.complete);
}

// The order that summing slots gets wrong: one thread still counts in the old sub-window while the other moves on.
TEST_CASE("interleavings: two threads on two sides of a boundary share the last permit of a window") {
  const auto result = explore([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms)).allowed);
    std::array<bool, 2> admitted{};
    run.thread([&] { admitted[0] = window.try_acquire_at(at(999ms)).allowed; });
    run.thread([&] { admitted[1] = window.try_acquire_at(at(1001ms)).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE(window.peek_at(at(2999ms), 0).remaining == 0);
    REQUIRE(window.peek_at(at(3s), 0).remaining >= 1);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}

// Two movers have some ten million orders. Depth first, each of the two starting order takes a share of them; the
// stress test draws others.
TEST_CASE("interleavings: two threads move a window to different sub-windows") {
  for (const bool later_first : {false, true}) {
    const auto result = explore(
        [&](Run& run) {
          Window window(window_config(3, 1), at(0s));
          REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
          std::array<bool, 2> admitted{};
          // What was taken in the first two seconds still counts at 3 s and no longer at 5 s.
          const std::array<Duration, 2> clocks{later_first ? 5s : 3s, later_first ? 3s : 5s};
          run.thread([&] { admitted[0] = window.try_acquire_at(at(clocks[0]), 2).allowed; });
          run.thread([&] { admitted[1] = window.try_acquire_at(at(clocks[1]), 2).allowed; });
          if (!run.go()) return;
          REQUIRE(admitted[0] + admitted[1] == 1);  // at 5 s there is room for one of them, never for two
          REQUIRE(window.peek_at(at(5s), 0).remaining == 1);
        },
        30'000);
    CHECK(result.schedules == 30'000);
  }
}

TEST_CASE("interleavings: a refund races with the end of the sub-window it names") {
  const auto result = explore([](Run& run) {
    Window window(window_config(2), at(0s));
    const Charge charge = window.try_acquire_at(at(500ms), 2).charge;
    std::int64_t back = 0;
    bool admitted = false;
    run.thread([&] { back = window.refund_at(charge, at(900ms)); });
    run.thread([&] { admitted = window.try_acquire_at(at(1100ms), 2).allowed; });
    if (!run.go()) return;
    REQUIRE(back == 2);
    REQUIRE(window.peek_at(at(2500ms), 0).remaining == (admitted ? 0 : 2));  // given back exactly once
    REQUIRE(window.peek_at(at(3500ms), 0).remaining == (admitted ? 0 : 2));
  });
  CHECK(result.complete);
}

TEST_CASE("interleavings: a refusal and a peek see one moment, whatever moves meanwhile") {
  const auto result = explore([](Run& run) {
    Window window(window_config(2), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms), 2).allowed);
    Decision refused;
    run.thread([&] { refused = window.peek_at(at(600ms)); });
    run.thread([&] { (void)window.try_acquire_at(at(1100ms)); });
    if (!run.go()) return;
    REQUIRE_FALSE(refused.allowed);
    REQUIRE(refused.remaining == 0);
    REQUIRE(refused.retry_after == 2400ms);  // at 3 s, from either side of the boundary
  });
  CHECK(result.complete);
}

TEST_CASE("interleavings: a thread that dies before any of its accesses stops nobody") {
  const auto result = explore([](Run& run) {
    Window window(window_config(3), at(0s));
    REQUIRE(window.try_acquire_at(at(500ms)).allowed);
    run.thread([&] { (void)window.try_acquire_at(at(1100ms)); }, kMortal);
    if (!run.go()) return;
    REQUIRE(window.try_acquire_at(at(1200ms)).allowed);
    const std::int64_t remaining = window.peek_at(at(1200ms), 0).remaining;
    REQUIRE((remaining == 1 || remaining == 0));  // the dead one took its permit or not
    REQUIRE(window.peek_at(at(3200ms), 0).remaining == remaining + 1);
    REQUIRE(window.peek_at(at(4s), 0).remaining == 3);
  });
  CHECK(result.complete);
  CHECK(result.kills > 10);
}

TEST_CASE("interleavings: a thread that dies in a refund gives back all or nothing") {
  const auto result = explore([](Run& run) {
    Window window(window_config(3), at(0s));
    const Charge charge = window.try_acquire_at(at(500ms), 2).charge;
    run.thread([&] { (void)window.refund_at(charge, at(1100ms)); }, kMortal);
    if (!run.go()) return;
    const std::int64_t remaining = window.peek_at(at(2100ms), 0).remaining;
    REQUIRE((remaining == 1 || remaining == 3));
    REQUIRE(window.try_acquire_at(at(2100ms), remaining).allowed);
    REQUIRE(window.peek_at(at(2999ms), 0).remaining == 0);
  });
  CHECK(result.complete);
  CHECK(result.kills > 5);
}

TEST_CASE("interleavings: three threads around a boundary") {
  const auto result = explore(
      [](Run& run) {
        Window window(window_config(2), at(0s));
        REQUIRE(window.try_acquire_at(at(0s)).allowed);
        std::array<bool, 3> admitted{};
        const std::array<Duration, 3> clocks{900ms, 950ms, 1100ms};
        for (std::size_t i = 0; i < 3; ++i) {
          run.thread([&, i] { admitted[i] = window.try_acquire_at(at(clocks[i])).allowed; });
        }
        if (!run.go()) return;
        REQUIRE(admitted[0] + admitted[1] + admitted[2] == 1);
        REQUIRE(window.peek_at(at(2999ms), 0).remaining == 0);
      },
      30'000);
  CHECK(result.schedules > 1000);
}
