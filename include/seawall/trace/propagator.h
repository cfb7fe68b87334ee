// SPDX-License-Identifier: MIT
//
// Propagator: takes the trace of a request out of its headers and puts it into those of the calls that follow, under
// one set of rules, counting what it refused and why.
//
// extract() in trace_context.h is for who has the two W3C headers at hand; this is for the rest: B3, repeated fields,
// callers that are not trusted, baggage, strictness. Headers are asked for through a carrier: any callable that gives
// all fields of a name, in order, to a HeaderFields. What comes out views the carrier's texts, which must outlive it.
//
// Threads: any, at once; nothing blocks or allocates. Counts are on cells of each CPU and written only by a refusal.
// Known flaw: about 14 KiB, nearly all of it counters: make one for a server, not for a request. inject() takes 17 KiB
// of stack, which a fiber must have.
//
//   seawall::Propagator propagator(seawall::PropagatorConfig::make({.b3 = true}).value());
//   auto in = propagator.extract(carrier, ids);  // a carrier as in carrier.h
//   propagator.inject(in.context.child(ids), in.state,
//                     [&](auto name, auto value) { outgoing.set_or_remove(name, value); });
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "seawall/trace/b3.h"
#include "seawall/trace/baggage.h"
#include "seawall/trace/carrier.h"
#include "seawall/trace/correlation_id.h"
#include "seawall/trace/trace_faults.h"
#include "seawall/trace_context.h"

namespace seawall {

enum class TraceTrust : std::uint8_t {
  kFull,    // ids, decision, tracestate and baggage of the caller
  kIds,     // the same, but the sampling decision is ours: sampled=1 from outside costs money
  kIgnore,  // nothing: each request starts a trace
};

enum class B3Inject : std::uint8_t { kNone, kSingle, kMulti };

struct PropagatorOptions {
  Strictness strictness = Strictness::kHarness;
  TraceTrust trust = TraceTrust::kFull;
  bool b3 = false;                       // read B3 where there is no valid traceparent; the single header first
  B3Inject inject_b3 = B3Inject::kNone;  // beside traceparent
  std::uint8_t root_flags = kTraceSampled | kTraceRandom;
  std::size_t max_tracestate_bytes = 0;  // sent on; whole members are dropped above it. 0: no limit, else from 512
  BaggageLimits baggage{};
};

class PropagatorConfig {
 public:
  // Error: kInvalidArgument, naming the field.
  static constexpr Result<PropagatorConfig> make(const PropagatorOptions& options) {
    const auto number = [](auto n) { return static_cast<std::int64_t>(n); };
    if (options.strictness > Strictness::kPassThrough)
      return out_of_range("strictness", number(options.strictness), 0, 2);
    if (options.trust > TraceTrust::kIgnore) return out_of_range("trust", number(options.trust), 0, 2);
    if (options.inject_b3 > B3Inject::kMulti) return out_of_range("inject_b3", number(options.inject_b3), 0, 2);
    if ((options.root_flags & ~kTraceFlagsKnown) != 0) return out_of_range("root_flags", options.root_flags, 0, 3);
    const std::size_t limit = options.max_tracestate_bytes;
    if (limit != 0 && limit < TraceState::kSafeSize) {
      return out_of_range("max_tracestate_bytes", number(limit), TraceState::kSafeSize, INT64_MAX);
    }
    if (options.baggage.members > Baggage::kMaxMembers) {
      return out_of_range("baggage.members", number(options.baggage.members), 0, Baggage::kMaxMembers);
    }
    if (options.baggage.bytes > Baggage::kMaxSize) {
      return out_of_range("baggage.bytes", number(options.baggage.bytes), 0, Baggage::kMaxSize);
    }
    return PropagatorConfig(options);
  }
  constexpr const PropagatorOptions& options() const noexcept { return options_; }

 private:
  constexpr explicit PropagatorConfig(const PropagatorOptions& options) : options_(options) {}
  PropagatorOptions options_;
};

class Propagator {
 public:
  explicit Propagator(const PropagatorConfig& config) noexcept : options_(config.options()) {}

  template <TraceCarrier Carrier>
  Extracted extract(const Carrier& carrier, IdGenerator& ids) noexcept {
    Extracted out{TraceContext::root(ids, options_.root_flags), {}, false};
    if (options_.trust == TraceTrust::kIgnore) return out;
    HeaderFields fields;
    carrier("traceparent", fields);
    out.fault = continue_from(fields, out);
    if (!out.continued && options_.b3) read_b3(carrier, fields, ids, out);
    faults_.add(out.fault);
    fields.clear();
    carrier("tracestate", fields);
    read_state(fields, out);
    if (options_.trust == TraceTrust::kIds) distrust(out);
    return out;
  }

  // The answer is the first rule that was broken; `out` then holds what may go on.
  template <TraceCarrier Carrier>
  TraceFault extract_baggage(const Carrier& carrier, Baggage& out) noexcept {
    out = {};
    if (options_.trust == TraceTrust::kIgnore) return TraceFault::kNone;
    HeaderFields fields;
    carrier("baggage", fields);
    TraceFault fault = out.assign(fields.values(), options_.strictness, options_.baggage);
    if (fault == TraceFault::kNone && fields.too_many()) fault = TraceFault::kBaggageTooManyMembers;
    faults_.add(fault);
    return fault;
  }

