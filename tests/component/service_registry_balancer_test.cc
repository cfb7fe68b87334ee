// SPDX-License-Identifier: MIT
// Every balancer by a service's handle: shares by chi-square at fixed seeds, exclusion, keys, zones, newcomers.
#include <chrono>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/service_fleet.h"

using namespace std::chrono_literals;
using seawall::Balancer;
using seawall::InstanceSpec;
using seawall::Outcome;
using seawall::ServiceConfig;
using seawall::ServiceOptions;
using seawall::testing::chi_square;
using seawall::testing::chi_square_limit;
using seawall::testing::Fleet;
using seawall::testing::named;

namespace {

constexpr Balancer kAll[] = {Balancer::kRoundRobin, Balancer::kRandom, Balancer::kLeastLoaded,
                             Balancer::kPeakEwma,   Balancer::kMaglev, Balancer::kRingHash};
constexpr Balancer kHashed[] = {Balancer::kMaglev, Balancer::kRingHash};

std::map<std::string, std::string> owners(const Fleet& fleet, int keys) {
  std::map<std::string, std::string> owner;
  for (int i = 0; i < keys; ++i) {
    const std::string key = named("key", i);
    const auto pick = fleet.service.pick_for_at(seawall::Service::key_of(key), fleet.now()).value();
    seawall::PickText text;
    REQUIRE(fleet.service.describe(pick, text));
    fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now());
    owner[key] = text.id.view();
  }
  return owner;
}

int moved(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after) {
  int count = 0;
  for (const auto& [key, id] : before) count += after.at(key) != id;
  return count;
}

}  // namespace

TEST_CASE("equal instances have equal shares with every balancer") {
  for (const Balancer balancer : kAll) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer}, {}, 20261123);
    std::map<std::string, int> weights;
    for (int i = 0; i < 16; ++i) {
      fleet.add(named("i", i));
      weights[named("i", i)] = 1;
    }
    // A ring's arcs differ in length, by design: see below.
    if (balancer == Balancer::kRingHash) continue;
    CHECK(chi_square(fleet.calls(32'000), weights) < chi_square_limit(15));
  }
}

TEST_CASE("a ring's shares are within a third of the fair one") {
  Fleet fleet({.balancer = Balancer::kRingHash});
  fleet.add_many(16);
  for (const auto& [id, calls] : fleet.calls(32'000)) {
    CHECK(calls > 2000 * 2 / 3);
    CHECK(calls < 2000 * 4 / 3);
  }
}

TEST_CASE("weights are shares, the skewed ones too") {
  for (const Balancer balancer : {Balancer::kRoundRobin, Balancer::kRandom, Balancer::kMaglev}) {
    INFO(to_string(balancer));
    for (const std::map<std::string, int>& weights :
         {std::map<std::string, int>{{"a", 1}, {"b", 2}, {"c", 5}}, {{"a", 1000}, {"b", 1}, {"c", 1}, {"d", 1}}}) {
      Fleet fleet({.balancer = balancer}, {}, 4711);
      for (const auto& [id, weight] : weights) fleet.add(id, weight);
      CHECK(chi_square(fleet.calls(40'000), weights) < chi_square_limit(static_cast<double>(weights.size() - 1)));
    }
  }
}

TEST_CASE("the first pick of a thousand clients is spread with every balancer") {
  for (const Balancer balancer : kAll) {
    INFO(to_string(balancer));
    std::map<std::string, int> first, weights;
    for (int client = 0; client < 1000; ++client) {
      seawall::ServiceRegistryOptions bounds{.max_services = 1, .max_instances = 8, .max_instances_per_service = 8};
      bounds.max_in_flight = 16;
      bounds.hash_table_size = 251;
      Fleet fleet({.balancer = balancer}, bounds, 1000 + client);
      fleet.add_many(8);
      ++first[fleet.call()];
    }
    for (int i = 0; i < 8; ++i) weights[named("i", i)] = 1;
    CHECK(first.size() == 8);
    if (balancer != Balancer::kRingHash) CHECK(chi_square(first, weights) < 40);  // also that of a small table
  }
}

TEST_CASE("whoever is excluded is not picked, and who may is found, with every balancer") {
  for (const Balancer balancer : kAll) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer});
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 12; ++i) slots.push_back(fleet.add(named("i", i), i == 3 ? 1 : 900));
    std::vector<std::uint32_t> excluded = slots;
    excluded.erase(excluded.begin() + 3);
    for (int i = 0; i < 50; ++i) {
      const auto pick = fleet.service.pick_at(fleet.now(), excluded);
      REQUIRE(pick);
      CHECK(pick->slot == slots[3]);
      CHECK(pick->flags == 0);
      fleet.service.done_at(pick->ticket, Outcome::kSuccess, fleet.now());
    }
    CHECK_FALSE(fleet.service.pick_at(fleet.now(), slots));  // the caller's wish is no reason to panic
  }
}

TEST_CASE("retries that exclude one of many spread over the others") {
  for (const Balancer balancer : {Balancer::kRandom, Balancer::kLeastLoaded, Balancer::kPeakEwma}) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer}, {}, 99);
    std::map<std::string, int> got, weights;
    const std::uint32_t bad[] = {fleet.add("bad")};
    for (int i = 0; i < 7; ++i) {
      fleet.add(named("i", i));
      weights[named("i", i)] = 1;
    }
    for (int i = 0; i < 14'000; ++i) {
      seawall::PickText text;
      const auto pick = fleet.service.pick_at(fleet.now(), text, bad).value();
      fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now());
      ++got[std::string(text.id.view())];
    }
    CHECK(got.size() == 7);
    CHECK(chi_square(got, weights) < chi_square_limit(6));
  }
}

