// SPDX-License-Identifier: MIT
//
// The limiters in memory that processes share, with children killed in the middle of a call. A child counts each permit
// in shared memory just before it asks and again just after it was admitted, so that the parent knows the permits that
// a kill may have hidden: at most one for each kill. The promise holds over all processes, and the survivors go on.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <new>
#include <random>
#include <set>
#include <type_traits>

#include "seawall/fixed_window.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

static_assert(std::is_standard_layout_v<TokenBucket> && std::is_trivially_destructible_v<TokenBucket>);
static_assert(std::is_standard_layout_v<FixedWindow> && std::is_trivially_destructible_v<FixedWindow>);
static_assert(std::is_standard_layout_v<LeasedTokenBucket> && std::is_trivially_destructible_v<LeasedTokenBucket>);
static_assert(std::is_standard_layout_v<SlidingWindow> && std::is_trivially_destructible_v<SlidingWindow>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::int64_t kLimit = 1'000'000;

template <class Limiter>
struct Shared {
  explicit Shared(Quota quota)
      : limiter(typename Limiter::Config(Limiter::Config::make(quota).value()), time_from_ns(0)) {}
  Limiter limiter;
  std::atomic<std::int64_t> asked{0};
  std::atomic<std::int64_t> admitted{0};
};

// Asks for ever, at a time that goes on by a step with each question.
template <class Limiter>
[[noreturn]] void ask_until_killed(Shared<Limiter>& shared, std::int64_t step_ns) {
  for (;;) {
    const TimePoint now = time_from_ns(shared.asked.fetch_add(1) * step_ns);
    if (shared.limiter.try_acquire_at(now).allowed) shared.admitted.fetch_add(1);
  }
}

template <class Limiter>
void run_killed_children(int kills) {
  void* memory = mmap(nullptr, sizeof(Shared<Limiter>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  // A permit comes back after 30 thousand million questions, which take longer than any test may.
  auto* shared = new (memory) Shared<Limiter>(Quota::make(kLimit, 366 * 24h).value());
  for (int round = 0; round < kills; ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) ask_until_killed(*shared, 1);
    const std::int64_t before = shared->asked.load();
    while (shared->asked.load() < before + 2000) sched_yield();
    kill(child, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
  }
  const TimePoint now = time_from_ns(shared->asked.load());
  const std::int64_t left = shared->limiter.peek_at(now, 0).remaining;
  const std::int64_t hidden = kLimit - left - shared->admitted.load();
  CHECK(hidden >= 0);
  CHECK(hidden <= kills);
  if (left > 0) CHECK(shared->limiter.try_acquire_at(now, left).allowed);
  CHECK_FALSE(shared->limiter.try_acquire_at(now).allowed);
  munmap(memory, sizeof(Shared<Limiter>));
}

}  // namespace

TEST_CASE("processes: a bucket survives the death of its users") { run_killed_children<TokenBucket>(20); }
TEST_CASE("processes: a fixed window survives the death of its users") { run_killed_children<FixedWindow>(20); }
TEST_CASE("processes: a window survives the death of its users") { run_killed_children<SlidingWindow>(20); }

// As above, with a window that moves on at nearly every question: children die while the head is frozen.
TEST_CASE("processes: a window is moved on by the survivors") {
  using State = Shared<SlidingWindow>;
  void* memory = mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* shared = new (memory) State(Quota::make(100, Duration(240)).value());  // a sub-window is two questions
  for (int round = 0; round < 20; ++round) {
    pid_t children[2];
    for (pid_t& child : children) {
      child = fork();
      REQUIRE(child >= 0);
      if (child == 0) ask_until_killed(*shared, 10);
    }
    const std::int64_t before = shared->asked.load();
    while (shared->asked.load() < before + 2000) sched_yield();
    for (const pid_t child : children) {
      kill(child, SIGKILL);
      REQUIRE(waitpid(child, nullptr, 0) == child);
    }
  }
  const TimePoint later = time_from_ns(shared->asked.load() * 10 + 1000);
  CHECK(shared->limiter.try_acquire_at(later, 100).allowed);
  CHECK_FALSE(shared->limiter.try_acquire_at(later).allowed);
  munmap(memory, sizeof(State));
}

// Four processes, each killed at a moment that chance picks. What a kill may hide: the permit asked for and the rest of
// a lease on its way to the cell.
TEST_CASE("processes: a leased bucket keeps its bound, and its cells stay usable, whoever is killed") {
  constexpr std::int64_t kBatch = 50;
  struct State {
    explicit State(const LeasedTokenBucketConfig& config) : limiter(config, time_from_ns(0)) {}
    LeasedTokenBucket limiter;
    std::atomic<std::int64_t> asked{0};
    std::atomic<std::int64_t> admitted{0};
  };
  void* memory = mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  const auto config = LeasedTokenBucketConfig::make({Quota::make(kLimit, 366 * 24h).value(), kBatch}).value();
  auto* shared = new (memory) State(config);
  std::mt19937 random(1);
  std::array<pid_t, 4> children{};
  const auto start = [&](pid_t& child) {
    child = fork();
    REQUIRE(child >= 0);
    if (child != 0) return;
    for (;;) {
      const TimePoint now = time_from_ns(shared->asked.fetch_add(1));
      if (shared->limiter.try_acquire_at(now).allowed) shared->admitted.fetch_add(1);
    }
  };
  for (pid_t& child : children) start(child);
  constexpr int kKills = 40;
  for (int kills = 0; kills < kKills; ++kills) {
    const std::int64_t until = shared->asked.load() + 500 + static_cast<std::int64_t>(random() % 1000);
    while (shared->asked.load() < until) sched_yield();
    pid_t& child = children[random() % children.size()];
    kill(child, SIGKILL);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    start(child);
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    REQUIRE(waitpid(child, nullptr, 0) == child);
  }
  const TimePoint now = time_from_ns(shared->asked.load());
  std::int64_t total = shared->admitted.load();
  while (shared->limiter.try_acquire_at(now).allowed) ++total;
  // Beside the killed, a thread that was moved to another CPU between reading and filling a cell may lose a lease.
  const std::int64_t lost = config.shared().rule().burst() / 10;
  CHECK(total <= config.shared().rule().burst());
  CHECK(total >= config.shared().rule().burst() - lost);

  // A year later all is there again, for every CPU.
  const TimePoint later = now + 400 * 24h;
  std::set<std::size_t> cells;  // CPUs beyond their number share them
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &before)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    if (!cells.insert(LeaseCellOfCpu{}()).second) continue;
    const Decision first = shared->limiter.try_acquire_at(later);
    CHECK((first.allowed && first.remaining == kBatch));
    CHECK(shared->limiter.try_acquire_at(later).remaining == kBatch - 1);
  }
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  munmap(memory, sizeof(State));
}