  // The caller's id, or another. Without one it is the trace id, so that one word finds both logs and trace.
  CorrelationId correlation_id(std::string_view header, const TraceContext& context) noexcept {
    if (const auto accepted = CorrelationId::accept(header)) return *accepted;
    faults_.add(CorrelationId::fault_of(header));
    return CorrelationId::of(context.trace_id());
  }

  // set(name, value) sets a header of the call that goes out, never adds a second one of the name, and removes it when
  // value is empty: what a proxy copied from the caller must not go on beside ours. `context` is a child().
  template <class Set>
  requires std::invocable<Set&, std::string_view, std::string_view>
  void inject(const TraceContext& context, const TraceState& state, Set&& set) const {
    std::array<char, TraceContext::kTextSize> parent;
    set("traceparent", context.format(parent));
    inject_state(state, set);
    if (options_.b3 || options_.inject_b3 != B3Inject::kNone) inject_b3(context, set);
  }

  // How often this propagator refused something, by reason.
  const TraceFaults& faults() const noexcept { return faults_; }

 private:
  static TraceFault continue_from(const HeaderFields& parent, Extracted& out) noexcept {
    if (parent.size() != 1) return parent.size() == 0 ? TraceFault::kParentAbsent : TraceFault::kParentRepeated;
    const TraceFault fault = out.context.assign(parent.front());
    out.continued = out.decided = fault == TraceFault::kNone;
    return fault;
  }

  void read_state(const HeaderFields& state, Extracted& out) noexcept {
    if (state.size() == 0) return;
    if (!out.continued || out.from_b3) {
      out.state_fault = TraceFault::kStateWithoutParent;
    } else {
      out.state_fault = out.state.assign(state.values(), options_.strictness);
      if (out.state_fault == TraceFault::kNone && state.too_many()) out.state_fault = TraceFault::kStateTooManyMembers;
    }
    faults_.add(out.state_fault);
  }

  template <class Carrier>
  void read_b3(const Carrier& carrier, HeaderFields& fields, IdGenerator& ids, Extracted& out) noexcept {
    algorithm::B3 b3;
    const TraceFault fault = find_b3(carrier, fields, b3);
    if (fault == TraceFault::kParentAbsent) return;
    faults_.add(out.fault);  // of a traceparent that was invalid
    out.fault = fault;
    if (fault != TraceFault::kNone) return;
    out.context = from_b3(b3, ids);
    out.continued = b3.has_ids;
    out.decided = b3.sampling != algorithm::B3Sampling::kDeferred;
    out.from_b3 = true;
  }

  // kParentAbsent when there is none.
  template <class Carrier>
  static TraceFault find_b3(const Carrier& carrier, HeaderFields& fields, algorithm::B3& out) noexcept {
    const auto only = [&](std::string_view name, std::string_view& value) {
      fields.clear();
      carrier(name, fields);
      value = detail::trim_ows(fields.front());
      return fields.size() <= 1;
    };
    std::string_view single;
    if (!only("b3", single)) return TraceFault::kB3Repeated;
    if (!single.empty()) return algorithm::parse_b3_single(single, out);
    std::array<std::string_view, 4> values;
    bool any = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!only(kB3Names[i], values[i])) return TraceFault::kB3Repeated;
      any |= !values[i].empty();
    }
    if (!any) return TraceFault::kParentAbsent;
    return algorithm::parse_b3_multi(values[0], values[1], values[2], values[3], out);
  }

  void distrust(Extracted& out) const noexcept {
    const bool sampled = (options_.root_flags & kTraceSampled) != 0;
    out.context = out.continued ? out.context.with_deferred() : out.context.with_sampled(sampled);
    out.decided = false;
  }

  template <class Set>
  void inject_state(const TraceState& state, Set& set) const {
    std::array<char, kMaxStateText> text;
    const std::size_t limit = options_.max_tracestate_bytes == 0 ? text.size() : options_.max_tracestate_bytes;
    std::size_t size = state.text_size();
    if (size > std::min(limit, text.size())) {
      TraceState shrunk = state;
      shrunk.shrink_to(std::min(limit, text.size()));
      size = shrunk.format(text);
    } else {
      state.format(text);
    }
    set("tracestate", std::string_view(text.data(), size));
  }

  template <class Set>
  void inject_b3(const TraceContext& context, Set& set) const {
    B3Headers headers;
    format_b3(context, headers);
    const bool multi = options_.inject_b3 == B3Inject::kMulti;
    std::array<char, kB3Size> single;
    set("b3", options_.inject_b3 == B3Inject::kSingle ? format_b3(context, single) : std::string_view());
    set(kB3Names[0], multi ? headers.trace_id : std::string_view());
    set(kB3Names[1], multi ? headers.span_id : std::string_view());
    set(kB3Names[2], multi ? headers.sampled : std::string_view());
    set(kB3Names[3], multi ? headers.flags : std::string_view());
    set("x-b3-parentspanid", std::string_view());
  }

  static constexpr std::size_t kMaxStateText =
      TraceState::kMaxMembers * (algorithm::kTraceStateMaxKey + algorithm::kTraceStateMaxValue + 2);
  static constexpr std::array<std::string_view, 4> kB3Names{"x-b3-traceid", "x-b3-spanid", "x-b3-sampled",
                                                            "x-b3-flags"};

  PropagatorOptions options_;
  TraceFaults faults_;
};

}  // namespace seawall
