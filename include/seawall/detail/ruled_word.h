// SPDX-License-Identifier: MIT
//
// RuledWord: a word of state and the rule that it is decided by, which can be replaced while others decide.
//
// Word: bits 0 to 60 the state, 61 to 63 the generation of the rule it was written under. 0 is the rule of the
// constructor, in plain memory; each change takes the next of 1, 2, ... 6, 1, ..., in one of two slots in turn. One
// exchange of the word moves state and generation together, so no state is ever decided on by a rule that is not its
// own: whoever decided by an older rule loses his exchange. (He would win it only if he slept through a multiple of six
// changes and then found the same state to the bit. A changer that wins so leaves a generation that is not in force:
// whoever meets it begins the rule that is in force anew, as in the constructor.)
//
// A change: claim the spare slot, write the rule into it, mark it agreed, exchange the word. A changer that dies before
// the mark has changed nothing and the next one takes its claim; after the mark the next changer finishes for it. Words
// of a slot carry the number of their claim and only a newer claim may overwrite them, so a changer that slept and lost
// its claim cannot write into a rule that is in force. Claims are numbered modulo 2^32.
//
//   change_   {claim, generation it makes, kIdle or kClaimed or kAgreed}; that generation is in force when idle, the
//             one before it when claimed
//
// Rule: pack() and unpack() of six 32-bit numbers, and taken_over(old rule, state, how, now) as in Gcra.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "seawall/decision.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/step.h"
#include "seawall/detail/update.h"
#include "seawall/time.h"

namespace seawall::detail {

template <class Cell, class Rule>
class RuledWord {
 public:
  static constexpr int kGenerationShift = 61;
  static constexpr std::uint64_t kStateMask = (std::uint64_t{1} << kGenerationShift) - 1;

  explicit RuledWord(const Rule& rule) noexcept : first_(rule) {}

  // The mark of a state's generation, to be kept beside what a charge says about the state.
  static constexpr std::uint64_t generation_of(std::uint64_t word) noexcept { return word & ~kStateMask; }
  static constexpr std::uint64_t state_of(std::uint64_t word) noexcept { return word & kStateMask; }

  // ask(rule) -> request; step(rule, request, state, generation mark) -> next state; tell(rule, request, state, next
  // state, generation mark) -> answer. In three, so that what the rule makes of a request is made once, and the answer
  // once and in its place.
  template <class Ask, class NextState, class Tell>
  [[gnu::always_inline]] auto update(Ask ask, NextState step, Tell tell) noexcept {
    // Acquire: the slot of the generation seen was written before.
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    if (seen <= kStateMask) [[likely]] {
      const auto request = ask(first_);
      do {
        const std::uint64_t before = seen;
        const std::uint64_t next = step(first_, request, before, std::uint64_t{0});
        // Apart, so that a refusal and what was taken are told each in its place.
        if (next == before) return tell(first_, request, before, before, std::uint64_t{0});
        if (exchange(seen, next)) return tell(first_, request, before, next, std::uint64_t{0});
      } while (seen <= kStateMask);
    }
    return update_later(seen, ask, step, tell);
  }

  // For a function that changes the state it is given: act(rule, state, generation mark) -> answer. It is called once
  // more for the answer.
  template <class Act>
  auto apply(const Act& act) noexcept {
    return update([](const Rule&) { return 0; },
                  [&](const Rule& rule, int, std::uint64_t state, std::uint64_t mark) {
                    act(rule, state, mark);
                    return state;
                  },
                  [&](const Rule& rule, int, std::uint64_t state, std::uint64_t, std::uint64_t mark) {
                    return act(rule, state, mark);
                  });
  }

  // look(rule, state) -> answer, of one moment.
  template <class Look>
  auto look(const Look& look) const noexcept {
    std::uint64_t seen = word_.load(std::memory_order_acquire);  // acquire: as in update
    for (;;) {
      if (seen >> kGenerationShift == 0) [[likely]]
        return look(first_, seen);
      if (const auto rule = rule_of(seen)) return look(*rule, state_of(seen));
      const std::uint64_t found = std::exchange(seen, word_.load(std::memory_order_acquire));  // acquire: as above
      if (seen == found) seen = mended(seen);
    }
  }

