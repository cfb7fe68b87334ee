// SPDX-License-Identifier: MIT
// The yardsticks: what everything else in this program is compared with, in the same run.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>

#include "seawall/decision.h"
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

const seawall::FastClock& fast_clock() {
  static const seawall::FastClock clock;
  return clock;
}

// What a keyed table with a million keys at 24 bytes cannot avoid: the clock, a random line of so much memory (in huge
// pages), an exchange of one of its words. Each waits for the one before, as calls do whose instructions fill the
// window in which a processor looks ahead; or none does, as with calls of no instructions.
template <bool kWaits>
void random_line(benchmark::State& state) {
  constexpr std::size_t kBytes = 24'000'000;
  static auto* const lines = [] {
    void* memory = ::operator new (kBytes, std::align_val_t{2 << 20});
    (void)madvise(memory, kBytes, MADV_HUGEPAGE);
    std::memset(memory, 0, kBytes);
    return static_cast<std::atomic<std::uint64_t>*>(memory);
  }();
  std::uint64_t random = static_cast<std::uint64_t>(state.thread_index()) + 1;
  for (auto _ : state) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    auto& word = lines[(random >> 32) % (kBytes / 64) * 8];
    __builtin_prefetch(&word, 1);
    const auto now = static_cast<std::uint64_t>(seawall::to_ns(fast_clock().relaxed_now()));
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    word.compare_exchange_strong(seen, now | 1, std::memory_order_relaxed);
    if (kWaits) random += seen & 1;
  }
}

// What a refusal with all its answers costs when nothing has to be worked out: a word is a deadline in nanoseconds, and
// a Decision is written. A bucket counts in ticks, of which it makes three multiplications more.
void refusal(benchmark::State& state) {
  static std::atomic<std::uint64_t> deadline{1'000'000'000};
  constexpr std::uint64_t kNow = 1;
  for (auto _ : state) {
    const std::uint64_t until = deadline.load(std::memory_order_acquire);
    const seawall::Duration wait(static_cast<std::int64_t>(until - kNow));
    benchmark::DoNotOptimize(kNow < until ? seawall::Decision{.limit = 1, .retry_after = wait, .reset_after = wait}
                                          : seawall::Decision{.allowed = true, .limit = 1});
  }
}

struct alignas(64) Line {
  std::atomic<std::uint64_t> word{0};
};

// A word of one's own, taken by one exchange and freed by another: whoever is first ends it, once.
void take_and_end(std::atomic<std::uint64_t>& cell) {
  for (int exchange = 0; exchange < 2; ++exchange) {
    std::uint64_t seen = cell.load(std::memory_order_acquire);
    cell.compare_exchange_strong(seen, seen + 1, std::memory_order_seq_cst);
  }
}

// What a pick with a ticket that ends exactly once cannot avoid, whatever it chooses.
void ticket(benchmark::State& state) {
  static Line cells[2];
  std::atomic<std::uint64_t>& mine = cells[state.thread_index() % 2].word;
  for (auto _ : state) take_and_end(mine);
}

// The same where calls under way are counted for each of 16 instances, to be compared: all threads write those counts.
void ticket_and_load(benchmark::State& state) {
  static Line cells[2];
  static Line loads[16];
  std::atomic<std::uint64_t>& mine = cells[state.thread_index() % 2].word;
  std::uint64_t random = static_cast<std::uint64_t>(state.thread_index()) + 1;
  for (auto _ : state) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    Line& one = loads[random >> 60];
    Line& other = loads[random >> 56 & 15];
    const bool first = one.word.load(std::memory_order_relaxed) <= other.word.load(std::memory_order_relaxed);
    std::atomic<std::uint64_t>& load = (first ? one : other).word;
    load.fetch_add(1, std::memory_order_relaxed);
    take_and_end(mine);
    load.fetch_sub(1, std::memory_order_relaxed);
  }
}

void clock_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(seawall::Clock::now());
}

void fast_clock_read(benchmark::State& state) {
  const seawall::FastClock& clock = fast_clock();
  state.SetLabel(clock.source() == seawall::ClockSource::kCounter ? "counter" : "CLOCK_MONOTONIC");
  for (auto _ : state) benchmark::DoNotOptimize(clock.now());
}

// Below which no clock that reads the counter can be.
void counter_read(benchmark::State& state) {
  const seawall::HostCounter host;
  for (auto _ : state) benchmark::DoNotOptimize(host.relaxed_ticks());
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
BENCHMARK(refusal)->Name("baseline.refusal")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(random_line<true>)->Name("baseline.random_line")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(random_line<false>)->Name("baseline.random_lines")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(ticket)->Name("baseline.ticket")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(ticket_and_load)->Name("baseline.ticket_load")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(clock_read)->Name("baseline.clock")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(counter_read)->Name("baseline.counter")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(fast_clock_read)->Name("clock.fast")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(fast_clock_relaxed)->Name("clock.relaxed")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(lock_and_unlock)->Name("baseline.mutex")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
