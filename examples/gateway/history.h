// SPDX-License-Identifier: MIT
//
// The last five minutes, a sample each second, for the dashboard. Samples hold totals; what is shown are differences.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>

#include "seawall/circuit_breaker.h"

inline constexpr std::size_t kUpstreams = 4;

struct Sample {
  struct Service {
    std::uint64_t calls = 0;
    double seconds = 0;
    seawall::BreakerState breaker = seawall::BreakerState::kClosed;
    std::size_t healthy_instances = 0;
    std::size_t instances = 0;
  };
  std::int64_t time = 0;  // Unix seconds
  std::chrono::steady_clock::time_point at;
  std::uint64_t requests = 0;
  std::uint64_t proxied = 0;
  std::uint64_t trades = 0;
  std::uint64_t errors = 0;
  std::uint64_t rate_limited = 0;
  std::uint64_t unavailable = 0;
  double revenue = 0;
  std::array<Service, kUpstreams> services;
};

class History {
 public:
  static constexpr std::size_t kSeconds = 300;

  void add(Sample sample);
  nlohmann::json to_json(std::int64_t after) const;  // format: README.md

 private:
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // oldest first, one more than is shown
};
