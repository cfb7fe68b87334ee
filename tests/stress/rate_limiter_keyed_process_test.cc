// SPDX-License-Identifier: MIT
//
// The keyed table in memory that four processes share, each killed at a random moment and replaced. A child counts a
// permit before it asks and again after it was admitted, so a kill hides at most one. Bounds hold over all processes,
// and the survivors find every key and every place usable. A child of fork() finds nothing locked either.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr std::uint64_t kKeys = 40;  // of a table with 21 places
constexpr std::int64_t kLimit = 50;
constexpr std::int64_t kPeriod = 200'000;

struct Counts {
  std::atomic<std::int64_t> asked{0};  // also the clock: a nanosecond for each question
  std::array<std::atomic<std::int64_t>, kKeys> admitted{};
};

template <class Limiter>
KeyedOptions options() {
  return {.quota = Quota::make(kLimit, Duration(kPeriod)).value(), .when_full = WhenFull::kDeny, .seed = 5};
}

template <class Limiter>
[[noreturn]] void ask_until_killed(std::span<std::byte> memory, Counts& counts, std::uint64_t seed) {
  auto users = KeyedRateLimiter<Limiter>::attach(memory).value();
  std::mt19937_64 random(seed);
  for (;;) {
    const std::uint64_t key = random() % kKeys;
    // Every process' clock is a little behind or ahead.
    const TimePoint now = time_from_ns(counts.asked.fetch_add(1) + static_cast<std::int64_t>(random() % 64));
    const Decision d = users.try_acquire_at(key, now);
    if (d.allowed) counts.admitted[key].fetch_add(1);
    if (d.allowed && random() % 8 == 0) {
      counts.admitted[key].fetch_sub(1);  // before: a kill in between hides a permit, and never shows one too many
      if (users.refund_at(key, d.charge, now) == 0) counts.admitted[key].fetch_add(1);
    }
  }
}

void* shared_pages(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  return memory;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEMPLATE_TEST_CASE("processes: a keyed table survives the death of its users", "", TokenBucket, SlidingWindow) {
  using Users = KeyedRateLimiter<TestType>;
  const std::size_t size = Users::memory_for(8);
  auto* counts = new (shared_pages(sizeof(Counts))) Counts();
  const std::span memory(static_cast<std::byte*>(shared_pages(size)), size);
  auto users = Users::make_in(memory, options<TestType>(), time_from_ns(0)).value();
  std::array<pid_t, 4> children{};
  std::mt19937_64 random(11);
  const auto start = [&](pid_t& child) {
    const std::uint64_t seed = random();
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) ask_until_killed<TestType>(memory, *counts, seed);
  };
  for (pid_t& child : children) start(child);
  for (int round = 0; round < 60; ++round) {
    const std::int64_t until = counts->asked.load() + static_cast<std::int64_t>(random() % 3000);
    while (counts->asked.load() < until) sched_yield();
    pid_t& victim = children[random() % children.size()];
    end(victim);
    start(victim);
  }
  for (const pid_t child : children) end(child);
  // A bucket gives the burst and its refill; a window its limit in each period and the one that is cut.
  const std::int64_t periods = counts->asked.load() / kPeriod + 2;
  for (std::uint64_t key = 0; key < kKeys; ++key) REQUIRE(counts->admitted[key].load() <= kLimit * (periods + 1));
  // Nothing is stuck: all places can be taken anew, and each key that has one gets its limit to the last permit.
  const TimePoint later = time_from_ns(counts->asked.load() + 10 * kPeriod);
  std::int64_t placed = 0;
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    if (!users.try_acquire_at(key, later, kLimit).allowed) continue;
    ++placed;
    REQUIRE_FALSE(users.try_acquire_at(key, later).allowed);
  }
  CHECK(placed > 15);
  munmap(memory.data(), size);
  munmap(static_cast<void*>(counts), sizeof(Counts));
}

// While threads change a private table all the time, children forked from the midst of it use their copies.
TEST_CASE("processes: a child forked at any time waits for nobody") {
  auto users = KeyedRateLimiter<SlidingWindow>::make({.quota = Quota::make(kLimit, 1ms).value(),
                                                      .memory_bytes = KeyedRateLimiter<SlidingWindow>::memory_for(8)})
                   .value();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t key = t; !stop.load(); ++key) (void)users.try_acquire(key % kKeys);
    });
  }
  int waited = 0;
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);  // a child that waits ends by this signal
      for (std::uint64_t key = 0; key < 2 * kKeys; ++key) (void)users.try_acquire(key);
      _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    waited += !WIFEXITED(status);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(waited == 0);
}
