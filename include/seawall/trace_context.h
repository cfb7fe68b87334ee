// SPDX-License-Identifier: MIT
//
// TraceContext: which trace a request belongs to (W3C Trace Context Level 2, the traceparent header).
//
// A server calls extract() on what came in and sends context.child(ids).format() with each call that it makes. A
// context is always valid: parse() refuses what the specification refuses, root() and child() make the rest. Flags it
// does not know are not passed on; sampled and random are. For the vendors' data beside it see trace/trace_state.h, for
// the name of a request in logs trace/correlation_id.h.
//
// Plain data of 25 bytes, immutable but for assignment; nothing here allocates or locks.
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
    algorithm::Traceparent fields;
    const auto fault = algorithm::parse_traceparent(traceparent, fields);
    if (fault != algorithm::TraceparentFault::kNone) return Error{Code::kInvalidArgument, describe(fault)};
    return TraceContext(fields);
  }

  // From ids of another source. Unknown flags are dropped. Error: kInvalidArgument when an id is all zero.
  static constexpr Result<TraceContext> make(const TraceId& trace_id, const SpanId& span_id, std::uint8_t flags) {
    if (algorithm::all_zero(trace_id) || algorithm::all_zero(span_id)) {
      return Error{Code::kInvalidArgument, describe(algorithm::TraceparentFault::kZeroId)};
    }
    return TraceContext({trace_id, span_id, static_cast<std::uint8_t>(flags & kTraceFlagsKnown)});
  }

  // A new trace. Leave kTraceRandom out for peers that drop a traceparent with flags they do not know (OpenTelemetry Go
  // before 1.42).
  static TraceContext root(IdGenerator& ids, std::uint8_t flags = kTraceSampled | kTraceRandom) noexcept {
    return TraceContext({ids.trace_id(), ids.span_id(), static_cast<std::uint8_t>(flags & kTraceFlagsKnown)});
  }
  // The same trace and flags with a new span id: one for each call that goes out.
  TraceContext child(IdGenerator& ids) const noexcept {
    return TraceContext({fields_.trace_id, ids.span_id(), fields_.flags});
  }

  constexpr const TraceId& trace_id() const noexcept { return fields_.trace_id; }
  constexpr const SpanId& span_id() const noexcept { return fields_.span_id; }
  constexpr std::uint8_t flags() const noexcept { return fields_.flags; }
  constexpr bool sampled() const noexcept { return (fields_.flags & kTraceSampled) != 0; }
  constexpr bool random() const noexcept { return (fields_.flags & kTraceRandom) != 0; }

  // To be used together with child(): the flag of a span that was already sent must not change.
  constexpr TraceContext with_sampled(bool sampled) const noexcept {
    algorithm::Traceparent fields = fields_;
    fields.flags = static_cast<std::uint8_t>((fields.flags & kTraceRandom) | (sampled ? kTraceSampled : 0));
    return TraceContext(fields);
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
  constexpr explicit TraceContext(const algorithm::Traceparent& fields) noexcept : fields_(fields) {}

  algorithm::Traceparent fields_;
};

// What a request came with. Not continued: its traceparent was absent, invalid or sent twice, so `context` is a fresh
// root and `state` is empty. An invalid tracestate only empties `state`.
struct Extracted {
  TraceContext context;
  TraceState state;  // views into the header's text
  bool continued = false;
};

// Each argument holds the values of all header fields of that name, in order.
inline Extracted extract(std::span<const std::string_view> traceparent, std::span<const std::string_view> tracestate,
                         IdGenerator& ids) noexcept {
  if (traceparent.size() != 1) return {TraceContext::root(ids), {}, false};
  const auto parsed = TraceContext::parse(traceparent.front());
  if (!parsed) return {TraceContext::root(ids), {}, false};
  const auto state = TraceState::parse(tracestate);
  return {parsed.value(), state ? state.value() : TraceState(), true};
}

inline Extracted extract(std::string_view traceparent, std::string_view tracestate, IdGenerator& ids) noexcept {
  return extract(std::span<const std::string_view>(&traceparent, 1), std::span<const std::string_view>(&tracestate, 1),
                 ids);
}

}  // namespace seawall
