// SPDX-License-Identifier: MIT
//
// The strict sliding window of one key (algorithm/window.h), of six sub-windows: as many as a cache line has words for.
//
// The word of a slot is the head of the key's window: its instant is the number of the sub-window in progress, above it
// stand the permits of the whole window and a mark, frozen, that says that the sub-window is over. With limit L it
// keeps 7 bits or more of the number, bit_width(2 L) of permits (those that were there before may have been given back
// and taken again) and the mark.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "seawall/algorithm/elapsed.h"
#include "seawall/algorithm/keyed_code.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/algorithm/window.h"
#include "seawall/decision.h"
#include "seawall/quota.h"
#include "seawall/result.h"

namespace seawall::algorithm {

// The permits of a sub-window, or those that it found taken.
struct KeyedCountOf {
  std::uint64_t index = 0;
  std::int64_t permits = 0;
  bool frozen = false;
};

class KeyedWindow {
 public:
  using Count = KeyedCountOf;
  using Ring = WindowRing;
  static constexpr std::int32_t kSubWindows = 6;

  // Errors: kInvalidArgument for a burst other than permits, and for a period in which a line's control word could not
  // count the sub-windows of the horizon (shorter than some microseconds).
  static constexpr Result<KeyedWindow> make(const Quota& quota) {
    auto window = Window::make(quota, kSubWindows);
    if (!window) window = Window::make(quota, 1);
    if (!window) return window.error();
    const KeyedWindow made(window.value());
    if (made.code_.tag_bits() >= 16) return made;
    return Error{Code::kInvalidArgument, "the period is too short for a sliding window with keys"};
  }

  constexpr const Window& window() const noexcept { return window_; }
  constexpr const KeyedCode& code() const noexcept { return code_; }
  constexpr std::uint64_t ticks(Duration elapsed) const noexcept { return window_.index(elapsed); }
  constexpr KeyedMoment moment(Duration elapsed) const noexcept { return {elapsed, ticks(elapsed)}; }
  constexpr Duration at(std::uint64_t index) const noexcept { return window_.start(std::max<std::uint64_t>(index, 1)); }
  constexpr std::int64_t burst() const noexcept { return window_.limit(); }

  // The permits that a key has taken which had taken `state` of them under `old`.
  constexpr std::uint64_t taken_over(const KeyedWindow& old, std::uint64_t state, LimitChange how) const noexcept {
    if (how == LimitChange::kReset) return 0;
    const auto limit = static_cast<std::uint64_t>(burst());
    const auto old_limit = static_cast<std::uint64_t>(old.burst());
    const std::uint64_t taken = how == LimitChange::kKeep
                                    ? state
                                    : static_cast<std::uint64_t>((Wide{state} * limit + old_limit - 1) / old_limit);
    return std::min(taken, limit);
  }

  // ---- the word of a slot --------------------------------------------------------------------------------------

  constexpr KeyedCountOf head(std::uint64_t word, std::uint64_t mark) const noexcept {
    const std::uint64_t value = code_.value(word);
    const std::uint64_t above = value >> instant_bits_;
    return {code_.absolute(value, mark), static_cast<std::int64_t>(above >> 1), (above & 1) != 0};
  }
  constexpr std::uint64_t value(const KeyedCountOf& head) const noexcept {
    const std::uint64_t above = static_cast<std::uint64_t>(head.permits) << 1 | (head.frozen ? 1U : 0U);
    return above << instant_bits_ | code_.low_bits(head.index);
  }
  constexpr std::uint64_t with(std::uint64_t word, const KeyedCountOf& head) const noexcept {
    return code_.with(word, value(head));
  }
  // The first sub-window in which the key is as good as forgotten: no window that ends then or later touches the
  // head's.
  constexpr std::uint64_t busy_until(std::uint64_t word, std::uint64_t mark) const noexcept {
    return head(word, mark).index + window_.sub_windows() + 1;
  }

  // ---- the words beside it, which are never frozen ---------------------------------------------------------------

  constexpr KeyedCountOf count(std::uint64_t word) const noexcept {
    return {word >> count_bits_, static_cast<std::int64_t>(word & ((std::uint64_t{1} << count_bits_) - 1)), false};
  }
  constexpr std::uint64_t word(const KeyedCountOf& count) const noexcept {
    return count.index << count_bits_ | static_cast<std::uint64_t>(count.permits);
  }

 private:
  constexpr explicit KeyedWindow(const Window& window) noexcept
      : window_(window),
        count_bits_(static_cast<int>(std::bit_width(2 * static_cast<std::uint64_t>(window.limit())))),
        instant_bits_(std::max(7, unit_shift(window) + 8)),
        code_(instant_bits_, count_bits_ + 1, unit_shift(window)) {}

  static constexpr int unit_shift(const Window& window) noexcept {
    return std::max(0, static_cast<int>(std::bit_width(window.index(kHorizon))) - KeyedCode::kMarkBits);
  }

  Window window_;
  int count_bits_;
  int instant_bits_;
  KeyedCode code_;
};

}  // namespace seawall::algorithm
