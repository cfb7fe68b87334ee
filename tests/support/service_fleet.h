// SPDX-License-Identifier: MIT
//
// A registry with one service "s", for tests of what is picked.
#pragma once

#include <cmath>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "seawall/runtime/service_registry.h"

namespace seawall::testing {

inline std::string named(const char* kind, int number) { return std::string(kind).append(std::to_string(number)); }

struct Fleet {
  ServiceRegistry registry;
  Service service = registry.service("s").value();
  std::int64_t now_ns = 0;

  explicit Fleet(const ServiceOptions& options = {}, ServiceRegistryOptions bounds = {}, std::int64_t seed = 0)
      : registry(ServiceRegistryConfig::make(long_leases(bounds)).value(), time_from_ns(seed)) {
    if (!registry.configure("s", ServiceConfig::make(options).value()).ok()) std::abort();
  }
  static ServiceRegistryOptions long_leases(ServiceRegistryOptions bounds) {
    bounds.lease = std::chrono::hours(1);
    bounds.tick_tolerance = std::chrono::minutes(50);
    return bounds;
  }

  TimePoint now() const { return time_from_ns(now_ns); }
  void pass(Duration time) {
    now_ns += time.count();
    registry.tick_at(now());
  }
  std::uint32_t add(const std::string& id, std::int32_t weight = 1, const std::string& zone = {}) {
    return registry.register_instance_at("s", {.id = id, .host = "h", .port = 1, .weight = weight, .zone = zone}, now())
        .value()
        .slot;
  }
  void add_many(int n) {
    for (int i = 0; i < n; ++i) add(named("i", i));
  }
  // Picks and gives back; "" when there is none.
  std::string call(Outcome outcome = Outcome::kSuccess, Duration took = Service::kUnknown) {
    PickText text;
    const auto pick = service.pick_at(now(), text);
    if (!pick) return "";
    service.done_at(pick->ticket, outcome, now(), took);
    return std::string(text.id.view());
  }
  // Calls to that instance alone.
  void fail(const std::string& id, int times) {
    std::vector<std::uint32_t> others;
    for (const auto& of : registry.services_at(now())) {
      for (const auto& info : of.instances) {
        if (info.id != id) others.push_back(info.slot);
      }
    }
    for (int i = 0; i < times; ++i) {
      const auto pick = service.pick_at(now(), others);
      if (pick) service.done_at(pick->ticket, Outcome::kFailure, now());
    }
  }
  // The flags of a pick, which is given back.
  std::uint32_t flags(std::span<const std::uint32_t> exclude = {}) {
    const auto pick = service.pick_at(now(), exclude).value();
    service.done_at(pick.ticket, Outcome::kSuccess, now());
    return pick.flags;
  }
  std::map<std::string, int> calls(int n) {
    std::map<std::string, int> count;
    for (int i = 0; i < n; ++i) ++count[call()];
    return count;
  }
  std::string state(const std::string& id) { return std::string(registry.find_at(id, now())->status.state()); }
};

// Sum of (observed - expected)^2 / expected, `expected` in proportion to the weights.
inline double chi_square(std::map<std::string, int> observed, const std::map<std::string, int>& weights) {
  double calls = 0, weight = 0, sum = 0;
  for (const auto& [id, n] : observed) calls += n;
  for (const auto& [id, w] : weights) weight += w;
  for (const auto& [id, w] : weights) {
    const double expected = calls * w / weight;
    sum += (observed[id] - expected) * (observed[id] - expected) / expected;
  }
  return sum;
}
// What a sum with so many degrees of freedom exceeds once in 10,000 (Wilson and Hilferty's approximation).
inline double chi_square_limit(double freedom) {
  const double part = 2 / (9 * freedom);
  return freedom * std::pow(1 - part + 3.719 * std::sqrt(part), 3);
}

}  // namespace seawall::testing
