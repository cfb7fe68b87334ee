// SPDX-License-Identifier: MIT
//
// The words of a ServiceRegistry: what an instance says of itself, what the registry answers, and what it lists.
//
// An instance's identity is (namespace, service, id) and a generation. In text a service of another namespace than the
// default one is "namespace/service", and an instance is "[[namespace/]service/]id". An id alone means the instance of
// that id in the default namespace, whatever its service; where several services have the id, the one with the
// generation that was given, and without such a one the name is ambiguous. So who addresses instances by id alone keeps
// ids unique himself, as make_instance_id() does; all others write the service in front (Registration::name).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/algorithm/breaker_word.h"
#include "seawall/algorithm/instance_health.h"
#include "seawall/time.h"

namespace seawall {

using Metadata = std::vector<std::pair<std::string, std::string>>;

// Names (namespace, service, id, zone): letters, digits and - . _ ~ : @; at most 63 bytes, a namespace and its service
// together. Host: letters, digits and - . _ : % [ ], at most 255. Metadata is UTF-8.
struct InstanceSpec {
  std::string id;
  std::string host;
  std::int32_t port = 0;
  std::int32_t weight = 1;  // 0 to 1000; 0 gets no picks
  std::string zone = {};
  Metadata metadata = {};
  SelfState state = SelfState::kServing;
  friend bool operator==(const InstanceSpec&, const InstanceSpec&) = default;
};

// Whom a registration may replace under its id; others refuse it with kAlreadyExists.
enum class Claim : std::int32_t {
  kAnybody = 0,
  kExpired = 1,  // only who has no lease any more
  kNobody = 2,
};

// One of several that are registered together.
struct NewInstance {
  std::string service;
  InstanceSpec spec;
  Claim claim = Claim::kAnybody;
};

// What may change of an instance while it lives. Its generation, calls in flight and counts stay.
struct InstanceUpdate {
  std::optional<std::int32_t> weight = {};
  std::optional<std::string> zone = {};
  std::optional<Metadata> metadata = {};  // all of it
};

// One of several that are changed together: all that is set, in this order.
struct InstanceChange {
  std::string name;
  std::uint64_t generation = 0;
  std::optional<InstanceUpdate> update = {};
  std::optional<SelfState> heartbeat = {};
  std::optional<Health> health = {};
  bool deregister = false;
};

struct Registration {
  std::string id;
  std::string name;  // with the service, as the registry's verbs take it
  std::uint64_t generation = 0;
  std::uint32_t slot = 0;
  // The first heartbeat after first_heartbeat, each further one heartbeat_interval later. Both are spread by the
  // generation, so that instances that start together do not beat together.
  Duration heartbeat_interval{0};
  Duration first_heartbeat{0};
  Duration lease{0};
};

enum class RegistryAnswer : std::int32_t {
  kOk = 0,
  kUnknown = 1,    // no such instance, or a generation never given: register again, with the whole record
  kFenced = 2,     // stop: a newer generation took over, or another instance the endpoint, or it was drained
  kAmbiguous = 3,  // an id alone, which instances of several services have: write the service in front
  kInvalid = 4,    // a name with nothing before or behind a slash, or a state that there is not: nothing was done
};

// How far a drain is. The library never waits: ask again after the next tick.
struct DrainStatus {
  RegistryAnswer answer = RegistryAnswer::kUnknown;
  // It drains and no call is in flight, or its drain is over, or it was replaced; with kUnknown it is gone.
  bool done = false;
  std::int64_t in_flight = 0;
  Duration left{0};  // until the deadline of drain_until
};

struct InstanceInfo {
  std::string service, id, host;
  std::int32_t port = 0, weight = 0;
  std::string zone;
  Metadata metadata;
  HealthStatus status;
  AdminState admin = AdminState::kEnabled;
  SelfState self = SelfState::kServing;
  Health health = Health::kUnknown;
  Duration lease_left{0};  // 0 when expired
  Duration unchanged{0};   // since `status` last became another
  std::uint64_t generation = 0;
  std::uint32_t slot = 0;
  std::int64_t in_flight = 0;
  std::int64_t failures = 0;  // of this generation, as reported to Service::done
  // Of the instance's breaker: ejected while it is not closed, and until when no probe may go.
  BreakerState breaker = BreakerState::kClosed;
  Duration ejected_for{0};
};

struct ServiceInfo {
  std::string name;
  bool healthy() const noexcept;                 // has a healthy instance
  bool protected_from_expiry() const noexcept;   // has a held instance
  const InstanceInfo* address() const noexcept;  // the first healthy instance, else the first, else null
  std::vector<InstanceInfo> instances;           // in order of slot
  std::int64_t hidden = 0;                       // more instances, which the selector of the listing does not match
};

// "service/id", where the service may have its namespace in front.
std::string instance_name(std::string_view service, std::string_view id);

// An id that no other process start has: "host-pid-random" in at most 63 bytes, with a host name cut to fit and cleaned
// of what an id may not hold. The second draws the random part from IdGenerator.
std::string make_instance_id(std::string_view host, std::int64_t pid, std::uint64_t random);
std::string make_instance_id(std::string_view host, std::int64_t pid);

}  // namespace seawall
