// SPDX-License-Identifier: MIT
#include "metrics/metrics_memory.h"

#include <sys/mman.h>

#include <bit>
#include <new>

namespace seawall::detail {

CellArena::~CellArena() {
  for (Cell* chunk : chunks_) munmap(static_cast<void*>(chunk), blocks_ * kCpuStride);
}

bool CellArena::add_chunk() {
  if (chunks_.size() == chunks_.capacity()) chunks_.reserve(2 * chunks_.size() + 4);
  const int kind = (shared_ ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS;
  void* memory = mmap(nullptr, blocks_ * kCpuStride, PROT_READ | PROT_WRITE, kind, -1, 0);
  if (memory == MAP_FAILED) return false;
  chunks_.push_back(static_cast<Cell*>(memory));
  bytes_.fetch_add(blocks_ * kCpuStride, std::memory_order_relaxed);  // relaxed: a count of its own
  for (; left_ > 0; --left_) give_back(next_++, 1);                   // the rest of the chunk before serves counters
  next_ = chunks_.back();
  left_ = kBlockCells;
  return true;
}

bool CellArena::has_free(std::size_t length) const noexcept {
  const auto found = free_.find(length);
  return found != free_.end() && !found->second.empty();
}

Cell* CellArena::take(std::size_t length) {
  if (has_free(length)) {
    auto& runs = free_.find(length)->second;
    Cell* run = runs.back();
    runs.pop_back();
    clear(run, length);
    return run;
  }
  if (left_ < length && !add_chunk()) return nullptr;
  Cell* run = next_;
  next_ += length;
  left_ -= length;
  return run;
}

void CellArena::give_back(Cell* run, std::size_t length) noexcept {
  try {
    free_[length].push_back(run);
  } catch (const std::bad_alloc&) {
    return;
  }
}

void CellArena::clear(Cell* run, std::size_t length) const noexcept {
  for (std::uint32_t b = 0; b < blocks_; ++b) {
    // Relaxed: the new generation is published after, and nobody writes for an old one any more.
    for (std::size_t i = 0; i < length; ++i) run[b * kBlockCells + i].store(0, std::memory_order_relaxed);
  }
}

// Exact up to 8 words, then to a quarter of the power of two below: few sizes, so that what is given back is reused.
std::size_t TextArena::rounded(std::size_t words) noexcept {
  if (words <= 8) return words;
  const std::size_t step = std::bit_floor(words) / 4;
  return (words + step - 1) & ~(step - 1);  // a power of two
}

Word* TextArena::take(std::span<const std::uint64_t> words) {
  const std::size_t size = rounded(words.size());
  Word* text = nullptr;
  if (const auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
    text = found->second.back();
    found->second.pop_back();
  } else {
    if (left_ < size) {
      if (chunks_.size() == chunks_.capacity()) chunks_.reserve(2 * chunks_.size() + 4);
      chunks_.push_back(std::make_unique<Word[]>(kChunkWords));
      next_ = chunks_.back().get();
      left_ = kChunkWords;
    }
    text = next_;
    next_ += size;
    left_ -= size;
  }
  // Release: who still reads the text of an earlier series sees by the generation that it is gone.
  for (std::size_t i = 0; i < words.size(); ++i) text[i].store(words[i], std::memory_order_release);
  return text;
}

void TextArena::give_back(Word* text, std::size_t words) noexcept {
  try {
    free_[rounded(words)].push_back(text);
  } catch (const std::bad_alloc&) {
    return;
  }
}

}  // namespace seawall::detail
