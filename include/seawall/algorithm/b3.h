// SPDX-License-Identifier: MIT
//
// The B3 headers of Zipkin as pure functions of their texts (github.com/openzipkin/b3-propagation).
//
//   b3: {16 or 32 hex}-{16 hex}[-{0|1|d}[-{16 hex of the parent}]]      or only 0, 1 or d
//   X-B3-TraceId, X-B3-SpanId, X-B3-ParentSpanId (not used), X-B3-Sampled: 0|1, X-B3-Flags: 1 (debug)
//
// Sampling has four states, and an absent one is not a "no": it leaves the decision to the receiver.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/algorithm/traceparent.h"

namespace seawall::algorithm {

enum class B3Sampling : std::uint8_t { kDeferred, kDenied, kAccepted, kDebug };

struct B3 {
  TraceId trace_id{};
  SpanId span_id{};
  bool has_ids = false;
  bool short_id = false;  // the trace id came with 64 bits
  B3Sampling sampling = B3Sampling::kDeferred;
};

template <std::size_t kSize>
constexpr TraceFault read_b3_id(std::string_view text, std::array<std::uint8_t, kSize>& out) noexcept {
  if (text.size() != 2 * kSize) return TraceFault::kB3Length;
  if (!detail::ScalarHex::decode(text.data(), out)) return TraceFault::kB3Hex;
  return all_zero(out) ? TraceFault::kB3ZeroId : TraceFault::kNone;
}

constexpr TraceFault read_b3_ids(std::string_view trace_id, std::string_view span_id, B3& out) noexcept {
  out.has_ids = true;
  out.short_id = trace_id.size() == 2 * sizeof(SpanId);
  TraceFault fault = TraceFault::kNone;
  if (out.short_id) {
    SpanId low{};
    fault = read_b3_id(trace_id, low);
    out.trace_id = {};
    std::copy(low.begin(), low.end(), out.trace_id.begin() + sizeof(SpanId));
  } else {
    fault = read_b3_id(trace_id, out.trace_id);
  }
  return fault != TraceFault::kNone ? fault : read_b3_id(span_id, out.span_id);
}

constexpr TraceFault read_b3_sampling(std::string_view text, B3Sampling& out) noexcept {
  if (text == "1" || text == "true") {
    out = B3Sampling::kAccepted;
  } else if (text == "0" || text == "false") {
    out = B3Sampling::kDenied;
  } else if (text == "d") {
    out = B3Sampling::kDebug;
  } else {
    return TraceFault::kB3Sampling;
  }
  return TraceFault::kNone;
}

// `text` is not empty. `out` holds the fields when the answer is kNone, else anything.
constexpr TraceFault parse_b3_single(std::string_view text, B3& out) noexcept {
  const auto take = [&text] {
    const std::size_t dash = text.find('-');
    const std::string_view part = text.substr(0, dash);
    text.remove_prefix(dash == std::string_view::npos ? text.size() : dash + 1);
    return part;
  };
  text = detail::trim_ows(text);
  out = {};
  if (text.size() == 1) return read_b3_sampling(text, out.sampling);
  const bool ends_open = !text.empty() && text.back() == '-';
  const std::string_view trace_id = take();
  if (const TraceFault fault = read_b3_ids(trace_id, take(), out); fault != TraceFault::kNone) return fault;
  if (ends_open) return TraceFault::kB3Length;
  if (text.empty()) return TraceFault::kNone;
  const std::string_view sampling = take();
  if (sampling.size() != 1) return TraceFault::kB3Sampling;
  if (const TraceFault fault = read_b3_sampling(sampling, out.sampling); fault != TraceFault::kNone) return fault;
  SpanId parent{};
  return text.empty() ? TraceFault::kNone : read_b3_id(text, parent);
}

// The values of the four headers, empty where one is absent; not all are.
constexpr TraceFault parse_b3_multi(std::string_view trace_id, std::string_view span_id, std::string_view sampled,
                                    std::string_view flags, B3& out) noexcept {
  out = {};
  trace_id = detail::trim_ows(trace_id);
  span_id = detail::trim_ows(span_id);
  sampled = detail::trim_ows(sampled);
  if (!sampled.empty()) {
    const TraceFault fault = sampled == "d" ? TraceFault::kB3Sampling : read_b3_sampling(sampled, out.sampling);
    if (fault != TraceFault::kNone) return fault;
  }
  if (detail::trim_ows(flags) == "1") out.sampling = B3Sampling::kDebug;
  if (trace_id.empty() && span_id.empty()) return TraceFault::kNone;
  if (trace_id.empty() || span_id.empty()) return TraceFault::kB3Incomplete;
  return read_b3_ids(trace_id, span_id, out);
}

}  // namespace seawall::algorithm
