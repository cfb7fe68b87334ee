// SPDX-License-Identifier: MIT
// A limit as the script of limit_script.h knows it: its arguments, and the Decision that an answer means. Exact: what
// the script does not compute is computed here in 128 bits.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "redis/packed.h"
#include "seawall/algorithm/ratio.h"
#include "seawall/decision.h"
#include "seawall/quota.h"
#include "seawall/redis/answer.h"
#include "seawall/result.h"
#include "seawall/token_bucket.h"

namespace seawall::redis {

// What the script says about one key.
struct KeyAnswer {
  std::int64_t rung = 0;  // taken, from 1 on; 0: none
  std::int64_t now_us = 0;
  std::int64_t ns = 0;
  std::array<std::int64_t, 4> numbers{};

  bool taken() const noexcept { return rung > 0; }
};

class LimitRule {
 public:
  static constexpr std::int64_t kSubWindows = 12;

  // Errors: kInvalidArgument, as TokenBucketConfig and SlidingWindowConfig, and for a window that is not whole
  // microseconds.
  static Result<LimitRule> make(Algorithm algorithm, const Quota& quota) {
    if (algorithm == Algorithm::kTokenBucket) {
      if (const auto config = TokenBucketConfig::make(quota); !config) return config.error();
      return LimitRule(algorithm, quota, 0);
    }
    if (quota.burst() != quota.permits()) {
      return Error{Code::kInvalidArgument, "a sliding window has no burst of its own: burst must equal permits"};
    }
    if (quota.period().count() % 1000 != 0) {
      return Error{Code::kInvalidArgument, "the period of a sliding window in Redis must be whole microseconds"};
    }
    return LimitRule(algorithm, quota, kSubWindows);
  }

  std::int64_t limit() const noexcept { return quota_.burst(); }

  // A key's argument, for the verbs `take` and `peek` and these numbers of permits.
  std::string argument(std::span<const std::int64_t> rungs) const {
    std::string text;
    text.reserve(head_.size() + 8 * (1 + 2 * rungs.size()));
    text.append(head_);
    add(text, {static_cast<std::int64_t>(rungs.size())});
    for (const std::int64_t permits : rungs) add_cost(text, permits);
    return text;
  }
  // For `give`, of a charge. One of another quota's unit is off by less than a microsecond.
  std::string argument(const StoreCharge& charge) const {
    const std::int64_t permits = std::clamp<std::int64_t>(charge.permits, 0, limit());
    std::string text = argument(std::span(&permits, 1));
    add(text, {charge.at, is_bucket() ? std::clamp<std::int64_t>(charge.rest, 0, narrow(unit_) - 1) : charge.rest});
    return text;
  }

  // What n permits, n from 1 to limit, got; not taken though allowed where another limit of the same decision refused.
  Decision decision(const KeyAnswer& answer, std::int64_t n) const {
    return is_bucket() ? of_bucket(answer, n) : of_window(answer, n);
  }
  StoreCharge charge(const KeyAnswer& answer, std::int64_t n) const {
    if (!answer.taken() || n <= 0) return {};
    if (!is_bucket()) return {answer.numbers[3], 0, n};
    // The TAT is the server's now and what it is ahead; the rest of now is that of its nanoseconds.
    const Wide tat = wide(answer.numbers[0]) * unit_ + wide(answer.numbers[1]) + wide(answer.ns) * (unit_ / 1000);
    return {answer.now_us + narrow(tat / unit_), narrow(tat % unit_), n};
  }
  std::int64_t given_back(const KeyAnswer& answer) const {
    const Wide each = cost(1);
    return is_bucket() && each > 0 ? narrow(units(answer.numbers[2], answer.numbers[3]) / each) : answer.numbers[3];
  }

 private:
  using Wide = algorithm::Wide;

  LimitRule(Algorithm algorithm, const Quota& quota, std::int64_t sub_windows)
      : algorithm_(algorithm),
        quota_(quota),
        sub_windows_(sub_windows),
        unit_(std::uint64_t{1000} * static_cast<std::uint64_t>(quota.permits())) {
    if (is_bucket()) {
      add(head_, {0, static_cast<std::int64_t>(unit_)});
      add_cost(head_, limit());
    } else {
      add(head_, {sub_windows_, quota_.period().count() / 1000, limit(), 0});
    }
  }

  bool is_bucket() const noexcept { return algorithm_ == Algorithm::kTokenBucket; }
  static Wide wide(std::int64_t x) noexcept { return static_cast<std::uint64_t>(std::max<std::int64_t>(x, 0)); }
  static std::int64_t narrow(Wide x) noexcept { return static_cast<std::int64_t>(x); }

  // Time in units of 1 / permits ns: a permit is exactly `period` of them.
  Wide units(std::int64_t us, std::int64_t rest) const noexcept { return wide(us) * unit_ + wide(rest); }
  Wide cost(std::int64_t permits) const noexcept { return wide(permits) * wide(quota_.period().count()); }
  static void add(std::string& text, std::initializer_list<std::int64_t> numbers) {
    for (const std::int64_t number : numbers) append_packed(text, number);
  }
  // A bucket's as microseconds and rest.
  void add_cost(std::string& text, std::int64_t permits) const {
    if (!is_bucket()) return add(text, {permits, 0});
    add(text, {narrow(cost(permits) / unit_), narrow(cost(permits) % unit_)});
  }
  Duration rounded_up(Wide units) const noexcept {
    const Wide permits = wide(quota_.permits());
    return Duration(narrow((units + permits - 1) / permits));
  }

  Decision of_bucket(const KeyAnswer& answer, std::int64_t n) const {
    const Wide ahead = units(answer.numbers[0], answer.numbers[1]);
    const Wide tolerance = cost(limit());
    const Wide end = ahead + cost(n);
    Decision decision{.allowed = answer.taken() || end <= tolerance, .limit = limit()};
    decision.remaining = ahead >= tolerance ? 0 : narrow((tolerance - ahead) / cost(1));
    decision.reset_after = rounded_up(ahead);
    if (!decision.allowed) decision.retry_after = rounded_up(end - tolerance);
    return decision;
  }

  Decision of_window(const KeyAnswer& answer, std::int64_t n) const {
    const std::int64_t now = answer.now_us * 1000 + answer.ns;
    const auto wait = [&](std::int64_t i) { return Duration(std::max<std::int64_t>(0, start(i) - now)); };
    const std::int64_t left = limit() - answer.numbers[0];
    Decision decision{.allowed = answer.taken() || n <= left, .limit = limit()};
    decision.remaining = std::max<std::int64_t>(0, left);
    if (answer.numbers[2] > 0) decision.reset_after = wait(answer.numbers[2]);
    if (!decision.allowed) decision.retry_after = wait(answer.numbers[1]);
    return decision;
  }
  // As algorithm::Window: sub-window i starts at ceil((i - 1) * period / sub-windows) ns.
  std::int64_t start(std::int64_t i) const noexcept {
    const Wide subs = wide(sub_windows_);
    return narrow((wide(i - 1) * wide(quota_.period().count()) + subs - 1) / subs);
  }

  Algorithm algorithm_;
  Quota quota_;
  std::int64_t sub_windows_;
  std::uint64_t unit_;  // of a bucket's rests in a microsecond
  std::string head_;    // of every argument
};

}  // namespace seawall::redis