TEST_CASE("the less loaded of two gets the call, and of two instances none is drawn twice") {
  Fleet fleet({.balancer = Balancer::kLeastLoaded});
  fleet.add("a");
  fleet.add("b");
  std::map<std::uint32_t, int> held;
  std::vector<seawall::Pick> picks;
  for (int i = 0; i < 100; ++i) {
    picks.push_back(fleet.service.pick_at(fleet.now()).value());
    ++held[picks.back().slot];
  }
  CHECK(held[0] == 50);
  CHECK(held[1] == 50);
  for (const auto& pick : picks) {
    if (pick.slot == 0) fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now());
  }
  for (int i = 0; i < 50; ++i) CHECK(fleet.service.pick_at(fleet.now())->slot == 0);
}

TEST_CASE("who has three times the weight has three times the calls under way") {
  Fleet fleet({.balancer = Balancer::kLeastLoaded});
  fleet.add("a", 3);
  fleet.add("b", 1);
  int heavy = 0;
  for (int i = 0; i < 100; ++i) heavy += fleet.service.pick_at(fleet.now())->slot == 0;
  CHECK(heavy >= 74);
  CHECK(heavy <= 76);
}

TEST_CASE("the light beside one that is excluded get their shares at random too") {
  Fleet fleet({.balancer = Balancer::kRandom}, {}, 3);
  const std::array<std::uint32_t, 1> heavy{fleet.add("heavy", 1000)};
  std::map<std::uint32_t, int> got;
  for (const auto& [id, weight] : {std::pair("a", 1), std::pair("b", 3)}) fleet.add(id, weight);
  for (int i = 0; i < 4000; ++i) {
    const auto pick = fleet.service.pick_at(fleet.now(), heavy).value();
    fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now());
    ++got[pick.slot];
  }
  CHECK(got[1] > 850);
  CHECK(got[1] < 1150);
}

TEST_CASE("one slow answer counts at once, and wears off") {
  Fleet fleet({.balancer = Balancer::kPeakEwma, .ewma_half_life = 1s}, {}, 4);
  fleet.add_many(2);
  for (int i = 0; i < 20; ++i) fleet.call(Outcome::kSuccess, 10ms);
  const std::string slow = fleet.call(Outcome::kSuccess, 1s);
  CHECK(fleet.calls(20).count(slow) == 0);
  const auto latency = [&] {
    const auto why = fleet.registry.explain_at("s", fleet.now()).value();
    for (const auto& one : why.instances) {
      if (one.id == slow) return one.latency;
    }
    return seawall::Duration(0);
  };
  CHECK(latency() == 1s);
  fleet.pass(1s);
  CHECK(latency() == 500ms);
  // What is faster than the average moves it by what has passed, no further: here nothing has.
  const std::array<std::uint32_t, 1> other{slow == "i0" ? 1u : 0u};
  const auto pick = fleet.service.pick_at(fleet.now(), other).value();
  fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now(), 10ms);
  CHECK(latency() > 490ms);
}

