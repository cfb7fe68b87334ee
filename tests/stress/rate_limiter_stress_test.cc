// SPDX-License-Identifier: MIT
//
// Real threads, each with a clock of its own that runs ahead of or behind the others'. Invariants, checked at the end:
//   - what was admitted and not refunded is at most what the limiter promises for the time that all threads together
//     saw,
//   - nothing is lost: what can still be taken after the end, added to it, is exactly the promise. (What was kept alone
//     may be less: a thread that is stopped before its last refund gives it back when nobody asks any more.)
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 20'000;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

// body(thread) -> permits kept; their sum.
template <class Body>
std::int64_t on_threads(Body body) {
  std::array<std::int64_t, kThreads> kept{};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { kept[static_cast<std::size_t>(t)] = body(t); });
  }
  for (std::thread& thread : threads) thread.join();
  std::int64_t sum = 0;
  for (const std::int64_t k : kept) sum += k;
  return sum;
}

// How many permits can still be taken, one by one.
template <class Limiter>
std::int64_t take_the_rest(Limiter& limiter, TimePoint now) {
  std::int64_t rest = 0;
  while (limiter.try_acquire_at(now).allowed) ++rest;
  return rest;
}

}  // namespace

TEST_CASE("stress: threads that stand at one instant share a bucket to the last permit") {
  TokenBucket bucket(TokenBucketConfig::make(Quota::make(10'000, 1s).value()).value(), at(0s));
  const std::int64_t kept = on_threads([&](int t) {
    std::int64_t mine = 0;
    for (int i = 0; i < kRounds; ++i) {
      const Decision d = bucket.try_acquire_at(at(0s), 1 + (i + t) % 3);
      if (d.allowed && i % 5 == 0) {
        mine += d.charge.permits - bucket.refund_at(d.charge, at(0s));
      } else {
        mine += d.charge.permits;
      }
    }
    return mine;
  });
  CHECK(kept + take_the_rest(bucket, at(0s)) == 10'000);
}

TEST_CASE("stress: threads whose clocks differ get the burst and the refill of the latest of them") {
  TokenBucket bucket(TokenBucketConfig::make(Quota::make(1'000'000, 1s, 50).value()).value(), at(0s));
  const std::int64_t kept = on_threads([&](int t) {
    std::int64_t mine = 0;
    for (int i = 0; i < kRounds; ++i) mine += bucket.try_acquire_at(at(i * 700ns + t * 10us)).charge.permits;
    return mine;
  });
  const Duration last = (kRounds - 1) * 700ns + (kThreads - 1) * 10us;
  CHECK(kept <= 50 + last / 1us);
  CHECK(kept + bucket.peek_at(at(last), 0).remaining >= 50);
}

TEST_CASE("stress: a window that moves all the time never holds more than its limit") {
  constexpr std::int64_t kLimit = 500;
  SlidingWindow window(SlidingWindowConfig::make(Quota::make(kLimit, 12us).value()).value(), at(0s));
  // Permits by the sub-window charged, net of refunds: it is what the promise is about.
  constexpr int kSubWindows = kRounds / 10 + 20;
  std::vector<std::atomic<std::int64_t>> taken(kSubWindows);
  on_threads([&](int t) {
    for (int i = 0; i < kRounds; ++i) {
      const TimePoint now = at(i * 100ns + t * 1500ns);  // a sub-window is 1 us; the threads' clocks are up to 4 apart
      const Decision d = window.try_acquire_at(now, 1 + (i + t) % 9);
      if (!d.allowed) continue;
      // Counted before a refund, and taken off only after it: the sum below may be too small by nothing.
      taken[d.charge.at].fetch_add(d.charge.permits, std::memory_order_relaxed);
      if (i % 7 == 0) taken[d.charge.at].fetch_sub(window.refund_at(d.charge, now), std::memory_order_relaxed);
    }
    return 0;
  });
  std::int64_t worst = 0;
  for (int last = 12; last < kSubWindows; ++last) {
    std::int64_t sum = 0;
    for (int i = last - 12; i <= last; ++i) sum += taken[static_cast<std::size_t>(i)].load();
    worst = std::max(worst, sum);
  }
  CHECK(worst <= kLimit);
  // More is asked for than ever fits, so somebody was refused, in a window that was full but for 8 permits. Since then
  // each thread gave back at most two charges of 9 that were counted there: one in hand, one of an older sub-window.
  CHECK(worst >= kLimit - 8 - kThreads * 2 * 9);
  const TimePoint far = at(kRounds * 100ns + 1s);
  CHECK(window.try_acquire_at(far, kLimit).allowed);
}

TEST_CASE("stress: threads at one instant share a window to the last permit") {
  SlidingWindow window(SlidingWindowConfig::make(Quota::make(10'000, 60s).value()).value(), at(0s));
  const std::int64_t kept = on_threads([&](int t) {
    std::int64_t mine = 0;
    for (int i = 0; i < kRounds; ++i) {
      const Decision d = window.try_acquire_at(at(1s), 1 + (i + t) % 3);
      mine += d.charge.permits;
      if (d.allowed && i % 5 == 0) mine -= window.refund_at(d.charge, at(1s));
    }
    return mine;
  });
  CHECK(kept + take_the_rest(window, at(1s)) == 10'000);
}

TEMPLATE_TEST_CASE("stress: threads that share keys in a table too small for them", "", TokenBucket, SlidingWindow) {
  auto users =
      KeyedRateLimiter<TestType>::make({.quota = Quota::make(20, 60s).value(), .memory_bytes = 8192}, at(0s)).value();
  constexpr std::size_t kKeys = 300;
  std::array<std::atomic<std::int64_t>, kKeys> kept{};
  on_threads([&](int t) {
    for (int i = 0; i < kRounds; ++i) {
      const auto key = static_cast<std::size_t>(i * (t + 1)) % kKeys;
      const Decision d = users.try_acquire_at(key, at(1s));
      kept[key].fetch_add(d.charge.permits, std::memory_order_relaxed);
      if (d.allowed && i % 3 == 0)
        kept[key].fetch_sub(users.refund_at(key, d.charge, at(1s)), std::memory_order_relaxed);
      if (i % 5000 == 0) (void)users.stats_at(at(1s));
    }
    return 0;
  });
  std::int64_t full = 0;
  for (std::size_t key = 0; key < kKeys; ++key) {
    const std::int64_t mine = kept[key].load();
    if (mine > 20) FAIL("key " << key << " got " << mine);
    full += mine == 20 ? 1 : 0;
  }
  CHECK(full > 10);  // a key that has a place gets its limit to the last permit
  CHECK(users.stats_at(at(1s)).keys_active <= users.stats_at(at(1s)).capacity);
}
