// SPDX-License-Identifier: MIT
//
// The words of a line of a keyed table, as bits. detail/keyed_line.h says how they work together.
//
//   slot     tag | value | stamp (8)          tag 0: vacant; the value then only tells one vacancy from another
//   control  mark | slot (3) | turn (8)       all zero is a line never used
//
// Time is in ticks of the rule. The mark is an instant in units of 2^unit_shift ticks. A value holds the low bits of an
// instant, which is read as the one that lies nearest to the mark: less than reach() away, which the line sees to.
#pragma once

#include <cstdint>

#include "seawall/time.h"

namespace seawall::algorithm {

inline constexpr int kStampBits = 8;
inline constexpr std::uint64_t kStampMask = (std::uint64_t{1} << kStampBits) - 1;

// An instant since the epoch, and the rule's tick that it is in: computed once for a call, or a batch of them.
struct KeyedMoment {
  Duration elapsed;
  std::uint64_t ticks;
};

struct KeyedControl {
  static constexpr std::uint64_t kSweep = 7;  // in place of a slot: all of them
  static constexpr int kMarkShift = kStampBits + 3;
  static constexpr std::uint64_t kNoMark = (std::uint64_t{1} << kMarkShift) - 1;  // the bits that are no mark

  std::uint64_t mark = 0;  // in units
  std::uint64_t slot = 0;
  std::uint64_t turn = 0;

  static constexpr KeyedControl from(std::uint64_t word) noexcept {
    return {word >> kMarkShift, word >> kStampBits & 7, word & kStampMask};
  }
  constexpr std::uint64_t word() const noexcept { return mark << kMarkShift | slot << kStampBits | turn; }
};

class KeyedCode {
 public:
  static constexpr int kMarkBits = 64 - KeyedControl::kMarkShift;

  // value_bits counts the instant's bits and `extra_bits` that the rule keeps above them.
  constexpr KeyedCode(int instant_bits, int extra_bits, int unit_shift) noexcept
      : unit_shift_(unit_shift),
        mark_shift_(KeyedControl::kMarkShift - unit_shift),
        tag_shift_(instant_bits + extra_bits + kStampBits),
        unread_bits_(64 - instant_bits),
        half_reach_(std::uint64_t{1} << (instant_bits - 2)),
        near_(units_down(half_reach_) << KeyedControl::kMarkShift),
        tag_place_(~std::uint64_t{0} << tag_shift_),
        value_place_(~tag_place_ & ~kStampMask) {}

  constexpr int tag_bits() const noexcept { return 64 - tag_shift_; }
  // A tag stands where it does in a word: it is the least word of a key.
  constexpr std::uint64_t tag(std::uint64_t word) const noexcept { return word & tag_place_; }
  constexpr bool has_tag(std::uint64_t word, std::uint64_t tag) const noexcept {
    return ((word ^ tag) & tag_place_) == 0;
  }
  constexpr std::uint64_t tag_place() const noexcept { return tag_place_; }
  constexpr std::uint64_t value(std::uint64_t word) const noexcept { return (word & value_place_) >> kStampBits; }
  // What `value` has above a value's bits does not matter.
  constexpr std::uint64_t with(std::uint64_t word, std::uint64_t value) const noexcept {
    return word ^ ((word ^ value << kStampBits) & value_place_);
  }
  static constexpr std::uint64_t stamp(std::uint64_t word) noexcept { return word & kStampMask; }
  static constexpr std::uint64_t restamp(std::uint64_t word, std::uint64_t stamp) noexcept {
    return (word & ~kStampMask) | stamp;
  }
  constexpr bool vacant(std::uint64_t word) const noexcept { return tag(word) == 0; }
  constexpr std::uint64_t word(std::uint64_t tag, std::uint64_t value, std::uint64_t stamp) const noexcept {
    return tag | value << kStampBits | stamp;
  }
  // Vacated at `mark`: no mark is met twice by a sweep, so no thread that slept takes this vacancy for an earlier one.
  constexpr std::uint64_t vacancy(std::uint64_t mark, std::uint64_t stamp) const noexcept { return with(stamp, mark); }

  constexpr std::uint64_t reach() const noexcept { return 2 * half_reach_; }
  constexpr std::uint64_t ticks(const KeyedControl& control) const noexcept { return control.mark << unit_shift_; }
  constexpr std::uint64_t units_down(std::uint64_t ticks) const noexcept { return ticks >> unit_shift_; }
  constexpr std::uint64_t units_up(std::uint64_t ticks) const noexcept {
    return (ticks + (std::uint64_t{1} << unit_shift_) - 1) >> unit_shift_;
  }
  // An instant so long after the mark that a value charged then could come out of reach.
  constexpr bool late(std::uint64_t now, std::uint64_t mark) const noexcept { return now >= mark + half_reach_; }

  // Not late, and not before the mark of this control word.
  constexpr bool near(std::uint64_t now, std::uint64_t control) const noexcept {
    // In units, above the bits of a control word that are no mark, which are all ones here: nothing is borrowed.
    const std::uint64_t latest = now << mark_shift_ | KeyedControl::kNoMark;
    return latest - control < near_;
  }

  constexpr std::uint64_t low_bits(std::uint64_t instant) const noexcept { return instant & (2 * reach() - 1); }
  // The bits above the instant's do not matter.
  constexpr std::uint64_t absolute(std::uint64_t value, std::uint64_t mark) const noexcept {
    // Their distance, as a signed number of so many bits.
    const auto ahead = static_cast<std::int64_t>((value - mark) << unread_bits_) >> unread_bits_;
    return mark + static_cast<std::uint64_t>(ahead);
  }

 private:
  int unit_shift_;
  int mark_shift_;  // from ticks to a control word
  int tag_shift_;
  int unread_bits_;  // 64 less an instant's
  std::uint64_t half_reach_;
  std::uint64_t near_;         // half a reach as a control word has it
  std::uint64_t tag_place_;    // the bits of a word that are its tag
  std::uint64_t value_place_;  // and its value
};

}  // namespace seawall::algorithm
