// SPDX-License-Identifier: MIT
//
// DnsSource: instances from DNS, for a SourceFollower; needs seawall::dns, which is built where c-ares is installed.
// A name is resolved to addresses (A, AAAA or both) with a port of yours, or by SRV, whose targets are resolved in
// turn. No thread: the host's loop calls poll_at (the follower's tick does), which never blocks, and may wait for
// sockets().
//
// A name is asked again when the shortest ttl of what it said has passed, within floor and ceiling and with jitter;
// after a failure in a pace of its own (algorithm/refresh.h). Each name is asked once at a time. All its queries must
// succeed: when one of A and AAAA fails, so does the name, for half a list is none. NXDOMAIN is kNotFound, an answer
// without records kEmpty; truncated answers are asked for again over TCP. The ids are "SERVICE@ADDRESS:PORT".
//
// SRV: instances of the lowest priority number have traffic, in proportion to the weights; those of the others are
// listed with weight 0. Search domains and /etc/hosts are not looked at.
//
// Threads: one at a time. A child process must not use a parent's. Known limits: at most 8 servers; answers are
// believed as any stub resolver's are, so the way to the server must be trusted.
//
//   auto dns = seawall::DnsSource::make({}).value();
//   dns->follow({.service = "trading", .name = "trading.example.com", .port = 8001});
//   follower.add(*dns, {.name = "dns", .priority = seawall::SourcePriority::kDns});
//   follower.tick();                                          // every second; asks, and takes what has come
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/service_source.h"
#include "seawall/time.h"

namespace seawall {

enum class DnsRecords : std::int32_t { kAddresses = 0, kA = 1, kAaaa = 2, kSrv = 3 };  // kAddresses: A and AAAA

struct DnsName {
  std::string service;
  std::string name;
  std::int32_t port = 0;  // SRV brings its own
  DnsRecords records = DnsRecords::kAddresses;
};

struct DnsSourceOptions {
  std::string servers = {};                          // "10.0.0.2,10.0.0.3:5353,[::1]:53"; empty: those of the system
  Duration query_timeout = std::chrono::seconds(2);  // for the first try with each server; c-ares doubles it
  std::int32_t tries = 2;                            // with each server
  Duration floor = std::chrono::seconds(5);
  Duration ceiling = std::chrono::minutes(5);
  Duration first_pause = std::chrono::seconds(1);
  Duration longest_pause = std::chrono::seconds(30);
  std::int32_t jitter_percent = 10;
  std::uint64_t seed = 0;  // of the jitter; give each process another
  std::int32_t max_names = 256;
  std::int32_t max_records = 1024;  // of one name; what is beyond is left out
};

struct DnsSocket {
  int fd = -1;
  bool readable = false, writable = false;  // what to wait for
};

struct DnsStats {
  std::int64_t queries = 0;  // sent to c-ares
  std::int64_t answers = 0;  // names resolved
  std::int64_t failures = 0, not_found = 0, empty = 0;
  std::int64_t malformed = 0;  // of the failures: answers that were no DNS message
  std::int64_t left_out = 0;   // records beyond max_records
};

class DnsSource final : public ServiceSource {
 public:
  // Errors: kInvalidArgument naming the option; kInternal when c-ares cannot start.
  static Result<std::unique_ptr<DnsSource>> make(const DnsSourceOptions& options);
  ~DnsSource() override;

  // Asks for it with the next poll. One name for each service. Errors: kInvalidArgument, kAlreadyExists, kFull.
  Result<void> follow(const DnsName& name);

  // Asks what is due, takes in what has arrived, and gives what is complete. Does not block.
  std::vector<SourceAnswer> poll_at(TimePoint now) override;

  // For the host's loop: until when to wait for what, before the next poll.
  std::vector<DnsSocket> sockets() const;
  TimePoint next_at(TimePoint now) const;  // at the latest; `now` when something is ready
  // The same for hosts without a loop: blocks until something arrives, at most for `most`. False: nothing did.
  bool wait(Duration most);

  const DnsStats& stats() const noexcept;

 private:
  class Impl;
  explicit DnsSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace seawall
