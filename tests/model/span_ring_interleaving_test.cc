// SPDX-License-Identifier: MIT
//
// The ring of spans under every order of its accesses. What must hold in each:
//   - a record that read() calls whole is one that was pushed under that ticket, all its words of one push;
//   - pushes that were not dropped and not overtaken by a lap can be read;
//   - a pusher and one who marks a tag and then searches for it: one of them sees the other;
//   - a writer that dies inside costs its own record and, until the slot's next lap, one more.
#include <array>

#include "seawall/detail/record_ring.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace seawall::detail;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMortal;
using seawall::testing::explorer::Run;

namespace {

using Ring = RecordRing<Cell, 2>;
using Words = std::array<std::uint64_t, 2>;

bool push(Ring& ring, std::uint64_t value) { return ring.push(value, Words{value, value}); }

}  // namespace

TEST_CASE("readers of a ring of one slot see whole records of their ticket or none") {
  const auto result = explore([](Run& run) {
    Ring ring(1);
    bool pushed[2] = {};
    std::array<int, 2> torn{};
    for (int t = 0; t < 2; ++t) {
      run.thread([&, t] { pushed[t] = push(ring, 10 + static_cast<std::uint64_t>(t)); });
    }
    run.thread([&] {
      for (std::uint64_t ticket = 0; ticket < 2; ++ticket) {
        Words words{};
        if (ring.read(ticket, words) == RingRead::kWhole && (words[0] != words[1] || words[0] < 10)) ++torn[ticket];
      }
    });
    if (!run.go()) return;
    REQUIRE((torn[0] == 0 && torn[1] == 0));
    REQUIRE((pushed[0] || pushed[1]));
    REQUIRE(ring.dropped() == (pushed[0] ? 0u : 1u) + (pushed[1] ? 0u : 1u));
    Words words{};
    const bool newest = ring.read(1, words) == RingRead::kWhole;
    const bool older = ring.read(0, words) == RingRead::kWhole;
    REQUIRE(newest != older);  // one slot, and one of them is in it
  });
  REQUIRE(result.complete);
  CHECK(result.schedules > 100);
}

TEST_CASE("a writer that dies inside costs its slot for a lap and no more") {
  const auto result = explore([](Run& run) {
    Ring ring(2);
    run.thread([&] { push(ring, 1); }, kMortal);
    run.thread([&] { push(ring, 2); });
    if (!run.go()) return;
    for (std::uint64_t value = 3; value < 7; ++value) push(ring, value);
    std::size_t whole = 0;
    for (std::uint64_t ticket = ring.first(); ticket < ring.head(); ++ticket) {
      Words words{};
      if (ring.read(ticket, words) != RingRead::kWhole) continue;
      ++whole;
      REQUIRE((words[0] == words[1] && words[0] >= 1));
    }
    REQUIRE(whole >= 1);
    if (!run.killed()) REQUIRE(whole == 2);
  });
  REQUIRE(result.complete);
  CHECK(result.kills > 0);
}

TEST_CASE("of a push then a look at the mark, and a mark then a search, one sees the other") {
  const auto result = explore([](Run& run) {
    Ring ring(2);
    Cell mark;
    bool pusher_saw = false;
    int found = 0;
    run.thread([&] {
      push(ring, 7);
      pusher_saw = mark.load() == 1;
    });
    run.thread([&] {
      mark.store(1);
      ring.find(7, [&](std::uint64_t) { ++found; });
    });
    if (!run.go()) return;
    REQUIRE((pusher_saw || found == 1));
  });
  REQUIRE(result.complete);
}
