// SPDX-License-Identifier: MIT
// Random operations in any order of `now` against oracles that keep a log of every admission and add it up each time.
#include <algorithm>
#include <map>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "support/catch.h"
#include "support/game.h"

using namespace std::chrono_literals;
using namespace seawall;
using algorithm::Wide;
using seawall::testing::Draws;
using seawall::testing::Game;
using seawall::testing::play;

namespace {

// Time that mostly goes on in steps of the period's size, sometimes stands still, and sometimes steps back.
struct Time {
  std::int64_t now = 0;
  void move(Draws& draws, Duration period) {
    const std::int64_t span = std::max<std::int64_t>(period.count(), 1);
    switch (draws.below(8)) {
      case 0:
        now = std::max<std::int64_t>(0, now - draws.below(span));
        break;
      case 1:
        now += draws.below(3 * span);
        break;
      case 2:
      case 3:
        break;
      default:
        now += draws.below(span / 8 + 1);
    }
    now = std::min<std::int64_t>(now, 20 * Duration(365 * 24h).count());  // limiters live for 30 years
  }
};

struct Entry {
  std::int64_t at = 0;
  std::int64_t permits = 0;
  Charge charge;
};

// Denied at every instant before retry_after (three are tried) and allowed exactly at it, if nothing else happens.
template <class Limiter>
void check_retry(Limiter& limiter, std::int64_t now, std::int64_t n, Duration retry, Draws& draws) {
  for (const std::int64_t early : {retry.count() - 1, draws.below(retry.count()), std::int64_t{0}}) {
    const Decision before = limiter.peek(now + early, n);
    RC_ASSERT_FALSE(before.allowed);
    RC_ASSERT(before.retry_after.count() == retry.count() - early);
  }
  RC_ASSERT(limiter.peek(now + retry.count(), n).allowed);
}

// ---- the window: at most `limit` in the sub-windows that a trailing window can touch
// ---------------------------------

class WindowOracle {
 public:
  WindowOracle(Quota quota, std::int64_t sub_windows) : quota_(quota), sub_windows_(sub_windows) {}

  // Only admissions move the window on.
  void notice(std::int64_t now) { latest_ = std::max(latest_, index(now)); }
  std::int64_t total(std::int64_t now) const {
    const std::int64_t current = std::max(latest_, index(now));
    std::int64_t sum = 0;
    for (const auto& [i, t] : taken_) {
      if (i + sub_windows_ >= current) sum += t;
    }
    return sum;
  }
  std::int64_t index(std::int64_t now) const {
    const Wide scaled = Wide{static_cast<std::uint64_t>(now)} * static_cast<std::uint64_t>(sub_windows_);
    return static_cast<std::int64_t>(scaled / static_cast<std::uint64_t>(quota_.period().count())) + 1;
  }
  void take(std::int64_t now, std::int64_t n) {
    notice(now);
    taken_[latest_] += n;
  }
  // The permits given back of n that were charged to sub-window i.
  std::int64_t refund(std::int64_t now, std::int64_t i, std::int64_t n) {
    const std::int64_t current = std::max(latest_, index(now));
    if (i + sub_windows_ < current || taken_.count(i) == 0) return 0;
    const std::int64_t back = std::min(n, taken_[i]);
    taken_[i] -= back;
    return back;
  }

