// SPDX-License-Identifier: MIT
#include "seawall/runtime/source_follower.h"

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "instance_in.h"
#include "registry_handle.h"
#include "source_handles.h"

using seawall::capi::guarded;
using seawall::capi::HostSource;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

seawall::SourceFollowerOptions options_of(const seawall_follower_options& given) {
  seawall::SourceFollowerOptions options;
  const auto fill = [](auto number, auto& to) {
    if (number != 0) to = static_cast<std::remove_reference_t<decltype(to)>>(number);
  };
  fill(given.max_shrink_percent, options.max_shrink_percent);
  fill(given.min_protected, options.min_protected);
  fill(given.not_found_repeats, options.not_found_repeats);
  fill(given.max_instances, options.max_instances);
  fill(given.max_services, options.max_services);
  fill(given.removal_grace_ns, options.removal_grace);
  fill(given.removal_ceiling_ns, options.removal_ceiling);
  return options;
}

HostSource* source_of(const seawall_follower* follower, int32_t number) {
  if (number < 0 || static_cast<std::size_t>(number) >= follower->sources.size()) return nullptr;
  return follower->sources[static_cast<std::size_t>(number)].get();
}

int32_t add(seawall_follower& follower, std::string_view name, int32_t priority, bool fallback) {
  auto source = std::make_unique<HostSource>();
  follower.sources.reserve(follower.sources.size() + 1);
  follower.rep.add(*source, {std::string(name), static_cast<seawall::SourcePriority>(priority), fallback});
  follower.sources.push_back(std::move(source));
  return static_cast<int32_t>(follower.sources.size() - 1);
}

// What is wrong with an answer; nullptr: nothing.
const char* trouble(const seawall_source_answer& given) {
  if (given.status < SEAWALL_SAYS_LIST || given.status > SEAWALL_SAYS_FORGOTTEN) return "status: no such status";
  if (given.service.size == 0 || given.service.data == nullptr) return "service must be given";
  if (!readable(given.reason.data, given.reason.size)) return "reason is NULL but has a length";
  if (given.ttl_ns < 0 || given.age_ns < 0) return "ttl_ns and age_ns must not be negative";
  if (given.instances == nullptr && given.instance_count != 0) return "instances is NULL";
  for (std::size_t i = 0; i < given.instance_count; ++i) {
    const seawall_instance& instance = given.instances[i];
    if (instance.struct_size != sizeof instance) return "instances: one is of another struct_size";
    if (!seawall::capi::texts_readable(instance)) return "instances: a text of one is NULL but has a length";
    if (given.health == nullptr) continue;
    const bool known = given.health[i] >= SEAWALL_HEALTH_PASSING && given.health[i] <= SEAWALL_HEALTH_UNKNOWN;
    if (!known) return "health: no such health";
  }
  return nullptr;
}

seawall::SourceAnswer answer_of(const seawall_source_answer& given) {
  seawall::SourceAnswer answer{.service = std::string(text_in(given.service.data, given.service.size))};
  answer.status = static_cast<seawall::SourceStatus>(given.status);
  answer.ttl = seawall::Duration(given.ttl_ns);
  answer.age = seawall::Duration(given.age_ns);
  answer.reason = text_in(given.reason.data, given.reason.size);
  for (std::size_t i = 0; i < given.instance_count; ++i) {
    answer.instances.push_back(seawall::capi::spec_of(given.instances[i]));
    if (given.health != nullptr) answer.health.push_back(static_cast<seawall::Health>(given.health[i]));
  }
  return answer;
}

}  // namespace

