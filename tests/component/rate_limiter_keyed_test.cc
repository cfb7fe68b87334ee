// SPDX-License-Identifier: MIT
// The table of keys: bounded whatever comes in, and forgetting never lets anything pass.
#include <set>
#include <string>
#include <type_traits>

#include "seawall/keyed_rate_limiter.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }
const Quota kFive = Quota::make(5, 60s).value();

template <class Limiter>
KeyedRateLimiter<Limiter> table(std::size_t memory, WhenFull when_full = WhenFull::kDeny, Quota quota = kFive) {
  const KeyedOptions options{.quota = quota, .memory_bytes = memory, .when_full = when_full, .seed = 1};
  return KeyedRateLimiter<Limiter>::make(options, at(0s)).value();
}

// Seven places.
template <class Limiter>
constexpr std::size_t kOneLine = KeyedRateLimiter<Limiter>::memory_for(1);

}  // namespace

TEMPLATE_TEST_CASE("a hundred thousand users stay within the memory given", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(1 << 20, WhenFull::kAllow);
  std::int64_t admitted = 0;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100'000; ++i) admitted += users.try_acquire_at("user-" + std::to_string(i), at(1s)).allowed;
  }
  const KeyedStats stats = users.stats_at(at(1s));
  CHECK(admitted == 200'000);
  CHECK(stats.memory_bytes <= 1 << 20);
  CHECK(stats.capacity * 75 > stats.memory_bytes);  // and most of it is states
  CHECK(stats.keys_active <= stats.capacity);
  CHECK(stats.keys_active > stats.capacity / 4);
  CHECK(stats.evictions == 0);  // nobody was idle
  // Each of the two rounds admitted uncounted those it had no place for.
  CHECK(stats.full_admissions == 2 * (100'000 - stats.keys_active));
  CHECK(users.stats_at(at(1h)).keys_active == 0);
}

// Keys fall on lines at random: at 24 bytes a key 8 lines for 21 keys, so a line of 7 gets more with the tail of a
// Poisson distribution of mean 2.67, which turns away 1 key in 310.
TEMPLATE_TEST_CASE("one key in 300 finds its line full at the memory advised, one in 100,000 at three times that", "",
                   TokenBucket, SlidingWindow) {
  const auto turned_away = [](std::size_t memory) {
    auto users = table<TestType>(memory);
    int refused = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) refused += !users.try_acquire_at(i, at(1s)).allowed;
    CHECK(users.stats_at(at(1s)).full_refusals == static_cast<std::uint64_t>(refused));
    return refused;
  };
  const int advised = turned_away(KeyedRateLimiter<TestType>::memory_for(100'000));
  CHECK((advised > 220 && advised < 430));
  CHECK(turned_away(KeyedRateLimiter<TestType>::memory_for(300'000)) < 5);
}

TEMPLATE_TEST_CASE("nothing is always granted and more than the limit never, also by a full line and a stale caller",
                   "", TokenBucket, SlidingWindow) {
  for (const WhenFull when_full : {WhenFull::kOverflow, WhenFull::kDeny, WhenFull::kAllow}) {
    auto users = table<TestType>(kOneLine<TestType>, when_full);
    for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(100s), 5).allowed);
    for (const auto& [key, now] : {std::pair(LimiterKey(0), at(0s)), std::pair(LimiterKey("new"), at(100s))}) {
      CHECK(users.try_acquire_at(key, now, 0).allowed);
      CHECK(users.try_acquire_at(key, now, -1).retry_after == 0s);
      CHECK(users.try_acquire_at(key, now, 6).never());
      CHECK(users.peek_at(key, now, 6).never());
    }
  }
}

TEMPLATE_TEST_CASE("a cost whose ticks wrap to that of one permit is too much as any other", "", TokenBucket,
                   SlidingWindow) {
  auto users = table<TestType>(kOneLine<TestType>);
  for (const bool there : {false, true}) {
    for (int bit = 3; bit < 63; ++bit) {
      CAPTURE(there, bit);
      const Decision refused = users.try_acquire_at("ann", at(1s), (std::int64_t{1} << bit) + 1);
      CHECK(refused.never());
      CHECK(refused.charge == Charge{});
    }
    CHECK(users.try_acquire_at("ann", at(1s)).remaining == (there ? 3 : 4));
  }
}

TEST_CASE("what a keyed window is given back of an earlier sub-window can be taken at once") {
  auto users = table<SlidingWindow>(kOneLine<SlidingWindow>);
  const Decision taken = users.try_acquire_at(1, at(0s), 5);
  REQUIRE_FALSE(users.try_acquire_at(1, at(15s)).allowed);  // two sub-windows later
  CHECK(users.refund_at(1, taken.charge, at(15s)) == 5);
  const Decision again = users.try_acquire_at(1, at(15s), 5);
  CHECK(again.allowed);
  CHECK(again.remaining == 0);
  const Decision refused = users.try_acquire_at(1, at(15s));
  CHECK_FALSE(refused.allowed);
  CHECK(refused.retry_after == 65s);
  CHECK_FALSE(users.try_acquire_at(1, at(80s) - Duration(1)).allowed);
  CHECK(users.try_acquire_at(1, at(80s), 5).allowed);
}

TEST_CASE("a key that waits for the overflow of windows is told when that is over, also once there is a place") {
  auto users = table<SlidingWindow>(kOneLine<SlidingWindow>, WhenFull::kOverflow);
  for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(0s)).allowed);
  REQUIRE(users.try_acquire_at("new", at(20s), 5).allowed);
  CHECK(users.try_acquire_at("new", at(60s)).retry_after == 30s);
  CHECK(users.try_acquire_at("new", at(75s)).retry_after == 15s);  // the others' places are free
  CHECK_FALSE(users.try_acquire_at("new", at(90s) - Duration(1)).allowed);
  CHECK(users.try_acquire_at("new", at(90s), 5).allowed);
}

// An attacker who sends new keys all the time cannot make the table forget one that has used up its limit.
TEMPLATE_TEST_CASE("a flood of new keys never refills a used one", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(16 * 1024);
  CHECK(users.try_acquire_at("victim", at(1s), 5).allowed);
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    users.try_acquire_at(i, at(1s + Duration(i)));
    if (i % 1000 == 0) REQUIRE_FALSE(users.try_acquire_at("victim", at(1s + Duration(i))).allowed);
  }
  CHECK(users.stats_at(at(2s)).full_refusals > 0);
}

TEMPLATE_TEST_CASE("a full table denies until a place may be free, and then gives it", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(kOneLine<TestType>);
  for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(i * 1ms)).allowed);
  const Decision refused = users.try_acquire_at(7, at(10ms));
  CHECK_FALSE(refused.allowed);
  CHECK_FALSE(refused.never());
  CHECK(refused.limit == 5);
  CHECK(refused.remaining == 0);
  CHECK(users.peek_at(7, at(10ms)).retry_after == refused.retry_after);
  CHECK(users.stats_at(at(10ms)).full_refusals == 1);
  // Keys that have a place never notice.
  CHECK(users.try_acquire_at(6, at(11ms)).remaining == 3);
  const TimePoint free = at(10ms) + refused.retry_after;
  CHECK_FALSE(users.peek_at(7, free - Duration(1)).allowed);
  CHECK(users.stats_at(free).evictions == 0);
  CHECK(users.try_acquire_at(7, free).allowed);
  CHECK(users.stats_at(free).evictions == 1);
}

