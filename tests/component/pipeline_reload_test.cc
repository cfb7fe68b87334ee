// SPDX-License-Identifier: MIT
// Routes from JSON: what is wrong is named by path and value; what a reload keeps, changes, begins anew.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/pipelines.h"
#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint at(Duration t) { return time_from_ns(t.count()); }

struct World {
  ServiceRegistry registry{ServiceRegistryConfig(), at(0s)};
  MetricsRegistry metrics;
  std::unique_ptr<Pipelines> pipelines;

  World() {
    const InstanceSpec spec{.id = "t-0", .host = "127.0.0.1", .port = 8001};
    REQUIRE(registry.register_instance_at("trading", spec, at(0s)));
  }
  std::string load(const std::string& json) {
    auto made = Pipelines::make(json, &registry, &metrics, {.keys = {"user", "host"}}, at(0s));
    if (!made) return std::string(made.error().message.view());
    pipelines = std::move(made).value();
    return "made";
  }
  Admission admit(const std::string& route, const char* user = "ann") {
    const std::array keys{LimiterKey(user), LimiterKey("host")};
    return pipelines->find(route)->admit_at({.keys = keys}, at(1s));
  }
};

// One route, with `limit` as its only limit beside the shared one.
std::string text(const std::string& limit, const std::string& breaker = "{}", const std::string& more = "") {
  return R"({"limits": {"user": {"key": "user", "permits": 5, "period": "60s", "memory_bytes": 65536}},
             "routes": {"trading": {"service": "trading", "trace": true, "breaker": )" +
         breaker + R"(, "limits": ["user", )" + limit + "]" + more + "}}}";
}
const std::string kLimit = R"({"name": "service", "permits": 10, "period": "60s"})";

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("what is wrong in a configuration is named by path and value") {
  const auto in_limit = [](const std::string& fields) { return text("{" + fields + "}"); };
  const std::string base = R"("name": "a", "permits": 1, "period": "1s")";
  const std::string where = "/routes/trading/limits/1";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "no valid JSON at byte"},
      {"{", "no valid JSON at byte"},
      {"{}{}", "no valid JSON at byte"},
      {"[]", "/: expected an object, not an array"},
      {"7", "/: expected an object, not 7"},
      {"[[[[[[[[[[[[[[[[[", "is nested too deeply"},
      {R"({"route": {}})", "/route: unknown key"},
      {R"({"routes": []})", "/routes: expected an object, not an array"},
      {R"({"routes": {"a": 7}})", "/routes/a: expected an object, not 7"},
      {R"({"routes": {"a": {}, "a": {}}})", "/routes/a: is there twice"},
      {R"({"routes": {"a": {"limits": [{"x": 1, "x": 2}]}}})", "/routes/a/limits/0/x: is there twice"},
      {R"({"routes": {"": {}}})", "/routes/: a route needs a name"},
      {R"({"routes": {"a": {"balancing": 1}}})", "/routes/a/balancing: unknown key"},
      {R"({"routes": {"a": {"trace": 1}}})", "/routes/a/trace: expected true or false, not 1"},
      {R"({"routes": {"a": {"service": 1}}})", "/routes/a/service: expected a text, not 1"},
      {R"({"routes": {"a": {"service": ""}}})", "/routes/a/service: must not be empty"},
      {R"({"routes": {"a": {"service": "b c"}}})", "/routes/a/service: "},
      {R"({"services": []})", "/services: expected an object, not an array"},
      {R"({"services": {"trading": 7}})", "/services/trading: expected an object, not 7"},
      {R"({"services": {"a b": {}}})", "/services/a b: "},
      {R"({"services": {"trading": {"balancer": "best"}}})",
       "/services/trading/balancer: expected one of round_robin random least_loaded peak_ewma maglev ring_hash, not "
       "best"},
      {R"({"services": {"trading": {"panic_mode": 1}}})",
       "/services/trading/panic_mode: expected one of all fail, not 1"},
      {R"({"services": {"trading": {"panic_threshold": 101}}})",
       "/services/trading/panic_threshold: must be from 0 to 100, not 101"},
      {R"({"services": {"trading": {"ejection_duration": 30}}})",
       "/services/trading/ejection_duration: expected a duration such as"},
      {R"({"services": {"trading": {"slow_start": "25h"}}})", "/services/trading/slow_start: must be from 0 to"},
      {R"({"services": {"trading": {"least_left": 4294967296}}})",
       "/services/trading/least_left: expected an integer that fits, not 4294967296"},
      {R"({"services": {"trading": {"zone": 1}}})", "/services/trading/zone: expected a text, not 1"},
      {R"({"services": {"trading": {"zone": "0123456789012345678901234567890123456789012345678901234567890123"}}})",
       "/services/trading/zone: length must be from 0 to 63, not 64"},
      {R"({"services": {"trading": {"eject": 1}}})", "/services/trading/eject: unknown key"},
      {R"({"services": {"a": {"balancer": "maglev"}, "b": {"balancer": "maglev"}, "c": {"balancer": "ring_hash"}}})",
       "/services: the registry is full: max_hashed_services is 2"},
      {R"({"routes": {"a": {"limits": {}}}})", "/routes/a/limits: expected an array, not an object"},
      {R"({"routes": {"a": {"limits": ["user"]}}})",
       "/routes/a/limits/0: expected the name of one of /limits, not user"},
      {R"({"routes": {"a": {"limits": [7]}}})", "/routes/a/limits/0: expected an object, not 7"},
      {R"({"routes": {"a": {"limits": [1,2,3,4,5]}}})", "/routes/a/limits: more than 4 limits"},
      {text(R"("user")"), "/routes/trading/limits/1: there are two limits of this name"},
      // Also when it is another limit: whoever is refused is told the name.
      {in_limit(R"("name": "user", "permits": 1, "period": "1s")"), where + ": there are two limits of this name"},
      {text("{}"), where + "/name: is missing"},
      {in_limit(R"("name": 7)"), where + "/name: expected a text, not 7"},
      {in_limit(R"("name": "", "permits": 1, "period": "1s")"), where + ": a limit's name is 1 to 31"},
      {in_limit(R"("name": "a")"), where + "/permits: is missing"},
      {in_limit(R"("name": "a", "permits": 1)"), where + "/period: is missing"},
      {in_limit(R"("name": "a", "permits": 0, "period": "1s")"),
       where + "/permits: must be from 1 to 1000000000, not 0"},
      {in_limit(R"("name": "a", "permits": "1", "period": "1s")"), where + "/permits: expected an integer, not 1"},
      {in_limit(R"("name": "a", "permits": 1.5, "period": "1s")"), where + "/permits: expected an integer, not 1.5"},
      {in_limit(R"("name": "a", "permits": 18446744073709551615, "period": "1s")"),
       where + "/permits: expected an integer, not 18446744073709551615"},
      {in_limit(R"("name": "a", "permits": 1, "period": 60)"), where + "/period: expected a duration such as"},
      {in_limit(R"("name": "a", "permits": 1, "period": "60")"), where + "/period: expected a duration such as"},
      {in_limit(R"("name": "a", "permits": 1, "period": "s")"), where + "/period: expected a duration such as"},
      {in_limit(R"("name": "a", "permits": 1, "period": "9999999999999h")"), where + "/period: expected a duration"},
      {in_limit(R"("name": "a", "permits": 1, "period": "0s")"), where + "/period: must be from 1 to"},
      {in_limit(base + R"(, "burst": 5)"), "burst"},
      {in_limit(base + R"(, "burst": 0)"), where + "/burst: must be from 1 to 1000000000, not 0"},
      {in_limit(base + R"(, "algorithm": "leaky")"),
       where + "/algorithm: expected one of sliding_window token_bucket fixed_window, not leaky"},
      {in_limit(base + R"(, "key": "tenant")"), where + "/key: expected the name of a key: user host, not tenant"},
      {in_limit(base + R"(, "key": "user", "algorithm": "fixed_window")"), where + "/algorithm: a limit with keys"},
      {in_limit(base + R"(, "key": "user", "memory_bytes": 7)"), "memory_bytes"},
      {in_limit(base + R"(, "memory_bytes": 65536)"), where + "/memory_bytes: only for a limit with a key"},
      {in_limit(base + R"(, "key": "user", "when_full": "drop")"), where + "/when_full: expected one of"},
      {in_limit(base + R"(, "on_change": true)"),
       where + "/on_change: expected one of keep proportional reset, not true"},
      {in_limit(base + R"(, "permit": 1)"), where + "/permit: unknown key"},
      {text(kLimit, "[]"), "/routes/trading/breaker: expected an object, not an array"},
      {text(kLimit, R"({"open_duration": 30})"), "/routes/trading/breaker/open_duration: expected a duration"},
      {text(kLimit, R"({"open_duration": "0s"})"), "/routes/trading/breaker/open_duration: must be from"},
      {text(kLimit, R"({"failure_threshold": 5000})"), "/routes/trading/breaker/failure_threshold: must be"},
      {text(kLimit, R"({"failure_threshold": 5000000000})"),
       "/routes/trading/breaker/failure_threshold: expected an integer that fits, not 5000000000"},
      {text(kLimit, R"({"threshold": 5})"), "/routes/trading/breaker/threshold: unknown key"},
      {R"({"limits": {"a": {"name": "b", "permits": 1, "period": "1s"}}})", "/limits/a/name: unknown key"},
  };
  for (const auto& [json, want] : rows) {
    World w;
    INFO(json);
    const std::string said = w.load(json);
    INFO(said);
    CHECK(said.find(want) != std::string::npos);
  }
  World w;
  CHECK(w.load("{}") == "made");
  CHECK(Pipelines::make(text(kLimit), nullptr, nullptr, {}, at(0s)).error().message.view() ==
        "/routes/trading/service: there is no registry");
  CHECK(Pipelines::make(R"({"services": {"trading": {}}})", nullptr, nullptr, {}, at(0s)).error().message.view() ==
        "/services/trading: there is no registry");
  CHECK_FALSE(Pipelines::make("{}", nullptr, nullptr, {.max_routes = 0}, at(0s)));
}

