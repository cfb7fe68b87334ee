// SPDX-License-Identifier: MIT
//
// The shipped FastClock under every order of its accesses, for two and three threads, each with instants of its own,
// and with a thread that dies before any of its accesses. What must hold in each order:
//   - the clock is one function of the counter: of two readings, whoever took them and whenever he was through, the one
//     of the larger count shows no earlier time;
//   - it shows the kernel's time, as nearly as the samples of that order allow;
//   - a dead thread stops nobody.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "seawall/fast_clock.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace seawall;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

constexpr double kStretch = 1 << 20;        // ticks, and nanoseconds: the counter runs at 1 GHz
constexpr std::size_t kMaker = 3;           // who makes the clock
constexpr std::uint64_t kOrigin = 200'020;  // the counter after the maker's first look at both clocks

// What each thread sees of the counter: it starts where the test says, and goes on by a little with each look. All
// counters are one, so what is seen first need not be read first: a thread may stall after it looked.
struct Counters {
  std::array<std::uint64_t, 4> at{};
  std::vector<std::pair<const void*, std::size_t>> threads;
  std::array<std::int64_t, 4> kernel_ahead{};  // of the counter, when that thread looks

  std::size_t who() const {
    const void* self = seawall::testing::explorer::current;
    for (const auto& [thread, index] : threads) {
      if (thread == self) return index;
    }
    return kMaker;
  }
};

struct CountersSource {
  Counters* counters;

  std::uint64_t ticks() const { return counters->at[counters->who()] += 10; }
  std::uint64_t relaxed_ticks() const { return ticks(); }
  std::int64_t monotonic_ns() const {
    const std::size_t who = counters->who();
    const std::uint64_t now = counters->at[who] += who == kMaker ? 200'000 : 10;
    return static_cast<std::int64_t>(now) + counters->kernel_ahead[who];
  }
  bool usable(CounterTrust) const { return true; }
};

using ExploredClock = BasicFastClock<Cell, CountersSource>;

struct Reading {
  std::uint64_t ticks = 0;
  std::int64_t ns = 0;
};

// One clock and its readers, for one order.
struct Scene {
  explicit Scene(std::array<std::int64_t, 3> ahead) : clock(CounterTrust::kKernel, CountersSource{&counters}) {
    std::copy(ahead.begin(), ahead.end(), counters.kernel_ahead.begin());
  }

  // A thread that reads when the counter is so many stretches from the start, one after the other.
  void reader(Run& run, std::size_t index, std::vector<double> stretches, bool mortal = false) {
    run.thread(
        [=, this] {
          counters.threads.emplace_back(seawall::testing::explorer::current, index);
          for (const double stretch : stretches) {
            std::uint64_t& here = counters.at[index];
            here = std::max(here, kOrigin + static_cast<std::uint64_t>(stretch * kStretch));
            const std::int64_t ns = to_ns(clock.now());
            readings.push_back({here, ns});
          }
        },
        mortal);
  }

  // Shows the counter's time, give or take what the kernel's clock was ahead and `tolerance`.
  void check(std::int64_t tolerance) {
    std::stable_sort(readings.begin(), readings.end(),
                     [](const Reading& a, const Reading& b) { return a.ticks < b.ticks; });
    std::int64_t latest = 0;
    for (const Reading& r : readings) {
      REQUIRE(r.ns >= latest);
      latest = r.ns;
      const std::int64_t ahead = r.ns - static_cast<std::int64_t>(r.ticks);
      const auto [least, most] = std::minmax_element(counters.kernel_ahead.begin(), counters.kernel_ahead.end());
      REQUIRE(ahead >= *least - tolerance);
      REQUIRE(ahead <= *most + tolerance);
    }
  }

  Counters counters;
  ExploredClock clock;
  std::vector<Reading> readings;
};

}  // namespace

TEST_CASE("interleavings: two readers find the last knot passed") {
  const auto result = explore([](Run& run) {
    Scene scene({5000, -5000, 0});
    scene.reader(run, 0, {1.4});
    scene.reader(run, 1, {1.4, 1.4});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 3);
    REQUIRE(scene.clock.source() == ClockSource::kCounter);
    scene.check(100);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 20);
}

TEST_CASE("interleavings: one reader moves on by two stretches while another is in between") {
  const auto result = explore([](Run& run) {
    Scene scene({5000, -5000, 0});
    scene.reader(run, 0, {1.4});
    scene.reader(run, 1, {2.3});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 2);
    REQUIRE(scene.clock.source() == ClockSource::kCounter);
    scene.check(1 << 20);  // who comes late from the earlier stretch is shown where the next begins
  });
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}

TEST_CASE("interleavings: after a pause two readers agree on the same knots, which are right at once") {
  const auto result = explore([](Run& run) {
    Scene scene({5000, -5000, 0});
    scene.reader(run, 0, {900.3});
    scene.reader(run, 1, {900.3, 900.3});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 3);
    REQUIRE(scene.clock.source() == ClockSource::kCounter);
    scene.check(100);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}

TEST_CASE("interleavings: after a pause two readers are in two stretches") {
  const auto result = explore([](Run& run) {
    Scene scene({5000, -5000, 0});
    scene.reader(run, 0, {900.3});
    scene.reader(run, 1, {901.2});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 2);
    REQUIRE(scene.clock.source() == ClockSource::kCounter);
    scene.check(1 << 20);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}

TEST_CASE("interleavings: two readers in front of a knot, a third behind it") {
  const auto result = explore([](Run& run) {
    Scene scene({-3000, 3000, 1000});
    scene.reader(run, 0, {0.9});
    scene.reader(run, 1, {0.95});
    scene.reader(run, 2, {1.4});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 3);
    scene.check(100);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 3);
}

TEST_CASE("interleavings: three readers find the last knot passed") {
  const auto result = explore([](Run& run) {
    Scene scene({-3000, 3000, 1000});
    scene.reader(run, 0, {1.5});
    scene.reader(run, 1, {1.5});
    scene.reader(run, 2, {1.5});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 3);
    REQUIRE(scene.clock.source() == ClockSource::kCounter);
    scene.check(100);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 1000);
}

TEST_CASE("interleavings: a reader dies at any access, others go on") {
  const auto result = explore([](Run& run) {
    Scene scene({5000, -5000, 0});
    scene.reader(run, 0, {7.5}, kMortal);
    scene.reader(run, 1, {7.5, 7.5});
    if (!run.go()) return;
    REQUIRE(!scene.readings.empty());
    REQUIRE(scene.clock.source() == ClockSource::kCounter);
    scene.check(100);
  });
  CHECK(result.complete);
  CHECK(result.kills > 20);
}

TEST_CASE("interleavings: a counter that one reader finds broken is broken for all, and nobody goes back") {
  const auto result = explore([](Run& run) {
    Scene scene({50'000'000, 50'000'000, 50'000'000});  // the kernel's clock has left the counter behind
    scene.reader(run, 0, {0.9});
    scene.reader(run, 1, {1.5});
    scene.reader(run, 2, {1.6});
    if (!run.go()) return;
    REQUIRE(scene.readings.size() == 3);
    REQUIRE(scene.clock.source() == ClockSource::kMonotonic);
    scene.check(100);
  });
  CHECK(result.complete);
}
