// SPDX-License-Identifier: MIT
//
// FlightTable: the calls that are under way, one word for each, so that a ticket ends exactly once. Who ends it is who
// changes its word: the caller who gives it back, the sweep after its instance left, or the reaper when it is overdue.
//
//   cell     turn:32 | begun:15 | loaded:1 | record:16   (odd turn: taken, even: free; begun counts 268 ms, modulo)
//   ticket   turn:32 | note:12 | cell:20                 (note: the owner's own; 0 is the ticket of nobody)
//
// Cells lie in stripes, so that CPUs do not write each other's lines; a stripe's hint is where its next free cell may
// be. It goes round, so a cell's turn comes again only after all others: a ticket is mistaken for a later one when its
// cell has been taken again exactly 2^31 times. Memory is fixed: words without addresses, nothing that a thread owns,
// so the table may stand in memory that processes share, and what a process held that died is reaped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/detail/step.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

struct Flight {
  static constexpr std::uint32_t kLoaded = 1u << 16;
  static constexpr std::uint32_t kBegunMask = 0x7fff;

  static constexpr bool taken(std::uint64_t cell) noexcept { return (cell >> 32 & 1) != 0; }
  static constexpr std::uint32_t record(std::uint64_t cell) noexcept {
    return static_cast<std::uint32_t>(cell & 0xffff);
  }
  static constexpr bool loaded(std::uint64_t cell) noexcept { return (cell & kLoaded) != 0; }
  static constexpr std::uint32_t begun(std::int64_t now_ns) noexcept {
    return static_cast<std::uint32_t>(now_ns >> 28) & kBegunMask;
  }
  // What has passed at least; 0 for what seems to have begun later than `now_ns`.
  static constexpr std::int64_t age_ns(std::uint64_t cell, std::int64_t now_ns) noexcept {
    const std::uint32_t age = (begun(now_ns) - static_cast<std::uint32_t>(cell >> 17)) & kBegunMask;
    return age == 0 || age > kBegunMask / 2 ? 0 : std::int64_t{age - 1} << 28;
  }
  static constexpr std::uint64_t taken_turn(std::uint64_t cell) noexcept {
    return cell | std::uint64_t{1} << 32;  // of a free cell, whose turn is even and whose low half is 0
  }
  static constexpr std::uint64_t freed(std::uint64_t cell) noexcept { return (cell | 0xffffffff) + 1; }

  static constexpr std::uint64_t kTurnMask = ~std::uint64_t{0xffffffff};
  static constexpr std::uint32_t note(std::uint64_t ticket) noexcept { return ticket >> 20 & 0xfff; }
};

// A view of the words; copied freely. Cell is std::atomic<std::uint64_t>, or the explorer's.
template <class Cell>
class BasicFlightTable {
 public:
  static constexpr std::uint32_t kStripes = 16;
  static constexpr std::uint32_t kHintStride = 8;  // words: a cache line for each stripe's hint
  static constexpr std::uint32_t kMaxCells = 1u << 20;
  static constexpr std::uint32_t kProbes = 64;

  // `per_stripe` is a power of two; `cells` are kStripes times as many, `hints` kStripes * kHintStride.
  BasicFlightTable(Cell* cells, Cell* hints, std::uint32_t per_stripe) noexcept
      : cells_(cells), hints_(hints), mask_(per_stripe - 1) {}

  std::uint32_t size() const noexcept { return (mask_ + 1) * kStripes; }

  // What a cell holds beside its turn. `loaded`: the record counts it.
  static constexpr std::uint32_t what(std::int64_t now_ns, bool loaded, std::uint32_t record) noexcept {
    return Flight::begun(now_ns) << 17 | (loaded ? Flight::kLoaded : 0) | record;
  }

