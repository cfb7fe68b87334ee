// SPDX-License-Identifier: MIT
// tests/vectors/service_registry.txt, which the Python tests run too, and the pure functions under it.
#include <array>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "seawall/algorithm/expiry_guard.h"
#include "seawall/algorithm/instance_health.h"
#include "seawall/algorithm/lease.h"
#include "seawall/algorithm/static_stride.h"
#include "seawall/runtime/service_registry.h"
#include "support/catch.h"
#include "support/vectors.h"

using seawall::RegistryAnswer;
using seawall::testing::Fields;
using seawall::testing::int_field;
using seawall::testing::text_field;

namespace {

std::int32_t int32_field(const Fields& fields, std::string_view name, std::int32_t fallback) {
  return static_cast<std::int32_t>(int_field(fields, name, fallback));
}

seawall::ServiceRegistryConfig config(const Fields& given) {
  seawall::ServiceRegistryOptions o;
  const auto duration = [&](std::string_view name, seawall::Duration fallback) {
    return seawall::Duration(int_field(given, name, fallback.count()));
  };
  o.lease = duration("lease_ns", o.lease);
  o.heartbeat_interval = duration("heartbeat_interval_ns", o.heartbeat_interval);
  o.suspect_after = duration("suspect_after_ns", o.suspect_after);
  o.max_expired_percent = int32_field(given, "max_expired_percent", o.max_expired_percent);
  o.guard_from = int32_field(given, "guard_from", o.guard_from);
  o.expiry_ceiling = duration("expiry_ceiling_ns", o.expiry_ceiling);
  o.one_per_endpoint = int_field(given, "one_per_endpoint", 0) != 0;
  o.tick_tolerance = duration("tick_tolerance_ns", o.tick_tolerance);
  o.expired_retention = duration("expired_retention_ns", o.expired_retention);
  o.max_services = int32_field(given, "max_services", o.max_services);
  o.max_instances = int32_field(given, "max_instances", o.max_instances);
  return seawall::ServiceRegistryConfig::make(o).value();
}

std::string text(RegistryAnswer answer) {
  constexpr const char* kNames[] = {"ok", "unknown", "fenced", "ambiguous"};
  return kNames[static_cast<std::size_t>(answer)];
}

std::string text(seawall::Code code) { return code == seawall::Code::kFull ? "full" : "invalid_argument"; }

seawall::SelfState self_state(std::string_view name) {
  return name == "starting"   ? seawall::SelfState::kStarting
         : name == "draining" ? seawall::SelfState::kDraining
                              : seawall::SelfState::kServing;
}

seawall::AdminState admin_state(std::string_view name) {
  return name == "disabled"   ? seawall::AdminState::kDisabled
         : name == "draining" ? seawall::AdminState::kDraining
                              : seawall::AdminState::kEnabled;
}

seawall::Health health(std::string_view name) {
  return name == "failing"   ? seawall::Health::kFailing
         : name == "warning" ? seawall::Health::kWarning
         : name == "unknown" ? seawall::Health::kUnknown
                             : seawall::Health::kPassing;
}

class Player {
 public:
  explicit Player(const Fields& options) : registry_(config(options), seawall::time_from_ns(0)) {}

  Fields play(const seawall::testing::VectorStep& step) {
    const seawall::TimePoint now = seawall::time_from_ns(step.now_ns);
    const std::string id = text_field(step.arguments, "id");
    const auto generation = static_cast<std::uint64_t>(int_field(step.arguments, "generation"));
    const std::string to = text_field(step.arguments, "to");
    if (step.verb == "register") return add(step.arguments, now);
    if (step.verb == "heartbeat") {
      const std::string said = text_field(step.arguments, "state");
      if (said.empty()) return {{"answer", text(registry_.heartbeat_at(id, generation, now))}};
      return {{"answer", text(registry_.heartbeat_at(id, generation, now, self_state(said)))}};
    }
    if (step.verb == "drain") return {{"answer", text(registry_.drain_at(id, generation, now))}};
    if (step.verb == "deregister") return {{"answer", text(registry_.deregister_at(id, generation, now))}};
    if (step.verb == "set_admin") {
      return {{"answer", text(registry_.set_admin_at(id, generation, admin_state(to), now))}};
    }
    if (step.verb == "set_health") {
      return {{"answer", text(registry_.set_health_at(id, generation, health(to), now))}};
    }
    if (step.verb == "update") return update(id, generation, step.arguments, now);
    if (step.verb == "tick") return {{"ended", std::to_string(registry_.tick_at(now))}};
    if (step.verb == "pickable") return {{"ids", pickable(text_field(step.arguments, "service"), now)}};
    if (step.verb == "find") return find(id, now);
    return {};
  }

