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
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/detail/ows.h"

namespace seawall {

struct TraceStateMember {
  std::string_view key;
  std::string_view value;
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

// Takes the text up to the next comma off `list`, without the white space around it; may be empty.
constexpr std::string_view take_member(std::string_view& list) noexcept {
  const std::size_t comma = list.find(',');
  const std::string_view member = list.substr(0, comma);
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return detail::trim_ows(member);
}

// False when `text`, not empty, is no member.
constexpr bool parse_trace_state_member(std::string_view text, TraceStateMember& out) noexcept {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  out = {text.substr(0, equals), text.substr(equals + 1)};
  return is_trace_state_key(out.key) && is_trace_state_value(out.value);
}

}  // namespace algorithm
}  // namespace seawall
