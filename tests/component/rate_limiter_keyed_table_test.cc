// SPDX-License-Identifier: MIT
// The keyed table as a whole: memory of others, batches, clocks, overflow, saved bytes, extreme limits and hostile
// keys.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "seawall/testing/manual_clock.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }
const Quota kFive = Quota::make(5, 60s).value();

static_assert(sizeof(detail::KeyedBucketLine<std::atomic<std::uint64_t>>) == 64);
static_assert(sizeof(detail::KeyedWindowLine<std::atomic<std::uint64_t>>) == 8 * 64);

template <class Limiter>
KeyedRateLimiter<Limiter> table(std::size_t keys, WhenFull when_full = WhenFull::kOverflow, Quota quota = kFive) {
  const KeyedOptions options{
      .quota = quota, .memory_bytes = KeyedRateLimiter<Limiter>::memory_for(keys), .when_full = when_full, .seed = 1};
  return KeyedRateLimiter<Limiter>::make(options, at(0s)).value();
}

struct alignas(64) Page {
  std::array<std::byte, 16384> bytes;
};

}  // namespace

TEST_CASE("a million keys in use take 24 bytes each") {
  CHECK(KeyedRateLimiter<TokenBucket>::memory_for(1'000'000) <= 24'010'000);
}

TEMPLATE_TEST_CASE("two limiters on one memory are one limiter", "", TokenBucket, SlidingWindow) {
  using Users = KeyedRateLimiter<TestType>;
  Page page{};
  CHECK_FALSE(Users::attach(page.bytes));  // nothing was made there yet
  auto one = Users::make_in(page.bytes, {.quota = kFive, .when_full = WhenFull::kDeny}, at(0s)).value();
  auto two = Users::attach(page.bytes).value();
  CHECK(one.try_acquire_at("ann", at(1s), 3).allowed);
  CHECK(two.peek_at("ann", at(1s), 0).remaining == 2);
  CHECK(two.try_acquire_at("ann", at(1s), 2).allowed);
  CHECK_FALSE(one.try_acquire_at("ann", at(1s)).allowed);
  CHECK(one.stats_at(at(1s)).keys_active == 1);
  using Other = KeyedRateLimiter<std::conditional_t<std::is_same_v<TestType, TokenBucket>, SlidingWindow, TokenBucket>>;
  CHECK_FALSE(Other::attach(page.bytes));
  CHECK_FALSE(Users::attach(std::span(page.bytes).first(4096)));  // cut
  CHECK(Users::attach(std::span(page.bytes).subspan(8)).error().message.view() == "memory must be aligned to 64 bytes");
  // Other addresses hold the same table.
  Page moved = page;
  CHECK(Users::attach(moved.bytes).value().peek_at("ann", at(1s), 0).remaining == 0);
}

TEMPLATE_TEST_CASE("a batch answers as its keys one by one", "", TokenBucket, SlidingWindow) {
  auto batched = table<TestType>(100);
  auto single = table<TestType>(100);
  std::vector<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 53; ++i) keys.push_back(i * i % 17);
  std::vector<Decision> decisions(keys.size());
  batched.try_acquire_batch_at(std::span<const std::uint64_t>(keys), at(1s), decisions, 2);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Decision d = single.try_acquire_at(keys[i], at(1s), 2);
    CHECK(decisions[i].allowed == d.allowed);
    CHECK(decisions[i].charge == d.charge);
    CHECK(decisions[i].retry_after == d.retry_after);
  }
  const std::vector<std::string> texts{"a", "b", "a", "a"};
  batched.try_acquire_batch_at(std::span<const std::string>(texts), at(1s), decisions, 2);
  CHECK((decisions[0].allowed && decisions[1].allowed && decisions[2].allowed && !decisions[3].allowed));
}

TEST_CASE("a clock of the host's is read for each call") {
  auto users = table<TokenBucket>(10, WhenFull::kDeny, Quota::make(1, 1s).value());
  testing::ManualClock clock(at(5s));
  CHECK(users.try_acquire("ann", clock).allowed);
  CHECK_FALSE(users.try_acquire("ann", clock).allowed);
  clock.advance(1s);
  CHECK(users.try_acquire("ann", clock, 1).allowed);
}

