// SPDX-License-Identifier: MIT
// Views of a service: selectors, subsets, and what they say when they match nobody.
#include <algorithm>
#include <chrono>
#include <map>
#include <new>
#include <set>
#include <span>
#include <string>

#include "seawall/runtime/service_registry.h"
#include "seawall/service_reader.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Balancer;
using seawall::Code;
using seawall::Health;
using seawall::InstanceSelector;
using seawall::Metadata;
using seawall::Outcome;
using seawall::Service;
using seawall::ServiceRegistry;
using seawall::ServiceRegistryConfig;
using seawall::ViewFallback;
using seawall::ViewState;

namespace {

constexpr seawall::TimePoint at(seawall::Duration t) { return seawall::TimePoint(t); }

ServiceRegistryConfig config(std::int32_t instances = 16) {
  return ServiceRegistryConfig::make({.max_expired_percent = 100,
                                      .max_services = 16,
                                      .max_instances = instances,
                                      .max_instances_per_service = instances})
      .value();
}

std::string name_of(int i) { return std::string("i").append(std::to_string(i)); }

void add(ServiceRegistry& registry, const std::string& id, const std::string& zone, Metadata metadata) {
  REQUIRE(registry.register_instance_at(
      "s", {.id = id, .host = "h", .port = 1, .zone = zone, .metadata = std::move(metadata)}, at(0s)));
}

// Two of version 1 in the west, one of version 2 in the east.
ServiceRegistry three() {
  auto registry = ServiceRegistry(config(), at(0s));
  add(registry, "a", "west", {{"version", "1"}});
  add(registry, "b", "west", {{"version", "1"}, {"gpu", ""}});
  add(registry, "c", "east", {{"version", "2"}});
  return registry;
}

// Whom 64 picks get, and the flags of the last one.
struct Picked {
  std::set<std::string> ids;
  std::uint32_t flags = 0;
};
Picked picked(const Service& service, seawall::TimePoint now = at(0s)) {
  Picked all;
  for (std::uint64_t i = 0; i < 64; ++i) {
    seawall::PickText text;
    const auto pick = service.pick_for_at(i, now, text);
    if (!pick) continue;
    service.done_at(pick->ticket, Outcome::kSuccess, now);
    all.ids.emplace(text.id.view());
    all.flags = pick->flags;
  }
  return all;
}
using Ids = std::set<std::string>;

std::set<std::string> listed(const ServiceRegistry& registry, std::string_view name) {
  std::set<std::string> ids;
  for (const auto& instance : registry.reader().snapshot_at(name, at(0s)).instances) ids.insert(instance.id);
  return ids;
}

}  // namespace

TEST_CASE("listing: a selector hides instances and says how many") {
  const auto registry = three();
  const auto west = registry.services_at(at(0s), InstanceSelector::parse("zone=west").value());
  REQUIRE(west.size() == 1);
  CHECK(west[0].instances.size() == 2);
  CHECK(west[0].hidden == 1);
  const auto none = registry.services_at(at(0s), InstanceSelector::parse("zone=north").value());
  REQUIRE(none.size() == 1);
  CHECK(none[0].instances.empty());
  CHECK(none[0].hidden == 3);
  CHECK(registry.services_at(at(0s))[0].hidden == 0);
  CHECK(registry.to_json_at(at(0s), InstanceSelector::parse("!version").value()).find(R"("hidden":3)") !=
        std::string::npos);
  CHECK(registry.to_json_at(at(0s)).find("hidden") == std::string::npos);
}

TEST_CASE("view: picks, snapshots and versions are of those that the selector matches") {
  auto registry = three();
  const Service west = registry.view("west", {.service = "s", .selector = "zone=west"}).value();
  CHECK(picked(west).ids == Ids{"a", "b"});
  CHECK(west.size() == 2);
  CHECK(west.view_state() == ViewState::kMatched);
  CHECK(listed(registry, "west") == Ids{"a", "b"});
  CHECK(listed(registry, "s") == Ids{"a", "b", "c"});
  seawall::PickText text;
  const auto by_name = registry.pick_at("west", at(0s), text);
  REQUIRE(by_name);
  CHECK(text.id.view() != "c");
  registry.done(by_name->ticket);

  const auto held = registry.reader().snapshot_at("west", at(0s));
  CHECK_FALSE(registry.reader().changed_since(held, "west", at(0s)));
  REQUIRE(registry.update_at("s/c", 0, {.zone = "west"}, at(0s)).value() == seawall::RegistryAnswer::kOk);
  CHECK(registry.reader().changed_since(held, "west", at(0s))->changes.added.size() == 1);
  CHECK(picked(west).ids == Ids{"a", "b", "c"});
  registry.drain_at("s/a", 0, at(0s));
  registry.deregister_at("s/b", 0, at(0s));
  CHECK(picked(west).ids == Ids{"c"});
  CHECK(picked(registry.service("west").value()).ids == Ids{"c"});
}

