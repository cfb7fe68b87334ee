// SPDX-License-Identifier: MIT
//
// Optional white space of HTTP (RFC 9110, 5.6.3): spaces and tabs.
#pragma once

#include <string_view>

namespace seawall::detail {

constexpr bool is_ows(char c) noexcept { return c == ' ' || c == '\t'; }

constexpr std::string_view trim_ows(std::string_view text) noexcept {
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the text up to `separator` off `list`, without the white space around it; may be empty.
constexpr std::string_view take_part(std::string_view& list, char separator) noexcept {
  const std::size_t at = list.find(separator);
  const std::string_view part = list.substr(0, at);
  list.remove_prefix(at == std::string_view::npos ? list.size() : at + 1);
  return trim_ows(part);
}

}  // namespace seawall::detail