TEMPLATE_TEST_CASE("a full table may admit uncounted, and such an admission has nothing to refund", "", TokenBucket,
                   SlidingWindow) {
  auto users = table<TestType>(kOneLine<TestType>, WhenFull::kAllow);
  for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(1ms), 5).allowed);
  for (int i = 0; i < 10; ++i) {
    const Decision d = users.try_acquire_at("new", at(2ms));
    REQUIRE(d.allowed);
    CHECK(d.charge == Charge{});
  }
  CHECK(users.try_acquire_at("new", at(2ms), 6).never());
  CHECK(users.stats_at(at(2ms)).full_admissions == 10);
  CHECK_FALSE(users.try_acquire_at(0, at(2ms)).allowed);
}

// The trap: the key is forgotten at 100 s, then a caller whose clock reading is old asks again.
TEMPLATE_TEST_CASE("a stale now does not find a fresh state for a forgotten key", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(kOneLine<TestType>);
  for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(10s), 5).allowed);
  for (int i = 100; i < 107; ++i) REQUIRE(users.try_acquire_at(i, at(100s)).allowed);  // forgets 0 to 6
  const Decision stale = users.try_acquire_at(0, at(20s));
  CHECK_FALSE(stale.allowed);
  CHECK(stale.retry_after > 80s);
  for (int i = 100; i < 107; ++i) users.refund_at(i, users.try_acquire_at(i, at(100s)).charge, at(100s));
  CHECK(users.try_acquire_at(0, at(1000s)).allowed);
}