TEST_CASE("view: is defined anew under its name, and no list but its own changes for it") {
  auto registry = three();
  const Service view = registry.view("v", {.service = "s", .selector = "version=1"}).value();
  CHECK(picked(view).ids == Ids{"a", "b"});
  REQUIRE(registry.view("v", {.service = "s", .selector = "version=2"}));
  CHECK(picked(view).ids == Ids{"c"});
  CHECK(picked(registry.service("s").value()).ids == Ids{"a", "b", "c"});
  CHECK(registry.stats().services == 1);
  CHECK(registry.services_at(at(0s)).size() == 1);
}

TEST_CASE("view: names that cannot be, and instances that would be of a view, are refused by name") {
  auto registry = three();
  REQUIRE(registry.view("v", {.service = "s"}));
  REQUIRE(registry.service("other"));
  const auto refusal = [&](std::string_view name, const seawall::ServiceViewOptions& options) {
    const auto made = registry.view(name, options);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::kInvalidArgument);
    return std::string(made.error().message.view());
  };
  CHECK(refusal("s", {.service = "s"}).find("s is a service") != std::string::npos);
  CHECK(refusal("w", {.service = "v"}).find("v is a view") != std::string::npos);
  CHECK(refusal("v", {.service = "other"}).find("v is a view of s") != std::string::npos);
  CHECK(refusal("w", {.service = "s", .selector = "a b"}).find("a b") != std::string::npos);
  CHECK(refusal("w", {.service = "s", .subset = -1}).find("subset") != std::string::npos);
  CHECK(refusal("w", {.service = "s", .fallback = static_cast<ViewFallback>(7)}).find("fallback") != std::string::npos);
  CHECK(refusal("", {.service = "s"}).find("service") != std::string::npos);
  const auto registered = registry.register_instance_at("v", {.id = "x", .host = "h", .port = 1}, at(0s));
  REQUIRE_FALSE(registered);
  CHECK(std::string(registered.error().message.view()).find("v is a view") != std::string::npos);
  CHECK(registry.heartbeat_at("v/a", 1, at(0s)) == seawall::RegistryAnswer::kUnknown);
}

TEST_CASE("view: one that is refused leaves nothing behind") {
  auto registry = ServiceRegistry(
      ServiceRegistryConfig::make({.max_services = 4, .max_instances = 4, .max_instances_per_service = 4}).value(),
      at(0s));
  add(registry, "a", "", {});
  REQUIRE(registry.view("v", {.service = "s"}));
  CHECK_FALSE(registry.view("v", {.service = "b"}));
  CHECK_FALSE(registry.view("s", {.service = "c"}));
  const auto itself = registry.view("d", {.service = "d"});
  REQUIRE_FALSE(itself);
  CHECK(std::string(itself.error().message.view()).find("d is a service") != std::string::npos);
  CHECK(registry.stats().services == 1);
  REQUIRE(registry.service("t"));
  const auto full = registry.view("w", {.service = "e"});  // there is room for one of the two
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Code::kFull);
  CHECK_FALSE(registry.reader().service("e"));
  REQUIRE(registry.view("w", {.service = "t"}));
}