 private:
  Fields update(const std::string& id, std::uint64_t generation, const Fields& given, seawall::TimePoint now) {
    seawall::InstanceUpdate change;
    if (given.contains("weight")) change.weight = int32_field(given, "weight", 0);
    if (given.contains("zone")) change.zone = text_field(given, "zone");
    const auto done = registry_.update_at(id, generation, change, now);
    return {{"answer", done ? text(done.value()) : text(done.error().code)}};
  }

  Fields add(const Fields& given, seawall::TimePoint now) {
    seawall::InstanceSpec spec{.id = text_field(given, "id"),
                               .host = text_field(given, "host", "127.0.0.1"),
                               .port = int32_field(given, "port", 8001),
                               .weight = int32_field(given, "weight", 1),
                               .state = self_state(text_field(given, "state", "serving"))};
    const auto done = registry_.register_instance_at(text_field(given, "service"), spec, now);
    if (!done) return {{"answer", text(done.error().code)}};
    return {{"answer", "ok"},
            {"generation", std::to_string(done.value().generation)},
            {"slot", std::to_string(done.value().slot)}};
  }

  std::string pickable(const std::string& service, seawall::TimePoint now) {
    std::set<std::string> ids;
    std::vector<std::uint32_t> slots;
    seawall::PickText text;
    while (const auto pick = registry_.pick_at(service, now, text, slots)) {
      registry_.done(pick->ticket);
      if ((pick->flags & seawall::kPickPanic) != 0) break;  // nobody is left who may
      ids.insert(std::string(text.id.view()));
      slots.push_back(pick->slot);
    }
    std::string joined;
    for (const std::string& id : ids) joined.append(joined.empty() ? "" : ",").append(id);
    return joined;
  }

  Fields find(const std::string& id, seawall::TimePoint now) const {
    const auto info = registry_.find_at(id, now);
    if (!info) return {{"state", "unknown"}};
    return {{"state", std::string(info->status.state())},
            {"healthy", info->status.healthy() ? "1" : "0"},
            {"weight", std::to_string(info->weight)},
            {"zone", info->zone},
            {"generation", std::to_string(info->generation)},
            {"lease_left_ms", std::to_string(info->lease_left.count() / 1'000'000)}};
  }

  seawall::ServiceRegistry registry_;
};

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

}  // namespace

TEST_CASE("service registry vectors") {
  for (const auto& vector : seawall::testing::load_vectors("service_registry.txt")) {
    INFO("case " << vector.name);
    Player player(vector.options);
    for (const auto& step : vector.steps) {
      INFO("line " << step.line << ": " << step.verb);
      CHECK(seawall::testing::mismatches(step, player.play(step)) == "");
    }
  }
}

TEST_CASE("lease arithmetic stops at the ends of the range") {
  constexpr seawall::algorithm::LeaseRule rule{.lease = 30, .tolerance = 10};
  STATIC_REQUIRE(rule.renew(0, kMax - 1) == kMax);
  STATIC_REQUIRE(rule.renew(kMax, 0) == kMax);
  STATIC_REQUIRE(rule.compensate(kMax - 5, kMin, kMax) == kMax);
  STATIC_REQUIRE(rule.compensate(20, 0, kMax) == kMax);
}

TEST_CASE("a tick is late only beyond the tolerance, and then by the rest") {
  constexpr seawall::algorithm::LeaseRule rule{.lease = 30, .tolerance = 10};
  STATIC_REQUIRE(rule.compensate(25, 0, 10) == 25);     // in time
  STATIC_REQUIRE(rule.compensate(25, 0, 11) == 26);     // late by 1
  STATIC_REQUIRE(rule.compensate(25, 0, 100) == 115);   // late by 90
  STATIC_REQUIRE(rule.compensate(10, 0, 100) == 10);    // had ended while the registry was awake
  STATIC_REQUIRE(rule.compensate(99, 0, 100) == 130);   // renewed after the pause: at most a whole lease from now
  STATIC_REQUIRE(rule.compensate(131, 0, 100) == 131);  // never taken back
}

