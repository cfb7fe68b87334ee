// SPDX-License-Identifier: MIT
// A registry, its follower and one source that says what a test wants, on a clock of its own.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/source_follower.h"

namespace seawall::testing {

using namespace std::chrono_literals;

using Ids = std::set<std::string>;

constexpr TimePoint at(Duration t) { return TimePoint(t); }

inline SourceAnswer list(const Ids& ids, std::int32_t port = 8001) {
  SourceAnswer answer{.service = "s"};
  for (const std::string& id : ids) answer.instances.push_back({.id = id, .host = "127.0.0.1", .port = port});
  return answer;
}

inline SourceAnswer of(std::string service, SourceAnswer answer) {
  answer.service = std::move(service);
  return answer;
}

inline SourceAnswer word(SourceStatus status) {
  return {.service = "s", .status = status, .reason = status == SourceStatus::kFailed ? "SERVFAIL" : ""};
}

inline Ids listing(const ServiceRegistry& registry, TimePoint now) {
  Ids ids;
  for (const auto& service : registry.services_at(now)) {
    for (const auto& info : service.instances) {
      if (info.status.pickable()) ids.insert(info.id);
    }
  }
  return ids;
}

// A registry, its follower and one source, ticked each second of the given time.
struct Followed {
  explicit Followed(const SourceFollowerOptions& options = {})
      : follower(registry, SourceFollowerConfig::make(options).value()) {
    follower.add(source, {.name = "list"});
  }

  Ids after(Duration until) {
    for (; now < until; now += 1s) tick();
    return tick();
  }
  Ids tick() {
    follower.tick_at(at(now));
    registry.tick_at(at(now));
    return listing(registry, at(now));
  }
  Ids says(SourceAnswer answer) {
    source.say(std::move(answer));
    return tick();
  }
  SourceInfo info() { return follower.sources_at(at(now)).at(0); }

  Duration now{0};
  ServiceRegistry registry{{}, at(0s)};
  ListSource source;
  SourceFollower follower;
};

}  // namespace seawall::testing
