// SPDX-License-Identifier: MIT
//
// StoreSource: the services of a registry that machines share through Redis, as a source for a SourceFollower, which
// puts them into the host's own ServiceRegistry. Picks read that one alone: no request ever waits for Redis.
//
// Each service is polled, with a pause that differs by up to a fifth, by chance; the answer is "unchanged" until an
// instance comes, goes or changes (heartbeats change nothing). Redis also publishes that there is something new: a hint
// that the next poll need not wait, of which none must arrive (a user without a right to the channel gets none:
// StoreStats::channels_denied). While
// Redis is away the last good list stays, flagged stale and with its age, and the follower removes nobody; an empty or
// shrunken list is doubted by it as any source's. Instances that deregistered are listed as draining for ten leases:
// they get no picks from the next poll on, and then leave as any that is listed no more. Instances that fell silent in
// Redis, and are not gone yet, come with Health::kWarning: others are picked first. The follower's removal_grace should
// be longer than a heartbeat interval and StoreOptions::reconnect_max of the writers together: after Redis lost
// everything they need so long to come back.
//
// Threads: as its follower. Copies share one state. The first list comes a tick or two after the first tick.
//
//   auto source = seawall::redis::StoreSource::make(store).value();
//   seawall::SourceFollower follower(registry);
//   follower.add(source, {.name = "redis", .priority = seawall::SourcePriority::kRegistry});
//   follower.tick();                                   // several times in a poll interval
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "seawall/redis/store.h"
#include "seawall/result.h"
#include "seawall/runtime/service_source.h"
#include "seawall/time.h"

namespace seawall::redis {

struct StoreSourceOptions {
  std::string registry = "main";  // as RegistrarOptions::registry
  // Whom to ask for. Empty: all that is in the registry's directory.
  std::vector<std::string> services{};
  Duration poll_interval = std::chrono::seconds(1);
  // Instances that fell silent together with many others are doubted only, for so long behind the end of their leases.
  // Who looks decides for all: the shortest of any reader counts.
  Duration expiry_ceiling = std::chrono::minutes(5);
  // A service of the directory that had nobody for so long is asked for no more, until somebody registers for it again.
  Duration forget_after = std::chrono::minutes(10);
};

struct StoreSourceStats {
  std::int64_t services = 0;  // asked for
  std::int64_t polls = 0;     // answered
  std::int64_t lists = 0;     // of these, with a list; the others are "unchanged"
  std::int64_t faults = 0;
  std::string last_fault;  // why, in the server's words where it has some
  std::int64_t hints = 0;
  std::int64_t foreign = 0;    // items of the last lists that are no instances: left out
  std::int64_t left_out = 0;   // services of the directory beyond kMostServices, or with a name that none has
  std::int64_t forgotten = 0;  // times that a service was
};

class StoreSource final : public ServiceSource {
 public:
  static constexpr std::size_t kMostServices = 4096;

  // Errors: kInvalidArgument, naming the option.
  static Result<StoreSource> make(const Store& store, const StoreSourceOptions& options = {});

  // What was heard since the last call; sends the polls that are due, and waits for nothing.
  std::vector<SourceAnswer> poll_at(TimePoint now) override;
  StoreSourceStats stats() const;

 private:
  class Impl;
  explicit StoreSource(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace seawall::redis