TEST_CASE("every combination of inputs is healthy only when all are") {
  using namespace seawall;
  for (const auto admin : {AdminState::kEnabled, AdminState::kDraining, AdminState::kDisabled}) {
    for (const auto self : {SelfState::kStarting, SelfState::kServing, SelfState::kDraining}) {
      for (const auto health : {Health::kPassing, Health::kFailing, Health::kWarning, Health::kUnknown}) {
        for (const auto lease : {LeaseState::kLive, LeaseState::kSuspect, LeaseState::kExpired, LeaseState::kHeld}) {
          for (const std::uint32_t weight : {0u, 1u}) {
            const HealthStatus status = algorithm::join_health(admin, self, health, lease, weight);
            const bool all = admin == AdminState::kEnabled && self == SelfState::kServing &&
                             health != Health::kFailing && lease != LeaseState::kExpired;
            const bool held = lease == LeaseState::kHeld;
            const bool doubt = health == Health::kWarning || lease == LeaseState::kSuspect || held;
            CHECK(status.healthy() == (all && !held));
            CHECK(status.pickable() == (all && weight > 0));
            CHECK((status.rank() == 0) == !doubt);
            CHECK((status.state() == "healthy") == (all && !doubt));
          }
        }
      }
    }
  }
}

TEST_CASE("those in doubt are listed when fewer than half are beyond it") {
  using seawall::algorithm::worst_rank_listed;
  using Two = std::array<std::uint32_t, 2>;
  STATIC_REQUIRE(worst_rank_listed(Two{0, 0}) == 0);
  STATIC_REQUIRE(worst_rank_listed(Two{1, 1}) == 0);
  STATIC_REQUIRE(worst_rank_listed(Two{1, 2}) == 1);
  STATIC_REQUIRE(worst_rank_listed(Two{0, 1}) == 1);
  STATIC_REQUIRE(worst_rank_listed(Two{10, 10}) == 0);
  STATIC_REQUIRE(worst_rank_listed(Two{9, 10}) == 1);
  STATIC_REQUIRE(worst_rank_listed(std::array<std::uint32_t, 3>{1, 1, 3}) == 2);
  STATIC_REQUIRE(worst_rank_listed(std::array<std::uint32_t, 3>{1, 1, 2}) == 1);
  STATIC_REQUIRE(worst_rank_listed(Two{4'000'000'000u, 4'000'000'000u}) == 0);
}

TEST_CASE("at most so many may end, at least one, and all of a few") {
  constexpr seawall::algorithm::ExpiryGuard guard{.ceiling = 100};
  STATIC_REQUIRE(guard.may_end(0) == 0);
  STATIC_REQUIRE(guard.may_end(3) == 3);  // not guarded
  STATIC_REQUIRE(guard.may_end(4) == 1);
  STATIC_REQUIRE(guard.may_end(13) == 1);
  STATIC_REQUIRE(guard.may_end(14) == 2);
  STATIC_REQUIRE(guard.may_end(20) == 3);
  STATIC_REQUIRE(guard.may_end(4'000'000'000u) == 600'000'000u);
  STATIC_REQUIRE(!guard.holds(20, 3));
  STATIC_REQUIRE(guard.holds(20, 4));
  STATIC_REQUIRE(!guard.holds(3, 3));
  constexpr seawall::algorithm::ExpiryGuard off{.most_percent = 100};
  STATIC_REQUIRE(!off.holds(20, 20));
  STATIC_REQUIRE(!guard.past_ceiling(7, 106));
  STATIC_REQUIRE(guard.past_ceiling(7, 107));
  STATIC_REQUIRE(guard.past_ceiling(kMin, kMax));
}

TEST_CASE("spread stays within its share, reaches both ends and covers what lies between") {
  using seawall::algorithm::spread;
  STATIC_REQUIRE(spread(1000'000, 20, 0) < 801'000);
  STATIC_REQUIRE(spread(1000'000, 20, 2048) > 1'199'000);
  STATIC_REQUIRE(spread(1000'000, 20, 1024) == 1000'000);
  STATIC_REQUIRE(spread(1000'000, 0, 77) == 1000'000);
  STATIC_REQUIRE(spread(kMax / 2, 50, 2048) > 0);
  std::set<std::int64_t> seen;
  for (std::uint64_t hash = 0; hash < 2049; ++hash) {
    const std::int64_t given = spread(1'000'000'000, 20, hash);
    CHECK((given >= 800'000'000 && given <= 1'200'000'000));
    seen.insert(given);
  }
  CHECK(seen.size() == 2049);
}

TEST_CASE("over 65535 rounds the stride takes each entry as often as it weighs") {
  using seawall::algorithm::StaticStride;
  for (const std::uint32_t weight : {1u, 2u, 100u, 32767u, 65534u, 65535u}) {
    for (const std::uint32_t index : {0u, 1u, 77u}) {
      std::uint32_t taken = 0;
      for (std::uint32_t round = 0; round < StaticStride::kMaxWeight; ++round) {
        taken += StaticStride::hits(round, index, weight) ? 1 : 0;
      }
      CHECK(taken == weight);
    }
  }
}
