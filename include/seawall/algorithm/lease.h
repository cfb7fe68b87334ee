// SPDX-License-Identifier: MIT
//
// Lease: an instance lives until `end`, exactly one lease after its last renewal (not two, as in Eureka), unless the
// registry itself was asleep. A registry that was paused has heard no heartbeats, so it must not believe its clock:
// it lets time pass only up to `tolerance` after its last tick, and a tick that is later than that extends every lease
// that had not ended by then by how late it is (Eureka's compensation), to at most a full lease from now. For `margin`
// before its end it is suspect: a heartbeat is overdue.
//
// spread() makes instances that start together beat apart.
//
// All instants are int64 nanoseconds; arithmetic stops at the ends of the range.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/detail/saturating.h"

namespace seawall::algorithm {

struct LeaseRule {
  std::int64_t lease = 0;
  std::int64_t tolerance = 0;
  std::int64_t margin = 0;  // 0: never suspect

  // The end of a lease renewed at `now`; never before the end it had.
  constexpr std::int64_t renew(std::int64_t end, std::int64_t now) const noexcept {
    return std::max(end, detail::saturating_add(now, lease));
  }
  constexpr std::int64_t suspect_from(std::int64_t end) const noexcept { return detail::saturating_sub(end, margin); }
  // The last instant at which time is believed after a tick at `tick`.
  constexpr std::int64_t believed_until(std::int64_t tick) const noexcept {
    return detail::saturating_add(tick, tolerance);
  }
  // The end of a lease after a tick at `now` that follows one at `last` (now >= last).
  constexpr std::int64_t compensate(std::int64_t end, std::int64_t last, std::int64_t now) const noexcept {
    const std::int64_t believed = believed_until(last);
    if (now <= believed || end <= believed) return end;
    const std::int64_t late = detail::saturating_sub(now, believed);
    const std::int64_t full = detail::saturating_add(now, lease);
    return std::max(end, std::min(detail::saturating_add(end, late), full));
  }
};

// A lease covers the instants before its end. `believed` is believed_until(last tick).
constexpr bool lease_live(std::int64_t end, std::int64_t now, std::int64_t believed) noexcept {
  return std::min(now, believed) < end;
}

// `interval` made longer or shorter by up to `percent` of it, as `hash` says: uniform in steps of 1/1024 of that.
constexpr std::int64_t spread(std::int64_t interval, std::int64_t percent, std::uint64_t hash) noexcept {
  return interval + interval / 100 * percent / 1024 * (static_cast<std::int64_t>(hash % 2049) - 1024);
}

}  // namespace seawall::algorithm
