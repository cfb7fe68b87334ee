// SPDX-License-Identifier: MIT
// The circuit breaker beside the breaker that everybody writes first: a mutex round state, count and deadline.
#include "seawall/circuit_breaker.h"

#include <benchmark/benchmark.h>

#include <mutex>

namespace {

using namespace std::chrono_literals;
using seawall::CircuitBreaker;
using seawall::CircuitBreakerConfig;
using seawall::Outcome;

seawall::CircuitBreakerConfig never_trips() {
  return CircuitBreakerConfig::make({.failure_threshold = CircuitBreakerConfig::kMaxFailureThreshold}).value();
}

CircuitBreaker healthy_breaker;
CircuitBreaker execute_breaker;
CircuitBreaker failing_breaker(never_trips());
CircuitBreaker open_breaker(CircuitBreakerConfig::make({.failure_threshold = 1, .open_duration = 1h}).value());

// Admit and report success.
void healthy(benchmark::State& state) {
  for (auto _ : state) {
    auto ticket = healthy_breaker.try_acquire();
    benchmark::DoNotOptimize(ticket.report(Outcome::kSuccess));
  }
}

// One call in a hundred fails, so the word is written twice in a hundred calls.
void failure(benchmark::State& state) {
  int i = 0;
  for (auto _ : state) {
    auto ticket = failing_breaker.try_acquire();
    benchmark::DoNotOptimize(ticket.report(++i % 100 == 0 ? Outcome::kFailure : Outcome::kSuccess));
  }
}

// Open: the clock is read, nothing is written.
void refused(benchmark::State& state) {
  if (state.thread_index() == 0) open_breaker.try_acquire().report(Outcome::kFailure);
  for (auto _ : state) {
    auto ticket = open_breaker.try_acquire();
    benchmark::DoNotOptimize(ticket.retry_after());
  }
}

void execute(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(execute_breaker.execute([] { return 1; }));
}

class MutexBreaker {
 public:
  bool admit() {
    const std::lock_guard lock(mutex_);
    return !open_ || seawall::Clock::now() >= deadline_;
  }
  void report(bool ok) {
    const std::lock_guard lock(mutex_);
    failures_ = ok ? 0 : failures_ + 1;
    if (failures_ < 3) return;
    open_ = true;
    deadline_ = seawall::Clock::now() + 30s;
  }

 private:
  std::mutex mutex_;
  bool open_ = false;
  int failures_ = 0;
  seawall::TimePoint deadline_;
};
MutexBreaker mutex_breaker;

void with_mutex(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(mutex_breaker.admit());
    mutex_breaker.report(true);
  }
}

BENCHMARK(healthy)->Name("breaker.healthy")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(failure)->Name("breaker.failure")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(refused)->Name("breaker.refused")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(execute)->Name("breaker.execute")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(with_mutex)->Name("breaker.mutex_yardstick")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
