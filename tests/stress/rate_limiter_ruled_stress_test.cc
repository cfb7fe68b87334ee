// SPDX-License-Identifier: MIT
//
// Real threads, for ThreadSanitizer and for whatever order the machine picks. Invariants:
//   - a bucket whose limit changes all the while admits, in all, no more than the largest burst at each change and the
//     fastest refill; every answer is by one of the limits that were ever in force;
//   - a leased bucket admits no more than its burst and refill, and what is left can be taken to the last permit.
#include <atomic>
#include <thread>
#include <vector>

#include "seawall/leased_token_bucket.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr int kAsks = 40'000;

template <class Body>
void run_threads(int count, const Body& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& t : threads) t.join();
}

}  // namespace

TEST_CASE("stress: a limit changes while three threads ask") {
  // Nothing refills in the time of this test; each change to a burst of b keeps what is left, b at most.
  const auto config = [](std::int64_t burst) {
    return TokenBucketConfig::make(Quota::make(1, 366 * 24h / 2, burst).value()).value();
  };
  TokenBucket bucket(config(60), time_from_ns(0));
  std::atomic<std::int64_t> admitted{0}, returned{0}, strange{0}, changes{0};
  std::atomic<bool> stop{false};
  run_threads(4, [&](int i) {
    if (i == 0) {
      for (int round = 0; round < 2000; ++round) {
        changes += bucket.change_limit_at(config(60 + round % 7), LimitChange::kKeep, time_from_ns(0)) ? 1 : 0;
      }
      stop = true;
      return;
    }
    while (!stop) {
      const Decision d = bucket.try_acquire_at(time_from_ns(0));
      if (d.limit < 60 || d.limit > 66 || d.remaining > d.limit) ++strange;
      if (!d.allowed) continue;
      ++admitted;
      returned += bucket.refund_at(d.charge, time_from_ns(0));
    }
  });
  CHECK(strange == 0);
  CHECK(changes == 2000);
  // Kept means: no change adds a permit. What is left and what is out are the 60 of the beginning.
  CHECK(admitted - returned + bucket.peek_at(time_from_ns(0), 0).remaining == 60);
}

TEST_CASE("stress: two change a limit and two ask, and one of the limits holds in the end") {
  const auto config = [](std::int64_t burst) {
    return TokenBucketConfig::make(Quota::make(burst, 1h).value()).value();
  };
  TokenBucket bucket(config(10), time_from_ns(0));
  std::atomic<std::int64_t> strange{0}, changed{0};
  run_threads(4, [&](int i) {
    for (int round = 0; round < 3000; ++round) {
      if (i < 2) {
        changed += bucket.change_limit_at(config(20 + i), LimitChange::kReset, time_from_ns(0)) ? 1 : 0;
      } else {
        const std::int64_t limit = bucket.try_acquire_at(time_from_ns(0)).limit;
        if (limit != 10 && limit != 20 && limit != 21) ++strange;
      }
    }
  });
  CHECK(strange == 0);
  CHECK(changed > 0);
  CHECK(bucket.peek_at(time_from_ns(0)).limit >= 20);
}

TEST_CASE("stress: threads on all CPUs share a leased bucket") {
  const auto config = LeasedTokenBucketConfig::make({Quota::make(1000, 1s, 20'000).value(), 20}).value();
  LeasedTokenBucket bucket(config, time_from_ns(0));
  std::atomic<std::int64_t> clock{0}, net{0};
  run_threads(4, [&](int i) {
    for (int round = 0; round < kAsks; ++round) {
      const TimePoint now = time_from_ns(clock.fetch_add(25'000));  // 4 s in all
      const Decision d = bucket.try_acquire_at(now, 1 + (round + i) % 3);
      if (!d.allowed) continue;
      net += d.charge.permits;
      if (round % 16 == 0) net -= bucket.refund_at(d.charge, now);
    }
  });
  const std::int64_t seconds = clock / 1'000'000'000;
  CHECK(net <= 20'000 + seconds * 1000 + 1000);
  CHECK(net >= 15'000);
  const TimePoint end = time_from_ns(clock);
  std::int64_t left = 0;
  const std::int64_t seen = bucket.peek_at(end, 0).remaining;
  while (bucket.try_acquire_at(end).allowed) ++left;
  CHECK(left == seen);
}
