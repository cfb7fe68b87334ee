// SPDX-License-Identifier: MIT
//
// CircuitBreaker: stops calling a dependency that keeps failing, and tries it again with a few probes.
//
// Closed, it admits every call; `failure_threshold` failures in a row (3) open it, or the rate of failed or slow calls
// in a window, if asked for. Open, it refuses for `open_duration` (30 s). Then the next caller gets a probe
// (half-open): its success closes the breaker, its failure opens it again. Use it round calls that can fail through no
// fault of the caller; use a limiter to protect a dependency from too many calls that would succeed; use a
// KeyedCircuitBreaker for one breaker for each host. Known flaw: calls already in flight when it opens still fail; pair
// it with a timeout.
//
// Threads: every function from any thread, and from any process when the object lies in MAP_SHARED memory: it holds no
// pointer, and its state is one 64-bit word. A healthy call is two loads: no store, no clock. With a window it writes a
// line of its CPU's own, with a time window or slow_call_duration it reads the clock.
//
//   seawall::CircuitBreaker breaker;
//   auto ticket = breaker.try_acquire();
//   if (!ticket) return refuse(ticket.retry_after());
//   const bool ok = call();
//   ticket.report(ok ? seawall::Outcome::kSuccess : seawall::Outcome::kFailure);
//
// Take the ticket after all other checks, or let it go (cancel()) when one of them refuses: the probe is then given
// back. Do not ask state() before a call: only try_acquire() lets a probe through, so a caller that waits for "closed"
// waits for ever.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "seawall/algorithm/circuit_breaker.h"
#include "seawall/detail/breaker_events.h"
#include "seawall/detail/breaker_tally.h"
#include "seawall/detail/breaker_windows.h"
#include "seawall/detail/cache_line.h"
#include "seawall/execution.h"
#include "seawall/ticket.h"

namespace seawall {

// Cell is std::atomic<std::uint64_t>; the tests put a cell there that explores interleavings.
template <class Cell>
class alignas(detail::kCacheLine) BasicCircuitBreaker {
 public:
  using Ticket = BasicTicket<BasicCircuitBreaker>;

  // Times are kept from `epoch`, which must not be later than the instants given to the functions below; an earlier
  // instant is taken as the epoch. Correct for 34 years after it.
  explicit BasicCircuitBreaker(CircuitBreakerConfig config = {}, TimePoint epoch = Clock::now()) noexcept
      : epoch_ns_(to_ns(epoch)),
        plain_(!config.counts_each_call()),
        unusual_((config.options().shadow ? kShadow : 0) | counting()),
        config_(config.seeded(static_cast<std::uint64_t>(to_ns(epoch)))) {}
  BasicCircuitBreaker(const BasicCircuitBreaker&) = delete;
  BasicCircuitBreaker& operator=(const BasicCircuitBreaker&) = delete;

  const CircuitBreakerConfig& config() const noexcept { return config_; }

  // A true ticket admits one call. Never blocks. Reads no clock while closed.
  Ticket try_acquire() noexcept { return try_acquire_with(&Clock::now); }
  Ticket try_acquire_at(TimePoint now) noexcept {
    return try_acquire_with([now] { return now; });
  }

  // For a detached token, once each; a ticket's own report() comes here.
  ReportResult report(std::uint64_t token, Outcome outcome) noexcept {
    return report_with(&Clock::now, token, outcome);
  }
  ReportResult report_at(std::uint64_t token, Outcome outcome, TimePoint now) noexcept {
    return report_with([now] { return now; }, token, outcome);
  }
  // The call was never made, or says nothing. Needs no time: it cannot cause a transition.
  [[gnu::noinline]] void cancel(std::uint64_t token) noexcept {
    detail::publish(word_, [&](std::uint64_t word) {
      return algorithm::breaker::report(config_, word, 0, token, Outcome::kIgnored);
    });
  }

