// SPDX-License-Identifier: MIT
// What the follower of sources promises; time is written out. Grace is 10 s, the ceiling 10 min.
#include "seawall/runtime/source_follower.h"

#include <set>
#include <string>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"
#include "support/followed.h"

using namespace std::chrono_literals;
using namespace seawall::testing;
using seawall::Duration;
using seawall::InstanceSpec;
using seawall::ListSource;
using seawall::ServiceRegistry;
using seawall::SourceAnswer;
using seawall::SourceFollower;
using seawall::SourceFollowerConfig;
using seawall::SourceFollowerOptions;
using seawall::SourceInfo;
using seawall::SourcePriority;
using seawall::SourceStatus;
using seawall::TimePoint;

TEST_CASE("what a source lists is registered at once and needs no heartbeats of its own") {
  Followed f;
  CHECK(f.says(list({"a", "b"})) == Ids{"a", "b"});
  CHECK(f.after(1h) == Ids{"a", "b"});
  CHECK(f.registry.stats().expirations == 0);
  CHECK(f.follower.stats().instances == 2);
  CHECK(f.follower.stats().adds == 2);
}

TEST_CASE("an instance that is listed no more goes after the grace, not before") {
  Followed f;
  f.says(list({"a", "b"}));
  f.says(list({"a"}));
  CHECK(f.info().leaving == 1);
  f.after(9s);
  f.now = 10s - 1ns;
  CHECK(f.tick() == Ids{"a", "b"});
  f.now = 10s;
  CHECK(f.tick() == Ids{"a"});
  CHECK(f.follower.stats().removals == 1);
  CHECK(f.info().leaving == 0);
}

TEST_CASE("an instance that comes back within the grace never left") {
  Followed f;
  f.says(list({"a", "b"}));
  const auto generation = f.registry.find_at("b", at(0s))->generation;
  f.says(list({"a"}));
  f.after(9s);
  f.says(list({"a", "b"}));
  CHECK(f.after(60s) == Ids{"a", "b"});
  CHECK(f.registry.find_at("b", at(60s))->generation == generation);
}

TEST_CASE("a failed source takes nothing, however long, and its list is flagged stale, with its age and the reason") {
  Followed f;
  f.says(list({"a", "b"}));
  f.after(5s);
  f.says(word(SourceStatus::kFailed));
  CHECK(f.after(5h) == Ids{"a", "b"});
  const SourceInfo info = f.info();
  CHECK(info.stale);
  CHECK(info.age == 5h);
  CHECK(info.reason == "SERVFAIL");
  CHECK(info.failures == 1);
}

TEST_CASE("removals wait only while the source is healthy, and anew after it comes back") {
  Followed f;
  f.says(list({"a", "b"}));
  f.says(list({"a"}));
  f.after(9s);
  f.says(word(SourceStatus::kFailed));
  CHECK(f.after(60s) == Ids{"a", "b"});
  f.says(word(SourceStatus::kUnchanged));  // still without b
  CHECK(f.follower.stats().recoveries == 1);
  CHECK(f.after(69s) == Ids{"a", "b"});
  CHECK(f.after(70s) == Ids{"a"});
}

TEST_CASE("an empty answer takes nothing before the ceiling, and all at the ceiling") {
  for (const SourceAnswer& empty : {word(SourceStatus::kEmpty), list({})}) {
    Followed f;
    f.says(list({"a"}));
    f.says(empty);
    CHECK(f.info().doubted);
    f.after(600s - 1s);
    f.now = 600s - 1ns;
    CHECK(f.tick() == Ids{"a"});
    f.now = 600s;
    CHECK(f.tick().empty());
    CHECK_FALSE(f.info().doubted);
    CHECK(f.follower.stats().doubted == 1);
  }
}

TEST_CASE("a list that lost more than half waits for the ceiling, one that lost half does not") {
  Followed f;
  f.says(list({"a", "b", "c", "d", "e"}));
  f.says(list({"a", "b"}));
  CHECK(f.info().doubted);
  CHECK(f.after(599s).size() == 5);
  CHECK(f.after(600s) == Ids{"a", "b"});

  Followed g;
  g.says(list({"a", "b", "c", "d"}));
  g.says(list({"a", "b"}));
  CHECK_FALSE(g.info().doubted);
  CHECK(g.after(10s) == Ids{"a", "b"});
}