TEST_CASE("a configuration is what a request passes") {
  World w;
  REQUIRE(w.load(text(kLimit, R"({"failure_threshold": 2, "open_duration": "10s"})")) == "made");
  CHECK(w.pipelines->routes() == Paths{"trading"});
  CHECK(w.pipelines->find("other") == nullptr);
  for (int i = 0; i < 2; ++i) {
    const auto call = w.admit("trading");
    REQUIRE(call);
    CHECK(call.instance.port == 8001);
    CHECK(call.traceparent[0] != '\0');
    CHECK(call.decisions.size() == 2);
    CHECK(w.pipelines->find("trading")->complete_at(call, Outcome::kFailure, at(1s)));
  }
  const auto refused = w.admit("trading");
  CHECK(refused.gate == Gate::kBreaker);
  CHECK(refused.retry_after == 10s);
  CHECK(w.pipelines->breaker("trading")->state() == BreakerState::kOpen);
  CHECK(w.pipelines->breaker("other") == nullptr);
  CHECK(w.metrics.to_prometheus().find("seawall_pipeline_requests_total{pipeline=\"trading\",gate=\"breaker\"} 1") !=
        std::string::npos);
}

TEST_CASE("a reload keeps the state that it can keep, and says what it did") {
  World w;
  REQUIRE(w.load(text(kLimit)) == "made");
  for (int i = 0; i < 3; ++i) REQUIRE(w.admit("trading"));
  w.pipelines->breaker("trading")->force_open_at(at(1s));
  const auto reload = [&](const std::string& json) { return w.pipelines->reload_at(json, at(1s)).value(); };
  const std::string breaker = "/routes/trading/breaker", service = "/routes/trading/limits/service";

  auto same = reload(text(kLimit));
  CHECK(same.kept == Paths{"/limits/user", service, breaker});
  CHECK((same.changed.empty() && same.reset.empty() && same.added.empty() && same.removed.empty()));
  CHECK(w.admit("trading").gate == Gate::kBreaker);
  CHECK(w.admit("trading").decisions[0].remaining == 2);
  CHECK(w.admit("trading").decisions[1].remaining == 7);
  w.pipelines->breaker("trading")->reset_at(at(1s));

  // Another number: the limit goes on, as on_change says; the breaker's options are others: it begins anew.
  auto more = reload(text(R"({"name": "service", "permits": 20, "period": "60s"})", R"({"open_duration": "5s"})"));
  CHECK(more.changed == Paths{service});
  CHECK(more.reset == Paths{breaker});
  CHECK(w.admit("trading").decisions[1].remaining == 16);  // 4 of 20 are taken
  auto share = reload(text(R"({"name": "service", "permits": 10, "period": "60s", "on_change": "reset"})",
                           R"({"open_duration": "5s"})"));
  CHECK(share.changed == Paths{service});
  CHECK(w.admit("trading").decisions[1].remaining == 9);

  // A window of another period begins anew; what is not there any more is dropped.
  auto other = reload(text(R"({"name": "service", "permits": 10, "period": "30s"})", R"({"open_duration": "5s"})"));
  CHECK(other.reset == Paths{service});
  auto renamed = reload(text(R"({"name": "all", "permits": 10, "period": "30s"})", R"({"open_duration": "5s"})"));
  CHECK(renamed.added == Paths{"/routes/trading/limits/all"});
  CHECK(renamed.removed == Paths{service});
  CHECK(renamed.kept == Paths{"/limits/user", breaker});
}