TEST_CASE("view: a selector that matches nobody is told, by every answer") {
  auto registry = three();
  const Service nobody = registry.view("nobody", {.service = "s", .selector = "version=3"}).value();
  const Service all =
      registry.view("all", {.service = "s", .selector = "version=3", .fallback = ViewFallback::kAll}).value();
  CHECK(picked(nobody).ids.empty());
  CHECK(nobody.view_state() == ViewState::kNobody);
  CHECK(registry.reader().snapshot_at("nobody", at(0s)).view == ViewState::kNobody);
  const auto why = registry.explain_at("nobody", at(0s)).value();
  CHECK(why.view == ViewState::kNobody);
  CHECK(why.view_of == "s");
  CHECK(why.unmatched == 3);
  CHECK(why.to_text().find(R"(view of s, 3 unmatched by "version=3": nobody)") != std::string::npos);
  CHECK(why.to_json().find(R"("unmatched":3,"selector":"version=3")") != std::string::npos);

  CHECK(picked(all).ids == Ids{"a", "b", "c"});
  CHECK((picked(all).flags & seawall::kPickUnfiltered) != 0);
  CHECK(all.view_state() == ViewState::kUnfiltered);
  CHECK(registry.reader().snapshot_at("all", at(0s)).view == ViewState::kUnfiltered);
  add(registry, "d", "east", {{"version", "3"}});
  CHECK(picked(all).ids == Ids{"d"});
  CHECK(picked(all).flags == 0);
  CHECK(all.view_state() == ViewState::kMatched);
  CHECK(picked(nobody).ids == Ids{"d"});
  // Failing is not gone: the view panics for itself and does not become the whole service.
  registry.set_health_at("s/d", 0, Health::kFailing, at(0s));
  CHECK(picked(all).ids == Ids{"d"});
  CHECK(picked(all).flags == seawall::kPickPanic);
}

TEST_CASE("view: explain says who is not of it") {
  auto registry = three();
  REQUIRE(registry.view("v", {.service = "s", .selector = "zone=west", .subset = 1, .subset_seed = 7}));
  const auto why = registry.explain_at("v", at(0s)).value();
  std::map<std::string, std::uint32_t> reasons;
  std::size_t taken = 0;
  for (const auto& one : why.instances) {
    reasons[one.id] = one.status.reasons;
    taken += one.verdict == seawall::PickVerdict::kPicked ? 1u : 0u;
  }
  CHECK(taken == 1);
  CHECK(reasons["c"] == seawall::kReasonUnmatched);
  CHECK((reasons["a"] | reasons["b"]) == seawall::kReasonNotInSubset);
  CHECK(registry.explain_at("s", at(0s))->to_text().find("subset") == std::string::npos);
}

TEST_CASE("view: who is ejected through the service is ejected in its views, and the other way round") {
  auto registry = three();
  const Service service = registry.service("s").value();
  const Service west = registry.view("west", {.service = "s", .selector = "zone=west"}).value();
  const auto fail = [&](const Service& through, std::string_view id) {
    for (int failures = 0; failures < 3;) {
      seawall::PickText text;
      const auto pick = through.pick_at(at(1s), text).value();
      const bool it = text.id.view() == id;
      failures += it ? 1 : 0;
      through.done_at(pick.ticket, it ? Outcome::kFailure : Outcome::kSuccess, at(1s));
    }
  };
  fail(service, "a");
  CHECK(picked(west, at(1s)).ids == Ids{"b"});
  CHECK(picked(service, at(1s)).ids == Ids{"b", "c"});
  CHECK(picked(west, at(40s)).ids == Ids{"a", "b"});  // a probe brought it back
  fail(west, "b");
  CHECK(picked(service, at(1s)).ids == Ids{"a", "c"});
  CHECK(registry.stats().ejections == 2);
  CHECK(registry.explain_at("west", at(1s))->ejected == 1);
}

