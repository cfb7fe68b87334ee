// SPDX-License-Identifier: MIT
//
// The options of a service at the C border: from the struct, where each value means itself, and from JSON, where the
// balancer and the mode of panic are names.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "internal.h"
#include "option_links.h"
#include "options.h"
#include "seawall/service_config.h"

namespace seawall::capi {

#define SEAWALL_SERVICE_OPTION(field, option) \
  OptionLink<&seawall_service_options::field, &ServiceOptions::option> { #field }
// Those that are names in JSON, and the others.
inline constexpr std::tuple kServiceNames{
    SEAWALL_SERVICE_OPTION(balancer, balancer),
    SEAWALL_SERVICE_OPTION(panic_mode, panic_mode),
};
inline constexpr std::tuple kServiceNumbers{
    SEAWALL_SERVICE_OPTION(over_provisioning_percent, over_provisioning_percent),
    SEAWALL_SERVICE_OPTION(panic_threshold, panic_threshold),
    SEAWALL_SERVICE_OPTION(ejection_failures, ejection_failures),
    SEAWALL_SERVICE_OPTION(ejection_growth_percent, ejection_growth_percent),
    SEAWALL_SERVICE_OPTION(ejection_jitter_percent, ejection_jitter_percent),
    SEAWALL_SERVICE_OPTION(max_ejected_percent, max_ejected_percent),
    SEAWALL_SERVICE_OPTION(least_left, least_left),
    SEAWALL_SERVICE_OPTION(slow_start_least_percent, slow_start_least_percent),
    SEAWALL_SERVICE_OPTION(ejection_duration_ns, ejection_duration),
    SEAWALL_SERVICE_OPTION(max_ejection_duration_ns, max_ejection_duration),
    SEAWALL_SERVICE_OPTION(ejection_decay_ns, ejection_decay),
    SEAWALL_SERVICE_OPTION(probe_lease_ns, probe_lease),
    SEAWALL_SERVICE_OPTION(ewma_half_life_ns, ewma_half_life),
    SEAWALL_SERVICE_OPTION(failure_latency_ns, failure_latency),
    SEAWALL_SERVICE_OPTION(slow_start_ns, slow_start),
};
#undef SEAWALL_SERVICE_OPTION
inline constexpr auto kServiceOptions = std::tuple_cat(kServiceNames, kServiceNumbers);

inline seawall_service_options service_defaults() {
  return options_to_c<seawall_service_options>(ServiceOptions(), kServiceOptions);
}

inline Result<ServiceConfig> service_config(const seawall_service_options& c, std::string_view zone) {
  auto options = options_from_c<ServiceOptions>(c, kServiceOptions);
  options.zone = zone;
  return ServiceConfig::make(options);
}

// The place of a name among those that the option may have.
template <std::size_t N>
Result<std::int32_t> place_of(std::string_view key, std::string_view name,
                              const std::array<std::string_view, N>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::int32_t>(found - names.begin());
  Message why("/");
  why.append(key).append(": expected one of");
  for (const std::string_view each : names) why.append(" ").append(each);
  return Error{Code::kInvalidArgument, why.append(", not ").append(name)};
}

inline Result<ServiceConfig> service_config_from_json(std::string_view json) {
  constexpr std::array<std::string_view, 6> kBalancers = {"round_robin", "random", "least_loaded",
                                                          "peak_ewma",   "maglev", "ring_hash"};
  constexpr std::array<std::string_view, 2> kPanic = {"all", "fail"};
  seawall_service_options c = service_defaults();
  std::string balancer(kBalancers[0]), panic_mode(kPanic[0]), zone;
  const auto numbers = option_fields(c, kServiceNumbers);
  std::vector<OptionField> fields(numbers.begin(), numbers.end());
  fields.insert(fields.end(), {{"balancer", &balancer}, {"panic_mode", &panic_mode}, {"zone", &zone}});
  if (auto r = read_json_options(json, fields); !r) return r.error();
  const auto chosen = place_of("balancer", balancer, kBalancers);
  if (!chosen) return chosen.error();
  const auto in_panic = place_of("panic_mode", panic_mode, kPanic);
  if (!in_panic) return in_panic.error();
  c.balancer = chosen.value();
  c.panic_mode = in_panic.value();
  auto config = service_config(c, zone);
  if (!config) return at_option(config.error(), fields);
  return config;
}

}  // namespace seawall::capi
