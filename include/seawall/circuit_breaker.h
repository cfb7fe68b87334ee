// SPDX-License-Identifier: MIT
//
// CircuitBreaker: stops calling a dependency that keeps failing, and tries it again with a few probes.
//
// Closed, it admits every call; `failure_threshold` failures in a row (3) open it. Open, it refuses for `open_duration`
// (30 s). Then the next caller gets a probe (half-open): its success closes the breaker, its failure opens it again.
// Use it round calls that can fail through no fault of the caller; use a limiter to protect a dependency from too many
// calls that would succeed. Known flaw: calls already in flight when it opens still fail; pair it with a timeout.
//
// Threads: every function from any thread, and from any process when the object lies in MAP_SHARED memory: it holds no
// pointer, and its state is one 64-bit word. A healthy call is two loads: no store, no clock.
//
//   seawall::CircuitBreaker breaker;
//   auto ticket = breaker.try_acquire();
//   if (!ticket) return refuse(ticket.retry_after());
//   const bool ok = call();
//   ticket.report(ok ? seawall::Outcome::kSuccess : seawall::Outcome::kFailure);
//
// Do not ask state() before a call: only try_acquire() lets a probe through, so a caller that waits for "closed" waits
// for ever.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "seawall/algorithm/circuit_breaker.h"
#include "seawall/detail/breaker_events.h"
#include "seawall/detail/cache_line.h"
#include "seawall/execution.h"

namespace seawall {

// What the word has no room for. Totals since construction.
struct CircuitBreakerStats {
  std::uint64_t late_results = 0;
  std::uint64_t probes_lost = 0;
  std::uint64_t lost_events = 0;
};

// The right to make one call. Report its outcome once; a ticket destroyed before that is cancelled: the call counts for
// nothing and a probe is given back. Move-only; must not outlive its breaker.
template <class Breaker>
class [[nodiscard]] BasicTicket {
 public:
  BasicTicket() = default;
  BasicTicket(Breaker& breaker, std::uint64_t token) noexcept : breaker_(&breaker), token_(token) {}
  explicit BasicTicket(Duration retry_after) noexcept : retry_after_(retry_after) {}
  BasicTicket(BasicTicket&& other) noexcept
      : breaker_(other.breaker_), token_(std::exchange(other.token_, 0)), retry_after_(other.retry_after_) {}
  BasicTicket& operator=(BasicTicket&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    breaker_ = other.breaker_;
    token_ = std::exchange(other.token_, 0);
    retry_after_ = other.retry_after_;
    return *this;
  }
  ~BasicTicket() { cancel(); }

  explicit operator bool() const noexcept { return token_ != 0; }

  // Of a refused ticket: while open, no call is admitted earlier; while probes are in flight, one is admitted at the
  // latest then; Decision::kNever while forced open.
  Duration retry_after() const noexcept { return retry_after_; }

  // kInvalidToken when there is nothing to report: refused, reported before, detached.
  ReportResult report(Outcome outcome) noexcept {
    return token_ == 0 ? ReportResult::kInvalidToken : breaker_->report(detach(), outcome);
  }
  ReportResult report_at(Outcome outcome, TimePoint now) noexcept {
    return token_ == 0 ? ReportResult::kInvalidToken : breaker_->report_at(detach(), outcome, now);
  }
  void cancel() noexcept {
    if (token_ != 0) breaker_->cancel(detach());
  }

  // The bare token, for code that cannot hold a ticket; 0 when there is none. Give it to report() or cancel() of the
  // breaker, once.
  std::uint64_t detach() noexcept { return std::exchange(token_, 0); }

 private:
  Breaker* breaker_ = nullptr;
  std::uint64_t token_ = 0;
  Duration retry_after_{0};
};

// Cell is std::atomic<std::uint64_t>; the tests put a cell there that explores interleavings.
template <class Cell>
class alignas(detail::kCacheLine) BasicCircuitBreaker {
 public:
  using Ticket = BasicTicket<BasicCircuitBreaker>;

  // Times are kept from `epoch`, which must not be later than the instants given to the functions below; an earlier
  // instant is taken as the epoch. Correct for 34 years after it.
  explicit BasicCircuitBreaker(CircuitBreakerConfig config = {}, TimePoint epoch = Clock::now()) noexcept
      : config_(config), epoch_ns_(to_ns(epoch)) {}
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
  // The call was never made. Needs no time: it cannot cause a transition.
  void cancel(std::uint64_t token) noexcept {
    detail::update(word_, [&](std::uint64_t word) {
      return algorithm::breaker::report(config_, word, 0, token, Outcome::kIgnored);
    });
  }

