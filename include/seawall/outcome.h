// SPDX-License-Identifier: MIT
//
// How a guarded call ended: what is reported once for each Ticket of a breaker, a pick or a pipeline; and what became
// of the report.
#pragma once

#include <cstdint>

namespace seawall {

enum class Outcome : std::int32_t {
  kSuccess = 0,  // the call did what it was asked to
  kFailure = 1,  // the dependency is to blame: refused, reset, too slow, a 5xx
  kIgnored = 2,  // says nothing about the dependency: cancelled by the caller, a 4xx, refused by a local limit
};

// Numbers are those of the C API; they only grow at the end.
enum class ReportResult : std::int32_t {
  kRecorded = 0,
  kLate = 1,          // the breaker has moved on since the call was admitted; nothing changed
  kNotCounted = 2,    // admitted while disabled, or in shadow where it would have been refused: nothing is counted
  kInvalidToken = 3,  // no breaker gave this token out; nothing changed
};

}  // namespace seawall
