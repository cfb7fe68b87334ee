// SPDX-License-Identifier: MIT
//
// The traceparent header of W3C Trace Context Level 2 as a pure function of its text (spec section 3.2).
//
//   version "-" 32 lower-case hex "-" 16 lower-case hex "-" 2 lower-case hex       55 bytes
//
// Version 00 is exactly that long. Versions 01 to fe may go on after another "-", which is not read; ff is invalid.
// Upper case is invalid, and so are all-zero ids. Of the flags, bit 0 (sampled) and bit 1 (random trace id) are kept;
// the reserved ones neither fail the header nor are ever sent on, as the specification asks.
//
// parse_traceparent_scalar is the definition. The vector form only ever says "version 00 and all is well", or leaves
// the text to the definition, which then also says what is wrong.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "seawall/algorithm/trace_fault.h"
#include "seawall/detail/hex.h"
#include "seawall/detail/ows.h"

namespace seawall {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

enum TraceFlags : std::uint8_t {
  kTraceSampled = 0x01,  // the caller may have recorded this trace
  kTraceRandom = 0x02,   // the last 7 bytes of the trace id are uniformly random
  kTraceFlagsKnown = kTraceSampled | kTraceRandom,
};

// What B3 says and traceparent has no bit for. Never sent in a traceparent.
enum TraceHints : std::uint8_t {
  kTraceDeferred = 0x01,  // the caller leaves the sampling decision to us
  kTraceDebug = 0x02,     // sampled, and to be kept whatever a sampler says
  kTraceShortId = 0x04,   // the caller's trace id has 64 bits; the first 8 bytes are zero
  kTraceHintsKnown = kTraceDeferred | kTraceDebug | kTraceShortId,
};

namespace algorithm {

inline constexpr std::size_t kTraceparentSize = 55;

struct Traceparent {
  TraceId trace_id{};
  SpanId span_id{};
  std::uint8_t flags = 0;
  std::uint8_t hints = 0;

  friend constexpr bool operator==(const Traceparent&, const Traceparent&) = default;
};

template <std::size_t kSize>
constexpr bool all_zero(const std::array<std::uint8_t, kSize>& bytes) noexcept {
  std::uint8_t seen = 0;
  for (const std::uint8_t byte : bytes) seen |= byte;
  return seen == 0;
}

// Which fault digits that did not decode are.
constexpr TraceFault hex_fault(std::string_view digits) noexcept {
  for (const char c : digits) {
    const bool upper = c >= 'A' && c <= 'F';
    if (c != '-' && !upper && detail::hex_value(c) > 15) return TraceFault::kParentHex;
  }
  return TraceFault::kParentUpperCase;
}

// `out` holds the fields when the answer is kNone, else anything.
constexpr TraceFault parse_traceparent_scalar(std::string_view text, Traceparent& out) noexcept {
  using enum TraceFault;
  using Hex = detail::ScalarHex;
  text = detail::trim_ows(text);
  if (text.empty()) return kParentAbsent;
  if (text.size() < kTraceparentSize) return kParentLength;
  std::array<std::uint8_t, 1> version{};
  if (!Hex::decode(text.data(), version) || version[0] == 0xff) return kParentVersion;
  if (text.size() > kTraceparentSize && (version[0] == 0 || text[kTraceparentSize] != '-')) return kParentLength;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return kParentSeparator;
  std::array<std::uint8_t, 1> flags{};
  const bool hex = Hex::decode(text.data() + 3, out.trace_id) && Hex::decode(text.data() + 36, out.span_id) &&
                   Hex::decode(text.data() + 53, flags);
  if (!hex) return hex_fault(text.substr(3, kTraceparentSize - 3));
  if (all_zero(out.trace_id)) return kParentZeroTraceId;
  if (all_zero(out.span_id)) return kParentZeroSpanId;
  out.flags = flags[0] & kTraceFlagsKnown;
  out.hints = 0;
  return kNone;
}

constexpr void format_traceparent_scalar(const Traceparent& fields, char* out) noexcept {
  out[0] = out[1] = '0';
  out[2] = out[35] = out[52] = '-';
  detail::ScalarHex::encode(fields.trace_id, out + 3);
  detail::ScalarHex::encode(fields.span_id, out + 36);
  out[53] = '0';
  out[54] = detail::kHexDigits[fields.flags & kTraceFlagsKnown];
}

// True: version 00, valid, and `out` is filled. False: anything else.
template <class Hex>
[[gnu::always_inline]] inline bool parse_version_00(std::string_view text, Traceparent& out) noexcept {
  if (text.size() != kTraceparentSize) return false;
  const char* const p = text.data();
  if (p[0] != '0' || p[1] != '0' || p[2] != '-' || p[35] != '-' || p[52] != '-') return false;
  const bool trace_id = Hex::decode(p + 3, out.trace_id);
  const bool span_id = Hex::decode(p + 36, out.span_id);
  const std::uint8_t high = detail::hex_value(p[53]);
  const std::uint8_t low = detail::hex_value(p[54]);
  out.flags = low & kTraceFlagsKnown;
  out.hints = 0;
  std::array<std::uint64_t, 3> ids;
  std::memcpy(ids.data(), &out, sizeof ids);
  return trace_id && span_id && (high | low) < 16 && (ids[0] | ids[1]) != 0 && ids[2] != 0;
}

template <class Hex>
[[gnu::always_inline]] inline void format_version_00(const Traceparent& fields, char* out) noexcept {
  out[0] = out[1] = '0';
  out[2] = out[35] = out[52] = '-';
  Hex::encode(fields.trace_id, out + 3);
  Hex::encode(fields.span_id, out + 36);
  out[53] = '0';
  out[54] = detail::kHexDigits[fields.flags & kTraceFlagsKnown];
}

#if defined(__x86_64__)
[[gnu::target("ssse3")]] inline bool parse_version_00_ssse3(std::string_view text, Traceparent& out) noexcept {
  return parse_version_00<detail::Ssse3Hex>(text, out);
}
[[gnu::target("ssse3")]] inline void format_version_00_ssse3(const Traceparent& fields, char* out) noexcept {
  format_version_00<detail::Ssse3Hex>(fields, out);
}
#endif

inline bool parse_version_00_fast(std::string_view text, Traceparent& out) noexcept {
#if defined(__x86_64__)
  if (detail::cpu_has_ssse3()) return parse_version_00_ssse3(text, out);
#endif
  return parse_version_00<detail::VectorHex>(text, out);
}

// White space around the value is allowed. `out` holds the fields when the answer is kNone, else anything.
constexpr TraceFault parse_traceparent(std::string_view text, Traceparent& out) noexcept {
  if (!std::is_constant_evaluated() && parse_version_00_fast(text, out)) return TraceFault::kNone;
  return parse_traceparent_scalar(text, out);
}

// Writes kTraceparentSize bytes of version 00.
constexpr void format_traceparent(const Traceparent& fields, char* out) noexcept {
  if (std::is_constant_evaluated()) return format_traceparent_scalar(fields, out);
#if defined(__x86_64__)
  if (detail::cpu_has_ssse3()) return format_version_00_ssse3(fields, out);
#endif
  format_version_00<detail::VectorHex>(fields, out);
}

// The digits of one id: 2 * kSize bytes.
template <std::size_t kSize>
constexpr void encode_hex(const std::array<std::uint8_t, kSize>& bytes, char* out) noexcept {
  if (std::is_constant_evaluated()) return detail::ScalarHex::encode(bytes, out);
  detail::VectorHex::encode(bytes, out);
}

}  // namespace algorithm
}  // namespace seawall
