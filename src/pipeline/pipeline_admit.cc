// SPDX-License-Identifier: MIT
//
// How a request passes a pipeline; the order is in algorithm/pipeline_order.h.
#include <algorithm>
#include <array>

#include "pipeline/pipeline_plan.h"
#include "seawall/algorithm/pipeline_order.h"
#include "seawall/detail/saturating.h"

namespace seawall {
namespace {

using Held = detail::TicketSlots::Held;

Duration since(std::int64_t then_ns, TimePoint now) noexcept {
  return Duration(std::max<std::int64_t>(0, detail::saturating_sub(to_ns(now), then_ns)));
}

// The place of a call at an instance. False: nobody may be picked.
bool take_place(const PipelinePlan& plan, Admission& call, TimePoint now,
                std::span<const std::uint32_t> exclude) noexcept {
  const auto picked = plan.service->pick_at(now, exclude);
  if (!picked) return false;
  call.instance = *picked;
  call.has_instance = true;
  return true;
}
// The call was not made there.
void drop_place(const PipelinePlan& plan, Admission& call, TimePoint now) noexcept {
  if (!plan.service || !call.has_instance) return;
  plan.service->done_at(call.instance.ticket, Outcome::kIgnored, now);
  call.has_instance = false;
}
// It was, and feeds the load, the latency and the breaker of its instance.
void report_place(const PipelinePlan& plan, const Admission& call, Outcome outcome, TimePoint now) noexcept {
  if (!plan.service || !call.has_instance) return;
  plan.service->done_at(call.instance.ticket, outcome, now, since(call.ticket.attempt_at_ns, now));
}

constexpr LimiterKey kNoKey(0);

// The limits of a plan, each with the request's key for it. Only as many as there are are written.
class Limits {
 public:
  struct At {
    const LimiterRef::OfKey* first;
    const LimiterRef::OfKey& operator()(std::size_t i) const noexcept { return first[i]; }
  };

  Limits() noexcept {}
  // The request has the keys. Here all memory is asked for, before any of it is read.
  void find(const PipelinePlan& plan, const PipelineRequest& request) noexcept {
    for (std::uint32_t i = 0; i < plan.limit_count; ++i) {
      const LimiterRef& limiter = plan.limits[i].limiter;
      new (&all_[i]) LimiterRef::OfKey(limiter.of_key(limiter.is_keyed() ? request.keys[plan.limits[i].key] : kNoKey));
    }
  }
  At at() const noexcept { return {all_.data()}; }

 private:
  union {
    std::array<LimiterRef::OfKey, kMostPipelineLimits> all_;
  };
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
        limits_(plan.limit_count, found_.at()) {}

  bool admit() noexcept {
    if (!find_limits()) return false;
    call_.gate = algorithm::pass(*this);
    answer();
    if (call_.gate != Gate::kNone) return false;
    call_.ticket.admitted_at_ns = call_.ticket.attempt_at_ns = to_ns(now_);
    if (plan_.trace) trace();
    return true;
  }
  void charge() noexcept {
    if (!find_limits()) return;
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
    if (request_.keys.size() < plan_.keys_needed) return;
    found_.find(plan_, request_);
    refund_limits();
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
  bool take_instance() noexcept { return !plan_.service || take_place(plan_, call_, now_, request_.exclude); }
  void drop_instance() noexcept { drop_place(plan_, call_, now_); }
  bool take_breaker() noexcept {
    if (plan_.breaker == nullptr) return true;
    Ticket ticket = plan_.breaker->try_acquire_at(now_);
    wait_ = ticket.retry_after();
    call_.ticket.breaker = ticket.detach();
    return call_.ticket.breaker != 0;
  }

 private:
  bool find_limits() noexcept {
    if (request_.keys.size() >= plan_.keys_needed) [[likely]] {
      found_.find(plan_, request_);
      return true;
    }
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
  Limits found_;
  const LimitList<Limits::At> limits_;
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

bool Pipeline::another_at(Admission& call, Outcome outcome, TimePoint now,
                          std::span<const std::uint32_t> exclude) noexcept {
  Held held;
  if (!state_->enter_again(call.ticket, held)) return false;
  const PipelinePlan& plan = state_->plan(held);
  bool found = false;
  if (plan.service && call.has_instance) {
    report_place(plan, call, outcome, now);
    call.has_instance = false;
    call.ticket.attempt_at_ns = to_ns(now);
    std::array<std::uint32_t, kMostExcluded> unwanted;
    if (exclude.size() < unwanted.size()) {
      *std::copy(exclude.begin(), exclude.end(), unwanted.begin()) = call.instance.slot;
      found = take_place(plan, call, now, std::span(unwanted).first(exclude.size() + 1));
    }
  }
  call.ticket.id = state_->leave_with_ticket(held, now);
  return found;
}

bool Pipeline::complete_at(const Admission& call, Outcome outcome, TimePoint now, std::int32_t status) noexcept {
  Held held;
  if (!state_->enter_again(call.ticket, held)) [[unlikely]]
    return false;
  const PipelinePlan& plan = state_->plan(held);
  report_place(plan, call, outcome, now);
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
  drop_place(plan, call, now);
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
