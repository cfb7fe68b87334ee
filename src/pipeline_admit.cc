// SPDX-License-Identifier: MIT
//
// How a request passes a pipeline; the order is in algorithm/pipeline_order.h.
#include <algorithm>
#include <array>

#include "pipeline_plan.h"
#include "seawall/algorithm/pipeline_order.h"
#include "seawall/detail/saturating.h"

namespace seawall {
namespace {

using Held = detail::TicketSlots::Held;

// The instances that are not wanted, and those whose breakers refused.
class Excluded {
 public:
  explicit Excluded(std::span<const std::uint32_t> given) noexcept : slots_(given) {}
  std::span<const std::uint32_t> slots() const noexcept { return slots_; }
  bool add(std::uint32_t slot) noexcept {
    if (slots_.size() >= room_.size()) return false;
    if (slots_.data() != room_.data()) std::copy(slots_.begin(), slots_.end(), room_.begin());
    room_[slots_.size()] = slot;
    slots_ = {room_.data(), slots_.size() + 1};
    return true;
  }

 private:
  std::span<const std::uint32_t> slots_;
  std::array<std::uint32_t, Pipeline::kMostExcluded> room_;
};

Duration since(std::int64_t then_ns, TimePoint now) noexcept {
  return Duration(std::max<std::int64_t>(0, detail::saturating_sub(to_ns(now), then_ns)));
}

// What the registry and the instance's breaker hold for a call.
class AtInstance {
 public:
  AtInstance(const PipelinePlan& plan, Admission& call) noexcept : plan_(plan), call_(call) {}

  // One whose own breaker lets the call through. False: there is none; `wait` becomes the shortest wait of the breakers
  // that refused, if that is shorter than it was.
  bool take(TimePoint now, Excluded& excluded, Duration& wait) noexcept {
    while (const auto picked = plan_.service->pick_at(now, excluded.slots())) {
      call_.instance = *picked;
      call_.has_instance = true;
      CircuitBreaker* breaker = breaker_of(plan_, call_);
      if (breaker == nullptr) return true;
      Ticket ticket = breaker->try_acquire_at(now);
      if (ticket) [[likely]] {
        call_.ticket.instance_breaker = ticket.detach();
        return true;
      }
      wait = std::min(wait, ticket.retry_after());
      drop(now);
      if (!excluded.add(picked->slot)) break;
    }
    return false;
  }

  // The call was not made there.
  void drop(TimePoint now) noexcept {
    if (!call_.has_instance) return;
    plan_.service->done_at(call_.instance.ticket, Outcome::kIgnored, now);
    if (call_.ticket.instance_breaker != 0) {
      if (CircuitBreaker* breaker = breaker_of(plan_, call_)) breaker->cancel(call_.ticket.instance_breaker);
    }
    forget();
  }
  void forget() noexcept {
    call_.has_instance = false;
    call_.ticket.instance_breaker = 0;
  }

  static void report(const PipelinePlan& plan, const Admission& call, Outcome outcome, TimePoint now) noexcept {
    if (!call.has_instance || !plan.service) return;
    plan.service->done_at(call.instance.ticket, outcome, now, since(call.ticket.attempt_at_ns, now));
    if (call.ticket.instance_breaker == 0) return;
    if (CircuitBreaker* breaker = breaker_of(plan, call)) {
      breaker->report_at(call.ticket.instance_breaker, outcome, now);
    }
  }

 private:
  // Of the call's instance. The slot is checked: C callers could have written anything there.
  static CircuitBreaker* breaker_of(const PipelinePlan& plan, const Admission& call) noexcept {
    const bool known = plan.instance_breakers != nullptr && call.instance.slot < plan.instance_breakers->size();
    return known ? &plan.instance_breakers->of(call.instance) : nullptr;
  }

  const PipelinePlan& plan_;
  Admission& call_;
};

constexpr LimiterKey kNoKey(0);

// A limit of the plan, with the request's key for it.
struct LimitOf {
  const PipelinePlan& plan;
  const PipelineRequest& request;
  LimiterRef::OfKey operator()(std::size_t i) const noexcept {
    const PipelinePlan::Limit& limit = plan.limits[i];
    return limit.limiter.of_key(limit.limiter.is_keyed() ? request.keys[limit.key] : kNoKey);
  }
};

// One request at the gates of one composition; see pass().
class Passage {
 public:
  Passage(const PipelinePlan& plan, const PipelineRequest& request, TimePoint now, Admission& call) noexcept
      : plan_(plan),
        request_(request),
        now_(now),
        call_(call),
        decisions_(call.decisions.room(plan.limit_count)),
        limits_(plan.limit_count, LimitOf{plan, request}) {}

