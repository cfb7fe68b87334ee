// SPDX-License-Identifier: MIT
//
// A limit that changes while others ask, in every order of their accesses. What must hold in each order:
//   - every decision is by the old limit or by the new one, state and rule of one moment;
//   - no permit is lost or made: what is left at the end is what one order of the calls one after the other leaves;
//   - a changer that dies before any of its accesses has changed the limit or not, and the next change works;
//   - a changer that was overtaken, or slept, writes nothing into a rule that is in force.
#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "seawall/detail/ruled_word.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

using Bucket = BasicTokenBucket<Cell>;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }
TokenBucketConfig config(std::int64_t permits, Duration period) {
  return TokenBucketConfig::make(Quota::make(permits, period).value()).value();
}

// The smallest rule: a factor. A state is a multiple of the factor of its rule, so a state that met another rule shows.
struct Factor {
  std::uint32_t factor = 1;
  using Packed = std::array<std::uint32_t, 1>;
  Packed pack() const { return {factor}; }
  static Factor unpack(const Packed& p) { return {p[0]}; }
  std::uint64_t taken_over(const Factor& old, std::uint64_t state, Duration, LimitChange) const {
    return state % old.factor == 0 ? state / old.factor * factor : kBroken;
  }
  static constexpr std::uint64_t kBroken = 1'000'003;
};
using Word = detail::RuledWord<Cell, Factor>;

// Counts one more in units of the factor in force; answers the count before.
std::uint64_t count(Word& word) {
  return word.apply([](const Factor& rule, std::uint64_t& state, std::uint64_t) {
    const std::uint64_t before = state % rule.factor == 0 ? state / rule.factor : Factor::kBroken;
    state += rule.factor;
    return before;
  });
}
std::pair<std::uint32_t, std::uint64_t> now_in(const Word& word) {
  return word.look([](const Factor& rule, std::uint64_t state) { return std::pair(rule.factor, state / rule.factor); });
}
bool change(Word& word, std::uint32_t factor) { return word.change({factor}, LimitChange::kKeep, 0ns); }

}  // namespace

TEST_CASE("interleavings: two count while a third changes the rule") {
  const auto result = explore([](Run& run) {
    Word word(Factor{3});
    std::array<std::uint64_t, 2> seen{};
    bool changed = false;
    for (std::uint64_t& mine : seen) run.thread([&] { mine = count(word); });
    run.thread([&] { changed = change(word, 5); });
    if (!run.go()) return;
    REQUIRE(changed);
    REQUIRE(std::set<std::uint64_t>(seen.begin(), seen.end()) == std::set<std::uint64_t>{0, 1});
    REQUIRE(now_in(word) == std::pair<std::uint32_t, std::uint64_t>(5, 2));
  });
  CHECK(result.complete);
  CHECK(result.schedules > 50);
}

