// SPDX-License-Identifier: MIT
//
// The choices of balancers as pure functions: evenness by chi-square at fixed seeds, movement of keys when instances
// come and go, and what the moving average does in time.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "seawall/algorithm/distinct_pair.h"
#include "seawall/algorithm/hash_ring.h"
#include "seawall/algorithm/maglev.h"
#include "seawall/algorithm/peak_ewma.h"
#include "seawall/algorithm/rendezvous.h"
#include "seawall/algorithm/slow_start.h"
#include "seawall/algorithm/spill_over.h"
#include "support/catch.h"

using namespace seawall::algorithm;
using namespace std::chrono_literals;

namespace {

// Sum of (observed - expected)^2 / expected.
double chi_square(const std::vector<double>& observed, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    sum += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
  }
  return sum;
}

// What a sum with so many degrees of freedom exceeds once in 10,000 (Wilson and Hilferty's approximation).
double limit(double freedom) {
  const double part = 2 / (9 * freedom);
  return freedom * std::pow(1 - part + 3.719 * std::sqrt(part), 3);
}

std::vector<MaglevEntry> fleet(std::size_t n, std::uint32_t weight = 1) {
  std::vector<MaglevEntry> entries(n);
  for (std::size_t i = 0; i < n; ++i) entries[i] = {.hash = mix64(i + 1), .weight = weight};
  return entries;
}

std::vector<std::uint16_t> table_of(std::vector<MaglevEntry> entries) {
  std::vector<std::uint16_t> table(Maglev::kDefaultSize);
  REQUIRE(Maglev::build(entries, table));
  return table;
}

std::vector<std::uint64_t> ring_of(const std::vector<std::uint64_t>& ids, std::size_t points) {
  std::vector<std::uint64_t> ring(ids.size() * points);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    HashRing::place({&ring[i * points], points}, ids[i], static_cast<std::uint16_t>(i));
  }
  HashRing::sort(ring);
  return ring;
}

}  // namespace

TEST_CASE("every pair is drawn equally often, and never one instance twice") {
  std::mt19937_64 random(1);
  for (const std::uint32_t n : {2u, 3u, 7u, 16u}) {
    std::vector<double> seen(n * n, 0);
    const int draws = 20'000 * static_cast<int>(n);
    for (int i = 0; i < draws; ++i) {
      const Pair pair = distinct_pair(n, random());
      REQUIRE((pair.first != pair.second && pair.first < n && pair.second < n));
      ++seen[pair.first * n + pair.second];
    }
    std::vector<double> observed;
    for (std::uint32_t i = 0; i < n * n; ++i) {
      if (i / n != i % n) observed.push_back(seen[i]);
    }
    const std::vector<double> expected(observed.size(),
                                       static_cast<double>(draws) / static_cast<double>(observed.size()));
    CHECK(chi_square(observed, expected) < limit(static_cast<double>(observed.size() - 1)));
  }
}

