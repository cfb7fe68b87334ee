// SPDX-License-Identifier: MIT
// The verbs of a registry in Redis, and what its readers are told, with a real server.
#include <chrono>
#include <string>
#include <vector>

#include "redis/registry_call.h"
#include "seawall/redis/instance_keeper.h"
#include "seawall/redis/registrar.h"
#include "seawall/redis/store_source.h"
#include "seawall/redis/trip_board.h"
#include "support/catch.h"
#include "support/redis_registry.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using namespace seawall::testing;

TEST_CASE("registering fences who had the id, and what is fenced stays out") {
  Registry r;
  const StoreWord first = r.registrar.register_instance("trading", spec("a"));
  CHECK(shown(first) == "ok");
  CHECK(shown(r.registrar.renew("trading", "a", first.generation)) == "ok");
  CHECK(shown(r.registrar.renew("trading", "b", first.generation)) == "unknown");
  CHECK(shown(r.registrar.renew("trading", "a", first.generation + 1)) == "unknown");

  const StoreWord second = r.registrar.register_instance("trading", spec("a"));
  CHECK(shown(second) == "ok");
  CHECK(second.generation > first.generation);
  for (const StoreWord& old :
       {r.registrar.renew("trading", "a", first.generation), r.registrar.drain("trading", "a", first.generation),
        r.registrar.deregister("trading", "a", first.generation),
        // Sent before the second came, and found by the server later.
        r.registrar.register_instance("trading", spec("a"), first.generation)}) {
    CHECK(shown(old) == "fenced");
    CHECK(old.generation == second.generation);
  }
  CHECK(shown(r.registrar.renew("trading", "a", second.generation)) == "ok");

  CHECK(shown(r.registrar.deregister("trading", "a", second.generation)) == "ok");
  CHECK(shown(r.registrar.deregister("trading", "a", second.generation)) == "ok");
  CHECK(shown(r.registrar.deregister("trading", "a")) == "unknown");
  CHECK(shown(r.registrar.renew("trading", "a", second.generation)) == "fenced");
  CHECK(shown(r.registrar.register_instance("trading", spec("a"), second.generation)) == "fenced");
  const StoreWord third = r.registrar.register_instance("trading", spec("a"));
  CHECK(shown(third) == "ok");
  CHECK(third.generation > second.generation);
}

TEST_CASE("an instance's state moves forward only, and an operator needs no generation") {
  Registry r;
  InstanceSpec starting = spec("a");
  starting.state = SelfState::kStarting;
  const auto generation = r.registrar.register_instance("trading", starting).generation;
  const std::string head = std::string("i1 ").append(std::to_string(generation));
  CHECK(r.item("a") == head + " starting 10.0.0.1 8001 1 z=");
  CHECK(shown(r.registrar.renew("trading", "a", generation, SelfState::kServing)) == "ok");
  CHECK(r.item("a") == head + " serving 10.0.0.1 8001 1 z=");
  CHECK(shown(r.registrar.drain("trading", "a")) == "ok");
  CHECK(shown(r.registrar.renew("trading", "a", generation, SelfState::kServing)) == "ok");
  CHECK(shown(r.registrar.register_instance("trading", starting, generation)) == "ok");
  CHECK(r.item("a") == head + " draining 10.0.0.1 8001 1 z=");
}

TEST_CASE("the version changes with the list, and a heartbeat wakes nobody") {
  Registry r;
  const auto generation = r.registrar.register_instance("trading", spec("a")).generation;
  const std::string version = r.version();
  for (int i = 0; i < 5; ++i) CHECK(r.registrar.renew("trading", "a", generation, SelfState::kServing).ok());
  CHECK(r.registrar.register_instance("trading", spec("a"), generation).ok());  // the same record
  CHECK(r.version() == version);
  const auto differs = [&, last = version](bool done) mutable {
    CHECK(done);
    const bool other = r.version() != last;
    last = r.version();
    return other;
  };
  auto changed = differs;
  InstanceSpec heavier = spec("a");
  heavier.weight = 2;
  CHECK(changed(r.registrar.register_instance("trading", heavier, generation).ok()));
  CHECK(changed(r.registrar.drain("trading", "a").ok()));
  CHECK_FALSE(changed(r.registrar.drain("trading", "a").ok()));
  CHECK(changed(r.registrar.register_instance("trading", spec("b")).ok()));
  CHECK(changed(r.registrar.deregister("trading", "b").ok()));

  StoreSource source = StoreSource::make(r.store, {.poll_interval = 10ms}).value();
  CHECK(r.registrar.enter("trading").ok());
  CHECK(ids(news(source)) == "a- b-");
  const auto polls = source.stats().polls;
  CHECK(eventually([&] {
    for (const SourceAnswer& answer : source.poll_at(Clock::now())) CHECK(answer.status == SourceStatus::kUnchanged);
    r.registrar.renew("trading", "a", generation);
    return source.stats().polls >= polls + 5;
  }));
  CHECK(source.stats().lists == 1);
}

