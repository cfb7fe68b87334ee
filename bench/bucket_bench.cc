// SPDX-License-Identifier: MIT
// Token bucket, leased bucket and fixed window, on one shared object: with the time given (what a request pays beside
// reading the clock), and with the library's clock.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "seawall/fast_clock.h"
#include "seawall/fixed_window.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/token_bucket.h"

namespace {

using namespace seawall;
using namespace std::chrono_literals;

const Quota kOpen = Quota::make(1'000'000'000, 1s).value();     // at this rate nothing is refused here
const Quota kShut = Quota::make(1, Quota::kMaxPeriod).value();  // after the first permit all is refused

// Threads begin at the present and go on in steps of 20 ns, so that no two runs, and no two threads, ask in the past.
template <class Limiter>
void allow(benchmark::State& state) {
  static Limiter limiter(Limiter::Config::make(kOpen).value());
  TimePoint now = Clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(limiter.try_acquire_at(now += Duration(20)));
}

void allow_clock(benchmark::State& state) {
  static const FastClock clock;
  static TokenBucket limiter(TokenBucketConfig::make(kOpen).value());
  for (auto _ : state) benchmark::DoNotOptimize(limiter.try_acquire(clock));
}

template <class Limiter>
Limiter& shut() {
  static Limiter limiter(Limiter::Config::make(kShut).value(), time_from_ns(0));
  (void)limiter.try_acquire_at(time_from_ns(0));
  return limiter;
}

// What a caller pays who only looks whether it is allowed: what he does not read, nobody works out.
void deny(benchmark::State& state) {
  auto& limiter = shut<TokenBucket>();
  TimePoint now = time_from_ns(0);
  for (auto _ : state) {
    if (limiter.try_acquire_at(now += Duration(1)).allowed) return state.SkipWithError("allowed");
  }
}

// One who also tells his client when to come back.
void deny_retry(benchmark::State& state) {
  auto& limiter = shut<TokenBucket>();
  TimePoint now = time_from_ns(0);
  for (auto _ : state) {
    const Decision decision = limiter.try_acquire_at(now += Duration(1));
    if (decision.allowed) return state.SkipWithError("allowed");
    benchmark::DoNotOptimize(decision.retry_after);
  }
}

// And one who reads, or hands on, all that a Decision says.
template <class Limiter>
void deny_told(benchmark::State& state) {
  auto& limiter = shut<Limiter>();
  TimePoint now = time_from_ns(0);
  for (auto _ : state) benchmark::DoNotOptimize(limiter.try_acquire_at(now += Duration(1)));
}

// After its limit was changed once, a limiter reads its rule from a slot.
void allow_changed(benchmark::State& state) {
  static TokenBucket* limiter = [] {
    auto* made = new TokenBucket(TokenBucketConfig::make(kOpen).value());
    made->change_limit(TokenBucketConfig::make(kOpen).value(), LimitChange::kKeep);
    return made;
  }();
  TimePoint now = Clock::now();
  for (auto _ : state) benchmark::DoNotOptimize(limiter->try_acquire_at(now += Duration(20)));
}

BENCHMARK(allow<TokenBucket>)->Name("bucket.allow")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(allow_clock)->Name("bucket.allow_clock")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(allow_changed)->Name("bucket.allow_changed")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(deny)->Name("bucket.deny")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(deny_retry)->Name("bucket.deny_retry")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(deny_told<TokenBucket>)->Name("bucket.deny_told")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(allow<LeasedTokenBucket>)->Name("bucket.lease")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(allow<FixedWindow>)->Name("fixed_window.allow")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(deny_told<FixedWindow>)->Name("fixed_window.deny")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
