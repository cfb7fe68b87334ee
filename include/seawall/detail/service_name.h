// SPDX-License-Identifier: MIT
//
// A name of a service as it stands in a directory, and how many words its table of names has (service_names.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace seawall::detail {

inline constexpr std::size_t kServiceNameWords = 16;

template <class Word>
struct alignas(64) BasicServiceName {
  Word stamp{0};
  Word of{0};  // of a view: one more than the index of its service
  std::array<Word, kServiceNameWords> text{};
};

constexpr std::uint32_t service_table_words(std::uint32_t services) noexcept {
  std::uint32_t words = 8;
  while (words < 4 * services) words *= 2;
  return words;
}

}  // namespace seawall::detail
