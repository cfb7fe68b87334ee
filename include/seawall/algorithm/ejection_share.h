// SPDX-License-Identifier: MIT
//
// How many instances of a service may be ejected at once: one word decides for all of them, and what is asked is what
// would be true after the ejection (Envoy's defect 27066: with 67 % allowed it ejected three of three).
//
//   turn:32 | known:16 | ejected:16      turn counts changes; known are those that get traffic but for ejections
#pragma once

#include <cstdint>

#include "seawall/detail/step.h"

namespace seawall::algorithm {

struct EjectionShare {
  static constexpr std::uint32_t known(std::uint64_t word) noexcept { return word >> 16 & 0xffff; }
  static constexpr std::uint32_t ejected(std::uint64_t word) noexcept { return word & 0xffff; }
  static constexpr std::uint64_t changed(std::uint64_t word, std::uint32_t known, std::uint32_t ejected) noexcept {
    return ((word >> 32) + 1) << 32 | std::uint64_t{known & 0xffff} << 16 | (ejected & 0xffff);
  }

  // One more, when at most `percent` of the known are ejected then and at least `least_left` are not. True: it may.
  static constexpr detail::Step<bool> eject(std::uint64_t word, std::uint32_t percent,
                                            std::uint32_t least_left) noexcept {
    const std::uint32_t all = known(word), then = ejected(word) + 1;
    if (then > all || then + least_left > all || std::uint64_t{then} * 100 > std::uint64_t{all} * percent) {
      return {word, false};
    }
    return {changed(word, all, then), true};
  }
  static constexpr detail::Step<bool> restore(std::uint64_t word) noexcept {
    return {changed(word, known(word), ejected(word) == 0 ? 0 : ejected(word) - 1), true};
  }
  static constexpr detail::Step<bool> know(std::uint64_t word, std::uint32_t now_known) noexcept {
    if (known(word) == now_known) return {word, true};
    return {changed(word, now_known, ejected(word)), true};
  }
};

static_assert(!EjectionShare::eject(EjectionShare::changed(0, 1, 0), 100, 1).answer);
static_assert(EjectionShare::eject(EjectionShare::changed(0, 2, 0), 50, 1).answer);
static_assert(!EjectionShare::eject(EjectionShare::changed(0, 3, 1), 50, 1).answer);

}  // namespace seawall::algorithm
