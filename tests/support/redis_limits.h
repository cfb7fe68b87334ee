// SPDX-License-Identifier: MIT
// Limits in a real redis-server, for tests that are not about time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "seawall/redis/rate_limiter.h"
#include "support/catch.h"
#include "support/redis_server.h"

namespace seawall::testing {

// Deadlines so long that a busy machine misses none.
inline redis::Store open(const RedisServer& server) {
  constexpr Duration kLong = std::chrono::minutes(1);
  return redis::Store::open({.endpoints = {server.endpoint()}, .deadline = kLong, .silence = 2 * kLong}).value();
}
// Refills too slowly for a test to see it.
inline Quota slow(std::int64_t permits) { return Quota::make(permits, std::chrono::hours(24)).value(); }
inline redis::RateLimiter limiter(const redis::Store& store, const redis::RateLimiterOptions& options) {
  auto made = redis::RateLimiter::make(store, options);
  INFO((made ? "" : std::string(made.error().message.view())));
  REQUIRE(made.ok());
  return made.value();
}

}  // namespace seawall::testing
