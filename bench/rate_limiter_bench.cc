// SPDX-License-Identifier: MIT
// The limiters with the time given, on one shared object: what a request pays beside reading the clock
// (baseline.clock).
#include <benchmark/benchmark.h>

#include <cstdint>

#include "seawall/keyed_rate_limiter.h"

namespace {

using namespace seawall;
using namespace std::chrono_literals;

constexpr std::uint64_t kKeys = 1'000'000;

const Quota kOpen = Quota::make(1'000'000'000, 1s).value();     // at this rate nothing is refused here
const Quota kShut = Quota::make(1, Quota::kMaxPeriod).value();  // after the first permit all is refused
const Quota kUser = Quota::make(1'000'000, 60s).value();

template <class Limiter>
void allowed(benchmark::State& state) {
  static Limiter limiter(Limiter::Config::make(kOpen).value(), time_from_ns(0));
  static std::atomic<std::int64_t> base{0};
  std::int64_t now = base.fetch_add(1'000'000'000'000);
  for (auto _ : state) benchmark::DoNotOptimize(limiter.try_acquire_at(time_from_ns(now += 20)));
}

template <class Limiter>
void refused(benchmark::State& state) {
  static Limiter limiter(Limiter::Config::make(kShut).value(), time_from_ns(0));
  (void)limiter.try_acquire_at(time_from_ns(0));
  for (auto _ : state) benchmark::DoNotOptimize(limiter.try_acquire_at(time_from_ns(1)));
}

// A million keys in random order, all of them in the table already.
template <class Limiter>
void keyed(benchmark::State& state) {
  static KeyedRateLimiter<Limiter> users = [] {
    auto made = KeyedRateLimiter<Limiter>::make({.quota = kUser, .memory_bytes = 160u << 20}, time_from_ns(0)).value();
    for (std::uint64_t key = 0; key < kKeys; ++key) (void)made.try_acquire_at(key, time_from_ns(0));
    return made;
  }();
  auto key = static_cast<std::uint64_t>(state.thread_index() + 1);
  std::int64_t now = 0;
  for (auto _ : state) {
    key = key * 6364136223846793005 + 1442695040888963407;
    benchmark::DoNotOptimize(users.try_acquire_at((key >> 33) % kKeys, time_from_ns(now += 100)));
  }
}

BENCHMARK(allowed<SlidingWindow>)->Name("window.allowed")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(refused<SlidingWindow>)->Name("window.refused")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed<TokenBucket>)->Name("keyed_bucket.1m")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed<SlidingWindow>)->Name("keyed_window.1m")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
