// SPDX-License-Identifier: MIT
//
// Decision: a limiter's answer, with all that a caller needs to tell its client (RateLimit and Retry-After headers).
#pragma once

#include <cstdint>

#include "seawall/time.h"

namespace seawall {

// What a Decision took, so that it can be given back: `limiter.refund(decision.charge)`. Give it back at most once, to
// the limiter (and key) that took it. The default charge took nothing, and refunding it does nothing.
struct Charge {
  std::uint64_t at = 0;      // token bucket: the TAT that the charge led to; sliding window: the sub-window charged
  std::int64_t permits = 0;  // may be lowered before the refund, to give back only a part

  friend constexpr bool operator==(const Charge&, const Charge&) = default;
};

struct Decision {
  static constexpr Duration kNever = Duration::max();

  bool allowed = false;
  std::int64_t limit = 0;      // the most permits that can be available at one instant
  std::int64_t remaining = 0;  // permits available after this decision
  Duration retry_after{0};     // 0 when allowed; else the same request is refused at every earlier instant; or kNever
  Duration reset_after{0};     // until all `limit` permits are available again, if nobody asks meanwhile
  Charge charge{};             // what was taken; empty when refused and after peek

  // The request can never be allowed, however long the caller waits: it costs more than the limit.
  constexpr bool never() const noexcept { return retry_after == kNever; }
};

}  // namespace seawall
