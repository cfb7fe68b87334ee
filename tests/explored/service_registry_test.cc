// SPDX-License-Identifier: MIT
//
// The registry's own verbs against picks, in every order of their accesses to shared words (explorer.h): in each a
// thread is stalled somewhere while the others go on to their ends, so who waits for another one would hang here. The
// mutex is the writer's alone; a reader that took it would not come back.
#include <sched.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "seawall/runtime/service_registry.h"
#include "seawall/service_reader.h"
#include "support/catch.h"
#include "support/explorer.h"

namespace explorer = seawall::testing::explorer;
using seawall::RegistryAnswer;
using seawall::ServiceReader;
using seawall::ServiceRegistry;

namespace {

constexpr seawall::TimePoint kNow = seawall::time_from_ns(0);

seawall::ServiceRegistryConfig config() {
  return seawall::ServiceRegistryConfig::make({.max_services = 1,
                                               .max_instances = 2,
                                               .max_instances_per_service = 2,
                                               .max_metadata_bytes = 0,
                                               .max_in_flight = 16})
      .value();
}

// Flights are counted by CPU: on one, each schedule can be taken again.
void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
}

struct Fixture {
  Fixture() {
    REQUIRE(registry.register_instance_at("s", {.id = "a", .host = "one", .port = 1}, kNow));
    service = reader.service("s");
    REQUIRE(service);
  }

  static std::span<std::byte> block() {
    static const std::size_t bytes = ServiceRegistry::memory_for(config());
    static auto* const memory = static_cast<std::byte*>(::operator new(bytes, std::align_val_t(64)));
    return {memory, bytes};
  }

  ServiceRegistry registry = ServiceRegistry::make_in(block(), config(), kNow).value();
  ServiceReader reader = ServiceReader::attach(block()).value();
  std::optional<seawall::Service> service;
};

struct Seen {
  int port = 0;  // 0: nothing was picked
  std::string host, id;
};

Seen pick(const seawall::Service& service) {
  seawall::PickText text;
  const auto picked = service.pick_at(kNow, text);
  if (!picked) return {};
  (void)service.done_at(picked->ticket, seawall::Outcome::kSuccess, kNow);
  return {picked->port, std::string(text.host.view()), std::string(text.id.view())};
}

std::int64_t in_flight(const ServiceRegistry& registry) {
  std::int64_t sum = 0;
  for (const auto& service : registry.services_at(kNow)) {
    for (const auto& info : service.instances) sum += info.in_flight;
  }
  return sum;
}

// The old process or the new one, and never a mixture.
void check_one_of_both(const Seen& seen) {
  const bool old = seen.port == 1 && seen.host == "one" && seen.id == "a";
  const bool fresh = seen.port == 2 && seen.host == "two" && seen.id == "a";
  REQUIRE((old || fresh));
}

}  // namespace

TEST_CASE("a process is replaced while somebody picks: the old or the new one, whole, and never nobody") {
  stay_on_one_cpu();
  const auto result = explorer::explore([](explorer::Run& run) {
    Fixture f;
    Seen seen;
    run.thread([&] { (void)f.registry.register_instance_at("s", {.id = "a", .host = "two", .port = 2}, kNow); });
    run.thread([&] { seen = pick(*f.service); });
    if (!run.go()) return;
    check_one_of_both(seen);
    REQUIRE(in_flight(f.registry) == 0);
    REQUIRE(pick(*f.service).port == 2);
  });
  CHECK(result.complete);
  CHECK(result.schedules > 30);
}

TEST_CASE("a place is given to another instance while somebody picks") {
  stay_on_one_cpu();
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Fixture f;
        Seen seen;
        run.thread([&] {
          f.registry.deregister_at("s/a", 0, kNow);
          (void)f.registry.register_instance_at("s", {.id = "b", .host = "two", .port = 2}, kNow);
        });
        run.thread([&] { seen = pick(*f.service); });
        if (!run.go()) return;
        const bool none = seen.port == 0;
        const bool old = seen.port == 1 && seen.host == "one" && seen.id == "a";
        const bool fresh = seen.port == 2 && seen.host == "two" && seen.id == "b";
        REQUIRE((none || old || fresh));
        REQUIRE(in_flight(f.registry) == 0);
      },
      100'000);
  CHECK(result.complete);
  CHECK(result.schedules > 50);
}

TEST_CASE("a writer dies anywhere in a change: the reader goes on, and the next writer finds one of both") {
  stay_on_one_cpu();
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Fixture f;
        Seen seen;
        run.thread([&] { (void)f.registry.register_instance_at("s", {.id = "a", .host = "two", .port = 2}, kNow); },
                   explorer::kMortal);
        run.thread([&] { seen = pick(*f.service); });
        if (!run.go()) return;
        check_one_of_both(seen);
        if (!run.killed()) return;
        auto next =
            ServiceRegistry::take_over(Fixture::block(), config(), ServiceRegistry::TakeOver::kAtOnce, kNow).value();
        REQUIRE(next.stats().instances == 1);
        check_one_of_both(pick(*f.service));
        REQUIRE(in_flight(next) == 0);
        REQUIRE(next.register_instance_at("s", {.id = "b", .host = "h", .port = 3}, kNow));
        REQUIRE(next.deregister_at("s/a", 0, kNow) == RegistryAnswer::kOk);
        REQUIRE(pick(*f.service).port == 3);
      },
      100'000);
  CHECK(result.complete);
  CHECK(result.kills > 20);
}

TEST_CASE("an instance is drained while somebody picks: it or nobody, whole") {
  stay_on_one_cpu();
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Fixture f;
        Seen seen;
        run.thread([&] { f.registry.drain_at("s/a", 0, kNow); });
        run.thread([&] { seen = pick(*f.service); });
        if (!run.go()) return;
        REQUIRE((seen.port == 0 || (seen.port == 1 && seen.host == "one" && seen.id == "a")));
        REQUIRE(in_flight(f.registry) == 0);
        REQUIRE(pick(*f.service).port == 0);
      },
      100'000);
  CHECK(result.complete);
  CHECK(result.schedules > 4);
}

// The first 2,000 orders. All of them are too many: of one drain and two picks, even without their texts, more than
// half a million states are known, and 20 s did not exhaust them. A drain and one pick are exhausted above, two picks
// that take tickets in service_registry_flight_interleaving_test.cc.
TEST_CASE("two pick while an instance is drained: each gets it or nobody, and nothing stays in flight") {
  stay_on_one_cpu();
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Fixture f;
        std::array<Seen, 2> seen;
        run.thread([&] { f.registry.drain_at("s/a", 0, kNow); });
        for (Seen& mine : seen) run.thread([&] { mine = pick(*f.service); });
        if (!run.go()) return;
        for (const Seen& mine : seen) REQUIRE((mine.port == 0 || (mine.port == 1 && mine.host == "one")));
        REQUIRE(in_flight(f.registry) == 0);
        REQUIRE(pick(*f.service).port == 0);
      },
      2'000);
  CHECK(result.schedules == 2'000);
}
