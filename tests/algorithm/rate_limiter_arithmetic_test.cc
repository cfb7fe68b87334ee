// SPDX-License-Identifier: MIT
// From one permit a year to a thousand million a second, over thirty years: nothing rounds against the promise.
#include <random>
#include <vector>

#include "seawall/algorithm/gcra.h"
#include "seawall/algorithm/keyed_code.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/algorithm/window.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;
using algorithm::Gcra;
using algorithm::kHorizon;
using algorithm::Ratio;
using algorithm::Wide;
using algorithm::Window;

static_assert(Ratio(1, 3).floor(10) == 3 && Ratio(1, 3).ceil(10) == 4 && Ratio(1, 3).ceil(9) == 3);
static_assert(Ratio(3, 1).floor(7) == 21 && Ratio(3, 1).ceil(7) == 21);

TEST_CASE("a ratio divides as 128-bit arithmetic does") {
  std::mt19937_64 random(1);
  const auto number = [&](int bits) { return (random() >> (64 - bits)) >> (random() % static_cast<unsigned>(bits)); };
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t numerator = number(57) + 1;
    const std::uint64_t denominator = number(57) + 1;
    const auto most = static_cast<std::uint64_t>(
        std::min<Wide>((Wide{~std::uint64_t{0}} - 1) * denominator / numerator, ~std::uint64_t{0}));
    const std::uint64_t x = i % 8 == 0 ? most : std::min(number(63), most);
    const Wide product = Wide{x} * numerator;
    const Ratio ratio(numerator, denominator);
    const bool floor_ok = ratio.floor(x) == static_cast<std::uint64_t>(product / denominator);
    const bool ceil_ok = ratio.ceil(x) == static_cast<std::uint64_t>((product + denominator - 1) / denominator);
    if (!floor_ok || !ceil_ok) FAIL(x << " * " << numerator << " / " << denominator);
  }
}

// A caller near the mark may take his own instant for it.
TEST_CASE("near the mark is from the mark to half a reach after it") {
  std::mt19937_64 random(1);
  for (const int unit_shift : {0, 1, 5, 10}) {
    const algorithm::KeyedCode code(28, 0, unit_shift);
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t units = random() >> (12 + random() % 52);
      const std::uint64_t control = algorithm::KeyedControl{units, random() % 8, random() % 256}.word();
      const std::uint64_t mark = units << unit_shift;
      const std::uint64_t edge = random() % 2 == 0 ? mark : mark + code.reach() / 2;
      const std::uint64_t now = edge - std::min<std::uint64_t>(edge, 4) + random() % 9;
      REQUIRE(code.near(now, control) == (now >= mark && !code.late(now, mark)));
    }
  }
}

