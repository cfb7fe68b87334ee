// SPDX-License-Identifier: MIT
// The tables that Python runs too, on the single limiters and on keyed buckets: a key is a limiter of its own. (A keyed
// window has fewer sub-windows; the model test compares it with a single one that has as many.)
#include <map>
#include <string>

#include "seawall/keyed_rate_limiter.h"
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

template <class Limiter>
void run(const VectorCase& given, Limiter limiter) {
  std::map<std::string, Charge> charges;
  for (const VectorStep& step : given.steps) {
    const TimePoint now = time_from_ns(step.now_ns);
    const std::int64_t n = int_field(step.arguments, "n", 1);
    if (step.verb == "refund") {
      const auto back = limiter.refund(now, charges.at(text_field(step.arguments, "step")));
      const Fields actual{{"refunded", std::to_string(back)}};
      CHECK(mismatches(step, actual) == "");
      continue;
    }
    const Decision decision = step.verb == "peek" ? limiter.peek(now, n) : limiter.try_acquire(now, n);
    CHECK(mismatches(step, shown(decision)) == "");
    if (const auto name = text_field(step.arguments, "name"); !name.empty()) charges[name] = decision.charge;
  }
}

Quota quota_of(const VectorCase& given) {
  const std::int64_t permits = int_field(given.options, "permits");
  const Duration period(int_field(given.options, "period_ns"));
  return Quota::make(permits, period, int_field(given.options, "burst", permits)).value();
}

template <class Limiter>
void run_single(const VectorCase& given) {
  struct Single {
    Limiter limiter;
    Decision try_acquire(TimePoint now, std::int64_t n) { return limiter.try_acquire_at(now, n); }
    Decision peek(TimePoint now, std::int64_t n) { return limiter.peek_at(now, n); }
    std::int64_t refund(TimePoint now, Charge charge) { return limiter.refund_at(charge, now); }
  };
  run<Single>(given, Single{Limiter(Limiter::Config::make(quota_of(given)).value(), time_from_ns(0))});
}

template <class Limiter>
void run_keyed(const VectorCase& given) {
  struct Keyed {
    KeyedRateLimiter<Limiter> limiter;
    Decision try_acquire(TimePoint now, std::int64_t n) { return limiter.try_acquire_at("user", now, n); }
    Decision peek(TimePoint now, std::int64_t n) { return limiter.peek_at("user", now, n); }
    std::int64_t refund(TimePoint now, Charge charge) { return limiter.refund_at("user", charge, now); }
  };
  const KeyedOptions options{.quota = quota_of(given), .memory_bytes = 4096};
  run<Keyed>(given, Keyed{KeyedRateLimiter<Limiter>::make(options, time_from_ns(0)).value()});
}

}  // namespace

TEST_CASE("token bucket vectors") {
  for (const VectorCase& given : seawall::testing::load_vectors("token_bucket.txt")) {
    INFO(given.name);
    run_single<TokenBucket>(given);
    run_keyed<TokenBucket>(given);
  }
}

TEST_CASE("sliding window vectors") {
  for (const VectorCase& given : seawall::testing::load_vectors("sliding_window.txt")) {
    INFO(given.name);
    run_single<SlidingWindow>(given);
  }
}
