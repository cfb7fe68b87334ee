// SPDX-License-Identifier: MIT
//
// Lower-case hexadecimal text of 8 and 16 bytes, as trace ids use it: a scalar form that defines the answers, and
// vector forms that give the same ones.
//
// SSE2 and NEON are in every CPU of their kind. SSSE3 has better instructions for both directions and is asked for at
// run time, so one binary serves all; a function compiled for it cannot be inlined into others, so the question is
// asked once for a header (algorithm/traceparent.h), not for a block of digits. AVX2 was tried: no faster for so
// little.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__x86_64__)
#include <tmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace seawall::detail {

inline constexpr char kHexDigits[] = "0123456789abcdef";

// The value of each lower-case hex digit, 0xff for every other byte.
inline constexpr auto kHexValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0xff);
  for (std::uint8_t i = 0; i < 16; ++i) values[static_cast<std::uint8_t>(kHexDigits[i])] = i;
  return values;
}();

constexpr std::uint8_t hex_value(char digit) noexcept { return kHexValues[static_cast<std::uint8_t>(digit)]; }

// What runs where there is no vector form, and in constant expressions. decode reads 2 * kSize digits; false when one
// of them is no lower-case hex digit, and `out` then holds anything. encode writes 2 * kSize digits.
struct ScalarHex {
  template <std::size_t kSize>
  static constexpr bool decode(const char* text, std::array<std::uint8_t, kSize>& out) noexcept {
    std::uint8_t seen = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      const std::uint8_t high = hex_value(text[2 * i]);
      const std::uint8_t low = hex_value(text[2 * i + 1]);
      seen |= high | low;
      out[i] = static_cast<std::uint8_t>(high << 4 | (low & 15));
    }
    return seen < 16;
  }

  template <std::size_t kSize>
  static constexpr void encode(const std::array<std::uint8_t, kSize>& bytes, char* out) noexcept {
    for (const std::uint8_t byte : bytes) {
      *out++ = kHexDigits[byte >> 4];
      *out++ = kHexDigits[byte & 15];
    }
  }
};

#if defined(__x86_64__)

inline __m128i load_16(const void* from) noexcept { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
inline void store_16(void* to, __m128i bytes) noexcept { _mm_storeu_si128(static_cast<__m128i*>(to), bytes); }

// The two steps that the instruction sets do differently.
struct Sse2Steps {
  // Bytes that hold a digit's value each -> 16-bit lanes that hold two digits' byte.
  static __m128i join(__m128i values) noexcept {
    const __m128i joined = _mm_or_si128(_mm_slli_epi16(values, 4), _mm_srli_epi16(values, 8));
    return _mm_and_si128(joined, _mm_set1_epi16(0x00ff));
  }
  static __m128i digits(__m128i values) noexcept {
    const __m128i letters = _mm_cmpgt_epi8(values, _mm_set1_epi8(9));
    const __m128i gap = _mm_and_si128(letters, _mm_set1_epi8('a' - '0' - 10));
    return _mm_add_epi8(_mm_add_epi8(values, _mm_set1_epi8('0')), gap);
  }
};

struct Ssse3Steps {
  [[gnu::target("ssse3")]] static __m128i join(__m128i values) noexcept {
    return _mm_maddubs_epi16(values, _mm_set1_epi16(0x0110));  // 16 * even + 1 * odd
  }
  [[gnu::target("ssse3")]] static __m128i digits(__m128i values) noexcept {
    return _mm_shuffle_epi8(load_16(kHexDigits), values);
  }
};

// Always inlined, so that it is compiled for the instruction set of the function it ends in.
template <class Steps>
struct SseHex {
  [[gnu::always_inline]] static bool decode(const char* text, std::array<std::uint8_t, 16>& out) noexcept {
    __m128i valid = _mm_set1_epi8(-1);
    const __m128i head = Steps::join(values(load_16(text), valid));
    const __m128i tail = Steps::join(values(load_16(text + 16), valid));
    store_16(out.data(), _mm_packus_epi16(head, tail));
    return _mm_movemask_epi8(valid) == 0xffff;
  }
  [[gnu::always_inline]] static bool decode(const char* text, std::array<std::uint8_t, 8>& out) noexcept {
    __m128i valid = _mm_set1_epi8(-1);
    const __m128i joined = Steps::join(values(load_16(text), valid));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out.data()), _mm_packus_epi16(joined, joined));
    return _mm_movemask_epi8(valid) == 0xffff;
  }
  [[gnu::always_inline]] static void encode(const std::array<std::uint8_t, 16>& bytes, char* out) noexcept {
    const __m128i x = load_16(bytes.data());
    store_16(out, Steps::digits(_mm_unpacklo_epi8(high(x), low(x))));
    store_16(out + 16, Steps::digits(_mm_unpackhi_epi8(high(x), low(x))));
  }
  [[gnu::always_inline]] static void encode(const std::array<std::uint8_t, 8>& bytes, char* out) noexcept {
    const __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes.data()));
    store_16(out, Steps::digits(_mm_unpacklo_epi8(high(x), low(x))));
  }

 private:
  // Each digit's value; `valid` keeps its ones where there is one. min(x, n) == x is x <= n, which SSE2 has not.
  [[gnu::always_inline]] static __m128i values(__m128i text, __m128i& valid) noexcept {
    const __m128i number = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i letter = _mm_sub_epi8(text, _mm_set1_epi8('a'));
    const __m128i is_number = _mm_cmpeq_epi8(_mm_min_epu8(number, _mm_set1_epi8(9)), number);
    const __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
    valid = _mm_and_si128(valid, _mm_or_si128(is_number, is_letter));
    const __m128i letter_value = _mm_add_epi8(letter, _mm_set1_epi8(10));
    return _mm_or_si128(_mm_and_si128(is_number, number), _mm_and_si128(is_letter, letter_value));
  }
  [[gnu::always_inline]] static __m128i high(__m128i x) noexcept {
    return _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(15));
  }
  [[gnu::always_inline]] static __m128i low(__m128i x) noexcept { return _mm_and_si128(x, _mm_set1_epi8(15)); }
};

