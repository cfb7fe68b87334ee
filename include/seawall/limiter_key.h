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
  constexpr LimiterKey(const T& text) noexcept  // NOLINT: a text is a key
      : LimiterKey(static_cast<std::string_view>(text)) {}
  constexpr LimiterKey(std::string_view text) noexcept  // NOLINT: as above
      : text_(text.data() == nullptr ? "" : text.data()), number_(text.size()) {}
  template <std::integral T>
  constexpr LimiterKey(T number) noexcept : number_(static_cast<std::uint64_t>(number)) {}  // NOLINT: so is a number

  constexpr std::uint64_t hash(const detail::KeyedHash& hash) const noexcept {
    return text_ != nullptr ? hash.of(std::string_view(text_, number_)) : hash.of(number_);
  }

 private:
  // Two words, so that a key is handed on in registers.
  const char* text_ = nullptr;
  std::uint64_t number_;  // or the text's size
};
static_assert(sizeof(LimiterKey) == 2 * sizeof(std::uint64_t));

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