namespace {

std::vector<Quota> quotas() {
  std::vector<Quota> all;
  for (const std::int64_t permits :
       {1LL, 2LL, 3LL, 7LL, 10LL, 200LL, 999'983LL, 1'000'000LL, 999'999'937LL, 1'000'000'000LL}) {
    for (const Duration period : {Duration(1), Duration(7), Duration(1us), Duration(1ms), Duration(1s), Duration(60s),
                                  Duration(1h), Duration(24h), Duration(Quota::kMaxPeriod)}) {
      for (const std::int64_t burst : {std::int64_t{1}, permits}) {
        if (const auto quota = Quota::make(permits, period, burst)) all.push_back(quota.value());
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("every quota makes a bucket whose ticks are finer than a nanosecond and whose states hold 30 years") {
  for (const Quota& quota : quotas()) {
    const auto made = Gcra::make(quota);
    REQUIRE(made);
    const Gcra& bucket = made.value();
    const auto permits = Wide{static_cast<std::uint64_t>(quota.permits())} << bucket.shift();
    const auto period = static_cast<std::uint64_t>(quota.period().count());
    const auto year = static_cast<std::uint64_t>(Duration(365 * 24h).count());
    const Wide years_of_burst =
        Wide{static_cast<std::uint64_t>(quota.burst())} * period / static_cast<std::uint64_t>(quota.permits()) / year;
    CHECK(bucket.shift() >= 1);  // a tick is at most half a permit, so it cannot admit one too many
    if (years_of_burst < 1) CHECK(permits >= period);  // one tick or more each nanosecond
    CHECK(permits * 4 >= period);
    const Wide last = Wide{static_cast<std::uint64_t>(kHorizon.count())} * permits / period;
    const Wide burst = Wide{static_cast<std::uint64_t>(quota.burst())} << bucket.shift();
    CHECK(last + burst < (Wide{1} << Gcra::kStateBits));
  }
}

// The rate is one multiplication by a factor that is rounded up: what that adds up to, at the worst instant.
TEST_CASE("in 30 years the clock of a bucket is never ahead by a tick, and never behind") {
  for (const Quota& quota : quotas()) {
    const Gcra bucket = Gcra::make(quota).value();
    std::mt19937_64 random(7);
    for (int i = 0; i < 200; ++i) {
      const Duration now(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(kHorizon.count())) >>
                         (i % 40));
      std::uint64_t tat = 0;
      REQUIRE(bucket.acquire(tat, now, 1).allowed);
      const std::uint64_t ticks = tat - (std::uint64_t{1} << bucket.shift());  // the clock, as the bucket has it
      const Wide scaled = Wide{static_cast<std::uint64_t>(now.count())} *
                          (static_cast<std::uint64_t>(quota.permits()) << bucket.shift());
      const auto exact = static_cast<std::uint64_t>(scaled / static_cast<std::uint64_t>(quota.period().count()));
      REQUIRE(ticks >= exact);
      REQUIRE(ticks <= exact + 1);
      if (scaled % static_cast<std::uint64_t>(quota.period().count()) == 0) REQUIRE(ticks == exact);
    }
  }
}

TEST_CASE("a burst that takes longer than the horizon to come back is refused at construction") {
  const auto slow = Quota::make(1, Quota::kMaxPeriod, 1'000'000'000).value();
  CHECK(Gcra::make(slow).error().message.view() == "burst at a rate this low must be from 1 to 99, not 1000000000");
  CHECK(Gcra::make(Quota::make(1, Quota::kMaxPeriod, 99).value()).ok());
  CHECK_FALSE(Gcra::make(Quota::make(1, Quota::kMaxPeriod, 100).value()).ok());
}

TEST_CASE("at every rate and age a bucket is denied until retry_after and allowed exactly at it") {
  for (const Quota& quota : quotas()) {
    const Gcra bucket = Gcra::make(quota).value();
    for (const Duration age :
         {Duration(0), Duration(1), Duration(999'999'937), Duration(kHorizon / 3), Duration(kHorizon / 10 * 9)}) {
      std::uint64_t tat = 0;
      REQUIRE(bucket.acquire(tat, age, quota.burst()).allowed);
      CHECK(bucket.peek(tat, age, 1).remaining == 0);
      const Decision refused = bucket.acquire(tat, age, 1);
      const Duration at = age + refused.retry_after;
      if (refused.allowed || refused.retry_after <= Duration(0))
        FAIL(quota.permits() << " in " << quota.period().count());
      CHECK_FALSE(bucket.peek(tat, at - Duration(1), 1).allowed);
      CHECK(bucket.peek(tat, at, 1).allowed);
      CHECK(bucket.peek(tat, age + bucket.peek(tat, age, 1).reset_after, 1).remaining == quota.burst());
    }
  }
}

// The trap: an emission interval of whole nanoseconds admits 11 % too many at 300 M/s.
TEST_CASE("a greedy caller gets the rate to the permit at any rate, also after 29 years") {
  struct Row {
    std::int64_t per_second;
    Duration step;
  };
  for (const Row row : {Row{3'000'000, 1ms}, Row{300'000'000, 1us}, Row{700'000'000, 7us}, Row{999'999'999, 1us},
                        Row{1'000'000'000, 1us}}) {
    const Gcra bucket = Gcra::make(Quota::make(row.per_second, 1s, 1'000'000).value()).value();
    const Duration begin = kHorizon / 30 * 29;
    std::uint64_t tat = 0;
    std::int64_t admitted = 0;
    Duration now = begin;
    for (; now < begin + row.step * 1000; now += row.step) {
      const Decision all = bucket.peek(tat, now, 0);
      if (all.remaining > 0) admitted += bucket.acquire(tat, now, all.remaining).charge.permits;
    }
    const Duration spent = now - row.step - begin;
    const auto owed = [&](Duration time) {
      const Wide permits = Wide{static_cast<std::uint64_t>(row.per_second)} * static_cast<std::uint64_t>(time.count());
      return 1'000'000 + static_cast<std::int64_t>(permits / 1'000'000'000);
    };
    CHECK(admitted >= owed(spent));
    CHECK(admitted <= owed(spent + Duration(1)));  // one may come less than a nanosecond early
  }
}

TEST_CASE("every window with a burst of its permits has a head word that lasts 30 years") {
  for (const Quota& quota : quotas()) {
    if (quota.burst() != quota.permits()) {
      CHECK(Window::make(quota).error().message.view() ==
            "a sliding window has no burst of its own: burst must equal permits");
      continue;
    }
    const Window window = Window::make(quota).value();
    const std::uint64_t last = window.index(kHorizon);
    CHECK(last < (std::uint64_t{1} << (63 - window.count_bits())));
    CHECK(quota.permits() <= window.most_permits());
    // A sub-window starts at the first nanosecond that has its number.
    for (const std::uint64_t i : {std::uint64_t{2}, std::uint64_t{3}, last / 7 + 2, last / 2}) {
      if (i >= last) continue;
      CHECK(window.index(window.start(i)) == i);
      CHECK(window.index(window.start(i) - Duration(1)) == i - 1);
    }
  }
}

TEST_CASE("a window names a number of sub-windows that is out of range") {
  const Quota minute = Quota::make(200, 60s).value();
  CHECK(Window::make(minute).value().sub_windows() == 12);
  CHECK(Window::make(minute, 6).value().sub_windows() == 6);
  CHECK(Window::make(minute, 13).error().message.view() == "sub_windows must be from 0 to 12, not 13");
  CHECK(Window::make(minute, -1).error().message.view() == "sub_windows must be from 0 to 12, not -1");
  CHECK(Window::make(Quota::make(1, Duration(1)).value()).value().sub_windows() == 1);
}
