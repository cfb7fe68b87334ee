// SPDX-License-Identifier: MIT
//
// The breaker of one instance: the word of a circuit breaker in the instance's record, and the word that its service
// shares about how many are ejected. An instance is ejected while its breaker is not closed. Whoever opens a breaker
// has first got a place in the share; whoever closes it, or clears the record, gives the place back, once, since one
// exchange decides who that is. So no more than the share allows are ejected, in any order of threads; one that was
// refused a place for a moment too long asks again with its next failure.
//
// Times are kept from the clock's zero. A ticket notes probe:1 | the low bits of the breaker's generation:11; a result
// counts only while the breaker still has both, so one call is mistaken for another if it lasts exactly a multiple of
// 2048 transitions.
#pragma once

#include <cstdint>

#include "seawall/algorithm/breaker_word.h"
#include "seawall/algorithm/ejection_share.h"
#include "seawall/detail/update.h"
#include "seawall/outcome.h"

namespace seawall::detail {

struct BreakerNote {
  static constexpr std::uint32_t kProbe = 1u << 11;
  static constexpr std::uint32_t kGeneration = kProbe - 1;

  static constexpr std::uint32_t of(std::uint64_t word) noexcept {
    return algorithm::breaker::generation_of(word) & kGeneration;
  }
  // No failure was counted, so a success has nothing to write.
  static constexpr bool quiet(std::uint64_t word) noexcept {
    return (word & (algorithm::breaker::State::kMask | algorithm::breaker::Failures::kMask)) == 0;
  }
  static constexpr bool current(std::uint64_t word, std::uint32_t note) noexcept {
    const BreakerState then = (note & kProbe) != 0 ? BreakerState::kHalfOpen : BreakerState::kClosed;
    return algorithm::breaker::state_of(word) == then && ((of(word) ^ note) & kGeneration) == 0;
  }
};

enum class Admitted : std::uint32_t { kNo, kYes, kProbe };

template <class Cell>
class BasicInstanceBreaker {
 public:
  struct Admission {
    Admitted admitted = Admitted::kNo;
    std::uint32_t note = 0;
  };
  enum class Settled : std::uint32_t { kNothing, kEjected, kRefused, kRestored };

  BasicInstanceBreaker(Cell& word, Cell& share) noexcept : word_(word), share_(share) {}

  // Rule: what EjectionRule in service_core.h has. May a call go to an instance whose breaker is not closed? Then it is
  // a probe.
  template <class Rule>
  Admission probe(const Rule& rule, std::int64_t elapsed) const noexcept {
    const std::uint64_t token = publish(word_, [&](std::uint64_t word) { return rule.acquire(word, elapsed); }).token;
    if (token == 0) return {};
    const bool closed = algorithm::breaker::state_of(token) == BreakerState::kClosed;  // meanwhile
    return {closed ? Admitted::kYes : Admitted::kProbe, BreakerNote::of(token) | (closed ? 0 : BreakerNote::kProbe)};
  }

  template <class Rule>
  Settled settle(const Rule& rule, std::uint32_t note, std::int64_t elapsed, Outcome outcome) const noexcept {
    Attempts<Cell> attempts;
    for (;; attempts.again()) {
      // Acquire, here and in replace(): the share is ordered with this word.
      const std::uint64_t seen = word_.load(std::memory_order_acquire);
      if (!BreakerNote::current(seen, note)) return Settled::kNothing;
      const std::uint64_t token = algorithm::breaker::token_of(seen);
      const std::uint64_t next = rule.report(seen, elapsed, token, outcome).next;
      if (next == seen) return Settled::kNothing;
      const Settled change = change_of(seen, next);
      if (change == Settled::kEjected && !take_place(rule)) return Settled::kRefused;
      if (replace(word_, seen, next)) {
        if (change == Settled::kRestored) give_place_back();
        return change;
      }
      if (change == Settled::kEjected) give_place_back();
    }
  }

  // For the writer, when the record leaves its instance: closed, and no earlier result counts any more.
  void clear() const noexcept {
    const std::uint64_t before = publish(word_, [](std::uint64_t word) {
      return Step<std::uint64_t>{algorithm::breaker::entered(BreakerState::kClosed, word, 0), word};
    });
    if (algorithm::breaker::state_of(before) != BreakerState::kClosed) give_place_back();
  }

 private:
  static Settled change_of(std::uint64_t from, std::uint64_t to) noexcept {
    const bool was = algorithm::breaker::state_of(from) == BreakerState::kClosed;
    const bool is = algorithm::breaker::state_of(to) == BreakerState::kClosed;
    return was == is ? Settled::kNothing : is ? Settled::kRestored : Settled::kEjected;
  }
  template <class Rule>
  bool take_place(const Rule& rule) const noexcept {
    return publish(share_, [&](std::uint64_t word) {
      return algorithm::EjectionShare::eject(word, rule.percent, rule.least_left);
    });
  }
  void give_place_back() const noexcept {
    publish(share_, [](std::uint64_t word) { return algorithm::EjectionShare::restore(word); });
  }

  Cell& word_;
  Cell& share_;
};

}  // namespace seawall::detail
