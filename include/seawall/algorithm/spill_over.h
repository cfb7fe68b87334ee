// SPDX-License-Identifier: MIT
//
// Locality first: how much of the traffic stays in the caller's own zone. All of it while the zone's eligible members
// are enough (over_provisioning: as many healthy ones as 1/1.4 of all known take the whole), then in proportion; what
// is left goes to the other zones. Nothing stays where nobody is eligible.
#pragma once

#include <cstdint>

namespace seawall::algorithm {

inline constexpr std::uint32_t kWholeShare = 1u << 16;

// In 1/65536. over_provisioning_percent is 100 or more.
constexpr std::uint32_t local_share(std::uint32_t eligible, std::uint32_t known,
                                    std::uint32_t over_provisioning_percent = 140) noexcept {
  if (eligible == 0 || known == 0) return 0;
  const std::uint64_t share = std::uint64_t{eligible} * kWholeShare * over_provisioning_percent / 100 / known;
  return share > kWholeShare ? kWholeShare : static_cast<std::uint32_t>(share);
}

static_assert(local_share(10, 10) == kWholeShare && local_share(8, 10) == kWholeShare);
static_assert(local_share(5, 10) == kWholeShare * 7 / 10 && local_share(0, 10) == 0);

}  // namespace seawall::algorithm
