// SPDX-License-Identifier: MIT
//
// Real threads at one pipeline while its composition is replaced again and again. Invariants, checked at the end:
//   - a user is admitted at most as often as its limit allows, all requests together as the service's;
//   - what was admitted and not cancelled is exactly what the limits were charged: every refund was exact;
//   - every ticket was given back once: a second report of it never succeeded;
//   - nothing is left: no call in flight, in the pipeline or at an instance, no composition but the last.
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 4'000;
constexpr std::int64_t kOfUser = 500;
constexpr std::int64_t kOfService = 1'800;
constexpr std::size_t kUsers = 4;

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

struct Count {
  std::array<std::int64_t, kUsers> kept{};
  std::int64_t repeated = 0;  // second reports that were believed
  std::int64_t lost = 0;      // first reports that were not
  std::int64_t other = 0;     // refused by a gate that nothing may close
};

}  // namespace

TEST_CASE("stress: threads at a pipeline that is replaced all the time are admitted exactly as often as is allowed") {
  using Users = KeyedRateLimiter<SlidingWindow>;
  const auto quota = [](std::int64_t permits) { return Quota::make(permits, 60s).value(); };
  const auto config = SlidingWindowConfig::make({.quota = quota(kOfService), .sub_windows = 1}).value();
  auto users = Users::make({.quota = quota(kOfUser), .memory_bytes = 64 * 1024}, at(0s)).value();
  SlidingWindow service(config, at(0s));
  ServiceRegistry registry(ServiceRegistryConfig(), at(0s));
  for (int i = 0; i < 3; ++i) {
    const InstanceSpec spec{.id = "t-" + std::to_string(i), .host = "127.0.0.1", .port = 8001 + i};
    REQUIRE(registry.register_instance_at("trading", spec, at(0s)));
  }
  CircuitBreaker breaker({}, at(0s));
  std::atomic<int> owners{0};
  const auto parts = [&] {
    owners.fetch_add(1);
    const auto owner = std::shared_ptr<int>(new int(0), [&](int* made) {
      delete made;
      owners.fetch_sub(1);
    });
    return PipelineParts{.limits = {{"user", quota(kOfUser), users}, {"service", quota(kOfService), service}},
                         .breaker = &breaker,
                         .service = registry.service("trading").value(),
                         .trace = true,
                         .owner = owner};
  };
  const auto pipeline = Pipeline::make(parts(), {.max_in_flight = 64}, at(0s)).value();

  std::atomic<bool> done{false};
  std::atomic<int> replaced{0};
  std::thread replacer([&] {
    while (!done.load()) {
      if (pipeline->replace_at(parts(), at(0s))) replaced.fetch_add(1);
      std::this_thread::yield();
    }
  });
  while (replaced.load() == 0)
    std::this_thread::yield();  // on a busy machine the others could be done before it begins
  std::array<Count, kThreads> counts;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Count& mine = counts[static_cast<std::size_t>(t)];
      for (int i = 0; i < kRounds; ++i) {
        const auto user = static_cast<std::size_t>(i) % kUsers;
        const std::array keys{LimiterKey(user)};
        auto call = pipeline->admit_at({.keys = keys}, at(0s));
        if (!call) {
          if (call.gate != Gate::kLimits) ++mine.other;
          continue;
        }
        const bool cancelled = (i + t) % 3 == 0;
        const bool ended = cancelled ? pipeline->cancel_at(call, {.keys = keys}, at(0s))
                                     : pipeline->complete_at(call, Outcome::kSuccess, at(0s));
        if (!ended) ++mine.lost;
        if (!cancelled) ++mine.kept[user];
        if (pipeline->complete_at(call, Outcome::kFailure, at(0s))) ++mine.repeated;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done.store(true);
  replacer.join();

  std::int64_t all = 0;
  for (std::size_t user = 0; user < kUsers; ++user) {
    std::int64_t kept = 0;
    for (const Count& count : counts) kept += count.kept[user];
    CHECK(kept <= kOfUser);
    CHECK(users.peek_at(user, at(0s)).remaining == kOfUser - kept);
    all += kept;
  }
  CHECK(all <= kOfService);
  CHECK(service.peek_at(at(0s)).remaining == kOfService - all);
  for (const Count& count : counts) {
    CHECK(count.repeated == 0);
    CHECK(count.lost == 0);
    CHECK(count.other == 0);
  }
  CHECK(replaced.load() > 0);
  CHECK(breaker.snapshot_at(at(0s)).failure_count == 0);
  pipeline->tidy_at(at(0s));
  CHECK(owners.load() == 1);
  const auto stats = pipeline->stats_at(at(0s));
  CHECK(stats.in_flight == 0);
  CHECK(stats.lost == 0);
  CHECK(stats.compositions == 1);
  for (const auto& listed : registry.services_at(at(0s))) {
    for (const auto& instance : listed.instances) CHECK(instance.in_flight == 0);
  }
}