TEST_CASE("a list that shrinks in steps is measured by what it was before the first") {
  Followed f;
  f.says(list({"a", "b", "c", "d", "e", "f"}));
  f.says(list({"a", "b", "c", "d"}));
  f.after(5s);
  f.says(list({"a", "b"}));
  CHECK(f.after(60s).size() == 6);
}

TEST_CASE("a list with all new ids of the same length is no shrunken one") {
  Followed f;
  f.says(list({"a1", "b1", "c1", "d1"}));
  f.says(list({"a2", "b2", "c2", "d2"}));
  CHECK_FALSE(f.info().doubted);
  CHECK(f.after(9s).size() == 8);
  CHECK(f.after(10s) == Ids{"a2", "b2", "c2", "d2"});
}

TEST_CASE("not found counts as a failure, and as empty when it is repeated") {
  Followed f;
  f.says(list({"a"}));
  f.says(word(SourceStatus::kNotFound));
  CHECK(f.info().stale);
  f.says(word(SourceStatus::kNotFound));
  CHECK(f.info().stale);
  CHECK(f.after(3600s) == Ids{"a"});
  f.says(word(SourceStatus::kNotFound));
  CHECK_FALSE(f.info().stale);
  CHECK(f.after(3600s + 599s) == Ids{"a"});
  CHECK(f.after(3600s + 600s).empty());
  CHECK(f.follower.sources_at(at(f.now)).empty());  // nobody asks for a service that its source does not know
}

TEST_CASE("what its source follows no more goes after the grace, without doubt, and nothing is told of it then") {
  Followed f;
  f.says(list({"a", "b"}));
  f.says(word(SourceStatus::kForgotten));
  CHECK_FALSE(f.info().doubted);
  CHECK(f.after(9s) == Ids{"a", "b"});
  CHECK(f.after(10s).empty());
  CHECK(f.follower.sources_at(at(f.now)).empty());
  f.says(word(SourceStatus::kForgotten));  // of whom nobody knows
  CHECK(f.follower.sources_at(at(f.now)).empty());
  CHECK(f.says(list({"a"})) == Ids{"a"});
}

TEST_CASE("a list that was doubted is so too when its source follows the service no more") {
  Followed f;
  f.says(list({"a"}));
  f.says(word(SourceStatus::kEmpty));
  f.after(5s);
  f.says(word(SourceStatus::kForgotten));
  CHECK(f.info().doubted);
  CHECK(f.after(599s) == Ids{"a"});
  CHECK(f.after(600s).empty());
  CHECK(f.follower.sources_at(at(f.now)).empty());
}

TEST_CASE("a source that follows a service no more leaves it to the others") {
  Followed f;
  ListSource other;
  f.follower.add(other, {.name = "other"});
  other.say(list({"b"}));
  CHECK(f.says(list({"a"})) == Ids{"a", "b"});
  CHECK(f.follower.sources_at(at(f.now)).size() == 2);
  f.says(word(SourceStatus::kForgotten));
  CHECK(f.after(10s) == Ids{"b"});
  REQUIRE(f.follower.sources_at(at(f.now)).size() == 1);
  CHECK(f.info().source == "other");
}

TEST_CASE("a not found between two lists begins the count anew") {
  Followed f;
  f.says(list({"a"}));
  for (int i = 0; i < 9; ++i) f.says(i % 3 == 2 ? list({"a"}) : word(SourceStatus::kNotFound));
  CHECK(f.info().failures == 6);
  CHECK_FALSE(f.info().doubted);
}

TEST_CASE("a source that is silent for longer than it vouched for is stale and takes nothing") {
  Followed f;
  auto answer = list({"a", "b"});
  answer.ttl = 30s;
  f.says(answer);
  answer = list({"a"});
  answer.ttl = 5s;
  f.says(answer);
  CHECK(f.after(5s) == Ids{"a", "b"});
  CHECK_FALSE(f.info().stale);
  CHECK(f.after(120s) == Ids{"a", "b"});
  CHECK(f.info().stale);
  answer = word(SourceStatus::kUnchanged);
  answer.ttl = 60s;
  f.says(answer);
  CHECK(f.after(129s) == Ids{"a", "b"});
  CHECK(f.after(130s) == Ids{"a"});
  CHECK(f.follower.stats().recoveries == 1);
}

TEST_CASE("the age that a source gives is part of its age") {
  Followed f;
  auto answer = list({"a"});
  answer.age = 40s;
  f.says(answer);
  f.after(2s);
  CHECK(f.info().age == 42s);
}

