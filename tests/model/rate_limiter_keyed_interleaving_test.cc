// SPDX-License-Identifier: MIT
//
// The lines of the keyed table under every order of their accesses, each thread with a clock of its own. Checked after
// each access: no key is in a line twice, the mark never moves back, each value is within reach of it. Checked at the
// end: no key got more than its limit, and what was not admitted is still there.
#include <array>
#include <functional>
#include <set>

#include "seawall/detail/keyed_bucket_line.h"
#include "seawall/detail/keyed_window_line.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::Exploration;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

const algorithm::KeyedBucket kTwo = algorithm::KeyedBucket::make(Quota::make(2, 2s).value()).value();
// Sub-windows of a second, numbered from 1; a permit counts for seven of them.
const algorithm::KeyedWindow kTwoInSix = algorithm::KeyedWindow::make(Quota::make(2, 6s).value()).value();

// A line of two slots and what it shares.
template <class Line, const auto& kRule>
struct TableOf {
  explicit TableOf(WhenFull when_full = WhenFull::kDeny) : shared{kRule, when_full, overflow, tallies} {}

  Decision take(std::uint64_t key, Duration now, std::int64_t n = 1) {
    Decision decision;
    // As KeyedRateLimiter does.
    if (!line.acquire_met(kRule, tag(key), kRule.moment(now), n, decision)) {
      line.acquire(shared, tag(key), kRule.moment(now), n, decision);
    }
    return decision;
  }
  Decision peek(std::uint64_t key, Duration now, std::int64_t n = 1) {
    Decision decision;
    line.peek(shared, tag(key), kRule.moment(now), n, decision);
    return decision;
  }
  std::int64_t refund(std::uint64_t key, Duration now, Charge c) { return line.refund(shared, tag(key), now, c); }
  static std::uint64_t tag(std::uint64_t key) { return key << (64 - kRule.code().tag_bits()); }

  void check() {
    std::set<std::uint64_t> keys;
    line.for_each(kRule, [&](std::uint64_t tag, std::uint64_t tat, std::uint64_t mark) {
      if (!keys.insert(tag).second) FAIL("key " << tag << " is there twice");
      if (mark < last_mark) FAIL("the mark moved back");
      last_mark = mark;
      const std::uint64_t reach = kRule.code().reach();
      // As read from a `now` that is up to half a reach after the mark.
      if (tat + reach / 2 < mark || tat >= mark + reach + 7) FAIL("a value is out of reach");
    });
  }

  Line line;
  Cell overflow{0};
  detail::KeyedTallies tallies;
  typename Line::Shared shared;
  std::uint64_t last_mark = 0;
};
using Table = TableOf<detail::KeyedBucketLine<Cell, 2>, kTwo>;
using WindowTable = TableOf<detail::KeyedWindowLine<Cell, 2>, kTwoInSix>;

// Explores; `least` guards against a scenario that has lost its races.
void all_orders(const std::function<void(Run&)>& scenario, std::uint64_t least = 20) {
  const Exploration result = explore(scenario);
  UNSCOPED_INFO(result.schedules << " orders, " << result.kills << " kills");
  CHECK(result.complete);
  CHECK(result.schedules >= least);
}

