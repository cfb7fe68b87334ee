// SPDX-License-Identifier: MIT
//
// When to ask a source again that says for how long its answer holds, as DNS does. After an answer: when its ttl has
// passed, but not before `floor` (ttl 0 is common and must not become a query for each call) nor later than `ceiling`.
// After a failure: after a pause of its own, doubled with each further failure in a row up to longest_pause. Both are
// up to jitter_percent longer, so that clients that began together do not ask together.
#pragma once

#include <algorithm>
#include <cstdint>

namespace seawall::algorithm {

struct RefreshRule {
  std::int64_t floor = 0;  // all in ns
  std::int64_t ceiling = 0;
  std::int64_t first_pause = 0;
  std::int64_t longest_pause = 0;
  std::int64_t jitter_percent = 0;

  constexpr std::int64_t after_answer(std::int64_t ttl, std::uint64_t random) const noexcept {
    return spread(std::clamp(ttl, floor, ceiling), random);
  }
  // failures: in a row, from 1.
  constexpr std::int64_t after_failure(std::int64_t failures, std::uint64_t random) const noexcept {
    std::int64_t pause = first_pause;
    for (std::int64_t i = 1; i < failures && pause < longest_pause; ++i)
      pause += std::min(pause, longest_pause - pause);
    return spread(std::min(pause, longest_pause), random);
  }

 private:
  constexpr std::int64_t spread(std::int64_t pause, std::uint64_t random) const noexcept {
    const std::int64_t most = pause / 100 * jitter_percent + pause % 100 * jitter_percent / 100;
    const auto fraction = static_cast<std::int64_t>(random >> 48);  // of 2^16
    return pause + (most >> 16) * fraction + ((most & 0xffff) * fraction >> 16);
  }
};

inline constexpr RefreshRule kRefreshExample{5, 300, 1, 30, 0};
static_assert(kRefreshExample.after_answer(0, 0) == 5 && kRefreshExample.after_answer(9999, 0) == 300);
static_assert(kRefreshExample.after_failure(1, 0) == 1 && kRefreshExample.after_failure(3, 0) == 4 &&
              kRefreshExample.after_failure(1000, 0) == 30);

}  // namespace seawall::algorithm
