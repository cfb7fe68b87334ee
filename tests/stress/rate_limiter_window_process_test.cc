// SPDX-License-Identifier: MIT
//
// reserve, cancel, settle and change of a SlidingWindow in memory that four processes share, each killed at a random
// moment and replaced. Each writes down what it is about to charge or give back before it does so, and what became of
// it afterwards, so that the parent knows what a kill may hide: no more than the permits of the call that was cut.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <new>
#include <random>

#include "seawall/sliding_window.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr std::size_t kChildren = 4;
constexpr std::int64_t kCap = 5;  // of the debt

struct Child {
  std::atomic<std::int64_t> holds{0};  // charged and not given back, of all who had this place
  std::atomic<std::int64_t> doubt{0};  // the call in progress may change that by so much
  std::int64_t hidden = 0;             // the parent's: of calls that were cut
};

struct State {
  State(const SlidingWindowConfig& config) : window(config, time_from_ns(0)) {}
  SlidingWindow window;
  std::atomic<std::int64_t> asked{0};
  std::array<Child, kChildren> children;
};

SlidingWindowConfig config(std::int64_t limit, Duration period) {
  return SlidingWindowConfig::make(Quota::make(limit, period).value()).value();
}

// What a child does until it is killed: `step_ns` is what the clock goes on with each question.
class Work {
 public:
  Work(State& state, Child& child, std::uint64_t seed, std::int64_t step_ns, std::int64_t limit, Duration period)
      : state_(state), child_(child), random_(seed), step_ns_(step_ns), limit_(limit), period_(period) {}

  [[noreturn]] void run() {
    for (;;) {
      const TimePoint now = time_from_ns(state_.asked.fetch_add(1) * step_ns_ + below(64));
      const std::int64_t n = 1 + below(3);
      switch (below(6)) {
        case 0:
          hold(n, [&] { return state_.window.try_acquire_at(now, n).charge; });
          break;
        case 1:  // now, or in the next sub-windows
          hold(n, [&] { return state_.window.reserve_at(now, n, step_ns_ == 0 ? Duration(0) : period_ / 4).charge; });
          break;
        case 2:
          hold(n, [&] { return state_.window.acquire_until_at(now, now, n).charge; });
          break;
        case 3:
          give_back(now);
          break;
        case 4:
          settle(now, below(6));
          break;
        default:
          (void)state_.window.change_limit_at(config(limit_ - below(8), period_), LimitChange::kKeep, now);
      }
    }
  }

 private:
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n)); }

  template <class Acquire>
  void hold(std::int64_t n, Acquire&& acquire) {
    child_.doubt = n;
    charge_ = acquire();
    child_.holds += charge_.permits;
    child_.doubt = 0;
  }
  void give_back(TimePoint now) {
    child_.doubt = charge_.permits;
    child_.holds -= state_.window.cancel_at({.charge = charge_}, now);
    child_.doubt = 0;
    charge_ = {};
  }
  void settle(TimePoint now, std::int64_t actual) {
    child_.doubt = std::max(charge_.permits, actual);
    const Settlement s = state_.window.settle_at(charge_, actual, now, kCap);
    child_.holds += s.charged - s.refunded;
    child_.doubt = 0;
    charge_ = s.charge;
  }

  State& state_;
  Child& child_;
  std::mt19937_64 random_;
  std::int64_t step_ns_;
  std::int64_t limit_;
  Duration period_;
  Charge charge_{};
};

// Runs `kills` children to death, kChildren at a time.
void run_killed(State& state, int kills, std::int64_t step_ns, std::int64_t limit, Duration period) {
  std::mt19937_64 random(17);
  std::array<pid_t, kChildren> pids{};
  const auto start = [&](std::size_t i) {
    const std::uint64_t seed = random();
    pids[i] = fork();
    REQUIRE(pids[i] >= 0);
    if (pids[i] == 0) Work(state, state.children[i], seed, step_ns, limit, period).run();
  };
  const auto end = [&](std::size_t i) {
    kill(pids[i], SIGKILL);
    int status = 0;
    REQUIRE(waitpid(pids[i], &status, 0) == pids[i]);
    REQUIRE(WIFSIGNALED(status));
    state.children[i].hidden += state.children[i].doubt.exchange(0);
  };
  for (std::size_t i = 0; i < kChildren; ++i) start(i);
  for (int round = 0; round < kills; ++round) {
    const std::int64_t until = state.asked.load() + 100 + static_cast<std::int64_t>(random() % 900);
    while (state.asked.load() < until) sched_yield();
    const std::size_t victim = random() % kChildren;
    end(victim);
    start(victim);
  }
  for (std::size_t i = 0; i < kChildren; ++i) end(i);
}

