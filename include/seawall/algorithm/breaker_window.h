// SPDX-License-Identifier: MIT
//
// The words of a circuit breaker's windows, as pure functions. A window holds the calls of one closed generation; a
// word of another generation counts as empty and is taken over, so nothing is ever cleared.
//
//   calls   63..47 generation | 46..0 calls                  of one CPU in this generation
//   block   63..47 generation | 46..16 number | 15..0 bits   bit i: call 16 * number + i of the generation was bad
//   newest  63..47 generation | 46..0 slice                  the latest slice of time that a call counted in
//   slice   63..30 slice | 29..24 generation | 23..0 calls   of one CPU, or the bad ones of all, in one slice
//
// Horizons. A block number returns after 2^35 calls of one generation: a block that no bad call has met since then
// counts again, 16 calls at most. A slice returns after 54 years (2^34 slices of 100 ms); of its generation 6 bits
// are kept, so calls before 64, 128, ... transitions in the very same slice count again. A slice is full with
// 16,777,215 calls of one CPU; further ones are not counted, neither good nor bad.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "seawall/algorithm/breaker_config.h"
#include "seawall/algorithm/breaker_event.h"
#include "seawall/algorithm/breaker_word.h"
#include "seawall/detail/step.h"

namespace seawall {

// What a window holds. A slow failure is in both.
struct BreakerWindow {
  std::int64_t calls = 0;
  std::int64_t failures = 0;
  std::int64_t slow = 0;