TEST_CASE("what is written is what is read") {
  Registry r;
  InstanceSpec full{.id = "a~b@c:1.d-e_f",
                    .host = "[fe80::1%eth0]",
                    .port = 65535,
                    .weight = 0,
                    .zone = "eu-1:a",
                    .metadata = {{"version", "3"}, {"a key = %", "caf\xc3\xa9 \n100 %"}, {"empty", ""}},
                    .state = SelfState::kDraining};
  CHECK(r.registrar.register_instance("team/trading", full).ok());
  StoreSource source = StoreSource::make(r.store, {.services = {"team/trading"}}).value();
  const SourceAnswer answer = news(source, "team/trading");
  REQUIRE(answer.instances.size() == 1);
  CHECK(answer.instances[0] == full);
  CHECK(answer.health[0] == Health::kUnknown);
}

TEST_CASE("only what was written so is an instance") {
  CHECK(parse_item("a", "i1 7 serving h 80 1 z= k=v").has_value());
  CHECK(parse_item("a", "i1 7 gone h 80 1 z=")->gone);
  for (const char* text : {"", "i2 7 serving h 80 1 z=", "i1 x serving h 80 1 z=", "i1 7 asleep h 80 1 z=",
                           "i1 7 serving h 0 1 z=", "i1 7 serving h 80 -1 z=", "i1 7 serving h 80 1001 z=",
                           "i1 7 serving h 80 1", "i1 7 serving h 80 1 z=a b", "i1 7 serving h 80 1 z=/",
                           "i1 7 serving h 80 1 z= k=%4", "i1 7 serving h 80 1 z= k=%zz", "i1 7 serving  80 1 z="}) {
    INFO(text);
    CHECK_FALSE(parse_item("a", text).has_value());
  }
  CHECK_FALSE(parse_item("a b", "i1 7 serving h 80 1 z=").has_value());
}

TEST_CASE("who falls silent is doubted, then gone, and who comes back in time stays") {
  Registry r;
  Registrar registrar = Registrar::make(r.store, {.heartbeat_interval = 50ms, .lease = 900ms}).value();
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 20ms}).value();
  const auto a = registrar.register_instance("trading", spec("a")).generation;
  const auto b = registrar.register_instance("trading", spec("b")).generation;
  std::vector<std::string> seen;
  const auto watch = [&](const std::string& until) {
    return eventually([&] {
      registrar.renew("trading", "a", a);
      for (const SourceAnswer& answer : source.poll_at(Clock::now())) {
        if (answer.status != SourceStatus::kUnchanged) seen.push_back(ids(answer));
      }
      return !seen.empty() && seen.back() == until;
    });
  };
  CHECK(watch("a b"));
  CHECK(watch("a b?"));
  CHECK(registrar.renew("trading", "b", b).ok());
  CHECK(watch("a b"));
  CHECK(watch("a"));
  CHECK(shown(registrar.renew("trading", "b", b)) == "unknown");
  CHECK(shown(registrar.register_instance("trading", spec("b"), b)) == "ok");
}

