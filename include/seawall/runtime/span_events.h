// SPDX-License-Identifier: MIT
//
// The verdicts of breakers, limiters and retries as span events, under one name each everywhere:
//
//   seawall.rate_limit       seawall.limiter, seawall.allowed, seawall.remaining, seawall.retry_after_ms
//   seawall.circuit_breaker  seawall.breaker, seawall.allowed, seawall.state, seawall.retry_after_ms
//   seawall.retry            seawall.attempt (2 is the first repetition), seawall.delay_ms
//
// A refusal by a breaker and a retry also mark the trace as worth keeping; a refusal by a limiter does not, or one
// greedy client would fill the store. Threads: as Span.
//
//   seawall::add_limiter_event_at(span, "user", decision, now);
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "seawall/circuit_breaker.h"
#include "seawall/decision.h"
#include "seawall/runtime/tracer.h"

namespace seawall {

namespace detail {
// Whole milliseconds, rounded up; -1: never.
constexpr std::int64_t event_ms(Duration wait) noexcept {
  return wait == Decision::kNever ? -1 : wait.count() / 1'000'000 + (wait.count() % 1'000'000 > 0 ? 1 : 0);
}
}  // namespace detail

inline void add_limiter_event_at(Span& span, std::string_view limiter, const Decision& decision,
                                 TimePoint now) noexcept {
  span.add_event_at("seawall.rate_limit", now,
                    {{"seawall.limiter", limiter},
                     {"seawall.allowed", decision.allowed},
                     {"seawall.remaining", decision.remaining},
                     {"seawall.retry_after_ms", detail::event_ms(decision.retry_after)}});
}

inline void add_breaker_event_at(Span& span, std::string_view breaker, bool allowed, BreakerState state,
                                 Duration retry_after, TimePoint now) noexcept {
  if (!allowed) span.keep();
  span.add_event_at("seawall.circuit_breaker", now,
                    {{"seawall.breaker", breaker},
                     {"seawall.allowed", allowed},
                     {"seawall.state", to_string(state)},
                     {"seawall.retry_after_ms", detail::event_ms(retry_after)}});
}

inline void add_retry_event_at(Span& span, std::int64_t attempt, Duration delay, TimePoint now) noexcept {
  span.keep();
  span.add_event_at("seawall.retry", now,
                    {{"seawall.attempt", attempt}, {"seawall.delay_ms", detail::event_ms(delay)}});
}

}  // namespace seawall
