// SPDX-License-Identifier: MIT
//
// SourceFollower: keeps in a ServiceRegistry what sources list, and loses no instance because a source is ill.
//
// What a source adds is registered at once. What it lists no more is deregistered after removal_grace, which counts
// only while the source is healthy; what is missing from an empty or absurdly shrunken list after removal_ceiling
// (algorithm/source_hold.h). A source that fails, is silent beyond the ttl of its last answer, or does not find the
// service not_found_repeats times, takes nothing: its last good list stays, flagged stale, with its age. The follower
// sends the heartbeats of its instances, so their leases never end while somebody ticks it.
//
// What is beyond max_services and max_instances is left out and counted; as many again wait, and are taken in when
// there is room, though their source says no more than "unchanged".
//
// Several sources are joined by id; the record of the one with the highest priority counts. A fallback source counts
// only for services for which no other source has anybody: a snapshot on disk, a list for emergencies. An instance that
// registered itself under the same id is left alone until it is gone.
//
// Threads: one at a time, with its sources.
//
//   seawall::FileSource file;                                  // runtime/service_file.h
//   seawall::SourceFollower follower(registry);
//   follower.add(file, {.name = "file"});
//   file.load(text);
//   follower.tick();                                           // every heartbeat_interval of the registry
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "seawall/algorithm/source_hold.h"
#include "seawall/result.h"
#include "seawall/runtime/service_instance.h"
#include "seawall/runtime/service_source.h"
#include "seawall/time.h"

namespace seawall {

class ServiceRegistry;  // runtime/service_registry.h

struct SourceFollowerOptions {
  Duration removal_grace = std::chrono::seconds(10);
  Duration removal_ceiling = std::chrono::minutes(10);  // at least removal_grace
  std::int32_t max_shrink_percent = 50;                 // a list that lost more is doubted
  std::int32_t min_protected = 4;      // lists that were never longer are doubted only when they are empty
  std::int32_t not_found_repeats = 3;  // in a row, before kNotFound counts as kEmpty instead of kFailed
  std::int32_t max_instances = 16384;  // listed by all sources together; what is beyond is counted and left out
  std::int32_t max_services = 4096;    // the same, counted once for each source that lists it
};

class SourceFollowerConfig {
 public:
  SourceFollowerConfig() = default;
  // Error: kInvalidArgument, naming the option.
  static Result<SourceFollowerConfig> make(const SourceFollowerOptions& options);
  const SourceFollowerOptions& options() const noexcept { return options_; }

 private:
  SourceFollowerOptions options_;
};

enum class SourcePriority : std::int32_t { kStatic = 0, kDisk = 1, kDns = 2, kRegistry = 3 };

struct SourceRole {
  std::string name;  // for people
  SourcePriority priority = SourcePriority::kStatic;
  bool fallback = false;
};

// What one source says about one service.
struct SourceInfo {
  std::string source, service;
  SourcePriority priority = SourcePriority::kStatic;
  bool fallback = false;
  bool stale = false;        // it failed, or is silent for longer than it vouched for
  bool doubted = false;      // empty or shrunken: removals wait for the ceiling
  Duration age{0};           // of what is known, the age that the source gave included
  std::int64_t listed = 0;   // in its last list
  std::int64_t leaving = 0;  // no longer in it, but kept until their wait is over
  std::int64_t answers = 0, failures = 0;
  std::string reason;  // of the last failure
};

struct SourceFollowerStats {
  std::int64_t instances = 0;  // registered by the follower now
  std::int64_t refused = 0;    // wanted, but the registry refuses them now; last_refusal says why
  std::int64_t yielded = 0;    // wanted, but the id has registered itself
  std::int64_t adds = 0, updates = 0, removals = 0;
  std::int64_t duplicates = 0;  // ids that stood twice in one list
  std::int64_t left_out = 0;    // beyond max_instances or max_services
  std::int64_t recoveries = 0;  // of a source from a failure or silence: its removals began to wait anew
  std::int64_t doubted = 0;     // times that a list was first doubted
  std::string last_refusal;
};

// All that a follower knows of its sources, for those who show it.
struct SourceFollowerReading {
  SourceFollowerStats stats;
  std::vector<SourceInfo> sources;
};

class SourceFollower {
 public:
  explicit SourceFollower(ServiceRegistry& registry, const SourceFollowerConfig& config = {});
  ~SourceFollower();  // its instances stay registered until their leases end
  SourceFollower(const SourceFollower&) = delete;
  SourceFollower& operator=(const SourceFollower&) = delete;

  // The source must outlive the follower. Of two with the same priority the first counts.
  void add(ServiceSource& source, SourceRole role);

  // Asks the sources, applies their answers and what has become due, and sends heartbeats. Returns how many instances
  // it registered, changed or removed. A `now` before the last one counts as the last one. What it has heard but, for
  // want of memory, not told the registry is told by the next tick.
  std::int64_t tick_at(TimePoint now);
  std::int64_t tick() { return tick_at(Clock::now()); }

  std::vector<SourceInfo> sources_at(TimePoint now) const;  // in order of service, then of priority, highest first
  SourceFollowerStats stats() const;
  // {"stats": {...}, "sources": [{...}]}
  std::string to_json_at(TimePoint now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seawall
