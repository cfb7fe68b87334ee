// SPDX-License-Identifier: MIT
//
// Keyed tables built the ways that were not taken. In each the explorer must find the order that goes wrong, or it
// proves nothing about the one that was.
#include <array>
#include <functional>

#include "seawall/algorithm/keyed_bucket.h"
#include "seawall/detail/update.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace std::chrono_literals;
using namespace seawall;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::Run;

namespace {

const algorithm::KeyedBucket kTwo = algorithm::KeyedBucket::make(Quota::make(2, 2s).value()).value();

}  // namespace

namespace {

// Key and TAT in two words: the key is looked up, then its TAT is charged.
struct TwoWords {
  Decision take(std::uint64_t key, Duration now, std::int64_t n) {
    const std::uint64_t ticks = kTwo.ticks(now);
    std::uint64_t seen = key_word.load();
    while (seen != key) {
      if (tat.load() > ticks) return {};  // in use by another
      if (key_word.compare_exchange_strong(seen, key)) break;
    }
    return detail::update(tat, [&](std::uint64_t word) {
      Decision decision;
      kTwo.acquire(word, kTwo.moment(now), n, decision);
      return detail::Step<Decision>{word, decision};
    });
  }
  Cell key_word{0};
  Cell tat{0};
};

// One word {key, TAT}, but each caller brings keys in by himself: in whichever slot is idle for his `now`.
struct NoTurns {
  std::uint64_t word(std::uint64_t key, std::uint64_t tat) const { return key << 48 | tat; }
  bool take(std::uint64_t key, Duration now, std::int64_t n) {
    for (;;) {
      std::array<std::uint64_t, 2> seen{};
      std::size_t at = 2;
      for (std::size_t i = 0; i < 2; ++i) {
        seen[i] = slots[i].load();
        if (seen[i] >> 48 == key) at = i;
      }
      for (std::size_t i = 0; i < 2 && at == 2; ++i) {
        if ((seen[i] & kLow) <= kTwo.ticks(now)) at = i;
      }
      if (at == 2) return false;
      std::uint64_t tat = seen[at] >> 48 == key ? seen[at] & kLow : 0;
      Decision decision;
      kTwo.acquire(tat, kTwo.moment(now), n, decision);
      if (!decision.allowed) return false;
      if (slots[at].compare_exchange_strong(seen[at], word(key, tat))) return true;
    }
  }
  static constexpr std::uint64_t kLow = (std::uint64_t{1} << 48) - 1;
  std::array<Cell, 2> slots{};
};

bool some_order(const std::function<bool(Run&)>& goes_wrong) {
  bool found = false;
  explore([&](Run& run) { found |= goes_wrong(run); });
  return found;
}

}  // namespace

TEST_CASE("interleavings: with key and TAT in two words, a key is charged for what another took") {
  CHECK(some_order([](Run& run) {
    TwoWords slot;
    Decision one, other;
    run.thread([&] { one = slot.take(1, 1s, 2); });
    run.thread([&] { other = slot.take(2, 1s, 2); });
    if (!run.go()) return false;
    // Key 1 went first and got nothing: its slot was taken over between the two words.
    return !one.allowed && one.limit != 0;
  }));
}

TEST_CASE("interleavings: without turns, a key comes in twice and gets twice its limit") {
  CHECK(some_order([](Run& run) {
    NoTurns line;
    std::array<bool, 3> admitted{};
    REQUIRE(line.take(9, 10s, 2));  // idle at 12 s: one caller sees the first slot free, the other the second
    run.thread([&] { admitted[0] = line.take(1, 11s, 2); });
    run.thread([&] { admitted[1] = line.take(1, 12s, 2); });
    if (!run.go()) return false;
    return admitted[0] && admitted[1];
  }));
}