TEST_CASE("what a call took teaches its instance, and each attempt is measured from its own beginning") {
  World w;
  REQUIRE(w.registry.register_instance_at("trading", {.id = "t-1", .host = "h", .port = 2}, at(0s)));
  REQUIRE(w.load(R"({"services": {"trading": {"balancer": "peak_ewma", "ejection_failures": 0}},
                     "routes": {"trading": {"service": "trading"}}})") == "made");
  Pipeline& trading = *w.pipelines->find("trading");
  auto call = trading.admit_at({}, at(1s));
  REQUIRE(call);
  const std::uint32_t first = call.instance.slot;
  REQUIRE(trading.another_at(call, Outcome::kFailure, at(2s)));
  REQUIRE(trading.complete_at(call, Outcome::kSuccess, at(2s + 20ms)));
  const auto why = w.registry.explain_at("trading", at(2s + 20ms)).value();
  CHECK(why.instances[first].latency > 900ms);
  CHECK(why.instances[1 - first].latency == 20ms);
}

TEST_CASE("a keyed limit goes on under another quota, key by key") {
  World w;
  const auto json = [](const std::string& permits, const std::string& more = "") {
    return R"({"limits": {"user": {"key": "user", "period": "60s", "memory_bytes": 65536, "permits": )" + permits +
           more + R"(}}, "routes": {"a": {"limits": ["user"]}, "b": {"limits": ["user"]}}})";
  };
  REQUIRE(w.load(json("5")) == "made");
  for (int i = 0; i < 3; ++i) REQUIRE(w.admit("a"));
  REQUIRE(w.admit("b"));  // the same limit
  const auto report = w.pipelines->reload_at(json("10"), at(1s)).value();
  CHECK(report.changed == Paths{"/limits/user"});
  CHECK(w.admit("b").decisions[0].remaining == 5);
  CHECK(w.admit("b", "bob").decisions[0].remaining == 9);
  CHECK(w.pipelines->reload_at(json("10", R"(, "algorithm": "token_bucket")"), at(1s)).value().reset ==
        Paths{"/limits/user"});
  CHECK(w.admit("b").decisions[0].remaining == 9);
}

