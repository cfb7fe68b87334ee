// SPDX-License-Identifier: MIT
//
// Real threads, and real processes that are killed. Invariants, checked at the end or by counters that the workers
// keep:
//   - no more calls are between admit and report, of one half-open generation, than probes are allowed;
//   - events delivered and lost add up to the generations that passed, in their order;
//   - after the disturbance ends, the breaker closes again: nothing that was killed or lost keeps it open.
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <map>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "seawall/circuit_breaker.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint kEpoch = time_from_ns(0);

// A breaker in memory that children share with their parent.
class SharedBreaker {
 public:
  explicit SharedBreaker(const CircuitBreakerOptions& options)
      : page_(mmap(nullptr, sizeof(CircuitBreaker), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(page_ != MAP_FAILED);
    breaker_ = new (page_) CircuitBreaker(CircuitBreakerConfig::make(options).value(), kEpoch);
  }
  SharedBreaker(const SharedBreaker&) = delete;
  SharedBreaker& operator=(const SharedBreaker&) = delete;
  ~SharedBreaker() { munmap(page_, sizeof(CircuitBreaker)); }

  CircuitBreaker& operator*() const { return *breaker_; }
  CircuitBreaker* operator->() const { return breaker_; }

 private:
  void* page_;
  CircuitBreaker* breaker_ = nullptr;
};

template <class Body>
pid_t child(const Body& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("threads: probes in flight stay within their maximum, and every generation has its event or is counted") {
  constexpr int kThreads = 4;
  constexpr int kCalls = 20'000;
  CircuitBreaker breaker(CircuitBreakerConfig::make({.failure_threshold = 2,
                                                     .open_duration = 1ms,
                                                     .half_open_max_probes = 2,
                                                     .success_threshold = 2,
                                                     .probe_lease = 1h})
                             .value(),
                         kEpoch);
  std::atomic<std::int64_t> clock{0};
  std::atomic<int> too_many{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const TimePoint now = kEpoch + Duration(clock.fetch_add(100'000, std::memory_order_relaxed));
        auto ticket = breaker.try_acquire_at(now);
        if (breaker.snapshot_at(now).probes_in_flight > 2) too_many.fetch_add(1);
        const int kind = (i * 7 + t * 3) % 10;
        if (kind < 4) {
          ticket.report_at(Outcome::kFailure, now);
        } else if (kind < 9) {
          ticket.report_at(Outcome::kSuccess, now);
        }  // else cancelled
      }
    });
  }
  std::uint64_t delivered = 0;
  std::uint64_t unordered = 0;
  std::uint32_t last = 0;
  std::array<CircuitBreakerEvent, 16> events;
  const auto drain = [&] {
    while (const std::size_t n = breaker.poll_events(events)) {
      for (std::size_t i = 0; i < n; ++i) {
        if (algorithm::breaker::generations_after(events[i].generation, last) <= 0) ++unordered;
        last = events[i].generation;
      }
      delivered += n;
    }
  };
  while (clock.load() < std::int64_t{kThreads} * kCalls * 100'000) drain();
  for (auto& thread : threads) thread.join();
  drain();
  CHECK(too_many == 0);
  CHECK(unordered == 0);
  CHECK(delivered > 0);
  CHECK((delivered + breaker.lost_events()) % 131'072 == breaker.snapshot_at(kEpoch).generation);
}

TEST_CASE("threads: a healthy breaker stays untouched and one bad moment trips it exactly once") {
  CircuitBreaker breaker({}, kEpoch);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) breaker.try_acquire_at(kEpoch).report_at(Outcome::kSuccess, kEpoch);
      for (int i = 0; i < 100; ++i) breaker.try_acquire_at(kEpoch).report_at(Outcome::kFailure, kEpoch);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(breaker.snapshot_at(kEpoch).generation == 1);
  CHECK(breaker.snapshot_at(kEpoch).retry_after == 30s);
  std::array<CircuitBreakerEvent, 4> events;
  CHECK(breaker.poll_events(events) == 1);
}

TEST_CASE("processes: the failures of one worker protect all") {
  const SharedBreaker breaker({});
  for (int i = 0; i < 3; ++i) {
    const pid_t pid = child([&] { breaker->try_acquire_at(kEpoch).report_at(Outcome::kFailure, kEpoch); });
    REQUIRE(wait_for(pid) == 0);
  }
  CHECK(breaker->state() == BreakerState::kOpen);
  CHECK_FALSE(breaker->try_acquire_at(kEpoch + 1s));
}

TEST_CASE("processes: a probe holder killed by SIGKILL is given up at its lease, again and again") {
  const SharedBreaker breaker({.failure_threshold = 1, .probe_lease = 5s});
  breaker->try_acquire_at(kEpoch).report_at(Outcome::kFailure, kEpoch);
  TimePoint now = kEpoch + 30s;
  for (int round = 0; round < 5; ++round) {
    int pipes[2];
    REQUIRE(pipe(pipes) == 0);
    const pid_t pid = child([&] {
      auto probe = breaker->try_acquire_at(now);
      const char admitted = probe ? '1' : '0';
      if (write(pipes[1], &admitted, 1) != 1) _exit(1);
      for (;;) pause();  // holds the probe until it is killed
    });
    char admitted = '?';
    REQUIRE(read(pipes[0], &admitted, 1) == 1);
    CHECK(admitted == '1');
    kill(pid, SIGKILL);
    wait_for(pid);
    close(pipes[0]);
    close(pipes[1]);
    auto refused = breaker->try_acquire_at(now);
    REQUIRE_FALSE(refused);
    now += refused.retry_after();
  }
  auto probe = breaker->try_acquire_at(now);
  REQUIRE(probe);
  CHECK(breaker->stats().probes_lost == 5);
  CHECK(probe.report_at(Outcome::kSuccess, now) == ReportResult::kRecorded);
  CHECK(breaker->state() == BreakerState::kClosed);
}

TEST_CASE("processes: workers killed anywhere in the middle of their calls leave a breaker that recovers") {
  const SharedBreaker breaker(
      {.failure_threshold = 2, .open_duration = 1ms, .half_open_max_probes = 2, .probe_lease = 1s});
  std::uint64_t delivered = 0;
  std::array<CircuitBreakerEvent, 32> events;
  for (int round = 0; round < 20; ++round) {
    const std::uint32_t before = breaker->snapshot_at(kEpoch).generation;
    std::array<pid_t, 2> workers{};
    for (auto& pid : workers) {
      pid = child([&] {
        // A bounded number of calls: fewer transitions than the event cursor can count between two polls.
        for (std::int64_t i = 0; i < 20'000; ++i) {
          const TimePoint now = kEpoch + round * 24h + Duration(i * 300'000);
          breaker->try_acquire_at(now).report_at(i % 3 == 0 ? Outcome::kSuccess : Outcome::kFailure, now);
        }
      });
    }
    while (algorithm::breaker::generations_after(breaker->snapshot_at(kEpoch).generation, before) < 50) {
      delivered += breaker->poll_events(events);
    }
    for (const pid_t pid : workers) {
      kill(pid, SIGKILL);
      wait_for(pid);
    }
  }
  const auto recovers_at = [&](TimePoint later) {
    for (int i = 0; i < 3 && breaker->state() != BreakerState::kClosed; ++i) {
      breaker->try_acquire_at(later).report_at(Outcome::kSuccess, later);
    }
    CHECK(breaker->state() == BreakerState::kClosed);
  };
  recovers_at(kEpoch + 1000h);
  // An event that a killed worker owes is counted as lost once there is a later one.
  for (int i = 0; i < 2; ++i) breaker->try_acquire_at(kEpoch + 1000h).report_at(Outcome::kFailure, kEpoch + 1000h);
  CHECK(breaker->state() == BreakerState::kOpen);
  recovers_at(kEpoch + 1001h);
  for (int i = 0; i < 80; ++i) delivered += breaker->poll_events(events);
  CHECK((delivered + breaker->lost_events()) % 131'072 == breaker->snapshot_at(kEpoch).generation);
}

// Four processes, one of them killed at random each time. Whatever the killed ones left in the windows, in the word or
// in the ring: the breaker opens when all calls fail, closes when a probe succeeds, and no more probes are out than
// allowed.
TEST_CASE("processes: four workers with windows, killed at random, leave a breaker that opens and closes") {
  const SharedBreaker breaker({.failure_threshold = CircuitBreakerConfig::kOff,
                               .failure_rate_threshold = 60,
                               .count_window = 50,
                               .time_window = 10s,
                               .minimum_calls = 20,
                               .open_duration = 1ms,
                               .half_open_max_probes = 2,
                               .probe_lease = 1s,
                               .count_totals = true});
  std::uint64_t random = 12345;
  for (int round = 0; round < 20; ++round) {
    const TimePoint start = kEpoch + round * 1h;
    const std::uint32_t before = breaker->snapshot_at(start).generation;
    std::array<pid_t, 4> workers{};
    for (std::size_t w = 0; w < workers.size(); ++w) {
      workers[w] = child([&] {
        for (std::int64_t i = 0;; ++i) {
          const TimePoint now = start + Duration(i * 300'000 % 3'000'000'000'000);
          auto ticket = breaker->try_acquire_at(now);
          if (breaker->snapshot_at(now).probes_in_flight > 2) _exit(3);
          if (ticket)
            ticket.report_at((i / 100 + static_cast<int>(w)) % 2 == 0 ? Outcome::kSuccess : Outcome::kFailure, now);
        }
      });
    }
    const std::uint64_t calls = breaker->stats().failures;
    while (breaker->stats().failures < calls + 500 ||
           algorithm::breaker::generations_after(breaker->snapshot_at(start).generation, before) < 5) {
    }
    for (std::size_t left = workers.size(); left > 0; --left) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const std::size_t victim = (random >> 33) % left;
      kill(workers[victim], SIGKILL);
      const int status = wait_for(workers[victim]);
      CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
      std::swap(workers[victim], workers[left - 1]);
    }
    TimePoint now = start + 50min;
    for (int i = 0; i < 4 && breaker->state() != BreakerState::kClosed; ++i, now += 2s) {
      breaker->try_acquire_at(now).report_at(Outcome::kSuccess, now);
    }
    REQUIRE(breaker->state() == BreakerState::kClosed);
    for (int i = 0; i < 60 && breaker->state() == BreakerState::kClosed; ++i) {
      breaker->try_acquire_at(now).report_at(Outcome::kFailure, now);
    }
    REQUIRE(breaker->state() == BreakerState::kOpen);
  }
}

namespace {

// The lines of the breaker that `act` changes.
template <class Act>
std::set<std::size_t> lines_written_by(CircuitBreaker& breaker, const Act& act) {
  constexpr std::size_t kLine = detail::kCacheLine;
  using Lines = std::array<std::array<unsigned char, kLine>, sizeof(CircuitBreaker) / kLine>;
  static_assert(sizeof(Lines) == sizeof(CircuitBreaker));
  const auto copied = [&] {
    Lines lines;
    std::memcpy(&lines, static_cast<const void*>(&breaker), sizeof lines);
    return lines;
  };
  const Lines before = copied();
  act();
  const Lines after = copied();
  std::set<std::size_t> changed;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != after[i]) changed.insert(i);
  }
  return changed;
}

}  // namespace

TEST_CASE("threads: a good call of a breaker with windows writes nothing that calls on other CPUs write") {
  CircuitBreaker breaker(CircuitBreakerConfig::make({.failure_rate_threshold = 50,
                                                     .slow_call_rate_threshold = 50,
                                                     .slow_call_duration = 1s,
                                                     .count_window = 100,
                                                     .time_window = 10s,
                                                     .count_totals = true})
                             .value(),
                         kEpoch);
  const auto call = [&] { breaker.try_acquire_at(kEpoch + 1s).report_at(Outcome::kSuccess, kEpoch + 1s); };
  call();  // the first of a slice notes its number where all see it: ten times in a window
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  std::map<std::size_t, std::set<std::size_t>> lines;  // by stripe; CPUs beyond their number share them
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &before)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    for (int i = 0; i < 3; ++i) lines[detail::stripe<8>()].merge(lines_written_by(breaker, call));
  }
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  std::set<std::size_t> all;
  for (auto& [stripe, written] : lines) {
    CHECK((!written.empty() && written.size() <= 3));  // of each window, and of the totals
    const std::size_t known = all.size(), more = written.size();
    all.merge(written);
    CHECK(all.size() == known + more);
  }
}

TEST_CASE("threads: a count window holds the calls that were reported") {
  CircuitBreaker breaker(CircuitBreakerConfig::make({.failure_threshold = CircuitBreakerConfig::kOff,
                                                     .failure_rate_threshold = 100,
                                                     .count_window = 1000,
                                                     .time_window = 1h,
                                                     .minimum_calls = 1'000'000})
                             .value(),
                         kEpoch);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        breaker.try_acquire_at(kEpoch).report_at(i % 4 == 0 ? Outcome::kFailure : Outcome::kSuccess, kEpoch);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(breaker.count_window() == BreakerWindow{800, 200, 0});
  CHECK(breaker.time_window_at(kEpoch) == BreakerWindow{800, 200, 0});
}
