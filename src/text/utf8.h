// SPDX-License-Identifier: MIT
// Is a text UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF)?
#pragma once

#include <cstddef>
#include <string_view>

namespace seawall {

constexpr bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : 3;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - at < more) return false;
    const auto second = static_cast<unsigned char>(text[at]);
    const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (std::size_t i = 1; i < more; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return false;
    }
    at += more;
  }
  return true;
}

static_assert(is_utf8("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80") && !is_utf8("\xc0\xaf") && !is_utf8("\xed\xa0\x80"));
static_assert(!is_utf8("\xc3") && !is_utf8("\xf4\x90\x80\x80") && !is_utf8("\xff"));

}  // namespace seawall