// The line forgot key 0 as of an instant after 20 s: it comes in again as of that one, whatever its caller's clock
// says.
TEST_CASE("a forgotten key that a stale caller brings in again gets its burst as of when it was forgotten") {
  auto users = table<TokenBucket>(kOneLine<TokenBucket>);
  for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(10s), 5).allowed);
  const Duration back = users.peek_at(0, at(10s)).reset_after;
  REQUIRE(users.try_acquire_at(100, at(10s) + back + 30s).allowed);  // forgets one that is idle since 10 s + back
  REQUIRE(users.try_acquire_at(0, at(20s), 5).allowed);
  CHECK_FALSE(users.peek_at(0, at(20s) + back, 5).allowed);
  CHECK_FALSE(users.peek_at(0, at(10s) + back + back - 1s, 5).allowed);
  CHECK(users.peek_at(0, at(10s) + back + back + 1s, 5).allowed);
}

// What lay before the line's mark came back by itself, whatever the caller's clock says: key 1 took five permits, of
// 12 s each, at 10 s; the line forgot key 0 as of 22 s.
TEST_CASE("a refund by a stale caller counts from when the line forgot last") {
  auto users = table<TokenBucket>(kOneLine<TokenBucket>);
  REQUIRE(users.try_acquire_at(0, at(10s), 1).allowed);
  const Decision taken = users.try_acquire_at(1, at(10s), 5);
  for (int i = 2; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(10s), 5).allowed);
  REQUIRE(users.try_acquire_at(100, at(30s)).allowed);
  CHECK(users.refund_at(1, taken.charge, at(10s)) == 4);      // 48 s of 60
  CHECK(users.peek_at(1, at(10s)).reset_after >= 12s - 1us);  // and nothing more is lent to a clock that is behind
  CHECK(users.peek_at(1, at(22s) + 1us, 5).allowed);
}

TEMPLATE_TEST_CASE("asking for nothing, too much or in vain takes no place", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(4096);
  CHECK(users.try_acquire_at("a", at(0s), 6).never());
  CHECK(users.try_acquire_at("b", at(0s), 0).allowed);
  CHECK(users.peek_at("c", at(0s), 3).remaining == 5);
  CHECK(users.refund_at("d", Charge{1, 5}, at(0s)) == 0);
  CHECK(users.stats_at(at(0s)).keys_active == 0);
  const Decision taken = users.try_acquire_at("e", at(0s), 5);
  CHECK(users.refund_at("e", taken.charge, at(0s)) == 5);
  CHECK(users.stats_at(at(0s)).keys_active == 0);  // given back whole: as good as forgotten
}

TEMPLATE_TEST_CASE("a key's place is the key, whatever it is asked for", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(64 * 1024);
  const KeyPlace ann = users.place_of("ann"), seven = users.place_of(7);
  CHECK(users.try_acquire_at(ann, at(1s), 3).remaining == 2);
  CHECK(users.peek_at("ann", at(1s), 0).remaining == 2);
  CHECK(users.peek_at(seven, at(1s), 0).remaining == 5);
  const Decision taken = users.try_acquire_at("ann", at(1s), 2);
  CHECK(users.peek_at(ann, at(1s)).retry_after == users.peek_at("ann", at(1s)).retry_after);
  CHECK_FALSE(users.peek_at(ann, at(1s)).allowed);
  CHECK(users.refund_at(ann, taken.charge, at(1s)) == 2);
  CHECK(users.peek_at("ann", at(1s), 0).remaining == 2);
}

TEST_CASE("two limits, both or neither") {
  auto users = table<SlidingWindow>(4096);
  SlidingWindow service(SlidingWindowConfig::make(Quota::make(7, 60s).value()).value(), at(0s));
  int admitted = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string user = i % 2 == 0 ? "ann" : "bob";
    const Decision first = users.try_acquire_at(user, at(1s));
    if (!first.allowed) continue;
    if (const Decision second = service.try_acquire_at(at(1s)); !second.allowed) {
      CHECK(users.refund_at(user, first.charge, at(1s)) == 1);
    } else {
      ++admitted;
    }
  }
  CHECK(admitted == 7);
  CHECK(users.peek_at("ann", at(1s), 0).remaining + users.peek_at("bob", at(1s), 0).remaining == 3);
}