  // Replaces the rule as of `elapsed`. False: a later change overtook this one, and that one holds.
  bool change(const Rule& rule, LimitChange how, Duration elapsed) noexcept {
    // Acquire, here and in all that touches change_: what its writer wrote before is seen.
    std::uint64_t seen = change_.load(std::memory_order_acquire);
    std::uint64_t mine = 0;
    do {
      while ((seen & kStageMask) == kAgreed) {
        put_in_force(seen);
        seen = change_.load(std::memory_order_acquire);
      }
      const std::uint64_t named = generation_named(seen);
      const std::uint64_t next = (seen & kStageMask) == kClaimed ? named : named % kLastGeneration + 1;
      mine = ((seen >> kClaimShift) + 1) << kClaimShift | next << kStageBits | kClaimed;
      // Release and acquire: orders the claim after what was seen of earlier changes.
    } while (!change_.compare_exchange_strong(seen, mine, std::memory_order_acq_rel, std::memory_order_acquire) &&
             (seen >> kClaimShift) < (mine >> kClaimShift));
    if ((seen >> kClaimShift) >= (mine >> kClaimShift)) return false;
    return fill(mine, rule, how, elapsed) && agree(mine);
  }

 private:
  static constexpr std::uint64_t kIdle = 0, kClaimed = 1, kAgreed = 2, kStageMask = 3;
  static constexpr int kStageBits = 2, kClaimShift = 5;
  static constexpr std::uint64_t kLastGeneration = 6;  // even, so that the slots take turns

  // A slot: the rule's numbers, the instant of the change (two), how and generation. Each word is {number, claim}.
  static constexpr std::size_t kInstant = std::tuple_size_v<typename Rule::Packed>;
  static constexpr std::size_t kMeta = kInstant + 2;
  static constexpr std::size_t kWords = kMeta + 1;
  using Slot = std::array<Cell, kWords>;
  using Numbers = std::array<std::uint32_t, kWords>;

  static constexpr std::uint64_t generation_named(std::uint64_t change) noexcept { return change >> kStageBits & 7; }

  // Out of line and by value, so that the usual way keeps all in registers: only objects whose limit was changed come
  // here, and stay here.
  template <class Ask, class NextState, class Tell>
  [[gnu::noinline]] auto update_later(std::uint64_t seen, Ask ask, NextState step, Tell tell) noexcept {
    for (;;) {
      if (const auto rule = rule_of(seen)) {
        const auto request = ask(*rule);
        const std::uint64_t state = state_of(seen);
        const std::uint64_t mark = generation_of(seen);
        const std::uint64_t next = step(*rule, request, state, mark);
        if (exchange(seen, next | mark)) return tell(*rule, request, state, next, mark);
      } else {
        const std::uint64_t found =
            std::exchange(seen, word_.load(std::memory_order_acquire));  // acquire: as in update
        if (seen == found) exchange(seen, mended(seen));
      }
    }
  }

  // A word whose rule cannot be read: itself, when it has moved on by now or will at once; else, when its generation is
  // not the one in force, what has to stand in its place. Twice the same change_: what lies between is of one moment.
  std::uint64_t mended(std::uint64_t word) const noexcept {
    const std::uint64_t change = change_.load(std::memory_order_acquire);  // acquire: as in change
    const std::uint64_t stage = change & kStageMask, generation = word >> kGenerationShift;
    const std::uint64_t after = generation_named(change), before = generation_before(after);
    if (generation == (stage == kClaimed ? before : after)) return word;
    if (stage == kAgreed && generation == before) return word;
    // Acquire: as above.
    if (word_.load(std::memory_order_acquire) != word || change_.load(std::memory_order_acquire) != change) return word;
    return (stage == kClaimed ? before : after) << kGenerationShift;
  }
  std::uint64_t generation_before(std::uint64_t generation) const noexcept {
    if (generation > 1) return generation - 1;
    return generation == 1 && numbers(kLastGeneration) ? kLastGeneration : 0;
  }

  bool exchange(std::uint64_t& seen, std::uint64_t next) noexcept {
    // Acquire on failure: the slot of the generation found was written before. On success relaxed would do, the word
    // publishes nothing but itself, but g++ 12 warns of a failure order that is the stronger one.
    return next == seen ||
           word_.compare_exchange_weak(seen, next, std::memory_order_acquire, std::memory_order_acquire);
  }