TEST_CASE("a load comes down once for a pick, whoever ends it") {
  Fleet fleet({.balancer = Balancer::kLeastLoaded}, {.ticket_deadline = 60s});
  for (const auto* id : {"a", "b"}) fleet.add(id);
  const auto twice = fleet.service.pick_at(fleet.now()).value();
  for (int i = 0; i < 3; ++i) fleet.service.done_at(twice.ticket, Outcome::kSuccess, fleet.now());
  for (int i = 0; i < 10; ++i) (void)fleet.service.pick_at(fleet.now(), std::array{1u});  // leaked, all at one of them
  fleet.pass(62s);
  CHECK(fleet.registry.stats().tickets_reaped == 10);
  std::map<std::uint32_t, int> held;
  for (int i = 0; i < 100; ++i) ++held[fleet.service.pick_at(fleet.now())->slot];
  CHECK(held == std::map<std::uint32_t, int>{{0, 50}, {1, 50}});
  fleet.registry.deregister_at("b", 0, fleet.now());
  fleet.add("c");  // has the place of b, and not its calls
  for (int i = 0; i < 50; ++i) ++held[fleet.service.pick_at(fleet.now())->slot];
  CHECK(held[1] == 100);
}

TEST_CASE("peak EWMA sends few calls to the slow and tries the unknown once") {
  Fleet fleet({.balancer = Balancer::kPeakEwma}, {}, 5);
  for (const auto* id : {"slow", "b", "c", "d"}) fleet.add(id);
  std::map<std::string, int> count;
  for (int i = 0; i < 4000; ++i) {
    seawall::PickText text;
    const auto pick = fleet.service.pick_at(fleet.now(), text).value();
    const bool slow = text.id.view() == "slow";
    fleet.now_ns += 1'000'000;
    fleet.service.done_at(pick.ticket, Outcome::kSuccess, fleet.now(), slow ? 500ms : 10ms);
    ++count[std::string(text.id.view())];
  }
  CHECK(count["slow"] < 40);
  CHECK(count["slow"] > 0);
  CHECK(count["b"] > 1000);
  fleet.add("new");
  std::map<std::string, int> burst;
  seawall::PickText text;
  for (int i = 0; i < 60; ++i) {
    REQUIRE(fleet.service.pick_at(fleet.now(), text));
    ++burst[std::string(text.id.view())];
  }
  CHECK(burst["new"] == 1);  // until that call is back
}

TEST_CASE("an instance that fails fast attracts nobody") {
  // Ejection is off: this is about the average alone.
  Fleet fleet({.balancer = Balancer::kPeakEwma, .ejection_failures = 0}, {}, 6);
  fleet.add_many(4);
  std::map<std::string, int> count;
  for (int i = 0; i < 4000; ++i) {
    seawall::PickText text;
    const auto pick = fleet.service.pick_at(fleet.now(), text).value();
    const bool bad = text.id.view() == "i0";
    fleet.now_ns += 1'000'000;
    fleet.service.done_at(pick.ticket, bad ? Outcome::kFailure : Outcome::kSuccess, fleet.now(), bad ? 1ms : 50ms);
    ++count[std::string(text.id.view())];
  }
  CHECK(count["i0"] < 100);
  // By load alone it looks idle: there only ejection keeps calls from it.
  for (const Balancer balancer : kAll) {
    INFO(to_string(balancer));
    Fleet other({.balancer = balancer}, {}, 7);
    other.add_many(4);
    other.fail("i0", 3);
    CHECK(other.calls(1000).count("i0") == 0);
  }
}