TEST_CASE("a failed reload changes nothing, whatever fails") {
  World w;
  const std::string narrow = R"({"name": "service", "permits": 100, "period": "60s"})";
  const std::string wider = R"({"name": "service", "permits": 200, "period": "60s"})";
  REQUIRE(w.load(text(narrow)) == "made");
  REQUIRE(w.admit("trading"));
  std::string hashed = text(wider);  // all is well but for the room in the registry, which is asked last
  hashed.insert(hashed.size() - 1, R"(, "services": {"a": {"balancer": "maglev"}, "b": {"balancer": "maglev"},
                                                     "c": {"balancer": "maglev"}})");
  for (const std::string& bad :
       {std::string("{"), text(wider, R"({"open_duration": "0s"})"), text(wider + R"(, {"name": "x"})"),
        text(wider, "{}", R"(, "service": "b c")"), text(wider + R"(, "nobody")"), hashed}) {
    CHECK_FALSE(w.pipelines->reload_at(bad, at(1s)));
  }
  CHECK(w.admit("trading").decisions[1].limit == 100);
  CHECK(w.pipelines->find("trading")->stats_at(at(1s)).compositions == 1);
  // Lost calls hold on to 15 older compositions: full, and still nothing is changed.
  for (int i = 0; i < 14; ++i) {
    REQUIRE(w.pipelines->reload_at(text(narrow), at(1s)));
    REQUIRE(w.admit("trading", std::to_string(i).c_str()));
  }
  REQUIRE(w.pipelines->reload_at(text(narrow), at(1s)));
  const auto full = w.pipelines->reload_at(text(wider), at(1s));
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Code::kFull);
  CHECK(w.admit("trading", "zoe").decisions[1].limit == 100);
}

