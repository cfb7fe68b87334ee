// SPDX-License-Identifier: MIT
// How a service's calls are spread: configuration, choosing an instance, giving it back, and why.
#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "internal.h"
#include "service_handles.h"
#include "service_options.h"

using seawall::capi::guarded;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

template <std::size_t kSize>
uint8_t copy_text(std::string_view text, char (&to)[kSize]) {
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return static_cast<uint8_t>(text.size());
}

int32_t answer(const std::optional<seawall::Pick>& pick, const seawall::PickText& text, seawall_pick* out) {
  if (!pick) return 0;
  out->ticket = pick->ticket;
  out->generation = pick->generation;
  out->slot = pick->slot;
  out->port = pick->port;
  out->id_size = copy_text(text.id.view(), out->id);
  out->host_size = copy_text(text.host.view(), out->host);
  out->flags = pick->flags;
  out->reserved = 0;
  return 1;
}

int32_t configure(seawall_registry& registry, std::string_view name,
                  const seawall::Result<seawall::ServiceConfig>& config, seawall_error* error) {
  if (!config) return seawall::capi::fail(error, config.error());
  const auto done =
      name.empty() ? registry.rep.configure_default(config.value()) : registry.rep.configure(name, config.value());
  return done ? SEAWALL_OK : seawall::capi::fail(error, done.error());
}

// The id and the zone are at most 63 bytes.
seawall_explained explained(const seawall::InstanceExplanation& one) {
  seawall_explained c{};
  c.generation = one.generation;
  c.in_flight = one.in_flight;
  c.ejected_for_ns = one.ejected_for.count();
  c.latency_ns = one.latency.count();
  c.weight = one.weight;
  c.slot = one.slot;
  c.verdict = static_cast<int32_t>(one.verdict);
  c.reasons = one.status.reasons;
  c.local = one.local ? 1 : 0;
  copy_text(one.id, c.id);
  copy_text(one.zone, c.zone);
  return c;
}

bool exclusion_readable(const uint32_t* exclude, size_t exclude_count) {
  return exclude != nullptr || exclude_count == 0;
}

}  // namespace

extern "C" {

void seawall_service_free(seawall_service* service) noexcept { seawall::capi::free_handle(service); }

int32_t seawall_service_pick(const seawall_service* service, const uint32_t* exclude, size_t exclude_count,
                             int64_t now_ns, seawall_pick* out) noexcept {
  if (!valid(service)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || !exclusion_readable(exclude, exclude_count)) return SEAWALL_E_INVALID_ARGUMENT;
  seawall::PickText text;
  const auto pick = service->rep.pick_at(instant(now_ns), text, {exclude, exclude_count});
  return answer(pick, text, out);
}

int32_t seawall_service_pick_for(const seawall_service* service, const char* key, size_t key_size,
                                 const uint32_t* exclude, size_t exclude_count, int64_t now_ns,
                                 seawall_pick* out) noexcept {
  if (!valid(service)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || !exclusion_readable(exclude, exclude_count)) return SEAWALL_E_INVALID_ARGUMENT;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  seawall::PickText text;
  const std::uint64_t number = seawall::Service::key_of(text_in(key, key_size));
  const auto pick = service->rep.pick_for_at(number, instant(now_ns), text, {exclude, exclude_count});
  return answer(pick, text, out);
}

int32_t seawall_service_done(const seawall_service* service, uint64_t ticket, int32_t outcome, int64_t took_ns,
                             int64_t now_ns) noexcept {
  if (!valid(service)) return SEAWALL_E_WRONG_HANDLE;
  if (outcome < SEAWALL_OUTCOME_SUCCESS || outcome > SEAWALL_OUTCOME_IGNORED) return SEAWALL_E_INVALID_ARGUMENT;
  const auto clock = [now_ns] { return instant(now_ns); };
  const auto result =
      service->rep.done_with(clock, ticket, static_cast<seawall::Outcome>(outcome), seawall::Duration(took_ns));
  return static_cast<int32_t>(result);
}

int32_t seawall_service_options_init(seawall_service_options* options) noexcept {
  if (options == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *options = seawall::capi::service_defaults();
  return SEAWALL_OK;
}

int32_t seawall_registry_configure(seawall_registry* registry, const char* name, size_t name_size,
                                   const seawall_service_options* options, seawall_error* error) noexcept {
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  seawall_service_options read = seawall::capi::service_defaults();
  if (!seawall::capi::read_options(options, read)) return invalid(error, "options: unknown struct_size");
  if (!readable(read.zone, read.zone_size)) return invalid(error, "zone is NULL but has a length");
  return guarded(error, [&] {
    const auto config = seawall::capi::service_config(read, text_in(read.zone, read.zone_size));
    return configure(*registry, text_in(name, name_size), config, error);
  });
}

int32_t seawall_registry_configure_from_json(seawall_registry* registry, const char* name, size_t name_size,
                                             const char* json, size_t json_size, seawall_error* error) noexcept {
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&] {
    const auto config = seawall::capi::service_config_from_json(text_in(json, json_size));
    return configure(*registry, text_in(name, name_size), config, error);
  });
}

int32_t seawall_registry_explain(const seawall_registry* registry, const char* name, size_t name_size, int64_t now_ns,
                                 seawall_explained* out, size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(name, name_size) || (out == nullptr && capacity != 0)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto why = registry->rep.explain_at(text_in(name, name_size), instant(now_ns));
    if (!why) return SEAWALL_E_NOT_FOUND;
    if (needed != nullptr) *needed = why->instances.size();
    const std::size_t count = std::min(capacity, why->instances.size());
    for (std::size_t i = 0; i < count; ++i) out[i] = explained(why->instances[i]);
    if (count < why->instances.size()) return SEAWALL_E_BUFFER_TOO_SMALL;
    return why->panic ? 1 : 0;
  });
}

int32_t seawall_registry_explain_text(const seawall_registry* registry, const char* name, size_t name_size,
                                      int32_t as_json, int64_t now_ns, char* buffer, size_t capacity,
                                      size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(name, name_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto why = registry->rep.explain_at(text_in(name, name_size), instant(now_ns));
    if (!why) return SEAWALL_E_NOT_FOUND;
    return seawall::capi::text_out(as_json != 0 ? why->to_json() : why->to_text(), buffer, capacity, needed);
  });
}

// The views end with a zero byte: they are literals.
const char* seawall_balancer_name(int32_t balancer) noexcept {
  return seawall::to_string(static_cast<seawall::Balancer>(balancer)).data();
}

const char* seawall_verdict_name(int32_t verdict) noexcept {
  return seawall::to_string(static_cast<seawall::PickVerdict>(verdict)).data();
}

const char* seawall_reason_name(uint32_t reason) noexcept {
  return seawall::to_string(static_cast<seawall::HealthReason>(reason)).data();
}

}  // extern "C"