  // The numbers of a generation, unless the slot is being written anew: then the word has moved on.
  std::optional<Numbers> numbers(std::uint64_t generation) const noexcept {
    const Slot& slot = slots_[generation & 1];
    Numbers all{};
    // Acquire: keeps the look at a newer claim's number before later looks.
    const std::uint64_t meta = slot[kMeta].load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint64_t word = slot[i].load(std::memory_order_acquire);  // acquire: as above
      if (claim_of(word) != claim_of(meta)) return std::nullopt;
      all[i] = static_cast<std::uint32_t>(word >> 32);
    }
    if ((all[kMeta] & 7) != generation) return std::nullopt;
    return all;
  }
  static Rule rule_in(const Numbers& all) noexcept {
    typename Rule::Packed packed{};
    for (std::size_t i = 0; i < packed.size(); ++i) packed[i] = all[i];
    return Rule::unpack(packed);
  }

  std::optional<Rule> rule_of(std::uint64_t word) const noexcept {
    if (word >> kGenerationShift == 0) return first_;
    const auto all = numbers(word >> kGenerationShift);
    return all ? std::optional<Rule>(rule_in(*all)) : std::nullopt;
  }

  static constexpr std::uint32_t claim_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }

  // False: a newer claim has begun to write.
  bool fill(std::uint64_t mine, const Rule& rule, LimitChange how, Duration elapsed) noexcept {
    const std::uint64_t generation = generation_named(mine);
    const auto claim = claim_of(mine >> kClaimShift);
    const auto ns = static_cast<std::uint64_t>(elapsed.count());
    const auto packed = rule.pack();
    Numbers all{};
    for (std::size_t i = 0; i < packed.size(); ++i) all[i] = packed[i];
    all[kInstant] = static_cast<std::uint32_t>(ns);
    all[kInstant + 1] = static_cast<std::uint32_t>(ns >> 32);
    all[kMeta] = static_cast<std::uint32_t>(generation) | static_cast<std::uint32_t>(how) << 3;
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint64_t word = std::uint64_t{all[i]} << 32 | claim;
      const bool written = publish(slots_[generation & 1][i], [&](std::uint64_t seen) {
        const bool older = static_cast<std::int32_t>(claim - claim_of(seen)) > 0;
        return Step<bool>{older ? word : seen, older};
      });
      if (!written) return false;
    }
    return true;
  }

  bool agree(std::uint64_t mine) noexcept {
    std::uint64_t expected = mine;
    const std::uint64_t agreed = (mine & ~kStageMask) | kAgreed;
    // Release: the slot is written. Acquire on failure is of no use, but must be as strong as any load of the word.
    if (!change_.compare_exchange_strong(expected, agreed, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return false;
    }
    put_in_force(agreed);
    return true;
  }

  // For the changer, and for whoever finds the change agreed and not finished.
  void put_in_force(std::uint64_t agreed) noexcept {
    const std::uint64_t generation = generation_named(agreed);
    publish(word_, [&](std::uint64_t seen) {
      if (seen >> kGenerationShift == generation) return Step<bool>{seen, true};
      const auto next = numbers(generation);
      const auto old = rule_of(seen);
      // Acquire: after the slots. Still agreed, so what was read is the rule that was agreed on, and its predecessor.
      if (change_.load(std::memory_order_acquire) != agreed || !next) return Step<bool>{seen, false};
      if (!old) return Step<bool>{generation << kGenerationShift, true};  // as in mended()
      const auto how = static_cast<LimitChange>((*next)[kMeta] >> 3);
      const Duration elapsed(static_cast<std::int64_t>(std::uint64_t{(*next)[kInstant + 1]} << 32 | (*next)[kInstant]));
      const std::uint64_t state = rule_in(*next).taken_over(*old, state_of(seen), elapsed, how);
      return Step<bool>{state | generation << kGenerationShift, true};
    });
    std::uint64_t expected = agreed;
    // Release: the word has moved on. Failure: somebody else finished this change.
    change_.compare_exchange_strong(expected, agreed & ~kStageMask, std::memory_order_acq_rel,
                                    std::memory_order_acquire);
  }

  // Read by everybody, written by nobody.
  Rule first_;

  // Written by every decision that takes something.
  alignas(kCacheLine) Cell word_{0};

  // Written by changes.
  alignas(kCacheLine) Cell change_{0};
  std::array<Slot, 2> slots_{};
};

}  // namespace seawall::detail
