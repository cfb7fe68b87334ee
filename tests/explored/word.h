// SPDX-License-Identifier: MIT
//
// What stands for std::atomic<uint64_t> in the directory of services when its shipped sources are compiled for the
// interleaving explorer: control goes to the scheduler before each access. It may lie in memory that is made anew
// without being destroyed, unlike explorer::Cell, so states are not merged.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "support/explorer_cell.h"

namespace seawall::testing::explorer {

class Word {
 public:
  Word(std::uint64_t value = 0) noexcept : value_(value) {}  // NOLINT: as std::atomic
  Word(const Word&) = delete;
  Word& operator=(const Word&) = delete;

  std::uint64_t load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    before_access(this, false);
    return value_;
  }
  void store(std::uint64_t value, std::memory_order = std::memory_order_seq_cst) noexcept {
    before_access(this, true);
    value_ = value;
  }
  std::uint64_t fetch_add(std::uint64_t n, std::memory_order = std::memory_order_seq_cst) noexcept {
    before_access(this, true);
    return std::exchange(value_, value_ + n);
  }
  std::uint64_t fetch_sub(std::uint64_t n, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return fetch_add(~n + 1, order);
  }
  bool compare_exchange_strong(std::uint64_t& expected, std::uint64_t desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    before_access(this, true);
    if (value_ == expected) {
      value_ = desired;
      return true;
    }
    expected = value_;
    return false;
  }
  bool compare_exchange_weak(std::uint64_t& expected, std::uint64_t desired,
                             std::memory_order success = std::memory_order_seq_cst,
                             std::memory_order failure = std::memory_order_seq_cst) noexcept {
    return compare_exchange_strong(expected, desired, success, failure);
  }

 private:
  std::uint64_t value_;
};
static_assert(sizeof(Word) == 8);

}  // namespace seawall::testing::explorer