  // The two above with a clock (callable, must not throw) that is called at most once, on the healthy path not at all.
  template <class Now>
  Ticket try_acquire_with(const Now& clock) noexcept {
    const std::uint64_t seen = load();
    if (algorithm::breaker::state_of(seen) == BreakerState::kClosed && plain_) [[likely]]
      return Ticket(*this, algorithm::breaker::token_of_closed(seen));
    if (algorithm::breaker::state_of(seen) != BreakerState::kOpen) return ticket_of(answer_with(clock));
    const TimePoint now = clock();
    // Modulo 2^64: an instant before the epoch is far beyond any deadline here.
    const auto at = static_cast<std::uint64_t>(to_ns(now)) - static_cast<std::uint64_t>(epoch_ns_);
    const std::int64_t wait = algorithm::breaker::open_wait_ns(seen, at);
    if (wait != 0 && unusual_.load(std::memory_order_relaxed) == 0) [[likely]]  // relaxed: as in shadow()
      return Ticket(Duration(wait));
    return ticket_of(decide_at(now));
  }
  template <class Now>
  ReportResult report_with(const Now& clock, std::uint64_t token, Outcome outcome) noexcept {
    const bool healthy = algorithm::breaker::changes_nothing(load(), token, outcome);
    return __builtin_expect(healthy, 1) != 0 ? ReportResult::kRecorded : report_timed(clock, token, outcome);
  }

  // Runs fn() if admitted and reports for it. fn returns T or void; classify(const T&) -> Outcome says how it went
  // (absent: returning is success). An exception from fn is a failure, one from classify a cancelled call; both go on
  // to the caller. `clock` is called instead of Clock::now(), at most twice.
  template <class Fn, class Classify = detail::AlwaysSuccess>
  auto execute(Fn&& fn, Classify&& classify = {}) {
    return execute_with(&Clock::now, std::forward<Fn>(fn), std::forward<Classify>(classify));
  }
  template <class Now, class Fn, class Classify = detail::AlwaysSuccess>
  auto execute_with(Now clock, Fn&& fn, Classify&& classify = {}) {
    using Run = Execution<std::invoke_result_t<Fn&>>;
    Ticket ticket = try_acquire_with(clock);
    if (!ticket) return Run(Refused{ticket.retry_after()});
    const auto settle = [&](Outcome outcome) { report_with(clock, ticket.detach(), outcome); };
    return Run::of(fn, classify, settle);
  }

  // Refuse everything, or admit everything and count nothing, until reset(): no result and no time leaves these states.
  void force_open() noexcept { force_open_at(Clock::now()); }
  void force_open_at(TimePoint now) noexcept { administer(now, BreakerState::kForcedOpen); }
  void disable() noexcept { disable_at(Clock::now()); }
  void disable_at(TimePoint now) noexcept { administer(now, BreakerState::kDisabled); }
  // Closed with a count of 0, from any state. Results of calls admitted before are late.
  void reset() noexcept { reset_at(Clock::now()); }
  void reset_at(TimePoint now) noexcept { administer(now, BreakerState::kClosed); }

  // While set, nothing is refused, not even when forced open; the state moves on as ever, and what would have been
  // refused is counted in stats(). Begins as CircuitBreakerOptions::shadow. Relaxed: a switch by itself.
  void set_shadow(bool on) noexcept { unusual_.store((on ? kShadow : 0) | counting(), std::memory_order_relaxed); }
  bool shadow() const noexcept { return (unusual_.load(std::memory_order_relaxed) & kShadow) != 0; }

  // An observation, consistent in itself (one load; the reason is that of the generation seen). An open breaker whose
  // time is over stays kOpen, with retry_after 0, until a call comes.
  CircuitBreakerSnapshot snapshot() const noexcept { return snapshot_at(Clock::now()); }
  CircuitBreakerSnapshot snapshot_at(TimePoint now) const noexcept {
    auto snapshot = algorithm::breaker::describe(config_, load(), elapsed(now));
    snapshot.reason = events_.reason(snapshot.generation);
    snapshot.retry_after = from(now, snapshot.retry_after);
    return snapshot;
  }
  BreakerState state() const noexcept { return algorithm::breaker::state_of(load()); }

  // For bindings in which a call costs more than a load (see seawall_c.h); null unless a success has nothing to write.
  const Cell* plain_word() const noexcept { return plain_ ? &word_ : nullptr; }