TEST_CASE("a batch reads a clock of the host's once") {
  struct Counting {
    TimePoint now() const {
      ++*reads;
      return at(5s);
    }
    int* reads;
  };
  auto users = table<TokenBucket>(100);
  const std::vector<std::uint64_t> keys(40, 1);
  std::vector<Decision> decisions(keys.size());
  int reads = 0;
  users.try_acquire_batch(std::span<const std::uint64_t>(keys), Counting{&reads}, decisions);
  CHECK(reads == 1);
  CHECK(std::count_if(decisions.begin(), decisions.end(), [](const Decision& d) { return d.allowed; }) == 5);
  CHECK(users.try_acquire_at(1, at(4s)).retry_after > 12s);  // they were taken at 5 s
}

// One line, 7 keys in it, a thousand others: all of them together get one limit, and none gets two.
TEMPLATE_TEST_CASE("keys without a place share one limit, and start with it when they get a place", "", TokenBucket,
                   SlidingWindow) {
  auto users = table<TestType>(1);
  for (int i = 0; i < 7; ++i) REQUIRE(users.try_acquire_at(i, at(1s), 5).allowed);
  std::map<int, std::int64_t> got;
  std::int64_t all = 0;
  for (int i = 100; i < 1100; ++i) {
    const Decision d = users.try_acquire_at(i, at(1s));
    got[i] += d.charge.permits;
    all += d.charge.permits;
    if (!d.allowed) CHECK(d.retry_after > 0s);
  }
  CHECK(all == 5);
  CHECK(users.stats_at(at(1s)).overflow_admissions == 5);
  CHECK(users.stats_at(at(1s)).full_refusals == 995);
  // A refund goes back to where it came from.
  auto again = table<TestType>(1);
  for (int i = 0; i < 7; ++i) REQUIRE(again.try_acquire_at(i, at(1s), 5).allowed);
  const Decision taken = again.try_acquire_at(100, at(1s), 5);
  CHECK_FALSE(again.try_acquire_at(101, at(1s)).allowed);
  CHECK(again.refund_at(100, taken.charge, at(1s)) == 5);
  CHECK(again.try_acquire_at(101, at(1s), 5).allowed);
  // Key 0 gives its place up; who takes it has the overflow's five against it.
  auto third = table<TestType>(1);
  const Decision first = third.try_acquire_at(0, at(1s));
  for (int i = 1; i < 7; ++i) REQUIRE(third.try_acquire_at(i, at(1s), 5).allowed);
  CHECK(third.try_acquire_at(100, at(1s), 5).allowed);
  third.refund_at(0, first.charge, at(1s));
  CHECK_FALSE(third.try_acquire_at(100, at(2s)).allowed);
}

TEMPLATE_TEST_CASE("a table saved and restored admits what it would have, and not one more", "", TokenBucket,
                   SlidingWindow) {
  auto users = table<TestType>(500);
  std::mt19937_64 random(3);
  for (std::uint64_t key = 0; key < 800; ++key) {
    users.try_acquire_at(key, at(1s + Duration(key)), static_cast<std::int64_t>(1 + random() % 5));
  }
  const TimePoint saved_at = at(2s);
  std::vector<std::byte> bytes(users.save_at({}, saved_at));
  CHECK(users.save_at(bytes, saved_at) == bytes.size());
  auto back = table<TestType>(500);
  const TimePoint boot = at(1h);  // another clock
  REQUIRE(back.restore_at(bytes, boot));
  CHECK(back.stats_at(boot).keys_active == users.stats_at(saved_at).keys_active);
  for (std::uint64_t key = 0; key < 800; ++key) {
    CHECK(back.peek_at(key, boot, 0).remaining == users.peek_at(key, saved_at, 0).remaining);
  }
  // Time that the caller vouches for counts; time that it does not know of does not.
  auto later = table<TestType>(500);
  REQUIRE(later.restore_at(bytes, boot, 1h));
  CHECK(later.stats_at(boot).keys_active == 0);
  auto no_earlier = table<TestType>(500);
  REQUIRE(no_earlier.restore_at(bytes, boot, -1h));
  CHECK(no_earlier.stats_at(boot).keys_active == back.stats_at(boot).keys_active);
}

