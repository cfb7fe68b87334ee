// SPDX-License-Identifier: MIT
//
// Runs two or three threads of shipped lock-free code in every order of their memory accesses.
//
// A component that is a template over its cell type is instantiated with explorer::Cell, which stands for
// std::atomic<uint64_t> and hands control to the scheduler before each access. Threads are fibers, so one schedule is
// one deterministic run; explore() repeats the scenario until every schedule was taken. Of schedules that differ only
// in the order of independent accesses (other cells, or reads of one cell) one is taken (sleep sets), so every sequence
// of values of every single cell is met. Memory is sequentially consistent: this explores orders, not fences. Spurious
// failures of compare_exchange_weak are not explored.
//
//   const auto result = explorer::explore([](explorer::Run& run) {
//     BasicCircuitBreaker<explorer::Cell> breaker(config, epoch);     // anew for each schedule
//     int admitted[2] = {};
//     for (int& mine : admitted) run.thread([&] { mine = bool(breaker.try_acquire_at(now)); });
//     if (!run.go()) return;                                          // a repetition of an order met before
//     REQUIRE(admitted[0] + admitted[1] == 1);
//   });
//   REQUIRE(result.complete);
//
// Threads share cells and nothing else that matters (each may write results of its own). run.after_each_access(fn)
// checks invariants between accesses. run.thread(fn, explorer::kMortal) makes one thread die before each of its
// accesses in turn: its stack is abandoned, as by SIGKILL; no destructor runs.
//
// explore(scenario, limit, kMergeStates) cuts a schedule short when it comes to a state met before: the same values in
// all cells, and each thread has seen the same values in the same order, so that what can follow is the same too. Every
// state is still met, in far fewer schedules (Godefroid 1996: state matching with sleep sets). A thread that starts a
// loop again, or that has ended, has forgotten what it saw (detail::Attempts, Run::thread). States are told apart by
// 64 bits: two of a million are mistaken for one another with probability 3e-8. A thread that by itself comes back to a
// state waits for another one, which may be dead: that throws, since cutting it short would let it pass.
#pragma once

#include <sched.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "support/explorer_cell.h"

namespace seawall::testing::explorer {

// The tree of choices, walked depth first. One Choice for each access of the schedule at hand.
class Schedules {
 public:
  explicit Schedules(bool merge) : merge_(merge) {}

  // The thread to move at this depth, or -1 when all orders from here on repeat ones met before.
  int choose(std::size_t depth, const std::vector<Thread>& threads) {
    if (depth == path_.size()) path_.push_back(open(depth, threads));
    if (path_[depth].enabled != enabled(threads)) throw std::logic_error("the same schedule ran differently this time");
    return path_[depth].thread;
  }
  std::size_t states() const { return asleep_in_.size(); }

  // Moves on to the next schedule; false when there is none.
  bool advance() {
    while (!path_.empty()) {
      Choice& last = path_.back();
      if (last.thread >= 0) {
        last.asleep |= 1U << last.thread;
        last.thread = first_of(last.enabled & ~last.asleep);
        if (last.thread >= 0) return true;
      }
      path_.pop_back();
    }
    return false;
  }

 private:
  struct Choice {
    unsigned enabled = 0;
    unsigned asleep = 0;  // threads whose turn here leads only to orders met before
    int thread = -1;
    Access next[kMaxThreads];
    std::uint64_t state = 0;
  };

  static unsigned enabled(const std::vector<Thread>& threads) {
    unsigned set = 0;
    for (std::size_t t = 0; t < threads.size(); ++t) {
      if (threads[t].runnable()) set |= 1U << t;
    }
    return set;
  }
  static int first_of(unsigned set) { return set == 0 ? -1 : __builtin_ctz(set); }

  Choice open(std::size_t depth, const std::vector<Thread>& threads) {
    Choice choice;
    choice.enabled = enabled(threads);
    for (std::size_t t = 0; t < threads.size(); ++t) choice.next[t] = threads[t].next;
    if (depth > 0) {
      const Choice& parent = path_[depth - 1];
      for (std::size_t t = 0; t < threads.size(); ++t) {
        const bool stays = parent.next[t].independent_of(parent.next[parent.thread]);
        if ((parent.asleep >> t & 1U) != 0 && stays) choice.asleep |= 1U << t;
      }
    }
    if (merge_) drop_known(choice, threads);
    choice.thread = first_of(choice.enabled & ~choice.asleep);
    return choice;
  }

  // Of a state met before only those threads are left whose turn was put off then.
  void drop_known(Choice& choice, const std::vector<Thread>& threads) {
    std::uint64_t state = Cell::hash_of_all();
    for (const Thread& t : threads) state = mix(mix(state, t.seen), t.runnable() ? 1 : 0);
    choice.state = state;
    refuse_waiting(state);
    const auto [known, first_time] = asleep_in_.try_emplace(state, choice.asleep);
    if (first_time) return;
    choice.asleep |= choice.enabled & ~known->second;
    known->second &= choice.asleep;
  }