State* shared_state(const SlidingWindowConfig& config) {
  void* memory = mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  return new (memory) State(config);
}

// The whole new limit, and not one more, at once and in the period after.
void works(SlidingWindow& window, std::int64_t limit, Duration period, TimePoint now) {
  REQUIRE(window.change_limit_at(config(limit, period), LimitChange::kReset, now));
  REQUIRE(window.try_acquire_at(now, limit).allowed);
  REQUIRE_FALSE(window.try_acquire_at(now).allowed);
  const TimePoint later = now + 2 * period;
  const Reservation turn = window.reserve_at(later, limit);
  REQUIRE((turn.granted && turn.delay == Duration(0)));
  REQUIRE_FALSE(window.try_acquire_at(later).allowed);
  REQUIRE(window.cancel_at(turn, later) == limit);
  REQUIRE(window.try_acquire_at(later, limit).allowed);
}

}  // namespace

// The clock stands still but for some nanoseconds, so nothing leaves the window: what the processes hold is what
// counts.
TEST_CASE("processes: a window counts what its users hold, whoever is killed in whatever verb") {
  constexpr std::int64_t kLimit = 300;  // more than 80 kills can hide
  State& state = *shared_state(config(kLimit, 24h));
  run_killed(state, 80, 0, kLimit, 24h);
  std::int64_t holds = 0, hidden = 0;
  for (const Child& child : state.children) {
    holds += child.holds.load();
    hidden += child.hidden;
  }
  const TimePoint now = time_from_ns(100);
  REQUIRE(state.window.change_limit_at(config(1000, 24h), LimitChange::kKeep, now));
  const std::int64_t taken = 1000 - state.window.peek_at(now, 0).remaining;
  REQUIRE(hidden < kLimit / 2);
  INFO("taken " << taken << ", held " << holds << ", in doubt " << hidden);
  CHECK(taken <= kLimit + kCap);
  CHECK(taken <= holds + hidden);
  CHECK(taken >= holds - hidden);
  works(state.window, 30, 24h, now);
  munmap(static_cast<void*>(&state), sizeof(State));
}

// A sub-window is over after a few questions, and turns are booked ahead: children die while the head is frozen, booked
// or on its way.
TEST_CASE("processes: a window with turns ahead is moved on by the survivors, within its bound") {
  constexpr std::int64_t kLimit = 20;
  constexpr Duration kPeriod(2400);
  State& state = *shared_state(config(kLimit, kPeriod));
  run_killed(state, 80, 10, kLimit, kPeriod);
  std::int64_t holds = 0;
  for (const Child& child : state.children) holds += child.holds.load();
  const std::int64_t periods = state.asked.load() * 10 / kPeriod.count() + 3;  // turns lie up to a quarter ahead
  CHECK(holds <= (kLimit + kCap) * periods);
  CHECK(holds >= periods);  // they did get something
  works(state.window, 30, kPeriod, time_from_ns(state.asked.load() * 10) + 4 * kPeriod);
  munmap(static_cast<void*>(&state), sizeof(State));
}

// Changes that scale what is counted, in four processes at once: half of a scaling may be left behind.
TEST_CASE("processes: a window works on after those who scaled it were killed") {
  constexpr Duration kPeriod(240);
  State& state = *shared_state(config(50, kPeriod));
  std::mt19937_64 random(3);
  for (int round = 0; round < 40; ++round) {
    std::array<pid_t, kChildren> pids{};
    for (std::size_t i = 0; i < pids.size(); ++i) {
      pids[i] = fork();
      REQUIRE(pids[i] >= 0);
      for (std::int64_t turn = 0; pids[i] == 0; ++turn) {
        const TimePoint now = time_from_ns(state.asked.fetch_add(1));
        (void)state.window.try_acquire_at(now, 1 + turn % 5);
        (void)state.window.reserve_at(now, 2, kPeriod / 2);
        const auto how = turn % 7 == 0 ? LimitChange::kReset : LimitChange::kProportional;
        (void)state.window.change_limit_at(config(20 + turn * 13 % 31, kPeriod), how, now);
      }
    }
    const std::int64_t until = state.asked.load() + 100 + static_cast<std::int64_t>(random() % 400);
    while (state.asked.load() < until) sched_yield();
    for (const pid_t pid : pids) {
      kill(pid, SIGKILL);
      REQUIRE(waitpid(pid, nullptr, 0) == pid);
    }
    state.asked.fetch_add(10 * kPeriod.count());
    works(state.window, 30, kPeriod, time_from_ns(state.asked.load()));
    state.asked.fetch_add(2 * kPeriod.count());
  }
  munmap(static_cast<void*>(&state), sizeof(State));
}
