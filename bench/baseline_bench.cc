// SPDX-License-Identifier: MIT
// The yardsticks: what everything else in this program is compared with, in the same run.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include "seawall/time.h"

namespace {

alignas(64) std::atomic<std::uint64_t> counter{0};
std::mutex mutex;

void fetch_add(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(counter.fetch_add(1, std::memory_order_relaxed));
}

void clock_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(seawall::Clock::now());
}

void lock_and_unlock(benchmark::State& state) {
  for (auto _ : state) {
    const std::lock_guard lock(mutex);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(fetch_add)->Name("baseline.fetch_add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(clock_read)->Name("baseline.clock")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(lock_and_unlock)->Name("baseline.mutex")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
