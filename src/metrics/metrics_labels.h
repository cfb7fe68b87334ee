// SPDX-License-Identifier: MIT
//
// The labels of a series. LabelKey: its values, which tell it from the others of its family, in the words that are
// hashed, kept and compared. LabelText: as a scrape prints them, a="1",b="2", escaped, those with an empty value left
// out. Two lists of values are the same key exactly when they print the same.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "metrics/metrics_memory.h"
#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/detail/siphash.h"
#include "seawall/runtime/metrics_registry.h"

namespace seawall::detail {

inline constexpr std::string_view kOverflowLabels = "seawall_overflow=\"true\"";

using LabelValues = std::span<const std::string_view>;

// Under a random seed: the high half of the sum of a_i * word_i in 128 bits. Of two keys that were chosen without
// knowing the a_i, the hashes are two independent random numbers (multiply-shift for vectors is strongly universal:
// Dietzfelbinger 1996), and no product waits for another. mix64 as in KeyedHash. What is longer than kWords goes on in
// a SipHash.
class LabelHash {
 public:
  using Wide = algorithm::Wide;
  static constexpr std::size_t kWords = 32;

  explicit LabelHash(SipKey seed) noexcept;

  Wide begin(std::uint32_t family) const noexcept { return offset_ + family_factor_ * family; }
  // For each of the first kWords.
  Wide term(std::size_t i, std::uint64_t word) const noexcept { return factors_[i] * word; }
  std::uint64_t end(Wide sum, std::span<const std::uint64_t> words) const noexcept {
    const std::uint64_t hash = algorithm::mix64(static_cast<std::uint64_t>(sum >> 64));
    if (words.size() <= kWords) [[likely]]
      return hash;
    return hash ^ of_rest(words.subspan(kWords));
  }

 private:
  std::uint64_t of_rest(std::span<const std::uint64_t> words) const noexcept;

  SipKey seed_;
  Wide offset_;
  Wide family_factor_;
  std::array<Wide, kWords> factors_;
};

// A value of n bytes takes n / 8 whole words, little end first, and one with the bytes that are left and, on top of
// them, n; from kLong on, that says kLong and the word before it n. So who knows how many words there are finds each
// value from the last one on, and two lists of as many values are never the same words, with or without zeros behind.
class LabelKey {
 public:
  static constexpr std::size_t kMaxBytes = 4096;  // of a text; no value is longer
  static constexpr std::size_t kMaxWords = kMaxBytes / 8 + 2 * MetricsRegistry::kMaxLabels;

  // False: longer than any text may be.
  bool assign(const LabelHash& hash, std::uint32_t family, LabelValues values) noexcept;
  // At most kMaxWords; what hash() is then, hash_anew() says.
  void copy_from(const Word* words, std::uint32_t size) noexcept;
  void hash_anew(const LabelHash& hash, std::uint32_t family) noexcept;

  std::span<const std::uint64_t> words() const noexcept { return std::span(words_).first(size_); }
  std::uint64_t hash() const noexcept { return hash_; }
  bool equals(const Word* other) const noexcept {
    // Acquire: if a word is that of a later series, the generation read after it is, too.
    for (std::size_t i = 0; i < size_; ++i) {
      if (words_[i] != other[i].load(std::memory_order_acquire)) return false;
    }
    return true;
  }

  // The values again, texts in this key, which is of no further use. False: those were not the words of so many.
  bool take_apart(std::span<std::string_view> values) noexcept;

 private:
  static constexpr std::uint64_t kLong = 128;

  std::size_t size_ = 0;
  std::uint64_t hash_ = 0;
  std::array<std::uint64_t, kMaxWords> words_;  // not initialised: only what is used is written
};

inline bool LabelKey::assign(const LabelHash& hash, std::uint32_t family, LabelValues values) noexcept {
  std::size_t size = 0;
  LabelHash::Wide sum = hash.begin(family);
  const auto add = [&](std::uint64_t word) {
    if (size < LabelHash::kWords) [[likely]]
      sum += hash.term(size, word);
    words_[size++] = word;
  };
  for (const std::string_view value : values) {
    if (const std::size_t left = kMaxWords - size; left < 2 || value.size() / 8 > left - 2) return false;
    for (std::size_t at = 0; at + 8 <= value.size(); at += 8) add(little_endian<std::uint64_t>(value, at));
    if (value.size() >= kLong) [[unlikely]]
      add(value.size());
    add(tail_of(value) | std::min<std::uint64_t>(value.size(), kLong) << 56);
  }
  size_ = size;
  hash_ = hash.end(sum, words());
  return true;
}

class LabelText {
 public:
  // `heads`: ,name=" of each label; as many as values. False: too long.
  bool render(std::span<const std::string> heads, LabelValues values) noexcept;
  void assign(std::string_view text) noexcept;  // one that was rendered
  std::string_view view() const noexcept { return {text_.data(), bytes_}; }

 private:
  std::size_t bytes_ = 0;
  std::array<char, LabelKey::kMaxBytes + 8> text_;  // not initialised, as above
};

}  // namespace seawall::detail
