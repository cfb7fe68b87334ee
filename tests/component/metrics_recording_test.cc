// SPDX-License-Identifier: MIT
//
// Counter, Gauge and Histogram on their own and in memory shared by processes.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <new>

#include "seawall/counter.h"
#include "seawall/gauge.h"
#include "seawall/histogram.h"
#include "support/catch.h"

using seawall::Counter;
using seawall::Gauge;
using seawall::Histogram;

namespace {

// What children write while the parent reads.
struct Shared {
  Counter counter;
  Gauge gauge;
  Histogram histogram;
  std::atomic<int> ready{0};
};

pid_t recording_child(Shared& shared) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  shared.ready.fetch_add(1);
  for (;;) {
    shared.counter.add();
    shared.gauge.add(1);
    shared.histogram.observe(0.003);
  }
}

}  // namespace

TEST_CASE("a counter takes no negative number") {
  Counter counter;
  counter.add(5);
  counter.add(0);
  counter.add(-3);
  counter.add(std::numeric_limits<std::int64_t>::min());
  CHECK(counter.value() == 5);
  counter.add(std::numeric_limits<std::int64_t>::max());
  CHECK(counter.value() == 5 + static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

TEST_CASE("a gauge is exact for whole numbers and takes any double") {
  Gauge gauge;
  CHECK(gauge.value() == 0);
  for (int i = 0; i < 1000; ++i) gauge.add(1);
  for (int i = 0; i < 1000; ++i) gauge.add(-1);
  CHECK(gauge.value() == 0);
  gauge.set(-1.25);
  CHECK(gauge.value() == -1.25);
}

TEST_CASE("the sum of a histogram is exact to its steps") {
  Histogram latency;
  for (int i = 0; i < 1000; ++i) latency.observe(0.1);
  CHECK(latency.snapshot().sum == 100.0);  // adding the doubles gives 99.9999999999986
  CHECK(latency.snapshot().count == 1000);
  latency.observe(std::chrono::nanoseconds(1));
  CHECK(latency.snapshot().sum == 100.000000001);
}

TEST_CASE("processes record into one set of metrics, and SIGKILL leaves them usable") {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  Shared& shared = *new (memory) Shared;
  const pid_t children[] = {recording_child(shared), recording_child(shared)};
  while (shared.ready.load() < 2) sched_yield();
  std::uint64_t seen = 0;
  std::uint64_t observed = 0;
  bool fell = false;
  const auto read = [&] {
    const std::uint64_t total = shared.counter.value();
    const auto histogram = shared.histogram.snapshot();
    fell |= total < seen || histogram.count < observed;
    seen = total;
    observed = histogram.count;
  };
  while (seen < 10'000) read();
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    read();
  }
  read();
  CHECK_FALSE(fell);
  // Each child was killed between two of its three recordings at most.
  CHECK(shared.gauge.value() <= static_cast<double>(seen));
  CHECK(shared.gauge.value() >= static_cast<double>(seen) - 2);
  CHECK((observed <= seen && observed + 2 >= seen));
  shared.counter.add();
  CHECK(shared.counter.value() == seen + 1);
  munmap(memory, sizeof(Shared));
}
