// SPDX-License-Identifier: MIT
//
// All verbs of the limiters without keys, in random order and with random instants, against oracles that know the
// algorithm from its definition only: a tank of permits in exact fractions for the bucket, a table of windows for the
// fixed window. And an adversary that looks for the worst window of a bucket that promises one.
#include <algorithm>
#include <map>
#include <vector>

#include "seawall/fixed_window.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/game.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::Draws;
using seawall::testing::Game;
using seawall::testing::play;

namespace {

// A tank that holds up to `burst` permits and may be in debt: level in parts of 1/1024 permit, of which one comes each
// `unit` ns. All is whole in the bucket's ticks too.
struct Tank {
  std::int64_t burst = 0;  // permits
  std::int64_t unit = 1;   // ns for a part
  std::int64_t level = 0;  // parts; below zero: promised or owed
  std::int64_t at = 0;     // the instant of the level, a multiple of unit

  void move(std::int64_t now) {
    level = std::min(burst * 1024, level + (now - at) / unit);
    at = now;
  }
};

TokenBucketConfig config_of(const Tank& tank) {
  return TokenBucketConfig::make(Quota::make(1, Duration(1024 * tank.unit), tank.burst).value()).value();
}

}  // namespace

TEST_CASE("verbs: a bucket under all verbs is a tank of exact fractions") {
  play(400, 300, [](Game& game) {
    Tank tank{.burst = 1 + game.first.below(20), .unit = std::int64_t{1} << game.first.below(20)};
    tank.level = tank.burst * 1024;
    game.tell("burst, unit", tank.burst, tank.unit);
    TokenBucket bucket(config_of(tank), time_from_ns(0));
    Charge last{};             // of the latest call that took something
    std::int64_t pending = 0;  // its parts, while nothing came in between
    for (Draws& draws : game.moves) {
      const std::int64_t now = tank.at + draws.below(1500) * draws.below(3) * 64 * tank.unit / 64;
      tank.move(now);
      const TimePoint t = time_from_ns(now);
      const std::int64_t n = 1 + draws.below(tank.burst + 1);
      const std::int64_t missing =
          std::max<std::int64_t>(0, n * 1024 - tank.level) * tank.unit;  // ns until n are there
      switch (draws.below(6)) {
        case 0: {
          game.tell("at, acquire", now, n);
          const Decision d = bucket.try_acquire_at(t, n);
          RC_ASSERT(d.allowed == (n <= tank.burst && missing == 0));
          if (d.allowed) tank.level -= n * 1024;
          if (!d.allowed && n <= tank.burst) RC_ASSERT(d.retry_after.count() == missing);
          RC_ASSERT(d.remaining == std::max<std::int64_t>(0, tank.level / 1024));
          last = d.charge;
          pending = last.permits * 1024;
          break;
        }
        case 1: {
          const std::int64_t most = draws.below(3000) * tank.unit;
          game.tell("at, reserve, patience", now, n, most);
          const Reservation r = bucket.reserve_at(t, n, Duration(most));
          RC_ASSERT(r.never() == (n > tank.burst));
          RC_ASSERT(r.granted == (n <= tank.burst && missing <= most));
          if (n <= tank.burst) RC_ASSERT(r.delay.count() == missing);
          if (r.granted) tank.level -= n * 1024;
          last = r.charge;
          pending = last.permits * 1024;
          break;
        }
        case 2: {
          const std::int64_t deadline = now + (draws.below(3000) - 500) * tank.unit;
          game.tell("at, acquire, until", now, n, deadline);
          const Reservation r = bucket.acquire_until_at(time_from_ns(deadline), t, n);
          RC_ASSERT(r.granted == (n <= tank.burst && now + missing <= deadline));
          if (r.granted) tank.level -= n * 1024;
          last = r.charge;
          pending = last.permits * 1024;
          break;
        }
        case 3: {
          if (pending == 0) break;
          // The charge lies at the end of the backlog: of the rest of it nothing has come back by itself.
          const std::int64_t backlog = tank.burst * 1024 - tank.level;
          const std::int64_t back = std::min(pending, backlog);
          game.tell("at, cancel", now, last.permits);
          RC_ASSERT(bucket.cancel_at({.charge = last}, t) == back / 1024);
          tank.level += back;
          pending = 0;
          break;
        }
        case 4: {
          if (pending == 0) break;
          const std::int64_t estimate = pending / 1024;
          const std::int64_t actual = draws.below(2 * estimate + 2);
          const std::int64_t cap = draws.below(4);
          game.tell("at, settle, cap", now, actual, cap);
          const Settlement s = bucket.settle_at(last, actual, t, cap);
          if (actual <= estimate) {
            const std::int64_t back = std::min((estimate - actual) * 1024, tank.burst * 1024 - tank.level);
            RC_ASSERT((s.refunded == back / 1024 && s.charged == 0 && s.unpaid == 0));
            tank.level += back;
          } else {
            const std::int64_t room = std::max<std::int64_t>(0, tank.level + cap * 1024) / 1024;
            RC_ASSERT(s.charged == std::min(room, actual - estimate));
            RC_ASSERT(s.charged + s.unpaid == actual - estimate);
            RC_ASSERT(s.refunded == 0);
            tank.level -= s.charged * 1024;
          }
          pending = 0;
          break;
        }
        default: {
          const auto how = static_cast<LimitChange>(draws.below(3));
          Tank next{.burst = 1 + draws.below(20), .unit = tank.unit << draws.below(3), .at = now};
          if (how == LimitChange::kReset) next.level = next.burst * 1024;
          if (how == LimitChange::kKeep) next.level = std::min(tank.level, next.burst * 1024);
          if (how == LimitChange::kProportional) {
            // Keep to what is exact in these parts.
            if (tank.level * next.burst % tank.burst != 0) break;
            next.level = tank.level * next.burst / tank.burst;
          }
          if (next.unit > (std::int64_t{1} << 24)) next.unit = 1;
          game.tell("at, change how, burst", now, how, next.burst);
          RC_ASSERT(bool(bucket.change_limit_at(config_of(next), how, t)));
          RC_ASSERT(bucket.refund_at(last, t) == 0);
          last = {};  // after six changes it would be taken for a charge of today
          tank = next;
          pending = 0;
        }
      }
      RC_ASSERT(bucket.peek_at(t, 0).remaining == std::max<std::int64_t>(0, tank.level / 1024));
      RC_ASSERT(bucket.peek_at(t, 0).limit == tank.burst);
      RC_ASSERT(bucket.peek_at(t, 0).reset_after.count() == (tank.burst * 1024 - tank.level) * tank.unit);
    }
  });
}

