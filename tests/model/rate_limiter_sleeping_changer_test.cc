// SPDX-License-Identifier: MIT
//
// A word has three bits for the generation of its rule, so a changer that sleeps before its exchange of the word, while
// the rule changes a multiple of six times, may find the very word that it saw and set it to a generation that is not
// in force. What must hold, wherever it slept and however often the rule changed meanwhile, and whether it wakes or
// dies: every verb ends, a rule that was agreed on is in force, and the next change works.
#include <array>
#include <cstdlib>
#include <functional>
#include <utility>

#include "seawall/detail/ruled_word.h"
#include "seawall/token_bucket.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

// Stands for std::atomic<uint64_t>, of one thread: before one of the accesses of a sleeper the others do all they do.
class Cell {
 public:
  Cell(std::uint64_t value = 0) : value_(value) {}  // NOLINT: as std::atomic

  std::uint64_t load(std::memory_order) const {
    before_access();
    return value_;
  }
  bool compare_exchange_strong(std::uint64_t& seen, std::uint64_t next, std::memory_order, std::memory_order) {
    before_access();
    if (value_ == seen) {
      value_ = next;
      return true;
    }
    seen = value_;
    return false;
  }
  bool compare_exchange_weak(std::uint64_t& seen, std::uint64_t next, std::memory_order a, std::memory_order b) {
    return compare_exchange_strong(seen, next, a, b);
  }

  // Runs `sleeper`, and `others` before its access number `asleep_before`; false when it has fewer.
  static bool sleep(int asleep_before, const std::function<void()>& sleeper, const std::function<void()>& others) {
    accesses_ = 0;
    sleeps_for_ = &others;
    asleep_before_ = asleep_before;
    sleeper();
    return std::exchange(asleep_before_, 0) == 0;
  }

 private:
  static void before_access() {
    ++accesses_;
    if (accesses_ == asleep_before_) {
      asleep_before_ = 0;
      (*sleeps_for_)();
    }
    if (accesses_ > 100'000) std::abort();  // spins for ever, in a function that may not throw
  }

  static inline const std::function<void()>* sleeps_for_ = nullptr;
  static inline int asleep_before_ = 0;
  static inline int accesses_ = 0;

  std::uint64_t value_;
};

struct Factor {
  std::uint32_t factor = 1;
  using Packed = std::array<std::uint32_t, 1>;
  Packed pack() const { return {factor}; }
  static Factor unpack(const Packed& p) { return {p[0]}; }
  std::uint64_t taken_over(const Factor& old, std::uint64_t state, Duration, LimitChange) const {
    return state / old.factor * factor;
  }
};
using Word = detail::RuledWord<Cell, Factor>;

bool change(Word& word, std::uint32_t factor) { return word.change({factor}, LimitChange::kKeep, 0ns); }
std::uint32_t factor_in(const Word& word) {
  return word.look([](const Factor& rule, std::uint64_t) { return rule.factor; });
}
std::uint32_t count(Word& word) {
  return word.apply([](const Factor& rule, std::uint64_t& state, std::uint64_t) {
    state += rule.factor;
    return rule.factor;
  });
}

}  // namespace

TEST_CASE("a changer that sleeps while the rule changes any number of times leaves a word that works") {
  int slept = 0;
  for (std::uint32_t before = 0; before < 8; ++before) {
    for (std::uint32_t meanwhile = 0; meanwhile < 14; ++meanwhile) {
      for (const bool ask_first : {false, true}) {
        bool more = true;
        for (int at = 1; more; ++at) {
          INFO(before << " changes, then one asleep before access " << at << " for " << meanwhile);
          Word word(Factor{3});
          for (std::uint32_t i = 0; i < before; ++i) REQUIRE(change(word, 10 + i));
          more = Cell::sleep(
              at, [&] { (void)change(word, 7); },
              [&] {
                for (std::uint32_t i = 0; i < meanwhile; ++i) REQUIRE(change(word, 100 + i));
              });
          slept += more ? 1 : 0;
          // The last of all, or the sleeper's; that of before only where nobody else came.
          if (ask_first) {
            const std::uint32_t counted = count(word);
            REQUIRE((counted == 7 || (meanwhile > 0 && counted == 99 + meanwhile)));
          }
          const std::uint32_t held = factor_in(word);
          REQUIRE((held == 7 || (meanwhile > 0 && held == 99 + meanwhile)));
          for (const std::uint32_t next : {1000U, 1001U, 1002U}) {
            REQUIRE(change(word, next));
            REQUIRE(factor_in(word) == next);
            REQUIRE(count(word) == next);
          }
        }
      }
    }
  }
  CHECK(slept > 3000);
}

TEST_CASE("a bucket whose changer slept for six changes goes on with one of the limits, at most full") {
  const auto config = [](std::int64_t burst) {
    return TokenBucketConfig::make(Quota::make(1, 366 * 24h / 20, burst).value()).value();
  };
  bool more = true;
  for (int at = 1; more; ++at) {
    BasicTokenBucket<Cell> bucket(config(3), time_from_ns(0));
    REQUIRE(bucket.change_limit_at(config(3), LimitChange::kKeep, time_from_ns(0)));
    more = Cell::sleep(
        at, [&] { (void)bucket.change_limit_at(config(3), LimitChange::kKeep, time_from_ns(0)); },
        [&] {
          for (int i = 0; i < 6; ++i) {
            REQUIRE(bucket.change_limit_at(config(3), LimitChange::kKeep, time_from_ns(0)));
          }
        });
    std::int64_t taken = 0;
    while (bucket.try_acquire_at(time_from_ns(0)).allowed) ++taken;
    REQUIRE(taken == 3);
    REQUIRE(bucket.peek_at(time_from_ns(0), 0).limit == 3);
  }
}