TEST_CASE("Peak-EWMA rises at once, falls by half each half life, also while nobody asks") {
  constexpr PeakEwma rule(1000);
  std::uint64_t word = rule.observe(0, 0, 8000);
  CHECK(PeakEwma::latency_us(word) == 8000);
  CHECK(rule.at(word, 0) == 8000);
  CHECK(rule.at(word, 1000) == 4000);
  CHECK(rule.at(word, 3000) == 1000);
  CHECK(rule.at(word, 40'000) == 0);
  CHECK(rule.at(word, 500) == Approx(8000 / std::sqrt(2.0)).epsilon(0.001));
  word = rule.observe(word, 1000, 2000);  // 2000 + (8000 - 2000) / 2
  CHECK(PeakEwma::latency_us(word) == 5000);
  word = rule.observe(word, 1000, 60'000);
  CHECK(PeakEwma::latency_us(word) == 60'000);
  word = rule.observe(word, 10, 1);  // an instant of the past: nothing decays, nothing moves back
  CHECK(PeakEwma::stamp_ms(word) == 1000);
  CHECK(PeakEwma::latency_us(word) == 60'000);
}

TEST_CASE("Peak-EWMA decays as 2^-x to within a thousandth") {
  constexpr PeakEwma rule(10'000);
  const std::uint64_t word = rule.observe(0, 0, PeakEwma::kMaxLatencyUs);
  for (std::uint64_t ms = 0; ms < 60'000; ms += 7) {
    const double exact = static_cast<double>(PeakEwma::kMaxLatencyUs) * std::exp2(-static_cast<double>(ms) / 10'000);
    REQUIRE(static_cast<double>(rule.at(word, ms)) == Approx(exact).epsilon(0.003));
  }
}

// Evaluated by the compiler, which refuses an index beyond the table.
constexpr bool decays_at_any_half_life() {
  for (const std::uint32_t half_life : {1u, 2u, 3u, 255u, 257u, 10'000u, 1u << 20, 3u << 20, 1u << 31, UINT32_MAX}) {
    const PeakEwma rule(half_life);
    const std::uint64_t word = PeakEwma::pack(PeakEwma::kMaxLatencyUs, 0);
    const std::uint64_t last = rule.at(word, half_life - 1), half = rule.at(word, half_life);
    if (rule.at(word, 0) != PeakEwma::kMaxLatencyUs || half != PeakEwma::kMaxLatencyUs / 2 || last < half) return false;
  }
  return true;
}
static_assert(decays_at_any_half_life());

TEST_CASE("Peak-EWMA stays in its fields at the ends of time and latency") {
  constexpr PeakEwma rule(10'000);
  const std::uint64_t word = rule.observe(0, UINT64_MAX, UINT64_MAX);
  CHECK(PeakEwma::latency_us(word) == PeakEwma::kMaxLatencyUs);
  CHECK(PeakEwma::stamp_ms(word) == PeakEwma::kMaxMs);
  CHECK(rule.at(word, UINT64_MAX) == PeakEwma::kMaxLatencyUs);
  CHECK(PeakEwma::latency_us(rule.observe(word, UINT64_MAX, 0)) == PeakEwma::kMaxLatencyUs);
}

TEST_CASE("a failure is not fast") {
  constexpr PeakEwma rule(1000);
  const std::uint64_t word = rule.observe(0, 0, 5000);
  CHECK(PeakEwma::failed(word, 10, 2'000'000) == 2'000'000);
  CHECK(PeakEwma::failed(word, 10, 100) == 10'000);
  CHECK(PeakEwma::failed(word, 90'000'000, 100) == 30'000'000);
}

TEST_CASE("the cheaper of two has less latency for its calls and its weight") {
  CHECK(PeakEwma::cheaper({100, 0, 1}, {100, 1, 1}));
  CHECK(PeakEwma::cheaper({100, 1, 1}, {150, 0, 1}) == false);
  CHECK(PeakEwma::cheaper({100, 3, 4}, {150, 0, 1}));
  CHECK(PeakEwma::cheaper({PeakEwma::kMaxLatencyUs, 1'000'000, 65'535}, {PeakEwma::kMaxLatencyUs, 1'000'000, 65'534}));
}

TEST_CASE("Maglev gives each its share of the table") {
  for (const std::size_t n : {1u, 3u, 50u, 500u}) {
    const auto table = table_of(fleet(n));
    std::vector<int> entries(n, 0);
    for (const std::uint16_t owner : table) ++entries[owner];
    const auto [least, most] = std::minmax_element(entries.begin(), entries.end());
    CHECK(*most - *least <= 1);  // all take turns
  }
  auto weighted = fleet(3);
  weighted[1].weight = 2;
  weighted[2].weight = 0;
  const auto table = table_of(weighted);
  const auto owned = [&](std::uint16_t who) { return std::count(table.begin(), table.end(), who); };
  CHECK(owned(1) == Approx(2 * owned(0)).epsilon(0.001));
  CHECK(owned(2) == 0);
  std::vector<std::uint16_t> empty(7);
  auto nobody = fleet(2, 0);
  CHECK_FALSE(Maglev::build(nobody, empty));
  CHECK(std::count(empty.begin(), empty.end(), Maglev::kEmpty) == 7);
}

TEST_CASE("Maglev moves few keys but those of the one that left") {
  constexpr std::size_t kFleet = 100;
  const auto before = table_of(fleet(kFleet));
  auto without = fleet(kFleet);
  without[37].weight = 0;
  const auto after = table_of(without);
  std::size_t forced = 0, moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    forced += before[i] == 37 ? 1 : 0;
    moved += before[i] != after[i] ? 1 : 0;
  }
  CHECK(forced == Approx(before.size() / kFleet).epsilon(0.01));
  CHECK(moved - forced < before.size() / 50);  // the paper's figure 12: about 1 % beside the forced ones
}

TEST_CASE("Maglev is the same for the same fleet, and keys are spread as the table is") {
  CHECK(table_of(fleet(20)) == table_of(fleet(20)));
  const auto table = table_of(fleet(20));
  std::mt19937_64 random(2);
  std::vector<double> seen(20, 0);
  for (int i = 0; i < 100'000; ++i) ++seen[Maglev::pick(table, random())];
  CHECK(chi_square(seen, std::vector<double>(20, 5000)) < limit(19));
}

TEST_CASE("on the ring only the keys of the one that left move, and each has about its share") {
  std::vector<std::uint64_t> ids;
  for (std::uint64_t i = 0; i < 20; ++i) ids.push_back(mix64(i + 100));
  const auto before = ring_of(ids, 200);
  const auto gone = ids[7];
  std::mt19937_64 random(3);
  std::vector<int> keys(20, 0);
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t key = random();
    std::size_t at = HashRing::find(before, key);
    const std::uint32_t owner = HashRing::instance(before[at]);
    ++keys[owner];
    // The ring without that instance is the ring on which its points are passed over.
    auto rest = before;
    if (i < 200) {
      rest.erase(std::remove_if(rest.begin(), rest.end(), [](std::uint64_t p) { return HashRing::instance(p) == 7; }),
                 rest.end());
      while (HashRing::instance(before[at]) == 7) at = (at + 1) % before.size();
      REQUIRE(HashRing::instance(rest[HashRing::find(rest, key)]) == HashRing::instance(before[at]));
      if (owner != 7) REQUIRE(HashRing::instance(rest[HashRing::find(rest, key)]) == owner);
    }
  }
  CHECK(gone == ids[7]);
  for (const int share : keys) CHECK(share == Approx(2500).epsilon(0.25));
}

TEST_CASE("a ring's end is its beginning") {
  const std::vector<std::uint64_t> ring = {0x10000, 0x20001, 0x30002};
  CHECK(HashRing::find(ring, 0) == 0);
  CHECK(HashRing::find(ring, 0x1ffff) == 0);
  CHECK(HashRing::find(ring, 0x20000) == 1);
  CHECK(HashRing::find(ring, UINT64_MAX) == 0);
}

TEST_CASE("subsets cover the fleet evenly and change one place when a member goes") {
  constexpr std::size_t kFleet = 100, kSubset = 10, kClients = 2000;
  std::vector<double> chosen(kFleet, 0);
  for (std::uint64_t client = 0; client < kClients; ++client) {
    std::vector<Rendezvous::Member> members;
    for (std::uint32_t i = 0; i < kFleet; ++i) members.push_back({mix64(i + 7), i});
    auto fewer = members;
    REQUIRE(Rendezvous::choose(members, kSubset, client) == kSubset);
    for (std::size_t i = 0; i < kSubset; ++i) ++chosen[members[i].index];
    const std::uint32_t leaves = members[3].index;
    fewer.erase(fewer.begin() + leaves);
    Rendezvous::choose(fewer, kSubset, client);
    std::size_t same = 0;
    for (std::size_t i = 0; i < kSubset; ++i) {
      for (std::size_t j = 0; j < kSubset; ++j) same += members[i].index == fewer[j].index ? 1 : 0;
    }
    REQUIRE(same == kSubset - 1);
  }
  CHECK(chi_square(chosen, std::vector<double>(kFleet, kClients * kSubset / kFleet)) < limit(kFleet - 1));
  std::vector<Rendezvous::Member> two(2);
  CHECK(Rendezvous::choose(two, 5, 1) == 2);
}

TEST_CASE("a newcomer's weight grows from its least share to the whole") {
  constexpr SlowStart ramp{.window = 10s, .least_percent = 10};
  static_assert(ramp.weight(100, -1s) == 10 && ramp.weight(100, 0s) == 10 && ramp.weight(100, 500ms) == 10);
  static_assert(ramp.weight(100, 5s) == 50 && ramp.weight(100, 9999ms) == 99 && ramp.weight(100, 10s) == 100);
  static_assert(ramp.weight(1, 0s) == 1);
  static_assert(SlowStart{}.weight(100, 0s) == 100);
  static_assert(SlowStart::worth_it(1, 3) && !SlowStart::worth_it(1, 2) && !SlowStart::worth_it(3, 3));
  std::uint32_t before = 0;
  for (auto t = 0s; t <= 12s; t += 1s) {
    REQUIRE(ramp.weight(1000, t) >= before);
    before = ramp.weight(1000, t);
  }
}

TEST_CASE("traffic leaves the zone in proportion to what the zone lacks") {
  std::uint32_t before = 0;
  for (std::uint32_t eligible = 0; eligible <= 20; ++eligible) {
    const std::uint32_t share = local_share(eligible, 20);
    REQUIRE(share >= before);
    REQUIRE(share <= kWholeShare);
    before = share;
  }
  CHECK(local_share(1, 0) == 0);
  CHECK(local_share(7, 20, 100) == kWholeShare * 7 / 20);
}
