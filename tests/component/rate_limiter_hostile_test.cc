// SPDX-License-Identifier: MIT
// Numbers from the ends of the range as instants, permits, waits, charges, costs and debts, in any order: no answer
// lies, and nothing overflows (the sanitizers watch).
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>

#include "seawall/fixed_window.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"

using namespace seawall;

namespace {

struct Hostile {
  std::mt19937_64 engine{1};

  std::uint64_t below(std::uint64_t n) { return engine() % n; }
  std::int64_t number() {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    static constexpr std::array<std::int64_t, 15> kEnds{0,
                                                        1,
                                                        -1,
                                                        2,
                                                        1000,
                                                        kMost,
                                                        kMost - 1,
                                                        -kMost,
                                                        -kMost - 1,
                                                        1 << 30,
                                                        std::int64_t{1} << 61,
                                                        std::int64_t{1} << 62,
                                                        algorithm::kHorizon.count() - 1,
                                                        algorithm::kHorizon.count(),
                                                        Quota::kMaxPermits};
    const std::uint64_t i = below(20);
    return i < kEnds.size() ? kEnds[i] : static_cast<std::int64_t>(engine() >> below(64));
  }
  std::optional<Quota> quota(bool own_burst) {
    const auto permits = 1 + static_cast<std::int64_t>((engine() >> (1 + below(63))) % Quota::kMaxPermits);
    const auto period = 1 + static_cast<std::int64_t>((engine() >> (1 + below(63))) %
                                                      static_cast<std::uint64_t>(Quota::kMaxPeriod.count()));
    const auto burst = 1 + static_cast<std::int64_t>((engine() >> (1 + below(63))) % Quota::kMaxPermits);
    const auto made = Quota::make(permits, Duration(period), own_burst ? burst : permits);
    if (!made) return std::nullopt;
    return made.value();
  }
};

// The first lie, or nothing.
const char* lie(const Decision& d, std::int64_t n) {
  if (d.remaining < 0 || d.reset_after < Duration(0) || d.retry_after < Duration(0)) return "less than nothing";
  if (n <= 0 && !d.allowed) return "nothing was asked and refused";
  if (d.allowed != (d.retry_after == Duration(0))) return "the wait does not belong to the answer";
  return n > d.limit && !d.never() ? "more than the limit is allowed some day" : nullptr;
}
const char* lie(const Settlement& s) {
  return s.refunded < 0 || s.charged < 0 || s.unpaid < 0 ? "less than nothing was settled" : nullptr;
}

template <class Limiter>
const char* attack(Limiter& limiter, Hostile& hostile) {
  Charge charge{};
  for (int step = 0; step < 40; ++step) {
    const TimePoint now = time_from_ns(hostile.number());
    const std::int64_t n = hostile.number();
    if (hostile.below(8) == 0) charge.permits = hostile.number();
    if (hostile.below(8) == 0) charge.at = hostile.engine();
    const char* found = nullptr;
    switch (hostile.below(5)) {
      case 0: {
        const Decision decision = limiter.try_acquire_at(now, n);
        charge = decision.charge;
        found = lie(decision, n);
        break;
      }
      case 1:
        found = lie(limiter.peek_at(now, n), n);
        break;
      case 2: {
        const Reservation turn = limiter.reserve_at(now, n, Duration(hostile.number()));
        charge = turn.charge;
        if (turn.delay < Duration(0)) found = "a turn in the past";
        break;
      }
      case 3:
        found = limiter.refund_at(charge, now) < 0 ? "less than nothing came back" : nullptr;
        break;
      default: {
        const Settlement done = limiter.settle_at(charge, n, now, hostile.number());
        charge = done.charge;
        found = lie(done);
      }
    }
    if (found != nullptr) return found;
  }
  return nullptr;
}

// make(quota) -> Result<Config>
template <class Limiter>
void attack_many(bool own_burst, const auto& make) {
  Hostile hostile;
  int attacked = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto quota = hostile.quota(own_burst);
    if (!quota) continue;
    const auto config = make(*quota);
    if (!config) continue;
    Limiter limiter(config.value(), time_from_ns(hostile.below(2) == 0 ? 0 : hostile.number()));
    const char* found = attack(limiter, hostile);
    INFO("limiter " << i << ": " << (found != nullptr ? found : ""));
    REQUIRE(found == nullptr);
    ++attacked;
  }
  CHECK(attacked > 1000);
}

}  // namespace

TEST_CASE("hostile numbers: token bucket") {
  attack_many<TokenBucket>(true, [](const Quota& quota) { return TokenBucketConfig::make(quota); });
}
TEST_CASE("hostile numbers: leased token bucket") {
  attack_many<LeasedTokenBucket>(true, [](const Quota& quota) { return LeasedTokenBucketConfig::make(quota); });
}
TEST_CASE("hostile numbers: fixed window") {
  attack_many<FixedWindow>(false, [](const Quota& quota) { return FixedWindowConfig::make(quota); });
}
TEST_CASE("hostile numbers: sliding window") {
  for (const WindowMode mode : {WindowMode::kStrict, WindowMode::kEstimate}) {
    attack_many<SlidingWindow>(false, [mode](const Quota& q) { return SlidingWindowConfig::make({q, 0, mode}); });
  }
}

TEMPLATE_TEST_CASE("before the epoch is as at it, behind 30 years as at their end, however far now and epoch are apart",
                   "", TokenBucket, FixedWindow) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kEnd = algorithm::kHorizon.count();
  const auto config = TestType::Config::make(Quota::make(3, std::chrono::minutes(1)).value()).value();
  for (const std::int64_t epoch : {-kMost - 1, -kMost, -kEnd, std::int64_t{0}, kEnd, kMost - kEnd, kMost - 1, kMost}) {
    for (const std::int64_t now : {-kMost - 1, -kMost, -kEnd - 1, -kEnd, std::int64_t{-1}, std::int64_t{0},
                                   std::int64_t{1}, kEnd - 1, kEnd, kEnd + 1, kMost - kEnd, kMost - 1, kMost}) {
      // An epoch in the last 30 years there are counts as their beginning.
      const std::int64_t begin = std::min(epoch, kMost - kEnd);
      const bool early = now < begin;
      const bool far = !early && static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(begin) >
                                     static_cast<std::uint64_t>(kEnd);
      TestType asked(config, time_from_ns(epoch));
      TestType same(config, time_from_ns(0));
      const TimePoint then = time_from_ns(early ? 0 : far ? kEnd : now - begin);
      INFO("epoch " << epoch << ", now " << now);
      for (int i = 0; i < 5; ++i) {
        const Decision got = asked.try_acquire_at(time_from_ns(now));
        const Decision wanted = same.try_acquire_at(then);
        CHECK(got.allowed == wanted.allowed);
        CHECK(got.allowed == (i < 3));
        CHECK(got.remaining == wanted.remaining);
        CHECK(got.charge == wanted.charge);
        if (!early) CHECK(got.retry_after == wanted.retry_after);
        if (early) CHECK(got.retry_after >= wanted.retry_after);
      }
    }
  }
}
