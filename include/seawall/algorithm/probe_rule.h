// SPDX-License-Identifier: MIT
//
// ProbeRule: from results of probes to the prober's word. An instance fails after `fall` failures in a row and comes
// back after `rise` successes in a row (Consul's FailuresBeforeCritical and SuccessBeforePassing), so that one lost
// packet takes nobody out and one lucky answer brings nobody back. A warning is a success of a kind; an unknown result,
// where nothing was learnt, changes nothing.
#pragma once

#include <cstdint>

#include "seawall/algorithm/instance_health.h"

namespace seawall::algorithm {

struct ProbeState {
  Health health = Health::kUnknown;
  std::int32_t against = 0;  // results in a row that speak against `health`

  // The next result decides something: ask again soon.
  constexpr bool on_edge() const noexcept { return against != 0 || health == Health::kUnknown; }
  friend constexpr bool operator==(const ProbeState&, const ProbeState&) = default;
};

struct ProbeRule {
  std::int32_t rise = 2;
  std::int32_t fall = 3;

  constexpr ProbeState next(ProbeState state, Health result) const noexcept {
    if (result == Health::kUnknown) return state;
    const bool failed = result == Health::kFailing, failing = state.health == Health::kFailing;
    if (failed == failing) return {result, 0};  // also from passing to warning and back
    const std::int32_t against = state.against + 1;
    return against >= (failing ? rise : fall) ? ProbeState{result, 0} : ProbeState{state.health, against};
  }
};

}  // namespace seawall::algorithm
