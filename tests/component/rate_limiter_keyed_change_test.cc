// SPDX-License-Identifier: MIT
// Another limit for the keys of a table: a new table that takes over what the old one's keys have used.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

template <class Limiter>
KeyedRateLimiter<Limiter> table(const Quota& quota, std::size_t keys = 50, TimePoint epoch = at(0s)) {
  return KeyedRateLimiter<Limiter>::make(
             {.quota = quota, .memory_bytes = KeyedRateLimiter<Limiter>::memory_for(keys), .seed = 1}, epoch)
      .value();
}
Quota per_minute(std::int64_t permits, std::int64_t burst) { return Quota::make(permits, 60s, burst).value(); }
Quota per_minute(std::int64_t permits) { return per_minute(permits, permits); }

// What is left of a key of which `used` of 20 were taken, after a change to `limit`.
template <class Limiter>
std::int64_t left(std::int64_t used, std::int64_t limit, LimitChange how) {
  auto old = table<Limiter>(per_minute(20));
  REQUIRE(old.try_acquire_at("ann", at(10s), used).allowed == (used > 0));
  auto fresh = table<Limiter>(per_minute(limit));
  REQUIRE(fresh.take_over_at(old, how, at(10s)));
  return fresh.peek_at("ann", at(10s), 0).remaining;
}

using L = LimitChange;
struct Case {
  std::int64_t used, limit;
  LimitChange how;
  std::int64_t left;
};

template <class Limiter>
void check(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    INFO(c.used << " of 20, then " << c.limit << " by " << static_cast<int>(c.how));
    CHECK(left<Limiter>(c.used, c.limit, c.how) == c.left);
  }
}

}  // namespace

TEST_CASE("a new table takes over what is left in each bucket") {
  check<TokenBucket>({{15, 100, L::kKeep, 5},
                      {15, 3, L::kKeep, 3},
                      {20, 100, L::kKeep, 0},
                      {1, 19, L::kKeep, 19},
                      {15, 100, L::kProportional, 25},
                      {15, 4, L::kProportional, 1},
                      {15, 3, L::kProportional, 0},
                      {20, 100, L::kProportional, 0},
                      {20, 100, L::kReset, 100},
                      {20, 1, L::kReset, 1}});
}

TEST_CASE("a new table takes over what was taken from each window") {
  check<SlidingWindow>({{15, 100, L::kKeep, 85},
                        {15, 15, L::kKeep, 0},
                        {15, 3, L::kKeep, 0},
                        {1, 19, L::kKeep, 18},
                        {15, 100, L::kProportional, 25},
                        {15, 4, L::kProportional, 1},
                        {15, 3, L::kProportional, 0},
                        {20, 100, L::kProportional, 0},
                        {20, 100, L::kReset, 100},
                        {20, 1, L::kReset, 1}});
}

// Whatever the two epochs, and whatever becomes of the old table.
TEMPLATE_TEST_CASE("what was taken over comes back as under the new limit", "", TokenBucket, SlidingWindow) {
  auto old = table<TestType>(per_minute(20));
  REQUIRE(old.try_acquire_at("ann", at(1h), 20).allowed);
  auto fresh = table<TestType>(per_minute(10), 50, at(1h) - 5s);
  REQUIRE(fresh.take_over_at(old, LimitChange::kKeep, at(1h)));
  REQUIRE(old.try_acquire_at("ann", at(3h), 20).allowed);
  const Decision refused = fresh.try_acquire_at("ann", at(1h));
  CHECK_FALSE(refused.allowed);
  CHECK_FALSE(fresh.try_acquire_at("ann", at(1h) + refused.retry_after - Duration(1)).allowed);
  CHECK(fresh.try_acquire_at("ann", at(1h) + refused.retry_after).allowed);
  CHECK(fresh.try_acquire_at("bob", at(1h), 10).allowed);  // was not in use: has the whole limit
  CHECK(fresh.stats_at(at(1h)).keys_active == 2);
}

