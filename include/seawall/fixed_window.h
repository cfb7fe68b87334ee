// SPDX-License-Identifier: MIT
//
// FixedWindow: at most `limit` permits in each window of `period`, the windows following each other from the epoch on.
//
// Use it where a quota is sold by the calendar ("1000 an hour, from the full hour"): pass that instant as the epoch.
// Its flaw: 2 * limit can pass across a boundary, the last instants of one window and the first of the next, and all
// who were refused come back at that instant. Use SlidingWindow to promise a limit in any window, TokenBucket to shape
// a rate.
//
// Bound: in each window, admitted minus refunded is at most `limit`, plus what settle_at was allowed to owe; debts and
// reservations are taken from the windows after it. It holds for `now` in any order: an older `now` is judged in the
// latest window seen. Of a charge whose window is over nothing comes back, and nothing of one that others wait behind.
//
// One 64-bit word decides (algorithm/fixed_window.h), rule and state together. Usable in shared memory; 30 years from
// the epoch, after which no window ends. Any thread may call anything; nothing blocks or allocates; a refusal writes
// nothing.
//
//   seawall::FixedWindow window(seawall::FixedWindowConfig::make(quota).value(), full_hour);
//   const seawall::Decision d = window.try_acquire();
//   if (!d.allowed) return too_many_requests(d.retry_after);
//   if (!send()) window.refund(d.charge);
#pragma once

#include <atomic>
#include <cstdint>

#include "seawall/algorithm/fixed_window.h"
#include "seawall/decision.h"
#include "seawall/detail/ruled_limiter.h"
#include "seawall/quota.h"
#include "seawall/result.h"

namespace seawall {

class FixedWindowConfig {
 public:
  // Error: kInvalidArgument for a burst other than permits.
  static constexpr Result<FixedWindowConfig> make(const Quota& quota) {
    const auto rule = algorithm::FixedWindow::make(quota);
    if (!rule) return rule.error();
    return FixedWindowConfig(rule.value());
  }

  using Rule = algorithm::FixedWindow;
  constexpr const Rule& rule() const noexcept { return rule_; }

 private:
  constexpr explicit FixedWindowConfig(const Rule& rule) : rule_(rule) {}
  Rule rule_;
};

// The verbs are those of decision.h, in detail/ruled_limiter.h.
template <class Cell>
class BasicFixedWindow : public detail::RuledLimiter<Cell, FixedWindowConfig> {
 public:
  using detail::RuledLimiter<Cell, FixedWindowConfig>::RuledLimiter;
};

using FixedWindow = BasicFixedWindow<std::atomic<std::uint64_t>>;

}  // namespace seawall
