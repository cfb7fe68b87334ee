// SPDX-License-Identifier: MIT
// Random verbs at random instants, in any order of time, against an oracle that is a plain map.
#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::AdminState;
using seawall::Health;
using seawall::RegistryAnswer;
using seawall::SelfState;

namespace {

constexpr std::int64_t kLease = 30;
constexpr std::int64_t kTolerance = 10;
constexpr std::int64_t kRetention = 100;
constexpr std::size_t kMaxInstances = 5;

struct Known {
  std::string service;
  std::uint64_t generation = 0;
  std::int64_t end = 0;
  bool expired = false;
  AdminState admin = AdminState::kEnabled;
  SelfState self = SelfState::kServing;
  Health health = Health::kPassing;
  int weight = 1;

  bool pickable_but_for_time() const {
    return !expired && admin == AdminState::kEnabled && self == SelfState::kServing && health == Health::kPassing &&
           weight > 0;
  }
};

class Oracle {
 public:
  std::map<std::string, Known> known;
  std::uint64_t next = 1;

  // The generation, or 0 when it is refused.
  std::uint64_t add(const std::string& id, int weight, SelfState self, std::int64_t now) {
    const auto old = known.find(id);
    if (old == known.end() && known.size() == kMaxInstances && !evict()) return 0;
    Known fresh{.service = id.substr(0, 1),
                .generation = next++,
                .end = std::max(now, last_) + kLease,
                .self = self,
                .weight = weight};
    if (old != known.end() && old->second.admin == AdminState::kDisabled) fresh.admin = AdminState::kDisabled;
    known[id] = fresh;
    return fresh.generation;
  }

  Known* addressed(const std::string& id, std::uint64_t generation, RegistryAnswer& answer) {
    const auto found = known.find(id);
    answer = RegistryAnswer::kUnknown;
    if (found == known.end() || generation > found->second.generation) return nullptr;
    answer = RegistryAnswer::kFenced;
    if (generation != 0 && generation < found->second.generation) return nullptr;
    answer = RegistryAnswer::kOk;
    return &found->second;
  }

  void beat(Known& k, std::int64_t now, SelfState said) {
    k.end = std::max(k.end, std::max(now, last_) + kLease);
    k.expired = false;
    k.self = std::max(k.self, said);
  }

  std::int64_t tick(std::int64_t now) {
    now = std::max(now, last_);
    const std::int64_t late = now - (last_ + kTolerance);
    std::int64_t ended = 0;
    for (auto& [id, k] : known) {
      if (late > 0 && k.end > last_ + kTolerance) k.end = std::max(k.end, std::min(k.end + late, now + kLease));
      if (!k.expired && k.end <= now) {
        k.expired = true;
        ++ended;
      }
    }
    last_ = now;
    std::erase_if(known, [&](const auto& item) { return item.second.expired && now - item.second.end >= kRetention; });
    return ended;
  }

  bool live(const Known& k, std::int64_t now) const { return !k.expired && std::min(now, last_ + kTolerance) < k.end; }

  std::set<std::string> pickable(const std::string& service, std::int64_t now) const {
    std::set<std::string> ids;
    for (const auto& [id, k] : known) {
      if (k.service == service && k.pickable_but_for_time() && live(k, now)) ids.insert(id.substr(2));
    }
    return ids;
  }

 private:
  bool evict() {
    auto first = known.end();
    for (auto it = known.begin(); it != known.end(); ++it) {
      if (it->second.expired && (first == known.end() || it->second.end < first->second.end)) first = it;
    }
    if (first == known.end()) return false;
    // Equal ends are broken by slot, which the oracle does not know: such a run cannot be predicted.
    for (auto it = known.begin(); it != known.end(); ++it) {
      if (it != first && it->second.expired && it->second.end == first->second.end) ambiguous = true;
    }
    known.erase(first);
    return true;
  }

  std::int64_t last_ = 0;

 public:
  bool ambiguous = false;
};

constexpr std::int64_t kNames = 8;
std::string name(std::int64_t i) { return {i % 2 == 0 ? 's' : 't', '/', 'i', static_cast<char>('0' + i / 2)}; }

std::set<std::string> all_picks(const seawall::Service& service, seawall::TimePoint now) {
  std::set<std::string> ids;
  std::vector<std::uint32_t> slots;
  seawall::PickText text;
  while (const auto pick = service.pick_at(now, text, slots)) {
    service.done(pick->ticket);
    if ((pick->flags & seawall::kPickPanic) != 0) break;  // nobody is left who may
    ids.insert(std::string(text.id.view()));
    slots.push_back(pick->slot);
  }
  return ids;
}

class Run {
 public:
  explicit Run(unsigned seed) : random_(seed) {}

