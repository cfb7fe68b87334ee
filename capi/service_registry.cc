// SPDX-License-Identifier: MIT
#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "options.h"
#include "registry_options.h"
#include "service_handles.h"

using seawall::capi::guarded;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

// In the struct 0 means the default; in JSON what is left out does, and 0 is 0.
seawall_registry_options zeros_to_defaults(seawall_registry_options given) {
  const seawall_registry_options standard = seawall::capi::registry_defaults();
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

int32_t make(const seawall::Result<seawall::ServiceRegistryConfig>& config, int64_t now_ns, seawall_registry** out,
             seawall_error* error) {
  if (!config) return seawall::capi::fail(error, config.error());
  *out = std::make_unique<seawall_registry>(config.value(), instant(now_ns)).release();
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
  return guarded(error,
                 [&] { return make(seawall::capi::registry_config(zeros_to_defaults(read)), now_ns, out, error); });
}

int32_t seawall_registry_new_from_json(const char* json, size_t json_size, int64_t now_ns, seawall_registry** out,
                                       seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    return make(seawall::capi::registry_config_from_json(text_in(json, json_size)), now_ns, out, error);
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

int32_t seawall_registry_to_json_selected(const seawall_registry* registry, const char* selector, size_t selector_size,
                                          int64_t now_ns, char* buffer, size_t capacity, size_t* needed,
                                          seawall_error* error) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (!readable(selector, selector_size)) return invalid(error, "selector is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto parsed = seawall::InstanceSelector::parse(text_in(selector, selector_size));
    if (!parsed) return seawall::capi::fail(error, parsed.error());
    return seawall::capi::text_out(registry->rep.to_json_at(instant(now_ns), parsed.value()), buffer, capacity, needed);
  });
}

int32_t seawall_registry_get_stats(const seawall_registry* registry, seawall_registry_stats* stats) noexcept {
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  if (!seawall::capi::has_size(stats)) return SEAWALL_E_INVALID_ARGUMENT;
  const seawall::RegistryStats s = registry->rep.stats();
  const seawall_registry_stats all = {.struct_size = 0,
                                      .reserved = 0,
                                      .services = s.services,
                                      .instances = s.instances,
                                      .suspects = s.suspects,
                                      .held = s.held,
                                      .protected_services = s.protected_services,
                                      .holds = s.holds,
                                      .expirations_at_ceiling = s.expirations_at_ceiling,
                                      .drains = s.drains,
                                      .drains_cut = s.drains_cut,
                                      .registrations = s.registrations,
                                      .heartbeats = s.heartbeats,
                                      .expirations = s.expirations,
                                      .removals = s.removals,
                                      .fenced = s.fenced,
                                      .unknown = s.unknown,
                                      .refused_full = s.refused_full,
                                      .evicted_expired = s.evicted_expired,
                                      .late_ticks = s.late_ticks,
                                      .tickets_late = s.tickets_late,
                                      .tickets_reaped = s.tickets_reaped,
                                      .tickets_untracked = s.tickets_untracked,
                                      .ejections = s.ejections,
                                      .ejections_refused = s.ejections_refused,
                                      .panic_picks = s.panic_picks,
                                      .endpoints_taken = s.endpoints_taken,
                                      .lists = s.lists,
                                      .listed = s.listed};
  return seawall::capi::give(all, stats);
}

}  // extern "C"
