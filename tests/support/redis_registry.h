// SPDX-License-Identifier: MIT
// What the tests of the registry in Redis share: a server with a registrar, and what its readers are told as text.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "seawall/redis/registrar.h"
#include "seawall/redis/store_source.h"
#include "support/catch.h"
#include "support/redis_server.h"

namespace seawall::testing {

using namespace std::chrono_literals;

inline redis::StoreOptions patient(const RedisServer& server) {
  return {.endpoints = {server.endpoint()}, .background_deadline = 60s, .silence = 120s};
}
inline InstanceSpec spec(const std::string& id, std::int32_t port = 8001) {
  return {.id = id, .host = "10.0.0.1", .port = port};
}
inline std::string shown(const redis::StoreWord& word) {
  if (word.fault != redis::Fault::kNone) return std::string("fault ").append(word.reason);
  const char* const names[] = {"ok", "unknown", "fenced"};
  return names[static_cast<int>(word.answer)];
}

constexpr const char* kItems = "seawall-registry:main:{trading}:items";
constexpr const char* kMeta = "seawall-registry:main:{trading}:meta";

inline std::string foreign_key(const std::string& key) {
  return std::string("SEAWALL the key ").append(key).append(" holds what is no registry");
}

struct Registry {
  RedisServer server;
  redis::Store store = redis::Store::open(patient(server)).value();
  redis::Registrar registrar = redis::Registrar::make(store, {.heartbeat_interval = 1s, .lease = 10s}).value();

  std::string version() { return server({"HGET", kMeta, "version"}); }
  std::string item(const std::string& id) { return server({"HGET", kItems, id}); }
};

// The next answer about a service that is no "unchanged".
inline SourceAnswer news(redis::StoreSource& source, const std::string& service = "trading") {
  SourceAnswer found;
  CHECK(eventually([&] {
    for (SourceAnswer& answer : source.poll_at(Clock::now())) {
      if (answer.service == service && answer.status != SourceStatus::kUnchanged) {
        found = std::move(answer);
        return true;
      }
    }
    return false;
  }));
  return found;
}
inline std::string ids(const SourceAnswer& answer) {
  std::string all;
  for (std::size_t i = 0; i < answer.instances.size(); ++i) {
    all.append(i == 0 ? "" : " ").append(answer.instances[i].id);
    if (answer.health[i] == Health::kWarning) all.append("?");
    if (answer.instances[i].state == SelfState::kDraining) all.append("-");
  }
  return all;
}

}  // namespace seawall::testing