  // The two above with a clock (callable, must not throw) that is called at most once, on the healthy path not at all.
  template <class Now>
  Ticket try_acquire_with(const Now& clock) noexcept {
    const std::uint64_t seen = load();
    if (algorithm::breaker::admits_freely(seen)) return Ticket(*this, algorithm::breaker::token_of(seen));
    const std::int64_t at = elapsed(clock());
    const auto admission =
        detail::update(word_, [&](std::uint64_t word) { return algorithm::breaker::acquire(config_, word, at); });
    events_.publish(admission.event);
    if (admission.probes_lost != 0) add(probes_lost_, admission.probes_lost);
    return admission.token != 0 ? Ticket(*this, admission.token) : Ticket(admission.retry_after);
  }
  template <class Now>
  ReportResult report_with(const Now& clock, std::uint64_t token, Outcome outcome) noexcept {
    if (algorithm::breaker::changes_nothing(load(), token, outcome)) return ReportResult::kRecorded;
    const std::int64_t at = elapsed(clock());
    const auto report = detail::update(
        word_, [&](std::uint64_t word) { return algorithm::breaker::report(config_, word, at, token, outcome); });
    events_.publish(report.event);
    if (report.result == ReportResult::kLate) add(late_results_, 1);
    return report.result;
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

  // An observation, consistent in itself (one load). An open breaker whose time is over stays kOpen, with retry_after
  // 0, until a call comes.
  CircuitBreakerSnapshot snapshot() const noexcept { return snapshot_at(Clock::now()); }
  CircuitBreakerSnapshot snapshot_at(TimePoint now) const noexcept {
    return algorithm::breaker::describe(config_, load(), elapsed(now));
  }
  BreakerState state() const noexcept { return algorithm::breaker::state_of(load()); }

  // Moves the oldest unread transitions into `out` and answers how many. At most 32 are kept; older ones are lost and
  // counted. Poll from one place: several readers share the events, each is delivered once.
  std::size_t poll_events(std::span<CircuitBreakerEvent> out) noexcept {
    return events_.poll(algorithm::breaker::generation_of(load()), epoch(), out);
  }
  std::uint64_t lost_events() const noexcept { return stats().lost_events; }

  CircuitBreakerStats stats() const noexcept {
    // Relaxed: totals, each by itself.
    return {.late_results = late_results_.load(std::memory_order_relaxed),
            .probes_lost = probes_lost_.load(std::memory_order_relaxed),
            .lost_events = events_.lost(algorithm::breaker::generation_of(load()))};
  }

 private:
  TimePoint epoch() const noexcept { return time_from_ns(epoch_ns_); }
  std::int64_t elapsed(TimePoint now) const noexcept { return algorithm::breaker::elapsed_ns(now, epoch()); }
  // Relaxed: all that decides together is in this word; no other memory is published through it.
  std::uint64_t load() const noexcept { return word_.load(std::memory_order_relaxed); }

  static void add(Cell& total, std::uint64_t n) noexcept {
    detail::update(total, [n](std::uint64_t seen) { return detail::Step<bool>{seen + n, true}; });
  }

  void administer(TimePoint now, BreakerState to) noexcept {
    const std::int64_t at = elapsed(now);
    events_.publish(detail::update(
        word_, [&](std::uint64_t word) { return algorithm::breaker::administer(config_, word, at, to); }));
  }

  // Read by every call; the word is written only when something is wrong.
  CircuitBreakerConfig config_;
  std::int64_t epoch_ns_;
  Cell word_{0};
  // Written on late results, lost probes and transitions only.
  alignas(detail::kCacheLine) Cell late_results_{0};
  Cell probes_lost_{0};
  detail::BreakerEvents<Cell> events_;
};

using CircuitBreaker = BasicCircuitBreaker<std::atomic<std::uint64_t>>;
using Ticket = CircuitBreaker::Ticket;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared memory needs lock-free words");
static_assert(std::is_standard_layout_v<CircuitBreaker> && std::is_trivially_destructible_v<CircuitBreaker>);

}  // namespace seawall