  // What the windows hold for the present generation; empty unless closed, or without that window.
  BreakerWindow count_window() const noexcept {
    const std::uint64_t word = load();
    if (algorithm::breaker::state_of(word) != BreakerState::kClosed) return {};
    return windows_.count_window(config_, algorithm::breaker::generation_of(word));
  }
  BreakerWindow time_window_at(TimePoint now) const noexcept {
    const std::uint64_t word = load();
    if (!config_.has_time_window() || algorithm::breaker::state_of(word) != BreakerState::kClosed) return {};
    return windows_.time_window(config_, algorithm::breaker::generation_of(word), elapsed(now));
  }
  BreakerWindow time_window() const noexcept { return time_window_at(Clock::now()); }

  // Moves the oldest unread transitions into `out` and answers how many. At most 32 are kept; older ones are lost and
  // counted. Poll from one place: several readers share the events, each is delivered once.
  std::size_t poll_events(std::span<CircuitBreakerEvent> out) noexcept {
    return events_.poll(algorithm::breaker::generation_of(load()), epoch(), out);
  }
  std::uint64_t lost_events() const noexcept { return stats().lost_events; }

  CircuitBreakerStats stats() const noexcept {
    using detail::BreakerCall;
    // Relaxed: totals, each by itself.
    return {.late_results = late_results_.load(std::memory_order_relaxed),
            .probes_lost = probes_lost_.load(std::memory_order_relaxed),
            .lost_events = events_.lost(algorithm::breaker::generation_of(load())),
            .shadow_refusals = tally_.value(BreakerCall::kShadowed),
            .successes = tally_.value(BreakerCall::kSucceeded),
            .failures = tally_.value(BreakerCall::kFailed),
            .ignored = tally_.value(BreakerCall::kIgnored),
            .slow_calls = tally_.value(BreakerCall::kSlow),
            .refusals = tally_.value(BreakerCall::kRefused)};
  }
  // All of them from 0 again, but for lost_events: for a breaker that gets another name.
  void clear_stats() noexcept {
    late_results_.store(0, std::memory_order_relaxed);  // relaxed: totals, each by itself
    probes_lost_.store(0, std::memory_order_relaxed);
    tally_.clear();
  }

 private:
  static constexpr std::uint64_t kShadow = 1, kCounting = 2;
  std::uint64_t counting() const noexcept { return plain_ ? 0 : kCounting; }

  TimePoint epoch() const noexcept { return time_from_ns(epoch_ns_); }
  std::int64_t elapsed(TimePoint now) const noexcept { return algorithm::breaker::elapsed_ns(now, epoch()); }
  // A wait from the epoch, for a caller who waits from an instant before it.
  Duration from(TimePoint now, Duration wait) const noexcept {
    if (to_ns(now) >= epoch_ns_ || wait == Duration(0)) return wait;
    return Duration(detail::saturating_add(wait.count(), detail::saturating_sub(epoch_ns_, to_ns(now))));
  }
  // Acquire: a KeyedCircuitBreaker reuses a breaker for another key, and who sees it reused must see that it was
  // renamed.
  std::uint64_t load() const noexcept { return word_.load(std::memory_order_acquire); }

  static void add(Cell& total, std::uint64_t n) noexcept {
    detail::update(total, [n](std::uint64_t seen) { return detail::Step<bool>{seen + n, true}; });
  }

  // What a ticket is made of, in registers: one that is returned through memory stays there on the healthy path too.
  struct Answer {
    std::uint64_t token;
    std::int64_t retry_after_ns;
  };

