// SPDX-License-Identifier: MIT
//
// Quota: how much a limiter allows, `permits` in each `period`, with at most `burst` at one instant.
//
// A Quota is always valid: make() parses. Rates from 1 permit a year to 1,000,000,000 permits a second are exact in
// every limiter that takes one. Immutable plain data, safe to share.
//
//   auto quota = seawall::Quota::make(200, std::chrono::minutes(1)).value();       // burst 200
//   auto small = seawall::Quota::make(200, std::chrono::minutes(1), 10).value();   // the same rate, burst 10
#pragma once

#include <cstdint>

#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall {

class Quota {
 public:
  static constexpr std::int64_t kMaxPermits = 1'000'000'000;
  static constexpr Duration kMaxPeriod = std::chrono::hours(366 * 24);

  // permits and burst are from 1 to kMaxPermits, period from 1 ns to kMaxPeriod, and permits / period at most one each
  // nanosecond. Error: kInvalidArgument, naming the argument.
  static constexpr Result<Quota> make(std::int64_t permits, Duration period, std::int64_t burst) {
    if (permits < 1 || permits > kMaxPermits) return out_of_range("permits", permits, 1, kMaxPermits);
    if (period < Duration(1) || period > kMaxPeriod) {
      return out_of_range("period in ns", period.count(), 1, kMaxPeriod.count());
    }
    if (burst < 1 || burst > kMaxPermits) return out_of_range("burst", burst, 1, kMaxPermits);
    if (permits > period.count()) {
      return out_of_range("permits in a period this short", permits, 1, period.count());
    }
    return Quota(permits, period, burst);
  }
  static constexpr Result<Quota> make(std::int64_t permits, Duration period) { return make(permits, period, permits); }

  constexpr std::int64_t permits() const noexcept { return permits_; }
  constexpr Duration period() const noexcept { return period_; }
  constexpr std::int64_t burst() const noexcept { return burst_; }

  friend constexpr bool operator==(const Quota&, const Quota&) = default;

 private:
  constexpr Quota(std::int64_t permits, Duration period, std::int64_t burst)
      : permits_(permits), period_(period), burst_(burst) {}

  std::int64_t permits_;
  Duration period_;
  std::int64_t burst_;
};

}  // namespace seawall
