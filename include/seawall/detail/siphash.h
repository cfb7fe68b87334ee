// SPDX-License-Identifier: MIT
//
// SipHash (Aumasson and Bernstein, 2012): a keyed hash whose collisions nobody can choose without the 128-bit key. The
// tables here use 1 round for each word and 3 at the end, as Rust's and Python's do; 2 and 4 is the paper's choice.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace seawall::detail {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

template <int kRounds, int kFinalRounds>
class SipHash {
 public:
  constexpr explicit SipHash(SipKey key) noexcept
      : v0_(key.k0 ^ 0x736f6d6570736575),
        v1_(key.k1 ^ 0x646f72616e646f6d),
        v2_(key.k0 ^ 0x6c7967656e657261),
        v3_(key.k1 ^ 0x7465646279746573) {}

  constexpr void add(std::uint64_t word) noexcept {
    v3_ ^= word;
    mix(kRounds);
    v0_ ^= word;
  }

  constexpr std::uint64_t finish() noexcept {
    v2_ ^= 0xff;
    mix(kFinalRounds);
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  constexpr void mix(int rounds) noexcept {
    for (int i = 0; i < rounds; ++i) {
      v0_ += v1_;
      v2_ += v3_;
      v1_ = std::rotl(v1_, 13) ^ v0_;
      v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ = std::rotl(v0_, 32);
      v2_ += v1_;
      v0_ += v3_;
      v1_ = std::rotl(v1_, 17) ^ v2_;
      v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ = std::rotl(v2_, 32);
    }
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

// The hash of a text: words of 8 bytes, little end first; the last holds the rest and the length.
// The bytes from `at` on as a number, the first one lowest.
template <class Word>
constexpr std::uint64_t little_endian(std::string_view text, std::size_t at) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    if (!std::is_constant_evaluated()) {
      Word word;
      std::memcpy(&word, text.data() + at, sizeof(Word));
      return word;
    }
  }
  std::uint64_t word = 0;
  for (std::size_t i = sizeof(Word); i-- > 0;) word = word << 8 | static_cast<unsigned char>(text[at + i]);
  return word;
}

// The last size % 8 bytes, by loads that overlap: a loop of as many turns is a branch that is guessed wrong when sizes
// differ.
constexpr std::uint64_t tail_of(std::string_view text) noexcept {
  const std::size_t left = text.size() % 8;
  // In two shifts, since 64 at once would be none.
  if (text.size() >= 8) return little_endian<std::uint64_t>(text, text.size() - 8) >> 1 >> (63 - 8 * left);
  if (left == 0) return 0;
  if (left >= 4) {
    return little_endian<std::uint32_t>(text, 0) | little_endian<std::uint32_t>(text, left - 4) << 8 * (left - 4);
  }
  return little_endian<std::uint8_t>(text, 0) | little_endian<std::uint8_t>(text, left / 2) << 8 * (left / 2) |
         little_endian<std::uint8_t>(text, left - 1) << 8 * (left - 1);
}

template <int kRounds = 1, int kFinalRounds = 3>
constexpr std::uint64_t siphash(SipKey key, std::string_view text) noexcept {
  SipHash<kRounds, kFinalRounds> hash(key);
  for (std::size_t at = 0; at + 8 <= text.size(); at += 8) hash.add(little_endian<std::uint64_t>(text, at));
  hash.add(tail_of(text) | std::uint64_t{text.size()} << 56);
  return hash.finish();
}

constexpr std::uint64_t siphash(SipKey key, std::uint64_t number) noexcept {
  SipHash<1, 3> hash({~key.k0, key.k1});
  hash.add(number);
  return hash.finish();
}

}  // namespace seawall::detail
