// SPDX-License-Identifier: MIT
//
// What the configuration says of instances: which of them come from DNS, and how all are probed.
//
//   {"dns": {"servers": "10.0.0.2,10.0.0.3:5353",
//            "names": {"social": "social.example.com:8003", "user": "_http._tcp.user.example.com"}},
//    "probe": {"kind": "http", "path": "/health", "interval": "5s", "edge_interval": "1s", "timeout": "1s",
//              "jitter_percent": 20, "rise": 2, "fall": 3}}
//
// The options of the command line are written so, too, and the file is merged into that: what a value may be is said
// here, once.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "seawall/runtime/prober.h"

struct Options;

// Where a name of DNS leads: to addresses with this port or, without one, to SRV records, which bring their own.
struct DnsTarget {
  std::string name;
  std::uint16_t port = 0;
  friend bool operator==(const DnsTarget&, const DnsTarget&) = default;
};

struct DnsConfiguration {
  std::string servers;                     // empty: those of the system
  std::map<std::string, DnsTarget> names;  // by service
  friend bool operator==(const DnsConfiguration&, const DnsConfiguration&) = default;
};

struct InstancesConfiguration {
  DnsConfiguration dns;
  seawall::ProberConfig prober;
};

// Both throw std::invalid_argument, which says what the text is not.
DnsTarget dns_target(const std::string& text);
seawall::ProbeKind probe_kind(const std::string& text);

nlohmann::json instances_of_command_line(const Options& options);
// Takes its parts out of the merged configuration. Throws ConfigurationError with path and value.
InstancesConfiguration take_instances(nlohmann::json& merged);
