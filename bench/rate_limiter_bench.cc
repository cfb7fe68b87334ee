// SPDX-License-Identifier: MIT
// The limiters with the time given, on one shared object: what a request pays beside reading the clock
// (baseline.clock).
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "seawall/fast_clock.h"
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

// A million keys in random order at 24 bytes a key, all of them in the table already; the library's clock.
template <class Limiter, class Key>
struct Users {
  static Key key_of(std::uint64_t i) {
    const std::uint64_t id = i * 0x9e3779b97f4a7c15;
    if constexpr (std::is_same_v<Key, std::string>)
      return "user-" + std::to_string(id % 100'000'000'000);
    else
      return id;
  }
  Users() {
    keys.reserve(kKeys);
    for (std::uint64_t i = 0; i < kKeys; ++i) keys.push_back(key_of(i * 7'919 % kKeys * 104'729 % kKeys));
    for (const Key& key : keys) (void)limiter.try_acquire(key, clock);
  }
  FastClock clock;
  std::vector<Key> keys;
  KeyedRateLimiter<Limiter> limiter =
      KeyedRateLimiter<Limiter>::make({.quota = kUser, .memory_bytes = kBytes * kKeys}, clock.now()).value();
  static constexpr std::size_t kBytes = std::is_same_v<Limiter, TokenBucket> ? 24 : 192;  // a key
};

template <class Limiter, class Key>
void keyed(benchmark::State& state) {
  static Users<Limiter, Key> users;
  auto i = static_cast<std::uint64_t>(state.thread_index()) * kKeys / 2;
  for (auto _ : state) {
    benchmark::DoNotOptimize(users.limiter.try_acquire(users.keys[i], users.clock));
    if (++i == kKeys) i = 0;
  }
  const auto bytes = static_cast<double>(users.limiter.stats().memory_bytes);
  state.counters["bytes"] = benchmark::Counter(bytes / kKeys, benchmark::Counter::kAvgThreads);
}

void keyed_batch(benchmark::State& state) {
  static Users<TokenBucket, std::uint64_t> users;
  std::array<Decision, 16> decisions;
  auto i = static_cast<std::uint64_t>(state.thread_index()) * kKeys / 2;
  while (state.KeepRunningBatch(decisions.size())) {  // so that the row is of one key
    const std::span<const std::uint64_t> keys(&users.keys[i], decisions.size());
    users.limiter.try_acquire_batch(keys, users.clock, decisions);
    benchmark::DoNotOptimize(decisions);
    i = i + 2 * decisions.size() > kKeys ? 0 : i + decisions.size();
  }
}

BENCHMARK(allowed<SlidingWindow>)->Name("window.allow")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(refused<SlidingWindow>)->Name("window.deny")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed<TokenBucket, std::uint64_t>)->Name("keyed.u64")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed<TokenBucket, std::string>)->Name("keyed.string")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed_batch)->Name("keyed.batch16")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed<SlidingWindow, std::uint64_t>)->Name("keyed_window.1m")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