TEMPLATE_TEST_CASE("keys that overflowed still share what they shared", "", TokenBucket, SlidingWindow) {
  auto old = table<TestType>(per_minute(5), 1);
  for (int i = 0; i < 8; ++i) REQUIRE(old.try_acquire_at(i, at(1s), 4).allowed);
  auto fresh = table<TestType>(per_minute(5), 1);
  REQUIRE(fresh.take_over_at(old, LimitChange::kKeep, at(1s)));
  CHECK_FALSE(fresh.try_acquire_at(100, at(1s), 2).allowed);
  CHECK(fresh.try_acquire_at(101, at(1s)).allowed);
}

TEMPLATE_TEST_CASE("a table of another size is not taken over", "", TokenBucket, SlidingWindow) {
  const auto old = table<TestType>(per_minute(5), 20);
  auto fresh = table<TestType>(per_minute(5), 30);
  CHECK_FALSE(fresh.take_over_at(old, LimitChange::kKeep, at(1s)));
  CHECK(fresh.try_acquire_at("ann", at(1s), 5).allowed);
}

// A bucket's tag has 28 bits at 1 in 60 s and 23 at a burst of 10^9; a window's depends on the limit.
TEMPLATE_TEST_CASE("no key is forgotten on the way to a rule with fewer bits for tags and back", "", TokenBucket,
                   SlidingWindow) {
  const bool buckets = std::is_same_v<TestType, TokenBucket>;
  const Quota many_bits = buckets ? Quota::make(1'000'000'000, 1s, 4).value() : per_minute(4);
  const Quota few_bits = buckets ? Quota::make(1'000'000'000, 60s, 1'000'000'000).value() : per_minute(100'000'000);
  constexpr int kKeys = 300;
  auto first = table<TestType>(many_bits, 400);
  for (int key = 0; key < kKeys; ++key) REQUIRE(first.try_acquire_at(key, at(1s), 4).allowed);
  auto second = table<TestType>(few_bits, 400);
  const int few = second.tag_bits();
  REQUIRE(few < first.tag_bits());
  REQUIRE(second.take_over_at(first, LimitChange::kProportional, at(1s)));
  auto third = table<TestType>(many_bits, 400);
  REQUIRE(third.take_over_at(second, LimitChange::kProportional, at(1s)));
  CHECK(second.tag_bits() == few);
  CHECK(third.tag_bits() == few);
  for (int key = 0; key < kKeys; ++key) {
    REQUIRE(second.peek_at(key, at(1s), 0).remaining == 0);
    REQUIRE(third.peek_at(key, at(1s), 0).remaining == 0);
  }
  // Saved and restored it keeps to those bits, and finds its keys.
  std::vector<std::byte> bytes(third.save_at({}, at(1s)));
  third.save_at(bytes, at(1s));
  auto restored = table<TestType>(many_bits, 400);
  REQUIRE(restored.restore_at(bytes, at(1s)));
  for (int key = 0; key < kKeys; ++key) REQUIRE_FALSE(restored.try_acquire_at(key, at(1s)).allowed);
}

TEST_CASE("keys that a shorter tag no longer tells apart are as used as the most used of them") {
  auto old = table<TokenBucket>(Quota::make(1'000'000'000, 1s, 4).value(), 1);
  auto fresh = table<TokenBucket>(Quota::make(1'000'000'000, 60s, 1'000'000'000).value(), 1);  // one line
  const detail::KeyedHash hash(detail::random_seed(1));
  std::map<std::uint64_t, std::uint64_t> seen;
  std::uint64_t one = 0, other = 1;
  for (;; ++other) {
    const auto [same, is_new] = seen.emplace(LimiterKey(other).hash(hash) >> (64 - fresh.tag_bits()), other);
    one = same->second;
    if (!is_new) break;
  }
  REQUIRE(old.try_acquire_at(one, at(1s), 1).allowed);
  REQUIRE(old.try_acquire_at(other, at(1s), 3).allowed);
  REQUIRE(old.stats_at(at(1s)).keys_active == 2);
  REQUIRE(fresh.take_over_at(old, LimitChange::kProportional, at(1s)));
  CHECK(fresh.stats_at(at(1s)).keys_active == 1);
  CHECK(fresh.peek_at(one, at(1s), 0).remaining == 250'000'000);
  CHECK(fresh.peek_at(other, at(1s), 0).remaining == 250'000'000);
}
