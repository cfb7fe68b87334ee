// SPDX-License-Identifier: MIT
//
// What a configuration of Pipelines says, checked; and its reading from JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/algorithm/breaker_config.h"
#include "seawall/decision.h"
#include "seawall/keyed_options.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/service_config.h"

namespace seawall {

struct LimitConfig {
  enum class Algorithm : std::uint8_t { kSlidingWindow, kTokenBucket, kFixedWindow };

  std::string path;   // of its state: /limits/NAME or /routes/ROUTE/limits/NAME
  std::string place;  // in the text, for errors
  std::string name;
  Algorithm algorithm = Algorithm::kSlidingWindow;
  std::optional<Quota> quota;  // there, once read
  std::int32_t key = -1;       // -1: one limit for all
  std::size_t memory_bytes = std::size_t{16} << 20;
  WhenFull when_full = WhenFull::kOverflow;
  LimitChange on_change = LimitChange::kKeep;
};

struct RouteConfig {
  std::string name;
  std::string service;              // empty: none
  std::vector<std::string> limits;  // paths of their states, in order
  std::optional<CircuitBreakerConfig> breaker;
  bool trace = false;
};

struct PipelinesConfig {
  std::vector<LimitConfig> limits;  // shared ones, then those of routes
  std::vector<ServiceRule> services;
  std::vector<RouteConfig> routes;

  const LimitConfig* find(std::string_view path) const noexcept;
};

// `keys`: the names that a limit's "key" may have. Error: kInvalidArgument, with path and value.
Result<PipelinesConfig> read_pipelines(std::string_view json, std::span<const std::string> keys);

}  // namespace seawall
