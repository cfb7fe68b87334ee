// SPDX-License-Identifier: MIT
//
// The grammar of the tracestate header (W3C Trace Context Level 2, section 3.3) as pure functions of text.
//
//   list   = member *( OWS "," OWS member ), members may be empty, at most 32 that are not
//   member = key "=" value
//   key    = a-z or 0-9, then up to 255 of a-z 0-9 _ - * / @      (so tenant@system is one key)
//   value  = 1 to 256 of 0x20 to 0x7e without "," and "=", the last one no space
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/algorithm/trace_fault.h"
#include "seawall/detail/ows.h"

namespace seawall {

// A member that breaks the grammar and is passed through has its whole text as key and a value without data.
struct TraceStateMember {
  std::string_view key;
  std::string_view value;

  constexpr bool foreign() const noexcept { return value.data() == nullptr; }
  constexpr std::size_t text_size() const noexcept { return key.size() + (foreign() ? 0 : 1 + value.size()); }
};

namespace algorithm {

inline constexpr std::size_t kTraceStateMaxMembers = 32;
inline constexpr std::size_t kTraceStateMaxKey = 256;
inline constexpr std::size_t kTraceStateMaxValue = 256;

enum TraceStateChar : std::uint8_t { kKeyFirstChar = 1, kKeyChar = 2, kValueChar = 4 };

inline constexpr auto kTraceStateChars = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0x20; c <= 0x7e; ++c) {
    if (c != ',' && c != '=') classes[c] = kValueChar;
  }
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789")) {
    classes[static_cast<std::uint8_t>(c)] |= kKeyFirstChar | kKeyChar;
  }
  for (const char c : std::string_view("_-*/@")) classes[static_cast<std::uint8_t>(c)] |= kKeyChar;
  return classes;
}();

constexpr bool all_of_class(std::string_view text, TraceStateChar wanted) noexcept {
  std::uint8_t seen = wanted;
  for (const char c : text) seen &= kTraceStateChars[static_cast<std::uint8_t>(c)];
  return seen != 0;
}

constexpr bool is_trace_state_key(std::string_view key) noexcept {
  return !key.empty() && key.size() <= kTraceStateMaxKey && all_of_class(key.substr(0, 1), kKeyFirstChar) &&
         all_of_class(key, kKeyChar);
}

constexpr bool is_trace_state_value(std::string_view value) noexcept {
  return !value.empty() && value.size() <= kTraceStateMaxValue && value.back() != ' ' &&
         all_of_class(value, kValueChar);
}

// One member of a list, as next_trace_state_member found it.
struct TraceStateScan {
  TraceStateMember member;
  TraceFault fault = TraceFault::kNone;
  std::string_view text;       // of the member, without the white space around it; empty at the end of the list
  std::uint32_t hash = 0;      // of the key
  const char* rest = nullptr;  // where the next one starts
};

// The value that starts at `at`: up to the comma or the end, without the white space behind it.
constexpr void scan_trace_state_value(const char* at, const char* end, TraceStateScan& out) noexcept {
  const char* stop = at;
  while (stop != end && (kTraceStateChars[static_cast<std::uint8_t>(*stop)] & kValueChar) != 0) ++stop;
  const char* last = stop;
  while (last != at && last[-1] == ' ') --last;
  while (stop != end && detail::is_ows(*stop)) ++stop;
  const auto size = static_cast<std::size_t>(last - at);
  out.rest = stop;
  out.member.value = {at, size};
  if ((stop != end && *stop != ',') || size == 0 || size > kTraceStateMaxValue) out.fault = TraceFault::kStateValue;
}

// Looks at each byte once, but for those of a member with a fault, whose end is then sought.
constexpr TraceStateScan next_trace_state_member(const char* at, const char* end) noexcept {
  TraceStateScan out;
  while (at != end && (*at == ',' || detail::is_ows(*at))) ++at;
  const char* const start = at;
  std::uint32_t hash = 0;
  for (; at != end && (kTraceStateChars[static_cast<std::uint8_t>(*at)] & kKeyChar) != 0; ++at) {
    hash = std::rotl(hash, 5) ^ static_cast<std::uint8_t>(*at);
  }
  out.rest = at;
  if (start == end) return out;
  const auto key_size = static_cast<std::size_t>(at - start);
  out.member.key = {start, key_size};
  out.hash = hash * 0x9e3779b1u;
  const bool first = (kTraceStateChars[static_cast<std::uint8_t>(*start)] & kKeyFirstChar) != 0;
  if (at == end || *at != '=' || !first || key_size > kTraceStateMaxKey) {
    out.fault = TraceFault::kStateKey;
  } else {
    scan_trace_state_value(at + 1, end, out);
  }
  if (out.fault != TraceFault::kNone) {
    while (out.rest != end && *out.rest != ',') ++out.rest;
  }
  out.text = detail::trim_ows({start, static_cast<std::size_t>(out.rest - start)});
  return out;
}

// Whether a member that breaks the grammar may be sent on as it came.
constexpr bool is_printable(std::string_view text) noexcept {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

}  // namespace algorithm
}  // namespace seawall