TEST_CASE("an id that stands twice in a list counts once") {
  Followed f;
  auto answer = list({"a"});
  answer.instances.push_back({.id = "a", .host = "10.0.0.9", .port = 1});
  f.says(answer);
  CHECK(f.follower.stats().duplicates == 1);
  CHECK(f.registry.find_at("a", at(0s))->host == "127.0.0.1");
  CHECK(f.info().listed == 1);
}

TEST_CASE("sources are joined by id, the best record counts") {
  Followed f;
  ListSource dns, registry;
  f.follower.add(registry, {.name = "registry", .priority = SourcePriority::kRegistry});
  f.follower.add(dns, {.name = "dns", .priority = SourcePriority::kDns});
  dns.say(list({"a", "b"}, 2));
  registry.say(list({"b", "c"}, 3));
  CHECK(f.says(list({"a", "b", "d"}, 1)) == Ids{"a", "b", "c", "d"});
  const auto port = [&](const char* id) { return f.registry.find_at(id, at(f.now))->port; };
  CHECK(port("a") == 2);
  CHECK(port("b") == 3);
  CHECK(port("c") == 3);
  CHECK(port("d") == 1);
  registry.say(list({"c"}, 3));
  f.after(10s);
  CHECK(port("b") == 2);
  std::vector<std::string> names;
  for (const auto& info : f.follower.sources_at(at(f.now))) names.push_back(info.source);
  CHECK(names == std::vector<std::string>{"registry", "dns", "list"});
}

TEST_CASE("each source has its own staleness") {
  Followed f;
  ListSource dns;
  f.follower.add(dns, {.name = "dns", .priority = SourcePriority::kDns});
  dns.say(list({"b"}));
  f.says(list({"a"}));
  dns.say(word(SourceStatus::kFailed));
  f.tick();
  const auto all = f.follower.sources_at(at(f.now));
  REQUIRE(all.size() == 2);
  CHECK(all[0].stale);
  CHECK_FALSE(all[1].stale);
}

TEST_CASE("a fallback counts only while no other source has anybody") {
  ServiceRegistry registry({}, at(0s));
  ListSource disk, dns;
  SourceFollower follower(registry);
  follower.add(disk, {.name = "disk", .priority = SourcePriority::kDisk, .fallback = true});
  follower.add(dns, {.name = "dns", .priority = SourcePriority::kDns});
  disk.say(list({"a", "b"}));
  dns.say(word(SourceStatus::kFailed));
  follower.tick_at(at(0s));
  CHECK(listing(registry, at(0s)) == Ids{"a", "b"});
  dns.say(list({"b", "c"}));
  follower.tick_at(at(1s));
  CHECK(listing(registry, at(1s)) == Ids{"b", "c"});
}

TEST_CASE("an instance that registered itself is left alone until it is gone") {
  Followed f;
  const auto mine = f.registry.register_instance_at("s", {.id = "a", .host = "10.0.0.1", .port = 9}, at(0s)).value();
  f.says(list({"a"}));
  CHECK(f.follower.stats().yielded == 1);
  CHECK(f.registry.find_at("a", at(0s))->generation == mine.generation);
  f.registry.deregister_at("a", mine.generation, at(0s));
  f.after(1s);
  CHECK(f.registry.find_at("a", at(1s))->host == "127.0.0.1");

  // And the other way round: it takes over from the source.
  const auto again = f.registry.register_instance_at("s", {.id = "a", .host = "10.0.0.1", .port = 9}, at(2s)).value();
  f.after(3s);
  f.says(list({"b", "c"}));
  f.after(14s);
  CHECK(f.registry.find_at("a", at(f.now))->generation == again.generation);  // the source's removal does not touch it
}

TEST_CASE("what the registry removed comes back with the next heartbeat") {
  Followed f;
  f.says(list({"a"}));
  f.registry.deregister_at("a", ServiceRegistry::kAnyGeneration, at(0s));
  CHECK(f.after(1s) == Ids{"a"});
}

TEST_CASE("what the registry refuses is counted, explained and tried again") {
  seawall::ServiceRegistryOptions small;
  small.max_instances = 1;
  ServiceRegistry registry(seawall::ServiceRegistryConfig::make(small).value(), at(0s));
  ListSource source;
  SourceFollower follower(registry);
  follower.add(source, {.name = "list"});
  source.say(list({"a", "b"}));
  follower.tick_at(at(0s));
  CHECK(follower.stats().instances == 1);
  CHECK(follower.stats().refused == 1);
  CHECK(follower.stats().last_refusal == "b: the registry is full: max_instances is 1");
  source.say(list({"b"}));
  for (auto t = 1s; t <= 12s; t += 1s) follower.tick_at(at(t));
  CHECK(listing(registry, at(12s)) == Ids{"b"});
  CHECK(follower.stats().refused == 0);
}

