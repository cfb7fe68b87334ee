// SPDX-License-Identifier: MIT
// Every order of the accesses of two and three threads to the table of flights.
#include "seawall/detail/flight_table.h"

#include <array>

#include "support/catch.h"
#include "support/explorer.h"

namespace {

using seawall::detail::Flight;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::Run;
using Table = seawall::detail::BasicFlightTable<Cell>;

struct Words {
  std::array<Cell, Table::kStripes> cells{};
  std::array<Cell, Table::kStripes * Table::kHintStride> hints{};
  Cell stamp{7};
  Table table{cells.data(), hints.data(), 1};
};

bool end(const Table& table, std::uint64_t ticket) {
  const std::uint64_t held = table.held(ticket);
  return held != 0 && table.end(ticket, held);
}

}  // namespace

TEST_CASE("of two dones, a reaper and a later call in the same cell, one ends a ticket") {
  const auto result = explore([](Run& run) {
    Words words;
    const std::uint64_t ticket = words.table.take(0, 5);
    int ended = 0;
    for (int i = 0; i < 2; ++i) run.thread([&] { ended += end(words.table, ticket) ? 1 : 0; });
    std::uint64_t later = 0;
    run.thread([&] {
      words.table.end_all([](std::uint64_t cell) { return Flight::record(cell) == 5; },
                          [&](std::uint64_t) { ++ended; });
      later = words.table.take(0, 6);
    });
    if (!run.go()) return;
    REQUIRE(ended == 1);
    REQUIRE(later != 0);
    REQUIRE(Flight::record(words.table.held(later)) == 6);
    REQUIRE(words.table.held(ticket) == 0);
  });
  REQUIRE(result.complete);
}

// A pick takes its ticket and then looks at the record's stamp; the writer clears the stamp and then sweeps.
TEST_CASE("nothing stays in flight for an instance that left") {
  for (const auto take : {&Table::take, &Table::take_next}) {
    const auto result = explore([take](Run& run) {
      Words words;
      bool picked = false;
      run.thread([&] {
        const std::uint64_t ticket = (words.table.*take)(0, 5);
        picked = words.stamp.load() == 7;
        if (!picked) end(words.table, ticket);
      });
      run.thread([&] {
        words.stamp.store(0);
        words.table.end_all([](std::uint64_t cell) { return Flight::record(cell) == 5; }, [](std::uint64_t) {});
      });
      if (!run.go()) return;
      words.table.for_each([](std::uint64_t) { FAIL("a flight is left"); });
    });
    REQUIRE(result.complete);
  }
}

TEST_CASE("the next cell of a stripe is one pick's, and nobody's while it is taken") {
  const auto result = explore([](Run& run) {
    Words words;
    const std::uint64_t before = words.table.take_next(3, 4);
    REQUIRE(before != 0);
    std::uint64_t mine[2] = {};
    for (std::uint32_t i = 0; i < 2; ++i) run.thread([&, i] { mine[i] = words.table.take_next(3, 5 + i); });
    run.thread([&] { REQUIRE(end(words.table, before)); });
    if (!run.go()) return;
    REQUIRE(words.table.held(before) == 0);
    REQUIRE((mine[0] == 0 || mine[1] == 0));
    for (std::uint32_t i = 0; i < 2; ++i) {
      if (mine[i] != 0) REQUIRE(Flight::record(words.table.held(mine[i])) == 5 + i);
    }
    if (mine[0] == 0 && mine[1] == 0) REQUIRE(words.table.take_next(3, 7) != 0);
  });
  REQUIRE(result.complete);
}

TEST_CASE("two picks never have one ticket") {
  const auto result = explore([](Run& run) {
    Words words;
    std::uint64_t mine[2] = {};
    for (auto& ticket : mine) run.thread([&] { ticket = words.table.take(3, 5); });
    if (!run.go()) return;
    REQUIRE(mine[0] != 0);
    REQUIRE(mine[1] != 0);
    REQUIRE(mine[0] != mine[1]);
    REQUIRE(end(words.table, mine[0]));
    REQUIRE(end(words.table, mine[1]));
  });
  REQUIRE(result.complete);
}