TEST_CASE("a refused reload leaves no services behind") {
  ServiceRegistry registry(ServiceRegistryConfig::make({.max_services = 4, .max_hashed_services = 1}).value(), at(0s));
  MetricsRegistry metrics;
  const auto pipelines =
      Pipelines::make(R"({"routes": {"a": {"service": "one"}}})", &registry, &metrics, {.max_routes = 2}, at(0s))
          .value();
  const std::string page = metrics.to_prometheus();
  const auto refused = [&](const std::string& json) {
    const auto reloaded = pipelines->reload_at(json, at(1s));
    REQUIRE_FALSE(reloaded);
    CHECK(registry.stats().services == 1);
    CHECK(metrics.to_prometheus() == page);  // of new routes no series are left either
    return std::string(reloaded.error().message.view());
  };
  CHECK(refused(R"({"services": {"b": {"balancer": "maglev"}, "c": {"balancer": "maglev"}}})") ==
        "/services: the registry is full: max_hashed_services is 1");
  CHECK(refused(R"({"services": {"b": {}, "c": {}}, "routes": {"x": {}, "y": {"service": "d"}}})") ==
        "/routes: more routes than max_routes were there in all");
  CHECK(refused(R"({"services": {"b": {}, "a b": {}}})").find("/services/a b: ") == 0);
  CHECK(refused(R"({"routes": {"a": {"service": "b"}, "x": {"service": "a b"}}})").find("/routes/x/service: ") == 0);
  // Four more are too many as rules, as routes, and as both.
  const std::string full = "the registry is full: max_services is 4";
  CHECK(refused(R"({"services": {"b": {}, "c": {}, "d": {}, "e": {}}})") == "/services: " + full);
  CHECK(refused(R"({"services": {"b": {}, "c": {}, "d": {}}, "routes": {"a": {"service": "e"}}})") ==
        "/services: " + full);
  CHECK(refused(R"({"services": {"b": {}, "c": {}, "d": {}}, "routes": {"a": {"service": "b c"}}})")
            .find("/routes/a/service: ") == 0);
  CHECK(refused(R"({"services": {"b": {}, "c": {}, "d": {}}, "routes": {"x": {"service": "e"}}})") ==
        "/services: " + full);
  REQUIRE(pipelines->reload_at(R"({"services": {"b": {}, "c": {}, "d": {}},
                                   "routes": {"a": {"service": "d"}, "x": {"service": "one"}}})",
                               at(1s)));
  CHECK(metrics.to_prometheus().find("pipeline=\"x\"") != std::string::npos);
  CHECK(registry.stats().services == 4);
  REQUIRE(registry.register_instance_at("d", {.id = "d-1", .host = "h", .port = 4}, at(1s)));
  CHECK(pipelines->find("a")->admit_at({}, at(1s)).instance.port == 4);
  const auto fifth = pipelines->reload_at(R"({"routes": {"a": {"service": "e"}}})", at(1s));
  CHECK(fifth.error().message.view() == "/routes: " + full);
}

