// SPDX-License-Identifier: MIT
// Leases, fencing and mass expiry of one service against an oracle in simulated time: random heartbeats, partitions
// (nobody is heard for a while), pauses of the host and clocks that jump back, with failing runs shrunk.
#include <rapidcheck/catch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::RegistryAnswer;

namespace {

constexpr std::int64_t kLease = 30, kTolerance = 10, kCeiling = 90, kRetention = 40, kSuspectAfter = 20;
constexpr int kInstances = 12;

enum class Event { kPass, kPause, kPartition, kJumpBack, kSilence, kSpeak, kRegister };

struct Step {
  Event event = Event::kPass;
  int instance = 0;
  std::int64_t amount = 0;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << static_cast<int>(step.event) << ':' << step.instance << ':' << step.amount;
}

struct Known {
  std::uint64_t generation = 0;
  std::int64_t end = 0;
  std::int64_t expired_at = 0;
  bool expired = false, held = false, shielded = false;
};

// What the registry should know, told by the rules and not by its code.
class Oracle {
 public:
  std::map<int, Known> known;
  std::int64_t last = 0;

  void renew(int i, std::uint64_t generation, std::int64_t now) {
    Known& k = known[i];
    if (generation != k.generation) k = {.generation = generation};
    k.end = std::max(k.end, std::max(now, last) + kLease);
    k.expired = k.held = k.shielded = false;
  }

  std::int64_t tick(std::int64_t given) {
    const std::int64_t now = std::max(given, last), believed = last + kTolerance, late = now - believed;
    for (auto& [i, k] : known) {
      if (late <= 0 || (k.expired && k.end <= believed)) continue;
      if (k.shielded && k.end <= believed) {
        k.end += late;
      } else if (k.end > believed) {
        k.end = std::max(k.end, std::min(k.end + late, now + kLease));
      }
    }
    last = now;
    const auto lost = [&](std::int64_t by) {
      std::int64_t count = 0, over = 0;
      for (const auto& [i, k] : known) {
        if (k.expired ? k.end <= now - kLease : now - k.end >= kCeiling) continue;
        ++count;
        over += k.end <= by;
      }
      return count >= 4 && over > std::max<std::int64_t>(count * 15 / 100, 1);
    };
    const bool hold = lost(now), shield = lost(now + kTolerance);
    std::int64_t ended = 0;
    for (auto& [i, k] : known) {
      if (k.expired) continue;
      const bool was_held = k.held;
      k.shielded = k.end <= now ? hold && now - k.end < kCeiling : shield && k.end <= now + kTolerance;
      k.held = k.end <= now && k.shielded;
      if (k.end > now || k.held) continue;
      k.expired = true;
      k.expired_at = was_held ? now : k.end;
      ++ended;
    }
    std::erase_if(
        known, [&](const auto& entry) { return entry.second.expired && now - entry.second.expired_at >= kRetention; });
    return ended;
  }

  // Between ticks as well: who is picked by somebody whose clock says `now`.
  std::set<std::string> pickable(std::int64_t now) const {
    std::array<std::set<std::string>, 2> by_rank;
    for (const auto& [i, k] : known) {
      // Lists are made by ticks.
      if (!k.expired) by_rank[k.held || k.end - (kLease - kSuspectAfter) <= last].insert(name(i));
    }
    std::set<std::string> listed = by_rank[0];
    if (2 * by_rank[0].size() < by_rank[0].size() + by_rank[1].size()) listed.merge(by_rank[1]);
    const std::int64_t seen = std::min(now, last + kTolerance);
    for (const auto& [i, k] : known) {
      if (!k.shielded && k.end <= seen) listed.erase(name(i));
    }
    return listed;
  }

  static std::string name(int i) { return std::string(1, static_cast<char>('a' + i)); }
};

class Run {
 public:
  Run() {
    // Panic would pick those that the oracle leaves out.
    RC_ASSERT(registry_.configure("s", seawall::ServiceConfig::make({.panic_threshold = 0}).value()).ok());
    for (int i = 0; i < kInstances; ++i) enter(i);
  }

