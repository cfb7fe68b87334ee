// SPDX-License-Identifier: MIT
//
// Time in Seawall: monotonic, 64-bit nanoseconds, and an argument.
//
// Every verb of every component has a twin `verb_at` that takes `now`, so a request reads the clock once and a test
// never sleeps (see testing/manual_clock.h). Its arguments are the verb's, with `now` between what is required and what
// is optional: report_at(outcome, now), refund_at(key, charge, now), try_acquire_at(key, now, n = 1). `Clock` is
// CLOCK_MONOTONIC: it never steps back and is shared by all processes of one machine. It is not a wall clock; an
// instant means nothing on another machine or after a reboot.
//
//   seawall::TimePoint now = seawall::Clock::now();
//   limiter.try_acquire_at(now);
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>

namespace seawall {

using Duration = std::chrono::nanoseconds;

// A standard clock (rep int64_t, period nano). now() is safe from any thread, takes tens of nanoseconds, never throws.
struct Clock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock, Duration>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    return time_point(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
};

using TimePoint = Clock::time_point;

// A clock of the host's: FastClock, testing::ManualClock, ...
template <class C>
concept ReadableClock = requires(const C& clock) {
  { clock.now() } -> std::convertible_to<TimePoint>;
};

// Its reading for those who judge as of the latest instant that they have seen, whatever they are told, and so may be
// told one that is a little early: where that is cheaper to read (FastClock), it is read so.
template <ReadableClock C>
TimePoint relaxed_now(const C& clock) noexcept {
  if constexpr (requires { clock.relaxed_now(); }) {
    return clock.relaxed_now();
  } else {
    return clock.now();
  }
}

// The instant whose count is `ns`: the form in which instants cross the C border.
constexpr TimePoint time_from_ns(std::int64_t ns) noexcept { return TimePoint(Duration(ns)); }
constexpr std::int64_t to_ns(TimePoint t) noexcept { return t.time_since_epoch().count(); }

}  // namespace seawall
