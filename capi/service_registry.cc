// SPDX-License-Identifier: MIT
#include <optional>
#include <span>
#include <string>

#include "internal.h"
#include "options.h"
#include "service_handles.h"

using seawall::capi::guarded;
using seawall::capi::instant;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

seawall_registry_options defaults() {
  const seawall::ServiceRegistryOptions o;
  return {sizeof(seawall_registry_options), o.max_services,       o.max_instances,
          o.max_instances_per_service,      o.max_metadata_bytes, o.max_in_flight,
          o.heartbeat_interval.count(),     o.lease.count(),      o.expired_retention.count(),
          o.tick_tolerance.count(),         o.first_generation,   o.ticket_deadline.count()};
}

// In the struct 0 means the default; in JSON what is left out does, and 0 is 0.
seawall_registry_options zeros_to_defaults(seawall_registry_options given) {
  const seawall_registry_options standard = defaults();
  const auto fill = [&](auto member) {
    if (given.*member == 0) given.*member = standard.*member;
  };
  using Options = seawall_registry_options;
  for (auto member : {&Options::max_services, &Options::max_instances, &Options::max_instances_per_service,
                      &Options::max_metadata_bytes, &Options::max_in_flight}) {
    fill(member);
  }
  for (auto member : {&Options::heartbeat_interval_ns, &Options::lease_ns, &Options::expired_retention_ns,
                      &Options::tick_tolerance_ns, &Options::first_generation, &Options::ticket_deadline_ns}) {
    fill(member);
  }
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
  return options;
}

int32_t invalid(seawall_error* error, std::string_view why) {
  return seawall::capi::fail(error, SEAWALL_E_INVALID_ARGUMENT, why);
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

bool texts_readable(const seawall_instance& given) {
  if (given.metadata == nullptr && given.metadata_count != 0) return false;
  for (const auto& pair : std::span(given.metadata, given.metadata_count)) {
    if (!readable(pair.name, pair.name_size) || !readable(pair.value, pair.value_size)) return false;
  }
  return readable(given.service, given.service_size) && readable(given.id, given.id_size) &&
         readable(given.host, given.host_size) && readable(given.zone, given.zone_size);
}

seawall::InstanceSpec spec_of(const seawall_instance& given) {
  seawall::InstanceSpec spec;
  spec.id = text_in(given.id, given.id_size);
  spec.host = text_in(given.host, given.host_size);
  spec.port = given.port;
  spec.weight = given.weight;
  spec.zone = text_in(given.zone, given.zone_size);
  for (const auto& pair : std::span(given.metadata, given.metadata_count)) {
    spec.metadata.emplace_back(text_in(pair.name, pair.name_size), text_in(pair.value, pair.value_size));
  }
  spec.state = static_cast<seawall::SelfState>(given.state);
  return spec;
}

int32_t code_of(seawall::RegistryAnswer answer) {
  switch (answer) {
    case seawall::RegistryAnswer::kOk:
      return SEAWALL_OK;
    case seawall::RegistryAnswer::kUnknown:
      return SEAWALL_E_NOT_FOUND;
    case seawall::RegistryAnswer::kFenced:
      return SEAWALL_E_FENCED;
  }
  return SEAWALL_E_INTERNAL;
}

// The verbs that address an instance: checks, then verb(registry, id, now).
template <class Verb>
int32_t addressed(seawall_registry* registry, const char* id, size_t id_size, bool sound, int64_t now_ns, Verb&& verb) {
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(id, id_size) || !sound) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] { return code_of(verb(registry->rep, text_in(id, id_size), instant(now_ns))); });
}

}  // namespace

extern "C" {

int32_t seawall_registry_options_init(seawall_registry_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_instance_init(seawall_instance* instance) noexcept {
  const int32_t code = seawall::capi::init_options(instance);
  if (code != SEAWALL_OK) return code;
  instance->weight = 1;
  instance->state = SEAWALL_SELF_SERVING;
  return SEAWALL_OK;
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
                                   {"first_generation", &read.first_generation}});
    if (!parsed) return seawall::capi::fail(error, parsed.error());
    return make(read, now_ns, out, error);
  });
}

void seawall_registry_free(seawall_registry* registry) noexcept { seawall::capi::free_handle(registry); }

int32_t seawall_registry_register(seawall_registry* registry, const seawall_instance* instance, int64_t now_ns,
                                  seawall_registration* out, seawall_error* error) noexcept {
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  seawall_instance given;
  seawall_instance_init(&given);
  if (instance == nullptr || !seawall::capi::read_options(instance, given)) {
    return invalid(error, "instance is NULL or of an unknown struct_size");
  }
  if (!texts_readable(given)) return invalid(error, "instance: a text is NULL but has a length");
  return guarded(error, [&]() -> int32_t {
    const auto service = text_in(given.service, given.service_size);
    const auto done = registry->rep.register_instance_at(service, spec_of(given), instant(now_ns));
    if (!done) return seawall::capi::fail(error, done.error());
    const seawall::Registration& mine = done.value();
    if (out != nullptr) *out = {mine.generation, mine.slot, 0, mine.heartbeat_interval.count(), mine.lease.count()};
    return SEAWALL_OK;
  });
}

int32_t seawall_registry_heartbeat(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                   int32_t state, int64_t now_ns) noexcept {
  const bool sound = state >= SEAWALL_SELF_UNCHANGED && state <= SEAWALL_SELF_DRAINING;
  return addressed(registry, id, id_size, sound, now_ns, [&](auto& rep, auto name, auto now) {
    std::optional<seawall::SelfState> said;
    if (state != SEAWALL_SELF_UNCHANGED) said = static_cast<seawall::SelfState>(state);
    return rep.heartbeat_at(name, generation, now, said);
  });
}

int32_t seawall_registry_drain(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                               int64_t now_ns) noexcept {
  return seawall_registry_set_admin(registry, id, id_size, generation, SEAWALL_ADMIN_DRAINING, now_ns);
}

int32_t seawall_registry_set_admin(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                   int32_t admin, int64_t now_ns) noexcept {
  const bool sound = admin >= SEAWALL_ADMIN_ENABLED && admin <= SEAWALL_ADMIN_DISABLED;
  return addressed(registry, id, id_size, sound, now_ns, [&](auto& rep, auto name, auto now) {
    return rep.set_admin_at(name, generation, static_cast<seawall::AdminState>(admin), now);
  });
}

int32_t seawall_registry_set_health(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                    int32_t health, int64_t now_ns) noexcept {
  const bool sound = health == SEAWALL_HEALTH_PASSING || health == SEAWALL_HEALTH_FAILING;
  return addressed(registry, id, id_size, sound, now_ns, [&](auto& rep, auto name, auto now) {
    return rep.set_health_at(name, generation, static_cast<seawall::Health>(health), now);
  });
}

int32_t seawall_registry_deregister(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                    int64_t now_ns) noexcept {
  return addressed(registry, id, id_size, true, now_ns,
                   [&](auto& rep, auto name, auto now) { return rep.deregister_at(name, generation, now); });
}

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
