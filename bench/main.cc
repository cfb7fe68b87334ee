// SPDX-License-Identifier: MIT
//
// main of seawall_bench: Google Benchmark's, with each thread of a benchmark on a CPU of its own. Left to the scheduler
// two threads that run for a tenth of a second often share one CPU, and a contended operation then looks free.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstddef>
#include <vector>

#include "unpinned.h"

namespace {

// Filled by main before any thread starts; never changed after.
std::vector<int>& cpus() {
  static std::vector<int> allowed;
  return allowed;
}

void find_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus().push_back(static_cast<int>(cpu));
  }
}

cpu_set_t only(std::size_t index) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpus()[index % cpus().size()]), &set);
  return set;
}

thread_local bool unpinned = false;

}  // namespace

Unpinned::Unpinned() {
  sched_getaffinity(0, sizeof before_, &before_);
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const int cpu : cpus()) CPU_SET(static_cast<std::size_t>(cpu), &all);
  if (!cpus().empty()) sched_setaffinity(0, sizeof all, &all);
  unpinned = true;
}
Unpinned::~Unpinned() {
  sched_setaffinity(0, sizeof before_, &before_);
  unpinned = false;
}

// Takes the place of the C library's: the main thread works too and has the first CPU, those it starts go round the
// others.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                              void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  // Relaxed: only distinct numbers are wanted.
  static std::atomic<std::size_t> started{0};
  const int code = create(thread, attributes, run, argument);
  if (code == 0 && cpus().size() > 1 && !unpinned) {
    const std::size_t others = cpus().size() - 1;
    const cpu_set_t set = only(1 + started.fetch_add(1, std::memory_order_relaxed) % others);
    pthread_setaffinity_np(*thread, sizeof set, &set);
  }
  return code;
}

int main(int argc, char** argv) {
  find_cpus();
  if (!cpus().empty()) {
    const cpu_set_t first = only(0);
    sched_setaffinity(0, sizeof first, &first);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
