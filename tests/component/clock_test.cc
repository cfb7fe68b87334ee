// SPDX-License-Identifier: MIT
// FastClock on a machine whose counter and clock the test moves.
#include <cstdlib>
#include <vector>

#include "seawall/testing/manual_clock.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/fake_counter.h"

using namespace seawall;
using seawall::testing::Machine;
using seawall::testing::MachineCounter;

namespace {

using TestClock = BasicFastClock<std::atomic<std::uint64_t>, MachineCounter>;
constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kBound = 10'000;  // as the header says

// The machine's CLOCK_MONOTONIC minus the clock, at the instant at which the clock read the counter.
std::int64_t behind(Machine& machine, const TestClock& clock) {
  const std::int64_t shown = to_ns(clock.now());
  return static_cast<std::int64_t>(machine.ns) - shown;
}

}  // namespace

TEST_CASE("clock: without a counter to believe in it is CLOCK_MONOTONIC") {
  Machine machine;
  SECTION("the machine has none") { machine.usable = false; }
  SECTION("it is too slow") { machine.hertz = 1'000'000; }
  const TestClock clock(CounterTrust::kKernel, &machine);
  CHECK(clock.source() == ClockSource::kMonotonic);
  const std::int64_t read_before = machine.kernel_readings;
  for (int i = 0; i < 10; ++i) CHECK(behind(machine, clock) == 0);
  CHECK(machine.kernel_readings == read_before + 10);
}

TEST_CASE("clock: a caller may forbid the counter") {
  Machine machine;
  const TestClock clock(CounterTrust::kNever, &machine);
  CHECK(clock.source() == ClockSource::kMonotonic);
}

TEST_CASE("clock: it asks the kernel once for each stretch, however often it is read") {
  Machine machine;
  const TestClock clock(CounterTrust::kKernel, &machine);
  REQUIRE(clock.source() == ClockSource::kCounter);
  const std::int64_t asked_before = machine.kernel_readings;
  for (int i = 0; i < 100'000; ++i) {
    machine.pass(1000);
    clock.now();
  }
  const std::int64_t stretches = 100'000 * 1020 / 1'048'576;
  CHECK(machine.kernel_readings - asked_before >= stretches - 1);
  CHECK(machine.kernel_readings - asked_before <= stretches + 2);
}

TEST_CASE("clock: it stays within its bound of CLOCK_MONOTONIC, whatever the pauses, and never goes back") {
  Machine machine;
  machine.hertz = GENERATE(as<std::uint64_t>(), 10'000'000, 24'000'000, 1'000'000'000, 2'596'142'000, 5'123'456'789);
  machine.parts_per_million = GENERATE(as<std::int64_t>(), 0, 1, 500, -500);
  CAPTURE(machine.hertz, machine.parts_per_million);
  const std::int64_t steered = machine.parts_per_million;
  const TestClock clock(CounterTrust::kKernel, &machine);
  REQUIRE(clock.source() == ClockSource::kCounter);
  std::int64_t worst = 0;
  std::int64_t latest = to_ns(clock.now());
  std::uint64_t random = 88172645463325252U;
  for (int i = 0; i < 20'000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    const std::int64_t longest[] = {100, 10'000, kMs, 10 * kMs, 3600 * 1000 * kMs};
    machine.pass(static_cast<std::int64_t>(random % static_cast<std::uint64_t>(longest[i % 997 == 0 ? 4 : i % 4])));
    // The kernel steers one way, then the other.
    if (i % 50 == 0) machine.parts_per_million = i % 100 == 0 ? steered : -steered;
    if (i % 97 == 0) machine.interrupted_once = 30 * kMs;
    const std::int64_t now = to_ns(clock.now());
    worst = std::max(worst, std::abs(static_cast<std::int64_t>(machine.ns) - now));
    REQUIRE(now >= latest);
    latest = now;
  }
  CHECK(clock.source() == ClockSource::kCounter);
  CHECK(worst <= kBound);
}

