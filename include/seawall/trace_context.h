// SPDX-License-Identifier: MIT
//
// TraceContext: which trace a request belongs to (W3C Trace Context Level 2, the traceparent header).
//
// A server calls extract() on what came in and sends context.child(ids).format() with each call that it makes. A
// context is always valid: parse() refuses what the specification refuses, root() and child() make the rest. Flags it
// does not know are not passed on; sampled and random are. For the vendors' data beside it see trace/trace_state.h, for
// the name of a request in logs trace/correlation_id.h.
//
// Plain data of 26 bytes, immutable but for assignment; nothing here allocates or locks.
// Known flaw: the sampled flag of an untrusted caller is believed; with_sampled() overrides it.
//
//   auto& ids = seawall::IdGenerator::this_thread();
//   auto in = seawall::extract(traceparent, tracestate, ids);   // a fresh root when traceparent is invalid
//   std::array<char, 55> out;
//   upstream.set("traceparent", in.context.child(ids).format(out));
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "seawall/algorithm/traceparent.h"
#include "seawall/result.h"
#include "seawall/trace/id_generator.h"
#include "seawall/trace/trace_state.h"

namespace seawall {

class TraceContext {
 public:
  static constexpr std::size_t kTextSize = algorithm::kTraceparentSize;

  // Error: kInvalidArgument, saying which rule is broken.
  static constexpr Result<TraceContext> parse(std::string_view traceparent) {
    TraceContext context;
    const TraceFault fault = algorithm::parse_traceparent(traceparent, context.fields_);
    if (fault != TraceFault::kNone) return Error{Code::kInvalidArgument, describe(fault)};
    return context;
  }

  // The same in place: unchanged unless the answer is kNone.
  constexpr TraceFault assign(std::string_view traceparent) noexcept {
    algorithm::Traceparent fields;
    const TraceFault fault = algorithm::parse_traceparent(traceparent, fields);
    if (fault == TraceFault::kNone) fields_ = fields;
    return fault;
  }

  // From ids of another source. Unknown flags are dropped. Error: kInvalidArgument when an id is all zero.
  static constexpr Result<TraceContext> make(const TraceId& trace_id, const SpanId& span_id, std::uint8_t flags,
                                             std::uint8_t hints = 0) {
    const bool no_trace_id = algorithm::all_zero(trace_id);
    if (no_trace_id || algorithm::all_zero(span_id)) {
      const TraceFault fault = no_trace_id ? TraceFault::kParentZeroTraceId : TraceFault::kParentZeroSpanId;
      return Error{Code::kInvalidArgument, describe(fault)};
    }
    return TraceContext(trace_id, span_id, flags, hints);
  }

  // A new trace. Leave kTraceRandom out for peers that drop a traceparent with flags they do not know (OpenTelemetry Go
  // before 1.42).
  static TraceContext root(IdGenerator& ids, std::uint8_t flags = kTraceSampled | kTraceRandom) noexcept {
    const TraceId trace_id = ids.trace_id();
    return TraceContext(trace_id, ids.span_id(), flags, 0);
  }
  // The trace that `trace_id` names, with a span id of its own: for an id that comes from elsewhere, as from
  // CorrelationId::trace_id(). kTraceRandom only if its last 7 bytes are random. An all-zero id starts a new trace.
  static TraceContext root_of(const TraceId& trace_id, std::uint8_t flags, IdGenerator& ids) noexcept {
    return algorithm::all_zero(trace_id) ? root(ids, flags) : TraceContext(trace_id, ids.span_id(), flags, 0);
  }
  // The same trace and flags with a new span id: one for each call that goes out.
  TraceContext child(IdGenerator& ids) const noexcept {
    return TraceContext(fields_.trace_id, ids.span_id(), fields_.flags, fields_.hints);
  }

  constexpr const TraceId& trace_id() const noexcept { return fields_.trace_id; }
  constexpr const SpanId& span_id() const noexcept { return fields_.span_id; }
  constexpr std::uint8_t flags() const noexcept { return fields_.flags; }
  constexpr bool sampled() const noexcept { return (fields_.flags & kTraceSampled) != 0; }
  constexpr bool random() const noexcept { return (fields_.flags & kTraceRandom) != 0; }