TEST_CASE("routes come and go, and who looked one up may keep it") {
  World w;
  REQUIRE(w.load(R"({"routes": {"a": {}, "b": {}}})") == "made");
  Pipeline* const a = w.pipelines->find("a");
  const auto call = w.admit("a");
  REQUIRE(call);
  REQUIRE(w.pipelines->reload_at(R"({"routes": {"b": {}, "c": {}}})", at(1s)));
  CHECK(w.pipelines->routes() == Paths{"b", "c"});
  CHECK(w.pipelines->find("a") == a);
  const auto gone = w.admit("a");
  CHECK(gone.gate == Gate::kRequest);
  CHECK(gone.never());
  CHECK(a->complete_at(call, Outcome::kSuccess, at(1s)));
  CHECK(w.admit("c"));
  REQUIRE(w.pipelines->reload_at(R"({"routes": {"a": {}}})", at(1s)));
  CHECK(w.admit("a"));
  CHECK(w.pipelines->find("a") == a);
}

TEST_CASE("a reload puts services under other rules, keeps who is ejected, and lets go who is not mentioned") {
  World w;
  REQUIRE(w.registry.register_instance_at("trading", {.id = "t-1", .host = "h", .port = 2}, at(0s)));
  const auto json = [](const std::string& services) {
    return R"({"services": )" + services + R"(, "routes": {"trading": {"service": "trading"}}})";
  };
  const auto balancer = [&] { return w.registry.explain_at("trading", at(1s))->balancer; };
  const auto reload = [&](const std::string& services) { return w.pipelines->reload_at(json(services), at(1s)); };
  const std::string two = R"({"trading": {"ejection_failures": 2, "ejection_duration": "10s", "balancer": "random"}})";
  const Paths path{"/services/trading"};
  REQUIRE(w.load(json(two)) == "made");
  CHECK(balancer() == Balancer::kRandom);
  const std::array<std::uint32_t, 1> not_the_other{1};
  for (int i = 0; i < 2; ++i) {
    const auto call = w.pipelines->find("trading")->admit_at({.exclude = not_the_other}, at(1s));
    REQUIRE(call);
    CHECK(w.pipelines->find("trading")->complete_at(call, Outcome::kFailure, at(1s)));
  }
  const auto ejected = [&] { return w.registry.explain_at("trading", at(1s))->ejected; };
  CHECK(ejected() == 1);
  CHECK(reload(two).value().kept == path);
  CHECK(reload(R"({"trading": {"balancer": "maglev"}})").value().changed == path);
  CHECK(balancer() == Balancer::kMaglev);
  CHECK(ejected() == 1);

  // What fails changes nothing: neither of the two is configured.
  CHECK_FALSE(reload(R"({"trading": {}, "a": {"balancer": "maglev"}, "b": {"balancer": "maglev"},
                         "c": {"balancer": "maglev"}})"));
  CHECK(balancer() == Balancer::kMaglev);
  // Tables that one service gives back are there for others of the same text.
  CHECK(reload(R"({"a": {"balancer": "maglev"}, "b": {"balancer": "ring_hash"}})").value().removed == path);
  CHECK(balancer() == Balancer::kRoundRobin);
  CHECK(ejected() == 1);
  REQUIRE(w.registry.configure_default(ServiceConfig::make({.balancer = Balancer::kPeakEwma}).value()).ok());
  CHECK(balancer() == Balancer::kPeakEwma);  // as all that are not configured by name
  CHECK(w.registry.restore_at("trading/t-0", 0, at(1s)) == RegistryAnswer::kOk);
  CHECK(ejected() == 0);

  // Under a rule that ejects nobody, nobody stays out.
  REQUIRE(reload(two));
  for (int i = 0; i < 2; ++i) {
    const auto call = w.pipelines->find("trading")->admit_at({.exclude = not_the_other}, at(1s));
    REQUIRE(call);
    CHECK(w.pipelines->find("trading")->complete_at(call, Outcome::kFailure, at(1s)));
  }
  CHECK(ejected() == 1);
  REQUIRE(reload(R"({"trading": {"ejection_failures": 0}})"));
  REQUIRE(reload(two));
  CHECK(ejected() == 0);
}

