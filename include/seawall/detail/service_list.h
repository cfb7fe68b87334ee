// SPDX-License-Identifier: MIT
//
// The head of a service's list: how to choose from it, in the same words as the list itself, so that a pick sees one
// consistent whole. Entries follow: first those that get traffic, of them first those in the caller's own zone; behind
// them those that only panic uses. Fixed size, no addresses.
//
//   0  eligible:16 | known:16 | local:16 | balancer:4 | plain:1 | fails:1 | ejects:1 | learns:1 | unfiltered:1 |
//      panic_threshold:7 (from bit 0)
//   1  table_size:24 | table:8 | local_share:17
//   2  failures:10 | growth:10 | jitter:7 | max_ejected_percent:7 | least_left:16
//   3  open_ms:32 | max_open_ms:32
//   4  decay_ms:32 | probe_lease_ms:32
//   5  half_life_ms:32 | failure_us:32
#pragma once

#include <cstdint>

#include "seawall/algorithm/view_state.h"
#include "seawall/detail/instance_record.h"

namespace seawall::detail {

class ListHead {
 public:
  static constexpr std::uint32_t kWords = 6;

  ListHead() = default;
  explicit ListHead(std::uint64_t word) noexcept : word_(word) {}

  // Round robin over all that are eligible, and no reason to panic but ejections: what the short way of a pick serves.
  bool plain() const noexcept { return bits(11, 1) != 0; }
  bool fails() const noexcept { return bits(10, 1) != 0; }
  bool ejects() const noexcept { return bits(9, 1) != 0; }
  // Whether calls that end teach latencies: the balancer of the service, or of a view of it, asks for them.
  bool learns() const noexcept { return bits(8, 1) != 0; }
  // Of a view: the whole service, for want of anybody that its selector matches.
  bool unfiltered() const noexcept { return bits(7, 1) != 0; }
  std::uint32_t panic_threshold() const noexcept { return bits(0, 7); }
  std::uint32_t balancer() const noexcept { return bits(12, 4); }
  std::uint32_t local() const noexcept { return bits(16, 16); }
  std::uint32_t known() const noexcept { return bits(32, 16); }
  std::uint32_t eligible() const noexcept { return bits(48, 16); }

  ViewState view_state() const noexcept {
    if (unfiltered()) return ViewState::kUnfiltered;
    return known() == 0 ? ViewState::kNobody : ViewState::kMatched;
  }

  bool panics(std::uint32_t ejected) const noexcept {
    const std::uint32_t left = eligible() - (ejected < eligible() ? ejected : eligible());
    return left * 100 < known() * panic_threshold();
  }

  struct Fields {
    std::uint32_t eligible = 0, known = 0, local = 0, balancer = 0;
    bool plain = false, fails = false, ejects = false, learns = false, unfiltered = false;
    std::uint32_t panic_threshold = 0;
  };
  static std::uint64_t pack(const Fields& f) noexcept {
    return std::uint64_t{f.eligible} << 48 | std::uint64_t{f.known} << 32 | std::uint64_t{f.local} << 16 |
           std::uint64_t{f.balancer} << 12 | std::uint64_t{f.plain} << 11 | std::uint64_t{f.fails} << 10 |
           std::uint64_t{f.ejects} << 9 | std::uint64_t{f.learns} << 8 | std::uint64_t{f.unfiltered} << 7 |
           f.panic_threshold;
  }

 private:
  std::uint32_t bits(int from, int count) const noexcept {
    return static_cast<std::uint32_t>(word_ >> from) & ((1u << count) - 1);
  }

  std::uint64_t word_ = 0;
};

}  // namespace seawall::detail
