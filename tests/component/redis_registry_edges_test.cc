// SPDX-License-Identifier: MIT
// The registry in Redis where things meet: readers of different patience, leases of different length, messages that
// come out of order, lines that are slow, and servers that allow less.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/registry_call.h"
#include "redis/store_core.h"
#include "seawall/redis/registrar.h"
#include "seawall/redis/store_source.h"
#include "support/catch.h"
#include "support/redis_registry.h"
#include "support/relay.h"

using namespace seawall;
using namespace seawall::redis;
using namespace std::chrono_literals;
using namespace seawall::testing;

namespace {

std::string key(const char* end) { return std::string("seawall-registry:main:{trading}:").append(end); }

// What a source that looks for the first time is told.
std::string listed(const Store& store, Duration poll_interval) {
  StoreSource source = StoreSource::make(store, {.services = {"trading"}, .poll_interval = poll_interval}).value();
  return ids(news(source));
}

// The calls of scripts among what a client has said: *WORDS, and each word as $LENGTH and the word, in lines of their
// own.
std::vector<std::vector<std::string>> scripts_in(std::string_view said) {
  std::vector<std::vector<std::string>> scripts;
  const auto number = [&said] {
    const auto end = said.find("\r\n");
    const std::size_t found = std::stoul(std::string(said.substr(1, end - 1)));
    said.remove_prefix(end + 2);
    return found;
  };
  while (!said.empty()) {
    std::vector<std::string> words(number());
    for (std::string& word : words) {
      const std::size_t length = number();
      word = said.substr(0, length);
      said.remove_prefix(length + 2);
    }
    if (words[0].substr(0, 4) == "EVAL") scripts.push_back(std::move(words));
  }
  return scripts;
}

}  // namespace

TEST_CASE("a reader that comes seldom ends no lease by the time in which nobody was heard") {
  RedisServer server({.stepped_clock = true});
  const Store store = Store::open(patient(server)).value();
  Registrar registrar = Registrar::make(store).value();  // leases of 3 s
  const auto a = registrar.register_instance("trading", spec("a")).generation;
  server.step_clock(15);
  CHECK(listed(store, 10s) == "a?");
  CHECK(shown(registrar.renew("trading", "a", a)) == "ok");
  CHECK(listed(store, 10s) == "a");
  // Who is dead is so for the second look.
  server.step_clock(30);
  CHECK(listed(store, 10s) == "a?");
  server.step_clock(45);
  CHECK(listed(store, 10s).empty());
}

TEST_CASE("a long lease prolongs no other, and goes with who had it") {
  RedisServer server({.stepped_clock = true});
  const Store store = Store::open(patient(server)).value();
  Registrar registrar = Registrar::make(store).value();
  Registrar daily = Registrar::make(store, {.lease = 24h}).value();
  CHECK(daily.register_instance("trading", spec("day")).ok());
  CHECK(registrar.register_instance("trading", spec("a")).ok());
  server.step_clock(4);
  CHECK(listed(store, 1s) == "a? day");
  server.step_clock(8);
  CHECK(listed(store, 1s) == "day");
  const auto b = registrar.register_instance("trading", spec("b")).generation;
  CHECK(shown(registrar.deregister("trading", "b", b)) == "ok");
  server.step_clock(8 + 31);
  CHECK(listed(store, 1s) == "day");
  CHECK(server({"ZCARD", key("graves")}) == "0");
  // With nobody left who may be silent for a day, an hour of silence is the server's.
  CHECK(registrar.register_instance("trading", spec("c")).ok());
  CHECK(daily.deregister("trading", "day").ok());
  server.step_clock(3600);
  CHECK(listed(store, 1s) == "c day-");
}

TEST_CASE("who deregisters before its registration arrives leaves a gravestone for it") {
  Registry r;
  const auto given = r.registrar.register_instance("trading", spec("other")).generation;
  CHECK(shown(r.registrar.deregister("trading", "a", given)) == "unknown");
  CHECK(shown(r.registrar.register_instance("trading", spec("a"), given)) == "fenced");
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}}).value();
  CHECK(ids(news(source)) == "other");
  CHECK(source.stats().foreign == 0);
  // Above who had the id.
  CHECK(shown(r.registrar.deregister("trading", "other", given + 1)) == "unknown");
  CHECK(shown(r.registrar.register_instance("trading", spec("other"), given + 1)) == "fenced");
  CHECK(shown(r.registrar.renew("trading", "other", given)) == "fenced");
  CHECK(listed(r.store, 1s) == "other-");
}

TEST_CASE("a generation that nobody was given does not use up the numbers") {
  Registry r;
  const auto largest = Registrar::kMaxGeneration;
  CHECK(r.registrar.register_instance("trading", spec("a"), largest).fault == Fault::kRefused);
  CHECK(r.registrar.deregister("trading", "a", largest).fault == Fault::kRefused);
  const StoreWord a = r.registrar.register_instance("trading", spec("a"));
  CHECK(shown(a) == "ok");
  CHECK(a.generation < largest);
  CHECK(shown(r.registrar.renew("trading", "a", a.generation)) == "ok");
}

