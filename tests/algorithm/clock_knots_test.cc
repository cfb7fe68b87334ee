// SPDX-License-Identifier: MIT
#include "seawall/algorithm/counter_knots.h"
#include "support/catch.h"

using namespace seawall::algorithm;

namespace {

constexpr CounterScale kGigahertz = counter_scale(1'000'000, 1'000'000);  // 2^20 ticks, 1,048,576 ns

static_assert(kGigahertz == CounterScale{20, 1'048'576});
static_assert(knot_time(kGigahertz, 0, 0, 0) == 0);
static_assert(Knot::correction(Knot::pack(7, -5)) == -5 && Knot::is(Knot::pack(7, -5), 7));
static_assert(Knot::pack(0, 0) == 0, "what an empty ring holds");

struct Rate {
  std::uint64_t ticks;
  std::int64_t ns;
  CounterScale scale;
};

}  // namespace

TEST_CASE("knots: a stretch is a power of two of ticks and lasts 1 to 2 ms") {
  const auto rate = GENERATE(values<Rate>({
      {2'596'142, 1'000'000, {22, 1'615'591}},       // 2.6 GHz
      {62'500, 1'000'000, {16, 1'048'576}},          // 62.5 MHz, aarch64
      {24'000'000, 1'000'000'000, {15, 1'365'333}},  // 24 MHz
      {5'000, 1'000'000, {13, 1'638'400}},           //  5 MHz, the slowest
      {16'000'000, 1'000'000, {24, 1'048'576}},      // 16 GHz, the fastest
      {4'999, 1'000'000, {}},                        // too slow
      {16'000'001, 1'000'000, {}},                   // too fast
      {0, 1'000'000, {}},                            // stands still
      {1'000'000, 0, {}},                            // no time
      {1'000'000, -1, {}},                           // time goes back
      {std::uint64_t{1} << 35, 1'000'000'000, {}},   // runs over
      {1'000'000'000, std::int64_t{1} << 35, {}},    // paused for half a minute
      {std::uint64_t{1} << 63, 1'000'000, {}},       // went back
  }));
  CAPTURE(rate.ticks, rate.ns);
  const CounterScale scale = counter_scale(rate.ticks, rate.ns);
  CHECK(scale == rate.scale);
  if (scale.shift != 0) {
    CHECK(scale.knot_ns > 1'000'000);
    CHECK(scale.knot_ns <= 2'000'000);
  }
}

TEST_CASE("knots: number and correction keep all their bits") {
  const auto correction = GENERATE(values<std::int64_t>({0, 1, -1, 4711, -4711, Knot::kLargest, -Knot::kLargest}));
  const auto number = GENERATE(values<std::uint64_t>({0, 1, 0xfffff, 0x100000, 0x123456789}));
  CAPTURE(correction, number);
  const std::uint64_t word = Knot::pack(number, correction);
  CHECK(Knot::correction(word) == correction);
  CHECK(Knot::is(word, number));
  CHECK(Knot::is(word, number + (1U << 20)));
  CHECK_FALSE(Knot::is(word, number + 1));
  CHECK_FALSE(Knot::is(word, number + 4));
}

TEST_CASE("knots: the head finds the knot before any gap in its ring") {
  const auto skipped = GENERATE(values<std::uint64_t>({0, 1, 3, 4, KnotHead::kSkippedLimit - 1, KnotHead::kSkippedLimit,
                                                       KnotHead::kSkippedLimit + 1, 1'000'000'000'003}));
  const std::uint64_t last = KnotHead::kLastLimit - 2;
  const std::uint64_t word = KnotHead::pack(last, skipped, 4);
  CAPTURE(skipped);
  CHECK(KnotHead::last(word) == last);
  CHECK(KnotHead::skipped(word) % 4 == skipped % 4);
  CHECK(KnotHead::skipped(word) <= skipped);
  CHECK_FALSE(KnotHead::stopped(word));
  CHECK(KnotHead::stopped(word | KnotHead::kStopped));
  CHECK(KnotHead::last(word | KnotHead::kStopped) == last);
  CHECK(KnotHead::reach(word | KnotHead::kStopped) > KnotHead::kLastLimit);
}

TEST_CASE("knots: between two knots time goes straight, and it meets both") {
  const CounterScale scale = kGigahertz;
  const auto to = GENERATE(values<std::int64_t>({0, 100, -100, 131'072, -131'072}));
  const std::uint64_t start = std::uint64_t{1000} << scale.shift;
  const std::uint64_t length = std::uint64_t{1} << scale.shift;
  const std::int64_t at_start = 1000 * std::int64_t{scale.knot_ns} + 50;
  CAPTURE(to);
  CHECK(knot_time(scale, start, 50, to) == at_start);
  CHECK(knot_time(scale, start + length / 2, 50, to) == at_start + (scale.knot_ns + to - 50) / 2);
  CHECK(knot_time(scale, start + length, to, 0) == at_start + scale.knot_ns + to - 50);
  CHECK(knot_time(scale, start + length - 1, 50, to) <= knot_time(scale, start + length, to, 0));
}

TEST_CASE("knots: the evidence is an interval, and what lies in it is left alone") {
  const std::uint64_t k = 100 * std::uint64_t{1'048'576};
  const std::int64_t ns = static_cast<std::int64_t>(k);
  const Evidence narrow = evidence(kGigahertz, k - 30, ns, k + 30);
  CHECK(narrow.least == -30);
  CHECK(narrow.most == 30);
  CHECK(narrow.nearest(0) == 0);
  CHECK(narrow.nearest(29) == 29);
  CHECK(narrow.nearest(500) == 30);
  CHECK(narrow.nearest(-500) == -30);
  const Evidence interrupted = evidence(kGigahertz, k - 30, ns, k + 10'000'000);
  CHECK(interrupted.nearest(0) == 0);
  CHECK(interrupted.nearest(500) == 30);
  const Evidence backwards = evidence(kGigahertz, k + 30, ns, k - 30);  // two processors that disagree
  CHECK(backwards.least <= backwards.most);
  const Evidence wild = evidence(kGigahertz, ~std::uint64_t{0}, INT64_MAX, 0);
  CHECK(wild.least <= wild.most);
}

TEST_CASE("knots: a correction goes to the evidence, by at most an eighth of the time") {
  const std::int64_t eighth = kGigahertz.knot_ns / 8;
  struct Case {
    std::int64_t before;
    Evidence seen;
    std::uint64_t stretches;
    std::int64_t next;
  };
  const auto c = GENERATE_COPY(values<Case>({
      {0, {-30, 30}, 1, 0},
      {0, {40, 100}, 1, 40},
      {0, {-100, -40}, 1, -40},
      {1000, {-30, 30}, 1, 30},
      {0, {10 * eighth, 10 * eighth}, 1, eighth},
      {0, {-10 * eighth, -10 * eighth}, 1, -eighth},
      {0, {10 * eighth, 10 * eighth}, 9, 9 * eighth},
      {0, {10 * eighth, 10 * eighth}, 10, 10 * eighth},
      {5, {-10 * eighth, -10 * eighth}, 4'000'000, -10 * eighth},
  }));
  CAPTURE(c.before, c.stretches);
  CHECK(next_correction(kGigahertz, c.before, c.seen, c.stretches) == c.next);
}

TEST_CASE("knots: counter and kernel may part by an eighth of the time and one stretch") {
  const std::int64_t stretch = kGigahertz.knot_ns;
  const std::int64_t tolerance = stretch + 2 * (stretch / 8);
  const auto sign = GENERATE(1, -1);
  const auto seen = [=](std::int64_t off) { return Evidence{sign * off, sign * off}; };
  CHECK(counter_agrees(kGigahertz, 0, seen(0), 0));
  CHECK(counter_agrees(kGigahertz, 0, seen(tolerance), 1));
  CHECK_FALSE(counter_agrees(kGigahertz, 0, seen(tolerance + 1), 1));
  CHECK(counter_agrees(kGigahertz, 0, seen(100 * (stretch / 8)), 99));
  CHECK(counter_agrees(kGigahertz, sign * (Knot::kLargest - 2), seen(Knot::kLargest - 1), 1));
  CHECK_FALSE(counter_agrees(kGigahertz, sign * (Knot::kLargest - 2), seen(Knot::kLargest), 1));
  // A wide interval proves nothing.
  CHECK(counter_agrees(kGigahertz, 0, {-3'600'000'000'000, 20}, 1));
}
