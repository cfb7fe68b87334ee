// SPDX-License-Identifier: MIT
//
// WriterLease: who may write a directory in shared memory, in one word: deadline:40 (in 2^23 ns, some 290 years) |
// writer:24. A writer renews it with all that it does; when it is over, or at once when a host that knows the writer
// dead says so, the next one takes the word with a number of its own, and the former finds out before its next change.
// What it cannot find out is a pause in the midst of a change: a lease must be far longer than the longest pause of a
// process that goes on afterwards.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/detail/update.h"

namespace seawall::detail {

struct WriterLease {
  static constexpr std::uint32_t kWriterBits = 24;
  static constexpr std::uint32_t kNobody = 0;

  static constexpr std::uint32_t writer(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word) & ((1u << kWriterBits) - 1);
  }
  // The first instant after it.
  static constexpr std::int64_t deadline_ns(std::uint64_t word) noexcept {
    return static_cast<std::int64_t>(word >> kWriterBits) << 23;
  }

  // The number of the new writer; kNobody: another one has it. `length` is positive.
  template <class Cell>
  static std::uint32_t take(Cell& cell, std::int64_t now, std::int64_t length, bool at_once) noexcept {
    return publish(cell, [=](std::uint64_t word) {
      if (!at_once && now < deadline_ns(word)) return Step<std::uint32_t>{word, kNobody};
      std::uint32_t mine = writer(word + 1);
      if (mine == kNobody) mine = 1;
      return Step<std::uint32_t>{until(now, length) | mine, mine};
    });
  }
  // False: another one has taken it.
  template <class Cell>
  static bool renew(Cell& cell, std::uint32_t mine, std::int64_t now, std::int64_t length) noexcept {
    return publish(cell, [=](std::uint64_t word) {
      const bool held = writer(word) == mine;
      return Step<bool>{held ? std::max(word, until(now, length) | mine) : word, held};
    });
  }
  template <class Cell>
  static void give_back(Cell& cell, std::uint32_t mine) noexcept {
    publish(cell, [=](std::uint64_t word) { return Step<bool>{writer(word) == mine ? mine : word, true}; });
  }

 private:
  static constexpr std::uint64_t until(std::int64_t now, std::int64_t length) noexcept {
    const std::uint64_t end =
        static_cast<std::uint64_t>(std::max<std::int64_t>(now, 0)) + static_cast<std::uint64_t>(length);
    return ((end >> 23) + 1) << kWriterBits;
  }
};

}  // namespace seawall::detail
