// SPDX-License-Identifier: MIT
// Text as a JSON string, with its quotes (RFC 8259). What is no UTF-8 must be cleaned before. `Out` is a std::string or
// whatever else can += a character.
#pragma once

#include <string_view>

namespace seawall {

// \u00XX.
template <class Out>
void append_json_control(Out& out, unsigned char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]}) out += c;
}

// What has its quotes, backslashes and line feeds escaped already, as label values of a text exposition have.
template <class Out>
void append_json_escaped(Out& out, std::string_view text) {
  for (const char c : text) {
    if (const auto byte = static_cast<unsigned char>(c); byte < 0x20) {
      append_json_control(out, byte);
    } else {
      out += c;
    }
  }
}

template <class Out>
void append_json_text(Out& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    append_json_escaped(out, {&c, 1});
  }
  out += '"';
}

}  // namespace seawall
