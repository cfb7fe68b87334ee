// SPDX-License-Identifier: MIT
//
// PageWriter: text into the caller's buffer, a whole unit at a time. What no longer fits is counted instead of written,
// so that a unit can be taken back and its size told. Numbers are written alike in any locale. Allocates nothing.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace seawall::detail {

class PageWriter {
 public:
  explicit PageWriter(std::span<char> buffer) noexcept
      : begin_(buffer.data()), at_(buffer.data()), end_(buffer.data() + buffer.size()), unit_(buffer.data()) {}

  PageWriter& append(std::string_view text) noexcept {
    if (text.size() > room()) return lack(text.size());
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  PageWriter& operator+=(char c) noexcept {
    if (room() == 0) return lack(1);
    *at_++ = c;
    return *this;
  }
  PageWriter& operator+=(std::string_view text) noexcept { return append(text); }

  PageWriter& integer(std::uint64_t value) noexcept { return digits(value); }
  PageWriter& integer(std::int64_t value) noexcept { return digits(value); }

  // The shortest text that reads back as `value`: plain digits from 1e-4 to below 1e6, else an exponent.
  PageWriter& number(double value) noexcept {
    if (std::isnan(value)) return append("NaN");
    if (std::isinf(value)) return append(value > 0 ? "+Inf" : "-Inf");
    const double size = std::fabs(value);
    const bool plain = size == 0 || (size >= 1e-4 && size < 1e6);
    return digits(value, plain ? std::chars_format::fixed : std::chars_format::scientific);
  }

  // As OpenMetrics writes bounds, "1.0" and not "1": a series has one name in every format.
  PageWriter& bound(double value) noexcept {
    number(value);
    const double size = std::fabs(value);
    return size < 1e6 && size == std::trunc(size) ? append(".0") : *this;
  }

  // In seconds.
  PageWriter& milliseconds(std::int64_t value) noexcept {
    integer(value / 1000) += '.';
    const auto rest = static_cast<std::size_t>(value % 1000);
    for (const std::size_t digit : {rest / 100, rest / 10 % 10, rest % 10}) *this += "0123456789"[digit];
    return *this;
  }

  // Hex with all its zeros, as ids are written.
  PageWriter& hex(std::uint64_t word) noexcept {
    std::array<char, 16> text;
    for (std::size_t i = text.size(); i-- > 0; word >>= 4) text[i] = "0123456789abcdef"[word & 15];
    return append({text.data(), text.size()});
  }

  // Ends a unit. False: it did not fit and is taken back; needed() tells how large it is. Then the buffer is full.
  bool commit() noexcept {
    const bool whole = lacking_ == 0;
    needed_ = static_cast<std::size_t>(at_ - unit_) + lacking_;
    lacking_ = 0;
    if (!whole) {
      at_ = unit_;
    } else {
      unit_ = at_;
    }
    return whole;
  }
  std::size_t needed() const noexcept { return needed_; }                                    // of the last unit
  std::size_t written() const noexcept { return static_cast<std::size_t>(unit_ - begin_); }  // units that are whole

 private:
  std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  PageWriter& lack(std::size_t size) noexcept {
    lacking_ += size;
    end_ = at_;  // nothing may be written behind a gap
    return *this;
  }

  template <class Number, class... Format>
  PageWriter& digits(Number value, Format... format) noexcept {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format...).ptr;
    return append({text.data(), static_cast<std::size_t>(end - text.data())});
  }

  char* const begin_;
  char* at_;
  char* end_;
  char* unit_;  // where the unit at hand began
  std::size_t lacking_ = 0;
  std::size_t needed_ = 0;
};

}  // namespace seawall::detail
