// SPDX-License-Identifier: MIT
//
// Two keys that can have one place only, in every order of the accesses of two threads, each with a clock of its own:
// what was brought for one is never spent for the other, and no word is mistaken for that of the key before, after
// which a place would be asked for by nobody, for ever.
#include <array>
#include <cstdint>

#include "redis/local_cells.h"
#include "support/catch.h"
#include "support/explorer.h"

using namespace seawall;
using namespace seawall::redis;
namespace explorer = seawall::testing::explorer;

namespace {

using Cells = BasicLocalCells<explorer::Cell>;
using Says = CellAnswer::Says;

constexpr std::uint64_t kOne = 1, kOther = 2, kThird = 3;  // of one place
constexpr std::int64_t kBatch = 2;
constexpr Duration kUnit{1 << CellWord::kUnitBits};
constexpr TimePoint at(std::int64_t units) { return time_from_ns(0) + units * kUnit; }

// A lease is over one unit after it was brought.
Cells one_place() { return {1, kBatch, Duration(1), at(0)}; }

struct Told {
  std::int64_t taken = 0, brought = 0;
};

// Takes `n` permits one by one, and brings `lease` whenever it is told to ask.
void use(Cells& cells, std::uint64_t key, TimePoint now, int n, std::int64_t lease, Told& told) {
  for (int i = 0; i < n; ++i) {
    const CellAnswer answer = cells.take(key, now, 1);
    if (answer.says == Says::kTaken) ++told.taken;
    if (answer.says != Says::kAskAhead && !answer.ask) continue;
    told.brought += lease;
    cells.bring(key, now, lease);
  }
}

void check_explored(const explorer::Exploration& result) {
  CHECK(result.complete);
  CHECK(result.schedules > 4);
}

}  // namespace

TEST_CASE("interleavings: what was brought for a key is not spent by one whose place it was") {
  check_explored(explorer::explore([](explorer::Run& run) {
    Cells cells = one_place();
    Told one, other;
    use(cells, kOne, at(0), 2, 1, one);  // asks for a permit, and spends it
    REQUIRE(one.taken == 1);
    const std::int64_t brought = one.brought;
    run.thread([&] { use(cells, kOne, at(0), 3, 0, one); });
    run.thread([&] { use(cells, kOther, at(5), 3, kBatch, other); });
    if (!run.go()) return;
    REQUIRE(one.taken <= brought);
    REQUIRE(other.taken <= other.brought);
  }));
}

TEST_CASE("interleavings: a place that changes hands takes no permits along") {
  check_explored(explorer::explore([](explorer::Run& run) {
    Cells cells = one_place();
    Told one, other;
    use(cells, kOne, at(0), 1, 0, one);
    run.thread([&] { use(cells, kOne, at(0), 1, 1, one); });
    for (int i = 0; i < 2; ++i) run.thread([&, i] { use(cells, kOther, at(5 - i), 1, 0, other); });
    if (!run.go()) return;
    REQUIRE(one.taken <= one.brought);
    REQUIRE(other.taken == 0);
  }));
}

TEST_CASE("interleavings: two keys want a place at once, and one after the other has it") {
  check_explored(explorer::explore([](explorer::Run& run) {
    Cells cells = one_place();
    Told one, other;
    use(cells, kOne, at(0), 1, 0, one);
    run.thread([&] { use(cells, kOne, at(0), 1, 0, one); });
    run.thread([&] { use(cells, kOther, at(0), 1, 0, other); });
    if (!run.go()) return;
    REQUIRE(cells.take(kThird, at(9), 1).says == Says::kAskAhead);
  }));
}