// Depth first, as many as time allows where all would be millions.
void many_orders(const std::function<void(Run&)>& scenario) {
  const Exploration result = explore(scenario, 6'000);
  CHECK((result.complete || result.schedules == 6'000));
}

// Keys 1 and 2 have used up their limits at 10 s (idle again at 12 s) and at `second` (two seconds later). At 14 s a
// sweep would vacate the place of key 1: then nobody has to forget it.
void fill(Table& table, Duration second) {
  REQUIRE(table.take(1, 10s, 2).allowed);
  REQUIRE(table.take(2, second, 2).allowed);
}

}  // namespace

TEST_CASE("interleavings: one key comes in with three clocks") {
  all_orders([](Run& run) {
    Table table;
    std::array<bool, 3> admitted{};
    const std::array<Duration, 3> clocks{1s, 1500ms, 1900ms};  // the third permit comes back at 2 s
    run.after_each_access([&] { table.check(); });
    for (std::size_t i = 0; i < 3; ++i) run.thread([&, i] { admitted[i] = table.take(1, clocks[i]).allowed; });
    if (!run.go()) return;
    const int count = admitted[0] + admitted[1] + admitted[2];
    REQUIRE((count == 1 || count == 2));  // behind the last clock an older one is refused
    REQUIRE(table.peek(1, 1900ms, 0).remaining == 2 - count);
  });
}

TEST_CASE("interleavings: three keys come in where there is room for two") {
  all_orders([](Run& run) {
    Table table;
    std::array<bool, 3> admitted{};
    run.after_each_access([&] { table.check(); });
    for (std::size_t i = 0; i < 3; ++i) {
      run.thread([&, i] { admitted[i] = table.take(i + 1, i * 100ms).allowed; });
    }
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] + admitted[2] == 2);
    for (std::size_t i = 0; i < 3; ++i) REQUIRE(table.take(i + 1, 300ms).allowed == admitted[i]);
  });
}