 private:
  Quota quota_;
  std::int64_t sub_windows_;
  std::int64_t latest_ = 0;
  std::map<std::int64_t, std::int64_t> taken_;  // permits by sub-window
};

struct SingleWindow {
  explicit SingleWindow(Quota quota) : limiter(SlidingWindowConfig::make(quota).value(), time_from_ns(0)) {}
  Decision try_acquire(std::int64_t now, std::int64_t n) { return limiter.try_acquire_at(time_from_ns(now), n); }
  Decision peek(std::int64_t now, std::int64_t n) { return limiter.peek_at(time_from_ns(now), n); }
  std::int64_t refund(std::int64_t now, Charge charge) { return limiter.refund_at(charge, time_from_ns(now)); }
  SlidingWindow limiter;
};

template <class Limiter>
struct Keyed {
  static constexpr bool kKeyed = true;
  explicit Keyed(Quota quota)
      : limiter(KeyedRateLimiter<Limiter>::make({.quota = quota, .memory_bytes = 4096}, time_from_ns(0)).value()) {}
  Decision try_acquire(std::int64_t now, std::int64_t n) { return limiter.try_acquire_at(7, time_from_ns(now), n); }
  Decision peek(std::int64_t now, std::int64_t n) { return limiter.peek_at(7, time_from_ns(now), n); }
  std::int64_t refund(std::int64_t now, Charge charge) { return limiter.refund_at(7, charge, time_from_ns(now)); }
  static int shift(const Quota& quota) { return algorithm::KeyedBucket::make(quota).value().shift(); }
  KeyedRateLimiter<Limiter> limiter;
};

template <class Limiter>
void window_run(Game& game, Quota quota, std::int64_t sub_windows) {
  game.tell("permits, period", quota.permits(), quota.period().count());
  Limiter limiter(quota);
  WindowOracle oracle(quota, sub_windows);
  Time time;
  std::vector<Entry> log;
  std::int64_t latest = 0;
  for (Draws& draws : game.moves) {
    time.move(draws, quota.period());
    const std::int64_t n = draws.below(std::min<std::int64_t>(quota.permits() + 1, 1 + quota.permits() / 3 + 1)) + 1;
    if (!log.empty() && draws.below(4) == 0) {
      Entry& entry = log[static_cast<std::size_t>(draws.below(static_cast<std::int64_t>(log.size())))];
      if (entry.charge.permits == 0) continue;
      game.tell("at, refund, of", time.now, entry.charge.permits, entry.at);
      const std::int64_t back =
          oracle.refund(time.now, static_cast<std::int64_t>(entry.charge.at), entry.charge.permits);
      RC_ASSERT(limiter.refund(time.now, entry.charge) == back);
      entry.permits -= back;
      entry.charge.permits = 0;
      continue;
    }
    game.tell("at, acquire", time.now, n);
    const std::int64_t total = oracle.total(time.now);
    const Decision decision = limiter.try_acquire(time.now, n);
    RC_ASSERT(decision.allowed == (total + n <= quota.permits()));
    RC_ASSERT(decision.never() == (n > quota.permits()));
    RC_ASSERT(decision.remaining == quota.permits() - total - (decision.allowed ? n : 0));
    if (!decision.allowed) {
      if (!decision.never()) check_retry(limiter, time.now, n, decision.retry_after, draws);
      continue;
    }
    oracle.take(time.now, n);
    latest = std::max(latest, time.now);
    log.push_back({latest, n, decision.charge});
    // The promise itself, on effective time: no trailing window holds more than the limit.
    std::int64_t in_window = 0;
    for (const Entry& e : log) in_window += e.at > latest - quota.period().count() ? e.permits : 0;
    RC_ASSERT(in_window <= quota.permits());
  }
}

}  // namespace

TEST_CASE("the window agrees with a log of admissions and keeps its promise") {
  for (const auto& [permits, period] :
       {std::pair{1, Duration(60s)}, {10, Duration(60s)}, {7, Duration(997)}, {1000, Duration(1s)}}) {
    const Quota quota = Quota::make(permits, period).value();
    play(150, 400, [quota](Game& game) { window_run<SingleWindow>(game, quota, 12); });
  }
}

namespace {

// A line may forget as of an instant that an older clock is then judged by: so time does not step back.
void two_windows(Game& game, Quota quota) {
  game.tell("permits, period", quota.permits(), quota.period().count());
  Keyed<SlidingWindow> keyed(quota);
  SlidingWindow single(SlidingWindowConfig::make({.quota = quota, .sub_windows = 6}).value(), time_from_ns(0));
  Time time;
  for (Draws& draws : game.moves) {
    const std::int64_t latest = time.now;
    time.move(draws, quota.period());
    time.now = std::max(time.now, latest);
    const std::int64_t n = draws.below(quota.permits()) + 1;
    game.tell("at, acquire", time.now, n);
    const Decision theirs = single.try_acquire_at(time_from_ns(time.now), n);
    const Decision ours = keyed.try_acquire(time.now, n);
    RC_ASSERT(ours.allowed == theirs.allowed);
    RC_ASSERT(ours.remaining == theirs.remaining);
    RC_ASSERT(ours.retry_after == theirs.retry_after);
  }
}

}  // namespace

