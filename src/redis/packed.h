// SPDX-License-Identifier: MIT
// Integers as doubles of eight bytes, the lowest first: what struct.pack and struct.unpack of Lua read at once, where
// text is converted word for word. Exact below 2^53.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace seawall::redis {

inline void append_packed(std::string& out, std::int64_t number) {
  const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(number));
  std::array<char, 8> bytes;
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(bits >> (8 * i) & 255);
  out.append(bytes.data(), bytes.size());
}

// The number at a place, of which there are text.size() / 8. Empty: none is there, or no whole one that is exact.
inline std::optional<std::int64_t> packed_at(std::string_view text, std::size_t place) {
  if (text.size() / 8 <= place) return std::nullopt;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    bits |= std::uint64_t{static_cast<unsigned char>(text[8 * place + i])} << (8 * i);
  }
  const auto number = std::bit_cast<double>(bits);
  constexpr auto kExact = static_cast<double>(std::int64_t{1} << 53);
  if (!(number >= -kExact && number <= kExact)) return std::nullopt;
  const auto whole = static_cast<std::int64_t>(number);
  if (static_cast<double>(whole) != number) return std::nullopt;
  return whole;
}

}  // namespace seawall::redis
