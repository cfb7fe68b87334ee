// SPDX-License-Identifier: MIT
//
// When may an instance that its source lists no more really go? Not at once: sources lie for moments. A removal waits
// for `grace`, and that wait counts only while the source itself is healthy: it begins anew each time the source comes
// back from a failure (Finagle's StabilizingAddr). A list that has lost more than max_shrink_percent of its size, and
// any list that has become empty, is doubted: then removals wait for `ceiling` instead, so that an outage of the
// source's own store takes nothing, and a service that was really scaled to zero still ends.
//
// A source is healthy while its last answer was no failure and vouches for now: for `ttl`, or for ever when ttl is 0.
#pragma once

#include <algorithm>
#include <cstdint>

#include "seawall/detail/saturating.h"

namespace seawall::algorithm {

struct SourceHold {
  std::int64_t grace = 0;
  std::int64_t ceiling = 0;
  std::int64_t max_shrink_percent = 0;
  std::int64_t min_protected = 0;

  // `listed` now, of a list that had `peak` entries since the last removal.
  constexpr bool doubtful(std::int64_t listed, std::int64_t peak) const noexcept {
    if (listed == 0) return peak > 0;
    return peak >= min_protected && listed * 100 < peak * (100 - max_shrink_percent);
  }

  // The first instant at which an entry goes that is missing since `missing`, while its source is healthy since
  // `healthy`.
  constexpr std::int64_t due(std::int64_t missing, std::int64_t healthy, bool doubted) const noexcept {
    return detail::saturating_add(std::max(missing, healthy), doubted ? ceiling : grace);
  }

  // Does an answer that was heard at `heard` still vouch for `now`?
  static constexpr bool vouches(std::int64_t heard, std::int64_t ttl, std::int64_t now) noexcept {
    return ttl == 0 || now <= detail::saturating_add(heard, ttl);
  }
};

static_assert(SourceHold{1, 10, 50, 4}.doubtful(1, 4) && !SourceHold{1, 10, 50, 4}.doubtful(2, 4));
static_assert(SourceHold{1, 10, 50, 4}.doubtful(0, 1) && !SourceHold{1, 10, 50, 4}.doubtful(1, 3));
static_assert(SourceHold{1, 10, 50, 4}.due(5, 7, false) == 8 && SourceHold{1, 10, 50, 4}.due(5, 7, true) == 17);

}  // namespace seawall::algorithm
