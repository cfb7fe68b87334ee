// SPDX-License-Identifier: MIT
// The table of names against a map, and in every order of accesses: a service that took the place of another one is
// never used under the other's name, and a writer that dies half way leaves a table that the next one can mend.
#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "seawall/detail/service_names.h"
#include "support/catch.h"
#include "support/explorer.h"

namespace explorer = seawall::testing::explorer;
using seawall::detail::BasicServiceNames;
using seawall::detail::FoundService;
using seawall::detail::ServiceNameKey;

namespace {

constexpr seawall::detail::SipKey kSeed{11, 12};

template <class Word, std::uint32_t kServices>
struct Table {
  std::array<seawall::detail::BasicServiceName<Word>, kServices> names{};
  std::array<Word, seawall::detail::service_table_words(kServices)> words{};
  BasicServiceNames<Word> view() {
    return {names.data(), words.data(), kServices, static_cast<std::uint32_t>(words.size()), kSeed};
  }
};
using Plain = std::atomic<std::uint64_t>;

template <class Names>
std::optional<std::uint32_t> where(const Names& names, std::string_view name) {
  const FoundService found = names.find(names.key(name));
  return found ? std::optional(found.index) : std::nullopt;
}

// A service in place 0 and what stands in its list: whose instance it is.
struct Place {
  Table<explorer::Cell, 2> table;
  explorer::Cell listed{'a'};
  BasicServiceNames<explorer::Cell> names = table.view();

  Place() { names.assign(0, "a", 1); }

  // The registry: "a" goes, "b" comes to its place.
  void replace() {
    listed.store(0);
    if (!names.release(0)) return;
    names.assign(0, "b", 2);
    listed.store('b');
  }
  // As ServiceReader::pick_at, with a list of one. 0: nothing.
  std::uint64_t pick(std::string_view name) {
    return names.ask<std::uint64_t>(
        names.key(name), [&](std::uint32_t) { return listed.load(); }, [](std::uint64_t) {});
  }
};

}  // namespace

TEST_CASE("names: every name is found in its place, and none that is gone, through thousands of changes") {
  Table<Plain, 24> table;
  const auto names = table.view();
  std::mt19937 random(5);
  std::map<std::string, std::uint32_t> known;
  std::vector<std::uint32_t> free;
  for (std::uint32_t i = 0; i < 24; ++i) free.push_back(i);
  std::uint64_t incarnation = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name(1 + random() % 3 * 9, static_cast<char>('a' + random() % 20));
    const auto found = known.find(name);
    REQUIRE(where(names, name) == (found == known.end() ? std::nullopt : std::optional(found->second)));
    if (found != known.end()) {
      CHECK(std::string(std::string_view(names.text(found->second))) == name);
      REQUIRE(names.release(found->second));
      free.push_back(found->second);
      known.erase(found);
    } else if (!free.empty()) {
      names.assign(free.back(), name, ++incarnation);
      known[name] = free.back();
      free.pop_back();
    }
  }
  CHECK(incarnation > 5000);
}

TEST_CASE("names: all lengths up to the longest, and none beyond") {
  Table<Plain, 8> table;
  const auto names = table.view();
  for (std::size_t size = 1; size <= ServiceNameKey::kMostBytes; ++size) {
    const std::string name(size, 'n');
    names.assign(3, name, size);
    CHECK(where(names, name) == 3);
    CHECK(std::string_view(names.text(3)) == name);
    CHECK_FALSE(where(names, name.substr(1)));
    CHECK_FALSE(where(names, name + "n"));
    CHECK_FALSE(where(names, name.substr(1) + "m"));
    REQUIRE(names.release(3));
  }
  CHECK_FALSE(where(names, ""));
  CHECK_FALSE(where(names, std::string(ServiceNameKey::kMostBytes + 1, 'n')));
}

TEST_CASE("names: what is pinned is not released, and what is gone cannot be pinned") {
  Table<Plain, 2> table;
  const auto names = table.view();
  names.assign(0, "a", 1);
  const FoundService found = names.find(names.key("a"));
  CHECK(names.pin(found));
  CHECK(names.pinned(0));
  CHECK(names.still(found));
  CHECK_FALSE(names.release(0));
  CHECK(where(names, "a") == 0);
  names.assign(1, "b", 2);
  const FoundService other = names.find(names.key("b"));
  REQUIRE(names.release(1));
  CHECK_FALSE(names.pin(other));
  CHECK_FALSE(names.still(other));
}

TEST_CASE("names: a word that is no index of this table leads nowhere") {
  Table<Plain, 2> table;
  const auto names = table.view();
  names.assign(0, "a", 1);
  for (Plain& word : table.words) {
    if (word.load() != 0) word.store(word.load() | 0xffff);
  }
  CHECK_FALSE(where(names, "a"));
}

TEST_CASE("names: in every order, nobody gets under one name what belongs to another") {
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Place place;
        std::uint64_t a = 0;
        std::uint64_t b = 0;
        run.thread([&] { place.replace(); });
        run.thread([&] { return a = place.pick("a"); });
        run.thread([&] { return b = place.pick("b"); });
        if (!run.go()) return;
        REQUIRE((a == 0 || a == 'a'));
        REQUIRE((b == 0 || b == 'b'));
        REQUIRE(place.pick("b") == 'b');
        REQUIRE(place.pick("a") == 0);
      },
      2'000'000, explorer::kMergeStates);
  REQUIRE(result.complete);
  REQUIRE(result.states > 200);
}

TEST_CASE("names: in every order, a service is either kept for who pinned it, or gone before") {
  const auto result = explorer::explore([](explorer::Run& run) {
    Place place;
    bool mine = false;
    run.thread([&] { place.replace(); });
    run.thread([&] {
      const FoundService found = place.names.find(place.names.key("a"));
      mine = found && place.names.pin(found);
    });
    if (!run.go()) return;
    REQUIRE(mine == where(place.names, "a").has_value());
    REQUIRE(mine != where(place.names, "b").has_value());
  });
  REQUIRE(result.complete);
}

TEST_CASE("names: a writer killed anywhere stops no reader, and the next one mends the table") {
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Place place;
        std::uint64_t a = 0;
        run.thread([&] { place.replace(); }, explorer::kMortal);
        run.thread([&] { return a = place.pick("a"); });
        if (!run.go()) return;
        REQUIRE((a == 0 || a == 'a'));
        place.names.repair();
        const bool has_a = where(place.names, "a").has_value();
        const bool has_b = where(place.names, "b").has_value();
        REQUIRE_FALSE((has_a && has_b));
        if (has_a) REQUIRE(place.names.release(0));
        if (!has_b) place.names.assign(0, "b", 3);
        REQUIRE(where(place.names, "b") == 0);
        REQUIRE_FALSE(where(place.names, "a"));
        place.names.assign(1, "a", 4);
        REQUIRE(where(place.names, "a") == 1);
      },
      2'000'000, explorer::kMergeStates);
  REQUIRE(result.complete);
  REQUIRE(result.kills > 10);
}