  // The ticket of a free cell; 0 when there is none among the next kProbes of each stripe. Sequentially consistent: who
  // then finds the record's stamp unchanged may be sure that the sweep which follows its change will meet this cell.
  std::uint64_t take(std::uint32_t stripe, std::uint32_t what) const noexcept {
    for (std::uint32_t next = 0; next < kStripes; ++next) {
      if (const std::uint64_t ticket = take_in((stripe + next) % kStripes, what)) return ticket;
    }
    return 0;
  }
  // The same of the stripe's next cell; 0 when that one is not free.
  std::uint64_t take_next(std::uint32_t stripe, std::uint32_t what) const noexcept {
    Cell& hint = hint_of(stripe);
    const std::uint64_t at = hint.load(std::memory_order_relaxed);  // relaxed, as below: only where to look first
    const std::uint32_t index = index_of(stripe, at);
    std::uint64_t seen = cells_[index].load(std::memory_order_relaxed);  // relaxed: the exchange decides
    const std::uint64_t turn = Flight::taken_turn(seen);
    if (turn == seen || !cells_[index].compare_exchange_strong(seen, turn | what, std::memory_order_seq_cst)) return 0;
    hint.store(at + 1, std::memory_order_relaxed);
    return turn | index;
  }

  // What the ticket's cell holds; 0 when the ticket is over or none.
  std::uint64_t held(std::uint64_t ticket) const noexcept {
    const std::uint32_t at = cell_of(ticket);
    // Acquire: the record that it names is read after.
    const std::uint64_t seen = at < size() ? cells_[at].load(std::memory_order_acquire) : 0;
    return Flight::taken(seen) && ((seen ^ ticket) & Flight::kTurnMask) == 0 ? seen : 0;
  }
  // Ends the ticket for which held() answered `seen`; false when it was ended in between.
  bool end(std::uint64_t ticket, std::uint64_t seen) const noexcept {
    return replace(cells_[cell_of(ticket)], seen, Flight::freed(seen));
  }

  // For the writer, after the record's stamp was cleared: ends what `which(cell)` names and tells each to `ended`.
  template <class Which, class Ended>
  void end_all(const Which& which, const Ended& ended) const noexcept {
    for (std::uint32_t at = 0; at < size(); ++at) {
      // Sequentially consistent: the other half of take().
      const std::uint64_t seen = cells_[at].load(std::memory_order_seq_cst);
      if (Flight::taken(seen) && which(seen) && replace(cells_[at], seen, Flight::freed(seen))) ended(seen);
    }
  }
  // Four at a time, as few cells are taken: who counts calls walks past all that could be.
  template <class Each>
  void for_each(const Each& each) const noexcept {
    constexpr std::uint32_t kStep = 4;
    static_assert(kStripes % kStep == 0);
    // Relaxed: a count of what goes on changing.
    const auto seen = [this](std::size_t at) { return cells_[at].load(std::memory_order_relaxed); };
    for (std::size_t at = 0, cells = size(); at != cells; at += kStep) {
      if (!Flight::taken(seen(at) | seen(at + 1) | seen(at + 2) | seen(at + 3))) [[likely]]
        continue;
      for (std::size_t i = at; i != at + kStep; ++i) {
        if (const std::uint64_t cell = seen(i); Flight::taken(cell)) each(cell);
      }
    }
  }

 private:
  static constexpr std::uint32_t cell_of(std::uint64_t ticket) noexcept {
    return static_cast<std::uint32_t>(ticket) & (kMaxCells - 1);
  }

  Cell& hint_of(std::uint32_t stripe) const noexcept { return hints_[std::size_t{stripe} * kHintStride]; }
  std::uint32_t index_of(std::uint32_t stripe, std::uint64_t at) const noexcept {
    return stripe * (mask_ + 1) + (static_cast<std::uint32_t>(at) & mask_);
  }

  std::uint64_t take_in(std::uint32_t stripe, std::uint32_t what) const noexcept {
    Cell& hint = hint_of(stripe);
    const std::uint64_t first = hint.load(std::memory_order_relaxed);  // relaxed, as below: only where to look first
    for (std::uint64_t at = first; at != first + kProbes; ++at) {
      const std::uint32_t index = index_of(stripe, at);
      const std::uint64_t turn = agree(cells_[index], [=](std::uint64_t seen) {
        if (Flight::taken(seen)) return Step<std::uint64_t>{seen, 0};
        const std::uint64_t mine = Flight::taken_turn(seen);
        return Step<std::uint64_t>{mine | what, mine};
      });
      if (turn == 0) continue;
      hint.store(at + 1, std::memory_order_relaxed);
      return turn | index;
    }
    hint.store(first + kProbes, std::memory_order_relaxed);
    return 0;
  }

  Cell* cells_;
  Cell* hints_;
  std::uint32_t mask_;
};

using FlightTable = BasicFlightTable<std::atomic<std::uint64_t>>;

}  // namespace seawall::detail
