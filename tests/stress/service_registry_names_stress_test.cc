// SPDX-License-Identifier: MIT
// Two services take turns in the only place there is, while readers pick by name. Nobody gets an instance of the other
// service, nobody waits for the writer's lock, and when all picks are given back nothing is in flight.
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

namespace {

constexpr seawall::TimePoint kNow = seawall::time_from_ns(0);
constexpr int kRounds = 4000;

}  // namespace

TEST_CASE("names: readers by name never meet the service that came to the place of theirs") {
  seawall::ServiceRegistry registry(seawall::ServiceRegistryConfig::make({.max_services = 1}).value(), kNow);
  std::atomic<bool> stop{false};
  std::array<std::atomic<std::int64_t>, 4> wrong{};
  std::array<std::atomic<std::int64_t>, 4> picks{};
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    readers.emplace_back([&, i] {
      const std::string name(1, i % 2 == 0 ? 'a' : 'b');
      seawall::PickText text;
      while (!stop) {
        const auto pick = registry.pick_at(name, kNow, text);
        if (!pick) continue;
        wrong[i] += text.id.view() != name + "-1" || pick->port != name[0];
        registry.done(pick->ticket);
        ++picks[i];
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    const std::string name(1, round % 2 == 0 ? 'a' : 'b');
    REQUIRE(registry.register_instance_at(name, {.id = name + "-1", .host = "h", .port = name[0]}, kNow));
    // So that a busy machine does not run the writer alone.
    const auto& theirs = picks[static_cast<std::size_t>(round % 2)];
    const std::int64_t before = theirs;
    while (round % 99 == 0 && theirs == before) std::this_thread::yield();
    REQUIRE(registry.deregister_at(name + "-1", 0, kNow) == seawall::RegistryAnswer::kOk);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (const auto& count : wrong) CHECK(count == 0);
  CHECK(picks[0] + picks[2] > 0);
  CHECK(picks[1] + picks[3] > 0);
  CHECK(registry.stats().services == 0);
}
