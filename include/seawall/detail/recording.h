// SPDX-License-Identifier: MIT
//
// How a handle records into a registry: the path of every Counter, Gauge and Histogram. It takes no lock, looks nothing
// up, allocates nothing, and needs nothing that a thread owns.
//
// A series has a cell for each CPU, written in a restartable sequence, and one more for those who have no sequence, who
// add atomically. Where the process has no sequences at all, all cells are stripes of the latter kind. Removing a
// series changes its generation. Its cells are given to another series only when nobody can be writing them for the old
// one: sequences are restarted by the kernel; who is not in one counts itself in and out of `Stripe::active`.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/rseq.h"
#include "seawall/detail/stripe.h"

namespace seawall::detail {

inline constexpr std::size_t kBlockCells = kCpuStride / sizeof(Cell);

// What all series of a registry share.
struct Recording {
  static constexpr std::uint32_t kStripes = 8;
  struct alignas(kCacheLine) Stripe {
    std::atomic<std::uint64_t> active{0};
  };

  std::uint32_t cpus = 0;    // CPUs with a cell of their own; 0: no sequences
  std::uint32_t blocks = 1;  // cells of a series, kCpuStride apart; without sequences a power of two
  alignas(kCacheLine) std::atomic<std::uint64_t> stale{0};  // recordings through handles that outlived their series
  std::array<Stripe, kStripes> stripes;
};

// Atomic additions of this thread go here: any choice is right, that of the CPU is fast.
inline std::uint32_t this_stripe() noexcept { return static_cast<std::uint32_t>(stripe<Recording::kStripes>()); }

class Entered {
 public:
  explicit Entered(Recording& recording) noexcept : active_(recording.stripes[this_stripe()].active) {
    // Sequentially consistent, as is the load of the generation that follows: either the remover sees this entry, or
    // the generation seen here is the new one.
    active_.fetch_add(1, std::memory_order_seq_cst);
  }
  // Release: what was written in between is written when the remover sees the entry gone.
  ~Entered() { active_.fetch_sub(1, std::memory_order_release); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  std::atomic<std::uint64_t>& active_;
};

struct ExemplarSlot;

// What recording needs of a series beside its cells.
struct SeriesHead {
  Generation generation{0};                       // 0: no series
  std::atomic<std::uint32_t> family{0};           // index of its family
  std::atomic<ExemplarSlot*> exemplars{nullptr};  // one for each bucket, or one for a counter; nullptr: none are kept
};

// For handles that were never resolved.
struct Nowhere {
  Recording recording;
  SeriesHead head;
  Cell cell{0};
};
inline constinit Nowhere nowhere;

// In the generation of a handle where the registry has no sequences: none then takes the generation for the series'
// own, and all that is recorded goes the atomic way, which looks once more.
inline constexpr std::uint32_t kNoSequences = std::uint32_t{1} << 31;

// A series as its handles see it.
struct SeriesRef {
  Cell* first = &nowhere.cell;  // the cell of CPU 0; a histogram's further cells stand behind it
  const SeriesHead* head = &nowhere.head;
  Recording* recording = &nowhere.recording;
  std::uint32_t generation = 1;  // never that of `nowhere`
  std::uint32_t index = 0;       // in the registry

  // Of the series, as its record has it.
  std::uint32_t own() const noexcept { return generation & ~kNoSequences; }
  // Acquire: what the cells hold belongs to the generation they were given to.
  bool is_alive() const noexcept { return head->generation.load(std::memory_order_acquire) == own(); }
  friend bool operator==(const SeriesRef& a, const SeriesRef& b) noexcept {
    return a.head == b.head && a.generation == b.generation;
  }
  // Relaxed: a count of its own.
  void count_stale() const noexcept { recording->stale.fetch_add(1, std::memory_order_relaxed); }
};

inline Put add_atomically(const SeriesRef& series, std::size_t cell, std::uint64_t n) noexcept {
  Recording& recording = *series.recording;
  const Entered entered(recording);
  // Sequentially consistent: see Entered.
  if (series.head->generation.load(std::memory_order_seq_cst) != series.own()) return Put::kStale;
  const std::size_t block = recording.cpus != 0 ? recording.cpus : this_stripe() & (recording.blocks - 1);
  // Relaxed: a total publishes no other memory, and additions to one cell are never lost whatever their order.
  series.first[block * kBlockCells + cell].fetch_add(n, std::memory_order_relaxed);
  return Put::kDone;
}

// What no sequence did; false, and counted, when the series is gone.
[[gnu::noinline]] inline bool add_elsewhere(const SeriesRef& series, std::size_t cell, std::uint64_t n) noexcept {
  if (add_atomically(series, cell, n) == Put::kDone) return true;
  series.count_stale();
  return false;
}

// Adds n to one of the cells; false, and counted, when the series is gone.
inline bool add_to(const SeriesRef& series, std::size_t cell, std::uint64_t n) noexcept {
  const Put put = rseq_add(series.first + cell, n, series.head->generation, series.generation);
  return put == Put::kDone || add_elsewhere(series, cell, n);
}

[[gnu::noinline]] inline bool add_both_elsewhere(const SeriesRef& series, std::size_t cell, std::uint64_t n,
                                                 Put put) noexcept {
  return (put == Put::kFirstDone || add_elsewhere(series, 1 + cell, 1)) && add_elsewhere(series, 0, n);
}

// Adds 1 to a cell, those behind the first one being counted from 0, and n to the first one. False, and counted, when
// the series is gone before. `generation` is the series', from where the caller has it at hand.
inline bool add_to_both(const SeriesRef& series, std::uint32_t generation, std::size_t cell, std::uint64_t n) noexcept {
  const Put put = rseq_add_both(series.first, n, cell, series.head->generation, generation);
  return put == Put::kDone || add_both_elsewhere(series, cell, n, put);
}

// The sum of a cell over all CPUs. Relaxed: nobody reads an older value of a cell than it has read before, so no sum
// of cells falls; they are zero when a series gets them.
inline std::uint64_t sum_of(const Cell* first, std::uint32_t blocks) noexcept {
  std::uint64_t total = 0;
  for (std::uint32_t b = 0; b < blocks; ++b) total += first[b * kBlockCells].load(std::memory_order_relaxed);
  return total;
}

inline Put exchange_atomically(const SeriesRef& series, std::uint64_t expected, std::uint64_t desired) noexcept {
  const Entered entered(*series.recording);
  // Sequentially consistent: see Entered.
  if (series.head->generation.load(std::memory_order_seq_cst) != series.own()) return Put::kStale;
  // Relaxed: the word is the whole state.
  return series.first->compare_exchange_strong(expected, desired, std::memory_order_relaxed) ? Put::kDone
                                                                                             : Put::kChanged;
}

// Changes the one word of a series without cells for each CPU to next(word), unless that is what it holds.
template <class Next>
void change_word(const SeriesRef& series, Next next) noexcept {
  for (;;) {
    // Relaxed: the exchange decides; a stale value makes it fail.
    const std::uint64_t seen = series.first->load(std::memory_order_relaxed);
    const std::uint64_t wanted = next(seen);
    if (wanted == seen && series.is_alive()) return;
    Put put = rseq_exchange(*series.first, seen, wanted, series.head->generation, series.generation);
    if (put == Put::kElsewhere || put == Put::kStale) put = exchange_atomically(series, seen, wanted);
    if (put == Put::kChanged) continue;
    if (put == Put::kStale) series.count_stale();
    return;
  }
}

}  // namespace seawall::detail
