// SPDX-License-Identifier: MIT
//
// What a KeyedRateLimiter is made from, and what it counts.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "seawall/quota.h"
#include "seawall/time.h"

namespace seawall {

// What becomes of a new key when all places of its line are taken by keys in use.
enum class WhenFull : std::int32_t {
  kOverflow = 0,  // it shares one limit with all such keys of a 64th of the table: no key gets more than its limit
  kDeny = 1,      // it is refused until a place is free: no key gets more than its limit, or a share of it
  kAllow = 2,     // it is admitted and not counted: a flood of keys does not lock out others
};

struct KeyedOptions {
  Quota quota;                                       // the limit of each key
  std::size_t memory_bytes = std::size_t{16} << 20;  // of everything
  WhenFull when_full = WhenFull::kOverflow;
  std::uint64_t seed = 0;  // of the hash; 0 takes 128 random bits. Give one only to make a test repeatable
};

struct KeyedStats {
  std::size_t memory_bytes = 0;
  std::size_t capacity = 0;               // keys
  std::size_t keys_active = 0;            // keys whose state says more than a fresh one
  std::uint64_t evictions = 0;            // idle keys forgotten to make room
  std::uint64_t full_refusals = 0;        // of keys without a place: WhenFull::kDeny, or a used up overflow
  std::uint64_t full_admissions = 0;      // WhenFull::kAllow at work
  std::uint64_t overflow_admissions = 0;  // WhenFull::kOverflow at work
};

}  // namespace seawall