  // What B3 knows beside the flags; 0 for what came as a traceparent. Kept by child(), never sent in a traceparent.
  constexpr std::uint8_t hints() const noexcept { return fields_.hints; }
  constexpr bool deferred() const noexcept { return (fields_.hints & kTraceDeferred) != 0; }
  constexpr bool debug() const noexcept { return (fields_.hints & kTraceDebug) != 0; }
  constexpr bool short_id() const noexcept { return (fields_.hints & kTraceShortId) != 0; }

  // A decision: deferred() no longer, and debug() only if it was and `sampled`. To be used together with child(): the
  // flag of a span that was already sent must not change.
  constexpr TraceContext with_sampled(bool sampled) const noexcept {
    const int flags = (fields_.flags & kTraceRandom) | (sampled ? kTraceSampled : 0);
    const int hints = fields_.hints & (kTraceShortId | (sampled ? kTraceDebug : 0));
    return TraceContext(fields_.trace_id, fields_.span_id, flags, hints);
  }
  // No decision: not sampled, and whoever comes next may decide.
  constexpr TraceContext with_deferred() const noexcept {
    const int hints = (fields_.hints & kTraceShortId) | kTraceDeferred;
    return TraceContext(fields_.trace_id, fields_.span_id, fields_.flags & kTraceRandom, hints);
  }

  // The header value of version 00, and the hex texts of the two ids. Each returns a view of `out`.
  constexpr std::string_view format(std::span<char, kTextSize> out) const noexcept {
    algorithm::format_traceparent(fields_, out.data());
    return {out.data(), out.size()};
  }
  constexpr std::string_view format_trace_id(std::span<char, 2 * sizeof(TraceId)> out) const noexcept {
    algorithm::encode_hex(fields_.trace_id, out.data());
    return {out.data(), out.size()};
  }
  constexpr std::string_view format_span_id(std::span<char, 2 * sizeof(SpanId)> out) const noexcept {
    algorithm::encode_hex(fields_.span_id, out.data());
    return {out.data(), out.size()};
  }

  friend constexpr bool operator==(const TraceContext&, const TraceContext&) = default;

 private:
  constexpr TraceContext() = default;
  // Keeps what it knows of flags and hints.
  constexpr TraceContext(const TraceId& trace_id, const SpanId& span_id, int flags, int hints) noexcept
      : fields_{trace_id, span_id, static_cast<std::uint8_t>(flags & kTraceFlagsKnown),
                static_cast<std::uint8_t>(hints & kTraceHintsKnown)} {}

  algorithm::Traceparent fields_;
};

// What a request came with. Not continued: its traceparent was absent, invalid or sent twice, so `context` is a fresh
// root and `state` is empty. An invalid tracestate only empties `state`.
struct Extracted {
  TraceContext context;
  TraceState state;  // views into the header's text
  bool continued = false;
  bool decided = false;  // the caller said whether the trace is sampled; else a sampler here may
  bool from_b3 = false;
  TraceFault fault = TraceFault::kParentAbsent;  // kNone, or why the caller's trace is not continued
  TraceFault state_fault = TraceFault::kNone;    // the first rule that the tracestate broke
};

// Each argument holds the values of all header fields of that name, in order.
inline Extracted extract(std::span<const std::string_view> traceparent, std::span<const std::string_view> tracestate,
                         IdGenerator& ids) noexcept {
  Extracted out{TraceContext::root(ids), {}};
  if (!traceparent.empty()) out.fault = TraceFault::kParentRepeated;
  if (traceparent.size() == 1) out.fault = out.context.assign(traceparent.front());
  out.continued = out.decided = out.fault == TraceFault::kNone;
  if (out.continued) out.state_fault = out.state.assign(tracestate);
  return out;
}

inline Extracted extract(std::string_view traceparent, std::string_view tracestate, IdGenerator& ids) noexcept {
  return extract(std::span<const std::string_view>(&traceparent, 1), std::span<const std::string_view>(&tracestate, 1),
                 ids);
}

}  // namespace seawall
