// SPDX-License-Identifier: MIT
//
// The grammar of the W3C baggage header, and its percent coding, as pure functions of text.
//
//   list   = member *( OWS "," OWS member ), members may be empty
//   member = key OWS "=" OWS value *( OWS ";" OWS property ),  property = key [ OWS "=" OWS value ]
//   key    = token of RFC 9110;  value = visible ASCII without " , ; \ , where %HH stands for any byte of UTF-8
//
// "+" stands for itself: this is no form encoding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/algorithm/trace_fault.h"
#include "seawall/detail/bounded_text.h"
#include "seawall/detail/ows.h"

namespace seawall {

// Views of the header's text: value and properties as they were sent, percent coding included.
struct BaggageMember {
  std::string_view key;
  std::string_view value;
  std::string_view properties;  // "p1;p2=v", without the first semicolon
};

namespace algorithm {

enum BaggageChar : std::uint8_t { kTokenChar = 1, kOctetChar = 2 };

inline constexpr auto kBaggageChars = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0x21; c <= 0x7e; ++c) {
    const auto is_one_of = [c](std::string_view set) { return set.find(static_cast<char>(c)) != set.npos; };
    if (!is_one_of("\"(),/:;<=>?@[\\]{}")) classes[c] |= kTokenChar;
    if (!is_one_of("\",;\\")) classes[c] |= kOctetChar;
  }
  return classes;
}();

constexpr bool all_of_class(std::string_view text, BaggageChar wanted) noexcept {
  std::uint8_t seen = wanted;
  for (const char c : text) seen &= kBaggageChars[static_cast<std::uint8_t>(c)];
  return seen != 0;
}

constexpr bool is_baggage_key(std::string_view key) noexcept { return !key.empty() && all_of_class(key, kTokenChar); }

// "key=value" or, for a property, "key": white space around each is not part of it.
constexpr bool is_baggage_property(std::string_view text) noexcept {
  const std::size_t equals = text.find('=');
  if (!is_baggage_key(detail::trim_ows(text.substr(0, equals)))) return false;
  return equals == std::string_view::npos || all_of_class(detail::trim_ows(text.substr(equals + 1)), kOctetChar);
}

// `text` is one member, not empty, without white space around it.
constexpr TraceFault parse_baggage_member(std::string_view text, BaggageMember& out) noexcept {
  const std::string_view pair = detail::take_part(text, ';');
  out.properties = detail::trim_ows(text);
  const std::size_t equals = pair.find('=');
  out.key = detail::trim_ows(pair.substr(0, equals));
  if (!is_baggage_key(out.key)) return TraceFault::kBaggageKey;
  if (equals == std::string_view::npos) return TraceFault::kBaggageValue;
  out.value = detail::trim_ows(pair.substr(equals + 1));
  if (!all_of_class(out.value, kOctetChar)) return TraceFault::kBaggageValue;
  while (!text.empty()) {
    if (!is_baggage_property(detail::take_part(text, ';'))) return TraceFault::kBaggageProperty;
  }
  return TraceFault::kNone;
}

constexpr void encode_baggage_value(std::string_view value, detail::BoundedText& out) noexcept {
  constexpr std::string_view kDigits = "0123456789ABCDEF";  // upper case: RFC 3986, 2.1
  for (const char c : value) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c != '%' && (kBaggageChars[byte] & kOctetChar) != 0) {
      out.add(c);
      continue;
    }
    out.add('%');
    out.add(kDigits[byte >> 4]);
    out.add(kDigits[byte & 15]);
  }
}

// Reads one byte of a coded value; a "%" without two hex digits behind it stands for itself.
constexpr std::uint8_t take_baggage_byte(std::string_view& text) noexcept {
  constexpr auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  const auto byte = static_cast<std::uint8_t>(text.front());
  const bool coded = byte == '%' && text.size() > 2 && digit(text[1]) >= 0 && digit(text[2]) >= 0;
  const int value = coded ? digit(text[1]) * 16 + digit(text[2]) : byte;
  text.remove_prefix(coded ? 3 : 1);
  return static_cast<std::uint8_t>(value);
}

// The range of the byte behind `lead` in well-formed UTF-8 (Unicode, table 3-7), and how many follow `lead` in all.
struct Utf8Lead {
  std::uint8_t low, high, follow;
};
constexpr Utf8Lead utf8_lead(std::uint8_t lead) noexcept {
  if (lead < 0x80) return {0, 0, 0};
  if (lead < 0xc2 || lead > 0xf4) return {1, 0, 1};  // never leads: no byte may follow
  if (lead < 0xe0) return {0x80, 0xbf, 1};
  if (lead == 0xe0) return {0xa0, 0xbf, 2};
  if (lead == 0xed) return {0x80, 0x9f, 2};
  if (lead < 0xf0) return {0x80, 0xbf, 2};
  if (lead == 0xf0) return {0x90, 0xbf, 3};
  return {0x80, static_cast<std::uint8_t>(lead == 0xf4 ? 0x8f : 0xbf), 3};
}

// The value's text in UTF-8. Each longest piece that is no UTF-8 becomes U+FFFD, as the specification asks.
constexpr void decode_baggage_value(std::string_view text, detail::BoundedText& out) noexcept {
  while (!text.empty()) {
    std::array<char, 4> character{};
    std::size_t size = 0;
    const std::uint8_t lead = take_baggage_byte(text);
    character[size++] = static_cast<char>(lead);
    Utf8Lead want = utf8_lead(lead);
    for (; want.follow > 0 && !text.empty(); --want.follow) {
      std::string_view rest = text;
      const std::uint8_t next = take_baggage_byte(rest);
      if (next < want.low || next > want.high) break;
      character[size++] = static_cast<char>(next);
      text = rest;
      want.low = 0x80;
      want.high = 0xbf;
    }
    out.add(want.follow == 0 ? std::string_view(character.data(), size) : std::string_view("\xef\xbf\xbd"));
  }
}

}  // namespace algorithm
}  // namespace seawall