TEST_CASE("a changed record takes effect, only another address or a step back is a new generation") {
  Followed f;
  f.says(list({"a"}));
  f.says(list({"a"}, 9999));
  const auto moved = *f.registry.find_at("a", at(0s));
  CHECK(moved.port == 9999);
  CHECK(f.follower.stats().updates == 1);
  auto changed = list({"a"}, 9999);
  changed.instances[0].weight = 7;
  changed.instances[0].zone = std::string("z");
  changed.instances[0].metadata = {{"k", "v"}};
  f.says(changed);
  CHECK(f.registry.find_at("a", at(0s))->weight == 7);
  CHECK(f.registry.find_at("a", at(0s))->zone == "z");
  CHECK(f.registry.find_at("a", at(0s))->metadata == changed.instances[0].metadata);
  changed.instances[0].state = seawall::SelfState::kDraining;
  CHECK(f.says(changed).empty());
  CHECK(f.registry.find_at("a", at(0s))->generation == moved.generation);
  changed.instances[0].state = seawall::SelfState::kServing;
  CHECK(f.says(changed) == Ids{"a"});
  CHECK(f.registry.find_at("a", at(0s))->generation > moved.generation);
  CHECK(f.follower.stats().updates == 4);
}

TEST_CASE("a service may be of a namespace") {
  Followed f;
  SourceAnswer answer{.service = "blue/s"};
  const auto id = seawall::instance_id_of("blue/s", "10.0.0.1", 80);
  CHECK(id == "s@10.0.0.1:80");
  answer.instances.push_back({.id = id, .host = "10.0.0.1", .port = 80});
  CHECK(f.says(answer) == Ids{id});
  CHECK(f.registry.find_at(seawall::instance_name("blue/s", id), at(0s)));
}

TEST_CASE("all is bounded: instances and services beyond are left out and counted") {
  SourceFollowerOptions options;
  options.max_instances = 3;
  options.max_services = 1;
  Followed f(options);
  f.says(list({"a", "b"}));
  f.says(list({"a", "c", "d"}));
  CHECK(f.tick() == Ids{"a", "b", "c"});
  CHECK(f.follower.stats().left_out == 1);
  f.says({.service = "t", .instances = {{.id = "t", .host = "h", .port = 1}}});
  CHECK(f.follower.stats().left_out == 2);
  f.after(10s);
  CHECK(f.says(list({"a", "c", "d"})) == Ids{"a", "c", "d"});
}

TEST_CASE("instances that were left out are taken in when there is room, with no new list") {
  SourceFollowerOptions options;
  options.max_instances = 4;
  Followed f(options);
  f.says(of("t", list({"x", "y", "z"})));
  CHECK(f.says(list({"a", "b", "c"})) == Ids{"x", "y", "z", "a"});
  CHECK(f.follower.stats().left_out == 2);
  f.says(of("t", list({"x"})));
  f.after(10s);
  CHECK(f.says(word(SourceStatus::kUnchanged)) == Ids{"x", "a", "b", "c"});
  // What it lists no more meanwhile is not: its last word counts.
  f.says(list({"a", "b", "c", "d", "e"}));
  CHECK(f.says(list({"a", "b", "c", "d"})) == Ids{"x", "a", "b", "c"});
  for (int i = 0; i < 3; ++i) f.says(of("t", word(SourceStatus::kNotFound)));
  CHECK(f.after(11min) == Ids{"a", "b", "c", "d"});
}

TEST_CASE("services that were left out are taken in when there is room, with no new list") {
  SourceFollowerOptions options;
  options.max_services = 1;
  Followed f(options);
  f.says(list({"a"}));
  CHECK(f.says(of("t", list({"x", "y"}))) == Ids{"a"});
  f.says(word(SourceStatus::kEmpty));
  f.says(of("t", word(SourceStatus::kFailed)));  // takes nothing
  CHECK(f.after(11min) == Ids{"x", "y"});
}

