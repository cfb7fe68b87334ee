// SPDX-License-Identifier: MIT
//
// How a guarded call ended: what is reported once for each Ticket of a breaker, a pick or a pipeline.
#pragma once

#include <cstdint>

namespace seawall {

enum class Outcome : std::int32_t {
  kSuccess = 0,  // the call did what it was asked to
  kFailure = 1,  // the dependency is to blame: refused, reset, too slow, a 5xx
  kIgnored = 2,  // says nothing about the dependency: cancelled by the caller, a 4xx, refused by a local limit
};

}  // namespace seawall