TEST_CASE("when most fall silent together nobody is gone, until the ceiling") {
  Registry r;
  Registrar registrar = Registrar::make(r.store, {.heartbeat_interval = 20ms, .lease = 60ms}).value();
  StoreSource source =
      StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 10ms, .expiry_ceiling = 1500ms}).value();
  for (int i = 0; i < 10; ++i)
    CHECK(registrar.register_instance("trading", spec(std::string("i").append(std::to_string(i)))).ok());
  const TimePoint silent = Clock::now();
  std::size_t listed = 0;
  while (listed == 0) listed = news(source).instances.size();
  while (listed == 10) listed = news(source).instances.size();
  CHECK(Clock::now() - silent >= 1500ms);
  while (listed != 0) listed = news(source).instances.size();
}

TEST_CASE("time in which nobody was heard ends no lease, and a clock that steps prolongs none") {
  RedisServer server({.stepped_clock = true});
  const Store store = Store::open(patient(server)).value();
  Registrar registrar = Registrar::make(store, {.heartbeat_interval = 50ms, .lease = 900ms}).value();
  // A source that looks for the first time, now.
  const auto listed = [&] {
    StoreSource source = StoreSource::make(store, {.services = {"trading"}, .poll_interval = 50ms}).value();
    return ids(news(source));
  };
  const auto a = registrar.register_instance("trading", spec("a")).generation;
  CHECK(registrar.register_instance("trading", spec("b")).ok());
  CHECK(listed() == "a b");
  for (const std::int64_t step : {std::int64_t{24 * 3600}, std::int64_t{-365} * 24 * 3600}) {
    server.step_clock(step);
    CHECK(listed() == "a b");
    CHECK(registrar.renew("trading", "a", a).ok());
    CHECK(registrar.register_instance("trading", spec("b")).ok());
  }
  server.stop();
  const TimePoint stopped = Clock::now();
  while (Clock::now() - stopped < 1200ms) short_sleep();
  server.resume();
  CHECK(listed() == "a b");
  // After all of that b's lease, not renewed, still ends.
  CHECK(eventually([&] {
    registrar.renew("trading", "a", a);
    return listed() == "a";
  }));
}

TEST_CASE("a store that forgot everything gives no number twice") {
  Registry r;
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 1h}).value();
  const auto generation = r.registrar.register_instance("trading", spec("a")).generation;
  CHECK(ids(news(source)) == "a");
  CHECK(eventually([&] {
    return r.server({"PUBSUB", "NUMSUB", "seawall-registry:main"}) == "[seawall-registry:main,1]";
  }));
  CHECK(r.server({"FLUSHALL"}) == "OK");
  CHECK(r.registrar.register_instance("trading", spec("b")).generation > generation);
  // A poll on the hint of the first one may find the store empty.
  std::string seen = ids(news(source));
  if (seen.empty()) seen = ids(news(source));
  CHECK(seen == "b");
}

TEST_CASE("foreign values under the keys are a clear error, and stay as they are") {
  Registry r;
  const auto generation = r.registrar.register_instance("trading", spec("a")).generation;
  CHECK(r.registrar.register_instance("trading", spec("b")).ok());
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 10ms}).value();
  CHECK(ids(news(source)) == "a b");

  r.server({"HSET", kItems, "a", "what is this"});
  r.server({"HSET", kItems, "x", "i1 1 serving nowhere"});
  r.server({"HSET", kMeta, "version", "1"});
  CHECK(ids(news(source)) == "b");  // one foreign item hides no other
  CHECK(source.stats().foreign == 2);
  const StoreWord word = r.registrar.renew("trading", "a", generation);
  CHECK(word.fault == Fault::kForeign);
  CHECK(word.reason == "SEAWALL the instance a holds what is no registry");
  CHECK(r.registrar.register_instance("trading", spec("a"), generation).fault == Fault::kForeign);
  CHECK(r.item("a") == "what is this");

  r.server({"HSET", kMeta, "version", "soon"});
  CHECK(r.registrar.renew("trading", "b", 1).reason == foreign_key(kMeta));
  r.server({"DEL", kMeta});
  for (const std::string& end : {std::string("items"), std::string("leases"), std::string("graves"),
                                 std::string("meta"), std::string("spans")}) {
    const std::string key = std::string("seawall-registry:main:{trading}:").append(end);
    INFO(key);
    r.server({"DEL", key});
    r.server({"SET", key, "mine"});
    for (const StoreWord& told : {r.registrar.register_instance("trading", spec("c")),
                                  r.registrar.renew("trading", "b", 1), r.registrar.deregister("trading", "b")}) {
      CHECK(told.fault == Fault::kForeign);
      CHECK(told.reason == foreign_key(key));
    }
    CHECK(eventually([&] { return news(source).reason.view() == foreign_key(key); }));
    CHECK(r.server({"GET", key}) == "mine");
    r.server({"DEL", key});
  }
  r.server({"SET", "seawall-registry:main:services", "mine"});
  CHECK(r.registrar.enter("trading").fault == Fault::kForeign);
  CHECK(r.registrar.register_instance("trading", spec("b")).ok());
  CHECK(r.store.stats().up);
}