TEST_CASE("verbs: a fixed window never holds more than its limit, whatever is asked in whatever order of time") {
  play(400, 300, [](Game& game) {
    const std::int64_t limit = 1 + game.first.below(12);
    const std::int64_t period = 1 + game.first.below(1000);
    FixedWindow window(FixedWindowConfig::make(Quota::make(limit, Duration(std::max(limit, period))).value()).value(),
                       time_from_ns(0));
    const std::int64_t length = std::max(limit, period);
    game.tell("limit, length", limit, length);
    std::map<std::int64_t, std::int64_t> used;  // by window, as of the callers: each acts in the window of its turn
    std::int64_t latest = 0;
    std::int64_t now = 0;
    std::vector<std::pair<Charge, std::int64_t>> charges;
    for (Draws& draws : game.moves) {
      now = std::max<std::int64_t>(0, now + draws.below(length) - (draws.below(4) == 0 ? draws.below(3 * length) : 0));
      latest = std::max(latest, now / length);
      const std::int64_t n = 1 + draws.below(limit);
      game.tell("at, permits", now, n);
      const TimePoint t = time_from_ns(now);
      if (draws.below(4) == 0 && !charges.empty()) {
        const auto which = static_cast<std::size_t>(draws.below(static_cast<std::int64_t>(charges.size())));
        game.tell("at, refund", now, charges[which].first.permits);
        used[charges[which].second] -= window.refund_at(charges[which].first, t);
        charges.erase(charges.begin() + static_cast<std::ptrdiff_t>(which));
      } else if (draws.below(3) == 0) {
        const std::int64_t most = draws.below(3 * length);
        game.tell("at, reserve, patience", now, n, most);
        const Reservation r = window.reserve_at(t, n, Duration(most));
        if (!r.granted) continue;
        const auto turn = static_cast<std::int64_t>(r.charge.at) - 1;
        RC_ASSERT((r.delay == Duration(0) ? turn >= now / length && turn <= latest
                                          : turn == (now + r.delay.count()) / length));
        used[turn] += n;
        charges.emplace_back(r.charge, turn);
      } else if (const Decision d = window.try_acquire_at(t, n); d.allowed) {
        // The latest window that the limiter has seen: an admission or refund that changed it.
        const auto turn = static_cast<std::int64_t>(d.charge.at) - 1;
        RC_ASSERT(turn >= now / length);
        RC_ASSERT(turn <= latest);
        used[turn] += n;
        charges.emplace_back(d.charge, turn);
      } else {
        RC_ASSERT_FALSE(window.peek_at(t + d.retry_after - Duration(1), n).allowed);
        RC_ASSERT(window.peek_at(t + d.retry_after, n).allowed);
      }
      for (const auto& window_used : used) RC_ASSERT(window_used.second <= limit);
    }
  });
}

// The adversary asks for all it can get at instants that chance puts close together or far apart, and then every window
// that begins or ends at an admission is added up.
namespace {

std::int64_t worst_window(const std::vector<std::pair<std::int64_t, std::int64_t>>& log, std::int64_t window) {
  std::int64_t worst = 0;
  std::int64_t sum = 0;
  std::size_t first = 0;
  for (const auto& [at, n] : log) {
    sum += n;
    while (log[first].first < at - window) sum -= log[first++].second;
    worst = std::max(worst, sum);
  }
  return worst;
}

}  // namespace