TEST_CASE("a key keeps its instance, and few keys move when instances come and go") {
  constexpr int kKeys = 4000;
  for (const Balancer balancer : kHashed) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer});
    fleet.add_many(16);
    const auto before = owners(fleet, kKeys);
    CHECK(moved(before, owners(fleet, kKeys)) == 0);
    fleet.add("new");
    const int came = moved(before, owners(fleet, kKeys));
    CHECK(came > kKeys / 17 / 2);
    CHECK(came < kKeys * 10 / 17 / 4);  // the fair share is a 17th; Maglev moves some more
    fleet.registry.deregister_at("new", 0, fleet.now());
    CHECK(moved(before, owners(fleet, kKeys)) == 0);
    // Whoever drains keeps its places: its keys move and no others, and all come back with it.
    fleet.registry.drain_at("i3", 0, fleet.now());
    const auto drained = owners(fleet, kKeys);
    for (const auto& [key, id] : before) CHECK((id == "i3" ? drained.at(key) != "i3" : drained.at(key) == id));
    fleet.registry.set_admin_at("i3", 0, seawall::AdminState::kEnabled, fleet.now());
    CHECK(moved(before, owners(fleet, kKeys)) == 0);
    // A new process of the same id moves nothing.
    fleet.add("i5");
    CHECK(moved(before, owners(fleet, kKeys)) == 0);
    // The keys of one that left spread over the others.
    fleet.registry.deregister_at("i7", 0, fleet.now());
    const auto after = owners(fleet, kKeys);
    std::set<std::string> heirs;
    for (const auto& [key, id] : before) {
      if (id == "i7") heirs.insert(after.at(key));
    }
    CHECK(heirs.size() > 8);
  }
}

TEST_CASE("the keys of one that drains go to the others by weight") {
  for (const Balancer balancer : kHashed) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer});
    for (const auto& [id, weight] : {std::pair("a", 10), std::pair("b", 9), std::pair("c", 1)}) fleet.add(id, weight);
    const auto before = owners(fleet, 4000);
    fleet.registry.drain_at("a", 0, fleet.now());
    std::map<std::string, int> heirs;
    for (const auto& [key, id] : owners(fleet, 4000)) heirs[before.at(key) == "a" ? id : "kept"] += 1;
    CHECK(heirs["b"] > 5 * heirs["c"]);
    CHECK(heirs["c"] > 0);
  }
}

TEST_CASE("tables that another service had are not taken for one's own") {
  Fleet fleet({.balancer = Balancer::kMaglev}, {.max_hashed_services = 1});
  fleet.add_many(5);
  const auto before = owners(fleet, 200);
  const auto maglev = ServiceConfig::make({.balancer = Balancer::kMaglev}).value();
  REQUIRE(fleet.registry.configure("s", ServiceConfig()).ok());
  REQUIRE(fleet.registry.configure("other", maglev).ok());
  for (const char* id : {"x", "y"}) {  // each writes one of the two
    const InstanceSpec spec{.id = id, .host = "h", .port = 1};
    REQUIRE(fleet.registry.register_instance_at("other", spec, fleet.now()));
  }
  REQUIRE(fleet.registry.configure("other", ServiceConfig()).ok());
  REQUIRE(fleet.registry.configure("s", maglev).ok());
  CHECK(owners(fleet, 200) == before);
}

TEST_CASE("two registries that heard of the same fleet in another order agree about keys") {
  for (const Balancer balancer : kHashed) {
    Fleet one({.balancer = balancer}, {}, 1), other({.balancer = balancer}, {}, 2);
    for (int i = 0; i < 9; ++i) one.add(named("i", i));
    for (int i = 8; i >= 0; --i) other.add(named("i", i));
    CHECK(owners(one, 500) == owners(other, 500));
  }
}

TEST_CASE("tables for keys are bounded, given back, and their bound is named") {
  Fleet fleet({}, {.max_hashed_services = 1});
  const ServiceConfig maglev = ServiceConfig::make({.balancer = Balancer::kMaglev}).value();
  CHECK(fleet.registry.configure("a", maglev).ok());
  CHECK(fleet.registry.configure("a", maglev).ok());
  const auto full = fleet.registry.configure("b", maglev);
  REQUIRE_FALSE(full.ok());
  CHECK(full.error().code == seawall::Code::kFull);
  CHECK(full.error().message.view() == "the registry is full: max_hashed_services is 1");
  CHECK(fleet.registry.configure("a", ServiceConfig()).ok());
  CHECK(fleet.registry.configure("b", maglev).ok());
  CHECK_FALSE(fleet.registry.configure_default(maglev).ok());
  const auto prime = seawall::ServiceRegistryConfig::make({.hash_table_size = 65536});
  CHECK(prime.error().message.view() == "hash_table_size must be a prime, such as 65537, not 65536");
}

