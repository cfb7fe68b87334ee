// SPDX-License-Identifier: MIT
//
// The head of a service's list: how to choose from it, in the same words as the list itself, so that a pick sees one
// consistent whole. Entries follow: first those that get traffic, of them first those in the caller's own zone; behind
// them those that only panic uses. Fixed size, no addresses. And how two entries are compared.
//
//   0  eligible:16 | known:16 | local:16 | balancer:4 | plain:1 | fails:1 | ejects:1 | learns:1 | unfiltered:1 |
//      panic_threshold:7 (from bit 0)
//   1  table_size:24 | table:8 | local_share:17
//   2  failures:10 | growth:10 | jitter:7 | max_ejected_percent:7 | least_left:16
//   3  open_ms:32 | max_open_ms:32
//   4  decay_ms:32 | probe_lease_ms:32
//   5  half_life_ms:32 | failure_us:32
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/peak_ewma.h"
#include "seawall/algorithm/view_state.h"
#include "seawall/detail/instance_record.h"

namespace seawall::detail {

class ListHead {
 public:
  static constexpr std::uint32_t kWords = 6;

  ListHead() = default;
  explicit ListHead(std::uint64_t word) noexcept : word_(word) {}

  // Every choice is among all that are eligible, which tells nothing beside, and there is no reason to panic but
  // ejections: what the short ways of a pick serve, if by this balancer.
  bool plain(std::uint32_t by) const noexcept { return (word_ & 0xf800) == (by << 12 | 1u << 11); }
  bool fails() const noexcept { return bits(10, 1) != 0; }
  bool ejects() const noexcept { return bits(9, 1) != 0; }
  // Whether calls that end teach latencies: the balancer of the service, or of a view of it, asks for them.
  bool learns() const noexcept { return bits(8, 1) != 0; }
  // Of a view: the whole service, for want of anybody that its selector matches.
  bool unfiltered() const noexcept { return bits(7, 1) != 0; }
  std::uint32_t panic_threshold() const noexcept { return bits(0, 7); }
  std::uint32_t balancer() const noexcept { return bits(12, 4); }
  // Whether it compares two by their load, and also by their latency; see Balancer.
  bool compares() const noexcept { return balancer() == 2 || measures(); }
  bool measures() const noexcept { return balancer() == 3; }
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

// The random numbers of a stripe: each is SplitMix64's next step from the one before, so that what is drawn stands
// ready and nobody waits for it to be mixed. Relaxed, and not one read-modify-write: threads that step on each other's
// toes draw a number twice and no more.
struct StripeRandom {
  // What the next draw will be, should nobody else draw.
  static std::uint64_t ahead(const Word& state) noexcept { return state.load(std::memory_order_relaxed); }
  static std::uint64_t draw(Word& state) noexcept {
    const std::uint64_t drawn = ahead(state);
    state.store(algorithm::mix64(drawn + 0x9e3779b97f4a7c15u), std::memory_order_relaxed);
    return drawn;
  }
};

// Whom the next pick of a stripe will compare is known before it. Of a long list their lines are seldom near, so the
// memory is asked for them while this pick goes on.
inline constexpr std::uint32_t kLongList = 256;  // with their records as much as the nearest memory holds

template <class Directory, class Pair>
void ask_ahead(const Directory& directory, const Word* entries, const Pair& next) noexcept {
  for (const std::uint32_t at : {next.first, next.second}) {
    __builtin_prefetch(&directory.record(ListEntry::unpack(seen(entries[at])).record), 1);
  }
}

// The better of two: how balancers that compare instances see them, by their calls under way and, for Peak-EWMA, by how
// long those take.
class TwoChoices {
 public:
  // `words`: the list; `measures`: as its head has it.
  TwoChoices(const Word* words, bool measures, std::uint64_t now_ms) noexcept
      : ewma_(measures ? algorithm::PeakEwma(half_life(words)) : algorithm::PeakEwma(1)),
        measures_(measures),
        now_ms_(now_ms) {}

  bool second_is_better(const InstanceRecord& first, std::uint32_t first_weight, const InstanceRecord& second,
                        std::uint32_t second_weight) const noexcept {
    return algorithm::PeakEwma::cheaper(candidate(second, second_weight), candidate(first, first_weight));
  }

 private:
  static std::uint32_t half_life(const Word* words) noexcept {
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(seen(words[5]) >> 32, 1));
  }

  algorithm::PeakEwma::Candidate candidate(const InstanceRecord& r, std::uint32_t weight) const noexcept {
    // Relaxed: a count to compare with another.
    const auto load = static_cast<std::int32_t>(r.load.load(std::memory_order_relaxed));
    if (!measures_) return {0, static_cast<std::uint32_t>(std::max(load, 0)), weight};
    const auto in_flight = static_cast<std::uint32_t>(std::clamp(load, 0, (1 << 20) - 1));
    const std::uint64_t latency = ewma_.at(seen(r.ewma), now_ms_);
    // Nobody knows how fast it is: one call finds out.
    const bool unknown = latency == 0 && in_flight > 0;
    return {unknown ? algorithm::PeakEwma::kMaxLatencyUs : latency, in_flight, weight};
  }

  algorithm::PeakEwma ewma_;  // of whoever measures
  bool measures_;
  std::uint64_t now_ms_;
};

}  // namespace seawall::detail
