// SPDX-License-Identifier: MIT
//
// Ticket: the right to make one call, from a CircuitBreaker. It is given back once, with how the call ended; a ticket
// destroyed before that is cancelled.
//
//   auto ticket = breaker.try_acquire();
//   if (!ticket) return refuse(ticket.retry_after());
//   ticket.report(call() ? seawall::Outcome::kSuccess : seawall::Outcome::kFailure);
#pragma once

#include <cstdint>
#include <utility>

#include "seawall/outcome.h"
#include "seawall/time.h"

namespace seawall {

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
  Breaker* breaker() const noexcept { return breaker_; }  // that admitted the call; null when refused

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

}  // namespace seawall