TEST_CASE("interleavings: two change the rule at once, and the one that answers true last holds") {
  const auto result = explore([](Run& run) {
    Word word(Factor{3});
    count(word);
    std::array<bool, 2> changed{};
    run.thread([&] { changed[0] = change(word, 5); });
    run.thread([&] { changed[1] = change(word, 7); });
    if (!run.go()) return;
    const auto [factor, counted] = now_in(word);
    REQUIRE((changed[0] || changed[1]));
    REQUIRE((factor == 5 ? changed[0] : factor == 7 && changed[1]));
    REQUIRE(counted == 1);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 500);
}

TEST_CASE("interleavings: one counts while two change the rule, where the generations begin again") {
#if defined(SEAWALL_FIBER_TSAN) || defined(SEAWALL_FIBER_ASAN)
  constexpr std::uint64_t kMost = 1000;  // all of them take minutes there, and cannot find more
#else
  constexpr std::uint64_t kMost = 2'000'000;
#endif
  const auto scenario = [](Run& run) {
    Word word(Factor{3});
    for (std::uint32_t factor = 10; factor < 15; ++factor) REQUIRE(change(word, factor));
    std::uint64_t seen = 99;
    std::array<bool, 2> changed{};
    run.thread([&] { seen = count(word); });
    run.thread([&] { changed[0] = change(word, 5); });
    run.thread([&] { changed[1] = change(word, 7); });
    if (!run.go()) return;
    const auto [factor, counted] = now_in(word);
    REQUIRE(seen == 0);
    REQUIRE(counted == 1);
    REQUIRE((factor == 5 ? changed[0] : factor == 7 && changed[1]));
  };
  const auto result = explore(scenario, kMost);
  CHECK((result.complete || kMost == 1000));
  CHECK(result.schedules >= std::min<std::uint64_t>(kMost, 20'000));
}

// Its claim, half-written slot or unfinished change is there when the others come.
TEST_CASE("interleavings: a changer that dies before any of its accesses stops nobody") {
  const auto result = explore([](Run& run) {
    Word word(Factor{3});
    count(word);
    run.thread([&] { (void)change(word, 5); }, kMortal);
    std::uint64_t seen = 99;
    run.thread([&] { seen = count(word); });
    if (!run.go()) return;
    REQUIRE(seen == 1);
    const auto between = now_in(word);
    REQUIRE((between.first == 3 || between.first == 5));
    REQUIRE(between.second == 2);
    REQUIRE(change(word, 7));
    REQUIRE(now_in(word) == std::pair<std::uint32_t, std::uint64_t>(7, 2));
    REQUIRE(change(word, 11));
    REQUIRE(count(word) == 2);
    REQUIRE(now_in(word) == std::pair<std::uint32_t, std::uint64_t>(11, 3));
  });
  CHECK(result.complete);
  CHECK(result.kills > 30);
}

// A reader of the old rule sleeps over two changes, so its slot is written anew under its eyes.
TEST_CASE("interleavings: a counter sleeps while the rule changes twice") {
  const auto result = explore([](Run& run) {
    Word word(Factor{3});
    REQUIRE(change(word, 5));
    std::uint64_t seen = 99;
    run.thread([&] { seen = count(word); });
    run.thread([&] { REQUIRE((change(word, 7) && change(word, 11))); });
    if (!run.go()) return;
    REQUIRE(seen == 0);
    REQUIRE(now_in(word) == std::pair<std::uint32_t, std::uint64_t>(11, 1));
  });
  CHECK(result.complete);
  CHECK(result.schedules > 30);
}

// A look writes nothing, so no exchange tells it that it was late.
TEST_CASE("interleavings: a look sleeps while the rule changes twice, and sees one moment") {
  const auto result = explore([](Run& run) {
    Word word(Factor{3});
    REQUIRE(change(word, 5));
    count(word);
    std::pair<std::uint32_t, std::uint64_t> seen;
    run.thread([&] { seen = now_in(word); });
    run.thread([&] { REQUIRE((change(word, 7) && change(word, 11))); });
    if (!run.go()) return;
    REQUIRE(seen.second == 1);
    REQUIRE((seen.first == 5 || seen.first == 7 || seen.first == 11));
  });
  CHECK(result.complete);
  CHECK(result.schedules > 10);
}

// The same with buckets, whose states are in ticks of different lengths: 2 in 2 s, then 12 in 3 s.
TEST_CASE("interleavings: two ask while the limit of a bucket changes") {
  for (const LimitChange how : {LimitChange::kKeep, LimitChange::kProportional, LimitChange::kReset}) {
    const auto result = explore([&](Run& run) {
      Bucket bucket(config(2, 2s), at(0s));
      std::array<Decision, 2> decisions{};
      for (Decision& mine : decisions) run.thread([&] { mine = bucket.try_acquire_at(at(500ms)); });
      run.thread([&] { REQUIRE(bucket.change_limit_at(config(12, 3s), how, at(500ms))); });
      if (!run.go()) return;
      int before = 0;
      for (const Decision& d : decisions) {
        REQUIRE(d.allowed);
        REQUIRE((d.limit == 2 || d.limit == 12));
        before += d.limit == 2 ? 1 : 0;
      }
      const std::int64_t left = 2 - before;
      const std::int64_t kept = how == LimitChange::kKeep ? left : how == LimitChange::kReset ? 12 : 6 * left;
      REQUIRE(bucket.peek_at(at(500ms), 0).remaining == kept - (2 - before));
      REQUIRE(bucket.peek_at(at(500ms), 0).limit == 12);
      REQUIRE(bucket.peek_at(at(3500ms), 0).remaining == 12);
    });
    CHECK(result.complete);
    CHECK(result.schedules > 50);
  }
}

TEST_CASE("interleavings: a refund races with a change of limit, and gives back under the old limit or not at all") {
  const auto result = explore([](Run& run) {
    Bucket bucket(config(2, 2s), at(0s));
    const Charge charge = bucket.try_acquire_at(at(0s), 2).charge;
    std::int64_t back = 0;
    run.thread([&] { back = bucket.refund_at(charge, at(0s)); });
    run.thread([&] { REQUIRE(bucket.change_limit_at(config(12, 3s), LimitChange::kKeep, at(0s))); });
    if (!run.go()) return;
    REQUIRE((back == 0 || back == 2));
    REQUIRE(bucket.peek_at(at(0s), 0).remaining == back);
  });
  CHECK(result.complete);
}

TEST_CASE("interleavings: two reservations, a cancel and an admission agree on the turns") {
  const auto result = explore([](Run& run) {
    Bucket bucket(config(2, 2s), at(0s));
    const Reservation first = bucket.reserve_at(at(0s), 2);
    const Reservation second = bucket.reserve_at(at(0s), 2);
    REQUIRE((first.granted && second.granted && second.delay == 2s));
    std::int64_t back = 0;
    Reservation third;
    Decision fourth;
    run.thread([&] { back = bucket.cancel_at(second, at(0s)); });
    run.thread([&] { third = bucket.reserve_at(at(0s), 1); });
    run.thread([&] { fourth = bucket.try_acquire_at(at(0s)); });
    if (!run.go()) return;
    REQUIRE(back == 2);
    REQUIRE((third.granted && (third.delay == 1s || third.delay == 3s)));
    REQUIRE_FALSE(fourth.allowed);
    // Two permits are out and one is promised: the next single one comes at 2 s, whatever the order was.
    REQUIRE(bucket.peek_at(at(0s)).retry_after == 2s);
  });
  CHECK(result.complete);
}

TEST_CASE("interleavings: two settlements and an admission leave what was really used") {
  const auto result = explore([](Run& run) {
    Bucket bucket(config(10, 10s), at(0s));
    const Charge high = bucket.try_acquire_at(at(0s), 4).charge;
    const Charge low = bucket.try_acquire_at(at(0s), 3).charge;
    Settlement one, two;
    bool admitted = false;
    run.thread([&] { one = bucket.settle_at(high, 1, at(0s)); });
    run.thread([&] { two = bucket.settle_at(low, 5, at(0s), 2); });
    run.thread([&] { admitted = bucket.try_acquire_at(at(0s), 2).allowed; });
    if (!run.go()) return;
    REQUIRE((one.refunded == 3 && two.charged == 2 && two.unpaid == 0));
    REQUIRE(bucket.peek_at(at(0s), 0).remaining == 10 - 1 - 5 - (admitted ? 2 : 0));
  });
  CHECK(result.complete);
}