TEST_CASE("rules of several services come into force together, or none of them") {
  Fleet fleet;
  const auto by = [](const char* name, Balancer balancer) {
    return seawall::ServiceRule{name, ServiceConfig::make({.balancer = balancer}).value()};
  };
  const auto said = [&](std::vector<seawall::ServiceRule> rules) {
    const auto done = fleet.registry.configure(rules);
    return done ? std::string() : std::string(done.error().message.view());
  };
  const auto balancer = [&](const char* name) { return fleet.registry.explain_at(name, fleet.now())->balancer; };
  CHECK(said({by("s", Balancer::kMaglev), by("a", Balancer::kRingHash)}).empty());
  CHECK(said({by("s", Balancer::kRandom), by("b", Balancer::kMaglev), by("c", Balancer::kMaglev)}) ==
        "the registry is full: max_hashed_services is 2");
  CHECK(balancer("s") == Balancer::kMaglev);
  CHECK(said({by("b", Balancer::kMaglev), by("s", Balancer::kRandom)}).empty());  // with the tables of the other
  CHECK(balancer("b") == Balancer::kMaglev);
  CHECK(said({by("s", Balancer::kRandom), by("s", Balancer::kMaglev)}) == "s: there are two rules for it");
  CHECK_FALSE(said({by("a b", Balancer::kRandom)}).empty());
  // No room for all of the services, or of those that are only to be kept: none is made.
  const auto before = fleet.registry.stats().services;
  std::vector<seawall::ServiceRule> many;
  for (int i = 0; i < 64; ++i) many.push_back(by(("m" + std::to_string(i)).c_str(), Balancer::kRandom));
  CHECK(said(many) == "the registry is full: max_services is 64");
  const std::vector<std::string> kept = {"k", "s", "k", "l"};
  many.resize(static_cast<std::size_t>(63 - before));
  CHECK_FALSE(fleet.registry.configure(many, kept).ok());
  many.resize(1);
  const auto handles = fleet.registry.configure(many, kept);
  CHECK(fleet.registry.stats().services == before + 3);
  REQUIRE(handles.value().size() == 4);
  fleet.add("i");
  CHECK(handles.value()[1].pick_at(fleet.now()).has_value());
  CHECK(said({{"s", std::nullopt}, {"nobody", std::nullopt}}).empty());
  CHECK(balancer("s") == Balancer::kRoundRobin);
  CHECK_FALSE(fleet.registry.explain_at("nobody", fleet.now()));
}

TEST_CASE("another balancer is in force from the next pick on") {
  Fleet fleet;
  fleet.add_many(3);
  std::string before = fleet.call();
  for (const Balancer balancer : kAll) {
    REQUIRE(fleet.registry.configure("s", ServiceConfig::make({.balancer = balancer}).value()).ok());
    CHECK_FALSE(fleet.call().empty());
  }
}

