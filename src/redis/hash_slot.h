// SPDX-License-Identifier: MIT
// The slot of a key in Redis Cluster: CRC16 (XMODEM) of the key, or of what stands between its first { and the next },
// unless that is empty; modulo 16384 (Redis Cluster Specification, "Hash tags").
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace seawall::redis {

inline constexpr std::uint16_t kHashSlots = 16384;

constexpr std::uint16_t crc16(std::string_view text) noexcept {
  constexpr auto table = [] {
    std::array<std::uint16_t, 256> t{};
    for (unsigned i = 0; i < t.size(); ++i) {
      unsigned crc = i << 8;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
      t[i] = static_cast<std::uint16_t>(crc);
    }
    return t;
  }();
  unsigned crc = 0;
  for (const char c : text) {
    crc = (crc << 8 ^ table[(crc >> 8 ^ static_cast<unsigned char>(c)) & 0xff]) & 0xffff;
  }
  return static_cast<std::uint16_t>(crc);
}

constexpr std::uint16_t hash_slot(std::string_view key) noexcept {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % kHashSlots;
}

static_assert(crc16("123456789") == 0x31c3);

}  // namespace seawall::redis