TEST_CASE("what the registries of readers refuse is refused, and is no instance") {
  Registry r;
  const std::vector<Metadata> wrong{
      {{"", "x"}}, {{"k", "1"}, {"l", "2"}, {"k", "3"}}, {{"k", "\xff"}}, {{"\xc0\xaf", ""}}};
  for (const Metadata& metadata : wrong) {
    InstanceSpec each = spec("a");
    each.metadata = metadata;
    CHECK(r.registrar.register_instance("trading", each).fault == Fault::kRefused);
    CHECK_FALSE(parse_item("a", std::string("i1 7 serving ").append(rest_of(each))).has_value());
  }
}

TEST_CASE("a user without a right to the channel is served, readers then find out by polling") {
  Registry r;
  CHECK(r.server({"ACL", "SETUSER", "app", "on", ">secret", "~seawall-*", "+@all", "resetchannels"}) == "OK");
  StoreOptions options = patient(r.server);
  options.user = "app";
  options.password = "secret";
  const Store store = Store::open(options).value();
  Registrar registrar = Registrar::make(store).value();
  StoreSource source = StoreSource::make(store, {.services = {"trading"}, .poll_interval = 10ms}).value();
  const StoreWord a = registrar.register_instance("trading", spec("a"));
  CHECK(shown(a) == "ok");
  CHECK(shown(registrar.drain("trading", "a", a.generation)) == "ok");
  CHECK(shown(registrar.deregister("trading", "a", a.generation)) == "ok");
  std::string seen;
  while (seen != "a-") seen = ids(news(source));
  // The connection that may not listen stays, and asks no more.
  CHECK(eventually([&] { return store.stats().channels_denied == 1; }));
  const auto polls = source.stats().polls + 50;
  CHECK(eventually([&] { return source.poll_at(Clock::now()), source.stats().polls >= polls; }));
  CHECK(store.stats().channels_denied == 1);
  CHECK(source.stats().hints == 0);
}

TEST_CASE("a service that has nobody is asked for no more, until somebody registers for it again") {
  Registry r;
  StoreSource source = StoreSource::make(r.store, {.poll_interval = 10ms, .forget_after = 50ms}).value();
  CHECK(r.registrar.enter("trading").ok());
  CHECK(news(source).status == SourceStatus::kNotFound);
  const auto asks = [&](std::int64_t services) {
    return eventually([&] { return source.poll_at(Clock::now()), source.stats().services == services; });
  };
  CHECK(eventually([&] {
    return std::ranges::any_of(source.poll_at(Clock::now()),
                               [](const auto& answer) { return answer.status == SourceStatus::kForgotten; });
  }));
  CHECK(source.stats().services == 0);
  CHECK(source.stats().forgotten == 1);
  // The directory is read all the same, and still has it.
  CHECK(r.registrar.register_instance("social", spec("b")).ok());
  CHECK(r.registrar.enter("social").ok());
  CHECK(ids(news(source, "social")) == "b");
  CHECK(asks(1));
  CHECK(source.stats().forgotten == 1);
  CHECK(r.registrar.register_instance("trading", spec("a")).ok());
  CHECK(r.registrar.enter("trading").ok());
  CHECK(ids(news(source)) == "a");
  CHECK(asks(2));
}

TEST_CASE("without readers too the dead and their gravestones go") {
  Registry r;
  Registrar registrar = Registrar::make(r.store, {.heartbeat_interval = 50ms, .lease = 200ms}).value();
  const auto a = registrar.register_instance("trading", spec("a")).generation;
  CHECK(registrar.register_instance("trading", spec("dead")).ok());
  CHECK(registrar.register_instance("trading", spec("left")).ok());
  CHECK(registrar.deregister("trading", "left").ok());
  CHECK(r.server({"HLEN", kItems}) == "3");
  CHECK(eventually([&] {
    if (!registrar.renew("trading", "a", a).ok()) registrar.register_instance("trading", spec("a"), a);
    return r.server({"HKEYS", kItems}) == "[a]";
  }));
  CHECK(r.server({"ZRANGE", key("graves"), "0", "-1"}) == "[]");
}

TEST_CASE("who left is listed as draining for ten leases, then not at all") {
  Registry r;
  Registrar registrar = Registrar::make(r.store, {.heartbeat_interval = 30ms, .lease = 100ms}).value();
  StoreSource source = StoreSource::make(r.store, {.services = {"trading"}, .poll_interval = 10ms}).value();
  CHECK(registrar.register_instance("trading", spec("a")).ok());
  CHECK(registrar.deregister("trading", "a").ok());
  CHECK(ids(news(source)) == "a-");
  CHECK(news(source).status == SourceStatus::kEmpty);
}

