// SPDX-License-Identifier: MIT
//
// ManualClock: a clock that a test moves by hand. Pass its now() to the `_at` twin of any verb.
//
//   seawall::testing::ManualClock clock;
//   EXPECT(bucket.try_acquire_at(clock.now()).allowed);
//   clock.advance(std::chrono::seconds(1));
#pragma once

#include "seawall/time.h"

namespace seawall::testing {

// Thread-compatible: one thread moves it. It may be moved back, to test that state does not follow.
class ManualClock {
 public:
  constexpr explicit ManualClock(TimePoint start = time_from_ns(0)) : now_(start) {}

  constexpr TimePoint now() const noexcept { return now_; }
  constexpr void advance(Duration by) noexcept { now_ += by; }
  constexpr void set(TimePoint to) noexcept { now_ = to; }

 private:
  TimePoint now_;
};

}  // namespace seawall::testing
