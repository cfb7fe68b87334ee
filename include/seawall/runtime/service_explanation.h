// SPDX-License-Identifier: MIT
//
// Why a service's picks go where they go: for each instance what it gets, and why not more. For operators and for the
// logs of a call that found nobody; made under the registry's mutex, with allocations, not for the path of a request.
//
//   std::puts(registry.explain_at("trading", now)->to_text().c_str());
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/algorithm/instance_health.h"
#include "seawall/algorithm/view_state.h"
#include "seawall/service_config.h"
#include "seawall/time.h"

namespace seawall {

// Numbers are those of the C API; they only grow at the end.
enum class PickVerdict : std::int32_t {
  kPicked = 0,     // gets its share
  kProbe = 1,      // was ejected long enough: one call decides
  kSpillOver = 2,  // of another zone: gets what the caller's own cannot carry
  kPanic = 3,      // gets its share only because too few are eligible
  kNobody = 4,     // gets nothing: `status` says why; without a reason there, because panic fails
};

constexpr std::string_view to_string(PickVerdict verdict) noexcept {
  constexpr std::string_view kNames[] = {"picked", "probe", "spill_over", "panic", "nobody"};
  const auto at = static_cast<std::uint32_t>(verdict);
  return at < 5 ? kNames[at] : "unknown";
}

// Of one bit of HealthStatus::reasons.
constexpr std::string_view to_string(HealthReason reason) noexcept {
  constexpr std::string_view kNames[] = {"expired",  "disabled",    "draining",     "self_draining", "failing",
                                         "starting", "zero_weight", "suspect",      "warning",       "ejected",
                                         "held",     "unmatched",   "not_in_subset"};
  const auto bit = static_cast<std::uint32_t>(reason);
  const auto at = static_cast<std::size_t>(std::countr_zero(bit));
  return std::has_single_bit(bit) && at < std::size(kNames) ? kNames[at] : "unknown";
}

struct InstanceExplanation {
  std::string id, zone;
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;
  PickVerdict verdict = PickVerdict::kPicked;
  HealthStatus status;      // all reasons, ejection among them
  Duration ejected_for{0};  // until a probe may go; 0: not ejected, or it may now
  double weight = 0;        // what counts now, slow start included
  std::int64_t in_flight = 0;
  Duration latency{0};  // the moving average as it is now; 0: unknown, or the balancer does not ask
  bool local = false;   // in the caller's zone
};

struct ServiceExplanation {
  std::string service;
  Balancer balancer = Balancer::kRoundRobin;
  bool panic = false;
  PanicMode panic_mode = PanicMode::kAll;
  std::int32_t panic_threshold = 0;
  std::uint32_t eligible = 0;  // but for ejections
  std::uint32_t known = 0;     // whom panic would use
  std::uint32_t ejected = 0;
  // Of a view: whose, and by which selector; how many that does not match, and whether it matches anybody.
  std::string view_of = {}, selector = {};
  std::uint32_t unmatched = 0;
  ViewState view = ViewState::kMatched;
  double local_share = 1;                      // of the traffic that stays in the caller's zone; 1 also without zones
  std::vector<InstanceExplanation> instances;  // in order of slot

  // A line for the service and one for each instance, for people.
  std::string to_text() const;
  std::string to_json() const;
};

}  // namespace seawall
