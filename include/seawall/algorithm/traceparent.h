// SPDX-License-Identifier: MIT
//
// The traceparent header of W3C Trace Context Level 2 as a pure function of its text (spec section 3.2).
//
//   version "-" 32 lower-case hex "-" 16 lower-case hex "-" 2 lower-case hex       55 bytes
//
// Version 00 is exactly that long. Versions 01 to fe may go on after another "-", which is not read; ff is invalid.
// Upper case is invalid, and so are all-zero ids. Of the flags, bit 0 (sampled) and bit 1 (random trace id) are kept;
// the reserved ones neither fail the header nor are ever sent on, as the specification asks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/detail/ows.h"

namespace seawall {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

enum TraceFlags : std::uint8_t {
  kTraceSampled = 0x01,  // the caller may have recorded this trace
  kTraceRandom = 0x02,   // the last 7 bytes of the trace id are uniformly random
  kTraceFlagsKnown = kTraceSampled | kTraceRandom,
};

namespace algorithm {

inline constexpr std::size_t kTraceparentSize = 55;

struct Traceparent {
  TraceId trace_id{};
  SpanId span_id{};
  std::uint8_t flags = 0;

  friend constexpr bool operator==(const Traceparent&, const Traceparent&) = default;
};

// Why a text is no traceparent. kAbsent is an empty one.
enum class TraceparentFault : std::uint8_t { kNone, kAbsent, kLength, kVersion, kSeparator, kHex, kZeroId };

constexpr std::string_view describe(TraceparentFault fault) noexcept {
  switch (fault) {
    case TraceparentFault::kNone:
      return "valid";
    case TraceparentFault::kAbsent:
      return "traceparent is absent";
    case TraceparentFault::kLength:
      return "traceparent has the wrong length for its version";
    case TraceparentFault::kVersion:
      return "traceparent has an invalid version";
    case TraceparentFault::kSeparator:
      return "traceparent lacks a '-' between its fields";
    case TraceparentFault::kHex:
      return "traceparent has a digit that is not lower-case hex";
    case TraceparentFault::kZeroId:
      return "traceparent has an all-zero id";
  }
  return "unknown";
}

inline constexpr char kHexDigits[] = "0123456789abcdef";

// The value of each lower-case hex digit, 0xff for every other byte.
inline constexpr auto kHexValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0xff);
  for (std::uint8_t i = 0; i < 16; ++i) values[static_cast<std::uint8_t>(kHexDigits[i])] = i;
  return values;
}();

// Reads 2 * kSize digits; false when one of them is no lower-case hex digit.
template <std::size_t kSize>
constexpr bool decode_hex(const char* text, std::array<std::uint8_t, kSize>& out) noexcept {
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    const std::uint8_t high = kHexValues[static_cast<std::uint8_t>(text[2 * i])];
    const std::uint8_t low = kHexValues[static_cast<std::uint8_t>(text[2 * i + 1])];
    seen |= high | low;
    out[i] = static_cast<std::uint8_t>(high << 4 | (low & 15));
  }
  return seen < 16;
}

// Writes 2 * kSize digits and returns the place after them.
template <std::size_t kSize>
constexpr char* encode_hex(const std::array<std::uint8_t, kSize>& bytes, char* out) noexcept {
  for (const std::uint8_t byte : bytes) {
    *out++ = kHexDigits[byte >> 4];
    *out++ = kHexDigits[byte & 15];
  }
  return out;
}

template <std::size_t kSize>
constexpr bool all_zero(const std::array<std::uint8_t, kSize>& bytes) noexcept {
  std::uint8_t seen = 0;
  for (const std::uint8_t byte : bytes) seen |= byte;
  return seen == 0;
}

// White space around the value is allowed. `out` holds the fields when the answer is kNone, else anything.
constexpr TraceparentFault parse_traceparent(std::string_view text, Traceparent& out) noexcept {
  using enum TraceparentFault;
  text = detail::trim_ows(text);
  if (text.empty()) return kAbsent;
  if (text.size() < kTraceparentSize) return kLength;
  std::array<std::uint8_t, 1> version{};
  if (!decode_hex(text.data(), version) || version[0] == 0xff) return kVersion;
  if (text.size() > kTraceparentSize && (version[0] == 0 || text[kTraceparentSize] != '-')) return kLength;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return kSeparator;
  std::array<std::uint8_t, 1> flags{};
  const bool hex = decode_hex(text.data() + 3, out.trace_id) && decode_hex(text.data() + 36, out.span_id) &&
                   decode_hex(text.data() + 53, flags);
  if (!hex) return kHex;
  if (all_zero(out.trace_id) || all_zero(out.span_id)) return kZeroId;
  out.flags = flags[0] & kTraceFlagsKnown;
  return kNone;
}

// Writes kTraceparentSize bytes of version 00.
constexpr void format_traceparent(const Traceparent& fields, char* out) noexcept {
  *out++ = '0';
  *out++ = '0';
  *out++ = '-';
  out = encode_hex(fields.trace_id, out);
  *out++ = '-';
  out = encode_hex(fields.span_id, out);
  *out++ = '-';
  encode_hex(std::array<std::uint8_t, 1>{static_cast<std::uint8_t>(fields.flags & kTraceFlagsKnown)}, out);
}

}  // namespace algorithm
}  // namespace seawall