TEST_CASE("interleavings: two keys come in where there is room for one, by forgetting an idle one") {
  all_orders([](Run& run) {
    Table table;
    fill(table, 13s);
    std::array<bool, 2> admitted{};
    run.after_each_access([&] { table.check(); });
    run.thread([&] { admitted[0] = table.take(3, 12s).allowed; });
    run.thread([&] { admitted[1] = table.take(4, 12500ms).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE_FALSE(table.peek(2, 14900ms, 2).allowed);  // the busy one is not touched
  });
}

// Key 1 is idle at 12 s. Either it is forgotten first, and starts anew where there is room (there is none), or it is
// asked first, and stays.
TEST_CASE("interleavings: a hit on an idle key meets its eviction") {
  for (const Duration hit_at : {Duration(11900ms), Duration(12s), Duration(12500ms)}) {
    all_orders(
        [&](Run& run) {
          Table table;
          fill(table, 13s);
          Decision hit;
          bool other = false;
          run.after_each_access([&] { table.check(); });
          run.thread([&] { hit = table.take(1, hit_at); });
          run.thread([&] { other = table.take(3, 12s).allowed; });
          if (!run.go()) return;
          REQUIRE((hit.allowed || other));
          // A hit before 12 s may take what was back by then and leave the key idle no longer at 12 s.
          REQUIRE_FALSE((hit.allowed && other && hit_at >= 12s));
          REQUIRE(table.take(3, 12500ms).allowed == other);
        },
        5);
  }
}

TEST_CASE("interleavings: a caller whose clock is behind does not find a fresh state for a key that was forgotten") {
  all_orders([](Run& run) {
    Table table;
    fill(table, 9s);
    std::array<Decision, 3> got;
    run.after_each_access([&] { table.check(); });
    run.thread([&] { got[0] = table.take(3, 12s); });
    run.thread([&] { got[1] = table.take(1, 10500ms, 2); });
    run.thread([&] { got[2] = table.take(1, 12s, 2); });
    if (!run.go()) return;
    // Two at 10 s and two more by 12 s are all there is, whatever was forgotten in between.
    REQUIRE(got[1].allowed + got[2].allowed <= 1);
    REQUIRE_FALSE(table.take(1, 12900ms, 2).allowed == (got[1].allowed || got[2].allowed));
  });
}

TEST_CASE("interleavings: a refund meets the eviction of its key, and a new charge") {
  for (const Duration refund_at : {Duration(10s), Duration(11500ms), Duration(12s)}) {
    all_orders([&](Run& run) {
      Table table;
      const Charge charge = table.take(1, 10s, 2).charge;
      REQUIRE(table.take(2, 13s, 2).allowed);
      std::int64_t back = 0;
      std::array<bool, 2> admitted{};
      run.after_each_access([&] { table.check(); });
      run.thread([&] { back = table.refund(1, refund_at, charge); });
      run.thread([&] { admitted[0] = table.take(3, 12s).allowed; });
      run.thread([&] { admitted[1] = table.take(1, 12s, 2).allowed; });
      if (!run.go()) return;
      REQUIRE(back <= 2);
      // One of them has the place. Or both had it, when the refund came late with an old clock: then it frees it again.
      REQUIRE(admitted[0] + admitted[1] == 1 + (admitted[0] && admitted[1] && back == 2 && refund_at < 12s));
      const std::int64_t remaining = table.peek(admitted[0] ? 3 : 1, 12s, 0).remaining;
      REQUIRE((admitted[0] ? remaining == 1 : remaining == 0 || remaining == back));  // nobody's charge came back to 3
    });
  }
}

TEST_CASE("interleavings: a thread that is killed anywhere while its key comes in holds nobody up") {
  for (const std::uint64_t other : {std::uint64_t{3}, std::uint64_t{4}}) {
    all_orders([&](Run& run) {
      Table table;
      fill(table, 13s);
      bool admitted = false;
      run.after_each_access([&] { table.check(); });
      run.thread([&] { (void)table.take(3, 13s); }, kMortal);
      run.thread([&] { admitted = table.take(other, 13s).allowed; });
      if (!run.go()) return;
      if (other == 3) {
        REQUIRE(admitted);
        const std::int64_t remaining = table.peek(3, 13s, 0).remaining;
        REQUIRE((remaining == 0 || (run.killed() && remaining == 1)));
      } else {
        REQUIRE((admitted || !table.peek(4, 13s).allowed));  // the dead one has its place, whole, or nothing
      }
      for (std::uint64_t key = 10; key < 14; ++key) REQUIRE(table.take(key, 20s).allowed == (key < 12));
    });
  }
}

// The first sleeps anywhere in its insert while two others use up its turn, go on to others and come back to its slot.
TEST_CASE("interleavings: a thread that slept cannot write late") {
  all_orders([](Run& run) {
    Table table;
    REQUIRE(table.take(1, 10s, 2).allowed);
    REQUIRE(table.take(2, 10s, 2).allowed);
    std::array<bool, 3> admitted{};
    run.after_each_access([&] { table.check(); });
    run.thread([&] { admitted[0] = table.take(3, 12s, 2).allowed; });
    run.thread([&] {
      for (const std::uint64_t key : {4U, 5U}) (void)table.take(key, 12s, 2);
      for (const std::uint64_t key : {6U, 3U}) admitted[1] = table.take(key, 14s, 2).allowed;
    });
    if (!run.go()) return;
    if (!admitted[0]) REQUIRE(admitted[1]);
    REQUIRE(table.peek(3, 14s, 2).allowed == !(admitted[0] || admitted[1]));
  });
}

namespace {

enum class Other { kHit, kInsert, kRefund };

// One comes late enough to raise the mark, the other has an older clock.
void sweep_and(Run& run, Other other, Duration late) {
  Table table;
  const Charge charge = table.take(1, 10s, 2).charge;
  std::array<bool, 2> admitted{};
  std::int64_t back = 0;
  run.after_each_access([&] { table.check(); });
  run.thread([&] { admitted[0] = table.take(1, late, 2).allowed; });
  run.thread([&] {
    if (other == Other::kHit) admitted[1] = table.take(1, 11s).allowed;
    if (other == Other::kInsert) admitted[1] = table.take(2, 10s).allowed;
    if (other == Other::kRefund) back = table.refund(1, 10s, charge);
  });
  if (!run.go()) return;
  REQUIRE((admitted[0] || (other == Other::kHit && admitted[1])));
  if (other == Other::kInsert) REQUIRE(admitted[1]);
  REQUIRE_FALSE(table.peek(1, late, 2).allowed);
  REQUIRE((back == 0 || back == 2));
}

}  // namespace

// At 15 s one sweep raises the mark by a quarter of the reach; at 100 s a second one follows, of a line that is vacant.
TEST_CASE("interleavings: a sweep meets a hit, an insert or a refund with an older clock") {
  for (const Other other : {Other::kHit, Other::kInsert, Other::kRefund}) {
    many_orders([&](Run& run) { sweep_and(run, other, 15s); });
    many_orders([&](Run& run) { sweep_and(run, other, 100s); });
  }
}

TEST_CASE("interleavings: a sweeper that is killed or sleeps holds nobody up") {
  all_orders([](Run& run) {
    Table table;
    REQUIRE(table.take(1, 10s, 2).allowed);
    bool admitted = false;
    run.after_each_access([&] { table.check(); });
    run.thread([&] { (void)table.take(1, 15s, 2); }, kMortal);
    run.thread([&] { admitted = table.take(2, 15500ms, 2).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted);
    REQUIRE_FALSE(table.take(2, 15500ms).allowed);
    REQUIRE((run.killed() || !table.take(1, 15500ms, 2).allowed));
  });
}

// Key 3 has no place at 11 s and has one at 12 s: what it gets in both is its limit.
TEST_CASE("interleavings: a key that overflowed and gets a place has one limit") {
  all_orders(
      [](Run& run) {
        Table table(WhenFull::kOverflow);
        fill(table, 13s);
        std::array<bool, 2> admitted{};
        run.after_each_access([&] { table.check(); });
        run.thread([&] { admitted[0] = table.take(3, 11500ms, 2).allowed; });
        run.thread([&] { admitted[1] = table.take(3, 12s, 2).allowed; });
        if (!run.go()) return;
        REQUIRE(admitted[0] + admitted[1] == 1);
        REQUIRE_FALSE(table.peek(3, 12s).allowed);
      },
      10);
}

TEST_CASE("interleavings: a peek answers for one moment and writes nothing that counts") {
  all_orders(
      [](Run& run) {
        Table table;
        fill(table, 13s);
        Decision seen;
        run.after_each_access([&] { table.check(); });
        run.thread([&] { seen = table.peek(1, 12s, 2); });
        run.thread([&] { (void)table.take(3, 12s, 2); });
        if (!run.go()) return;
        REQUIRE(seen.remaining == (seen.allowed ? 2 : 0));
        REQUIRE_FALSE(table.take(1, 12s).allowed);
      },
      5);
}

// ---- windows --------------------------------------------------------------------------------------------------------

namespace {

// Key 1 has used up its limit at 10 s: it is idle at 17 s. Key 2 has at 15 s.
void fill(WindowTable& table) {
  REQUIRE(table.take(1, 10s, 2).allowed);
  REQUIRE(table.take(2, 15s, 2).allowed);
}

}  // namespace

TEST_CASE("interleavings: one window comes in from two clocks") {
  for (const Duration other : {Duration(1500ms), Duration(2500ms)}) {
    all_orders([&](Run& run) {
      WindowTable table;
      std::array<bool, 2> admitted{};
      run.after_each_access([&] { table.check(); });
      run.thread([&] { admitted[0] = table.take(1, 1s, 2).allowed; });
      run.thread([&] { admitted[1] = table.take(1, other).allowed; });
      if (!run.go()) return;
      REQUIRE(admitted[0] + admitted[1] == 1);
      REQUIRE(table.peek(1, 3s, 0).remaining == (admitted[0] ? 0 : 1));
      REQUIRE(table.peek(1, 10s, 0).remaining == 2);
    });
  }
}

TEST_CASE("interleavings: two threads move one window on") {
  all_orders([](Run& run) {
    WindowTable table;
    REQUIRE(table.take(1, 10s).allowed);
    std::array<bool, 2> admitted{};
    run.after_each_access([&] { table.check(); });
    run.thread([&] { admitted[0] = table.take(1, 11s).allowed; });
    run.thread([&] { admitted[1] = table.take(1, 10500ms).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE(table.peek(1, 16500ms, 0).remaining == 0);
    REQUIRE(table.peek(1, 19s, 0).remaining == 2);
  });
}

TEST_CASE("interleavings: a window that is still moved on meets its eviction, and the new key moves on itself") {
  for (const Duration stale : {Duration(10500ms), Duration(16s)}) {
    all_orders([&](Run& run) {
      WindowTable table;
      fill(table);
      std::array<bool, 3> admitted{};
      run.after_each_access([&] { table.check(); });
      run.thread([&] { (void)table.take(1, stale); });
      run.thread([&] {
        admitted[0] = table.take(3, 17s, 2).allowed;
        admitted[1] = table.take(3, 18s).allowed;
      });
      if (!run.go()) return;
      REQUIRE_FALSE((admitted[0] && admitted[1]));
      if (admitted[0]) REQUIRE_FALSE(table.peek(3, 23s).allowed);
      if (admitted[0]) REQUIRE(table.peek(3, 24s, 2).allowed);
    });
  }
}

TEST_CASE("interleavings: a hit on an idle window meets its eviction") {
  all_orders([](Run& run) {
    WindowTable table;
    fill(table);
    std::array<bool, 2> admitted{};
    run.after_each_access([&] { table.check(); });
    run.thread([&] { admitted[0] = table.take(1, 17s).allowed; });
    run.thread([&] { admitted[1] = table.take(3, 17s).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE(table.peek(admitted[0] ? 1 : 3, 18s, 0).remaining == 1);
  });
}

TEST_CASE("interleavings: a caller whose clock is behind does not find a fresh window for a key that was forgotten") {
  all_orders([](Run& run) {
    WindowTable table;
    REQUIRE(table.take(1, 10s, 2).allowed);
    REQUIRE(table.take(2, 9s, 2).allowed);
    std::array<bool, 2> admitted{};
    run.after_each_access([&] { table.check(); });
    run.thread([&] { (void)table.take(3, 17s); });
    run.thread([&] {
      admitted[0] = table.take(1, 16s, 2).allowed;
      admitted[1] = table.take(1, 17s, 2).allowed;
    });
    if (!run.go()) return;
    REQUIRE_FALSE((admitted[0] && admitted[1]));
    REQUIRE_FALSE(table.take(1, 18s, 2).allowed);
  });
}

TEST_CASE("interleavings: a refund meets the eviction of its window") {
  for (const Duration refund_at : {Duration(10s), Duration(16s)}) {
    all_orders(
        [&](Run& run) {
          WindowTable table;
          const Charge charge = table.take(1, 10s, 2).charge;
          REQUIRE(table.take(2, 15s, 2).allowed);
          std::int64_t back = 0;
          std::array<bool, 2> admitted{};
          run.after_each_access([&] { table.check(); });
          run.thread([&] { back = table.refund(1, refund_at, charge); });
          run.thread([&] { admitted[0] = table.take(3, 17s, 2).allowed; });
          if (!run.go()) return;
          REQUIRE((back == 0 || back == 2));
          if (admitted[0]) REQUIRE_FALSE(table.take(3, 18s).allowed);
          REQUIRE(table.peek(2, 18s, 0).remaining == 0);
        },
        10);
  }
}

TEST_CASE("interleavings: a thread that is killed anywhere in a window's insert or move holds nobody up") {
  for (const std::uint64_t key : {std::uint64_t{1}, std::uint64_t{3}}) {
    all_orders(
        [&](Run& run) {
          WindowTable table;
          fill(table);
          run.after_each_access([&] { table.check(); });
          run.thread([&] { (void)table.take(key, 17s, 2); }, kMortal);
          if (!run.go()) return;
          REQUIRE((table.take(key, 17500ms, 2).allowed || !table.peek(key, 18s).allowed));
          for (std::uint64_t other = 10; other < 14; ++other) REQUIRE(table.take(other, 30s).allowed == (other < 12));
        },
        5);
  }
}

TEST_CASE("interleavings: a window that overflowed and gets a place has one limit") {
  all_orders([](Run& run) {
    WindowTable table(WhenFull::kOverflow);
    fill(table);
    std::array<bool, 2> admitted{};
    run.after_each_access([&] { table.check(); });
    run.thread([&] { admitted[0] = table.take(3, 16500ms, 2).allowed; });
    run.thread([&] { admitted[1] = table.take(3, 17s, 2).allowed; });
    if (!run.go()) return;
    REQUIRE(admitted[0] + admitted[1] == 1);
    REQUIRE_FALSE(table.peek(3, 20s).allowed);
  });
}
