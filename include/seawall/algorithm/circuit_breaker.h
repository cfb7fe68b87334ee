// SPDX-License-Identifier: MIT
//
// The circuit breaker as pure decisions: (config, word, nanoseconds since the epoch) -> (next word, answer). No clock,
// no atomic. circuit_breaker.h wraps them; breaker_word.h has the bits and their horizons.
//
// Rules that other breakers broke, each a test here: the call that moves open to half-open IS the probe; a result whose
// generation passed changes nothing; kIgnored refunds a probe and neither resets the count nor closes; only an
// operator's call leaves forced open and disabled; a probe that is not reported within its lease is given up; failures
// in a row do not fade with time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/algorithm/breaker_config.h"
#include "seawall/algorithm/breaker_event.h"
#include "seawall/algorithm/breaker_open_time.h"
#include "seawall/algorithm/breaker_word.h"
#include "seawall/decision.h"
#include "seawall/detail/saturating.h"
#include "seawall/detail/step.h"
#include "seawall/outcome.h"

namespace seawall {

struct CircuitBreakerSnapshot {
  BreakerState state = BreakerState::kClosed;
  BreakerReason reason = BreakerReason::kNone;  // why it is in this state
  std::int32_t failure_count = 0;     // closed: the run so far; open, half-open: failure_threshold (0: no such rule)
  std::uint32_t generation = 0;       // grows by one with each transition, wraps at 131,072
  std::int32_t trips = 0;             // openings that were not made up for, at most 15
  std::int32_t probes_in_flight = 0;  // 0 unless half-open, as the next
  std::int32_t probe_successes = 0;
  Duration retry_after{0};  // 0: a call now would be admitted; Decision::kNever while forced open
};

// What the word has no room for. Totals since construction.
struct CircuitBreakerStats {
  std::uint64_t late_results = 0;
  std::uint64_t probes_lost = 0;
  std::uint64_t lost_events = 0;
  std::uint64_t shadow_refusals = 0;  // calls that were admitted in shadow and would have been refused
  // 0 unless CircuitBreakerOptions::count_totals:
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::uint64_t ignored = 0;     // reported as kIgnored; cancelled calls count nowhere
  std::uint64_t slow_calls = 0;  // these are also among the successes or failures
  std::uint64_t refusals = 0;
};

namespace algorithm::breaker {

// `token` 0: refused, ask again after `retry_after`. `event` 0: no transition.
struct Admission {
  std::uint64_t token = 0;
  Duration retry_after{0};
  std::uint64_t event = 0;
  std::uint32_t probes_lost = 0;
};

struct Report {
  ReportResult result = ReportResult::kRecorded;
  std::uint64_t event = 0;
  bool for_windows = false;  // the call counts in the windows, which may open the breaker yet
};

constexpr std::int64_t elapsed_ns(TimePoint now, TimePoint epoch) noexcept {
  return std::max<std::int64_t>(0, detail::saturating_sub(to_ns(now), to_ns(epoch)));
}

constexpr std::int32_t failures_shown(const CircuitBreakerConfig& config, std::uint64_t word) noexcept {
  const BreakerState state = state_of(word);
  if (state == BreakerState::kOpen || state == BreakerState::kHalfOpen)
    return config.counts_in_a_row() ? config.failure_threshold() : 0;
  return static_cast<std::int32_t>(Failures::get(word));
}

constexpr std::uint64_t lease_until(const CircuitBreakerConfig& config, std::int64_t elapsed) noexcept {
  return LeaseDeadline::of(units_up(detail::saturating_add(elapsed, config.probe_lease().count()), kLeaseUnitNs));
}

// Effective time: half-open knows that the clock had reached the last probe's admission, whatever a later call says.
constexpr std::int64_t effective_ns(const CircuitBreakerConfig& config, std::uint64_t word,
                                    std::int64_t elapsed) noexcept {
  if (state_of(word) != BreakerState::kHalfOpen) return elapsed;
  return std::max(elapsed, lease_deadline_ns(word) - config.probe_lease().count() - (kLeaseUnitNs - 1));
}

// Openings that were not made up for. Without open_decay closing makes up for all, and a closed word has none.
constexpr std::uint64_t openings(const CircuitBreakerConfig& config, std::uint64_t word,
                                 std::int64_t elapsed) noexcept {
  const std::uint64_t trips = Trips::get(word);
  if (trips == 0 || state_of(word) != BreakerState::kClosed) return trips;
  const std::int64_t closed_for = elapsed - static_cast<std::int64_t>(ClosedAt::get(word)) * kClosedUnitNs;
  if (closed_for <= 0) return trips;
  return trips - std::min(trips, static_cast<std::uint64_t>(closed_for / config.options().open_decay.count()));
}

// The transition to open.
constexpr std::uint64_t opened(const CircuitBreakerConfig& config, std::uint64_t word, std::int64_t elapsed) noexcept {
  const std::uint64_t before = openings(config, word, elapsed);
  const std::uint64_t next = entered(BreakerState::kOpen, word, before + 1);
  const std::int64_t deadline =
      detail::saturating_add(effective_ns(config, word, elapsed), open_ns(config, before, Generation::get(next)));
  return next | OpenDeadline::of(units_up(deadline, kOpenUnitNs));
}

// The transition from half-open to closed.
constexpr std::uint64_t closed(const CircuitBreakerConfig& config, std::uint64_t word, std::int64_t elapsed) noexcept {
  if (config.options().open_decay == Duration(0)) return entered(BreakerState::kClosed, word, 0);
  return entered(BreakerState::kClosed, word, Trips::get(word)) |
         ClosedAt::of(units_up(effective_ns(config, word, elapsed), kClosedUnitNs));
}

constexpr std::uint64_t mark_of(const CircuitBreakerConfig& config) noexcept {
  return config.counts_each_call() ? kCountedMark : kTokenMark;
}

// The token of an admitted call, with the instant where calls are timed.
constexpr std::uint64_t admitted(const CircuitBreakerConfig& config, std::uint64_t word,
                                 std::int64_t elapsed) noexcept {
  const std::uint64_t token = token_of(word, mark_of(config));
  return config.times_calls() ? token | TokenStart::of(units_up(elapsed, kStartUnitNs)) : token;
}
constexpr bool is_slow(const CircuitBreakerConfig& config, std::uint64_t token, std::int64_t elapsed) noexcept {
  if (!config.times_calls()) return false;
  const std::int64_t start = static_cast<std::int64_t>(TokenStart::get(token)) * kStartUnitNs;
  return elapsed - start >= config.options().slow_call_duration.count();
}

constexpr std::uint64_t probing(const CircuitBreakerConfig& config, std::uint64_t word, std::int64_t elapsed) noexcept {
  return entered(BreakerState::kHalfOpen, word, Trips::get(word)) | lease_until(config, elapsed) | Probes::of(1);
}

constexpr detail::Step<Admission> refuse(std::uint64_t word, std::int64_t retry_after_ns) noexcept {
  return {word, {.retry_after = Duration(retry_after_ns)}};
}

// Starts a half-open generation with this call as its first probe.
constexpr detail::Step<Admission> start_probing(const CircuitBreakerConfig& config, std::uint64_t word,
                                                std::int64_t elapsed, BreakerReason reason) noexcept {
  const std::uint64_t next = probing(config, word, elapsed);
  const bool lost = reason == BreakerReason::kProbesLost;
  return {next,
          {.token = admitted(config, next, elapsed),
           .event = pack_event(word, next, reason, elapsed),
           .probes_lost = lost ? static_cast<std::uint32_t>(Probes::get(word)) : 0}};
}

constexpr detail::Step<Admission> admit_half_open(const CircuitBreakerConfig& config, std::uint64_t word,
                                                  std::int64_t elapsed) noexcept {
  const std::uint64_t in_flight = Probes::get(word);
  const std::int64_t lease = lease_deadline_ns(word);
  if (in_flight > 0 && elapsed >= lease) return start_probing(config, word, elapsed, BreakerReason::kProbesLost);
  if (in_flight >= static_cast<std::uint64_t>(config.half_open_max_probes())) return refuse(word, lease - elapsed);
  // Every probe gets its whole lease: the last one admitted sets the deadline for all.
  const std::uint64_t deadline = std::max(word & LeaseDeadline::kMask, lease_until(config, elapsed));
  const std::uint64_t next = (word & ~(LeaseDeadline::kMask | Probes::kMask)) | deadline | Probes::of(in_flight + 1);
  return {next, {.token = admitted(config, next, elapsed)}};
}

// May a call go out? At most one transition; the caller whose exchange succeeds holds the probe.
constexpr detail::Step<Admission> acquire(const CircuitBreakerConfig& config, std::uint64_t word,
                                          std::int64_t elapsed) noexcept {
  switch (state_of(word)) {
    case BreakerState::kOpen: {
      const std::int64_t deadline = open_deadline_ns(word);
      if (elapsed < deadline) return refuse(word, deadline - elapsed);
      return start_probing(config, word, elapsed, BreakerReason::kOpenElapsed);
    }
    case BreakerState::kHalfOpen:
      return admit_half_open(config, word, elapsed);
    case BreakerState::kForcedOpen:
      return refuse(word, Decision::kNever.count());
    case BreakerState::kClosed:
    case BreakerState::kDisabled:
      break;
  }
  return {word, {.token = admitted(config, word, elapsed)}};
}

constexpr detail::Step<Report> transition(std::uint64_t word, std::uint64_t next, BreakerReason reason,
                                          std::int64_t elapsed) noexcept {
  return {next, {.event = pack_event(word, next, reason, elapsed)}};
}

constexpr detail::Step<Report> report_closed(const CircuitBreakerConfig& config, std::uint64_t word,
                                             std::int64_t elapsed, Outcome outcome) noexcept {
  const Report counted{.for_windows = config.has_window()};
  if (outcome == Outcome::kSuccess) return {word & ~Failures::kMask, counted};
  if (outcome != Outcome::kFailure) return {word, {}};
  const std::uint64_t failures = Failures::get(word) + 1;
  if (!config.counts_in_a_row() || failures < static_cast<std::uint64_t>(config.failure_threshold())) {
    return {(word & ~Failures::kMask) | Failures::of(failures), counted};
  }
  return transition(word, opened(config, word, elapsed), BreakerReason::kFailureThreshold, elapsed);
}

// Where slow calls count as bad, a slow probe is a failed one: the dependency is not what it should be yet.
constexpr detail::Step<Report> report_probe(const CircuitBreakerConfig& config, std::uint64_t word,
                                            std::int64_t elapsed, Outcome outcome, bool slow) noexcept {
  if (Probes::get(word) == 0) return {word, {.result = ReportResult::kLate}};  // reported before
  const std::uint64_t without = word - Probes::of(1);
  if (outcome != Outcome::kSuccess && outcome != Outcome::kFailure) return {without, {}};
  if (outcome == Outcome::kFailure || slow) {
    const auto reason = outcome == Outcome::kFailure ? BreakerReason::kProbeFailed : BreakerReason::kProbeSlow;
    return transition(word, opened(config, word, elapsed), reason, elapsed);
  }
  if (Successes::get(word) + 1 < static_cast<std::uint64_t>(config.success_threshold())) {
    return {without + Successes::of(1), {}};
  }
  return transition(word, closed(config, word, elapsed), BreakerReason::kProbesSucceeded, elapsed);
}

// How the admitted call ended.
constexpr detail::Step<Report> report(const CircuitBreakerConfig& config, std::uint64_t word, std::int64_t elapsed,
                                      std::uint64_t token, Outcome outcome) noexcept {
  if (!is_token(token, mark_of(config), config.times_calls())) return {word, {.result = ReportResult::kInvalidToken}};
  if ((token & TokenKind::kMask) == kShadowMark) return {word, {.result = ReportResult::kNotCounted}};
  if (!is_current(word, token)) return {word, {.result = ReportResult::kLate}};
  switch (state_of(word)) {
    case BreakerState::kClosed:
      return report_closed(config, word, elapsed, outcome);
    case BreakerState::kHalfOpen:
      return report_probe(config, word, elapsed, outcome, is_slow(config, token, elapsed));
    default:
      return {word, {.result = ReportResult::kNotCounted}};
  }
}

// A window's rate was reached by the call of `token`. Only while the generation that admitted it still lasts: the
// window stands beside the word, and a trip by it is ordered with all others by the word.
constexpr detail::Step<std::uint64_t> trip(const CircuitBreakerConfig& config, std::uint64_t word, std::int64_t elapsed,
                                           std::uint64_t token, BreakerReason reason) noexcept {
  if (!is_current(word, token) || state_of(word) != BreakerState::kClosed) return {word, 0};
  const std::uint64_t next = opened(config, word, elapsed);
  return {next, pack_event(word, next, reason, elapsed)};
}

// A report that changes nothing and needs no clock: the healthy path of a breaker that only counts failures in a row.
// The token is that of a closed breaker, and the word one with the same identity and no failures.
constexpr bool changes_nothing(std::uint64_t word, std::uint64_t token, Outcome outcome) noexcept {
  constexpr std::uint64_t kHead = State::kMask | Generation::kMask | Failures::kMask;
  // One condition and not three, so that there is one branch.
  const std::uint64_t other_token = (token & ~Generation::kMask) ^ kTokenMark;
  const std::uint64_t other_word = ((word & kHead) | kTokenMark) ^ token;
  return ((other_token | other_word) == 0) & (outcome == Outcome::kSuccess);
}

// The operator: kForcedOpen, kDisabled, or kClosed for reset. Asking for the administrative state that holds changes
// nothing; reset always starts a new generation, so calls in flight no longer count.
constexpr detail::Step<std::uint64_t> administer(const CircuitBreakerConfig& config, std::uint64_t word,
                                                 std::int64_t elapsed, BreakerState to) noexcept {
  if (to == BreakerState::kClosed) {
    const std::uint64_t next = entered(to, word, 0);
    return {next, pack_event(word, next, BreakerReason::kReset, elapsed)};
  }
  if (state_of(word) == to) return {word, 0};
  const std::uint64_t next = entered(to, word, openings(config, word, elapsed)) |
                             Failures::of(static_cast<std::uint64_t>(failures_shown(config, word)));
  const bool forced = to == BreakerState::kForcedOpen;
  return {next, pack_event(word, next, forced ? BreakerReason::kForcedOpen : BreakerReason::kDisabled, elapsed)};
}

constexpr CircuitBreakerSnapshot describe(const CircuitBreakerConfig& config, std::uint64_t word,
                                          std::int64_t elapsed) noexcept {
  const bool half_open = state_of(word) == BreakerState::kHalfOpen;
  return {.state = state_of(word),
          .failure_count = failures_shown(config, word),
          .generation = generation_of(word),
          .trips = static_cast<std::int32_t>(openings(config, word, elapsed)),
          .probes_in_flight = half_open ? static_cast<std::int32_t>(Probes::get(word)) : 0,
          .probe_successes = half_open ? static_cast<std::int32_t>(Successes::get(word)) : 0,
          .retry_after = acquire(config, word, elapsed).answer.retry_after};
}

}  // namespace algorithm::breaker
}  // namespace seawall
