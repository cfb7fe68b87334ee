// SPDX-License-Identifier: MIT
//
// update(cell, decide): the one place where a decision meets an atomic.
//
// `decide` is a pure function from the word seen to a Step: the word that should stand there and the answer for the
// caller. A step that leaves the word as it was writes nothing, so refusals and healthy reports stay reads. The cell is
// a std::atomic in production and a suspending cell in the interleaving explorer, which so runs the shipped code.
#pragma once

#include <atomic>
#include <cstdint>

#include "seawall/detail/step.h"

namespace seawall::detail {

// A loop that starts again has forgotten what it saw: nothing in production. The explorer's cell has forget(), so that
// it knows two threads that are about to try again for one state, whatever each of them tried before.
template <class Cell>
class Attempts {
 public:
  void again() noexcept {
    if constexpr (requires { Cell::recall(); }) Cell::forget(begun_);
  }
  // Again, but for the word that made this attempt fail.
  void again(std::uint64_t seen) noexcept {
    if constexpr (requires { Cell::recall(); }) Cell::forget(begun_, seen);
  }

 private:
  static auto begin() noexcept {
    if constexpr (requires { Cell::recall(); }) {
      return Cell::recall();
    } else {
      return 0;
    }
  }
  [[maybe_unused]] decltype(begin()) begun_ = begin();
};

template <class Cell, class Decide>
auto update(Cell& cell, Decide&& decide) noexcept {
  // Relaxed: everything that decides together lives in this one word, so no other memory is published through it.
  Attempts<Cell> attempts;
  std::uint64_t seen = cell.load(std::memory_order_relaxed);
  for (;; attempts.again(seen)) {
    auto step = decide(seen);
    // Relaxed, as above; a failed exchange reloads `seen` and the decision is taken anew.
    if (step.next == seen ||
        cell.compare_exchange_weak(seen, step.next, std::memory_order_relaxed, std::memory_order_relaxed)) {
      return step.answer;
    }
  }
}

// As update(), for a word that is ordered with other words: what the caller wrote before is seen by whoever reads the
// word written here, and what that writer wrote before the word read here is seen by the caller.
template <class Cell, class Decide>
auto publish(Cell& cell, Decide&& decide) noexcept {
  // Acquire: the words that the writer of `seen` published are read after this.
  Attempts<Cell> attempts;
  std::uint64_t seen = cell.load(std::memory_order_acquire);
  for (;; attempts.again(seen)) {
    auto step = decide(seen);
    // Release on success publishes our words, acquire as above.
    if (step.next == seen ||
        cell.compare_exchange_weak(seen, step.next, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return step.answer;
    }
  }
}

// As publish(), for words that several threads write and then compare: whoever of them is last sees what all wrote.
template <class Cell, class Decide>
auto agree(Cell& cell, Decide&& decide) noexcept {
  Attempts<Cell> attempts;
  std::uint64_t seen = cell.load(std::memory_order_seq_cst);
  for (;; attempts.again(seen)) {
    auto step = decide(seen);
    if (step.next == seen ||
        cell.compare_exchange_weak(seen, step.next, std::memory_order_seq_cst, std::memory_order_seq_cst)) {
      return step.answer;
    }
  }
}

// Puts `to` in the place of `from`, as publish() does; false when another word stands there.
template <class Cell>
bool replace(Cell& cell, std::uint64_t from, std::uint64_t to) noexcept {
  // As in publish(); what stands there on failure is seen with what its writer published.
  return cell.compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}

}  // namespace seawall::detail
