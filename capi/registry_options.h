// SPDX-License-Identifier: MIT
//
// The options of a registry at the C border, as a struct in which each value means itself, and from JSON.
#pragma once

#include <string_view>

#include "internal.h"
#include "options.h"
#include "seawall/runtime/service_registry.h"

namespace seawall::capi {

inline seawall_registry_options registry_defaults() {
  const ServiceRegistryOptions o;
  return {sizeof(seawall_registry_options),
          o.max_services,
          o.max_instances,
          o.max_instances_per_service,
          o.max_metadata_bytes,
          o.max_in_flight,
          o.heartbeat_interval.count(),
          o.lease.count(),
          o.expired_retention.count(),
          o.tick_tolerance.count(),
          o.first_generation,
          o.ticket_deadline.count(),
          o.suspect_after.count(),
          o.heartbeat_jitter_percent,
          o.one_per_endpoint,
          o.max_expired_percent,
          o.guard_from,
          o.expiry_ceiling.count(),
          o.max_hashed_services,
          o.hash_table_size};
}

inline Result<ServiceRegistryConfig> registry_config(const seawall_registry_options& given) {
  ServiceRegistryOptions options;
  options.max_services = given.max_services;
  options.max_instances = given.max_instances;
  options.max_instances_per_service = given.max_instances_per_service;
  options.max_metadata_bytes = given.max_metadata_bytes;
  options.max_in_flight = given.max_in_flight;
  options.ticket_deadline = Duration(given.ticket_deadline_ns);
  options.heartbeat_interval = Duration(given.heartbeat_interval_ns);
  options.lease = Duration(given.lease_ns);
  options.expired_retention = Duration(given.expired_retention_ns);
  options.tick_tolerance = Duration(given.tick_tolerance_ns);
  options.first_generation = given.first_generation;
  options.suspect_after = Duration(given.suspect_after_ns);
  options.heartbeat_jitter_percent = given.heartbeat_jitter_percent;
  options.max_hashed_services = given.max_hashed_services;
  options.hash_table_size = given.hash_table_size;
  options.one_per_endpoint = given.one_per_endpoint != 0;
  options.max_expired_percent = given.max_expired_percent;
  options.guard_from = given.guard_from;
  options.expiry_ceiling = Duration(given.expiry_ceiling_ns);
  return ServiceRegistryConfig::make(options);
}

inline Result<ServiceRegistryConfig> registry_config_from_json(std::string_view json) {
  seawall_registry_options read = registry_defaults();
  const auto parsed = read_json_options(json, {{"max_services", &read.max_services},
                                               {"max_instances", &read.max_instances},
                                               {"max_instances_per_service", &read.max_instances_per_service},
                                               {"max_metadata_bytes", &read.max_metadata_bytes},
                                               {"max_in_flight", &read.max_in_flight},
                                               {"ticket_deadline_ns", &read.ticket_deadline_ns},
                                               {"heartbeat_interval_ns", &read.heartbeat_interval_ns},
                                               {"lease_ns", &read.lease_ns},
                                               {"expired_retention_ns", &read.expired_retention_ns},
                                               {"tick_tolerance_ns", &read.tick_tolerance_ns},
                                               {"first_generation", &read.first_generation},
                                               {"suspect_after_ns", &read.suspect_after_ns},
                                               {"heartbeat_jitter_percent", &read.heartbeat_jitter_percent},
                                               {"max_hashed_services", &read.max_hashed_services},
                                               {"hash_table_size", &read.hash_table_size},
                                               {"one_per_endpoint", &read.one_per_endpoint},
                                               {"max_expired_percent", &read.max_expired_percent},
                                               {"guard_from", &read.guard_from},
                                               {"expiry_ceiling_ns", &read.expiry_ceiling_ns}});
  if (!parsed) return parsed.error();
  return registry_config(read);
}

}  // namespace seawall::capi