  bool admit() noexcept {
    if (!has_keys()) return false;
    call_.gate = algorithm::pass(*this);
    answer();
    if (call_.gate != Gate::kNone) return false;
    call_.ticket.admitted_at_ns = call_.ticket.attempt_at_ns = to_ns(now_);
    if (plan_.trace) trace();
    return true;
  }
  void charge() noexcept {
    if (!has_keys()) return;
    if (!other_limits_would_allow()) {
      first_limit_would_allow();
      call_.gate = Gate::kLimits;
    } else if (!charge_limits()) {
      call_.gate = Gate::kLimits;
    }
    answer();
  }
  // Permits back to the keys of the request.
  void refund() noexcept {
    if (request_.keys.size() >= plan_.keys_needed) refund_limits();
  }

  // The gates, for pass().
  bool other_limits_would_allow() noexcept { return limits_.peek_at(decisions_, now_, request_.permits, 1); }
  bool first_limit_would_allow() noexcept {
    if (decisions_.empty()) return true;
    new (&decisions_[0]) Decision(limits_.at(0).peek_at(now_, request_.permits));
    return decisions_[0].allowed;
  }
  bool has_check() const noexcept { return bool(request_.check); }
  bool request_is_good() noexcept {
    wait_ = Decision::kNever;
    return request_.check();
  }
  bool breaker_would_admit() noexcept {
    if (plan_.breaker == nullptr || plan_.breaker->state() == BreakerState::kClosed) [[likely]]
      return true;
    if (plan_.breaker->shadow()) return true;
    wait_ = plan_.breaker->snapshot_at(now_).retry_after;
    return wait_ == Duration(0);
  }
  bool has_instances() noexcept {
    wait_ = Pipeline::kInstanceWait;
    return !plan_.service || plan_.service->size() > 0;
  }
  bool charge_limits() noexcept {
    if (request_.permits <= 0) return first_limit_would_allow();
    return limits_.charge_at(decisions_, now_, request_.permits);
  }
  void refund_limits() noexcept { limits_.refund_at(decisions_, now_); }
  bool take_instance() noexcept {
    if (!plan_.service) return true;
    Excluded excluded(request_.exclude);
    Duration wait = Decision::kNever;
    if (AtInstance(plan_, call_).take(now_, excluded, wait)) [[likely]]
      return true;
    if (wait != Decision::kNever) wait_ = wait;
    return false;
  }
  void drop_instance() noexcept { AtInstance(plan_, call_).drop(now_); }
  bool take_breaker() noexcept {
    if (plan_.breaker == nullptr) return true;
    Ticket ticket = plan_.breaker->try_acquire_at(now_);
    wait_ = ticket.retry_after();
    call_.ticket.breaker = ticket.detach();
    return call_.ticket.breaker != 0;
  }

 private:
  bool has_keys() noexcept {
    if (request_.keys.size() >= plan_.keys_needed) [[likely]]
      return true;
    call_.decisions.room(0);
    call_.gate = Gate::kRequest;
    call_.retry_after = Decision::kNever;
    return false;
  }
  void answer() noexcept {
    if (!decisions_.empty()) {
      call_.nearest = static_cast<std::uint32_t>(limits_.nearest(decisions_));
      call_.label = plan_.limits[call_.nearest].label;
    }
    if (call_.gate == Gate::kNone) return;
    call_.retry_after = call_.gate == Gate::kLimits ? decisions_[call_.nearest].retry_after : wait_;
  }
  void trace() noexcept {
    IdGenerator& ids = IdGenerator::this_thread();
    const auto write = [&](const TraceContext& context) noexcept {
      (void)context.format(std::span(call_.traceparent).first<TraceContext::kTextSize>());
      call_.traceparent[TraceContext::kTextSize] = '\0';
    };
    call_.trace_continued = request_.trace != nullptr;
    if (request_.trace != nullptr) return write(request_.trace->child(ids));
    TraceContext context = TraceContext::root(ids);
    call_.trace_continued = context.assign(request_.traceparent) == TraceFault::kNone;
    write(call_.trace_continued ? context.child(ids) : context);
  }

