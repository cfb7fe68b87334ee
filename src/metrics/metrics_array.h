// SPDX-License-Identifier: MIT
//
// ChunkedArray: elements that never move and are never freed before the array, read by any thread while one that holds
// the lock of whoever owns it appends. Element i stands in chunk i / kChunk; the chunks' addresses in a directory whose
// levels double.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace seawall::detail {

template <class T, std::uint32_t kChunk>
class ChunkedArray {
 public:
  ChunkedArray() = default;
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;
  ~ChunkedArray() {
    for (std::size_t level = 0; level < levels_.size(); ++level) {
      std::atomic<T*>* chunks = levels_[level].load(std::memory_order_relaxed);  // relaxed, both: nobody else is left
      if (chunks == nullptr) break;
      // Also a chunk that was reserved and never used.
      for (std::size_t i = 0; i < std::size_t{1} << level; ++i) delete[] chunks[i].load(std::memory_order_relaxed);
      delete[] chunks;
    }
  }

  // Acquire: pairs with append(). The elements below are all there.
  std::uint32_t size() const noexcept { return published_.load(std::memory_order_acquire); }
  // Below size().
  T& operator[](std::uint32_t i) const noexcept {
    return chunk(i / kChunk).load(std::memory_order_acquire)[i % kChunk];  // acquire: pairs with append()
  }

  // Room for one more element, so that append() cannot fail. May throw std::bad_alloc.
  void reserve() {
    if (size_ % kChunk != 0) return;
    const auto [level, at] = place(size_ / kChunk);
    if (levels_[level].load(std::memory_order_relaxed) == nullptr) {  // relaxed: only the appender writes
      // Release: who finds the level finds it empty.
      levels_[level].store(
          new std::atomic<T*>[std::size_t{1} << level] {}, std::memory_order_release);
    }
    auto& slot = levels_[level].load(std::memory_order_relaxed)[at];  // relaxed, as above
    if (slot.load(std::memory_order_relaxed) == nullptr) slot.store(new T[kChunk]{}, std::memory_order_release);
  }
  // After reserve(): the index of a new element, which `fill` completes before anybody can see it.
  template <class Fill>
  std::uint32_t append(Fill fill) noexcept {
    const std::uint32_t i = size_++;
    fill((*this)[i]);
    published_.store(size_, std::memory_order_release);  // pairs with size()
    return i;
  }

 private:
  struct Place {
    std::uint32_t level;
    std::uint32_t at;
  };
  static Place place(std::uint32_t c) noexcept {
    // A level begins at 1, 2, 4 ...; c + 1 is not 0, which std::bit_width would ask about.
    const std::uint32_t level = 31u ^ static_cast<std::uint32_t>(__builtin_clz(c + 1));
    return {level, c + 1 - (1u << level)};
  }
  std::atomic<T*>& chunk(std::uint32_t c) const noexcept {
    const auto [level, at] = place(c);
    return levels_[level].load(std::memory_order_acquire)[at];  // pairs with reserve()
  }

  mutable std::array<std::atomic<std::atomic<T*>*>, 28> levels_{};
  std::atomic<std::uint32_t> published_{0};
  std::uint32_t size_ = 0;  // guarded by the owner's lock, as is the rest below
};

}  // namespace seawall::detail
