// SPDX-License-Identifier: MIT
//
// BoundedText: counts what is written and keeps what fits, for functions that fill a caller's buffer and say how much
// they needed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace seawall::detail {

class BoundedText {
 public:
  constexpr explicit BoundedText(std::span<char> out) noexcept : out_(out) {}
  constexpr void add(char c) noexcept {
    if (size_ < out_.size()) out_[size_] = c;
    ++size_;
  }
  constexpr void add(std::string_view text) noexcept {
    for (const char c : text) add(c);
  }
  constexpr std::size_t size() const noexcept { return size_; }

 private:
  std::span<char> out_;
  std::size_t size_ = 0;
};

}  // namespace seawall::detail