  void step(const Step& step) {
    switch (step.event) {
      case Event::kPass:
        return pass(step.amount, true);
      case Event::kPartition:
        for (std::int64_t t = 0; t < step.amount * 4; t += 5) pass(5, false);
        return;
      case Event::kPause:
        now_ += step.amount * 10;
        return tick();
      case Event::kJumpBack:
        now_ = std::max<std::int64_t>(0, now_ - step.amount);
        return tick();
      case Event::kSilence:
        silent_.insert(step.instance);
        return;
      case Event::kSpeak:
        silent_.erase(step.instance);
        return;
      case Event::kRegister:
        enter(step.instance);
        check_stale(step.instance);
    }
  }

 private:
  void enter(int i) {
    const auto mine =
        registry_.register_instance_at("s", {.id = Oracle::name(i), .host = "h", .port = 1}, at(now_)).value();
    generations_[i] = mine.generation;
    first_.try_emplace(i, mine.generation);
    oracle_.renew(i, mine.generation, now_);
  }

  void check_stale(int i) {
    RC_ASSERT(registry_.heartbeat_at(Oracle::name(i), generations_[i] + 1000, at(now_)) == RegistryAnswer::kUnknown);
    if (generations_[i] == first_[i]) return;
    RC_ASSERT(registry_.heartbeat_at(Oracle::name(i), first_[i], at(now_)) == RegistryAnswer::kFenced);
  }

  void pass(std::int64_t amount, bool heard) {
    now_ += amount;
    for (int i = 0; heard && i < kInstances; ++i) {
      if (!silent_.contains(i)) beat(i);
    }
    tick();
  }

  void beat(int i) {
    const auto answer = registry_.heartbeat_at(Oracle::name(i), generations_[i], at(now_));
    const bool known = oracle_.known.contains(i);
    RC_ASSERT(answer == (known ? RegistryAnswer::kOk : RegistryAnswer::kUnknown));
    if (known) return oracle_.renew(i, generations_[i], now_);
    enter(i);  // as it is told to
  }

  void tick() {
    RC_ASSERT(registry_.tick_at(at(now_)) == oracle_.tick(now_));
    compare(now_);
    compare(now_ + kTolerance / 2);
    compare(now_ + 1000);  // the host sleeps from now on
  }

  void compare(std::int64_t now) {
    std::set<std::string> picked;
    std::vector<std::uint32_t> slots;
    seawall::PickText text;
    while (const auto pick = service_.pick_at(at(now), text, slots)) {
      picked.insert(std::string(text.id.view()));
      slots.push_back(pick->slot);
      service_.done(pick->ticket);
    }
    RC_ASSERT(picked == oracle_.pickable(now));
    for (int i = 0; i < kInstances; ++i) {
      const auto info = registry_.find_at(Oracle::name(i), at(now));
      const auto found = oracle_.known.find(i);
      RC_ASSERT(info.has_value() == (found != oracle_.known.end()));
      if (info) RC_ASSERT(info->generation == found->second.generation);
    }
  }

  static seawall::TimePoint at(std::int64_t ns) { return seawall::time_from_ns(ns); }

  std::int64_t now_ = 0;
  Oracle oracle_;
  std::set<int> silent_;
  std::map<int, std::uint64_t> generations_, first_;
  seawall::ServiceRegistry registry_{
      seawall::ServiceRegistryConfig::make({.heartbeat_interval = 10ns,
                                            .lease = seawall::Duration(kLease),
                                            .suspect_after = seawall::Duration(kSuspectAfter),
                                            .expired_retention = seawall::Duration(kRetention),
                                            .tick_tolerance = seawall::Duration(kTolerance),
                                            .expiry_ceiling = seawall::Duration(kCeiling)})
          .value(),
      at(0)};
  seawall::Service service_ = registry_.service("s").value();
};

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(rc::gen::set(&Step::event, rc::gen::weightedElement<Event>({{12, Event::kPass},
                                                                                          {1, Event::kPause},
                                                                                          {2, Event::kPartition},
                                                                                          {1, Event::kJumpBack},
                                                                                          {4, Event::kSilence},
                                                                                          {3, Event::kSpeak},
                                                                                          {1, Event::kRegister}})),
                              rc::gen::set(&Step::instance, rc::gen::inRange(0, kInstances)),
                              rc::gen::set(&Step::amount, rc::gen::inRange<std::int64_t>(0, 12)));
}

}  // namespace

TEST_CASE("leases of a service under partitions, pauses and jumps agree with the oracle") {
  rc::prop("", [] {
    const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
    Run run;
    for (const Step& step : steps) run.step(step);
  });
}