TEST_CASE("view: panics for its own ejected and not for those of the rest of its service") {
  for (const auto mode : {seawall::PanicMode::kFail, seawall::PanicMode::kAll}) {
    CAPTURE(mode);
    auto registry = ServiceRegistry(config(), at(0s));
    REQUIRE(registry.configure(
        "s", seawall::ServiceConfig::make({.panic_mode = mode, .ejection_failures = 1, .max_ejected_percent = 100})
                 .value()));
    for (int i = 0; i < 16; ++i) add(registry, name_of(i), i < 3 ? "canary" : "stable", {});
    const Service service = registry.service("s").value();
    const Service canary = registry.view("canary", {.service = "s", .selector = "zone=canary"}).value();
    const auto eject = [&](const Ids& ids) {
      for (int i = 0; i < 40; ++i) {
        seawall::PickText text;
        const auto pick = service.pick_at(at(1s), text).value();
        service.done_at(pick.ticket, ids.contains(std::string(text.id.view())) ? Outcome::kFailure : Outcome::kSuccess,
                        at(1s));
      }
    };
    registry.set_health_at("s/i0", 0, Health::kFailing, at(1s));
    eject({"i7", "i8", "i9"});
    CHECK(picked(canary, at(1s)).ids == Ids{"i1", "i2"});
    CHECK(picked(canary, at(1s)).flags == 0);
    auto why = registry.explain_at("canary", at(1s)).value();
    CHECK(why.ejected == 0);
    CHECK_FALSE(why.panic);
    CHECK(registry.explain_at("s", at(1s))->ejected == 3);
    eject({"i1", "i2"});
    why = registry.explain_at("canary", at(1s)).value();
    CHECK(why.ejected == 2);
    CHECK(why.panic);
    const auto in_panic = picked(canary, at(1s));
    CHECK(in_panic.ids == (mode == seawall::PanicMode::kFail ? Ids{} : Ids{"i0", "i1", "i2"}));
    CHECK(picked(service, at(1s)).flags == 0);
  }
}

TEST_CASE("subset: stays in use when a small part of a large service is ejected") {
  auto registry = ServiceRegistry(config(100), at(0s));
  REQUIRE(registry.configure(
      "s", seawall::ServiceConfig::make({.panic_mode = seawall::PanicMode::kFail, .ejection_failures = 1}).value()));
  for (int i = 0; i < 100; ++i) add(registry, name_of(i), "", {});
  const Service service = registry.service("s").value();
  const Service mine = registry.view("mine", {.service = "s", .subset = 8, .subset_seed = 3}).value();
  const Ids members = listed(registry, "mine");
  for (int i = 0; i < 100; ++i) {
    seawall::PickText text;
    const auto pick = service.pick_at(at(0s), text).value();
    const std::string id(text.id.view());
    const bool fails = !members.contains(id) && i < 20;
    service.done_at(pick.ticket, fails ? Outcome::kFailure : Outcome::kSuccess, at(0s));
  }
  REQUIRE(registry.stats().ejections > 8);
  CHECK(picked(mine).ids == members);
}

TEST_CASE("view: chooses as its service does until it is configured by its name") {
  auto registry = three();
  REQUIRE(registry.view("v", {.service = "s"}));
  const auto balancer = [&](std::string_view name) { return registry.explain_at(name, at(0s))->balancer; };
  REQUIRE(registry.configure_default(seawall::ServiceConfig::make({.balancer = Balancer::kRandom}).value()));
  CHECK(balancer("v") == Balancer::kRandom);
  REQUIRE(registry.configure("s", seawall::ServiceConfig::make({.balancer = Balancer::kLeastLoaded}).value()));
  CHECK(balancer("v") == Balancer::kLeastLoaded);
  REQUIRE(registry.configure("v", seawall::ServiceConfig::make({.balancer = Balancer::kPeakEwma}).value()));
  REQUIRE(registry.configure("s", {}));
  CHECK(balancer("v") == Balancer::kPeakEwma);
  CHECK(balancer("s") == Balancer::kRoundRobin);
  REQUIRE(registry.configure_default(seawall::ServiceConfig::make({.balancer = Balancer::kRandom}).value()));
  CHECK(balancer("v") == Balancer::kPeakEwma);

  // Latencies are learnt for it, though its service asks for none.
  const Service view = registry.service("v").value();
  const auto pick = view.pick_at(at(0s)).value();
  view.done_at(pick.ticket, Outcome::kSuccess, at(0s), 20ms);
  const auto why = registry.explain_at("v", at(0s)).value();
  CHECK(std::ranges::count_if(why.instances, [](const auto& one) { return one.latency > 15ms; }) == 1);
}

