// SPDX-License-Identifier: MIT
// The circuit breaker beside the breaker that everybody writes first: a mutex round state, count and deadline.
#include "seawall/circuit_breaker.h"

#include <benchmark/benchmark.h>

#include <mutex>
#include <string>
#include <vector>

#include "seawall/keyed_circuit_breaker.h"

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
CircuitBreaker window_breaker(CircuitBreakerConfig::make({.failure_rate_threshold = 50, .count_window = 100}).value());
CircuitBreaker time_breaker(CircuitBreakerConfig::make({.failure_rate_threshold = 50, .time_window = 1min}).value());
seawall::KeyedCircuitBreaker keyed_breaker = seawall::KeyedCircuitBreaker::make({}).value();
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

// Open, with the time given: nothing is written.
void refused(benchmark::State& state) {
  const seawall::TimePoint now = seawall::Clock::now();
  if (state.thread_index() == 0) open_breaker.try_acquire_at(now).report_at(Outcome::kFailure, now);
  for (auto _ : state) {
    auto ticket = open_breaker.try_acquire_at(now);
    benchmark::DoNotOptimize(ticket.retry_after());
  }
}

// The same with the clock.
void refused_clock(benchmark::State& state) {
  if (state.thread_index() == 0) open_breaker.try_acquire().report(Outcome::kFailure);
  for (auto _ : state) {
    auto ticket = open_breaker.try_acquire();
    benchmark::DoNotOptimize(ticket.retry_after());
  }
}

// Healthy, with a rate over the last 100 calls: each call writes its CPU's line.
void count_window(benchmark::State& state) {
  for (auto _ : state) {
    auto ticket = window_breaker.try_acquire();
    benchmark::DoNotOptimize(ticket.report(Outcome::kSuccess));
  }
}

// Healthy, with a rate over the last minute, with the time given.
void time_window(benchmark::State& state) {
  const seawall::TimePoint now = seawall::Clock::now();
  for (auto _ : state) {
    auto ticket = time_breaker.try_acquire_at(now);
    benchmark::DoNotOptimize(ticket.report_at(Outcome::kSuccess, now));
  }
}

// Healthy, by the name of the host, one of 1,000, with the time given.
void keyed(benchmark::State& state) {
  static const std::vector<std::string> hosts = [] {
    std::vector<std::string> made;
    for (int i = 0; i < 1000; ++i) made.push_back("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
    return made;
  }();
  const seawall::TimePoint now = seawall::Clock::now();
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 500;
  for (auto _ : state) {
    auto ticket = keyed_breaker.try_acquire_at(hosts[++i % hosts.size()], now);
    benchmark::DoNotOptimize(ticket.report_at(Outcome::kSuccess, now));
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
BENCHMARK(refused)->Name("breaker.open")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(refused_clock)->Name("breaker.open_clock")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(count_window)->Name("breaker.count_window")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(time_window)->Name("breaker.time_window")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(keyed)->Name("breaker.keyed")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(execute)->Name("breaker.execute")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(with_mutex)->Name("breaker.mutex_yardstick")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
