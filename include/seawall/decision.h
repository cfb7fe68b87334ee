// SPDX-License-Identifier: MIT
//
// Decision: a limiter's answer, with all that a caller needs to tell its client (RateLimit and Retry-After headers).
#pragma once

#include <cstdint>

#include "seawall/time.h"

namespace seawall {

struct Decision {
  static constexpr Duration kNever = Duration::max();

  bool allowed = false;
  std::int64_t limit = 0;      // the most permits that can be available at one instant
  std::int64_t remaining = 0;  // permits available after this decision
  Duration retry_after{0};     // 0 when allowed; else the same request is refused at every earlier instant; or kNever
  Duration reset_after{0};     // until all `limit` permits are available again, if nobody asks meanwhile

  // The request can never be allowed, however long the caller waits: it costs more than the limit.
  constexpr bool never() const noexcept { return retry_after == kNever; }
};

}  // namespace seawall
