// SPDX-License-Identifier: MIT
//
// Memory of series: cells and label texts. It is never given back before the registry ends, only to other series, so
// whoever reads it late reads a wrong value, which a generation tells, and never freed memory. Guarded by the
// registry's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "seawall/detail/recording.h"

namespace seawall::detail {

using Word = std::atomic<std::uint64_t>;

// Runs of cells. A chunk is `blocks` blocks of kBlockCells cells, one block for each CPU; a run is the same range in
// each. Straight from the kernel: zero, and no memory until it is written.
class CellArena {
 public:
  CellArena(std::uint32_t blocks, bool shared) noexcept : blocks_(blocks), shared_(shared) {}
  ~CellArena();
  CellArena(const CellArena&) = delete;
  CellArena& operator=(const CellArena&) = delete;

  // All cells zero. nullptr: out of memory. `length` from 1 to kBlockCells.
  Cell* take(std::size_t length);
  // Only when nobody can write the run any more. Does not fail: what cannot be remembered is left unused.
  void give_back(Cell* run, std::size_t length) noexcept;
  bool has_free(std::size_t length) const noexcept;
  // Any thread.
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }  // a count of its own

 private:
  bool add_chunk();
  void clear(Cell* run, std::size_t length) const noexcept;

  const std::uint32_t blocks_;
  const bool shared_;
  std::vector<Cell*> chunks_;
  std::atomic<std::size_t> bytes_{0};
  Cell* next_ = nullptr;  // the unused rest of the last chunk
  std::size_t left_ = 0;
  std::map<std::size_t, std::vector<Cell*>> free_;  // by length
};

// Texts as words, the last one padded with zero bytes.
class TextArena {
 public:
  // nullptr: out of memory.
  Word* take(std::span<const std::uint64_t> words);
  void give_back(Word* text, std::size_t words) noexcept;

 private:
  static constexpr std::size_t kChunkWords = 1024;
  static std::size_t rounded(std::size_t words) noexcept;

  std::vector<std::unique_ptr<Word[]>> chunks_;
  Word* next_ = nullptr;
  std::size_t left_ = 0;
  std::map<std::size_t, std::vector<Word*>> free_;  // by rounded size
};

}  // namespace seawall::detail
