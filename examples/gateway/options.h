// SPDX-License-Identifier: MIT
//
// The gateway's command line, checked.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/arguments.h"
#include "http/server.h"
#include "seawall/quota.h"

struct Options {
  http::ServerOptions server;
  seawall::Quota user_limit;
  seawall::Quota service_limit;
  std::chrono::nanoseconds open_duration;
  std::chrono::nanoseconds upstream_timeout;
  std::chrono::nanoseconds slow_trace;
  std::chrono::nanoseconds probe_interval;  // 0: none are sent
  std::string probe;                        // http or tcp
  std::vector<std::string> cors_origins;
  std::optional<http::Endpoint> redis;
  std::string redis_user;
  std::string redis_password;  // from a file or SEAWALL_REDIS_PASSWORD: a command line can be read by all users
  std::string admin_token;     // from SEAWALL_ADMIN_TOKEN; empty: only loopback clients administer
  std::string services_file;   // empty: none
  std::string config_file;     // empty: none
  std::map<std::string, std::string> dns;  // names with their ports, by service
  std::string dns_servers;                 // empty: those of the system
  bool test_endpoints = false;
  bool no_seawall = false;
  std::map<std::string, std::vector<http::Endpoint>> upstreams;  // of --no-seawall
};

// `files`: how many this process may open. Throws std::invalid_argument with a message that names the option.
Options parse_options(const Arguments& arguments, std::size_t files);
std::vector<OptionSpec> option_specs();