  friend constexpr bool operator==(const BreakerWindow&, const BreakerWindow&) = default;
};

namespace algorithm::breaker {

using WindowGeneration = WordField<47, 17>;  // of calls, block and newest
using Calls = WordField<0, 47>;
using BlockNumber = WordField<16, 31>;
using BlockBits = WordField<0, 16>;
using NewestSlice = WordField<0, 47>;
using SliceNumber = WordField<30, 34>;
using SliceGeneration = WordField<24, 6>;
using SliceCount = WordField<0, 24>;

inline constexpr std::int64_t kBlockCalls = 16;
inline constexpr std::int64_t kBlocks = CircuitBreakerConfig::kMaxCountWindow / kBlockCalls + 1;

constexpr bool is_of(std::uint64_t word, std::uint64_t generation) noexcept {
  return WindowGeneration::get(word) == generation;
}

constexpr std::int64_t calls_in(std::uint64_t calls, std::uint64_t generation) noexcept {
  return is_of(calls, generation) ? static_cast<std::int64_t>(Calls::get(calls)) : 0;
}
constexpr std::uint64_t one_more_call(std::uint64_t calls, std::uint64_t generation) noexcept {
  return is_of(calls, generation) ? calls + 1 : WindowGeneration::of(generation) | Calls::of(1);
}

// The number that stands in the block of the call at `index` (0 is the first of the generation).
constexpr std::uint64_t block_number(std::int64_t index) noexcept {
  return static_cast<std::uint64_t>(index / kBlockCalls) & BlockNumber::kMax;
}

enum class Marked { kDone, kFull, kGone };

// Marks the call at `index`, or the last one before it in its block that is not marked yet: two calls that end at once
// may both count as the last. kFull: look in the block before. kGone: the window has moved past it.
constexpr detail::Step<Marked> mark(std::uint64_t block, std::uint64_t generation, std::int64_t index) noexcept {
  const std::uint64_t number = block_number(index);
  const std::uint64_t own = std::uint64_t{1} << (index % kBlockCalls);
  const std::uint64_t fresh = WindowGeneration::of(generation) | BlockNumber::of(number) | own;
  if (!is_of(block, generation)) return {fresh, Marked::kDone};
  const std::uint64_t ahead = (BlockNumber::get(block) - number) & BlockNumber::kMax;
  if (ahead != 0)
    return ahead <= BlockNumber::kMax / 2 ? detail::Step<Marked>{block, Marked::kGone}
                                          : detail::Step<Marked>{fresh, Marked::kDone};
  const std::uint64_t free = ~BlockBits::get(block) & (2 * own - 1);
  return free == 0 ? detail::Step<Marked>{block, Marked::kFull}
                   : detail::Step<Marked>{block | std::bit_floor(free), Marked::kDone};
}

// How many of the calls from `first` to `last` (of one block) are marked.
constexpr std::int64_t marked_in(std::uint64_t block, std::uint64_t generation, std::int64_t first,
                                 std::int64_t last) noexcept {
  if (!is_of(block, generation) || BlockNumber::get(block) != block_number(last)) return 0;
  const std::uint64_t up_to_last = (std::uint64_t{2} << (last % kBlockCalls)) - 1;
  const std::uint64_t before_first = (std::uint64_t{1} << (first % kBlockCalls)) - 1;
  return std::popcount(BlockBits::get(block) & up_to_last & ~before_first);
}

constexpr std::int64_t slice_of(const CircuitBreakerConfig& config, std::int64_t elapsed) noexcept {
  return elapsed / config.slice().count();
}

// Time of a window does not go back: the slice that a call of `slice` counts in.
constexpr detail::Step<std::int64_t> enter_slice(std::uint64_t newest, std::uint64_t generation,
                                                 std::int64_t slice) noexcept {
  const auto seen = static_cast<std::int64_t>(NewestSlice::get(newest));
  if (is_of(newest, generation) && seen >= slice) return {newest, seen};
  return {WindowGeneration::of(generation) | NewestSlice::of(static_cast<std::uint64_t>(slice)), slice};
}

constexpr std::uint64_t slice_stamp(std::int64_t slice, std::uint64_t generation) noexcept {
  return (static_cast<std::uint64_t>(slice) & SliceNumber::kMax) << 30 | (generation & SliceGeneration::kMax) << 24;
}
constexpr bool in_slice(std::uint64_t word, std::uint64_t stamp) noexcept { return (word ^ stamp) <= SliceCount::kMax; }

// Answers whether the call was counted.
constexpr detail::Step<bool> count_in_slice(std::uint64_t word, std::uint64_t stamp) noexcept {
  if (in_slice(word, stamp)) {
    const bool full = SliceCount::get(word) == SliceCount::kMax;
    return {full ? word : word + 1, !full};
  }
  const bool same_generation = SliceGeneration::get(word) == SliceGeneration::get(stamp);
  const std::uint64_t ahead = (SliceNumber::get(word) - SliceNumber::get(stamp)) & SliceNumber::kMax;
  if (same_generation && ahead <= SliceNumber::kMax / 2) return {word, false};  // the window has moved past it
  return {stamp | 1, true};
}

// Has the rate been reached? In whole numbers, so exactly: bad / calls >= percent / 100.
constexpr bool reaches(std::int64_t bad, std::int64_t calls, std::int32_t percent) noexcept {
  return percent != 0 && bad * 100 >= calls * percent;
}

// Why the breaker should open, or kNone. `minimum` as it applies to the window.
constexpr BreakerReason judge(const CircuitBreakerConfig& config, const BreakerWindow& window, std::int32_t minimum,
                              BreakerReason failure_reason, BreakerReason slow_reason) noexcept {
  if (window.calls < minimum) return BreakerReason::kNone;
  const CircuitBreakerOptions& o = config.options();
  if (reaches(window.failures, window.calls, o.failure_rate_threshold)) return failure_reason;
  return reaches(window.slow, window.calls, o.slow_call_rate_threshold) ? slow_reason : BreakerReason::kNone;
}
constexpr BreakerReason judge_count(const CircuitBreakerConfig& config, const BreakerWindow& window) noexcept {
  const auto minimum = std::min(config.options().minimum_calls, config.options().count_window);
  return judge(config, window, minimum, BreakerReason::kCountFailureRate, BreakerReason::kCountSlowRate);
}
constexpr BreakerReason judge_time(const CircuitBreakerConfig& config, const BreakerWindow& window) noexcept {
  return judge(config, window, config.options().minimum_calls, BreakerReason::kTimeFailureRate,
               BreakerReason::kTimeSlowRate);
}

}  // namespace algorithm::breaker
}  // namespace seawall
