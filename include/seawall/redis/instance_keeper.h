// SPDX-License-Identifier: MIT
//
// InstanceKeeper: keeps instances registered in a registry that machines share through Redis, whatever happens to
// Redis.
//
// The host says which instances it speaks for, and ticks. tick sends what is due and waits for nothing: registrations,
// heartbeats (each pause differs by up to a fifth, by chance), deregistrations. While Redis is away it goes on trying
// at the pace of heartbeats; what Redis has forgotten is registered again, under its old generation, spread by chance
// over one heartbeat interval. An instance whose id another process took is fenced: it is kept no longer and says so.
//
// Threads: any. Instances that are still held when the keeper goes stay in Redis until their leases end: release them
// first, and tick until kept() is empty.
//
//   seawall::redis::InstanceKeeper keeper(registrar);
//   keeper.hold("trading", {.id = "trading-1", .host = "10.0.0.1", .port = 8001});
//   keeper.tick();                                     // several times in a heartbeat interval
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/redis/registrar.h"
#include "seawall/result.h"
#include "seawall/time.h"

namespace seawall::redis {

enum class KeptState : std::int32_t {
  kJoining = 0,  // not registered yet, or not again
  kHeld = 1,     // as far as is known; `fault` and `unheard` say how far
  kFenced = 2,   // another process has the id: stop
  kLeaving = 3,
};

constexpr std::string_view to_string(KeptState state) noexcept {
  constexpr std::string_view kNames[] = {"joining", "held", "fenced", "leaving"};
  const auto at = static_cast<std::size_t>(state);
  return at < 4 ? kNames[at] : "unknown";
}

struct KeptInstance {
  std::string service, id;
  KeptState state = KeptState::kJoining;
  std::uint64_t generation = 0;  // 0: none was given yet
  Fault fault = Fault::kNone;    // of the last call
  std::string reason;            // of the fault
  Duration unheard{0};           // since Redis last said ok, or since hold()
};

struct KeeperStats {
  std::int64_t instances = 0;  // now, fenced ones included
  std::int64_t registrations = 0, renewals = 0, removals = 0;
  std::int64_t reregistrations = 0;  // because Redis did not know the instance
  std::int64_t fenced = 0, faults = 0;
};

class InstanceKeeper {
 public:
  explicit InstanceKeeper(Registrar registrar);

  // From now on, as a new process: with a new generation. Errors: kInvalidArgument, naming the field.
  Result<void> hold_at(std::string_view service, const InstanceSpec& spec, TimePoint now);
  Result<void> hold(std::string_view service, const InstanceSpec& spec) { return hold_at(service, spec, Clock::now()); }
  // Another record of the same process. False: it is not held.
  Result<bool> update_at(std::string_view service, const InstanceSpec& spec, TimePoint now);
  Result<bool> update(std::string_view service, const InstanceSpec& spec) {
    return update_at(service, spec, Clock::now());
  }
  // It deregisters, for one lease tries to. False: it is not held.
  bool release_at(std::string_view service, std::string_view id, TimePoint now);
  bool release(std::string_view service, std::string_view id) { return release_at(service, id, Clock::now()); }

  // Sends what is due; returns how many calls.
  std::int64_t tick_at(TimePoint now);
  std::int64_t tick() { return tick_at(Clock::now()); }

  std::vector<KeptInstance> kept_at(TimePoint now) const;  // in order of service and id
  std::vector<KeptInstance> kept() const { return kept_at(Clock::now()); }
  // Nothing: it is not held.
  std::optional<KeptInstance> find_at(std::string_view service, std::string_view id, TimePoint now) const;
  std::optional<KeptInstance> find(std::string_view service, std::string_view id) const {
    return find_at(service, id, Clock::now());
  }
  KeeperStats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace seawall::redis