  const PipelinePlan& plan_;
  const PipelineRequest& request_;
  const TimePoint now_;
  Admission& call_;
  const std::span<Decision> decisions_;
  const LimitList<LimitOf> limits_;
  Duration wait_{0};  // of the gate that refuses, behind the limits
};

}  // namespace

Admission Pipeline::admit_at(const PipelineRequest& request, TimePoint now) noexcept {
  Admission call;
  Held held;
  if (!state_->enter(now, held)) [[unlikely]] {
    call.gate = Gate::kInFlight;
    call.retry_after = kInstanceWait;
    state_->turn_away();
  } else if (Passage(state_->plan(held), request, now, call).admit()) [[likely]] {
    call.ticket.id = state_->leave_with_ticket(held, now);
  } else {
    state_->slots.leave(held);
  }
  state_->metrics.requests[static_cast<std::size_t>(call.gate)].add();
  return call;
}

Admission Pipeline::charge_at(const PipelineRequest& request, TimePoint now) noexcept {
  Admission call;
  Held held;
  if (!state_->enter(now, held)) [[unlikely]] {
    call.gate = Gate::kInFlight;
    call.retry_after = kInstanceWait;
    state_->turn_away();
    return call;
  }
  Passage(state_->plan(held), request, now, call).charge();
  state_->slots.leave(held);
  return call;
}

bool Pipeline::another_at(Admission& call, Outcome outcome, TimePoint now, Duration& wait,
                          std::span<const std::uint32_t> exclude) noexcept {
  Held held;
  if (!state_->enter_again(call.ticket, held)) return false;
  const PipelinePlan& plan = state_->plan(held);
  bool found = false;
  if (plan.service && call.has_instance) {
    Excluded excluded(exclude);
    AtInstance::report(plan, call, outcome, now);
    AtInstance next(plan, call);
    next.forget();
    call.ticket.attempt_at_ns = to_ns(now);
    found = excluded.add(call.instance.slot) && next.take(now, excluded, wait);
  }
  call.ticket.id = state_->leave_with_ticket(held, now);
  return found;
}

bool Pipeline::complete_at(const Admission& call, Outcome outcome, TimePoint now, std::int32_t status) noexcept {
  Held held;
  if (!state_->enter_again(call.ticket, held)) [[unlikely]]
    return false;
  const PipelinePlan& plan = state_->plan(held);
  AtInstance::report(plan, call, outcome, now);
  if (plan.breaker != nullptr) plan.breaker->report_at(call.ticket.breaker, outcome, now);
  state_->slots.leave(held);
  const PipelineMetrics& metrics = state_->metrics;
  metrics.calls[std::min<std::size_t>(static_cast<std::size_t>(outcome), 2)].add();
  metrics.duration.observe(since(call.ticket.admitted_at_ns, now));
  if (status > 0) metrics.responses[status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100) : 0].add();
  return true;
}

bool Pipeline::cancel_at(Admission& call, const PipelineRequest& request, TimePoint now) noexcept {
  Held held;
  if (!state_->enter_again(call.ticket, held)) return false;
  const PipelinePlan& plan = state_->plan(held);
  if (plan.service) AtInstance(plan, call).drop(now);
  if (plan.breaker != nullptr) plan.breaker->cancel(call.ticket.breaker);
  Passage(plan, request, now, call).refund();
  state_->slots.leave(held);
  state_->metrics.calls[3].add();
  return true;
}

bool Pipeline::describe(const Admission& call, PickText& text) noexcept {
  Held held;
  if (!state_->slots.enter_again(call.ticket.id, held)) return false;
  const PipelinePlan& plan = state_->plan(held);
  const bool known = plan.service && call.has_instance && plan.service->describe(call.instance, text);
  state_->slots.leave_as_before(held);
  return known;
}

std::size_t Pipeline::labels(std::span<LimitLabel> out) noexcept {
  Held held;
  if (!state_->enter({}, held)) return 0;
  const PipelinePlan& plan = state_->plan(held);
  for (std::size_t i = 0; i < std::min<std::size_t>(plan.limit_count, out.size()); ++i) out[i] = plan.limits[i].label;
  const std::size_t count = plan.limit_count;
  state_->slots.leave(held);
  return count;
}

}  // namespace seawall
