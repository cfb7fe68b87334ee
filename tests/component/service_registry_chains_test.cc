// SPDX-License-Identifier: MIT
// The write side's index of those with one key: what a removal costs does not grow with how many share the key.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <random>
#include <vector>

#include "registry/service_registry_records.h"
#include "support/catch.h"

namespace {

std::int64_t steps = 0;  // neighbours looked at

struct Member;
struct CountedPointer {
  Member* to = nullptr;
  CountedPointer& operator=(Member* next) {
    to = next;
    return *this;
  }
  operator Member*() const {  // NOLINT(google-explicit-constructor): as a pointer
    ++steps;
    return to;
  }
};
struct CountedLink {
  CountedPointer next, previous;
};
struct Member {
  std::uint64_t hash = 0;
  CountedLink link = {};
};
using Chains = seawall::ChainsByHash<Member, &Member::link>;

std::vector<Member*> under(const Chains& chains, std::uint64_t hash) {
  std::vector<Member*> found;
  for (Member* at = chains.first(hash); at != nullptr; at = Chains::next(*at)) found.push_back(at);
  std::ranges::sort(found);
  return found;
}

}  // namespace

TEST_CASE("chains: one of thousands that share a key enters and leaves in as many steps as one of two") {
  std::deque<Member> all(4096);
  Chains chains;
  for (Member& one : all) chains.enter(7, one);
  std::vector<Member*> order;
  for (Member& one : all) order.push_back(&one);
  std::ranges::shuffle(order, std::mt19937(1));
  for (Member* one : order) {
    const std::int64_t before = steps;
    chains.leave(7, *one);
    chains.enter(7, *one);
    chains.leave(7, *one);
    REQUIRE(steps - before <= 6);
  }
  CHECK(chains.first(7) == nullptr);
}

TEST_CASE("chains: each key has those that entered and have not left, whatever the order") {
  std::mt19937 random(2);
  std::deque<Member> all(40);
  Chains chains;
  std::vector<Member*> in;
  for (int i = 0; i < 20'000; ++i) {
    Member& one = all[random() % all.size()];
    if (const auto at = std::ranges::find(in, &one); at != in.end()) {
      chains.leave(one.hash, one);
      in.erase(at);
    } else {
      one.hash = random() % 5;
      chains.enter(one.hash, one);
      in.push_back(&one);
    }
    for (std::uint64_t hash = 0; hash < 5; ++hash) {
      std::vector<Member*> expected;
      std::ranges::copy_if(in, std::back_inserter(expected), [&](const Member* m) { return m->hash == hash; });
      std::ranges::sort(expected);
      REQUIRE(under(chains, hash) == expected);
    }
  }
}