TEST_CASE("clock: a correction is slewed at an eighth and never steps") {
  Machine machine;
  const TestClock clock(CounterTrust::kKernel, &machine);
  clock.now();
  const auto jump = GENERATE(as<std::int64_t>(), kMs, -kMs);
  machine.ns += static_cast<double>(jump);  // as a clock that the kernel steers very hard
  std::int64_t latest = to_ns(clock.now());
  double ticks = machine.ticks;
  std::int64_t met_after = 0;
  for (int i = 0; i < 20'000; ++i) {
    machine.pass(980);
    const std::int64_t now = to_ns(clock.now());
    const double real = (machine.ticks - ticks) * 1e9 / static_cast<double>(machine.hertz);
    REQUIRE(static_cast<double>(now - latest) >= real * 0.87 - 2);
    REQUIRE(static_cast<double>(now - latest) <= real * 1.13 + 2);
    if (met_after == 0 && std::abs(static_cast<std::int64_t>(machine.ns) - now) < 100) met_after = i;
    latest = now;
    ticks = machine.ticks;
  }
  CHECK(clock.source() == ClockSource::kCounter);
  CHECK(met_after > 7'000);  // 1 ms at an eighth takes 8 ms
  CHECK(met_after < 12'000);
}

TEST_CASE("clock: a relaxed reading is one that was made earlier, whatever stretch that was in") {
  Machine machine;
  const TestClock clock(CounterTrust::kKernel, &machine);
  REQUIRE(clock.source() == ClockSource::kCounter);
  machine.ns_per_reading = 0;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    const std::int64_t earlier = to_ns(clock.now());
    machine.ticks_ahead = static_cast<std::uint64_t>(i) % 700;
    machine.pass(static_cast<std::int64_t>(machine.ticks_ahead));  // a tick is a nanosecond here
    if (to_ns(clock.relaxed_now()) != earlier) FAIL("read " << to_ns(clock.relaxed_now()) << " for " << earlier);
    machine.pass(500);
  }
}

TEST_CASE("clock: a relaxed reading without a counter is CLOCK_MONOTONIC") {
  Machine machine;
  const TestClock clock(CounterTrust::kNever, &machine);
  machine.ns_per_reading = 0;
  machine.ticks_ahead = 1000;
  CHECK(to_ns(clock.relaxed_now()) == static_cast<std::int64_t>(machine.ns));
}

TEST_CASE("clock: limiters that are given the clock take relaxed readings, others plain ones") {
  Machine machine;
  const TestClock clock(CounterTrust::kKernel, &machine);
  machine.ns_per_reading = 0;
  machine.pass(100 * kMs);
  const TimePoint now = clock.now();
  machine.ticks_ahead = 5'000;
  CHECK(clock.now() == now);
  CHECK(relaxed_now(clock) == now - Duration(5'000));
  testing::ManualClock manual;
  CHECK(relaxed_now(manual) == manual.now());
  // An early reading refuses rather than admits: of one permit a second nothing has come back yet.
  TokenBucket bucket(TokenBucketConfig::make(Quota::make(1, Duration(5'000)).value()).value(), now - Duration(10'000));
  CHECK(bucket.try_acquire_at(now - Duration(5'000)).allowed);
  CHECK_FALSE(bucket.try_acquire(clock).allowed);
  machine.ticks_ahead = 0;
  CHECK(bucket.try_acquire(clock).allowed);
}

TEST_CASE("clock: after a pause the first reading is right, without a slew") {
  Machine machine;
  machine.parts_per_million = 300;
  const TestClock clock(CounterTrust::kKernel, &machine);
  clock.now();
  const auto pause = GENERATE(as<std::int64_t>(), 3 * kMs, 1000 * kMs, 86'400 * 1000 * kMs);
  machine.pass(pause);
  CHECK(std::abs(behind(machine, clock)) < 100);
}

TEST_CASE("clock: a counter that breaks its word is left for good, and time does not go back") {
  Machine machine;
  const TestClock clock(CounterTrust::kKernel, &machine);
  for (int i = 0; i < 100; ++i) {
    machine.pass(kMs);
    clock.now();
  }
  REQUIRE(clock.source() == ClockSource::kCounter);
  const std::int64_t latest = to_ns(clock.now());
  double jump = 0;
  SECTION("it went back, as after a sleep") { machine.ticks -= 50e6; }
  SECTION("it starts anew") { machine.ticks = 5; }
  SECTION("it ran on while the clock stood: a sleep") { machine.ticks += 3600e9; }
  SECTION("the clock went on without it: another host") { machine.ns += jump = 3600e9; }
  SECTION("it runs at another rate") {
    machine.hertz *= 2;
    machine.pass(10 * kMs);
  }
  SECTION("another time namespace, far behind") { machine.ns -= 1e9; }
  std::int64_t shown = latest;
  for (int i = 0; i < 10; ++i) {
    machine.pass(kMs);
    const std::int64_t now = to_ns(clock.now());
    REQUIRE(now >= shown);
    shown = now;
  }
  CHECK(clock.source() == ClockSource::kMonotonic);
  // It stands for as long as it was ahead, and that is two stretches at most; then it is the kernel's clock.
  CHECK(shown >= static_cast<std::int64_t>(machine.ns));
  CHECK(shown <= std::max(static_cast<std::int64_t>(machine.ns), latest + 3 * kMs));
}

TEST_CASE("clock: a reader that was stopped while it compared clocks changes nothing that others decided") {
  Machine machine;
  const TestClock clock(CounterTrust::kKernel, &machine);
  const auto stretches = GENERATE(range(1, 12));
  const auto phase = GENERATE(as<std::int64_t>(), 0, 300'000, 600'000, 900'000);
  CAPTURE(stretches, phase);
  machine.pass(5 * kMs);
  clock.now();
  machine.pass(2 * kMs + phase);
  std::int64_t shown = 0;
  machine.while_stopped = [&] {
    for (int i = 0; i < stretches; ++i) {
      machine.pass(1'048'576);
      shown = to_ns(clock.now());
    }
    machine.ns -= 50'000;  // the kernel steers: who decided these knots anew would decide otherwise
  };
  const double ticks = machine.ticks;
  const std::int64_t stopped = to_ns(clock.now());
  const std::int64_t next = to_ns(clock.now());
  CHECK(machine.ticks > ticks);
  CHECK(clock.source() == ClockSource::kCounter);
  // Some readings of 20 ns later.
  CHECK(stopped >= shown);
  CHECK(stopped <= shown + 3000);
  CHECK(next >= stopped);
  CHECK(next <= stopped + 100);
}

TEST_CASE("clock: a correction beyond its field stops the counter instead of wrapping") {
  Machine machine;
  machine.parts_per_million = 0;
  const TestClock clock(CounterTrust::kKernel, &machine);
  machine.parts_per_million = 100'000;
  std::int64_t latest = 0;
  // 44,000 s of correction at a tenth of the time.
  for (int hours = 0; hours < 14; ++hours) {
    machine.pass(3600 * 1000 * kMs);
    for (int i = 0; i < 100; ++i) {
      machine.pass(kMs / 10);
      const std::int64_t now = to_ns(clock.now());
      REQUIRE(now >= latest);
      latest = now;
    }
  }
  CHECK(clock.source() == ClockSource::kMonotonic);
  CHECK(behind(machine, clock) == 0);
}
