// SPDX-License-Identifier: MIT
//
// TicketSlots: who is inside a pipeline, and on which composition. One word for each call that is out makes three
// promises: a ticket is given back once; a composition is freed only when no call needs it; and a ticket that is never
// given back costs its slot until its lease ends, not for ever.
//
//   slot     state:2 (free, inside, out) | version:4 | sequence:22 | lease end:36, in units of 16.8 ms, 36 years
//   ticket   sequence:32 | slot + 1:32
//
// A thread that goes in takes a free slot (or one whose lease is over) and writes there the version that it is about to
// use, then looks whether that version is still the current one, and only then uses it: a hazard pointer. Going out
// with a ticket leaves the version there; giving the ticket back goes in again, and is what can happen once. Inside, a
// slot belongs to its thread, and no lease ends. The sequence tells a ticket from an earlier one in the same slot: one
// that is kept for exactly 4,194,304 later uses of its slot would be taken for the new one.
//
// A slot is taken near the thread's own cursor, so two threads seldom write one line. Lock-free.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/thread_stripe.h"

namespace seawall::detail {

template <class Cell, std::uint32_t kStripes = 16>
class BasicTicketSlots {
 public:
  static constexpr std::uint32_t kVersions = 16;
  static constexpr int kUnitBits = 24;  // of ns

  // A slot that belongs to the calling thread.
  struct Held {
    std::uint32_t slot = 0;
    std::uint64_t word = 0;
    std::uint64_t ticket_word = 0;  // that enter_again found
    std::uint32_t version() const noexcept { return version_of(word); }
  };

  // Up to the next power of two for each stripe, a line at least where there are several.
  static constexpr std::size_t rounded(std::size_t slots) noexcept {
    constexpr std::size_t kLeast = kStripes > 1 ? kCacheLine / sizeof(std::uint64_t) : 1;
    return kStripes * std::bit_ceil(std::max((slots + kStripes - 1) / kStripes, kLeast));
  }

  explicit BasicTicketSlots(std::size_t slots)
      : part_(static_cast<std::uint32_t>(rounded(slots) / kStripes)), slots_(new Cell[rounded(slots)]()) {}

  std::size_t size() const noexcept { return std::size_t{part_} * kStripes; }

  // Goes in. `current` holds the version that calls are to use from now on. False: every slot is taken.
  bool enter(const Cell& current, std::int64_t elapsed_ns, Held& held) noexcept {
    const std::uint64_t now = units(elapsed_ns);
    // Relaxed: looked at again in announce().
    const std::uint64_t version = current.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < kStripes; ++i) {
      if (!claim((first_stripe() + i) % kStripes, version, now, held)) continue;
      announce(current, held);
      return true;
    }
    return false;
  }

  // Goes out, with a ticket that is believed at least until the lease ends.
  std::uint64_t leave_with_ticket(const Held& held, std::int64_t lease_end_ns) noexcept {
    const std::uint64_t word = pack(kOut, held.version(), sequence_of(held.word), units(lease_end_ns) + 1);
    // Release: what this thread did inside is over before anybody finds the ticket back.
    slots_[held.slot].store(word, std::memory_order_release);
    return sequence_of(held.word) << 32 | (held.slot + 1);
  }

  // Goes out for good.
  void leave(const Held& held) noexcept {
    // Release: as above, before the composition may be freed.
    slots_[held.slot].store(pack(kFree, 0, sequence_of(held.word), 0), std::memory_order_release);
  }

  // Goes in again with the ticket. False: it was given back before, its lease ended and its slot is another's, or there
  // never was one.
  bool enter_again(std::uint64_t ticket, Held& held) noexcept {
    const auto slot = static_cast<std::uint32_t>(ticket) - 1;
    if (slot >= size()) return false;
    // Acquire, here and below: what the admitting thread did inside, and the composition that it saw.
    std::uint64_t word = slots_[slot].load(std::memory_order_acquire);
    if (state_of(word) != kOut || sequence_of(word) != ticket >> 32) return false;
    const std::uint64_t inside = pack(kInside, version_of(word), sequence_of(word), 0);
    // The version stood there all the time, so it is in use. Whoever ends the lease must exchange this word first.
    if (!slots_[slot].compare_exchange_strong(word, inside, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return false;
    }
    held = {slot, inside, word};
    return true;
  }
  // Goes out again as if nothing had been: the ticket is still to be given back.
  void leave_as_before(const Held& held) noexcept {
    slots_[held.slot].store(held.ticket_word, std::memory_order_release);  // release: as above
  }

  // After another version became the current one: whether nobody is in or out with `version`. Ends the leases that are
  // over.
  bool is_unused(std::uint64_t version, std::int64_t elapsed_ns) noexcept {
    for (std::size_t i = 0; i < size(); ++i) {
      // seq_cst: reads what a thread announced before it saw that its version was still current.
      std::uint64_t word = slots_[i].load(std::memory_order_seq_cst);
      if (state_of(word) == kFree || version_of(word) != version) continue;
      if (!is_over(word, units(elapsed_ns))) return false;
      const std::uint64_t freed = pack(kFree, 0, sequence_of(word), 0);
      if (!slots_[i].compare_exchange_strong(word, freed, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return false;
      }
      count_lost();
    }
    return true;
  }

  // Slots taken, without those whose lease is over.
  std::size_t in_use(std::int64_t elapsed_ns) const noexcept {
    std::size_t used = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      const std::uint64_t word = slots_[i].load(std::memory_order_relaxed);  // relaxed: a number for people
      if (state_of(word) != kFree && !is_over(word, units(elapsed_ns))) ++used;
    }
    return used;
  }
  // Tickets whose lease ended and whose slot was then given to another.
  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }  // relaxed: as above

