// SPDX-License-Identifier: MIT
//
// Random calls against a naive sequential breaker written from the rules, not from the word: plain fields, nanoseconds,
// a list of the calls that are out. `now` wanders in both directions, probes get lost, the operator steps in. The only
// knowledge shared is the rounding that the contract states (breaks up to 1 ms, leases up to 256 ms).
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "support/catch.h"
#include "support/game.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::Draws;
using seawall::testing::play;

namespace {

std::int64_t rounded_up(std::int64_t ns, std::int64_t unit) { return (ns + unit - 1) / unit * unit; }

struct Oracle {
  struct Call {
    std::uint64_t epoch_of_state;
    bool probe;
  };

  CircuitBreakerConfig config;
  BreakerState state = BreakerState::kClosed;
  std::uint64_t changes = 0;
  std::int32_t failures = 0;  // as shown
  std::int64_t open_until = 0;
  std::int64_t lease_until = 0;
  std::int64_t last_probe = 0;
  std::int32_t probes = 0;
  std::int32_t successes = 0;
  std::uint64_t probes_lost = 0;
  std::uint64_t late = 0;
  std::vector<std::pair<BreakerReason, BreakerState>> events;

  void change(BreakerState to, BreakerReason why) {
    state = to;
    ++changes;
    events.emplace_back(why, to);
    probes = successes = 0;
  }

  // The call that was admitted, or nothing.
  std::optional<Call> acquire(std::int64_t now) {
    if (state == BreakerState::kForcedOpen) return std::nullopt;
    if (state == BreakerState::kOpen) {
      if (now < open_until) return std::nullopt;
      change(BreakerState::kHalfOpen, BreakerReason::kOpenElapsed);
      lease_until = 0;
    }
    if (state != BreakerState::kHalfOpen) return Call{changes, false};
    if (probes > 0 && now >= lease_until) {
      probes_lost += static_cast<std::uint64_t>(probes);
      change(BreakerState::kHalfOpen, BreakerReason::kProbesLost);
      lease_until = 0;
    } else if (probes == config.half_open_max_probes()) {
      return std::nullopt;
    }
    ++probes;
    lease_until = std::max(lease_until, rounded_up(now + config.probe_lease().count(), 256'000'000));
    return Call{changes, true};
  }

  void open(std::int64_t now, BreakerReason why) {
    if (state == BreakerState::kHalfOpen) {
      now = std::max(now, lease_until - config.probe_lease().count() - 255'999'999);
    }
    change(BreakerState::kOpen, why);
    failures = config.failure_threshold();
    open_until = rounded_up(now + config.open_duration().count(), 1'000'000);
  }

  ReportResult report(Call call, Outcome outcome, std::int64_t now) {
    if (call.epoch_of_state != changes) {
      ++late;
      return ReportResult::kLate;
    }
    if (state == BreakerState::kDisabled) return ReportResult::kNotCounted;
    if (!call.probe) {
      if (outcome == Outcome::kSuccess) failures = 0;
      if (outcome == Outcome::kFailure && ++failures == config.failure_threshold()) {
        open(now, BreakerReason::kFailureThreshold);
      }
      return ReportResult::kRecorded;
    }
    if (outcome == Outcome::kFailure) {
      open(now, BreakerReason::kProbeFailed);
    } else {
      --probes;
      if (outcome == Outcome::kSuccess && ++successes == config.success_threshold()) {
        change(BreakerState::kClosed, BreakerReason::kProbesSucceeded);
        failures = 0;
      }
    }
    return ReportResult::kRecorded;
  }

  void administer(BreakerState to, BreakerReason why) {
    if (to == state && to != BreakerState::kClosed) return;
    change(to, why);
    if (to == BreakerState::kClosed) failures = 0;
  }
};

// The breaker and the naive one, side by side.
class Both {
 public:
  explicit Both(testing::Game& game) : game_(game), config_(some_config()), breaker_(config_, kEpoch) {
    oracle_.config = config_;
  }

  void play() {
    for (Draws& draws : game_.moves) {
      draws_ = &draws;
      wander();
      move();
      compare();
    }
  }

