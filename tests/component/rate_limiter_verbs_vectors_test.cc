// SPDX-License-Identifier: MIT
// The tables of all verbs, which Python runs too through the C API.
#include <map>
#include <string>

#include "seawall/fixed_window.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"
#include "support/vectors.h"

using namespace seawall;
using seawall::testing::Fields;
using seawall::testing::int_field;
using seawall::testing::mismatches;
using seawall::testing::shown;
using seawall::testing::text_field;
using seawall::testing::VectorCase;
using seawall::testing::VectorStep;

namespace {

Quota quota_of(const Fields& fields) {
  const std::int64_t permits = int_field(fields, "permits");
  return Quota::make(permits, Duration(int_field(fields, "period_ns")), int_field(fields, "burst", permits)).value();
}

LimitChange how_of(const std::string& text) {
  return text == "keep" ? LimitChange::kKeep : text == "reset" ? LimitChange::kReset : LimitChange::kProportional;
}

template <class Limiter>
class Runner {
 public:
  explicit Runner(const VectorCase& given)
      : options_(given.options), limiter_(config_of(given.options), time_from_ns(0)) {}

  Fields run(const VectorStep& step) {
    const TimePoint now = time_from_ns(step.now_ns);
    const std::int64_t n = int_field(step.arguments, "n", 1);
    if (step.verb == "try_acquire") return taken(step, limiter_.try_acquire_at(now, n));
    if (step.verb == "peek") return shown(limiter_.peek_at(now, n));
    if (step.verb == "reserve") {
      const Duration most(int_field(step.arguments, "max_wait_ns", Duration::max().count()));
      return taken(step, limiter_.reserve_at(now, n, most));
    }
    if (step.verb == "until") {
      return taken(step, limiter_.acquire_until_at(time_from_ns(int_field(step.arguments, "deadline_ns")), now, n));
    }
    if (step.verb == "change") {
      const auto config = config_of(step.arguments);
      return {
          {"changed", limiter_.change_limit_at(config, how_of(text_field(step.arguments, "how")), now) ? "1" : "0"}};
    }
    const Charge charge = charges_.at(text_field(step.arguments, "step"));
    if (step.verb == "settle") {
      const std::int64_t cap = int_field(step.arguments, "debt_cap", 0);
      return shown(limiter_.settle_at(charge, int_field(step.arguments, "actual"), now, cap));
    }
    const std::int64_t back =
        step.verb == "refund" ? limiter_.refund_at(charge, now) : limiter_.cancel_at({.charge = charge}, now);
    return {{"refunded", std::to_string(back)}};
  }

 private:
  // The shape of a sliding window is that of the case, also when its limit changes.
  typename Limiter::Config config_of(const Fields& fields) const {
    if constexpr (std::is_same_v<Limiter, SlidingWindow>) {
      return SlidingWindowConfig::make({quota_of(fields), static_cast<std::int32_t>(int_field(options_, "sub_windows")),
                                        static_cast<WindowMode>(int_field(options_, "estimate"))})
          .value();
    } else {
      return Limiter::Config::make(quota_of(fields)).value();
    }
  }

  template <class Answer>
  Fields taken(const VectorStep& step, const Answer& answer) {
    if (const auto name = text_field(step.arguments, "name"); !name.empty()) charges_[name] = answer.charge;
    return shown(answer);
  }

  const Fields options_;
  Limiter limiter_;
  std::map<std::string, Charge> charges_;
};

template <class Limiter>
void run_file(const char* file) {
  for (const VectorCase& given : seawall::testing::load_vectors(file)) {
    INFO(given.name);
    Runner<Limiter> runner(given);
    for (const VectorStep& step : given.steps) {
      INFO(file << ":" << step.line);
      CHECK(mismatches(step, runner.run(step)) == "");
    }
  }
}

}  // namespace

TEST_CASE("token bucket vectors of all verbs") { run_file<TokenBucket>("token_bucket_verbs.txt"); }
TEST_CASE("fixed window vectors") { run_file<FixedWindow>("fixed_window.txt"); }
TEST_CASE("sliding window vectors of all verbs") { run_file<SlidingWindow>("sliding_window_verbs.txt"); }
