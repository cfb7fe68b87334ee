// SPDX-License-Identifier: MIT
//
// FastClock of this machine: real threads, forked processes and killed ones. It holds whatever counter this machine
// has.
//   - Order: a thread publishes each reading as the latest before it goes on; who has seen the latest shows no less.
//   - Distance: a reading lies between two of CLOCK_MONOTONIC taken around it, give or take the bound.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "seawall/fast_clock.h"
#include "support/catch.h"

using namespace seawall;

namespace {

// Beyond what the header says of the hardest steering; clock_test.cc has the bound itself.
constexpr std::int64_t kFar = 500'000;

struct Shared {
  FastClock clock;
  std::atomic<std::int64_t> latest{0};
  std::atomic<std::int64_t> backwards{0};
  std::atomic<std::int64_t> readings{0};
};

// Reads on until the latest reading is `until`, a thousand times at least.
void read_and_compare(Shared& shared, std::int64_t until) {
  for (int i = 1;; ++i) {
    // Acquire: whoever published this reading took it before.
    const std::int64_t before = shared.latest.load(std::memory_order_acquire);
    const std::int64_t now = to_ns(shared.clock.now());
    if (now < before) shared.backwards.fetch_add(1);
    std::int64_t seen = before;
    while (seen < now && !shared.latest.compare_exchange_weak(seen, now)) continue;
    shared.readings.fetch_add(1, std::memory_order_relaxed);  // a total
    if (now >= until && i >= 1000) return;
  }
}

std::int64_t distance(const FastClock& clock) {
  const std::int64_t before = to_ns(Clock::now());
  const std::int64_t shown = to_ns(clock.now());
  const std::int64_t after = to_ns(Clock::now());
  return std::max({before - shown, shown - after, std::int64_t{0}});
}

Shared* map_shared() {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  return new (memory) Shared;
}

int exit_code(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("stress: no thread's reading is before one that it knows of") {
  Shared shared;
  const std::int64_t until = to_ns(shared.clock.now()) + 300'000'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { read_and_compare(shared, until); });
  for (std::thread& t : threads) t.join();
  CHECK(shared.backwards == 0);
  CHECK(shared.readings >= 4000);
}

TEST_CASE("stress: the clock keeps its distance to CLOCK_MONOTONIC") {
  const FastClock clock;
  const std::int64_t until = to_ns(Clock::now()) + 200'000'000;
  std::int64_t worst = 0;
  while (to_ns(clock.now()) < until) worst = std::max(worst, distance(clock));
  CHECK(worst < kFar);
}

TEST_CASE("stress: every trust has a clock") {
  for (const CounterTrust trust : {CounterTrust::kKernel, CounterTrust::kNever, CounterTrust::kAlways}) {
    const FastClock clock(trust);
    const std::int64_t first = to_ns(clock.now());
    if (trust == CounterTrust::kNever) CHECK(clock.source() == ClockSource::kMonotonic);
    // Of a counter that only the caller believes in nothing is promised.
    if (clock.source() == ClockSource::kCounter && !detail::kernel_vouches_for_counter()) continue;
    CHECK(to_ns(clock.now()) >= first);
    CHECK(distance(clock) < kFar);
  }
}

// What the processor says of its counter is not enough: not under kvm-clock, and not without a file to read.
TEST_CASE("stress: the counter is believed when the kernel uses it, and only then") {
  char path[] = "/tmp/clock_source_XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  for (const std::string_view source : {"tsc", "arch_sys_counter", "kvm-clock", "hpet", "acpi_pm", "tsc_early", ""}) {
    REQUIRE(ftruncate(file, 0) == 0);
    const std::string text = std::string(source) + '\n';
    REQUIRE(pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    const bool own = !source.empty() && source == detail::kCounterClockSource && detail::counter_is_invariant();
    CHECK(detail::kernel_vouches_for_counter(path) == own);
  }
  close(file);
  unlink(path);
  CHECK_FALSE(detail::kernel_vouches_for_counter(path));
  const FastClock clock;
  CHECK((clock.source() == ClockSource::kCounter) == detail::kernel_vouches_for_counter());
}

TEST_CASE("processes: a child's copy goes on, near the parent's and the kernel's clock") {
  const FastClock clock;
  const std::int64_t before = to_ns(clock.now());
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::int64_t latest = before;
    for (int i = 0; i < 100'000; ++i) {
      const std::int64_t now = to_ns(clock.now());
      if (now < latest) _exit(1);
      if (distance(clock) >= kFar) _exit(2);
      latest = now;
    }
    _exit(0);
  }
  CHECK(exit_code(child) == 0);
  CHECK(distance(clock) < kFar);
}

TEST_CASE("processes: one clock in shared memory, its readers killed in the middle") {
  Shared* shared = map_shared();
  for (int round = 0; round < 20; ++round) {
    pid_t children[3];
    for (pid_t& child : children) {
      child = fork();
      REQUIRE(child >= 0);
      if (child == 0) read_and_compare(*shared, INT64_MAX);
    }
    const std::int64_t enough = shared->readings.load() + 2000;
    while (shared->readings.load() < enough) sched_yield();
    for (const pid_t child : children) {
      kill(child, SIGKILL);
      CHECK(exit_code(child) == -1);
    }
  }
  read_and_compare(*shared, to_ns(shared->clock.now()) + 5'000'000);
  CHECK(shared->backwards == 0);
  CHECK(distance(shared->clock) < kFar);
  munmap(shared, sizeof(Shared));
}