TEST_CASE("a registry as a source: the live instances, with what its prober and operator said") {
  ServiceRegistry central({}, at(0s));
  for (const char* id : {"a", "b", "c", "d"}) {
    REQUIRE(central.register_instance_at("s", {.id = id, .host = "h", .port = 1}, at(0s)));
  }
  central.set_health_at("b", ServiceRegistry::kAnyGeneration, seawall::Health::kFailing, at(0s));
  central.drain_at("c", ServiceRegistry::kAnyGeneration, at(0s));
  central.set_admin_at("d", ServiceRegistry::kAnyGeneration, seawall::AdminState::kDisabled, at(0s));
  seawall::RegistrySource source(central);
  ServiceRegistry local({}, at(0s));
  SourceFollower follower(local);
  follower.add(source, {.name = "central", .priority = SourcePriority::kRegistry});
  follower.tick_at(at(0s));
  CHECK(listing(local, at(0s)) == Ids{"a"});
  CHECK(local.find_at("b", at(0s))->status.state() == std::string_view("unhealthy"));
  CHECK(local.find_at("c", at(0s))->status.state() == std::string_view("draining"));
  CHECK_FALSE(local.find_at("d", at(0s)));
  follower.tick_at(at(1s));
  CHECK(follower.sources_at(at(1s)).at(0).answers == 2);
  central.tick_at(at(1s));
  for (auto t = 2s; t <= 40s; t += 1s) central.tick_at(at(t));  // nobody renews: all expire, then they are removed
  for (auto t = 2s; t <= 40s; t += 1s) follower.tick_at(at(t));
  CHECK(listing(local, at(40s)) == Ids{"a"});  // the whole service went at once: doubted
}

TEST_CASE("what a source finds of health is told once, so that a prober of the host has the say in between") {
  Followed f;
  auto answer = list({"a", "b"});
  answer.health = {seawall::Health::kFailing, seawall::Health::kWarning};
  f.says(answer);
  const auto health = [&](const char* id) { return f.registry.find_at(id, at(f.now))->health; };
  CHECK(health("a") == seawall::Health::kFailing);
  CHECK(health("b") == seawall::Health::kWarning);
  f.registry.set_health_at("a", ServiceRegistry::kAnyGeneration, seawall::Health::kPassing, at(0s));
  f.says(answer);
  CHECK(f.after(2s) == Ids{"a", "b"});
  CHECK(health("a") == seawall::Health::kPassing);
  f.registry.deregister_at("a", ServiceRegistry::kAnyGeneration, at(2s));
  f.after(3s);
  CHECK(health("a") == seawall::Health::kFailing);  // a registration of its own, which has heard nothing else
  answer.health = {};
  f.says(answer);
  CHECK(health("a") == seawall::Health::kUnknown);
}

TEST_CASE("ids made of addresses are unique and short enough") {
  CHECK(seawall::instance_id_of("trading", "10.0.0.1", 8001) == "trading@10.0.0.1:8001");
  const std::string longest(63, 's');
  const auto a = seawall::instance_id_of(longest, "10.0.0.1", 8001);
  const auto b = seawall::instance_id_of(longest, "10.0.0.2", 8001);
  CHECK(a.size() == 63);
  CHECK(a != b);
  ServiceRegistry registry({}, at(0s));
  CHECK(registry.register_instance_at(longest, {.id = a, .host = "10.0.0.1", .port = 8001}, at(0s)).ok());
}

TEST_CASE("options are checked") {
  SourceFollowerOptions options;
  options.removal_ceiling = options.removal_grace - 1ns;
  const auto made = SourceFollowerConfig::make(options);
  REQUIRE_FALSE(made.ok());
  CHECK(std::string(made.error().message.view()).find("removal_ceiling in ns must be from") == 0);
}

TEST_CASE("the listing is JSON whatever the source says") {
  Followed f;
  f.says({.service = "s", .status = SourceStatus::kFailed, .reason = "\"\xff\n"});
  CHECK(f.follower.to_json_at(at(0s)) ==
        R"({"stats":{"instances":0,"refused":0,"yielded":0,"adds":0,"updates":0,"removals":0,"duplicates":0,)"
        R"("left_out":0,"recoveries":0,"doubted":0,"last_refusal":""},"sources":[{"source":"list","service":"s",)"
        R"("priority":"static","fallback":false,"stale":true,"doubted":false,"age_ms":0,"listed":0,"leaving":0,)"
        R"("answers":1,"failures":1,"reason":"\"?\u000a"}]})");
}