TEST_CASE("no key stays for ever") {
  Registry r;
  const auto lives = [&](const char* end) {
    const std::string left = r.server({"PTTL", key(end)});
    INFO(end << " " << left);
    return left.size() > 3;  // not -1; nor -2, which is gone
  };
  const auto a = r.registrar.register_instance("trading", spec("a")).generation;
  r.server({"DEL", key("leases")});
  CHECK(shown(r.registrar.renew("trading", "a", a)) == "ok");
  CHECK(lives("leases"));
  CHECK(shown(r.registrar.deregister("trading", "a", a)) == "ok");
  for (const char* end : {"items", "graves", "meta"}) CHECK(lives(end));
}

TEST_CASE("when leases and numbers are lost and instances are not, who is healthy has time to say so") {
  Registry r;
  Registrar registrar = Registrar::make(r.store).value();
  const auto a = registrar.register_instance("trading", spec("a")).generation;
  for (const char* end : {"leases", "spans", "meta"}) r.server({"DEL", key(end)});
  CHECK(listed(r.store, 1s) == "a");
  CHECK(shown(registrar.renew("trading", "a", a)) == "ok");
}

TEST_CASE("a long list arrives over a slow line") {
  Registry r;
  for (int i = 0; i < 50; ++i) {
    InstanceSpec each = spec(std::string("i").append(std::to_string(i)));
    each.metadata = {{"long", std::string(4000, 'x')}};
    REQUIRE(r.registrar.register_instance("trading", each).ok());
  }
  Relay relay(r.server.port());
  relay.slow(4096);
  const Store store =
      Store::open({.endpoints = {{"127.0.0.1", relay.port()}}, .background_deadline = 60s, .silence = 2s}).value();
  StoreSource source = StoreSource::make(store, {.services = {"trading"}, .poll_interval = 10ms}).value();
  CHECK(eventually([&] {
    for (const SourceAnswer& answer : source.poll_at(Clock::now())) {
      if (answer.instances.size() == 50) return true;
    }
    return false;
  }));
}

TEST_CASE("a channel that comes while the others are being subscribed to is heard too") {
  Registry r;
  Relay relay(r.server.port());
  relay.hold();
  StoreOptions options = patient(r.server);
  options.endpoints = {{"127.0.0.1", relay.port()}};
  options.silence = 1min;  // it does not help to connect anew
  const Store store = Store::open(options).value();
  const StoreSource first = StoreSource::make(store, {.registry = "first"}).value();
  CHECK(eventually([&] { return relay.heard("seawall-registry:first") == 1; }));
  const StoreSource second = StoreSource::make(store, {.registry = "second"}).value();
  CHECK(eventually([&] { return relay.heard("seawall-registry:second") == 1; }));
  relay.slow(4096);
  CHECK(eventually([&] {
    return r.server({"PUBSUB", "NUMSUB", "seawall-registry:first", "seawall-registry:second"}) ==
           "[seawall-registry:first,1,seawall-registry:second,1]";
  }));
}

TEST_CASE("who listens no more is forgotten when another comes") {
  Registry r;
  StoreLoop& loop = r.store.core()->loop();
  auto first = std::make_shared<int>(1);
  const auto second = std::make_shared<int>(2);
  const auto held = std::make_shared<int>(3);
  loop.listen("somewhere", first, [held](std::string_view) {});
  first.reset();
  loop.listen("somewhere", second, [](std::string_view) {});
  CHECK(eventually([&] { return held.use_count() == 1; }));
}

TEST_CASE("late copies of all that was said to register fence nobody, and change nothing") {
  RedisServer server;
  const Relay relay(server.port());
  StoreOptions through = patient(server);
  through.endpoints = {{"127.0.0.1", relay.port()}};
  const RegistrarOptions options{.heartbeat_interval = 1s, .lease = 1h};
  Registrar first = Registrar::make(Store::open(through).value(), options).value();
  Registrar second = Registrar::make(Store::open(patient(server)).value(), options).value();
  const auto say_again = [&] {
    const auto scripts = scripts_in(relay.said());
    REQUIRE(scripts.size() >= 2);  // a number, and the record under it
    for (const auto& words : scripts) server(words);
  };
  const auto item = [&] { return server({"HGET", kItems, "a"}); };

  const auto mine = first.register_instance("trading", spec("a")).generation;
  const std::string registered = item();
  say_again();
  CHECK(item() == registered);
  CHECK(shown(first.renew("trading", "a", mine)) == "ok");

  const auto theirs = second.register_instance("trading", spec("a", 8002)).generation;
  const std::string taken = item();
  say_again();
  CHECK(item() == taken);
  CHECK(shown(second.renew("trading", "a", theirs)) == "ok");
  CHECK(shown(first.renew("trading", "a", mine)) == "fenced");
}