 private:
  static constexpr TimePoint kEpoch = time_from_ns(77'000'000'000);
  struct Out {
    std::uint64_t token;
    Oracle::Call call;
  };

  std::int64_t pick(std::int64_t low, std::int64_t high) { return draws_->pick(low, high); }

  CircuitBreakerConfig some_config() {
    const CircuitBreakerOptions o{.failure_threshold = static_cast<std::int32_t>(pick(1, 4)),
                                  .open_duration = Duration(pick(1'000'000, 3'000'000'000)),
                                  .half_open_max_probes = static_cast<std::int32_t>(pick(1, 3)),
                                  .success_threshold = static_cast<std::int32_t>(pick(1, 3)),
                                  .probe_lease = Duration(pick(1'000'000, 3'000'000'000))};
    game_.tell("failures, open for", o.failure_threshold, o.open_duration.count());
    game_.tell("probes, successes, lease", o.half_open_max_probes, o.success_threshold, o.probe_lease.count());
    return CircuitBreakerConfig::make(o).value();
  }

  // Mostly forward, sometimes back, at times exactly to the next instant at which something may change.
  void wander() {
    const auto kind = pick(0, 9);
    if (kind == 0) {
      elapsed_ = std::max<std::int64_t>(0, elapsed_ - pick(0, 4'000'000'000));
    } else if (kind == 1) {
      elapsed_ = std::max<std::int64_t>(0, (pick(0, 1) != 0 ? oracle_.open_until : oracle_.lease_until) - pick(0, 1));
    } else if (kind < 6) {
      elapsed_ += pick(0, 1'500'000'000);
    }
  }

  void move() {
    const auto kind = pick(0, 99);
    if (kind < 45) return acquire();
    if (kind < 90) return report();
    if (kind < 93) return cancel();
    if (kind < 95 && !out_.empty()) return static_cast<void>(take());  // lost
    if (kind == 96) return admin(BreakerState::kForcedOpen, BreakerReason::kForcedOpen);
    if (kind == 97) return admin(BreakerState::kDisabled, BreakerReason::kDisabled);
    if (kind >= 98) return admin(BreakerState::kClosed, BreakerReason::kReset);
  }

  void acquire() {
    game_.tell("at, acquire", elapsed_);
    auto ticket = breaker_.try_acquire_at(now());
    const auto call = oracle_.acquire(elapsed_);
    RC_ASSERT(bool(ticket) == call.has_value());
    if (call) {
      out_.push_back({ticket.detach(), *call});
    } else {
      RC_ASSERT(ticket.retry_after() > 0s);
    }
  }

  void report() {
    if (out_.empty()) return;
    const Out taken = take();
    const auto outcome = static_cast<Outcome>(pick(0, 2));
    game_.tell("at, outcome, of the call of change", elapsed_, outcome, taken.call.epoch_of_state);
    const auto result = breaker_.report_at(taken.token, outcome, now());
    RC_ASSERT(result == oracle_.report(taken.call, outcome, elapsed_));
  }

  void cancel() {
    if (out_.empty()) return;
    const Out taken = take();
    game_.tell("at, cancel the call of change", elapsed_, taken.call.epoch_of_state);
    breaker_.cancel(taken.token);
    const std::uint64_t late = oracle_.late;
    oracle_.report(taken.call, Outcome::kIgnored, elapsed_);
    oracle_.late = late;  // a cancelled call has no result that could be late
  }

  void admin(BreakerState to, BreakerReason why) {
    game_.tell("at, operator sets", elapsed_, to);
    if (to == BreakerState::kForcedOpen) breaker_.force_open_at(now());
    if (to == BreakerState::kDisabled) breaker_.disable_at(now());
    if (to == BreakerState::kClosed) breaker_.reset_at(now());
    oracle_.administer(to, why);
  }

  Out take() {
    const auto at = out_.begin() + pick(0, static_cast<std::int64_t>(out_.size()) - 1);
    const Out taken = *at;
    out_.erase(at);
    return taken;
  }

  void compare() {
    const auto seen = breaker_.snapshot_at(now());
    RC_ASSERT(seen.state == oracle_.state);
    RC_ASSERT(seen.failure_count == oracle_.failures);
    RC_ASSERT(seen.generation == oracle_.changes % 131'072);
    RC_ASSERT(seen.probes_in_flight == oracle_.probes);
    RC_ASSERT(seen.probe_successes == oracle_.successes);
    RC_ASSERT(breaker_.stats().probes_lost == oracle_.probes_lost);
    RC_ASSERT(breaker_.stats().late_results == oracle_.late);
    if (seen.state == BreakerState::kOpen) {
      RC_ASSERT(seen.retry_after.count() == std::max<std::int64_t>(0, oracle_.open_until - elapsed_));
    }
    std::array<CircuitBreakerEvent, 8> events;
    const std::size_t n = breaker_.poll_events(events);
    RC_ASSERT(n == oracle_.events.size());
    for (std::size_t i = 0; i < n; ++i) {
      RC_ASSERT((events[i].reason == oracle_.events[i].first && events[i].to == oracle_.events[i].second));
    }
    oracle_.events.clear();
  }

  TimePoint now() const { return kEpoch + Duration(elapsed_); }

  testing::Game& game_;
  Draws* draws_ = &game_.first;
  CircuitBreakerConfig config_;
  CircuitBreaker breaker_;
  Oracle oracle_;
  std::int64_t elapsed_ = 0;
  std::vector<Out> out_;
};

}  // namespace

TEST_CASE("random calls: the breaker and a naive one agree after every move") {
  play(300, 1000, [](testing::Game& game) { Both(game).play(); });
}
