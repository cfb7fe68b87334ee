// SPDX-License-Identifier: MIT
//
// When does an instance get traffic? Four inputs, each with one writer, and a pure function that joins them:
//
//   AdminState   the operator's word         drain, set_admin
//   SelfState    the instance's own word     its registration and heartbeats; moves forward only
//   Health       the prober's word           set_health
//   lease        time                        heartbeats renew it, tick ends it
//
// No input overwrites another, so a heartbeat cannot make a draining or failing instance healthy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace seawall {

enum class AdminState : std::int32_t { kEnabled = 0, kDraining = 1, kDisabled = 2 };
enum class SelfState : std::int32_t { kStarting = 0, kServing = 1, kDraining = 2 };
enum class Health : std::int32_t { kPassing = 0, kFailing = 1 };

// Why an instance gets no traffic: bits of HealthStatus::reasons. They only grow at the end.
enum HealthReason : std::uint32_t {
  kReasonLeaseExpired = 1u << 0,
  kReasonDisabled = 1u << 1,
  kReasonDraining = 1u << 2,      // by the operator
  kReasonSelfDraining = 1u << 3,  // by the instance
  kReasonFailing = 1u << 4,
  kReasonStarting = 1u << 5,
  kReasonZeroWeight = 1u << 6,  // healthy, yet takes no picks
};

struct HealthStatus {
  std::uint32_t reasons = 0;

  constexpr bool healthy() const noexcept { return (reasons & ~std::uint32_t{kReasonZeroWeight}) == 0; }
  constexpr bool pickable() const noexcept { return reasons == 0; }
  // The strongest reason in a word: "healthy", "expired", "disabled", "draining", "unhealthy" or "starting".
  constexpr std::string_view state() const noexcept {
    if ((reasons & kReasonLeaseExpired) != 0) return "expired";
    if ((reasons & kReasonDisabled) != 0) return "disabled";
    if ((reasons & (kReasonDraining | kReasonSelfDraining)) != 0) return "draining";
    if ((reasons & kReasonFailing) != 0) return "unhealthy";
    if ((reasons & kReasonStarting) != 0) return "starting";
    return "healthy";
  }
  friend constexpr bool operator==(const HealthStatus&, const HealthStatus&) = default;
};

namespace algorithm {

constexpr HealthStatus join_health(AdminState admin, SelfState self, Health health, bool lease_live,
                                   std::uint32_t weight) noexcept {
  std::uint32_t reasons = 0;
  if (!lease_live) reasons |= kReasonLeaseExpired;
  if (admin == AdminState::kDisabled) reasons |= kReasonDisabled;
  if (admin == AdminState::kDraining) reasons |= kReasonDraining;
  if (self == SelfState::kDraining) reasons |= kReasonSelfDraining;
  if (health == Health::kFailing) reasons |= kReasonFailing;
  if (self == SelfState::kStarting) reasons |= kReasonStarting;
  if (weight == 0) reasons |= kReasonZeroWeight;
  return {reasons};
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
