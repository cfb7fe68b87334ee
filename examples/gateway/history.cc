// SPDX-License-Identifier: MIT
#include "gateway/history.h"

#include <algorithm>

#include "gateway/app.h"

using nlohmann::json;

namespace {

// The growth of a total between two samples, for each second.
double rate(std::uint64_t from, std::uint64_t to, double seconds) {
  return seconds > 0 ? static_cast<double>(to - std::min(from, to)) / seconds : 0;
}

double seconds_between(const Sample& from, const Sample& to) {
  return std::chrono::duration<double>(to.at - from.at).count();
}

json or_null(bool known, double value) { return known ? json(value) : json(nullptr); }

}  // namespace

void History::add(Sample sample) {
  const std::lock_guard lock(mutex_);
  samples_.push_back(std::move(sample));
  if (samples_.size() > kSeconds + 1) samples_.pop_front();
}

json History::to_json(std::int64_t after) const {
  json out = {{"interval_seconds", 1}, {"time", json::array()}};
  for (const char* name : {"requests_per_second", "trades_per_second", "errors_per_second", "rate_limited_per_second",
                           "unavailable_per_second"}) {
    out[name] = json::array();
  }
  json& services = out["services"];
  for (const std::string_view name : kUpstreamNames) {
    for (const char* series :
         {"requests_per_second", "latency_ms", "circuit_breaker", "healthy_instances", "instances"}) {
      services[std::string(name)][series] = json::array();
    }
  }
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 1; i < samples_.size(); ++i) {
    const Sample& from = samples_[i - 1];
    const Sample& to = samples_[i];
    if (to.time <= after) continue;
    const double seconds = seconds_between(from, to);
    out["time"].push_back(to.time);
    out["requests_per_second"].push_back(rate(from.requests, to.requests, seconds));
    out["trades_per_second"].push_back(rate(from.trades, to.trades, seconds));
    out["errors_per_second"].push_back(rate(from.errors, to.errors, seconds));
    out["rate_limited_per_second"].push_back(rate(from.rate_limited, to.rate_limited, seconds));
    out["unavailable_per_second"].push_back(rate(from.unavailable, to.unavailable, seconds));
    for (std::size_t s = 0; s < kUpstreams; ++s) {
      json& service = services[std::string(kUpstreamNames[s])];
      const std::uint64_t calls = to.services[s].calls - from.services[s].calls;
      const double milliseconds = 1e3 * (to.services[s].seconds - from.services[s].seconds);
      service["requests_per_second"].push_back(rate(from.services[s].calls, to.services[s].calls, seconds));
      service["latency_ms"].push_back(or_null(calls > 0, calls > 0 ? milliseconds / static_cast<double>(calls) : 0));
      service["circuit_breaker"].push_back(seawall::to_string(to.services[s].breaker));
      service["healthy_instances"].push_back(to.services[s].healthy_instances);
      service["instances"].push_back(to.services[s].instances);
    }
  }
  return out;
}
