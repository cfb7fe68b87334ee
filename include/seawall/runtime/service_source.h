// SPDX-License-Identifier: MIT
//
// ServiceSource: where instances come from that do not register themselves: a file, DNS, another registry, a list from
// code. A source says what it sees and decides nothing; runtime/source_follower.h applies that to a ServiceRegistry and
// protects it from a source that fails or lies. A source does no more than answer when it is asked: what reads files or
// sockets for it (the host, or seawall::dns) has done so before.
//
// Here: ListSource, which says what it is told, and RegistrySource, which lists another registry. In other headers:
// FileSource (runtime/service_file.h) and DnsSource (dns/dns_source.h).
//
// Threads: one at a time, the one that ticks the follower.
//
//   class Inventory : public seawall::ServiceSource {
//     std::vector<seawall::SourceAnswer> poll_at(seawall::TimePoint) override {
//       return {{.service = "trading", .instances = {{.id = "trading-1", .host = "10.0.0.1", .port = 8001}}}};
//     }
//   };
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/service_instance.h"
#include "seawall/time.h"

namespace seawall {

class ServiceRegistry;

enum class SourceStatus : std::int32_t {
  kList = 0,       // `instances` is all there is
  kUnchanged = 1,  // as in the last list
  kEmpty = 2,      // the source answered, and the answer holds nobody
  kFailed = 3,     // no answer: whatever it said before is the best that is known
  kNotFound = 4,   // the source knows no such service
  kForgotten = 5,  // the source follows it no more, and says so once: what it still listed goes without doubt
};

// What a source says about one service.
struct SourceAnswer {
  std::string service;
  SourceStatus status = SourceStatus::kList;
  std::vector<InstanceSpec> instances = {};  // of kList; an empty list counts as kEmpty
  std::vector<Health> health = {};           // of each instance, as the source found it; empty: it did not look
  Duration ttl{0};                           // for how long it vouches for this answer without another one; 0: for ever
  Duration age{0};      // how old the answer was already when it was given: of a snapshot on disk, a cache
  Message reason = {};  // of kFailed
};

class ServiceSource {
 public:
  virtual ~ServiceSource() = default;
  // What is new since the last call, at most one answer for each service; nothing at all is no failure.
  virtual std::vector<SourceAnswer> poll_at(TimePoint now) = 0;

 protected:
  ServiceSource() = default;
  ServiceSource(const ServiceSource&) = default;
  ServiceSource& operator=(const ServiceSource&) = default;
};

// A list from code.
class ListSource final : public ServiceSource {
 public:
  // For the next poll; replaces an answer about the same service that was not polled yet.
  void say(SourceAnswer answer);
  std::vector<SourceAnswer> poll_at(TimePoint now) override;

 private:
  std::vector<SourceAnswer> said_;
};

// The live instances of another registry of this process: whoever has a lease and is not disabled. What that registry
// doubts (a heartbeat overdue, a warning) is a warning here. The registry must outlive it.
class RegistrySource final : public ServiceSource {
 public:
  explicit RegistrySource(const ServiceRegistry& from) : from_(&from) {}
  std::vector<SourceAnswer> poll_at(TimePoint now) override;

 private:
  const ServiceRegistry* from_;
  bool asked_ = false;
  std::uint64_t version_ = 0;
  std::vector<std::string> services_;  // of the last answer
};

// What RegistrySource says about one service.
SourceAnswer answer_of(const ServiceInfo& service);

// "SERVICE@HOST:PORT", for sources that know addresses and no ids. What does not fit into an id ends in a hash.
std::string instance_id_of(std::string_view service, std::string_view host, std::int32_t port);

}  // namespace seawall
