// SPDX-License-Identifier: MIT
//
// The registry's own verbs against picks, in every order of their accesses to shared words (explorer.h): in each a
// thread is stalled somewhere while the others go on to their ends, so who waits for another one would hang here. The
// mutex is the writer's alone; a reader that took it would not come back.
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

seawall::ServiceRegistryConfig config(std::int32_t instances = 2) {
  return seawall::ServiceRegistryConfig::make({.max_services = 1,
                                               .max_instances = instances,
                                               .max_instances_per_service = instances,
                                               .max_metadata_bytes = 0,
                                               .max_in_flight = 16,
                                               .max_hashed_services = 0})
      .value();
}

template <std::int32_t kInstances = 2>
std::span<std::byte> block() {
  static const std::size_t bytes = ServiceRegistry::memory_for(config(kInstances));
  static auto* const memory = static_cast<std::byte*>(::operator new(bytes, std::align_val_t(64)));
  return {memory, bytes};
}

struct Fixture {
  Fixture() {
    REQUIRE(registry.register_instance_at("s", {.id = "a", .host = "one", .port = 1}, kNow));
    service = reader.service("s");
    REQUIRE(service);
  }

  ServiceRegistry registry = ServiceRegistry::make_in(block(), config(), kNow).value();
  ServiceReader reader = ServiceReader::attach(block()).value();
  std::optional<seawall::Service> service;
};

struct Seen {
  int port = 0;  // 0: nothing was picked
  std::string host, id;
  bool recorded = false;  // that the call was done
};