TEST_CASE("view: one that chooses by key has a table of its own, of its own instances") {
  auto registry = ServiceRegistry(
      ServiceRegistryConfig::make({.max_instances_per_service = 16, .max_hashed_services = 2, .hash_table_size = 251})
          .value(),
      at(0s));
  for (const char* id : {"a", "b", "c", "d"}) add(registry, id, id < std::string("c") ? "west" : "east", {});
  const auto keyed = seawall::ServiceConfig::make({.balancer = Balancer::kMaglev}).value();
  REQUIRE(registry.configure("s", keyed));
  const Service west = registry.view("west", {.service = "s", .selector = "zone=west"}).value();
  CHECK(picked(west).ids == Ids{"a", "b"});
  CHECK(picked(registry.service("s").value()).ids == Ids{"a", "b", "c", "d"});
  const auto third = registry.view("east", {.service = "s", .selector = "zone=east"});
  REQUIRE_FALSE(third);
  CHECK(third.error().code == Code::kFull);
  CHECK(std::string(third.error().message.view()).find("max_hashed_services") != std::string::npos);
  CHECK_FALSE(registry.reader().service("east"));
  REQUIRE(registry.configure("west", {}));
  CHECK(registry.view("east", {.service = "s", .selector = "zone=east"}));
  const auto both = registry.configure("s", {});
  REQUIRE(both);
  REQUIRE(registry.configure("west", keyed));
  const auto full = registry.configure("s", keyed);  // itself and the view that follows it
  REQUIRE_FALSE(full);
  CHECK(registry.explain_at("s", at(0s))->balancer == Balancer::kRoundRobin);
}

TEST_CASE("view: one that chooses by key judges by its own list who is well") {
  for (const auto balancer : {Balancer::kMaglev, Balancer::kRingHash}) {
    CAPTURE(balancer);
    auto registry = ServiceRegistry(config(), at(0s));
    for (int i = 0; i < 10; ++i) add(registry, name_of(i), i < 3 ? "west" : "east", {});
    REQUIRE(registry.configure("s", seawall::ServiceConfig::make({.balancer = balancer}).value()));
    const Service west = registry.view("west", {.service = "s", .selector = "zone=west"}).value();
    const auto keys = [&] {
      std::map<std::uint64_t, std::string> to;
      for (std::uint64_t key = 0; key < 64; ++key) {
        seawall::PickText text;
        const auto pick = west.pick_for_at(key, at(0s), text).value();
        west.done_at(pick.ticket, Outcome::kSuccess, at(0s));
        to[key] = text.id.view();
      }
      return to;
    };
    const auto health = [&](int from, int to, Health word) {
      for (int i = from; i < to; ++i) registry.set_health_at(seawall::instance_name("s", name_of(i)), 0, word, at(0s));
    };
    const auto well = keys();
    health(0, 3, Health::kWarning);  // all of the view, which is a small part of the service
    CHECK(keys() == well);
    health(0, 2, Health::kPassing);
    health(3, 10, Health::kWarning);  // the service lists who only warns, the view has two of three without
    CHECK(listed(registry, "s").contains("i2"));
    CHECK(picked(west).ids == Ids{"i0", "i1"});
    const auto two = keys();
    CHECK(
        std::ranges::all_of(well, [&](const auto& to) { return to.second == "i2" || two.at(to.first) == to.second; }));
    health(0, 3, Health::kFailing);  // panic takes all
    CHECK(keys() == well);
  }
}

TEST_CASE("subset: has as many as asked for that may get traffic, wherever there are") {
  auto registry = ServiceRegistry(config(100), at(0s));
  for (int i = 0; i < 100; ++i) add(registry, name_of(i), "", {});
  const Service mine = registry.view("mine", {.service = "s", .subset = 10, .subset_seed = 42}).value();
  auto before = listed(registry, "mine");
  CHECK(before.size() == 10);
  CHECK(picked(mine).ids == before);
  // Members fall ill one after the other: each changes one place, and ten are left until there are not ten.
  std::set<std::string> ill;
  while (ill.size() < 95) {
    const std::string next = *before.begin();
    ill.insert(next);
    registry.set_health_at(seawall::instance_name("s", next), 0, Health::kFailing, at(0s));
    const auto now = listed(registry, "mine");
    CHECK(now.size() == std::min<std::size_t>(10, 100 - ill.size()));
    std::set<std::string> stayed;
    std::ranges::set_intersection(before, now, std::inserter(stayed, stayed.end()));
    CHECK(stayed.size() == before.size() - 1);
    before = now;
  }
  for (const std::string& id : ill)
    registry.set_health_at(seawall::instance_name("s", id), 0, Health::kPassing, at(0s));
  CHECK(listed(registry, "mine").size() == 10);
}

