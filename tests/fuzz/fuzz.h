// SPDX-License-Identifier: MIT
//
// What the fuzz programs share: a check that stops the program, which libFuzzer then reports with the input; and the
// input as text or as lines.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace seawall::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The first three lines of the input, as repeated fields of a header.
using Fields = std::array<std::string_view, 3>;

inline Fields fields_of(std::string_view text) {
  Fields fields;
  for (std::string_view& field : fields) {
    field = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
  }
  return fields;
}

// May stand in a header as it is: visible ASCII, spaces, tabs.
inline bool fits_a_header(std::string_view text) {
  for (const char c : text) {
    if ((c < 0x20 || c > 0x7e) && c != '\t') return false;
  }
  return true;
}

}  // namespace seawall::fuzz
