// SPDX-License-Identifier: MIT
//
// B3: a TraceContext from and to the headers of Zipkin, for peers that do not speak W3C trace context.
//
// Nothing is lost on the way: the states that traceparent has no bit for (no decision yet, debug, 64-bit trace id) are
// the context's hints. A trace id that came with 64 bits goes out with 64. A parent span id is checked but not kept,
// and never sent. Propagator (trace/propagator.h) finds the headers and uses this.
//
// Threads: pure functions of their arguments. Known flaw: B3 has no random flag, so it is off in what was read.
//
//   seawall::algorithm::B3 b3;
//   if (parse_b3_single(header, b3) == seawall::TraceFault::kNone) context = seawall::from_b3(b3, ids);
//   std::array<char, seawall::kB3Size> out;
//   upstream.set("b3", seawall::format_b3(context.child(ids), out));
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "seawall/algorithm/b3.h"
#include "seawall/trace_context.h"

namespace seawall {

inline constexpr std::size_t kB3Size = 51;  // the longest single header that is written here

// A B3 without ids is a decision for a trace that starts here.
inline TraceContext from_b3(const algorithm::B3& b3, IdGenerator& ids) noexcept {
  using enum algorithm::B3Sampling;
  const bool sampled = b3.sampling == kAccepted || b3.sampling == kDebug;
  const int flags = (sampled ? kTraceSampled : 0) | (b3.has_ids ? 0 : kTraceRandom);
  const int hints = (b3.sampling == kDeferred ? kTraceDeferred : 0) | (b3.sampling == kDebug ? kTraceDebug : 0) |
                    (b3.short_id ? kTraceShortId : 0);
  const TraceId trace_id = b3.has_ids ? b3.trace_id : ids.trace_id();
  const SpanId span_id = b3.has_ids ? b3.span_id : ids.span_id();
  const auto made =
      TraceContext::make(trace_id, span_id, static_cast<std::uint8_t>(flags), static_cast<std::uint8_t>(hints));
  return made ? made.value() : TraceContext::root(ids);  // b3 that was parsed has no all-zero id
}

// The four headers' values; an empty one is not sent. The texts are views of the object: do not copy it while in use.
struct B3Headers {
  std::array<char, 32> trace_id_text;
  std::array<char, 16> span_id_text;
  std::string_view trace_id;  // X-B3-TraceId
  std::string_view span_id;   // X-B3-SpanId
  std::string_view sampled;   // X-B3-Sampled; absent with debug, which implies it
  std::string_view flags;     // X-B3-Flags
};

constexpr void format_b3(const TraceContext& context, B3Headers& out) noexcept {
  context.format_trace_id(out.trace_id_text);
  out.trace_id = std::string_view(out.trace_id_text.data(), out.trace_id_text.size());
  if (context.short_id()) out.trace_id.remove_prefix(2 * sizeof(SpanId));
  out.span_id = context.format_span_id(out.span_id_text);
  out.flags = context.debug() ? "1" : "";
  out.sampled = context.debug() || context.deferred() ? "" : context.sampled() ? "1" : "0";
}

// The single header; a view of `out`.
constexpr std::string_view format_b3(const TraceContext& context, std::span<char, kB3Size> out) noexcept {
  B3Headers headers{};
  format_b3(context, headers);
  const std::string_view state = context.debug() ? "d" : headers.sampled;
  char* to = std::copy(headers.trace_id.begin(), headers.trace_id.end(), out.data());
  *to++ = '-';
  to = std::copy(headers.span_id.begin(), headers.span_id.end(), to);
  if (!state.empty()) {
    *to++ = '-';
    *to++ = state.front();
  }
  return {out.data(), static_cast<std::size_t>(to - out.data())};
}

}  // namespace seawall