using VectorHex = SseHex<Sse2Steps>;
using Ssse3Hex = SseHex<Ssse3Steps>;

inline bool cpu_has_ssse3() noexcept { return __builtin_cpu_supports("ssse3") != 0; }  // one load and one test

#elif defined(__aarch64__)

// Loads and stores that take even and odd digits apart do half of the work.
struct VectorHex {
  static bool decode(const char* text, std::array<std::uint8_t, 16>& out) noexcept {
    const uint8x16x2_t digits = vld2q_u8(reinterpret_cast<const std::uint8_t*>(text));
    uint8x16_t valid = vdupq_n_u8(0xff);
    const uint8x16_t high = values(digits.val[0], valid);
    vst1q_u8(out.data(), vorrq_u8(vshlq_n_u8(high, 4), values(digits.val[1], valid)));
    return vminvq_u8(valid) == 0xff;
  }
  static bool decode(const char* text, std::array<std::uint8_t, 8>& out) noexcept {
    const uint8x8x2_t digits = vld2_u8(reinterpret_cast<const std::uint8_t*>(text));
    uint8x16_t valid = vdupq_n_u8(0xff);
    const uint8x16_t both = values(vcombine_u8(digits.val[0], digits.val[1]), valid);
    vst1_u8(out.data(), vorr_u8(vshl_n_u8(vget_low_u8(both), 4), vget_high_u8(both)));
    return vminvq_u8(valid) == 0xff;
  }
  static void encode(const std::array<std::uint8_t, 16>& bytes, char* out) noexcept {
    const uint8x16_t x = vld1q_u8(bytes.data());
    const uint8x16_t table = vld1q_u8(reinterpret_cast<const std::uint8_t*>(kHexDigits));
    const uint8x16_t low = vqtbl1q_u8(table, vandq_u8(x, vdupq_n_u8(15)));
    vst2q_u8(reinterpret_cast<std::uint8_t*>(out), {{vqtbl1q_u8(table, vshrq_n_u8(x, 4)), low}});
  }
  static void encode(const std::array<std::uint8_t, 8>& bytes, char* out) noexcept {
    const uint8x8_t x = vld1_u8(bytes.data());
    const uint8x16_t table = vld1q_u8(reinterpret_cast<const std::uint8_t*>(kHexDigits));
    const uint8x8_t low = vqtbl1_u8(table, vand_u8(x, vdup_n_u8(15)));
    vst2_u8(reinterpret_cast<std::uint8_t*>(out), {{vqtbl1_u8(table, vshr_n_u8(x, 4)), low}});
  }

 private:
  static uint8x16_t values(uint8x16_t text, uint8x16_t& valid) noexcept {
    const uint8x16_t number = vsubq_u8(text, vdupq_n_u8('0'));
    const uint8x16_t letter = vsubq_u8(text, vdupq_n_u8('a'));
    const uint8x16_t is_number = vcleq_u8(number, vdupq_n_u8(9));
    valid = vandq_u8(valid, vorrq_u8(is_number, vcleq_u8(letter, vdupq_n_u8(5))));
    return vandq_u8(vbslq_u8(is_number, number, vaddq_u8(letter, vdupq_n_u8(10))), vdupq_n_u8(15));
  }
};

#else

using VectorHex = ScalarHex;

#endif

}  // namespace seawall::detail
