// SPDX-License-Identifier: MIT
//
// Pipeline: limits, breaker, choice of an instance, trace and metrics of one route as one question and one report.
//
// Use it where a request passes several of them; use each by itself where it passes one. admit() looks at every gate
// first, in this order, and the first that refuses is the answer; then it takes, in the same order, and gives
// everything back exactly when another caller was faster. So a refusal charges nobody, and of an admission nothing is
// missing.
//
//   in flight    at most max_in_flight calls are out: a bound of memory, not of load
//   limits       the narrowest first (of a user before that of a service)
//   breaker      of the service. Its probe is taken last of all, so no other gate can waste it
//   instance     one that the service's balancer chooses, among those that are not ejected (service_config.h)
//
// Retry belongs outside the instance and inside the rest: another_at() picks again under the same admission, and the
// breaker hears only how the request ended. An admitted call is completed once, or cancelled (it was never made: the
// limits get their permits back). A second report changes nothing and is counted. A ticket that is never given back
// frees its place when its lease ends; what the breaker and the registry hold for it ends by their own leases.
//
// What is composed is immutable; replace() puts another composition in its place while calls are out. Calls that are in
// finish on the composition that admitted them, which is freed (owner and all) after the last of them.
//
// Threads: any function from any thread; admit and complete are lock-free and allocate nothing. One process.
//
//   auto pipeline = seawall::Pipeline::make({.limits = {{.name = "user", .quota = quota, .limiter = users}},
//                                            .breaker = &breaker,
//                                            .service = registry.service("trading").value()}).value();
//   const auto call = pipeline->admit({.keys = keys});
//   if (!call) return refuse(call.gate, call.retry_after);
//   pipeline->complete(call, send(call.instance) ? Outcome::kSuccess : Outcome::kFailure);
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "seawall/algorithm/pipeline_order.h"
#include "seawall/circuit_breaker.h"
#include "seawall/counter.h"
#include "seawall/decision.h"
#include "seawall/histogram.h"
#include "seawall/limiter_key.h"
#include "seawall/limiter_ref.h"
#include "seawall/outcome.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/service.h"
#include "seawall/time.h"
#include "seawall/trace_context.h"

namespace seawall {

class MetricsRegistry;

inline constexpr std::size_t kMostPipelineLimits = 4;

std::string_view to_string(Gate gate) noexcept;  // "none", "in_flight", "limits", "breaker", "instance", "request"

struct PipelineLimit {
  std::string name;      // printable ASCII without ',', at most 31 bytes, each once: for headers and messages
  Quota quota;           // what is told in headers; the limiter decides
  LimiterRef limiter;    // must outlive the calls, as all that is referred to here; see PipelineParts::owner
  std::int32_t key = 0;  // which of the request's keys a limiter with keys is asked for
};

// What a pipeline counts; handles that were not resolved count nothing.
struct PipelineMetrics {
  // seawall_pipeline_requests_total{pipeline,gate}, seawall_pipeline_calls_total{pipeline,outcome},
  // seawall_pipeline_responses_total{pipeline,status} ("2xx") and seawall_pipeline_call_duration_seconds{pipeline}.
  static Result<PipelineMetrics> make(MetricsRegistry& registry, std::string_view pipeline);

  std::array<Counter, 6> requests{};   // by Gate
  std::array<Counter, 4> calls{};      // by Outcome; the last: cancelled
  std::array<Counter, 6> responses{};  // by status / 100; the first: other numbers above 0
  Histogram duration{};
};

struct PipelineParts {
  std::vector<PipelineLimit> limits = {};  // at most kMostPipelineLimits, narrowest first
  CircuitBreaker* breaker = nullptr;
  std::optional<Service> service = std::nullopt;
  bool trace = false;                           // whether an admission brings a traceparent
  std::shared_ptr<const void> owner = nullptr;  // of what is referred to: let go when no call needs it any more
};

struct PipelineOptions {
  std::int32_t max_in_flight = 4096;          // 1 to 1,048,576; rounded up to 16 times a power of two
  Duration lease = std::chrono::minutes(10);  // 1 s to 366 days; longer than a call
  PipelineMetrics metrics = {};
};

// A check of a request's own, by reference: called on the calling thread, at most once. It must not throw.
class RequestCheck {
 public:
  RequestCheck() = default;
  template <class Check>
  requires std::predicate<Check&> &&(!std::same_as<std::remove_cv_t<Check>, RequestCheck>)
      RequestCheck(Check& check) noexcept  // NOLINT: a callable is a check
      : ask_([](const void* self) noexcept -> bool { return (*static_cast<Check*>(const_cast<void*>(self)))(); }),
        self_(&check) {}
  explicit operator bool() const noexcept { return ask_ != nullptr; }
  bool operator()() const noexcept { return ask_(self_); }

 private:
  bool (*ask_)(const void*) noexcept = nullptr;
  const void* self_ = nullptr;
};

struct PipelineRequest {
  std::span<const LimiterKey> keys = {};  // see PipelineLimit::key
  std::int64_t permits = 1;
  std::span<const std::uint32_t> exclude = {};  // slots of instances that are not wanted
  const TraceContext* trace = nullptr;          // of the caller; else
  std::string_view traceparent = {};            // as it came: continued when it is valid, else a new trace begins
  RequestCheck check = {};  // whether it is worth a call; false: refused by Gate::kRequest, charged to the limits
};

// To be given back once; plain numbers, to be copied freely.
struct PipelineTicket {
  std::uint64_t id = 0;  // 0: none
  std::uint64_t breaker = 0;
  std::int64_t admitted_at_ns = 0, attempt_at_ns = 0;
};

// How a limit is told: see rate_limit_header.h.
struct LimitLabel {
  std::array<char, 32> name;  // with a zero at its end
  std::int64_t quota;
  Duration window;