// The walk of a save may be stopped for a while, or told an instant that is long past.
TEMPLATE_TEST_CASE("a table can be restored that was saved as of an instant long before its charges", "", TokenBucket,
                   SlidingWindow) {
  auto users = table<TestType>(1);
  for (int key = 0; key < 8; ++key) REQUIRE(users.try_acquire_at(key, at(5000s), 5).allowed);
  std::vector<std::byte> bytes(users.save_at({}, at(1s)));
  CHECK(users.save_at(bytes, at(1s)) == bytes.size());
  auto back = table<TestType>(1);
  REQUIRE(back.restore_at(bytes, at(1h)));
  for (int key = 0; key < 8; ++key) CHECK_FALSE(back.try_acquire_at(key, at(1h) + 59s, 5).allowed);
}

TEMPLATE_TEST_CASE("a file with a right checksum and a wrong key leaves nothing behind, in no overflow either", "",
                   TokenBucket, SlidingWindow) {
  auto users = table<TestType>(1);
  for (int key = 0; key < 8; ++key) REQUIRE(users.try_acquire_at(key, at(1s), 5).allowed);
  std::vector<std::byte> bytes(users.save_at({}, at(1s)));
  users.save_at(bytes, at(1s));
  const std::size_t end = bytes.size() - sizeof(std::uint64_t);
  bytes[end - sizeof(detail::KeyedSnapshotEntry) + 4] ^= std::byte{1};  // the last key's line
  const std::uint64_t sum = detail::keyed_checksum(std::span(bytes).first(end));
  std::memcpy(bytes.data() + end, &sum, sizeof sum);
  auto fresh = table<TestType>(1);
  REQUIRE_FALSE(fresh.restore_at(bytes, at(2s)));
  for (int key = 0; key < 8; ++key) CHECK(fresh.try_acquire_at(key, at(2s), 5).allowed);
}

