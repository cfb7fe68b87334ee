// SPDX-License-Identifier: MIT
// What the tests of faults share: how long a stop lasts, how late a call may return, and what was admitted as a line.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "seawall/time.h"
#include "support/catch.h"

namespace seawall::testing {

inline constexpr Duration kBusyMachine = std::chrono::seconds(60);

// In earnest (make redis-faults) a stop lasts 30 s; what a stop of any length shows is the same.
inline Duration stop_of(Duration otherwise) {
  return std::getenv("SEAWALL_LONG_FAULTS") != nullptr ? std::chrono::seconds(30) : otherwise;
}

inline constexpr std::int64_t kNoBound = INT64_MAX;

// How much more than the limit was admitted through a fault, of what is stated.
inline void tell_overshoot(const char* what, std::int64_t admitted, std::int64_t limit, std::int64_t stated) {
  const std::int64_t overshoot = std::max<std::int64_t>(admitted - limit, 0);
  CHECK(overshoot <= stated);
  std::printf("%s: %lld admitted, limit %lld, overshoot %lld, ", what, static_cast<long long>(admitted),
              static_cast<long long>(limit), static_cast<long long>(overshoot));
  if (stated == kNoBound) {
    std::printf("no bound stated\n");
  } else {
    std::printf("stated at most %lld\n", static_cast<long long>(stated));
  }
}

}  // namespace seawall::testing
