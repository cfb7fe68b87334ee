// SPDX-License-Identifier: MIT
// The script that decides about limits in Redis; limit_rule.h makes its arguments and reads its answer.
//
// KEYS: the limits of one decision; all are charged, or none. ARGV[1]: take, peek or give. Then for each key its
// numbers, packed (packed.h):
//   0 UNIT TOLERANCE REST RUNGS (COST REST)...            a token bucket (GCRA)
//   SUB_WINDOWS PERIOD LIMIT 0 RUNGS (PERMITS 0)...       a strict sliding window
// The rungs are what to take, the most first: the first that all limits have room for is taken, so one call takes all
// that is asked, or as much as there is. `give` has one rung, and behind it what was charged: TAT and rest, or the
// number of the sub-window and 0.
//
// Answer, packed: the rung taken (0: refused), the server's time in us and ns, then four numbers for each key:
//   bucket: TAT - now after the decision as us and rest; units given back as us and rest
//   window: permits that count after the decision; the sub-window that has room for the last rung; the one in which the
//           limit is idle again (0: it is); the one charged, or the permits given back
// An error that begins with SEAWALL says that a key holds something else.
//
// Numbers of Lua are doubles: every integer here is below 2^53. A time is whole microseconds since the Unix epoch (2^53
// lasts until the year 2255) and a rest in units of 1 / UNIT us, UNIT = 1000 * permits of the quota, at most 10^12: in
// these units the emission interval of every quota is a whole number, so the script only adds and compares, and nothing
// is rounded. What needs products (times of n permits, remaining, waits) is computed in C++ with 128 bits.
#pragma once

namespace seawall::redis {

// How the script learns the time: `now` in us and `ns` beyond it. The tests put their own before the decision.
inline constexpr const char* kServerClock = R"lua(
local time = redis.call('TIME')
local now, ns = time[1] * 1000000 + time[2], 0
)lua";

extern const char* const kLimitDecision;

}  // namespace seawall::redis
