// SPDX-License-Identifier: MIT
// The yardsticks: what everything else in this program is compared with, in the same run.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include "seawall/fast_clock.h"
#include "seawall/time.h"

namespace {

alignas(64) std::atomic<std::uint64_t> counter{0};
std::mutex mutex;

void fetch_add(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(counter.fetch_add(1, std::memory_order_relaxed));
}

// What a decision that must not be lost costs before it decides anything.
void cas_loop(benchmark::State& state) {
  for (auto _ : state) {
    std::uint64_t seen = counter.load(std::memory_order_relaxed);
    while (!counter.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) continue;
  }
}

void clock_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(seawall::Clock::now());
}

const seawall::FastClock& fast_clock() {
  static const seawall::FastClock clock;
  return clock;
}

void fast_clock_read(benchmark::State& state) {
  const seawall::FastClock& clock = fast_clock();
  state.SetLabel(clock.source() == seawall::ClockSource::kCounter ? "counter" : "CLOCK_MONOTONIC");
  for (auto _ : state) benchmark::DoNotOptimize(clock.now());
}

void fast_clock_relaxed(benchmark::State& state) {
  const seawall::FastClock& clock = fast_clock();
  for (auto _ : state) benchmark::DoNotOptimize(clock.relaxed_now());
}

void lock_and_unlock(benchmark::State& state) {
  for (auto _ : state) {
    const std::lock_guard lock(mutex);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(fetch_add)->Name("baseline.fetch_add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(cas_loop)->Name("baseline.cas_loop")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(clock_read)->Name("baseline.clock")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(fast_clock_read)->Name("clock.fast")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(fast_clock_relaxed)->Name("clock.relaxed")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(lock_and_unlock)->Name("baseline.mutex")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
