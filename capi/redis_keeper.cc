// SPDX-License-Identifier: MIT
#include <memory>
#include <string_view>
#include <utility>

#include "instance_in.h"
#include "redis_handles.h"
#include "seawall/redis/instance_keeper.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::InstanceKeeper;
using seawall::redis::KeeperStats;
using seawall::redis::Registrar;

struct seawall_redis_keeper : Handle<0x524b6565> {  // "RKee"
  explicit seawall_redis_keeper(const Registrar& registrar) : rep(registrar) {}
  InstanceKeeper rep;
};

namespace {

// put(service, spec) -> code
template <class Put>
int32_t with_instance(const seawall_redis_keeper* keeper, const seawall_instance* instance, seawall_error* error,
                      Put&& put) noexcept {
  if (!valid(keeper)) return wrong_handle(error, "keeper is no live keeper");
  seawall_instance given;
  if (!read_instance(instance, given)) return invalid(error, "instance is NULL or of an unknown struct_size");
  if (!texts_readable(given)) return invalid(error, "instance: a text is NULL but has a length");
  return guarded(error, [&]() -> int32_t { return put(text_in(given.service, given.service_size), spec_of(given)); });
}

}  // namespace

extern "C" {

// The view ends with a zero byte: it is a literal.
const char* seawall_redis_kept_name(int32_t state) noexcept {
  return to_string(static_cast<redis::KeptState>(state)).data();
}

int32_t seawall_redis_registrar_new_keeper(const seawall_redis_registrar* registrar, seawall_redis_keeper** out,
                                           seawall_error* error) noexcept {
  if (!valid(registrar)) return wrong_handle(error, "registrar is no live registrar");
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  return guarded(error, [&] {
    *out = std::make_unique<seawall_redis_keeper>(registrar->rep).release();
    return SEAWALL_OK;
  });
}

void seawall_redis_keeper_free(seawall_redis_keeper* keeper) noexcept { free_handle(keeper); }

int32_t seawall_redis_keeper_hold(seawall_redis_keeper* keeper, const seawall_instance* instance, int64_t now_ns,
                                  seawall_error* error) noexcept {
  return with_instance(keeper, instance, error, [&](std::string_view service, const InstanceSpec& spec) -> int32_t {
    const auto held = keeper->rep.hold_at(service, spec, instant(now_ns));
    return held ? SEAWALL_OK : fail(error, held.error());
  });
}

int32_t seawall_redis_keeper_update(seawall_redis_keeper* keeper, const seawall_instance* instance, int64_t now_ns,
                                    seawall_error* error) noexcept {
  return with_instance(keeper, instance, error, [&](std::string_view service, const InstanceSpec& spec) -> int32_t {
    const auto known = keeper->rep.update_at(service, spec, instant(now_ns));
    if (!known) return fail(error, known.error());
    return known.value() ? SEAWALL_OK : fail(error, SEAWALL_E_NOT_FOUND, "the instance is not held");
  });
}

int32_t seawall_redis_keeper_release(seawall_redis_keeper* keeper, const char* service, size_t service_size,
                                     const char* id, size_t id_size, int64_t now_ns) noexcept {
  if (!valid(keeper)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(service, service_size) || !readable(id, id_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const bool known = keeper->rep.release_at(text_in(service, service_size), text_in(id, id_size), instant(now_ns));
    return known ? SEAWALL_OK : SEAWALL_E_NOT_FOUND;
  });
}

int32_t seawall_redis_keeper_tick(seawall_redis_keeper* keeper, int64_t now_ns) noexcept {
  if (!valid(keeper)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] { return static_cast<int32_t>(keeper->rep.tick_at(instant(now_ns))); });
}

int32_t seawall_redis_keeper_find(const seawall_redis_keeper* keeper, const char* service, size_t service_size,
                                  const char* id, size_t id_size, int64_t now_ns, seawall_redis_kept* out) noexcept {
  if (!valid(keeper)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(service, service_size) || !readable(id, id_size)) return SEAWALL_E_INVALID_ARGUMENT;
  if (out == nullptr || !usable(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto kept = keeper->rep.find_at(text_in(service, service_size), text_in(id, id_size), instant(now_ns));
    if (!kept) return SEAWALL_E_NOT_FOUND;
    out->state = static_cast<int32_t>(kept->state);
    out->fault = static_cast<int32_t>(kept->fault);
    out->generation = kept->generation;
    out->unheard_ns = kept->unheard.count();
    write_text(kept->reason, out->reason);
    return SEAWALL_OK;
  });
}

int32_t seawall_redis_keeper_get_stats(const seawall_redis_keeper* keeper, seawall_redis_keeper_stats* out) noexcept {
  if (!valid(keeper)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const KeeperStats stats = keeper->rep.stats();
    return give({.struct_size = 0,
                 .reserved = 0,
                 .instances = stats.instances,
                 .registrations = stats.registrations,
                 .renewals = stats.renewals,
                 .removals = stats.removals,
                 .reregistrations = stats.reregistrations,
                 .fenced = stats.fenced,
                 .faults = stats.faults},
                out);
  });
}

}  // extern "C"
