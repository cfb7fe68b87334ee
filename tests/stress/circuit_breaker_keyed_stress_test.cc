// SPDX-License-Identifier: MIT
//
// Threads that call more keys than there are breakers, so that breakers change their keys all the time. The keys whose
// number is divisible by 8 fail in each call, the others never. Invariant: a failure counts for its own key alone, so a
// key that never fails is never refused (with kAdmit no stranger shares its breaker).
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seawall/keyed_circuit_breaker.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

TEST_CASE("keyed, threads: breakers change their keys, and no failure counts for another key") {
  constexpr int kThreads = 4;
  constexpr int kCalls = 200'000;
  const TimePoint epoch = time_from_ns(0);
  auto hosts =
      KeyedCircuitBreaker::make(
          {.capacity = 16, .idle_after = 1ms, .breaker = CircuitBreakerConfig::make({.failure_threshold = 1}).value()},
          epoch)
          .value();
  std::atomic<std::int64_t> clock{0};
  std::atomic<int> wrongly_refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::uint32_t random = 77U + static_cast<std::uint32_t>(t);
      for (int i = 0; i < kCalls; ++i) {
        random = random * 1664525U + 1013904223U;
        const std::uint32_t number = (random >> 16) % 64;
        const std::string key = std::to_string(number);
        const TimePoint now = epoch + Duration(clock.fetch_add(100'000, std::memory_order_relaxed));
        const bool bad = number % 8 == 0;
        auto ticket = hosts.try_acquire_at(key, now);
        if (!ticket && !bad) wrongly_refused.fetch_add(1);
        ticket.report_at(bad ? Outcome::kFailure : Outcome::kSuccess, now);
        if (bad && i % 64 == 0) hosts.forget_at(key, now);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrongly_refused == 0);
  CHECK(hosts.stats().evictions > 100);
  CHECK(hosts.stats().in_use <= 16);
}