// A keyed window is a window of its own, with six sub-windows. Two things differ: a refusal or a refund of a key that
// is not there does not move it on.
TEST_CASE("a keyed window answers as a single one with as many sub-windows") {
  for (const auto& [permits, period] :
       {std::pair{1, Duration(60s)}, {10, Duration(60s)}, {7, Duration(99'700)}, {1000, Duration(1s)}}) {
    const Quota quota = Quota::make(permits, period).value();
    play(300, 200, [quota](Game& game) { two_windows(game, quota); });
  }
}

// An adversary who knows the boundaries: a burst just before one, then as much as is let through at every boundary.
TEST_CASE("an adversary gets the limit in a window and not one more") {
  const std::int64_t sub = 1'000'000'000;
  for (std::int64_t offset = 0; offset < 13; ++offset) {
    SingleWindow limiter(Quota::make(1000, Duration(12 * sub)).value());
    std::vector<Entry> log;
    for (std::int64_t tick = 0; tick < 400; ++tick) {
      const std::int64_t now =
          (tick / 4) * sub + std::vector<std::int64_t>{0, 1, sub / 2, sub - 1}[static_cast<std::size_t>(tick % 4)];
      const std::int64_t want = tick % 13 == offset ? 1000 : 1 + (tick * 37) % 400;
      const Decision seen = limiter.peek(now, 1);
      const std::int64_t n = std::min(want, seen.remaining);
      if (n > 0 && limiter.try_acquire(now, n).allowed) log.push_back({now, n, {}});
    }
    for (const Entry& last : log) {
      std::int64_t in_window = 0;
      for (const Entry& e : log) in_window += e.at <= last.at && e.at > last.at - 12 * sub ? e.permits : 0;
      REQUIRE(in_window <= 1000);
    }
  }
}

// ---- the bucket: at most burst + rate * interval in every interval that ends now
// -------------------------------------

namespace {

struct SingleBucket {
  static constexpr bool kKeyed = false;
  explicit SingleBucket(Quota quota) : limiter(TokenBucketConfig::make(quota).value(), time_from_ns(0)) {}
  Decision try_acquire(std::int64_t now, std::int64_t n) { return limiter.try_acquire_at(time_from_ns(now), n); }
  Decision peek(std::int64_t now, std::int64_t n) { return limiter.peek_at(time_from_ns(now), n); }
  std::int64_t refund(std::int64_t now, Charge charge) { return limiter.refund_at(charge, time_from_ns(now)); }
  static int shift(const Quota& quota) { return algorithm::Gcra::make(quota).value().shift(); }
  TokenBucket limiter;
};

// Arrival curve: n more fit when for each earlier admission the permits since then, and n, stay below burst plus
// refill. Time is in the bucket's ticks, a permit being `unit` of them.
class BucketOracle {
 public:
  BucketOracle(Quota quota, int shift) : quota_(quota), unit_(Wide{1} << shift) {}
  bool fits(std::int64_t now, std::int64_t n) const {
    Wide sum = static_cast<std::uint64_t>(n);
    if (n > quota_.burst()) return false;
    for (std::size_t i = log_.size(); i-- > 0;) {
      sum += static_cast<std::uint64_t>(log_[i].permits);
      const Wide refill = ticks(now) >= ticks(log_[i].at) ? ticks(now) - ticks(log_[i].at) : 0;
      const Wide behind = ticks(now) >= ticks(log_[i].at) ? 0 : ticks(log_[i].at) - ticks(now);
      if (sum * unit_ + behind > static_cast<std::uint64_t>(quota_.burst()) * unit_ + refill) return false;
    }
    return true;
  }
  void take(std::int64_t now, std::int64_t n) { log_.push_back({now, n, {}}); }

 private:
  Wide ticks(std::int64_t now) const {
    return Wide{static_cast<std::uint64_t>(now)} * static_cast<std::uint64_t>(quota_.permits()) * unit_ /
           static_cast<std::uint64_t>(quota_.period().count());
  }
  Quota quota_;
  Wide unit_;
  std::vector<Entry> log_;
};

template <class Limiter>
void bucket_run(Game& game, Quota quota) {
  game.tell("permits, period, burst", quota.permits(), quota.period().count(), quota.burst());
  Limiter limiter(quota);
  BucketOracle oracle(quota, Limiter::shift(quota));
  Time time;
  for (Draws& draws : game.moves) {
    const std::int64_t latest = time.now;
    time.move(draws, Duration(quota.period() / 2));
    if (Limiter::kKeyed) time.now = std::max(time.now, latest);  // what it owes to older clocks is tested below
    const std::int64_t n = draws.below(draws.below(4) == 0 ? quota.burst() + 2 : 3) + 1;
    game.tell("at, acquire", time.now, n);
    const Decision decision = limiter.try_acquire(time.now, n);
    RC_ASSERT(decision.allowed == oracle.fits(time.now, n));
    RC_ASSERT(decision.never() == (n > quota.burst()));
    if (decision.allowed) {
      oracle.take(time.now, n);
      if (decision.remaining > 0) RC_ASSERT(oracle.fits(time.now, decision.remaining));
      RC_ASSERT_FALSE(oracle.fits(time.now, decision.remaining + 1));
    } else if (!decision.never()) {
      check_retry(limiter, time.now, n, decision.retry_after, draws);
    }
  }
}

const std::vector<Quota>& bucket_quotas() {
  static const std::vector<Quota> all{Quota::make(10, 1s).value(),
                                      Quota::make(3, 1s, 1).value(),
                                      Quota::make(200, 60s).value(),
                                      Quota::make(1, 365 * 24h, 5).value(),
                                      Quota::make(7, Duration(997), 20).value(),
                                      Quota::make(1'000'000'000, 1s, 50).value()};
  return all;
}

}  // namespace

TEST_CASE("the bucket agrees with a log of admissions") {
  for (const Quota& quota : bucket_quotas()) {
    play(60, 300, [quota](Game& game) { bucket_run<SingleBucket>(game, quota); });
    play(60, 300, [quota](Game& game) { bucket_run<Keyed<TokenBucket>>(game, quota); });
  }
}

namespace {

void promise_run(Game& game, Quota quota) {
  game.tell("permits, period, burst", quota.permits(), quota.period().count(), quota.burst());
  Keyed<TokenBucket> keyed(quota);
  const auto ticks = [rule = algorithm::KeyedBucket::make(quota).value()](std::int64_t ns) {
    return static_cast<std::int64_t>(rule.ticks(Duration(ns)) >> rule.shift());
  };
  Time time;
  std::int64_t latest = 0;
  std::vector<Entry> log;
  for (Draws& draws : game.moves) {
    time.move(draws, Duration(quota.period() * 3));
    latest = std::max(latest, time.now);
    const std::int64_t n = draws.below(quota.burst()) + 1;
    game.tell("at, acquire", time.now, n);
    if (!keyed.try_acquire(time.now, n).allowed) continue;
    log.push_back({latest, n, {}});
    std::int64_t since = 0;
    for (std::size_t i = log.size(); i-- > 0;) {
      since += log[i].permits;
      RC_ASSERT(since <= quota.burst() + ticks(latest) - ticks(log[i].at) + 1);  // + 1: of the two roundings
    }
  }
}

void one_refund(Game& game) {
  const Quota quota = bucket_quotas()[static_cast<std::size_t>(game.first.below(6))];
  SingleBucket limiter(quota);
  SingleBucket twin(quota);
  Charge charge;
  std::int64_t now = 0;
  std::int64_t step = 0;
  const std::int64_t charged_step = game.first.below(20);
  const std::int64_t refund_step = charged_step + 1 + game.first.below(20);
  game.tell("permits, charged at move, refunded at move", quota.permits(), charged_step, refund_step);
  for (Draws& draws : game.moves) {
    now += draws.below(quota.period().count() / (4 * quota.permits()) + 2);
    if (step == charged_step) {
      charge = limiter.try_acquire(now, 1 + draws.below(quota.burst())).charge;
      game.tell("at, charge", now, charge.permits);
    } else if (step == refund_step) {
      game.tell("at, refund", now);
      limiter.refund(now, charge);
    } else if (limiter.try_acquire(now, 1).allowed) {
      game.tell("at, acquire", now, 1);
      RC_ASSERT(twin.try_acquire(now, 1).allowed);
    }
    ++step;
    RC_ASSERT(limiter.peek(now, 0).remaining <= twin.peek(now, 0).remaining);
  }
}

void many_refunds(Game& game) {
  const Quota quota = bucket_quotas()[static_cast<std::size_t>(game.first.below(6))];
  game.tell("permits, period, burst", quota.permits(), quota.period().count(), quota.burst());
  SingleBucket limiter(quota);
  Time time;
  std::vector<Charge> charges;
  std::int64_t net = 0;
  std::int64_t latest = 0;
  for (Draws& draws : game.moves) {
    time.move(draws, quota.period() / 4);
    latest = std::max(latest, time.now);
    if (!charges.empty() && draws.below(3) == 0) {
      const auto which = static_cast<std::size_t>(draws.below(static_cast<std::int64_t>(charges.size())));
      game.tell("at, refund", time.now, charges[which].permits);
      // Whole permits: what is given back in part counts as kept, which only makes the check stricter by one.
      net -= limiter.refund(time.now, charges[which]) + 1;
      charges[which].permits = 0;
    } else if (const Decision d = limiter.try_acquire(time.now, 1 + draws.below(quota.burst())); d.allowed) {
      game.tell("at, acquire", time.now, d.charge.permits);
      net += d.charge.permits;
      charges.push_back(d.charge);
    }
    const Wide refill = Wide{static_cast<std::uint64_t>(latest)} * static_cast<std::uint64_t>(quota.permits()) /
                        static_cast<std::uint64_t>(quota.period().count());
    RC_ASSERT(net <= quota.burst() + static_cast<std::int64_t>(refill) + 1);
  }
}

}  // namespace

// With clocks in any order a line counts from the latest instant as of which it forgot: the promise on effective time.
TEST_CASE("a keyed bucket never admits more than burst plus refill, whatever the order of now") {
  for (const Quota& quota : bucket_quotas()) {
    play(60, 200, [quota](Game& game) { promise_run(game, quota); });
  }
}

// A refund never makes the bucket fuller than if the charge had never been: the twin does not make the charge at all.
TEST_CASE("one refund, however late, never leaves more than not having asked") { play(2000, 60, one_refund); }

TEST_CASE("with any refunds, admitted minus refunded stays below burst plus refill") { play(300, 400, many_refunds); }
