// SPDX-License-Identifier: MIT
//
// The 64 bits that are a circuit breaker: everything that decides together, so that one compare-exchange changes all of
// it. Zero is a closed breaker without failures.
//
//   63..61 state | 60..44 generation | 43..40 trips | 39..0 payload, whose meaning depends on the state:
//     closed                  39..10 when it closed, 1.024 s units since the epoch, rounded up, where openings decay
//                             (else 0); 9..0 failures in a row
//     open                    39..0 deadline, ms since the epoch, rounded up
//     half-open               39..8 lease deadline, 256 ms units since the epoch, rounded up; 7..4 probes in flight;
//                             3..0 successful probes
//     forced open, disabled   9..0 the failure count that was shown when the operator stepped in
//
// Horizons. Time: 2^40 ms = 34.8 years after the epoch. An instant beyond it is stored as the last one that fits, and
// is compared with an unclipped clock, so what has once passed stays passed: after the horizon breaks and leases have
// no length, and nothing is refused for ever. Generation: 2^17 transitions; a call that lasts exactly a multiple of
// 131,072 transitions (22 days of uninterrupted opening and probing at 30 s) would be taken as current. Trips: openings
// that were not made up for, stays at 15.
//
// The token of an admitted call:
//
//   63..61 state | 60..44 generation | 43..42 kind, never 0 | 41..0 when, 262,144 ns units since the epoch, rounded up,
//   where calls are timed (else 0)
//
// State and generation are those of the admitting word; the result counts only while the word still has both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace seawall {

// Numbers are those of the C API; they never change.
enum class BreakerState : std::int32_t { kClosed = 0, kOpen = 1, kHalfOpen = 2, kForcedOpen = 3, kDisabled = 4 };

constexpr std::string_view to_string(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kOpen:
      return "open";
    case BreakerState::kHalfOpen:
      return "half_open";
    case BreakerState::kForcedOpen:
      return "forced_open";
    case BreakerState::kDisabled:
      return "disabled";
  }
  return "unknown";
}

namespace algorithm {

template <int kShift, int kBits>
struct WordField {
  static constexpr std::uint64_t kMax = (std::uint64_t{1} << kBits) - 1;
  static constexpr std::uint64_t kMask = kMax << kShift;

  static constexpr std::uint64_t get(std::uint64_t word) noexcept { return (word >> kShift) & kMax; }
  // The field alone, the other bits zero. `value` beyond the range is cut to the largest.
  static constexpr std::uint64_t of(std::uint64_t value) noexcept { return std::min(value, kMax) << kShift; }
};

namespace breaker {

using State = WordField<61, 3>;
using Generation = WordField<44, 17>;
using Trips = WordField<40, 4>;
using Failures = WordField<0, 10>;
using ClosedAt = WordField<10, 30>;
using OpenDeadline = WordField<0, 40>;
using LeaseDeadline = WordField<8, 32>;
using Probes = WordField<4, 4>;
using Successes = WordField<0, 4>;

inline constexpr std::int64_t kOpenUnitNs = 1'000'000;
inline constexpr std::int64_t kLeaseUnitNs = 256'000'000;
inline constexpr std::int64_t kClosedUnitNs = 1'024'000'000;
inline constexpr std::int64_t kStartUnitNs = 262'144;

constexpr BreakerState state_of(std::uint64_t word) noexcept { return static_cast<BreakerState>(State::get(word)); }
constexpr std::uint32_t generation_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(Generation::get(word));
}

// The head of the word after a transition: new state, next generation, no payload.
constexpr std::uint64_t entered(BreakerState state, std::uint64_t from, std::uint64_t trips) noexcept {
  const std::uint64_t generation = (Generation::get(from) + 1) & Generation::kMax;
  return State::of(static_cast<std::uint64_t>(state)) | Generation::of(generation) | Trips::of(trips);
}

// `ns` (not negative) in units, rounded up. The field cuts what is beyond the horizon.
constexpr std::uint64_t units_up(std::int64_t ns, std::int64_t unit) noexcept {
  return static_cast<std::uint64_t>(ns / unit) + (ns % unit != 0 ? 1 : 0);
}

// Nanoseconds since the epoch; both fit in 61 bits.
constexpr std::int64_t open_deadline_ns(std::uint64_t word) noexcept {
  return static_cast<std::int64_t>(OpenDeadline::get(word)) * kOpenUnitNs;
}
// How long an open breaker still refuses `elapsed_ns` after the epoch; 0: it does not.
constexpr std::int64_t open_wait_ns(std::uint64_t word, std::uint64_t elapsed_ns) noexcept {
  const auto deadline = static_cast<std::uint64_t>(open_deadline_ns(word));
  return elapsed_ns < deadline ? static_cast<std::int64_t>(deadline - elapsed_ns) : 0;
}
constexpr std::int64_t lease_deadline_ns(std::uint64_t word) noexcept {
  return static_cast<std::int64_t>(LeaseDeadline::get(word)) * kLeaseUnitNs;
}

inline constexpr std::uint64_t kIdentity = State::kMask | Generation::kMask;
inline constexpr std::uint64_t kTokenMark = std::uint64_t{2} << 42;    // only failures in a row count
inline constexpr std::uint64_t kCountedMark = std::uint64_t{3} << 42;  // each call counts in a window or total
inline constexpr std::uint64_t kShadowMark = std::uint64_t{1} << 42;   // admitted in shadow: counts nowhere
using TokenKind = WordField<42, 2>;
using TokenStart = WordField<0, 42>;

constexpr std::uint64_t token_of(std::uint64_t word, std::uint64_t mark = kTokenMark) noexcept {
  return (word & kIdentity) | mark;
}
// The same of a word that is known to be closed, whose state is 0.
constexpr std::uint64_t token_of_closed(std::uint64_t word) noexcept { return (word & Generation::kMask) | kTokenMark; }
static_assert(static_cast<int>(BreakerState::kClosed) == 0);
constexpr bool is_current(std::uint64_t word, std::uint64_t token) noexcept {
  return ((word ^ token) & kIdentity) == 0;
}
constexpr bool admits_freely(std::uint64_t word) noexcept {
  return state_of(word) == BreakerState::kClosed || state_of(word) == BreakerState::kDisabled;
}
// `mark`, and whether calls are timed, are those of this breaker.
constexpr bool is_token(std::uint64_t token, std::uint64_t mark, bool timed) noexcept {
  if (!timed && TokenStart::get(token) != 0) return false;
  const std::uint64_t kind = token & TokenKind::kMask;
  if (kind == kShadowMark) return State::get(token) <= 4;
  return kind == mark && (admits_freely(token) || state_of(token) == BreakerState::kHalfOpen);
}

}  // namespace breaker
}  // namespace algorithm
}  // namespace seawall