  template <class Now>
  [[gnu::noinline]] Answer answer_with(Now clock) noexcept {
    const std::uint64_t seen = load();
    if (!algorithm::breaker::admits_freely(seen) || config_.times_calls()) return decide_at(clock());
    return {algorithm::breaker::admitted(config_, seen, 0), 0};
  }
  Ticket ticket_of(Answer answer) noexcept {
    return answer.token != 0 ? Ticket(*this, answer.token) : Ticket(Duration(answer.retry_after_ns));
  }
  [[gnu::noinline]] Answer decide_at(TimePoint now) noexcept {
    const std::int64_t at = elapsed(now);
    const auto admission =
        detail::publish(word_, [&](std::uint64_t word) { return algorithm::breaker::acquire(config_, word, at); });
    events_.publish(admission.event);
    if (admission.probes_lost != 0) add(probes_lost_, admission.probes_lost);
    if (admission.token != 0) return {admission.token, 0};
    if (shadow()) {
      tally_.add(detail::BreakerCall::kShadowed);
      return {algorithm::breaker::token_of(load(), algorithm::breaker::kShadowMark), 0};
    }
    if (config_.options().count_totals) tally_.add(detail::BreakerCall::kRefused);
    return {0, from(now, admission.retry_after).count()};
  }

  template <class Now>
  [[gnu::noinline]] ReportResult report_timed(Now clock, std::uint64_t token, Outcome outcome) noexcept {
    // A success in a closed breaker changes no deadline; only what counts time asks when it was.
    const bool timeless = !config_.has_time_window() && !config_.times_calls() && outcome == Outcome::kSuccess &&
                          algorithm::breaker::state_of(token) == BreakerState::kClosed;
    const std::int64_t at = timeless ? 0 : elapsed(clock());
    const auto report = detail::publish(
        word_, [&](std::uint64_t word) { return algorithm::breaker::report(config_, word, at, token, outcome); });
    events_.publish(report.event);
    if (report.result == ReportResult::kLate) add(late_results_, 1);
    if (plain_ || report.result != ReportResult::kRecorded) return report.result;
    const bool slow = algorithm::breaker::is_slow(config_, token, at);
    if (config_.options().count_totals) count(outcome, slow);
    if (report.for_windows) count_in_windows(at, token, outcome == Outcome::kFailure, slow);
    return report.result;
  }

  void count(Outcome outcome, bool slow) noexcept {
    using detail::BreakerCall;
    const bool counts = outcome == Outcome::kSuccess || outcome == Outcome::kFailure;
    if (slow && counts) tally_.add(BreakerCall::kSlow);
    tally_.add(!counts                        ? BreakerCall::kIgnored
               : outcome == Outcome::kFailure ? BreakerCall::kFailed
                                              : BreakerCall::kSucceeded);
  }

  void count_in_windows(std::int64_t at, std::uint64_t token, bool failed, bool slow) noexcept {
    const BreakerReason reason = windows_.record(config_, detail::stripe<Windows::kStripes>(),
                                                 {algorithm::breaker::generation_of(token), at, failed, slow},
                                                 [&] { return algorithm::breaker::is_current(load(), token); });
    if (reason == BreakerReason::kNone) return;
    events_.publish(detail::publish(
        word_, [&](std::uint64_t word) { return algorithm::breaker::trip(config_, word, at, token, reason); }));
  }

  void administer(TimePoint now, BreakerState to) noexcept {
    const std::int64_t at = elapsed(now);
    events_.publish(detail::publish(
        word_, [&](std::uint64_t word) { return algorithm::breaker::administer(config_, word, at, to); }));
  }

  using Windows = detail::BreakerWindows<Cell>;

  // Read by every call; the word is written only when something is wrong.
  Cell word_{0};
  std::int64_t epoch_ns_;
  bool plain_;    // only failures in a row: a success in a closed breaker has nothing to write
  Cell unusual_;  // kShadow, kCounting: with any, try_acquire_with() leaves open breakers to decide_at()
  CircuitBreakerConfig config_;
  // Written on late results, lost probes and transitions only.
  alignas(detail::kCacheLine) Cell late_results_{0};
  Cell probes_lost_{0};
  detail::BreakerEvents<Cell> events_;
  // Written by each call, where the options ask for it, on a line of its CPU.
  detail::BreakerTally<Cell> tally_;
  Windows windows_;
};

using CircuitBreaker = BasicCircuitBreaker<std::atomic<std::uint64_t>>;
using Ticket = CircuitBreaker::Ticket;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared memory needs lock-free words");
static_assert(std::is_standard_layout_v<CircuitBreaker> && std::is_trivially_destructible_v<CircuitBreaker>);

}  // namespace seawall
