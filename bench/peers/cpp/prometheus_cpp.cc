// SPDX-License-Identifier: MIT
//
// prometheus-cpp: each operation repeated on one and two threads, each on a CPU of its own; a line of JSON for each, as
// ../peers.py reads them. PEER_REPETITIONS and PEER_MS say how often and how long.
#include <malloc.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <pthread.h>
#include <sched.h>

#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Loop = std::function<void(long calls)>;

long setting(const char* name, long fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atol(text) : fallback;
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void pin(std::size_t thread) {
  static const std::vector<int> cpus = allowed_cpus();
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(cpus[thread % cpus.size()], &own);
  pthread_setaffinity_np(pthread_self(), sizeof own, &own);
}

// ns for each call of each thread.
double repeat(std::size_t threads, long calls, const Loop& loop) {
  std::barrier start(static_cast<std::ptrdiff_t>(threads));
  std::vector<double> took(threads);
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      pin(t);
      start.arrive_and_wait();
      const auto begin = std::chrono::steady_clock::now();
      loop(calls);
      took[t] = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
    });
  }
  for (std::thread& worker : workers) worker.join();
  double sum = 0;
  for (const double ns : took) sum += ns;
  return sum / static_cast<double>(threads) / static_cast<double>(calls);
}

void measure(const char* id, const char* what, const Loop& loop, double bytes = 0) {
  const auto length = static_cast<double>(setting("PEER_MS", 100)) * 1e6;
  for (const std::size_t threads : {1U, 2U}) {
    long calls = 1;
    while (repeat(threads, calls, loop) * static_cast<double>(calls) < length / 4) calls *= 2;
    std::printf("{\"peer\": \"prometheus-cpp 1.0.1\", \"id\": \"%s\", \"what\": \"%s\", \"threads\": %zu, \"ns\": [",
                id, what, threads);
    for (long i = 0; i < setting("PEER_REPETITIONS", 5); ++i) {
      std::printf("%s%.2f", i == 0 ? "" : ", ", repeat(threads, calls * 4, loop));
    }
    std::printf("]");
    if (bytes > 0) std::printf(", \"bytes\": %.1f", bytes);
    std::printf("}\n");
  }
}

template <class Operation>
Loop times(Operation operation) {
  return [operation](long calls) {
    for (long i = 0; i < calls; ++i) operation();
  };
}

}  // namespace

int main() {
  prometheus::Registry registry;
  auto& family = prometheus::BuildCounter().Name("calls_total").Help("Calls.").Register(registry);
  auto& counter = family.Add({{"service", "trading"}});
  measure("counter.add", "Counter::Increment", times([&] { counter.Increment(); }));

  const prometheus::Histogram::BucketBoundaries bounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
  auto& times_family = prometheus::BuildHistogram().Name("seconds").Help("Time.").Register(registry);
  auto& histogram = times_family.Add({}, bounds);
  measure("histogram.fixed", "Histogram::Observe, 10 bounds", times([&] { histogram.Observe(0.042); }));

  auto& requests = prometheus::BuildCounter().Name("requests_total").Help("Requests.").Register(registry);
  measure("counter.by_labels", "Family::Add of 2 labels, Increment", times([&] {
            requests.Add({{"service", "trading"}, {"code", "200"}}).Increment();
          }));

  prometheus::Registry many;
  auto& users = prometheus::BuildCounter().Name("users_total").Help("Users.").Register(many);
  const auto before = mallinfo2().uordblks;
  for (int i = 0; i < 10'000; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "user-%06d", i);
    users.Add({{"user", name}}).Increment();
  }
  const double bytes = static_cast<double>(mallinfo2().uordblks - before) / 10'000;
  measure("scrape.10k_counters", "Collect and TextSerializer; bytes a series",
          times([&] { return prometheus::TextSerializer().Serialize(many.Collect()); }), bytes);
}
