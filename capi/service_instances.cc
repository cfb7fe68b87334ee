// SPDX-License-Identifier: MIT
// The verbs of the registry that register and address instances.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "instance_in.h"
#include "registry_handle.h"

using seawall::Message;
using seawall::capi::guarded;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::metadata_of;
using seawall::capi::readable;
using seawall::capi::readable_pairs;
using seawall::capi::spec_of;
using seawall::capi::text_in;
using seawall::capi::texts_readable;
using seawall::capi::valid;

namespace {

seawall::InstanceUpdate update_of(const seawall_instance_update& given) {
  seawall::InstanceUpdate update;
  if (given.weight >= 0) update.weight = given.weight;
  if (given.zone != nullptr) update.zone = text_in(given.zone, given.zone_size);
  if (given.metadata != nullptr) update.metadata = metadata_of(given.metadata, given.metadata_count);
  return update;
}

seawall_registration registration_of(const seawall::Registration& mine) {
  return {
      mine.generation, mine.slot, 0, mine.heartbeat_interval.count(), mine.lease.count(), mine.first_heartbeat.count()};
}

int32_t code_of(seawall::RegistryAnswer answer) {
  switch (answer) {
    case seawall::RegistryAnswer::kOk:
      return SEAWALL_OK;
    case seawall::RegistryAnswer::kUnknown:
      return SEAWALL_E_NOT_FOUND;
    case seawall::RegistryAnswer::kFenced:
      return SEAWALL_E_FENCED;
    case seawall::RegistryAnswer::kAmbiguous:
    case seawall::RegistryAnswer::kInvalid:
      return SEAWALL_E_INVALID_ARGUMENT;
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

int32_t seawall_instance_init(seawall_instance* instance) noexcept {
  const int32_t code = seawall::capi::init_options(instance);
  if (code != SEAWALL_OK) return code;
  instance->weight = 1;
  instance->state = SEAWALL_SELF_SERVING;
  return SEAWALL_OK;
}

int32_t seawall_registry_register(seawall_registry* registry, const seawall_instance* instance, int64_t now_ns,
                                  seawall_registration* out, seawall_error* error) noexcept {
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  seawall_instance given;
  if (!seawall::capi::read_instance(instance, given)) {
    return invalid(error, "instance is NULL or of an unknown struct_size");
  }
  if (!texts_readable(given)) return invalid(error, "instance: a text is NULL but has a length");
  return guarded(error, [&]() -> int32_t {
    const auto service = text_in(given.service, given.service_size);
    const auto done = registry->rep.register_instance_at(service, spec_of(given), instant(now_ns));
    if (!done) return seawall::capi::fail(error, done.error());
    const seawall::Registration& mine = done.value();
    if (out != nullptr) *out = registration_of(mine);
    return SEAWALL_OK;
  });
}

int32_t seawall_registry_register_many(seawall_registry* registry, const seawall_instance* instances, size_t count,
                                       int64_t now_ns, seawall_registration* out, int32_t* codes,
                                       seawall_error* error) noexcept {
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (instances == nullptr && count != 0) return invalid(error, "instances is NULL");
  if (count > INT32_MAX) return invalid(error, "count is above 2147483647");
  return guarded(error, [&]() -> int32_t {
    std::vector<seawall::NewInstance> all;
    all.reserve(count);
    for (const auto& given : std::span(instances, count)) {
      if (given.struct_size != sizeof given || !texts_readable(given)) {
        return invalid(error, Message("instances[")
                                  .append(static_cast<std::int64_t>(all.size()))
                                  .append("] is of another struct_size, or a text is NULL but has a length")
                                  .view());
      }
      all.push_back({std::string(text_in(given.service, given.service_size)), spec_of(given)});
    }
    int32_t registered = 0;
    const auto done = registry->rep.register_instances_at(all, instant(now_ns));
    for (std::size_t i = 0; i < count; ++i) {
      if (codes != nullptr) codes[i] = done[i] ? SEAWALL_OK : static_cast<int32_t>(done[i].error().code);
      if (out != nullptr) out[i] = done[i] ? registration_of(done[i].value()) : seawall_registration{};
      if (!done[i] && registered == static_cast<int32_t>(i)) {  // the first that was refused
        seawall::capi::fail(error, static_cast<int32_t>(done[i].error().code),
                            Message("instances[")
                                .append(static_cast<std::int64_t>(i))
                                .append("]: ")
                                .append(done[i].error().message.view())
                                .view());
      }
      registered += done[i] ? 1 : 0;
    }
    return registered;
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

int32_t seawall_registry_restore(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                 int64_t now_ns) noexcept {
  return addressed(registry, id, id_size, true, now_ns,
                   [&](auto& rep, auto name, auto now) { return rep.restore_at(name, generation, now); });
}

int32_t seawall_registry_drain_until(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                     int64_t deadline_ns, int64_t now_ns) noexcept {
  const bool sound = deadline_ns != SEAWALL_NOW;
  return addressed(registry, id, id_size, sound, now_ns, [&](auto& rep, auto name, auto now) {
    return rep.drain_until_at(name, generation, seawall::time_from_ns(deadline_ns), now);
  });
}

int32_t seawall_registry_drained(const seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                 int64_t now_ns, int64_t* in_flight) noexcept {
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(id, id_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto status = registry->rep.drained_at(text_in(id, id_size), generation, instant(now_ns));
    if (in_flight != nullptr) *in_flight = status.in_flight;
    if (status.done) return 1;
    return code_of(status.answer);
  });
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
  const bool sound = health >= SEAWALL_HEALTH_PASSING && health <= SEAWALL_HEALTH_UNKNOWN;
  return addressed(registry, id, id_size, sound, now_ns, [&](auto& rep, auto name, auto now) {
    return rep.set_health_at(name, generation, static_cast<seawall::Health>(health), now);
  });
}

int32_t seawall_registry_deregister(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                    int64_t now_ns) noexcept {
  return addressed(registry, id, id_size, true, now_ns,
                   [&](auto& rep, auto name, auto now) { return rep.deregister_at(name, generation, now); });
}

int32_t seawall_instance_update_init(seawall_instance_update* update) noexcept {
  const int32_t code = seawall::capi::init_options(update);
  if (code == SEAWALL_OK) update->weight = -1;
  return code;
}

int32_t seawall_registry_update(seawall_registry* registry, const char* id, size_t id_size, uint64_t generation,
                                const seawall_instance_update* update, int64_t now_ns, seawall_error* error) noexcept {
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  seawall_instance_update given;
  seawall_instance_update_init(&given);
  if (update == nullptr || !seawall::capi::read_options(update, given)) {
    return invalid(error, "update is NULL or of an unknown struct_size");
  }
  if (!readable(id, id_size) || !readable(given.zone, given.zone_size) ||
      !readable_pairs(given.metadata, given.metadata_count)) {
    return invalid(error, "a text is NULL but has a length");
  }
  return guarded(error, [&]() -> int32_t {
    const auto done = registry->rep.update_at(text_in(id, id_size), generation, update_of(given), instant(now_ns));
    if (!done) return seawall::capi::fail(error, done.error());
    return code_of(done.value());
  });
}

int32_t seawall_instance_id(const char* host, size_t host_size, int64_t pid, char* buffer, size_t capacity,
                            size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!readable(host, host_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    return seawall::capi::text_out(seawall::make_instance_id(text_in(host, host_size), pid), buffer, capacity, needed);
  });
}

}  // extern "C"
