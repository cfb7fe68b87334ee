// SPDX-License-Identifier: MIT
//
// Limiters count time from their epoch, so that a state word holds 30 years whatever the machine's clock says.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/decision.h"
#include "seawall/detail/saturating.h"
#include "seawall/time.h"

namespace seawall::algorithm {

// Where a limiter's time ends: later instants count as this one. 30 years.
inline constexpr Duration kHorizon = std::chrono::hours(24) * 10957;

constexpr Duration since(TimePoint epoch, TimePoint now) noexcept {
  if (now < epoch) [[unlikely]]
    return Duration(0);
  // Exact as unsigned, however far apart the two are.
  const auto elapsed = static_cast<std::uint64_t>(to_ns(now)) - static_cast<std::uint64_t>(to_ns(epoch));
  return Duration(static_cast<std::int64_t>(std::min(elapsed, static_cast<std::uint64_t>(kHorizon.count()))));
}

// From the one to the other, as unsigned: words that no limiter wrote give any answer, but a defined one.
constexpr Duration between(Duration from, Duration to) noexcept {
  return Duration(
      static_cast<std::int64_t>(static_cast<std::uint64_t>(to.count()) - static_cast<std::uint64_t>(from.count())));
}

// A decision that was taken as of the later instant `decided` (the epoch, or the latest instant seen), told to a caller
// who waits from its own `now`.
constexpr Decision seen_from(TimePoint now, TimePoint decided, Decision decision) noexcept {
  if (now >= decided) return decision;
  const std::int64_t early = detail::saturating_sub(to_ns(decided), to_ns(now));
  const auto later = [early](Duration wait) { return Duration(detail::saturating_add(wait.count(), early)); };
  if (!decision.allowed) decision.retry_after = later(decision.retry_after);
  if (decision.reset_after > Duration(0)) decision.reset_after = later(decision.reset_after);
  return decision;
}

}  // namespace seawall::algorithm
