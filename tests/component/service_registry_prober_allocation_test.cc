// SPDX-License-Identifier: MIT
//
// A prober that runs out of memory, at any allocation, forgets no instance, and what failed may be done again. Not
// under the sanitizers, which keep their own operator new.
#define SEAWALL_OPERATORS_ARE_ELSEWHERE  // service_registry_allocation_test.cc has them
#include "support/allocations.h"

#if SEAWALL_COUNTS_ALLOCATIONS

#include <chrono>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/runtime/prober.h"
#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Duration;
using seawall::Health;
using seawall::InstanceInfo;
using seawall::Probe;
using seawall::ProbeKind;
using seawall::Prober;
using seawall::ProberConfig;
using seawall::ProberOptions;
using seawall::ServiceRegistry;
using seawall::TimePoint;

namespace {

const std::string kService = "a-service-with-a-name-of-some-length";
const std::string kAfterId = "-whose-id-is-of-some-length";

ProberConfig config(ProberOptions options) {
  options.jitter_percent = 0;
  options.rise = options.fall = 1;
  options.path.append("-on-a-path-of-some-length");
  return ProberConfig::make(options).value();
}

// A registry with a prober, whose calls have so many allocations; the next one fails, and those after it do not.
struct Scarce {
  explicit Scarce(std::size_t allocations) : left(allocations) {}

  template <class Call>
  bool ends(Call&& call) {
    allocation::allowed = left;
    bool ended = true;
    try {
      call();
    } catch (const std::bad_alloc&) {
      ended = false;
    }
    left = ended ? std::exchange(allocation::allowed, allocation::kAll) : allocation::kAll;
    allocation::allowed = allocation::kAll;
    failed = failed || !ended;
    return ended;
  }
  template <class Call>
  void until_it_ends(Call&& call) {
    while (!ends(call)) {
    }
  }

  void add(char id, std::int32_t port = 1) {
    const seawall::InstanceSpec spec{.id = id + kAfterId, .host = "a-host-with-a-name-of-some-length", .port = port};
    registry.register_instance_at(kService, spec, TimePoint(now)).value();
  }
  void configure(const ProberOptions& options) {
    const ProberConfig next = config(options);
    until_it_ends([&] { prober.configure_at(next, TimePoint(now)); });
  }
  // Time passes in steps of 100 ms; each probe is answered by its instance's status, or never without one.
  void pass(Duration time) {
    for (const Duration end = now + time; now < end; now += 100ms) {
      while (const auto probe = next()) {
        ++asked[probe->instance.front()];
        kind = probe->kind;
        const auto said = statuses.find(probe->instance.front());
        if (said == statuses.end()) {
          ++unanswered;
          continue;
        }
        const std::string_view service = names_itself ? std::string_view(kService) : "another";
        const seawall::ProbeAnswer answer{.status = said->second, .service = service};
        wrong += said->second > 0 && !names_itself ? 1 : 0;
        until_it_ends([&] { prober.finish_at(probe->id, answer, TimePoint(now)); });
      }
    }
  }
  std::optional<Probe> next() {
    std::optional<Probe> probe;
    until_it_ends([&] { probe = prober.next_at(TimePoint(now)); });
    return probe;
  }
  std::map<char, Health> listed() const {
    std::map<char, Health> all;
    for (const auto& service : registry.services_at(TimePoint(now))) {
      for (const InstanceInfo& info : service.instances) all.emplace(info.id.front(), info.health);
    }
    return all;
  }

  std::size_t left;
  bool failed = false;
  ServiceRegistry registry{seawall::ServiceRegistryConfig::make({.lease = 1h}).value(), TimePoint()};
  Prober prober{registry, config({.path = "/health"})};
  Duration now = 0s;
  std::map<char, std::int32_t> statuses;
  bool names_itself = true;
  std::map<char, int> asked;
  ProbeKind kind = ProbeKind::kHttp;
  std::int64_t unanswered = 0, wrong = 0;
};

using Healths = std::map<char, Health>;
constexpr auto P = Health::kPassing, F = Health::kFailing, U = Health::kUnknown;

}  // namespace

TEST_CASE("a prober that ran out of memory asks all instances still, and the registry knows how they are") {
  std::size_t enough = 0;
  for (bool failed = true; failed; ++enough) {
    CAPTURE(enough);
    Scarce p(enough);
    for (const char id : {'a', 'b', 'c'}) p.add(id);
    p.statuses = {{'a', 200}, {'b', 500}};  // c never answers
    p.pass(4s);
    REQUIRE(p.listed() == Healths{{'a', P}, {'b', F}, {'c', F}});

    p.registry.deregister_at("b" + kAfterId, ServiceRegistry::kAnyGeneration, TimePoint(p.now));
    p.add('a', 2);  // another process
    p.add('d');
    p.statuses = {{'a', 200}, {'b', 200}, {'c', 200}, {'d', 0}};
    p.until_it_ends([&] { p.prober.hurry_at(kService, TimePoint(p.now)); });
    p.pass(6s);
    REQUIRE(p.listed() == Healths{{'a', P}, {'c', P}, {'d', F}});

    p.configure({.kind = ProbeKind::kTcp, .path = "/another"});
    p.names_itself = false;
    p.pass(6s);
    CHECK(p.kind == ProbeKind::kTcp);
    REQUIRE(p.listed() == Healths{{'a', F}, {'c', F}, {'d', F}});
    p.configure({.path = "/nobody", .interval = 0s});
    REQUIRE(p.listed() == Healths{{'a', U}, {'c', U}, {'d', U}});
    p.configure({.path = "/health"});
    p.names_itself = true;
    p.statuses.at('d') = 200;
    p.asked.clear();
    p.pass(20s);
    REQUIRE(p.listed() == Healths{{'a', P}, {'c', P}, {'d', P}});
    REQUIRE(p.asked.size() == 3);
    for (const auto& [id, times] : p.asked) CHECK(times >= 4);

    const auto stats = p.prober.stats();
    CHECK((stats.targets == 3 && stats.late == 0));
    CHECK(stats.timeouts == p.unanswered);
    CHECK(stats.wrong_identity == p.wrong);
    CHECK(stats.sent == stats.passed + stats.failed);
    failed = p.failed;
  }
  CHECK(enough > 100);
}

TEST_CASE("a prober that could not be configured for want of memory goes on as before") {
  const auto next = GENERATE(ProberOptions{.kind = ProbeKind::kTcp, .path = "/another-and-longer-than-the-first"},
                             ProberOptions{.path = "/nobody", .interval = 0s});
  std::size_t enough = 0;
  for (bool failed = true; failed; ++enough) {
    CAPTURE(enough);
    Scarce p(allocation::kAll);
    for (const char id : {'a', 'b', 'c'}) p.add(id);
    p.statuses = {{'a', 200}, {'b', 500}};
    p.pass(4s);
    const auto before = p.prober.stats();
    p.left = enough;
    const ProberConfig other = config(next);
    failed = !p.ends([&] { p.prober.configure_at(other, TimePoint(p.now)); });
    if (!failed) break;
    REQUIRE(p.listed() == Healths{{'a', P}, {'b', F}, {'c', F}});
    CHECK(p.prober.stats().in_flight == before.in_flight);
    CHECK(p.prober.stats().targets == 3);
    p.asked.clear();
    p.pass(6s);
    CHECK(p.asked.size() == 3);
    CHECK(p.kind == ProbeKind::kHttp);
  }
  CHECK(enough > 0);
}

#endif