TEMPLATE_TEST_CASE("saved bytes that are cut, changed or of another table are refused, and nothing is in the table", "",
                   TokenBucket, SlidingWindow) {
  auto users = table<TestType>(20);
  for (std::uint64_t key = 0; key < 20; ++key) users.try_acquire_at(key, at(1s), 3);
  std::vector<std::byte> bytes(users.save_at({}, at(2s)));
  users.save_at(bytes, at(2s));
  const auto refuses = [](std::span<const std::byte> given) {
    auto fresh = table<TestType>(20);
    const auto done = fresh.restore_at(given, at(2s));
    CHECK(fresh.stats_at(at(2s)).keys_active == 0);
    return !done;
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) REQUIRE(refuses(std::span(bytes).first(size)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{1};
    REQUIRE(refuses(changed));
  }
  auto longer = bytes;
  longer.resize(bytes.size() + 24);
  CHECK(refuses(longer));
  CHECK_FALSE(table<TestType>(30).restore_at(bytes, at(2s)));  // of another size
  CHECK_FALSE(table<TestType>(20, WhenFull::kDeny, Quota::make(6, 60s).value()).restore_at(bytes, at(2s)));
}

// The chance that two of n keys share a limit is n * n / (lines * 2^(bits + 1)). With few lines it is met often enough
// to count: keys that share are refused early.
TEST_CASE("as many keys share a tag as the formula says") {
  const Quota once = Quota::make(1, 366 * 24h, 500'000'000).value();  // a wide state leaves 24 bits for the tag
  const KeyedOptions options{.quota = once, .memory_bytes = KeyedRateLimiter<TokenBucket>::memory_for(1), .seed = 7};
  auto users = KeyedRateLimiter<TokenBucket>::make(options, at(0s));
  CHECK_FALSE(users);  // half a thousand million years
  const Quota wide = Quota::make(1'000'000, 1s, 500'000'000).value();
  const algorithm::KeyedBucket rule = algorithm::KeyedBucket::make(wide).value();
  CHECK(rule.code().tag_bits() == 24);
  CHECK(algorithm::KeyedBucket::make(Quota::make(1, 1s).value()).value().code().tag_bits() >= 24);
  CHECK(algorithm::KeyedBucket::make(Quota::make(1'000'000, 1s, 1'000'000'000).value()).value().code().tag_bits() ==
        23);
  // The tags of 20,000 keys, as the table takes them from their hashes.
  double pairs = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::map<std::uint64_t, int> tags;
    const KeyedOptions of_seed{.quota = wide, .memory_bytes = options.memory_bytes, .seed = seed};
    const auto table = detail::KeyedTable<detail::KeyedBucketLine<std::atomic<std::uint64_t>>>::make(of_seed, at(0s));
    REQUIRE(table);
    for (std::uint64_t key = 0; key < 20'000; ++key) {
      pairs += tags[table.value().spot(LimiterKey(key).hash(table.value().hash())).tag]++;
    }
  }
  const double expected = 20 * 20'000.0 * 20'000.0 / (1.0 * 33'554'432.0);  // one line: 2^25
  CHECK(pairs > expected * 0.7);
  CHECK(pairs < expected * 1.3);
}

// Keys in regular steps are the common case and the worst one for a hash by multiplication: under some seeds it leaves
// whole lines empty and piles up others.
TEST_CASE("keys that count up spread over the lines like random ones") {
  constexpr std::uint64_t kLines = 4'096;
  constexpr std::uint64_t kKeys = kLines * 8 / 3;  // as many as memory_for takes
  for (const std::uint64_t step : {std::uint64_t{1}, std::uint64_t{8}, std::uint64_t{1} << 32, std::uint64_t{1} << 48,
                                   std::uint64_t{0x9e3779b97f4a7c15}}) {
    std::uint64_t crowded = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      const detail::KeyedHash hash({seed, ~seed});
      std::vector<int> lines(kLines);
      for (std::uint64_t i = 0; i < kKeys; ++i) ++lines[LimiterKey(i * step).hash(hash) >> 52];
      for (const int keys : lines) crowded += keys > 7 ? static_cast<std::uint64_t>(keys - 7) : 0;
    }
    // Random keys: 2.67 in a line, and 0.0085 a line above the seventh (Poisson).
    CHECK(crowded > 100 * kLines * 85 / 10'000 * 9 / 10);
    CHECK(crowded < 100 * kLines * 85 / 10'000 * 11 / 10);
  }
}

TEST_CASE("every limit from one a year to one a nanosecond is exact for each key") {
  for (const Quota& quota : {Quota::make(1, 365 * 24h).value(), Quota::make(1'000'000'000, 1s, 1).value(),
                             Quota::make(1'000'000'000, 1s).value(), Quota::make(3, 1s, 1).value(),
                             Quota::make(7, Duration(997), 20).value(), Quota::make(1, 366 * 24h, 10).value()}) {
    auto users = table<TokenBucket>(100, WhenFull::kDeny, quota);
    TokenBucket twin(TokenBucketConfig::make(quota).value(), at(0s));
    TimePoint now = at(3s);
    for (int step = 0; step < 200; ++step) {
      const Decision d = users.try_acquire_at("key", now, quota.burst());
      REQUIRE(d.allowed);
      REQUIRE(twin.try_acquire_at(now, quota.burst()).allowed == d.allowed);
      const Decision wait = users.peek_at("key", now);
      if (wait.allowed || now > at(24h * 365 * 15)) break;  // back within this nanosecond, or near the horizon
      REQUIRE_FALSE(users.peek_at("key", now + wait.retry_after - Duration(1)).allowed);
      REQUIRE(users.peek_at("key", now + wait.retry_after).allowed);
      if (step > 100 || quota.period() > 24h) now += 10 * wait.reset_after;  // sweeps
      now += users.peek_at("key", now, quota.burst()).retry_after + Duration(1);
    }
  }
}

TEST_CASE("a key that sleeps for years is as good as new, and one of its line that does not is not") {
  auto users = table<TokenBucket>(1, WhenFull::kDeny, Quota::make(5, 24h * 300).value());
  REQUIRE(users.try_acquire_at("slow", at(0s), 5).allowed);
  for (int year = 1; year < 28; ++year) {
    const TimePoint now = at(year * 24h * 365);
    REQUIRE(users.try_acquire_at("often", now, 5).allowed);
    REQUIRE_FALSE(users.try_acquire_at("often", now).allowed);
    if (year % 9 == 0) REQUIRE(users.try_acquire_at("slow", now, 5).allowed);
  }
}

// Ten million keys that never came before: the memory is what it was, and who was throttled stays so.
TEMPLATE_TEST_CASE("hostile keys neither grow the table nor free a throttled key", "", TokenBucket, SlidingWindow) {
  auto users = table<TestType>(10'000);
  const std::size_t before = users.stats_at(at(1s)).memory_bytes;
  REQUIRE(users.try_acquire_at("victim", at(1s), 5).allowed);
  std::uint64_t key = 1;
  for (int i = 0; i < 10'000'000; ++i) {
    key = key * 6364136223846793005 + 1442695040888963407;
    (void)users.try_acquire_at(key, at(1s + Duration(i)));
    if (i % 100'000 == 0) REQUIRE_FALSE(users.try_acquire_at("victim", at(1s + Duration(i))).allowed);
  }
  const KeyedStats stats = users.stats_at(at(2s));
  CHECK(stats.memory_bytes == before);
  CHECK(stats.keys_active <= stats.capacity);
  CHECK(stats.overflow_admissions == 64 * 5);
}

namespace {

// What a neighbour with a fault leaves in the lines: any bits, few bits, small numbers, or what stood there but for one
// bit, which keeps the tags and so is found.
std::uint64_t wreck(std::mt19937_64& random, std::uint64_t word) {
  const std::uint64_t bits = random();
  switch (random() % 5) {
    case 0:
      return bits;
    case 1:
      return bits >> random() % 64;
    case 2:
      return std::uint64_t{1} << bits % 64;
    case 3:
      return word ^ std::uint64_t{1} << bits % 64;
    default:
      return word;
  }
}

void wreck(std::mt19937_64& random, std::span<std::byte> lines) {
  for (std::size_t i = 0; i + 8 <= lines.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, &lines[i], 8);
    word = wreck(random, word);
    std::memcpy(&lines[i], &word, 8);
  }
}

}  // namespace

// That each call ends is what is tested; besides that, what it says must not be more than the limit.
TEMPLATE_TEST_CASE("every call ends, whatever stands in the lines of a table", "", TokenBucket, SlidingWindow) {
  using Users = KeyedRateLimiter<TestType>;
  const std::array quotas{kFive, Quota::make(1, 1ms).value(), Quota::make(1'000'000'000, 1h).value()};
  constexpr std::size_t kLines = 3;
  const std::size_t size = Users::memory_for(kLines * 8 / 3);
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const Quota quota = quotas[seed % quotas.size()];
    Page page{};
    const auto memory = std::span(page.bytes).first(size);
    const std::size_t lines = Users::memory_for(0);  // where they begin
    const auto full = static_cast<WhenFull>(random() % 3);
    (void)Users::make_in(memory, {.quota = quota, .when_full = full, .seed = 1}, at(0s)).value();
    wreck(random, memory.subspan(lines));
    auto users = Users::attach(memory).value();
    Duration now(0);
    std::array<Decision, 20> decisions;
    std::array<std::uint64_t, 20> keys{};
    for (int round = 0; round < 8; ++round) {
      now += quota.period() / 4 * static_cast<std::int64_t>(random() % (round == 7 ? 10'000 : 12));
      for (std::uint64_t& key : keys) key = random() % 16;
      users.try_acquire_batch_at(std::span<const std::uint64_t>(keys), at(now), decisions);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        const Decision d = users.try_acquire_at(keys[i], at(now), static_cast<std::int64_t>(random() % 3));
        CHECK(d.remaining <= quota.burst());
        CHECK(users.peek_at(keys[i], at(now), 1).remaining <= quota.burst());
        CHECK(users.refund_at(keys[i], decisions[i].charge, at(now)) <= 1);
        users.refund_at(keys[i], {random() >> random() % 64, 3}, at(now));
      }
      if (round % 2 == 1) wreck(random, memory.subspan(lines));
      (void)users.stats_at(at(now));
    }
    Page saved{};
    (void)users.save_at(saved.bytes, at(now));
  }
}