Seen pick(const seawall::Service& service) {
  seawall::PickText text;
  const auto picked = service.pick_at(kNow, text);
  if (!picked) return {};
  const auto done = service.done_at(picked->ticket, seawall::Outcome::kSuccess, kNow);
  return {picked->port, std::string(text.host.view()), std::string(text.id.view()),
          done == seawall::ReportResult::kRecorded};
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
        auto next = ServiceRegistry::take_over(block(), config(), ServiceRegistry::TakeOver::kAtOnce, kNow).value();
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

// The first 500 orders. All of them are too many: of one drain and two picks, even without their texts, more than
// half a million states are known, and 20 s did not exhaust them. A drain and one pick are exhausted above, two picks
// that take tickets in service_registry_flight_interleaving_test.cc.
TEST_CASE(
    "two pick while an instance is drained: each gets it or nobody, a ticket of its own, and nothing stays in flight") {
  const auto result = explorer::explore(
      [](explorer::Run& run) {
        Fixture f;
        std::array<Seen, 2> seen;
        run.thread([&] { f.registry.drain_at("s/a", 0, kNow); });
        for (Seen& mine : seen) run.thread([&] { mine = pick(*f.service); });
        if (!run.go()) return;
        for (const Seen& mine : seen) {
          REQUIRE((mine.port == 0 || (mine.port == 1 && mine.host == "one")));
          REQUIRE(mine.recorded == (mine.port != 0));
        }
        REQUIRE(in_flight(f.registry) == 0);
        REQUIRE(pick(*f.service).port == 0);
      },
      500);
  CHECK(result.schedules == 500);
}

namespace {

// Picks take the short way (service_take.h), or the long one, by excluding somebody who is not there.
constexpr std::array<std::uint32_t, 1> kNobody{999};
std::span<const std::uint32_t> excluded(bool long_way) { return std::span(kNobody).first(long_way ? 1 : 0); }

// With c, which failed its probes and may not be picked, behind those that may.
struct Overtaken {
  Overtaken(seawall::Balancer balancer, std::span<const seawall::InstanceSpec> well) {
    const auto rule = seawall::ServiceConfig::make({.balancer = balancer, .panic_threshold = 0}).value();
    REQUIRE(registry.configure("s", rule));
    for (const auto& spec : well) REQUIRE(registry.register_instance_at("s", spec, kNow));
    REQUIRE(registry.register_instance_at("s", {.id = "c", .host = "three", .port = 3}, kNow));
    registry.set_health_at("s/c", 0, seawall::Health::kFailing, kNow);
    service = reader.service("s");
    REQUIRE(service);
  }

  // The last of those that may be picked goes, so that c has its place in the list; and so many lists follow that the
  // first one's words are written over.
  void overtake(const char* last) {
    registry.set_admin_at(last, 0, seawall::AdminState::kDisabled, kNow);
    for (std::uint32_t i = 1; i < seawall::detail::ServiceDirectory::kBuffers; ++i) {
      (void)registry.update_at("s/c", 0, {.weight = 1}, kNow);
    }
  }

  ServiceRegistry registry = ServiceRegistry::make_in(block<3>(), config(3), kNow).value();
  ServiceReader reader = ServiceReader::attach(block<3>()).value();
  std::optional<seawall::Service> service;
};

const std::array<seawall::InstanceSpec, 2> kWell{
    {{.id = "a", .host = "one", .port = 1}, {.id = "b", .host = "two", .port = 2}}};

}  // namespace

// Who knows from the old list how many may be picked, and reads from the new one who they are, would pick c.
TEST_CASE("a list is written over while somebody picks from it: nobody gets whom no list offered") {
  const bool long_way = GENERATE(false, true);
  const auto result = explorer::explore(
      [&](explorer::Run& run) {
        Overtaken f(seawall::Balancer::kRoundRobin, std::span(kWell).first(1));
        std::optional<seawall::Pick> picked;
        run.thread([&] { f.overtake("s/a"); });
        run.thread([&] { picked = f.service->pick_at(kNow, excluded(long_way)); });
        if (!run.go()) return;
        REQUIRE((!picked || picked->port == 1));
        REQUIRE(in_flight(f.registry) == (picked ? 1 : 0));
      },
      100'000);
  CHECK(result.complete);
  CHECK(result.schedules > 40);
}

TEST_CASE("a list is written over while somebody compares two of it: nobody gets whom no list offered") {
  const bool long_way = GENERATE(false, true);
  const auto result = explorer::explore(
      [&](explorer::Run& run) {
        Overtaken f(seawall::Balancer::kLeastLoaded, kWell);
        for (int i = 0; i < 2; ++i) REQUIRE(f.service->pick_at(kNow));  // so that c would be the better one
        std::optional<seawall::Pick> picked;
        run.thread([&] { f.overtake("s/b"); });
        run.thread([&] { picked = f.service->pick_at(kNow, excluded(long_way)); });
        if (!run.go()) return;
        REQUIRE((picked && picked->port != 3));
        REQUIRE(in_flight(f.registry) == 3);
      },
      100'000);
  CHECK(result.complete);
  CHECK(result.schedules > 40);
}

// Whose pick came too late for the old instance has nothing in flight at the new one, and a call that is under way is
// the new one's.
TEST_CASE("a place is given to another instance while somebody picks: a call of the old one is over") {
  const bool long_way = GENERATE(false, true);
  const auto result = explorer::explore(
      [&](explorer::Run& run) {
        Fixture f;
        std::optional<seawall::Pick> picked;
        run.thread([&] {
          f.registry.deregister_at("s/a", 0, kNow);
          (void)f.registry.register_instance_at("s", {.id = "b", .host = "two", .port = 2}, kNow);
        });
        run.thread([&] { picked = f.service->pick_at(kNow, excluded(long_way)); });
        if (!run.go()) return;
        const bool old = picked && picked->port == 1;
        const bool fresh = picked && picked->port == 2;
        REQUIRE((!picked || old || fresh));
        REQUIRE(in_flight(f.registry) == (fresh ? 1 : 0));
        if (!picked) return;
        const auto answer = f.service->done_at(picked->ticket, seawall::Outcome::kFailure, kNow);
        REQUIRE(answer == (fresh ? seawall::ReportResult::kRecorded : seawall::ReportResult::kLate));
      },
      100'000);
  CHECK(result.complete);
  CHECK(result.schedules > 100);
}
