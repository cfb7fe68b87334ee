// SPDX-License-Identifier: MIT
// Every order of the accesses of threads whose results eject, bring back and clear the instances of one service.
#include <array>

#include "seawall/detail/service_core.h"
#include "support/catch.h"
#include "support/explorer.h"

namespace {

using seawall::BreakerState;
using seawall::Outcome;
using seawall::algorithm::EjectionShare;
using seawall::algorithm::breaker::state_of;
using seawall::detail::BreakerNote;
using seawall::detail::EjectionRule;
using seawall::testing::explorer::Cell;
using seawall::testing::explorer::explore;
using seawall::testing::explorer::kMergeStates;
using seawall::testing::explorer::Run;
using Breaker = seawall::detail::BasicInstanceBreaker<Cell>;

constexpr std::int64_t kSecond = 1'000'000'000;

EjectionRule one_failure(std::uint32_t percent, std::uint32_t least_left) {
  seawall::CircuitBreakerOptions options;
  options.failure_threshold = 1;
  options.open_duration = seawall::Duration(kSecond);
  return {seawall::CircuitBreakerConfig::make(options).value(), percent, least_left};
}

template <std::size_t kInstances>
struct Instances {
  Cell share{EjectionShare::changed(0, kInstances, 0)};
  std::array<Cell, kInstances> words{};

  Breaker of(std::size_t i) { return {words[i], share}; }
  std::uint32_t ejected() const {
    std::uint32_t count = 0;
    for (const Cell& word : words) count += state_of(word.load()) != BreakerState::kClosed;
    return count;
  }
};

}  // namespace

TEST_CASE("three instances that fail at once: no more are ejected than the share allows, at any moment") {
  for (const std::uint32_t allowed : {1u, 2u}) {
    const EjectionRule rule = one_failure(allowed == 1 ? 50 : 100, 1);
    const auto result = explore(
        [&](Run& run) {
          Instances<3> all;
          for (std::size_t i = 0; i < 3; ++i) {
            run.thread([&, i] { all.of(i).settle(rule, 0, 0, Outcome::kFailure); });
          }
          run.after_each_access([&] { REQUIRE(all.ejected() <= allowed); });
          if (!run.go()) return;
          REQUIRE(all.ejected() == EjectionShare::ejected(all.share.load()));
          REQUIRE(all.ejected() >= 1);
        },
        10'000'000, kMergeStates);
    REQUIRE(result.complete);
  }
}

TEST_CASE("two failures of one instance take one place, and a clearing gives it back once") {
  const EjectionRule rule = one_failure(100, 0);
  const auto result = explore([&](Run& run) {
    Instances<2> all;
    for (int i = 0; i < 2; ++i) {
      run.thread([&] { all.of(0).settle(rule, 0, 0, Outcome::kFailure); });
    }
    run.thread([&] { all.of(0).clear(); });
    if (!run.go()) return;
    REQUIRE(all.ejected() == EjectionShare::ejected(all.share.load()));
  });
  REQUIRE(result.complete);
}

TEST_CASE("of two picks after the time is over one is the probe, its success and the clearing give one place back") {
  const EjectionRule rule = one_failure(100, 0);
  const auto result = explore([&](Run& run) {
    Instances<2> all;
    all.of(0).settle(rule, 0, 0, Outcome::kFailure);
    int probes = 0;
    for (int i = 0; i < 2; ++i) {
      run.thread([&] {
        const auto admission = all.of(0).probe(rule, 2 * kSecond);
        if ((admission.note & BreakerNote::kProbe) == 0) return;
        ++probes;
        all.of(0).settle(rule, admission.note, 2 * kSecond, Outcome::kSuccess);
      });
    }
    run.thread([&] { all.of(0).clear(); });
    if (!run.go()) return;
    REQUIRE(probes <= 1);
    REQUIRE(all.ejected() == 0);
    REQUIRE(EjectionShare::ejected(all.share.load()) == 0);
  });
  REQUIRE(result.complete);
}