// Two children change the limit without end, another asks; all are killed at a moment that chance picks. A claim, a
// slot half written or a change agreed and not finished may be left behind: the next change works, and no permit was
// made. Time goes on by a microsecond a turn: where it stands, a changer may sleep until the word is what it was six
// changes before, and the bucket begins anew (rate_limiter_sleeping_changer_test.cc).
TEST_CASE("processes: a limit can be changed after those who changed it were killed") {
  struct State {
    explicit State(const TokenBucketConfig& config) : limiter(config, time_from_ns(0)) {}
    TokenBucket limiter;
    std::atomic<std::int64_t> rounds{0};
    std::atomic<std::int64_t> admitted{0};
    std::atomic<std::int64_t> strange{0};
    TimePoint next() { return time_from_ns(rounds.fetch_add(1) * 1000); }
  };
  const auto config = [](std::int64_t burst) {
    return TokenBucketConfig::make(Quota::make(1, 366 * 24h / 20, burst).value()).value();
  };
  void* memory = mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* shared = new (memory) State(config(600));
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    std::array<pid_t, 3> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = fork();
      REQUIRE(children[i] >= 0);
      if (children[i] != 0) continue;
      for (std::int64_t turn = 0;; ++turn) {
        const TimePoint now = shared->next();
        if (i < 2) {
          shared->limiter.change_limit_at(config(600 + turn % 7), LimitChange::kKeep, now);
        } else {
          const Decision d = shared->limiter.try_acquire_at(now, turn % 64 == 0 ? 1 : 601);
          if (d.limit < 600 || d.limit > 610) shared->strange.fetch_add(1);
          if (d.allowed) shared->admitted.fetch_add(d.charge.permits);
        }
      }
    }
    const std::int64_t until = shared->rounds.load() + 300 + static_cast<std::int64_t>(random() % 700);
    while (shared->rounds.load() < until) sched_yield();
    for (const pid_t child : children) {
      kill(child, SIGKILL);
      REQUIRE(waitpid(child, nullptr, 0) == child);
    }
    REQUIRE(shared->limiter.change_limit_at(config(610), LimitChange::kKeep, shared->next()));
    REQUIRE(shared->limiter.peek_at(shared->next(), 0).limit == 610);
  }
  CHECK(shared->strange == 0);
  const std::int64_t left = shared->limiter.peek_at(shared->next(), 0).remaining;
  CHECK(shared->admitted + left <= 600);
  // Each killed asker may have taken one that it did not count, and a fraction of one is cut.
  CHECK(shared->admitted + left >= 600 - 41);
  munmap(memory, sizeof(State));
}