TEST_CASE("keys that were deleted or evicted one by one come back") {
  Registry r;
  Registrar registrar = Registrar::make(r.store, {.heartbeat_interval = 50ms, .lease = 500ms}).value();
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 10ms}).value();
  const auto a = registrar.register_instance("trading", spec("a")).generation;
  CHECK(registrar.register_instance("trading", spec("b")).ok());
  CHECK(ids(news(source)) == "a b");
  const auto alive_until = [&](const std::string& wanted) {
    std::string seen;
    return eventually([&] {
      if (shown(registrar.renew("trading", "a", a)) == "unknown") {
        CHECK(registrar.register_instance("trading", spec("a"), a).ok());
      }
      for (const SourceAnswer& answer : source.poll_at(Clock::now())) {
        if (answer.status != SourceStatus::kUnchanged) seen = ids(answer);
      }
      return seen == wanted;
    });
  };
  r.server({"DEL", "seawall-registry:main:{trading}:leases"});
  CHECK(alive_until("a"));  // b's new lease ends as the old one would have
  r.server({"DEL", kMeta});
  CHECK(alive_until("a"));
  r.server({"DEL", kItems});
  CHECK(alive_until("a"));
}

TEST_CASE("a keeper holds, updates and releases, and gives way to who takes the id") {
  Registry r;
  InstanceKeeper keeper(Registrar::make(r.store, {.heartbeat_interval = 20ms, .lease = 60s}).value());
  StoreSource source = StoreSource::make(r.store, {.poll_interval = 10ms}).value();
  CHECK(keeper.hold("trading", spec("a")).ok());
  CHECK(keeper.hold("trading", spec("b")).ok());
  const auto state = [&](const std::string& id) {
    keeper.tick();
    const auto kept = keeper.find("trading", id);
    return kept ? static_cast<int>(kept->state) : -1;
  };
  CHECK(eventually([&] { return state("a") == 1 && state("b") == 1; }));
  SourceAnswer answer;
  while (answer.instances.size() != 2) answer = news(source);  // by the directory
  CHECK(ids(answer) == "a b");

  InstanceSpec heavier = spec("a");
  heavier.weight = 5;
  CHECK(state("c") == -1);
  CHECK_FALSE(keeper.find("other", "a"));
  const auto generation = keeper.kept()[0].generation;
  CHECK(keeper.find("trading", "a")->generation == generation);
  CHECK(keeper.find("trading", "b")->id == "b");
  CHECK(keeper.update("trading", heavier).value());
  CHECK(eventually([&] { return state("a") == 1; }));
  CHECK(keeper.kept()[0].generation == generation);
  CHECK(news(source).instances[0].weight == 5);

  const auto taken = r.registrar.register_instance("trading", spec("b", 9)).generation;
  CHECK(eventually([&] { return state("b") == 2; }));
  CHECK(keeper.stats().fenced == 1);
  CHECK_FALSE(keeper.update("trading", spec("b")).value());
  CHECK(keeper.release("trading", "b"));  // says nothing to Redis
  CHECK(r.registrar.renew("trading", "b", taken).ok());

  CHECK(keeper.release("trading", "a"));
  CHECK(eventually([&] { return state("a") == -1; }));
  CHECK(shown(r.registrar.renew("trading", "a", generation)) == "fenced");
  CHECK_FALSE(keeper.release("trading", "a"));
  CHECK(keeper.stats().removals == 1);
}

