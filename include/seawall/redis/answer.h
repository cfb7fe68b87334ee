// SPDX-License-Identifier: MIT
//
// Answer: the Decision of a limit that machines share, and who decided it. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/decision.h"

namespace seawall::redis {

enum class Algorithm : std::int32_t { kTokenBucket = 0, kSlidingWindow = 1 };

enum class DecidedBy : std::int32_t {
  kStore = 0,        // Redis, for this very request
  kLease = 1,        // permits that Redis gave this process ahead
  kDenialCache = 2,  // Redis refused a moment ago and said until when
  kPolicy = 3,       // nobody knows: WhenAway decided, and `fault` says why
};

constexpr std::string_view to_string(DecidedBy by) noexcept {
  constexpr std::string_view kNames[] = {"store", "lease", "denial_cache", "policy"};
  const auto at = static_cast<std::size_t>(by);
  return at < 4 ? kNames[at] : "unknown";
}

enum class Fault : std::int32_t {
  kNone = 0,
  kTimeout = 1,       // no answer by the deadline
  kAway = 2,          // no connection, or the breaker around the store is open: not asked
  kForeign = 3,       // the key holds something that no limiter wrote
  kRefused = 4,       // Redis answered with an error of its own (read-only replica, out of memory, ...)
  kUnauthorized = 5,  // no server lets us in: a wrong user or password, or none; StoreStats::refusal has its words
};

constexpr std::string_view to_string(Fault fault) noexcept {
  constexpr std::string_view kNames[] = {"none", "timeout", "away", "foreign", "refused", "unauthorized"};
  const auto at = static_cast<std::size_t>(fault);
  return at < 6 ? kNames[at] : "unknown";
}

// What the store charged, for refund(), as a Charge: given back at most once.
struct StoreCharge {
  std::int64_t at = 0;    // bucket: the TAT in us of the server's clock; window: the sub-window
  std::int64_t rest = 0;  // bucket: the TAT's part below a microsecond, in 1 / (1000 * permits) us
  std::int64_t permits = 0;
};

// `remaining` and `reset_after` are the store's own where kStore decided; a lease knows what is left in itself.
struct Answer : Decision {
  DecidedBy by = DecidedBy::kStore;
  Fault fault = Fault::kNone;
  StoreCharge stored{};
};

}  // namespace seawall::redis