// The model: of each limit how much is taken, by the rules of the header. Random configurations, requests in between.
TEST_CASE("model: what reloads keep, against an oracle") {
  struct Known {
    std::int64_t permits = 0;
    std::int64_t period = 0;
    std::int64_t taken = 0;
  };
  std::uint64_t seed = 20260731;
  const auto random = [&seed](std::uint64_t below) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::int64_t>((seed >> 33) % below);
  };
  World w;
  REQUIRE(w.load("{}") == "made");
  std::array<std::optional<Known>, 3> limits;  // of the one route, by name
  for (int round = 0; round < 300; ++round) {
    std::string json = R"({"routes": {"r": {"limits": [)";
    std::vector<std::size_t> order;
    std::array<std::optional<Known>, 3> next;
    for (std::size_t i = 0; i < limits.size(); ++i) {
      if (random(4) == 0) continue;
      Known known{.permits = 20 + random(3) * 20, .period = 30 + random(2) * 30};
      const auto& old = limits[i];
      if (old && old->period == known.period) known.taken = old->taken;
      next[i] = known;
      order.push_back(i);
      json += (order.size() > 1 ? R"(, {"name": ")" : R"({"name": ")") + std::to_string(i) + R"(", "permits": )" +
              std::to_string(known.permits) + R"(, "period": ")" + std::to_string(known.period) + R"(s"})";
    }
    limits = next;
    REQUIRE(w.pipelines->reload_at(json + "]}}}", at(1s)));
    for (std::int64_t n = random(12); n > 0; --n) {
      const auto call = w.admit("r");
      const bool allowed =
          std::all_of(order.begin(), order.end(), [&](std::size_t i) { return limits[i]->taken < limits[i]->permits; });
      REQUIRE(bool(call) == allowed);
      for (std::size_t k = 0; k < order.size(); ++k) {
        Known& known = *limits[order[k]];
        if (allowed) ++known.taken;
        REQUIRE(call.decisions[k].remaining == std::max<std::int64_t>(0, known.permits - known.taken));
      }
      if (call && random(2) == 0) REQUIRE(w.pipelines->find("r")->complete_at(call, Outcome::kSuccess, at(1s)));
      if (call) (void)w.pipelines->find("r")->complete_at(call, Outcome::kSuccess, at(1s));
    }
  }
}

TEST_CASE("who watches asks limits by their paths") {
  World w;
  REQUIRE(w.load(text(kLimit)) == "made");
  const auto limits = w.pipelines->limits();
  REQUIRE(limits.size() == 2);
  CHECK((limits[0].path == "/limits/user" && limits[0].name == "user" && limits[0].keyed));
  CHECK((limits[1].path == "/routes/trading/limits/service" && limits[1].name == "service" && !limits[1].keyed));
  REQUIRE(w.admit("trading", "ann"));
  REQUIRE(w.admit("trading", "bob"));
  CHECK(w.pipelines->peek_at(limits[1].path, at(1s))->remaining == 8);
  CHECK(w.pipelines->keyed_stats_at(limits[0].path, at(1s))->keys_active == 2);
  CHECK_FALSE(w.pipelines->peek_at(limits[0].path, at(1s)));
  CHECK_FALSE(w.pipelines->keyed_stats_at(limits[1].path, at(1s)));
  CHECK_FALSE(w.pipelines->peek_at("/limits/none", at(1s)));
  REQUIRE(w.pipelines->reload_at(text(R"({"name": "service", "permits": 4, "period": "60s"})"), at(1s)));
  CHECK(w.pipelines->peek_at(limits[1].path, at(1s))->remaining == 2);
  REQUIRE(w.pipelines->reload_at(R"({"routes": {"trading": {}}})", at(1s)));
  CHECK(w.pipelines->limits().empty());
  CHECK_FALSE(w.pipelines->peek_at(limits[1].path, at(1s)));
}