TEST_CASE("keys of every kind, and the options that are out of range") {
  auto users = table<TokenBucket>(4096);
  const std::string text = "7";
  CHECK(users.try_acquire_at(text, at(0s), 5).allowed);
  CHECK_FALSE(users.try_acquire_at(std::string_view("7"), at(0s)).allowed);
  CHECK(users.try_acquire_at(7, at(0s), 5).allowed);
  CHECK_FALSE(users.try_acquire_at(std::uint64_t{7}, at(0s)).allowed);
  CHECK(users.try_acquire_at(std::string("a\0b", 3), at(0s), 5).allowed);
  CHECK(users.try_acquire_at(std::string("a\0c", 3), at(0s), 5).allowed);
  CHECK(users.try_acquire_at(std::string(100'000, 'x'), at(0s), 5).allowed);
  CHECK_FALSE(users.try_acquire_at(std::string(100'000, 'x'), at(0s)).allowed);
  using Users = KeyedRateLimiter<SlidingWindow>;
  CHECK(Users::make({.quota = kFive, .memory_bytes = 511}).error().message.view() ==
        "memory_bytes must be from 2176 to 4398046511104, not 511");
  CHECK(Users::make({.quota = Quota::make(5, 60s, 2).value()}).error().code == Code::kInvalidArgument);
  CHECK(Users::make({.quota = kFive}).value().try_acquire("x").allowed);
}

TEST_CASE("without a seed each table has its own hash") {
  const auto places = [](std::uint64_t seed) {
    auto users = KeyedRateLimiter<SlidingWindow>::make(
                     {.quota = kFive, .memory_bytes = 4096, .when_full = WhenFull::kDeny, .seed = seed}, at(0s))
                     .value();
    std::string refused;
    for (int i = 0; i < 40; ++i) refused += users.try_acquire_at(i, at(1s)).allowed ? 'y' : 'n';
    return refused;
  };
  CHECK(places(5) == places(5));
  std::set<std::string> random;
  for (int i = 0; i < 10; ++i) random.insert(places(0));
  CHECK(random.size() > 1);
}

// One word was hashed for a number and for a text of up to seven bytes: 0 was the empty text, and another number "a".
TEST_CASE("no number is the key of a text") {
  auto users = table<TokenBucket>(65536, WhenFull::kDeny, Quota::make(1, 1s).value());
  CHECK(users.try_acquire_at("", at(0s)).allowed);
  CHECK(users.try_acquire_at(0, at(0s)).allowed);
  CHECK(users.try_acquire_at("a", at(0s)).allowed);
  CHECK(users.try_acquire_at(std::uint64_t{1} << 56 | 'a', at(0s)).allowed);
  CHECK(users.try_acquire_at(std::string_view("\7\0\0\0\0\0\0\0", 8), at(0s)).allowed);
  CHECK(users.try_acquire_at(7, at(0s)).allowed);
}

// Vectors of the paper (SipHash-2-4) and of CPython 3.11 with PYTHONHASHSEED=0 (SipHash-1-3).
TEST_CASE("siphash gives the published values") {
  constexpr detail::SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string text;
  const std::uint64_t expected[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                    0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                                    0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462};
  for (const std::uint64_t want : expected) {
    CHECK(detail::siphash<2, 4>(key, text) == want);
    text += static_cast<char>(text.size());
  }
  CHECK(detail::siphash({}, "user-12345") == 0x95aac4cf492867c0);
  // The rest of a text behind its whole words, of any size: as the definition has it, byte by byte.
  for (std::size_t size = 0; size <= 40; ++size) {
    text.assign(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 37 + 129);
    detail::SipHash<2, 4> hash(key);
    for (std::size_t at = 0; at <= size; at += 8) {
      std::uint64_t word = at + 8 > size ? std::uint64_t{size} << 56 : 0;
      for (std::size_t i = at; i < std::min(at + 8, size); ++i) {
        word |= std::uint64_t{static_cast<unsigned char>(text[i])} << 8 * (i - at);
      }
      hash.add(word);
    }
    CHECK(detail::siphash<2, 4>(key, text) == hash.finish());
  }
  CHECK(detail::siphash({}, "a text that is longer than one word") == 0xc0ed4396b527afbb);
}