extern "C" {

int32_t seawall_follower_options_init(seawall_follower_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_registry_follower(seawall_registry* registry, const seawall_follower_options* options,
                                  seawall_follower** out, seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (out == nullptr) return invalid(error, "out is NULL");
  seawall_follower_options read;
  seawall_follower_options_init(&read);
  if (!seawall::capi::read_options(options, read)) return invalid(error, "options: unknown struct_size");
  return guarded(error, [&]() -> int32_t {
    const auto config = seawall::SourceFollowerConfig::make(options_of(read));
    if (!config) return seawall::capi::fail(error, config.error());
    *out = std::make_unique<seawall_follower>(registry->rep, config.value()).release();
    return SEAWALL_OK;
  });
}

void seawall_follower_free(seawall_follower* follower) noexcept { seawall::capi::free_handle(follower); }

int32_t seawall_follower_add_source(seawall_follower* follower, const char* name, size_t name_size, int32_t priority,
                                    int32_t fallback, seawall_error* error) noexcept {
  if (!valid(follower)) return seawall::capi::wrong_handle(error, "follower is no follower handle");
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  if (priority < SEAWALL_SOURCE_STATIC || priority > SEAWALL_SOURCE_REGISTRY) return invalid(error, "no such priority");
  if (fallback != 0 && fallback != 1) return invalid(error, "fallback must be 0 or 1");
  return guarded(error, [&] {
    const std::lock_guard lock(follower->mutex);
    return add(*follower, text_in(name, name_size), priority, fallback == 1);
  });
}

int32_t seawall_follower_load(seawall_follower* follower, int32_t source, const char* json, size_t json_size,
                              int64_t age_ns, seawall_error* error) noexcept {
  if (!valid(follower)) return seawall::capi::wrong_handle(error, "follower is no follower handle");
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  if (age_ns < 0) return invalid(error, "age_ns must not be negative");
  return guarded(error, [&]() -> int32_t {
    const std::lock_guard lock(follower->mutex);
    HostSource* const from = source_of(follower, source);
    if (from == nullptr) return seawall::capi::fail(error, SEAWALL_E_NOT_FOUND, "no such source");
    seawall::FileSource* const file = from->file();
    if (file == nullptr) return invalid(error, "source: its answers are said, not loaded");
    const auto loaded = file->load(text_in(json, json_size), seawall::Duration(age_ns));
    return loaded ? SEAWALL_OK : seawall::capi::fail(error, loaded.error());
  });
}

int32_t seawall_follower_fail(seawall_follower* follower, int32_t source, const char* why, size_t why_size) noexcept {
  if (!valid(follower)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(why, why_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const std::lock_guard lock(follower->mutex);
    HostSource* const from = source_of(follower, source);
    if (from == nullptr) return SEAWALL_E_NOT_FOUND;
    seawall::FileSource* const file = from->file();
    if (file == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
    file->fail(text_in(why, why_size));
    return SEAWALL_OK;
  });
}

int32_t seawall_follower_say(seawall_follower* follower, int32_t source, const seawall_source_answer* answer,
                             seawall_error* error) noexcept {
  if (!valid(follower)) return seawall::capi::wrong_handle(error, "follower is no follower handle");
  seawall_source_answer given = {};
  if (answer == nullptr || !seawall::capi::read_options(answer, given)) {
    return invalid(error, "answer is NULL or of an unknown struct_size");
  }
  if (const char* why = trouble(given); why != nullptr) return invalid(error, why);
  return guarded(error, [&]() -> int32_t {
    const std::lock_guard lock(follower->mutex);
    HostSource* const from = source_of(follower, source);
    if (from == nullptr) return seawall::capi::fail(error, SEAWALL_E_NOT_FOUND, "no such source");
    auto* const said = from->said();
    if (said == nullptr) return invalid(error, "source: its text is loaded, not said");
    if (said->size() >= HostSource::kMostSaid) {
      return seawall::capi::fail(error, SEAWALL_E_FULL, "16384 answers wait for seawall_follower_tick");
    }
    said->push_back(answer_of(given));
    return SEAWALL_OK;
  });
}

int32_t seawall_follower_tick(seawall_follower* follower, int64_t now_ns) noexcept {
  if (!valid(follower)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    const std::lock_guard lock(follower->mutex);
    return static_cast<int32_t>(follower->rep.tick_at(instant(now_ns)));
  });
}

int32_t seawall_follower_to_json(const seawall_follower* follower, int64_t now_ns, char* buffer, size_t capacity,
                                 size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(follower)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    const std::lock_guard lock(follower->mutex);
    return seawall::capi::text_out(follower->rep.to_json_at(instant(now_ns)), buffer, capacity, needed);
  });
}

int32_t seawall_registry_to_source(const seawall_registry* registry, int64_t now_ns, char* buffer, size_t capacity,
                                   size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    const auto services = registry->rep.services_at(instant(now_ns));
    return seawall::capi::text_out(seawall::services_text(services), buffer, capacity, needed);
  });
}

}  // extern "C"
