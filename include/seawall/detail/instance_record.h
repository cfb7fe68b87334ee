// SPDX-License-Identifier: MIT
//
// What stands in a registry's directory (service_directory.h has the protocol): one record for each instance, its texts
// apart from it, and entries of a list that name records.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace seawall::detail {

using Word = std::atomic<std::uint64_t>;

inline std::uint64_t seen(const Word& word) noexcept { return word.load(std::memory_order_acquire); }  // as above
inline void show(Word& word, std::uint64_t value) noexcept { word.store(value, std::memory_order_release); }

// Text in words; the last one is filled up with zero bytes.
template <std::size_t kWords>
struct TextWords {
  static constexpr std::size_t kBytes = kWords * 8;
  std::array<Word, kWords> words{};

  void store(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, text.size() - at < 8 ? text.size() - at : 8);
      show(words[at / 8], word);
    }
  }
  void load(char* to, std::size_t size) const noexcept {  // writes up to 7 bytes more than `size`
    for (std::size_t at = 0; at < size; at += 8) {
      const std::uint64_t word = seen(words[at / 8]);
      std::memcpy(to + at, &word, 8);
    }
  }
};

// All that a pick needs, in one line; the records of a large fleet lie together and so stay near. Words only, without
// addresses: the record may be shared by processes.
struct alignas(64) InstanceRecord {
  Word stamp{0};
  Word lease_end{0};
  Word address{0};
  Word service{0};
  // Written by readers. Failures as generation:32 | count:32; the word of its breaker (instance_breaker.h).
  Word failures{0};
  Word breaker{0};
  Word ewma{0};  // algorithm/peak_ewma.h, where the service's balancer asks for it
  Word load{0};  // its flights that are marked as loaded, over all generations: each adds one and takes one away
};
static_assert(sizeof(InstanceRecord) == 64);

struct InstanceTexts {
  TextWords<8> id;
  TextWords<32> host;
};

struct ListEntry {
  std::uint32_t generation = 0;
  std::uint32_t weight = 0;  // as StaticStride scales it
  std::uint32_t record = 0;

  static ListEntry unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word >> 16) & 0xffff,
            static_cast<std::uint32_t>(word) & 0xffff};
  }
  std::uint64_t pack() const noexcept { return std::uint64_t{generation} << 32 | std::uint64_t{weight} << 16 | record; }
};

}  // namespace seawall::detail
