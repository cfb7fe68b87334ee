// SPDX-License-Identifier: MIT
//
// One transition of a circuit breaker, as the host sees it and as the 64 bits that travel through the event ring:
//
//   63..47 generation | 46..44 state before | 43..40 reason | 39..0 instant, ms since the epoch, rounded down
//
// The reason fixes the state after. The reason of an event is never 0, so an event is never 0 and 0 is an empty slot.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

#include "seawall/algorithm/breaker_word.h"
#include "seawall/time.h"

namespace seawall {

// Why a breaker changed. Numbers are those of the C API; they only grow at the end.
enum class BreakerReason : std::int32_t {
  kNone = 0,              // of a snapshot: nothing has happened yet, or the event of it is not there (yet)
  kFailureThreshold = 1,  // closed -> open: too many failures in a row
  kOpenElapsed = 2,       // open -> half_open: open_duration is over and a call came
  kProbesSucceeded = 3,   // half_open -> closed
  kProbeFailed = 4,       // half_open -> open
  kProbesLost = 5,        // half_open -> half_open: the lease ran out, the probes in flight are given up
  kForcedOpen = 6,        // force_open()
  kDisabled = 7,          // disable()
  kReset = 8,             // reset()
  // closed -> open: the rate of a window reached its threshold
  kCountFailureRate = 9,
  kTimeFailureRate = 10,
  kCountSlowRate = 11,
  kTimeSlowRate = 12,
  kProbeSlow = 13,  // half_open -> open: a probe succeeded, but was slow
};

constexpr std::string_view to_string(BreakerReason reason) noexcept {
  constexpr std::string_view kNames[] = {
      "none",           "failure_threshold",  "open_elapsed",      "probes_succeeded",
      "probe_failed",   "probes_lost",        "forced_open",       "disabled",
      "reset",          "count_failure_rate", "time_failure_rate", "count_slow_rate",
      "time_slow_rate", "probe_slow"};
  const auto at = static_cast<std::uint32_t>(reason);
  return at < std::size(kNames) ? kNames[at] : "unknown";
}

struct CircuitBreakerEvent {
  BreakerState from = BreakerState::kClosed;
  BreakerState to = BreakerState::kClosed;
  BreakerReason reason = BreakerReason::kReset;
  std::uint32_t generation = 0;  // after the transition; consecutive, wraps at 131,072
  TimePoint at{};                // the `now` of the call that caused it, to the millisecond
};

namespace algorithm::breaker {

using EventGeneration = WordField<47, 17>;
using EventFrom = WordField<44, 3>;
using EventReason = WordField<40, 4>;
using EventInstant = WordField<0, 40>;

constexpr std::uint64_t pack_event(std::uint64_t before, std::uint64_t after, BreakerReason reason,
                                   std::int64_t elapsed_ns) noexcept {
  return EventGeneration::of(Generation::get(after)) | EventFrom::of(State::get(before)) |
         EventReason::of(static_cast<std::uint64_t>(reason)) |
         EventInstant::of(static_cast<std::uint64_t>(elapsed_ns / kOpenUnitNs));
}

constexpr BreakerState state_after(BreakerReason reason) noexcept {
  switch (reason) {
    case BreakerReason::kFailureThreshold:
    case BreakerReason::kProbeFailed:
    case BreakerReason::kProbeSlow:
    case BreakerReason::kCountFailureRate:
    case BreakerReason::kTimeFailureRate:
    case BreakerReason::kCountSlowRate:
    case BreakerReason::kTimeSlowRate:
      return BreakerState::kOpen;
    case BreakerReason::kOpenElapsed:
    case BreakerReason::kProbesLost:
      return BreakerState::kHalfOpen;
    case BreakerReason::kForcedOpen:
      return BreakerState::kForcedOpen;
    case BreakerReason::kDisabled:
      return BreakerState::kDisabled;
    case BreakerReason::kProbesSucceeded:
    case BreakerReason::kReset:
    case BreakerReason::kNone:
      break;
  }
  return BreakerState::kClosed;
}

constexpr BreakerReason reason_of(std::uint64_t packed) noexcept {
  return static_cast<BreakerReason>(EventReason::get(packed));
}

constexpr CircuitBreakerEvent unpack_event(std::uint64_t packed, TimePoint epoch) noexcept {
  const BreakerReason reason = reason_of(packed);
  return {.from = static_cast<BreakerState>(EventFrom::get(packed)),
          .to = state_after(reason),
          .reason = reason,
          .generation = static_cast<std::uint32_t>(EventGeneration::get(packed)),
          .at = epoch + Duration(static_cast<std::int64_t>(EventInstant::get(packed)) * kOpenUnitNs)};
}

// How many generations `a` is after `b`: from -65,536 to 65,535.
constexpr std::int32_t generations_after(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>((a - b) << 15) >> 15;
}

}  // namespace algorithm::breaker
}  // namespace seawall