  void refuse_waiting(std::uint64_t state) const {
    for (std::size_t i = path_.size(); i > 0 && path_[i - 1].thread == path_.back().thread; --i) {
      if (path_[i - 1].state == state) throw std::logic_error("a thread waits for another one");
    }
  }

  const bool merge_;
  std::vector<Choice> path_;
  std::unordered_map<std::uint64_t, unsigned> asleep_in_;  // by state: threads whose turn was not taken there
};

// One schedule: the scenario adds threads and calls go().
class Run {
 public:
  Run(Schedules& schedules, int dies_before) : schedules_(schedules), dies_before_(dies_before) {}

  // What `body` answers, if it does, must be all that the checks after go() look at: it is all that then tells one end
  // of this thread from another.
  template <class Body>
  void thread(Body body, bool mortal = false) {
    Thread added;
    if constexpr (std::is_void_v<decltype(body())>) {
      added.body = std::move(body);
    } else {
      added.body = [body = std::move(body)]() mutable {
        const auto answer = static_cast<std::uint64_t>(body());
        current->seen = mix(0, answer);
      };
    }
    added.mortal = mortal;
    if (mortal) added.dies_before = dies_before_;
    threads_.push_back(std::move(added));
  }
  void after_each_access(std::function<void()> check) { check_ = std::move(check); }

  // Runs all threads to their end. False: this schedule repeats one met before and was cut short; check nothing.
  [[nodiscard]] bool go() {
    for (Thread& t : threads_) {
      t.fiber = std::make_unique<Fiber>(t.body);
      resume(t);
    }
    for (std::size_t depth = 0; anyone_runnable(); ++depth) {
      const int chosen = schedules_.choose(depth, threads_);
      if (chosen < 0) return false;
      Thread& t = threads_[static_cast<std::size_t>(chosen)];
      ++t.accesses;
      resume(t);
      if (check_) check_();
    }
    finished_ = true;
    return true;
  }

  // After go(): was the mortal thread killed in this schedule?
  bool killed() const {
    for (const Thread& t : threads_) {
      if (t.mortal && !t.fiber->finished()) return true;
    }
    return false;
  }
  bool finished() const { return finished_; }
  bool has_mortal() const {
    for (const Thread& t : threads_) {
      if (t.mortal) return true;
    }
    return false;
  }

 private:
  static void resume(Thread& t) {
    current = &t;
    t.fiber->resume();
    current = nullptr;
  }
  bool anyone_runnable() const {
    for (const Thread& t : threads_) {
      if (t.runnable()) return true;
    }
    return false;
  }

  Schedules& schedules_;
  int dies_before_;
  bool finished_ = false;
  std::vector<Thread> threads_;
  std::function<void()> check_;
};

struct Exploration {
  std::uint64_t schedules = 0;  // that ran to their end
  std::uint64_t kills = 0;      // of these, with the mortal thread dead
  std::uint64_t states = 0;     // with kMergeStates
  bool complete = true;         // false: `limit` was reached first
};

// What is kept apart by CPU must be at the same place in each run. Where the system refuses it, choose() tells.
class OnOneCpu {
 public:
  OnOneCpu() {
    cpu_set_t one;
    CPU_ZERO(&one);
    const int cpu = sched_getcpu();
    known_ = cpu >= 0 && sched_getaffinity(0, sizeof before_, &before_) == 0;
    if (!known_) return;
    CPU_SET(static_cast<std::size_t>(cpu), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnOneCpu() {
    if (known_) sched_setaffinity(0, sizeof before_, &before_);
  }
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;

 private:
  cpu_set_t before_{};
  bool known_ = false;
};

// A thrown exception (a failed REQUIRE) ends the exploration. Without a mortal thread there is one round; with one,
// another for each access it may die before.
inline Exploration explore(const std::function<void(Run&)>& scenario, std::uint64_t limit = 2'000'000,
                           bool merge = false) {
  const OnOneCpu one_cpu;
  Exploration total;
  for (int dies_before = -1;; ++dies_before) {
    Schedules schedules(merge);
    bool another_round = false;
    do {
      Run run(schedules, dies_before);
      scenario(run);
      // The first round kills nobody; the last one asks for a death later than the thread's end.
      another_round |= run.has_mortal() && (dies_before < 0 || (run.finished() && run.killed()));
      if (!run.finished()) continue;
      if (run.killed()) ++total.kills;
      if (++total.schedules == limit) {
        total.complete = false;
        return total;
      }
    } while (schedules.advance());
    total.states += schedules.states();
    if (!another_round) return total;
  }
}

}  // namespace seawall::testing::explorer