  std::string_view text() const noexcept { return name.data(); }
};

// The answers of a pipeline's limits, in their order.
class PipelineDecisions {
 public:
  PipelineDecisions() noexcept {}  // room is left unwritten: an admission writes only what it has
  std::size_t size() const noexcept { return size_; }
  const Decision& operator[](std::size_t i) const noexcept { return all_[i]; }
  const Decision* begin() const noexcept { return all_.data(); }
  const Decision* end() const noexcept { return all_.data() + size_; }

  // For the pipeline.
  std::span<Decision> room(std::size_t size) noexcept {
    size_ = static_cast<std::uint32_t>(size);
    return std::span(all_).first(size);
  }

 private:
  std::uint32_t size_ = 0;
  union {
    std::array<Decision, kMostPipelineLimits> all_;
  };
};

// The answer: plain data. What belongs to a gate that the pipeline does not have is not written, nor read.
struct Admission {
  Admission() noexcept { traceparent[0] = label.name[0] = '\0'; }

  Gate gate = Gate::kNone;  // that refused, kNone when admitted
  bool has_instance = false;
  bool trace_continued = false;  // pass the caller's tracestate on only then
  std::uint32_t nearest = 0;     // of the limits: that refused for longest, else that is nearest to refusing
  // Of a refusal. Decision::kNever: not with this request, or while the breaker is forced open.
  Duration retry_after{0};
  PipelineTicket ticket;
  Pick instance;
  PipelineDecisions decisions;
  LimitLabel label;                  // of the nearest limit; an empty name without limits
  std::array<char, 56> traceparent;  // of the call that goes out, with a zero at its end; empty without trace

  explicit operator bool() const noexcept { return gate == Gate::kNone; }
  bool never() const noexcept { return retry_after == Decision::kNever; }
  // Of the nearest limit; 0 without limits.
  std::int64_t limit() const noexcept { return decisions.size() > 0 ? decisions[nearest].limit : 0; }
  std::int64_t remaining() const noexcept { return decisions.size() > 0 ? decisions[nearest].remaining : 0; }
};

struct PipelineStats {
  std::size_t max_in_flight = 0;
  std::size_t in_flight = 0;      // calls that are out or being admitted
  std::uint64_t repeated = 0;     // reports of tickets that were given back before, or never given out
  std::uint64_t turned_away = 0;  // requests refused by Gate::kInFlight
  std::uint64_t lost = 0;         // tickets never given back, whose lease ended
  std::size_t compositions = 0;   // that calls may still use: 1, and more after a replacement
};

class Pipeline {
 public:
  static constexpr Duration kInstanceWait = std::chrono::seconds(1);  // an instance may register any moment
  static constexpr std::size_t kMostExcluded = 32;                    // of another_at, the instance before included

  // Errors: kInvalidArgument, naming the part; kNoMemory.
  static Result<std::unique_ptr<Pipeline>> make(PipelineParts parts, const PipelineOptions& options = {},
                                                TimePoint epoch = Clock::now());
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // May this request go out, and where to?
  Admission admit_at(const PipelineRequest& request, TimePoint now) noexcept;
  Admission admit(const PipelineRequest& request) noexcept { return admit_at(request, Clock::now()); }
  // Only the limits, for a request that is answered here: its charge stays, there is nothing to complete.
  Admission charge_at(const PipelineRequest& request, TimePoint now) noexcept;
  Admission charge(const PipelineRequest& request) noexcept { return charge_at(request, Clock::now()); }

  // The call went to its instance and ended so, and the request goes on: picks another instance for it, the one before
  // and `exclude` left out. False: there is none, the request is still to be completed, and `call` has no instance.
  bool another_at(Admission& call, Outcome outcome, TimePoint now,
                  std::span<const std::uint32_t> exclude = {}) noexcept;

  // The end of the request, once. `status`: of HTTP, 0 for none; only counted. False: it was given back before.
  bool complete_at(const Admission& call, Outcome outcome, TimePoint now, std::int32_t status = 0) noexcept;
  bool complete(const Admission& call, Outcome outcome, std::int32_t status = 0) noexcept {
    return complete_at(call, outcome, Clock::now(), status);
  }
  // Instead: the call was never made. Limits get back what was charged to the keys of this request; nothing counts.
  bool cancel_at(Admission& call, const PipelineRequest& request, TimePoint now) noexcept;
  bool cancel(Admission& call, const PipelineRequest& request) noexcept {
    return cancel_at(call, request, Clock::now());
  }

  // Id and host of the instance of a call that is out. False: it is not, or the instance was replaced or removed.
  bool describe(const Admission& call, PickText& text) noexcept;
  // How the limits of the present composition are told, in their order. Answers how many there are.
  std::size_t labels(std::span<LimitLabel> out) noexcept;

  // From here on another composition. Errors: as make(); kFull when kMostCompositions are still used by calls.
  static constexpr std::size_t kMostCompositions = 16;
  Result<void> replace_at(PipelineParts parts, TimePoint now);
  Result<void> replace(PipelineParts parts) { return replace_at(std::move(parts), Clock::now()); }
  // Frees compositions that no call needs any more, as replace does first.
  void tidy_at(TimePoint now);

  PipelineStats stats_at(TimePoint now) const;

 private:
  friend class Pipelines;
  class State;
  explicit Pipeline(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace seawall