TEST_CASE("verbs: an adversary finds no window above the limit of a bucket that promises one") {
  play(300, 500, [](Game& game) {
    const std::int64_t limit = 2 + game.first.below(1000);
    const std::int64_t burst = 1 + game.first.below(limit - 1);
    const std::int64_t window = limit + game.first.below(game.first.below(2) == 0 ? 1'000 : 1'000'000'000);
    TokenBucket bucket(TokenBucketConfig::at_most(limit, Duration(window), burst).value(), time_from_ns(0));
    std::vector<std::pair<std::int64_t, std::int64_t>> log;
    std::int64_t now = game.first.below(1'000'000);
    game.tell("limit, burst, window", limit, burst, window);
    for (Draws& draws : game.moves) {
      const std::int64_t hop[] = {0, 1, window / limit, window / limit + 1, window / 2, window, window - 1};
      now += hop[draws.below(7)];
      const std::int64_t all = bucket.peek_at(time_from_ns(now), 0).remaining;
      const std::int64_t n = draws.below(3) == 0 ? 1 : all;
      game.tell("at, acquire", now, n);
      if (n > 0 && bucket.try_acquire_at(time_from_ns(now), n).allowed) log.emplace_back(now, n);
    }
    const std::int64_t worst = worst_window(log, window);
    RC_ASSERT(worst <= limit);
    if (game.moves.size() == 500) RC_ASSERT(worst >= burst);  // one cut short need not get that far
  });
}

TEST_CASE("verbs: the naive bucket, whose burst is the limit, does let the adversary pass with twice as much") {
  TokenBucket bucket(TokenBucketConfig::make(Quota::make(100, 1s).value()).value(), time_from_ns(0));
  std::vector<std::pair<std::int64_t, std::int64_t>> log;
  for (std::int64_t now = 0; now <= 1'000'000'000; now += 10'000'000) {
    const std::int64_t all = bucket.peek_at(time_from_ns(now), 0).remaining;
    if (all > 0 && bucket.try_acquire_at(time_from_ns(now), all).allowed) log.emplace_back(now, all);
  }
  CHECK(worst_window(log, 1'000'000'000) == 200);
}

TEST_CASE("verbs: promises that a bucket cannot make are refused") {
  const auto message = [](std::int64_t limit, Duration window, std::int64_t burst) {
    return std::string(TokenBucketConfig::at_most(limit, window, burst).error().message.view());
  };
  CHECK(message(1, 1s, 1) == "limit must be from 2 to 1000000000, not 1");
  CHECK(message(10, 1s, 10) == "burst must be from 1 to 9, not 10");
  CHECK(message(10, 1s, 0) == "burst must be from 1 to 9, not 0");
  CHECK(message(10, Duration(3), 5) == "permits in a period this short must be from 1 to 3, not 5");
}

namespace {

struct Cpu {
  static inline std::size_t now = 0;
  std::size_t operator()() const { return now; }
};

}  // namespace

// Callers on all CPUs with clocks that differ, refunds to whatever cell, waits in between.
TEST_CASE("verbs: an adversary on all CPUs finds no interval above burst and refill of a leased bucket") {
  using Leased = BasicLeasedTokenBucket<std::atomic<std::uint64_t>, Cpu>;
  play(60, 3000, [](Game& game) {
    const Quota quota = Quota::make(1000, 1s, 400 + game.first.below(400)).value();
    Leased bucket(LeasedTokenBucketConfig::make({quota, 1 + game.first.below(20)}).value(), time_from_ns(0));
    std::map<std::int64_t, std::int64_t> log;  // by instant: admitted
    std::int64_t now = 0;
    for (Draws& draws : game.moves) {
      if (draws.below(100) == 0) now += draws.below(2'000'000'000);
      now += draws.below(50'000);
      const std::int64_t mine = std::max<std::int64_t>(0, now - (draws.below(8) == 0 ? draws.below(3'000'000'000) : 0));
      Cpu::now = static_cast<std::size_t>(draws.below(kLeaseCells));
      const std::int64_t n = 1 + draws.below(3);
      game.tell("CPU, at, acquire", Cpu::now, mine, n);
      if (bucket.try_acquire_at(time_from_ns(mine), n).allowed) log[std::max(mine, now)] += n;
    }
    Cpu::now = 0;
    std::int64_t before = 0;  // the largest of what an interval may still hold that begins here
    std::int64_t last = 0;
    for (const auto& [at, n] : log) {
      // A tank that runs over is the same as looking at all intervals.
      before = std::max<std::int64_t>(0, before - (at - last));
      before += n * 1'000'000;
      last = at;
      RC_ASSERT(before <= quota.burst() * 1'000'000);
    }
  });
}
