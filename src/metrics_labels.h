// SPDX-License-Identifier: MIT
//
// LabelText: the labels of a series as a scrape prints them, a="1",b="2", escaped, those with an empty value left out.
// This text is the identity of a series in its family: two label sets are one series exactly when they print the same.
// Made on the stack, in words, so that it is hashed and compared as such.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "metrics_memory.h"
#include "seawall/detail/siphash.h"

namespace seawall::detail {

inline constexpr std::string_view kOverflowLabels = "seawall_overflow=\"true\"";

using LabelValues = std::span<const std::string_view>;

class LabelText {
 public:
  static constexpr std::size_t kMaxBytes = 4096;

  // `heads`: ,name=" of each label. False: another number of values, or too long.
  bool render(std::span<const std::string> heads, LabelValues values) noexcept;
  void assign(std::string_view text) noexcept;  // one that was rendered, at most kMaxBytes

  std::uint32_t bytes() const noexcept { return bytes_; }
  std::span<const std::uint64_t> words() const noexcept { return std::span(words_).first((bytes_ + 7) / 8); }
  std::string_view view() const noexcept { return {text(), bytes_}; }

  // Family and length are part of the key, and equality compares the whole text.
  std::uint64_t hash(SipKey key, std::uint32_t family) const noexcept;
  bool equals(const Word* other) const noexcept;
  void copy_from(const Word* other, std::uint32_t bytes) noexcept;

 private:
  char* text() noexcept { return reinterpret_cast<char*>(words_.data()); }
  const char* text() const noexcept { return reinterpret_cast<const char*>(words_.data()); }
  void finish(std::size_t bytes) noexcept;

  std::uint32_t bytes_ = 0;
  std::array<std::uint64_t, kMaxBytes / 8 + 2> words_;  // not initialised: only what is used is written
};

}  // namespace seawall::detail
