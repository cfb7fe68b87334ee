// SPDX-License-Identifier: MIT
// Random answers of a source against an oracle that knows only the history: who must be there, who may be gone.
#include <rapidcheck.h>

#include <rapidcheck/catch.h>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Duration;
using seawall::SourceStatus;

namespace {

using Ids = std::set<std::string>;
constexpr Duration kGrace = 10s;
constexpr Duration kCeiling = 60s;

struct Heard {
  Duration when;
  bool good = false;
  Ids ids;  // what the source listed last, at this time
};

// Was `id` missing, and the source healthy, from `from` until now?
bool gone_since(const std::deque<Heard>& history, const std::string& id, Duration from) {
  for (auto heard = history.rbegin(); heard != history.rend(); ++heard) {
    if (!heard->good || heard->ids.contains(id)) return false;
    if (heard->when <= from) return true;
  }
  return false;
}

Ids registered(const seawall::ServiceRegistry& registry, seawall::TimePoint now) {
  Ids ids;
  for (const auto& service : registry.services_at(now)) {
    for (const auto& info : service.instances) {
      if (info.status.pickable()) ids.insert(info.id);
    }
  }
  return ids;
}

seawall::SourceAnswer random_answer(const Ids& last) {
  const auto status = *rc::gen::weightedElement<SourceStatus>(
      {{6, SourceStatus::kList}, {3, SourceStatus::kUnchanged}, {1, SourceStatus::kEmpty}, {2, SourceStatus::kFailed}});
  seawall::SourceAnswer answer{.service = "s", .status = status};
  if (status != SourceStatus::kList) return answer;
  Ids ids = *rc::gen::arbitrary<bool>() ? last : Ids{};
  for (const int which : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8))) {
    const std::string id(1, static_cast<char>('a' + which));
    if (!ids.erase(id)) ids.insert(id);
  }
  for (const std::string& id : ids) answer.instances.push_back({.id = id, .host = "h", .port = 1});
  return answer;
}

}  // namespace

TEST_CASE("whatever a source answers: who is listed is there, and nobody goes before the grace or an outage ends") {
  rc::prop("source follower against its history", [] {
    seawall::SourceFollowerOptions options;
    options.removal_grace = kGrace;
    options.removal_ceiling = kCeiling;
    seawall::ServiceRegistry registry({}, seawall::TimePoint(0s));
    seawall::ListSource source;
    seawall::SourceFollower follower(registry, seawall::SourceFollowerConfig::make(options).value());
    follower.add(source, {.name = "random"});
    std::deque<Heard> history;
    Ids before, last;
    Duration now{0};
    const int steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      auto answer = random_answer(last);
      const bool good = answer.status != SourceStatus::kFailed;
      if (answer.status == SourceStatus::kEmpty) last.clear();
      if (answer.status == SourceStatus::kList) {
        last.clear();
        for (const auto& spec : answer.instances) last.insert(spec.id);
      }
      history.push_back({now, good, last});
      source.say(std::move(answer));
      for (const Duration until = now + std::chrono::seconds(*rc::gen::inRange(0, 30)); now <= until; now += 1s) {
        follower.tick_at(seawall::TimePoint(now));
        registry.tick_at(seawall::TimePoint(now));
        const Ids there = registered(registry, seawall::TimePoint(now));
        for (const std::string& id : last) RC_ASSERT(there.contains(id));
        for (const std::string& id : before) {
          if (there.contains(id)) RC_ASSERT(!gone_since(history, id, now - kCeiling - 1s));
          if (!there.contains(id)) RC_ASSERT(gone_since(history, id, now - (last.empty() ? kCeiling : kGrace)));
        }
        before = there;
      }
    }
  });
}
