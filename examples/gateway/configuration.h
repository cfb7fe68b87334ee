// SPDX-License-Identifier: MIT
//
// What the pipelines of the four services are made from: what the command line says, with the file of --config merged
// into it as a JSON merge patch (RFC 7396): objects are joined, everything else replaces what was there, null removes.
//
//   {"limits": {"user": {"permits": 500}},
//    "routes": {"trading": {"breaker": {"open_duration": "5s"},
//                           "limits": ["user", {"name": "service", "permits": 50, "period": "1s"}]}}}
//
// What is left without "dns" and "probe" (instances_config.h) is what seawall::Pipelines reads (runtime/pipelines.h has
// all fields). Here each of the four has a route, its own service and a breaker.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/instances_config.h"
#include "gateway/options.h"
#include "seawall/quota.h"

// With the file, the path in it, and the value.
class ConfigurationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A limit as gateways share it through Redis.
struct SharedLimitSpec {
  std::string name;   // as it is told to clients
  std::string place;  // of its state: the same for all routes that it limits together
  std::string key;    // of whom: empty for the user
  bool token_bucket = false;
  seawall::Quota quota;
};

struct RouteLimits {
  std::string service;
  std::vector<SharedLimitSpec> limits;
};

struct Configuration {
  InstancesConfiguration instances;
  std::string text;  // for seawall::Pipelines
  std::vector<RouteLimits> limits;
};

// Reads the file of options.config_file, if there is one. Throws ConfigurationError. What only Pipelines checks is
// still to be checked; where it will be refused, `limits` may be short.
Configuration read_configuration(const Options& options);
// What Pipelines or another part says of it, as a ConfigurationError; without a file as a std::invalid_argument.
[[noreturn]] void refuse_configuration(const Options& options, const seawall::Error& error);
[[noreturn]] void refuse_configuration(const Options& options, const std::string& why);
