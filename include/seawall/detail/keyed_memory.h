// SPDX-License-Identifier: MIT
//
// The memory of a keyed table: a header that says what it is, counts, overflow, lines. It holds no address, so it works
// wherever it is mapped, in several processes at once.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <span>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "seawall/detail/cache_line.h"
#include "seawall/detail/keyed_tally.h"
#include "seawall/detail/siphash.h"
#include "seawall/result.h"

namespace seawall::detail {

struct KeyedHeader {
  static constexpr std::uint64_t kMagic = 0x3364657965734b57;  // another layout gets another number

  std::atomic<std::uint64_t> magic{0};  // written last
  std::uint64_t kind = 0;
  std::int64_t permits = 0;
  std::int64_t period_ns = 0;
  std::int64_t burst = 0;
  std::int64_t epoch_ns = 0;
  std::uint64_t when_full = 0;
  std::uint64_t line_count = 0;
  SipKey seed{};
  std::int64_t tag_bits = 0;  // of the rule, or fewer: what a table had that this one took over from
};

template <class Line>
class KeyedMemory {
 public:
  static constexpr std::size_t kGroups = 64;  // of lines, each with an overflow of its own

  struct Fixed {
    KeyedHeader header;
    KeyedTallies tallies;
    alignas(kCacheLine) std::array<typename Line::Overflow, kGroups> overflow{};
  };

  static constexpr std::size_t bytes(std::size_t lines) noexcept { return sizeof(Fixed) + lines * sizeof(Line); }
  static constexpr std::size_t lines(std::size_t bytes) noexcept {
    return bytes < sizeof(Fixed) ? 0 : (bytes - sizeof(Fixed)) / sizeof(Line);
  }
  static constexpr std::size_t kMost = std::size_t{1} << 42;
  static bool aligned(const void* memory) noexcept {
    return reinterpret_cast<std::uintptr_t>(memory) % kCacheLine == 0;
  }

  static Result<void> check_size(std::size_t bytes) {
    if (bytes >= KeyedMemory::bytes(1) && bytes <= kMost) return {};
    return out_of_range(
        "memory_bytes",
        static_cast<std::int64_t>(std::min<std::size_t>(bytes, std::numeric_limits<std::int64_t>::max())),
        KeyedMemory::bytes(1), kMost);
  }
  static Result<void> check_place(std::span<std::byte> memory) {
    if (!aligned(memory.data())) return Error{Code::kInvalidArgument, "memory must be aligned to 64 bytes"};
    return check_size(memory.size());
  }

  KeyedMemory() = default;
  explicit KeyedMemory(void* memory) noexcept
      : fixed_(static_cast<Fixed*>(memory)), lines_(static_cast<Line*>(static_cast<void*>(fixed_ + 1))) {}

  // Makes objects of raw memory.
  void construct(std::size_t count) noexcept {
    new (fixed_) Fixed();
    construct_lines(count);
  }
  void construct_lines(std::size_t count) noexcept { std::uninitialized_value_construct_n(lines_, count); }

  Fixed& fixed() const noexcept { return *fixed_; }
  Line* lines() const noexcept { return lines_; }

 private:
  Fixed* fixed_ = nullptr;
  Line* lines_ = nullptr;
};

inline SipKey random_seed(std::uint64_t given) {
  if (given != 0) return {given, ~given};
  std::random_device random;
  const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
  return {word(), word()};
}

// Memory of one process, in huge pages where the kernel gives them: a random key then costs one miss and not two.
struct KeyedFree {
  std::align_val_t alignment{};
  void operator()(void* memory) const noexcept { ::operator delete(memory, alignment); }
};
using KeyedAllocation = std::unique_ptr<void, KeyedFree>;

inline KeyedAllocation allocate_keyed(std::size_t bytes) noexcept {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const std::align_val_t alignment{bytes >= kHuge ? kHuge : kCacheLine};
  void* memory = ::operator new(bytes, alignment, std::nothrow);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Advice only: refused, it changes nothing but speed.
  if (memory != nullptr && bytes >= kHuge) (void)madvise(memory, bytes / kHuge * kHuge, MADV_HUGEPAGE);
#endif
  return {memory, KeyedFree{alignment}};
}

}  // namespace seawall::detail