TEST_CASE("subset: a member that comes or goes moves one place, and clients cover the fleet evenly") {
  auto registry = ServiceRegistry(config(101), at(0s));
  for (int i = 0; i < 100; ++i) add(registry, name_of(i), "", {});
  std::map<std::string, int> covered;
  for (std::uint64_t client = 1; client <= 200; ++client) {
    REQUIRE(registry.view("mine", {.service = "s", .subset = 20, .subset_seed = client}));
    for (const std::string& id : listed(registry, "mine")) ++covered[id];
  }
  REQUIRE(covered.size() == 100);  // each by 40 of the 200, give or take
  double chi_square = 0;
  for (const auto& [id, times] : covered) chi_square += (times - 40.0) * (times - 40.0) / (40.0 * 0.8);
  CHECK(chi_square < 149);  // 99 degrees of freedom, 0.1 %

  const auto moved = [&](const std::set<std::string>& before) {
    const auto now = listed(registry, "mine");
    std::set<std::string> fresh;
    std::ranges::set_difference(now, before, std::inserter(fresh, fresh.end()));
    return fresh.size();
  };
  auto before = listed(registry, "mine");
  add(registry, "newcomer", "", {});
  CHECK(moved(before) <= 1);
  for (int i = 0; i < 100; i += 7) {
    before = listed(registry, "mine");
    const std::string id = name_of(i);
    registry.deregister_at(seawall::instance_name("s", id), 0, at(0s));
    CHECK(moved(before) == (before.contains(id) ? 1u : 0u));
  }
}

TEST_CASE("subset: is of those that the selector matches") {
  auto registry = ServiceRegistry(config(40), at(0s));
  for (int i = 0; i < 40; ++i) add(registry, name_of(i), i % 2 == 0 ? "west" : "east", {});
  REQUIRE(registry.view("mine", {.service = "s", .selector = "zone=west", .subset = 5}));
  const auto snapshot = registry.reader().snapshot_at("mine", at(0s));
  CHECK(snapshot.instances.size() == 5);
  for (const auto& instance : snapshot.instances) CHECK(instance.zone == "west");
}

TEST_CASE("view: the next writer of shared memory keeps views as they were defined, and other processes see them") {
  const std::size_t bytes = ServiceRegistry::memory_for(config());
  const std::unique_ptr<std::byte[], void (*)(std::byte*)> memory(
      new (std::align_val_t(64)) std::byte[bytes], [](std::byte* p) { ::operator delete[](p, std::align_val_t(64)); });
  const std::span block(memory.get(), bytes);
  {
    auto first = ServiceRegistry::make_in(block, config(), at(0s)).value();
    add(first, "a", "west", {{"v", "1"}});
    add(first, "b", "west", {{"v", "2"}});
    REQUIRE(first.view("old", {.service = "s", .selector = "v=9"}));
    REQUIRE(first.view("old", {.service = "s", .selector = "v=2"}));
    REQUIRE(first.view("all", {.service = "s", .selector = "v=9", .subset = 1, .fallback = ViewFallback::kAll}));
  }
  const auto reader = seawall::ServiceReader::attach(block).value();
  const Service before = reader.service("old").value();
  CHECK(picked(before).ids == Ids{"b"});
  auto next = ServiceRegistry::take_over(block, config(), ServiceRegistry::TakeOver::kAtOnce, at(0s)).value();
  CHECK(picked(before).ids == Ids{"b"});
  add(next, "c", "east", {{"v", "2"}});
  CHECK(picked(before).ids == Ids{"b", "c"});
  CHECK(picked(reader.service("all").value()).ids.size() == 1);
  CHECK(reader.service("all")->view_state() == ViewState::kUnfiltered);
  CHECK(next.services_at(at(0s)).size() == 1);
  REQUIRE(next.view("old", {.service = "s", .selector = "v=1"}));
  CHECK(picked(before).ids == Ids{"a"});
  CHECK_FALSE(next.register_instance_at("old", {.id = "x", .host = "h", .port = 1}, at(0s)));
}
