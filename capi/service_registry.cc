// SPDX-License-Identifier: MIT
#include <algorithm>
#include <span>
#include <string>

#include "options.h"
#include "service_handles.h"

using seawall::capi::guarded;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

seawall_registry_options defaults() {
  const seawall::ServiceRegistryOptions o;
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

// In the struct 0 means the default; in JSON what is left out does, and 0 is 0.
seawall_registry_options zeros_to_defaults(seawall_registry_options given) {
  const seawall_registry_options standard = defaults();
  const auto fill = [&](auto member) {
    if (given.*member == 0) given.*member = standard.*member;
  };
  using Options = seawall_registry_options;
  for (auto member : {&Options::max_services, &Options::max_instances, &Options::max_instances_per_service,
                      &Options::max_metadata_bytes, &Options::max_in_flight, &Options::heartbeat_jitter_percent,
                      &Options::max_expired_percent, &Options::guard_from, &Options::max_hashed_services,
                      &Options::hash_table_size}) {
    fill(member);
  }
  for (auto member : {&Options::heartbeat_interval_ns, &Options::lease_ns, &Options::expired_retention_ns,
                      &Options::tick_tolerance_ns, &Options::first_generation, &Options::ticket_deadline_ns,
                      &Options::expiry_ceiling_ns}) {
    fill(member);
  }
  given.heartbeat_jitter_percent = std::max(given.heartbeat_jitter_percent, 0);
  given.max_hashed_services = std::max(given.max_hashed_services, 0);
  return given;
}

seawall::ServiceRegistryOptions options_of(const seawall_registry_options& given) {
  seawall::ServiceRegistryOptions options;
  options.max_services = given.max_services;
  options.max_instances = given.max_instances;
  options.max_instances_per_service = given.max_instances_per_service;
  options.max_metadata_bytes = given.max_metadata_bytes;
  options.max_in_flight = given.max_in_flight;
  options.ticket_deadline = seawall::Duration(given.ticket_deadline_ns);
  options.heartbeat_interval = seawall::Duration(given.heartbeat_interval_ns);
  options.lease = seawall::Duration(given.lease_ns);
  options.expired_retention = seawall::Duration(given.expired_retention_ns);
  options.tick_tolerance = seawall::Duration(given.tick_tolerance_ns);
  options.first_generation = given.first_generation;
  options.suspect_after = seawall::Duration(given.suspect_after_ns);
  options.heartbeat_jitter_percent = given.heartbeat_jitter_percent;
  options.max_hashed_services = given.max_hashed_services;
  options.hash_table_size = given.hash_table_size;
  options.one_per_endpoint = given.one_per_endpoint != 0;
  options.max_expired_percent = given.max_expired_percent;
  options.guard_from = given.guard_from;
  options.expiry_ceiling = seawall::Duration(given.expiry_ceiling_ns);
  return options;
}

int32_t make(const seawall_registry_options& given, int64_t now_ns, seawall_registry** out, seawall_error* error) {
  const auto config = seawall::ServiceRegistryConfig::make(options_of(given));
  if (!config) return seawall::capi::fail(error, config.error());
  *out = new seawall_registry(config.value(), instant(now_ns));
  return SEAWALL_OK;
}

int32_t resolve(seawall_registry& registry, std::string_view name, seawall_service** out, seawall_error* error) {
  const auto service = registry.rep.service(name);
  if (!service) return seawall::capi::fail(error, service.error());
  *out = new seawall_service(service.value());
  return SEAWALL_OK;
}

}  // namespace

extern "C" {

int32_t seawall_registry_options_init(seawall_registry_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_registry_new(const seawall_registry_options* options, int64_t now_ns, seawall_registry** out,
                             seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  seawall_registry_options read;
  seawall_registry_options_init(&read);
  if (!seawall::capi::read_options(options, read)) return invalid(error, "options: unknown struct_size");
  return guarded(error, [&] { return make(zeros_to_defaults(read), now_ns, out, error); });
}

int32_t seawall_registry_new_from_json(const char* json, size_t json_size, int64_t now_ns, seawall_registry** out,
                                       seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    seawall_registry_options read = defaults();
    const auto parsed = seawall::capi::read_json_options(
        text_in(json, json_size), {{"max_services", &read.max_services},
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
    if (!parsed) return seawall::capi::fail(error, parsed.error());
    return make(read, now_ns, out, error);
  });
}

void seawall_registry_free(seawall_registry* registry) noexcept { seawall::capi::free_handle(registry); }

int32_t seawall_registry_tick(seawall_registry* registry, int64_t now_ns) noexcept {
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] { return static_cast<int32_t>(registry->rep.tick_at(instant(now_ns))); });
}

int32_t seawall_registry_to_json(const seawall_registry* registry, int64_t now_ns, char* buffer, size_t capacity,
                                 size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    return seawall::capi::text_out(registry->rep.to_json_at(instant(now_ns)), buffer, capacity, needed);
  });
}

int32_t seawall_registry_service(seawall_registry* registry, const char* name, size_t name_size, seawall_service** out,
                                 seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (out == nullptr) return invalid(error, "out is NULL");
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  return guarded(error, [&] { return resolve(*registry, text_in(name, name_size), out, error); });
}

}  // extern "C"