  void steps(int count) {
    for (int i = 0; i < count && !oracle_.ambiguous; ++i) {
      step();
      if (!oracle_.ambiguous) compare();
    }
  }

 private:
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n)); }
  std::string id() { return name(below(kNames)); }
  SelfState self() { return static_cast<SelfState>(below(3)); }

  // Mostly forward, sometimes far forward (a pause), sometimes back.
  std::int64_t instant() {
    const std::int64_t kind = below(20);
    if (kind == 0) time_ += below(200);
    if (kind > 4) time_ += below(6);
    return kind == 1 ? std::max<std::int64_t>(0, time_ - below(50)) : time_;
  }

  std::uint64_t generation(const std::string& of) {
    const auto found = oracle_.known.find(of);
    const std::uint64_t current = found == oracle_.known.end() ? 3 : found->second.generation;
    const std::int64_t kind = below(8);
    return kind == 0 ? current + 1 : kind == 1 && current > 1 ? current - 1 : kind == 2 ? 0 : current;
  }

  void step() {
    const std::int64_t now = now_ = instant();
    const seawall::TimePoint at = seawall::time_from_ns(now);
    const std::string who = id();
    const std::uint64_t g = generation(who);
    RegistryAnswer want{};
    switch (below(8)) {
      case 0:
      case 1: {
        const int weight = static_cast<int>(below(3));
        const SelfState said = self();
        const auto got = registry_.register_instance_at(
            who.substr(0, 1), {.id = who.substr(2), .host = "h", .port = 1, .weight = weight, .state = said}, at);
        const std::uint64_t given = oracle_.add(who, weight, said, now);
        if (!oracle_.ambiguous) CHECK((got ? got.value().generation : 0) == given);
        break;
      }
      case 2:
      case 3: {
        const SelfState said = self();
        const auto got = registry_.heartbeat_at(who, g, at, said);
        if (g == 0) {
          CHECK(got == RegistryAnswer::kUnknown);
        } else {
          if (Known* k = oracle_.addressed(who, g, want)) oracle_.beat(*k, now, said);
          CHECK(got == want);
        }
        break;
      }
      case 4: {
        const auto to = static_cast<AdminState>(below(3));
        if (Known* k = oracle_.addressed(who, g, want)) k->admin = to;
        CHECK(registry_.set_admin_at(who, g, to, at) == want);
        break;
      }
      case 5: {
        const auto to = static_cast<Health>(below(2));
        if (Known* k = oracle_.addressed(who, g, want)) k->health = to;
        CHECK(registry_.set_health_at(who, g, to, at) == want);
        break;
      }
      case 6:
        if (oracle_.addressed(who, g, want) != nullptr) oracle_.known.erase(who);
        CHECK(registry_.deregister_at(who, g, at) == want);
        break;
      default:
        CHECK(registry_.tick_at(at) == oracle_.tick(now));
    }
  }

  void compare() {
    const seawall::TimePoint at = seawall::time_from_ns(now_);
    for (std::int64_t i = 0; i < kNames; ++i) {
      const std::string who = name(i);
      const auto info = registry_.find_at(who, at);
      const auto found = oracle_.known.find(who);
      REQUIRE(info.has_value() == (found != oracle_.known.end()));
      if (!info) continue;
      CHECK(info->generation == found->second.generation);
      CHECK(info->service == found->second.service);
      CHECK(((info->status.reasons & seawall::kReasonLeaseExpired) == 0) == oracle_.live(found->second, now_));
    }
    CHECK(all_picks(s_, at) == oracle_.pickable("s", now_));
    CHECK(all_picks(t_, at) == oracle_.pickable("t", now_));
  }

  std::mt19937_64 random_;
  Oracle oracle_;
  std::int64_t time_ = 0;
  std::int64_t now_ = 0;
  seawall::ServiceRegistry registry_{seawall::ServiceRegistryConfig::make(
                                         {.heartbeat_interval = 10ns,
                                          .lease = seawall::Duration(kLease),
                                          .suspect_after = seawall::Duration(kLease),
                                          .expired_retention = seawall::Duration(kRetention),
                                          .tick_tolerance = seawall::Duration(kTolerance),
                                          .max_expired_percent = 100,  // service_registry_expiry_test.cc has the guard
                                          .max_instances = kMaxInstances})
                                         .value(),
                                     seawall::time_from_ns(0)};
  seawall::Service s_ = registry_.service("s").value();
  seawall::Service t_ = registry_.service("t").value();
};

}  // namespace

TEST_CASE("random verbs at random instants agree with the oracle") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    Run(seed).steps(400);
  }
}
