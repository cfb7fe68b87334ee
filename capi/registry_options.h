// SPDX-License-Identifier: MIT
//
// The options of a registry at the C border, as a struct in which each value means itself, and from JSON.
#pragma once

#include <string_view>
#include <tuple>

#include "internal.h"
#include "option_links.h"
#include "options.h"
#include "seawall/runtime/service_registry.h"

namespace seawall::capi {

#define SEAWALL_REGISTRY_OPTION(field, option) \
  OptionLink<&seawall_registry_options::field, &ServiceRegistryOptions::option> { #field }
inline constexpr std::tuple kRegistryOptions{
    SEAWALL_REGISTRY_OPTION(max_services, max_services),
    SEAWALL_REGISTRY_OPTION(max_instances, max_instances),
    SEAWALL_REGISTRY_OPTION(max_instances_per_service, max_instances_per_service),
    SEAWALL_REGISTRY_OPTION(max_metadata_bytes, max_metadata_bytes),
    SEAWALL_REGISTRY_OPTION(max_in_flight, max_in_flight),
    SEAWALL_REGISTRY_OPTION(heartbeat_interval_ns, heartbeat_interval),
    SEAWALL_REGISTRY_OPTION(lease_ns, lease),
    SEAWALL_REGISTRY_OPTION(expired_retention_ns, expired_retention),
    SEAWALL_REGISTRY_OPTION(tick_tolerance_ns, tick_tolerance),
    SEAWALL_REGISTRY_OPTION(first_generation, first_generation),
    SEAWALL_REGISTRY_OPTION(ticket_deadline_ns, ticket_deadline),
    SEAWALL_REGISTRY_OPTION(suspect_after_ns, suspect_after),
    SEAWALL_REGISTRY_OPTION(heartbeat_jitter_percent, heartbeat_jitter_percent),
    SEAWALL_REGISTRY_OPTION(one_per_endpoint, one_per_endpoint),
    SEAWALL_REGISTRY_OPTION(max_expired_percent, max_expired_percent),
    SEAWALL_REGISTRY_OPTION(guard_from, guard_from),
    SEAWALL_REGISTRY_OPTION(expiry_ceiling_ns, expiry_ceiling),
    SEAWALL_REGISTRY_OPTION(max_hashed_services, max_hashed_services),
    SEAWALL_REGISTRY_OPTION(hash_table_size, hash_table_size),
};
#undef SEAWALL_REGISTRY_OPTION

inline seawall_registry_options registry_defaults() {
  return options_to_c<seawall_registry_options>(ServiceRegistryOptions(), kRegistryOptions);
}

inline Result<ServiceRegistryConfig> registry_config(const seawall_registry_options& given) {
  return ServiceRegistryConfig::make(options_from_c<ServiceRegistryOptions>(given, kRegistryOptions));
}

inline Result<ServiceRegistryConfig> registry_config_from_json(std::string_view json) {
  seawall_registry_options read = registry_defaults();
  const auto fields = option_fields(read, kRegistryOptions);
  if (const auto parsed = read_json_options(json, fields); !parsed) return parsed.error();
  auto config = registry_config(read);
  if (!config) return at_option(config.error(), fields);
  return config;
}

}  // namespace seawall::capi