TEST_CASE("the caller's zone comes first while it is enough, then it spills over") {
  for (const Balancer balancer : {Balancer::kRoundRobin, Balancer::kRandom, Balancer::kLeastLoaded}) {
    INFO(to_string(balancer));
    Fleet fleet({.balancer = balancer, .zone = "west"}, {}, 8);
    for (int i = 0; i < 4; ++i) {
      fleet.add(named("w", i), 1, "west");
      fleet.add(named("e", i), 1, "east");
    }
    const auto local = [&] {
      int calls = 0;
      for (const auto& [id, n] : fleet.calls(10'000)) calls += id[0] == 'w' ? n : 0;
      return calls;
    };
    CHECK(local() == 10'000);
    fleet.registry.drain_at("w0", 0, fleet.now());
    fleet.registry.set_health_at("w1", 0, seawall::Health::kFailing, fleet.now());
    CHECK(std::abs(local() - 9'333) < 200);  // 2 of 3 that are known: 2/3 of the traffic times 1.4
    fleet.registry.set_health_at("w2", 0, seawall::Health::kFailing, fleet.now());
    CHECK(std::abs(local() - 4'667) < 300);
    fleet.registry.set_health_at("w3", 0, seawall::Health::kFailing, fleet.now());
    CHECK(local() == 0);
  }
  Fleet fleet({.zone = "west"});
  const std::uint32_t west[] = {fleet.add("w", 1, "west")};
  fleet.add("e", 1, "east");
  CHECK(fleet.flags() == 0);
  CHECK(fleet.flags(west) == seawall::kPickSpilled);
}

TEST_CASE("a newcomer's share grows from its first traffic on") {
  Fleet fleet({.balancer = Balancer::kRoundRobin, .slow_start = 100s});
  for (const auto* id : {"a", "b", "c"}) fleet.add(id);
  CHECK(fleet.calls(300)["a"] == 100);  // most are new: nobody would be left to take the load
  fleet.pass(1000s);
  (void)fleet.registry.register_instance_at(
      "s", {.id = "new", .host = "h", .port = 1, .state = seawall::SelfState::kStarting}, fleet.now());
  fleet.pass(500s);
  fleet.registry.heartbeat_at("new", fleet.registry.find_at("new", fleet.now())->generation, fleet.now(),
                              seawall::SelfState::kServing);
  const auto share = [&] { return fleet.calls(40'000)["new"] / 400.0; };
  CHECK(share() == Approx(100.0 * 0.1 / 3.1).margin(0.3));
  fleet.pass(50s);
  fleet.add("later");  // neither begins the first one's time anew nor ends it
  CHECK(share() == Approx(100.0 * 0.5 / 3.6).margin(0.3));
  fleet.pass(51s);
  CHECK(share() == Approx(100.0 / 4.51).margin(0.3));
}

TEST_CASE("where most are new, all have their whole weight") {
  Fleet fleet({.slow_start = 30s});
  fleet.add("old");
  fleet.pass(60s);
  for (const char* id : {"a", "b", "c"}) fleet.add(id);
  CHECK(fleet.calls(400) == std::map<std::string, int>{{"old", 100}, {"a", 100}, {"b", 100}, {"c", 100}});
}

TEST_CASE("options of a service are checked by name") {
  const auto error = [](const ServiceOptions& options) {
    const auto made = ServiceConfig::make(options);
    return made ? std::string() : std::string(made.error().message.view());
  };
  CHECK(error({}).empty());
  CHECK(error({.balancer = static_cast<Balancer>(6)}).starts_with("balancer must be from 0 to 5"));
  CHECK(error({.over_provisioning_percent = 99}).starts_with("over_provisioning_percent"));
  CHECK(error({.panic_threshold = 101}).starts_with("panic_threshold"));
  CHECK(error({.ejection_failures = 1001}).starts_with("ejection_failures"));
  CHECK(error({.ejection_duration = 1ns}).starts_with("ejection_duration in ns"));
  CHECK(error({.max_ejection_duration = 25h}).starts_with("max_ejection_duration in ns"));
  CHECK(error({.max_ejected_percent = 101}).starts_with("max_ejected_percent"));
  CHECK(error({.least_left = -1}).starts_with("least_left"));
  CHECK(error({.failure_latency = 31s}).starts_with("failure_latency in ns"));
  CHECK(error({.slow_start_least_percent = 0}).starts_with("slow_start_least_percent"));
  CHECK(error({.zone = std::string(64, 'z')}).starts_with("length of zone"));
}

TEST_CASE("tables of keys have a place for each instance, or the configuration says so") {
  const auto made = [](std::int32_t table, std::int32_t each, std::int32_t hashed = 1) {
    return seawall::ServiceRegistryConfig::make({.max_instances = 1000,
                                                 .max_instances_per_service = each,
                                                 .max_hashed_services = hashed,
                                                 .hash_table_size = table});
  };
  CHECK(made(1009, 252));
  REQUIRE_FALSE(made(1009, 253));
  CHECK(made(1009, 253).error().message.view() ==
        "hash_table_size must be at least 4 for each of max_instances_per_service, 1012, not 1009");
  CHECK(made(1009, 253, 0));
  CHECK(made(4001, 60'000));  // of which there are a thousand at most
}
