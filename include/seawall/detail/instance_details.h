// SPDX-License-Identifier: MIT
//
// What else stands in a directory about an instance, beside its record: for snapshots, and for a writer that takes
// over.
//
//   place       turn:14 | metadata bytes:22 | zone bytes:6 | weight:10 | service:12; 0 while the texts are rewritten
//   state       admin:8 | self:8 | health:8 | lease:8 | first word of its own:8 | fenced:1, each as in the registry
//   changed_at  of its status
//   expired_at  when its lease was found to have ended, if it has
//   zone        eight words
//   metadata    name 0xff value 0xff ..., where the directory has room for it
#pragma once

#include <cstddef>
#include <cstdint>

#include "seawall/detail/instance_record.h"

namespace seawall::detail {

struct DetailsPlace {
  std::uint32_t service = 0, weight = 0, zone_bytes = 0, metadata_bytes = 0;

  static constexpr DetailsPlace unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word & 0xfff), static_cast<std::uint32_t>(word >> 12 & 0x3ff),
            static_cast<std::uint32_t>(word >> 22 & 0x3f), static_cast<std::uint32_t>(word >> 28 & 0x3fffff)};
  }
  // The next turn after that of `before`, never 0.
  constexpr std::uint64_t pack(std::uint64_t before) const noexcept {
    const std::uint64_t turn = (before >> 50) % 0x3fff + 1;
    return turn << 50 | std::uint64_t{metadata_bytes} << 28 | std::uint64_t{zone_bytes} << 22 |
           std::uint64_t{weight} << 12 | service;
  }
};

// A view of one instance's words.
struct InstanceDetails {
  static constexpr std::size_t kWords = 12;  // without metadata

  Word* words;

  Word& place() const noexcept { return words[0]; }
  Word& state() const noexcept { return words[1]; }
  Word& changed_at() const noexcept { return words[2]; }
  Word& expired_at() const noexcept { return words[3]; }
  TextWords<8>& zone() const noexcept { return *reinterpret_cast<TextWords<8>*>(words + 4); }
  Word* metadata() const noexcept { return words + kWords; }
};
static_assert(sizeof(TextWords<8>) == 64);

}  // namespace seawall::detail
