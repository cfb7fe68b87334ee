// SPDX-License-Identifier: MIT
//
// ServiceSnapshot: which instances of a service may get traffic, as a value that nobody changes, and what is different
// from an earlier one. For who keeps something for each instance (connections, breakers of his own) and asks now and
// then; to choose one for a call use a Service, which needs no copy.
//
// A version is a number of one registry, which its epoch tells from every other one, also from the same one after a
// restart. So a snapshot of another epoch, or of a later version than the registry's, says nothing of what happened
// since: the changes then say `reset`, and every instance that stayed is among `changed`. A version may also grow
// without a change.
//
//   seawall::ServiceSnapshot held;                                     // at first: nothing
//   if (auto news = reader.changed_since(held, "trading", now)) {      // two loads when there is none
//     for (const auto& gone : news->changes.removed) close(gone.slot);
//     held = std::move(news->snapshot);
//   }
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "seawall/algorithm/view_state.h"
#include "seawall/time.h"

namespace seawall {

struct SnapshotInstance {
  std::string id, host, zone;
  std::int32_t port = 0, weight = 0;
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;
  friend bool operator==(const SnapshotInstance&, const SnapshotInstance&) = default;
};

struct ServiceSnapshot {
  std::uint64_t epoch = 0;    // 0: of no registry
  std::uint64_t version = 0;  // 0: the registry does not know the service
  // Since the registry's last tick, when this was read; it is older news the longer nobody ticked.
  Duration age{0};
  ViewState view = ViewState::kMatched;     // whether anybody is who was asked for; kNobody also of an unknown service
  std::vector<SnapshotInstance> instances;  // in order of id; leases that ended since the last tick are among them
};

struct ServiceChanges {
  bool reset = false;
  std::vector<SnapshotInstance> added, removed, changed;  // as they are now; removed: as they were
  bool empty() const noexcept { return added.empty() && removed.empty() && changed.empty(); }
};

struct ServiceNews {
  ServiceSnapshot snapshot;
  ServiceChanges changes;
};

ServiceChanges changes_between(const ServiceSnapshot& before, const ServiceSnapshot& now);

// {"epoch": "HEX", "version", "age_ms", "reset", "view", "instances": [{"id", "host", "port", "weight", "zone", "slot",
// "generation"}], "added": [...], "removed": [...], "changed": [...]}
std::string to_json(const ServiceNews& news);

}  // namespace seawall
