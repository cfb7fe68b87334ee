// SPDX-License-Identifier: MIT
//
// How long a circuit breaker stays open: open_duration, longer with each opening that was not made up for, up to
// max_open_duration, and then up to open_jitter_percent longer. A pure function: the same config, number of openings
// and generation give the same time. Options and Config are those of breaker_config.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/algorithm/mix.h"

namespace seawall::algorithm::breaker {

// `percent` of `ns`, without a product that overflows: both parts stay below 2^59 for a year and 900 %.
constexpr std::int64_t percent_of(std::int64_t ns, std::int64_t percent) noexcept {
  return ns / 100 * percent + ns % 100 * percent / 100;
}

// After `openings` openings that were not made up for.
template <class Options>
constexpr std::int64_t grown_ns(const Options& o, std::uint64_t openings) noexcept {
  const std::int64_t cap = std::max(o.open_duration, o.max_open_duration).count();
  std::int64_t ns = o.open_duration.count();
  for (std::uint64_t i = 0; i < openings && ns < cap && o.open_growth_percent > 0; ++i) {
    ns = std::min(cap, ns + percent_of(ns, o.open_growth_percent));
  }
  return ns;
}

// Never shorter than what it grew to, so that "refuse for open_duration" stays true.
template <class Config>
constexpr std::int64_t open_ns(const Config& config, std::uint64_t openings, std::uint64_t generation) noexcept {
  const auto& o = config.options();
  const std::int64_t ns = grown_ns(o, openings);
  const auto spread = static_cast<std::uint64_t>(percent_of(ns, o.open_jitter_percent));
  // The upper 16 bits as a fraction; 2^16 * (2^55 >> 16) fits.
  const std::uint64_t fraction = mix64(o.seed + 0x9e3779b97f4a7c15u * (generation + 1)) >> 48;
  return ns + static_cast<std::int64_t>((spread >> 16) * fraction + ((spread & 0xffff) * fraction >> 16));
}

}  // namespace seawall::algorithm::breaker
