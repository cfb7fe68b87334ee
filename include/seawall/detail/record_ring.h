// SPDX-License-Identifier: MIT
//
// RecordRing: the latest records of a fixed size, written by any thread, read by any thread, waiting for nobody.
//
//   head     number of the next record (its ticket); ticket t lives in slot t % capacity
//   state    of a slot: 2 t + 1 while record t is being written, 2 t + 2 when it is whole
//   tag      of a slot: what find() looks for, apart from the words so that a search touches little memory
//
// A writer claims its slot by an exchange from an older whole record; it loses (and its record is dropped, counted)
// only against one who came a whole lap later or is still writing from a lap before. So nobody waits, and a writer that
// stops inside costs its slot and no more. Readers copy, then check that the state has not moved.
//
// Every word of a record is stored with release and loaded with acquire: who sees a word of a new record also sees the
// claim before it, and throws the copy away. (Fences would do, but ThreadSanitizer does not know them.)
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

enum class RingRead {
  kWhole,    // copied
  kPending,  // not written yet, or dropped and its slot not reused yet
  kGone,     // overwritten
};

// Cell is std::atomic<uint64_t>; the interleaving explorer of the tests brings another.
template <class Cell, std::size_t kWords>
class RecordRing {
 public:
  // The capacity is rounded up to a power of two.
  explicit RecordRing(std::size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), slots_(new Slot[mask_ + 1]), words_(new Cell[(mask_ + 1) * kWords]{}) {}

  std::size_t capacity() const noexcept { return mask_ + 1; }

  // False: dropped.
  bool push(std::uint64_t tag, std::span<const std::uint64_t> words) noexcept {
    // Relaxed: a ticket is a number; what is ordered is ordered by the slot's state.
    const std::uint64_t ticket = head_.fetch_add(1, std::memory_order_relaxed);
    Slot& slot = slots_[ticket & mask_];
    const bool mine = update(slot.state, [ticket](std::uint64_t state) {
      const bool free = (state & 1) == 0 && state <= 2 * ticket;
      return Step<bool>{free ? 2 * ticket + 1 : state, free};
    });
    if (!mine) {
      dropped_.fetch_add(1, std::memory_order_relaxed);  // a count orders nothing
      return false;
    }
    slot.tag.store(tag, std::memory_order_release);  // release, here and below: see above
    Cell* to = words_of(ticket);
    for (const std::uint64_t word : words) (to++)->store(word, std::memory_order_release);
    // Sequentially consistent: pushing and then reading a flag, against setting the flag and then searching, one of the
    // two sees the other's (span_store.cc relies on it). It also publishes tag and words.
    std::uint64_t writing = 2 * ticket + 1;
    slot.state.compare_exchange_strong(writing, 2 * ticket + 2, std::memory_order_seq_cst, std::memory_order_relaxed);
    return true;
  }

  // Tickets below head() were given out; the oldest that can still be there is first().
  std::uint64_t head() const noexcept { return head_.load(std::memory_order_relaxed); }  // a number, as above
  std::uint64_t first() const noexcept {
    const std::uint64_t end = head();
    return end > capacity() ? end - capacity() : 0;
  }
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }  // a count

  // What stands behind the end of a record that was shorter is unspecified.
  RingRead read(std::uint64_t ticket, std::span<std::uint64_t, kWords> out) const noexcept {
    const Slot& slot = slots_[ticket & mask_];
    const std::uint64_t whole = 2 * ticket + 2;
    // Acquire: the words of this record are there.
    const std::uint64_t before = slot.state.load(std::memory_order_acquire);
    if (before != whole) return before < whole ? RingRead::kPending : RingRead::kGone;
    const Cell* from = words_of(ticket);
    for (std::uint64_t& word : out) word = (from++)->load(std::memory_order_acquire);  // acquire: see above
    // Relaxed: the acquires above keep it behind them.
    return slot.state.load(std::memory_order_relaxed) == whole ? RingRead::kWhole : RingRead::kGone;
  }

  // Calls fn(ticket) for each whole record that has the tag, in no particular order. It may be gone when fn reads it.
  template <class Fn>
  void find(std::uint64_t tag, Fn&& fn) const noexcept {
    for (std::uint64_t i = 0; i <= mask_; ++i) {
      // Sequentially consistent, as in push(); it acquires the tag.
      const std::uint64_t state = slots_[i].state.load(std::memory_order_seq_cst);
      if (state == 0 || (state & 1) != 0) continue;
      if (slots_[i].tag.load(std::memory_order_relaxed) == tag) fn(state / 2 - 1);  // relaxed: read() has the last word
    }
  }

 private:
  struct Slot {
    Cell state{0};
    Cell tag{0};
  };
  Cell* words_of(std::uint64_t ticket) const noexcept { return &words_[(ticket & mask_) * kWords]; }

  // Read by everybody, written by nobody.
  std::uint64_t mask_;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<Cell[]> words_;

  // Written by every push.
  alignas(kCacheLine) Cell head_{0};
  Cell dropped_{0};
};

}  // namespace seawall::detail
