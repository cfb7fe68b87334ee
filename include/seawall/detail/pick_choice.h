// SPDX-License-Identifier: MIT
//
// What a choice from a service's list is made of and by.
#pragma once

#include <cstdint>
#include <span>

#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/detail/instance_record.h"

namespace seawall {

// Bits of Pick::flags. They only grow at the end.
enum PickFlag : std::uint32_t {
  kPickPanic = 1u << 0,       // too few are eligible: all that are known get their share, this one may not be well
  kPickProbe = 1u << 1,       // it was ejected, and this call decides whether it comes back
  kPickSpilled = 1u << 2,     // it is in another zone than the caller
  kPickUnfiltered = 1u << 3,  // the selector of the view matches nobody: it is any of the service
};

namespace detail {

struct Wanted {
  std::int64_t now = 0;  // as far as the registry believes it: what leases are compared with
  std::uint64_t now_ms = 0;
  std::uint64_t key = 0;
  bool keyed = false;
  std::span<const std::uint32_t> exclude = {};
};

// The entry as the list's word, which fits a register; 0: nobody.
struct Choice {
  std::uint64_t word = 0;
  std::uint32_t note = 0;  // for the ticket
  std::uint32_t flags = 0;
  bool found() const noexcept { return word != 0; }
  ListEntry entry() const noexcept { return ListEntry::unpack(word); }
};

// Of a round: the pass, which decides whose turn it is, and the entry.
struct Place {
  static std::uint64_t next(std::uint64_t place, std::uint32_t size) noexcept {
    const bool last = static_cast<std::uint32_t>(place) + 1 == size;
    return last ? next_pass(place) : place + 1;
  }
  static std::uint64_t next_pass(std::uint64_t place) noexcept { return ((place >> 32) + 1) << 32; }
  // Behind the last entry the next pass begins. The first round begins anywhere; one over a list that has become
  // shorter, at its front.
  static std::uint64_t within(std::uint64_t place, std::uint32_t size) noexcept {
    if (static_cast<std::uint32_t>(place) == size) return next_pass(place);
    return static_cast<std::uint32_t>(place) < size
               ? place
               : place >> 32 << 32 | algorithm::below(size, static_cast<std::uint32_t>(place));
  }
  static bool hits(std::uint64_t place, std::uint32_t weight) noexcept {
    return algorithm::StaticStride::hits(static_cast<std::uint32_t>(place >> 32), static_cast<std::uint32_t>(place),
                                         weight);
  }
};

}  // namespace detail
}  // namespace seawall
