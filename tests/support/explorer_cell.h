// SPDX-License-Identifier: MIT
//
// explorer::Cell, which stands for std::atomic<uint64_t> in the interleaving explorer (explorer.h), and the threads
// that access it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "support/fiber.h"

namespace seawall::testing::explorer {

inline constexpr bool kMortal = true;
inline constexpr bool kMergeStates = true;
inline constexpr int kMaxThreads = 4;

struct Access {
  const void* cell = nullptr;
  bool writes = false;

  bool independent_of(const Access& other) const { return cell != other.cell || !(writes || other.writes); }
};

// The thread that runs now, or null in the scenario itself, whose accesses are not scheduled.
struct Thread {
  std::function<void()> body;
  std::unique_ptr<Fiber> fiber;
  Access next;
  int accesses = 0;
  int dies_before = -1;  // -1: lives
  bool mortal = false;
  std::uint64_t seen = 0;  // a hash of all that its accesses answered, in order

  bool dead() const { return dies_before >= 0 && accesses >= dies_before; }
  bool runnable() const { return !fiber->finished() && !dead(); }
};
inline Thread* current = nullptr;

// The finaliser of splitmix64 over a running hash.
constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  std::uint64_t z = (hash ^ value) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

inline void before_access(const void* cell, bool writes) {
  if (current == nullptr) return;
  current->next = {cell, writes};
  current->fiber->yield();
}

class Cell {
 public:
  Cell(std::uint64_t value = 0) : value_(value) { all().push_back(this); }  // NOLINT: as std::atomic
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;
  ~Cell() { std::erase(all(), this); }

  std::uint64_t load(std::memory_order = std::memory_order_seq_cst) const {
    before_access(this, false);
    return answer(value_);
  }
  void store(std::uint64_t value, std::memory_order = std::memory_order_seq_cst) {
    before_access(this, true);
    value_ = value;
    answer(value);
  }
  std::uint64_t fetch_add(std::uint64_t n, std::memory_order = std::memory_order_seq_cst) {
    before_access(this, true);
    return answer(std::exchange(value_, value_ + n));
  }
  bool compare_exchange_strong(std::uint64_t& expected, std::uint64_t desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) {
    before_access(this, true);
    if (answer(value_) != expected) {
      expected = value_;
      return false;
    }
    value_ = desired;
    return true;
  }
  bool compare_exchange_weak(std::uint64_t& expected, std::uint64_t desired,
                             std::memory_order success = std::memory_order_seq_cst,
                             std::memory_order failure = std::memory_order_seq_cst) {
    return compare_exchange_strong(expected, desired, success, failure);
  }

  // For detail::Attempts.
  static std::uint64_t recall() { return current == nullptr ? 0 : current->seen; }
  static void forget(std::uint64_t begun) {
    if (current != nullptr) current->seen = begun;
  }
  static void forget(std::uint64_t begun, std::uint64_t seen) { forget(mix(begun, seen)); }

  // The values of all cells there are, in the order in which they were made.
  static std::uint64_t hash_of_all() {
    std::uint64_t hash = 0;
    for (const Cell* cell : all()) hash = mix(hash, cell->value_);
    return hash;
  }

 private:
  static std::vector<const Cell*>& all() {
    static std::vector<const Cell*> cells;
    return cells;
  }
  // What an access answers decides all that its thread does next.
  static std::uint64_t answer(std::uint64_t value) {
    if (current != nullptr) current->seen = mix(current->seen, value);
    return value;
  }

  std::uint64_t value_;
};

}  // namespace seawall::testing::explorer
