// SPDX-License-Identifier: MIT
//
// Real threads at the routes of a configuration that is reloaded all the time, the limits changing between two numbers
// with what was taken kept. Invariants, checked at the end:
//   - a user is admitted at most as often as the larger number allows, and all together at most as the service's;
//   - no ticket is lost: every call is completed once, and nothing is in flight at the end;
//   - the breaker, whose options do not change, keeps its word: it is the same object throughout.
#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/pipelines.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr int kThreads = 3;
constexpr int kRounds = 3'000;
constexpr int kBetweenReloads = 300;
constexpr std::size_t kUsers = 4;
constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

std::string config(int service) {
  return R"({"limits": {"user": {"key": "user", "permits": 700, "period": "60s", "memory_bytes": 65536}},
             "routes": {"r": {"breaker": {}, "limits": ["user", {"name": "all", "period": "60s", "permits": )" +
         std::to_string(service) + "}]}}}";
}

}  // namespace

TEST_CASE("stress: threads at a route that is reloaded all the time") {
  constexpr int kSmall = 1'000, kLarge = 1'600;
  const auto pipelines = Pipelines::make(config(kSmall), nullptr, nullptr, {}, at(0s)).value();
  Pipeline& route = *pipelines->find("r");
  const auto breaker = pipelines->breaker("r");
  std::atomic<bool> done{false};
  std::atomic<int> reloads{0}, wrong{0};
  std::thread reloader([&] {
    for (int i = 0; i < 2 || !done.load(); ++i) {
      const auto report = pipelines->reload_at(config(i % 2 == 0 ? kLarge : kSmall), at(0s));
      if (!report || report.value().kept.size() != 2 || report.value().changed.size() != 1) wrong.fetch_add(1);
      reloads.fetch_add(1);
    }
  });
  while (reloads.load() == 0) std::this_thread::yield();  // on a busy machine the others could be done before it begins
  std::array<std::array<std::int64_t, kUsers>, kThreads> kept{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Most of them for one user, who would get more than his limit if it began anew with a reload; so would all.
      for (int i = 0; i < kRounds; ++i) {
        if (i % kBetweenReloads == 0) {
          const int seen = reloads.load();
          while (reloads.load() < seen + 2) std::this_thread::yield();  // one of them began and ended meanwhile
        }
        const auto user = static_cast<std::size_t>(std::max(i % 10 - 6, 0));
        const std::array keys{LimiterKey(user)};
        const auto call = route.admit_at({.keys = keys}, at(0s));
        if (!call && call.gate != Gate::kLimits) wrong.fetch_add(1);
        if (!call) continue;
        ++kept[t][user];
        if (!route.complete_at(call, Outcome::kSuccess, at(0s))) wrong.fetch_add(1);
        if (route.complete_at(call, Outcome::kFailure, at(0s))) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done.store(true);
  reloader.join();
  std::int64_t all = 0;
  for (std::size_t user = 0; user < kUsers; ++user) {
    std::int64_t mine = 0;
    for (const auto& of_thread : kept) mine += of_thread[user];
    CHECK(mine <= 700);
    all += mine;
  }
  CHECK(all <= kLarge);
  CHECK(all > 0);
  CHECK(wrong.load() == 0);
  CHECK(reloads.load() > 1);
  CHECK(pipelines->breaker("r") == breaker);
  CHECK(breaker->snapshot_at(at(0s)).failure_count == 0);
  route.tidy_at(at(0s));
  const auto stats = route.stats_at(at(0s));
  CHECK(stats.in_flight == 0);
  CHECK(stats.lost == 0);
  CHECK(stats.compositions == 1);
}