 private:
  enum State : std::uint64_t { kFree = 0, kInside = 1, kOut = 2 };
  static constexpr int kSequenceBits = 22;
  static constexpr int kLeaseBits = 36;

  static constexpr std::uint64_t low(std::uint64_t word, int bits) noexcept {
    return word & ((std::uint64_t{1} << bits) - 1);
  }
  static constexpr std::uint64_t pack(State state, std::uint64_t version, std::uint64_t sequence,
                                      std::uint64_t lease_end) noexcept {
    return std::uint64_t{state} << 62 | version << 58 | low(sequence, kSequenceBits) << kLeaseBits |
           low(lease_end, kLeaseBits);
  }
  static constexpr std::uint64_t state_of(std::uint64_t word) noexcept { return word >> 62; }
  static constexpr std::uint32_t version_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 58 & (kVersions - 1));
  }
  static constexpr std::uint64_t sequence_of(std::uint64_t word) noexcept {
    return low(word >> kLeaseBits, kSequenceBits);
  }
  static constexpr bool is_over(std::uint64_t word, std::uint64_t now) noexcept {
    return state_of(word) == kOut && low(word, kLeaseBits) <= now;
  }
  static constexpr std::uint64_t units(std::int64_t elapsed_ns) noexcept {
    return static_cast<std::uint64_t>(elapsed_ns > 0 ? elapsed_ns : 0) >> kUnitBits;
  }

  static std::uint32_t first_stripe() noexcept {
    if constexpr (kStripes == 1) return 0;
    return thread_stripe<kStripes>();
  }

  bool claim(std::uint32_t stripe, std::uint64_t version, std::uint64_t now, Held& held) noexcept {
    Cell& cursor = cursors_[stripe].cell;
    // Relaxed, and not one read-modify-write: a hint where to begin.
    const auto from = static_cast<std::uint32_t>(cursor.load(std::memory_order_relaxed));
    for (std::uint32_t i = 0; i < part_; ++i) {
      const std::uint32_t at = (from + i) & (part_ - 1);
      Cell& slot = slots_[stripe * part_ + at];
      std::uint64_t word = slot.load(std::memory_order_relaxed);  // relaxed: the exchange looks again
      const bool over = is_over(word, now);
      if (state_of(word) != kFree && !over) continue;
      const std::uint64_t mine = pack(kInside, version, sequence_of(word) + 1, 0);
      // seq_cst: before the look at the current version, for all threads; see is_unused().
      if (!slot.compare_exchange_strong(word, mine, std::memory_order_seq_cst, std::memory_order_relaxed)) continue;
      if (over) count_lost();
      cursor.store(at + 1, std::memory_order_relaxed);  // relaxed: as above
      held = {stripe * part_ + at, mine, 0};
      return true;
    }
    return false;
  }

  void announce(const Cell& current, Held& held) noexcept {
    for (;;) {
      const std::uint64_t version = current.load(std::memory_order_seq_cst);  // seq_cst: after the announcement
      if (version == held.version()) return;
      held.word = pack(kInside, version, sequence_of(held.word), 0);
      slots_[held.slot].store(held.word, std::memory_order_seq_cst);
    }
  }

  void count_lost() noexcept { lost_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: a count by itself

  struct alignas(kCacheLine) Cursor {
    Cell cell{0};
  };

  std::uint32_t part_;
  std::unique_ptr<Cell[]> slots_;
  Cursor cursors_[kStripes];
  Cell lost_{0};
};

using TicketSlots = BasicTicketSlots<std::atomic<std::uint64_t>>;

}  // namespace seawall::detail
