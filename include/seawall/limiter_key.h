// SPDX-License-Identifier: MIT
//
// LimiterKey: what a KeyedRateLimiter tells its callers' callers apart by. Made implicitly from any text or integer.
// Plain data; a text must outlive the call it is given to.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "seawall/detail/keyed_hash.h"

namespace seawall {

// A text or a number. Texts are not kept. The number 7 and the text "7" are different keys.
class LimiterKey {
 public:
  template <class T>
  requires std::convertible_to<const T&, std::string_view>
  constexpr LimiterKey(const T& text) noexcept : text_(text), is_text_(true) {}  // NOLINT: a text is a key
  template <std::integral T>
  constexpr LimiterKey(T number) noexcept : number_(static_cast<std::uint64_t>(number)) {}  // NOLINT: so is a number

  constexpr std::uint64_t hash(const detail::KeyedHash& hash) const noexcept {
    return is_text_ ? hash.of(text_) : hash.of(number_);
  }

 private:
  std::string_view text_;
  std::uint64_t number_ = 0;
  bool is_text_ = false;
};

// A key as one keyed limiter knows it, from its place_of(): for who has several questions about one key, which is then
// hashed once. Of another limiter it is any key; also of its own, once that was restored or has taken over another.
class KeyPlace {
 public:
  KeyPlace() = default;

 private:
  template <class Limiter>
  friend class KeyedRateLimiter;
  constexpr explicit KeyPlace(std::uint64_t hash) noexcept : hash_(hash) {}
  std::uint64_t hash_ = 0;
};

}  // namespace seawall
