// SPDX-License-Identifier: MIT
//
// When does an instance get traffic? Four inputs, each with one writer, and a pure function that joins them:
//
//   AdminState   the operator's word         drain, set_admin
//   SelfState    the instance's own word     its registration and heartbeats; moves forward only
//   Health       the prober's word           set_health
//   LeaseState   time                        heartbeats renew it, tick ends it
//
// No input overwrites another, so a heartbeat cannot make a draining or failing instance healthy. Most reasons keep
// an instance from traffic; a doubt (suspect, warning) only puts it behind those that are beyond doubt: `rank`, and
// worst_rank_listed for how far down a service goes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace seawall {

enum class AdminState : std::int32_t { kEnabled = 0, kDraining = 1, kDisabled = 2 };
enum class SelfState : std::int32_t { kStarting = 0, kServing = 1, kDraining = 2 };
// kUnknown, before the first probe, stands in nobody's way: who must not get traffic yet registers as starting.
enum class Health : std::int32_t { kPassing = 0, kFailing = 1, kWarning = 2, kUnknown = 3 };
// kSuspect: a heartbeat is overdue, yet the lease runs. kHeld: it ended, with so many others that nobody is believed to
// have gone (expiry_guard.h).
enum class LeaseState : std::int32_t { kLive = 0, kSuspect = 1, kExpired = 2, kHeld = 3 };

// Why an instance gets no traffic, or not the first: bits of HealthStatus::reasons. They only grow at the end.
enum HealthReason : std::uint32_t {
  kReasonLeaseExpired = 1u << 0,
  kReasonDisabled = 1u << 1,
  kReasonDraining = 1u << 2,      // by the operator
  kReasonSelfDraining = 1u << 3,  // by the instance
  kReasonFailing = 1u << 4,
  kReasonStarting = 1u << 5,
  kReasonZeroWeight = 1u << 6,  // healthy, yet takes no picks
  kReasonSuspect = 1u << 7,     // a doubt: picked when too few are beyond doubt
  kReasonWarning = 1u << 8,     // a doubt, by the prober
  kReasonEjected = 1u << 9,     // its calls failed: a breaker of its own is not closed
  kReasonHeld = 1u << 10,       // a doubt: its lease ended together with many others
  // Of a view only, in what explain says:
  kReasonUnmatched = 1u << 11,  // the selector does not match it
  kReasonNotInSubset = 1u << 12,
};
inline constexpr std::uint32_t kDoubts = kReasonSuspect | kReasonWarning | kReasonHeld;

struct HealthStatus {
  std::uint32_t reasons = 0;

  constexpr bool healthy() const noexcept {
    return (reasons & ~(kReasonSuspect | kReasonWarning | kReasonZeroWeight)) == 0;
  }
  constexpr bool pickable() const noexcept { return (reasons & ~kDoubts) == 0; }
  // When too few may be picked otherwise: only what may be a mistake is overlooked, not what somebody decided.
  constexpr bool usable_in_panic() const noexcept {
    return (reasons & ~(kDoubts | kReasonLeaseExpired | kReasonFailing | kReasonEjected)) == 0;
  }
  // Of those that may be picked: 0 is beyond doubt.
  constexpr std::uint32_t rank() const noexcept { return (reasons & kDoubts) != 0 ? 1 : 0; }
  // The strongest reason in a word: "expired", "disabled", "draining", "unhealthy", "starting", "ejected", "held",
  // "suspect", "warning"; or "healthy".
  constexpr std::string_view state() const noexcept {
    if ((reasons & kReasonLeaseExpired) != 0) return "expired";
    if ((reasons & kReasonDisabled) != 0) return "disabled";
    if ((reasons & (kReasonDraining | kReasonSelfDraining)) != 0) return "draining";
    if ((reasons & kReasonFailing) != 0) return "unhealthy";
    if ((reasons & kReasonStarting) != 0) return "starting";
    if ((reasons & kReasonEjected) != 0) return "ejected";
    if ((reasons & kReasonHeld) != 0) return "held";
    if ((reasons & kReasonSuspect) != 0) return "suspect";
    if ((reasons & kReasonWarning) != 0) return "warning";
    return "healthy";
  }
  friend constexpr bool operator==(const HealthStatus&, const HealthStatus&) = default;
};

namespace algorithm {

constexpr HealthStatus join_health(AdminState admin, SelfState self, Health health, LeaseState lease,
                                   std::uint32_t weight) noexcept {
  std::uint32_t reasons = 0;
  if (lease == LeaseState::kExpired) reasons |= kReasonLeaseExpired;
  if (lease == LeaseState::kSuspect) reasons |= kReasonSuspect;
  if (lease == LeaseState::kHeld) reasons |= kReasonHeld;
  if (admin == AdminState::kDisabled) reasons |= kReasonDisabled;
  if (admin == AdminState::kDraining) reasons |= kReasonDraining;
  if (self == SelfState::kDraining) reasons |= kReasonSelfDraining;
  if (health == Health::kFailing) reasons |= kReasonFailing;
  if (health == Health::kWarning) reasons |= kReasonWarning;
  if (self == SelfState::kStarting) reasons |= kReasonStarting;
  if (weight == 0) reasons |= kReasonZeroWeight;
  return {reasons};
}

// The worst rank that a service's list goes down to. `pickable` counts its instances by rank. Those of a better rank
// are listed alone only while they are at least half of all: fewer would drown in the others' traffic, and a doubt
// about most of a service is a doubt about whoever doubts.
template <std::size_t kRanks>
constexpr std::uint32_t worst_rank_listed(const std::array<std::uint32_t, kRanks>& pickable) noexcept {
  std::uint64_t all = 0;
  for (const std::uint32_t count : pickable) all += count;
  std::uint64_t listed = 0;
  std::uint32_t rank = 0;
  for (; rank + 1 < kRanks; ++rank) {
    listed += pickable[rank];
    if (2 * listed >= all) break;
  }
  return rank;
}

// starting -> serving -> draining: a heartbeat that was overtaken on its way takes nothing back.
constexpr SelfState advance(SelfState from, SelfState said) noexcept { return std::max(from, said); }

// What a new registration under a known id keeps of the operator's word: "disabled" is about the id and stays,
// "draining" was about the process that left.
constexpr AdminState inherit(AdminState before) noexcept {
  return before == AdminState::kDisabled ? before : AdminState::kEnabled;
}

}  // namespace algorithm
}  // namespace seawall