TEST_CASE("a hint makes readers look at once") {
  Registry r;
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 1h}).value();
  CHECK(news(source).status == SourceStatus::kNotFound);
  CHECK(eventually([&] {
    return r.server({"PUBSUB", "NUMSUB", "seawall-registry:main"}) == "[seawall-registry:main,1]";
  }));
  CHECK(r.registrar.register_instance("trading", spec("a")).ok());
  CHECK(ids(news(source)) == "a");
  CHECK(r.registrar.deregister("trading", "a").ok());
  CHECK(ids(news(source)) == "a-");  // no calls from now on
  CHECK(source.stats().hints == 2);
}

TEST_CASE("a trip is told to the others, and to nobody who announced it") {
  RedisServer server;
  const Store store = Store::open(patient(server)).value();
  const Store other_store = Store::open(patient(server)).value();
  TripBoard mine = TripBoard::make(store).value();
  TripBoard other = TripBoard::make(other_store).value();
  TripBoard elsewhere = TripBoard::make(other_store, "elsewhere").value();
  CHECK(eventually([&] { return server({"PUBSUB", "NUMSUB", "seawall-trips:main"}) == "[seawall-trips:main,2]"; }));
  const auto heard = [&](TripBoard& board, std::int64_t count) {
    return eventually([&] { return board.stats().heard == count; });
  };
  CHECK(mine.announce("trading").ok());
  CHECK(mine.announce("trading").ok());
  CHECK(mine.announce("social 10.0.0.1:80").ok());
  CHECK(heard(other, 3));
  const std::vector<Trip> trips = other.poll();
  REQUIRE(trips.size() == 2);
  CHECK(trips[0].name == "social 10.0.0.1:80");
  CHECK(trips[1].name == "trading");
  CHECK(trips[1].times == 2);
  CHECK(other.poll().empty());
  CHECK(other.announce("user").ok());
  CHECK(heard(mine, 1));
  CHECK(mine.poll()[0].name == "user");
  CHECK(elsewhere.stats().heard == 0);

  server({"PUBLISH", "seawall-trips:main", "anything"});
  CHECK(eventually([&] { return mine.stats().left_out == 1; }));
  for (std::size_t i = 0; i <= TripBoard::kMostTrips; ++i) CHECK(other.announce(std::to_string(i)).ok());
  CHECK(eventually([&] { return mine.stats().left_out == 2; }));
  CHECK(mine.poll().size() == TripBoard::kMostTrips);
  CHECK_FALSE(mine.announce("").ok());
  CHECK_FALSE(TripBoard::make(store, "a b").ok());
  server.kill();
  StoreOptions hasty = patient(server);
  hasty.background_deadline = 50ms;
  TripBoard lost = TripBoard::make(Store::open(hasty).value()).value();
  CHECK(lost.announce("lost").ok());
  CHECK(eventually([&] { return lost.stats().faults == 1; }));
}

TEST_CASE("arguments of the registry are checked") {
  Registry r;
  CHECK_FALSE(Registrar::make(r.store, {.registry = "a b"}).ok());
  CHECK_FALSE(Registrar::make(r.store, {.heartbeat_interval = 1s, .lease = 1999ms}).ok());
  CHECK_FALSE(Registrar::make(r.store, {.heartbeat_interval = 1ms}).ok());
  CHECK_FALSE(StoreSource::make(r.store, {.registry = ""}).ok());
  CHECK_FALSE(StoreSource::make(r.store, {.services = {"a/b/c"}}).ok());
  CHECK_FALSE(StoreSource::make(r.store, {.poll_interval = 1ms}).ok());
  InstanceSpec wrong = spec("a");
  wrong.port = 0;
  CHECK(r.registrar.register_instance("trading", wrong).reason == "port must be from 1 to 65535, not 0");
  CHECK(r.registrar.register_instance("", spec("a")).fault == Fault::kRefused);
  CHECK(r.registrar.renew("trading", "a", Registrar::kMaxGeneration + 1).fault == Fault::kRefused);
  InstanceKeeper keeper(r.registrar);
  CHECK_FALSE(keeper.hold("trading", wrong).ok());
  CHECK(keeper.tick() == 0);
}
