// SPDX-License-Identifier: MIT
//
// Where in a line of a keyed table (keyed_line.h) a key lies, without a branch for each slot: which one it is, no
// branch predictor knows.
//
// x86-64: the upper halves of all words are compared at once, by vectors. That is a hint, since words are not read as
// atomics there and a tag may have more bits: the word that it points to is read again, as an atomic, and decides. A
// wrong hint costs time and nothing else.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/keyed_code.h"

namespace seawall::detail {

struct KeyedFound {
  std::size_t slot;
  std::uint64_t word;
};

// The slot with this tag and its word, read with acquire. `slots` are those of `line`. False: there is none, or
// somebody is changing it.
template <class Cell, std::size_t kSlots>
[[gnu::always_inline]] inline bool find_key(const algorithm::KeyedCode& code, const void*,
                                            const std::array<Cell, kSlots>& slots, std::uint64_t tag,
                                            KeyedFound& found) noexcept {
  for (found.slot = 0; found.slot < kSlots; ++found.slot) {
    found.word = slots[found.slot].load(std::memory_order_acquire);
    if (code.has_tag(found.word, tag)) return true;
  }
  return false;
}

#if defined(__SSE2__) && defined(__GNUC__)

using Halves [[gnu::vector_size(16)]] = std::int32_t;
using Words [[gnu::vector_size(16)]] = std::uint64_t;

// 16 bytes that others may write meanwhile: in assembly, since C++ has no such load.
inline Halves two_words(const void* line, std::size_t first) noexcept {
  Halves words;
  __asm__("movdqa %1, %0" : "=x"(words) : "m"(*(static_cast<const std::byte(*)[16]>(line) + first / 2)));
  return words;
}

// Bit i of the low eight (those above say it again): in their upper halves, word i of a line and `wanted` agree where
// `mask` has ones.
[[gnu::always_inline]] inline std::uint64_t words_like(const void* line, std::uint64_t wanted,
                                                       std::uint64_t mask) noexcept {
  const auto spread = [](std::uint64_t word) {
    const auto halves = reinterpret_cast<Halves>(Words{word, 0});
    return __builtin_shufflevector(halves, halves, 1, 1, 1, 1);
  };
  const Halves want = spread(wanted);
  const Halves look = spread(mask);
  const auto alike = [&](std::size_t first) {
    const Halves upper = __builtin_shufflevector(two_words(line, first), two_words(line, first + 2), 1, 3, 5, 7);
    return (upper & look) == want;
  };
  // All ones and zeros stay what they are when they are packed into less.
  const auto shorts = __builtin_ia32_packssdw128(alike(0), alike(4));
  const auto bytes = __builtin_ia32_packsswb128(shorts, shorts);
  return static_cast<std::uint32_t>(__builtin_ia32_pmovmskb128(bytes));
}

// Of a line of 64 bytes whose first word is no slot.
[[gnu::always_inline]] inline bool find_key(const algorithm::KeyedCode& code, const void* line,
                                            const std::array<std::atomic<std::uint64_t>, 7>& slots, std::uint64_t tag,
                                            KeyedFound& found) noexcept {
  const std::uint64_t words = words_like(line, tag, code.tag_place()) & 0xfe;  // the slots
  if (words == 0) [[unlikely]]
    return false;
  found.slot = static_cast<std::size_t>(std::countr_zero(words)) - 1;
  found.word = slots[found.slot].load(std::memory_order_acquire);
  return code.has_tag(found.word, tag);
}

#endif

}  // namespace seawall::detail
