// SPDX-License-Identifier: MIT
// A registry in memory that processes share, and its readers.
#include <cstddef>
#include <memory>
#include <span>

#include "registry_handle.h"
#include "registry_options.h"
#include "service_handles.h"

using seawall::capi::guarded;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

constexpr seawall::Duration kWriterLease = std::chrono::seconds(3);

// make(config, place, lease): a registry in the memory.
template <class Make>
int32_t make_in(const char* json, size_t json_size, void* memory, size_t memory_size, int64_t writer_lease_ns,
                seawall_registry** out, seawall_error* error, const Make& make) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  if (memory == nullptr) return invalid(error, "memory is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto config = seawall::capi::registry_config_from_json(text_in(json, json_size));
    if (!config) return seawall::capi::fail(error, config.error());
    const std::span<std::byte> place(static_cast<std::byte*>(memory), memory_size);
    auto made = make(config.value(), place, writer_lease_ns == 0 ? kWriterLease : seawall::Duration(writer_lease_ns));
    if (!made) return seawall::capi::fail(error, made.error());
    *out = std::make_unique<seawall_registry>(std::move(made).value()).release();
    return SEAWALL_OK;
  });
}

}  // namespace

extern "C" {

int32_t seawall_registry_memory_for(const char* json, size_t json_size, size_t* bytes, seawall_error* error) noexcept {
  if (bytes == nullptr) return invalid(error, "bytes is NULL");
  *bytes = 0;
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto config = seawall::capi::registry_config_from_json(text_in(json, json_size));
    if (!config) return seawall::capi::fail(error, config.error());
    *bytes = seawall::ServiceRegistry::memory_for(config.value());
    return SEAWALL_OK;
  });
}

int32_t seawall_registry_new_in(const char* json, size_t json_size, void* memory, size_t memory_size,
                                int64_t writer_lease_ns, int64_t now_ns, seawall_registry** out,
                                seawall_error* error) noexcept {
  return make_in(json, json_size, memory, memory_size, writer_lease_ns, out, error,
                 [&](const auto& config, auto place, seawall::Duration lease) {
                   return seawall::ServiceRegistry::make_in(place, config, instant(now_ns), lease);
                 });
}

int32_t seawall_registry_take_over(const char* json, size_t json_size, void* memory, size_t memory_size,
                                   int32_t at_once, int64_t writer_lease_ns, int64_t now_ns, seawall_registry** out,
                                   seawall_error* error) noexcept {
  using When = seawall::ServiceRegistry::TakeOver;
  return make_in(json, json_size, memory, memory_size, writer_lease_ns, out, error,
                 [&](const auto& config, auto place, seawall::Duration lease) {
                   const When when = at_once != 0 ? When::kAtOnce : When::kIfEnded;
                   return seawall::ServiceRegistry::take_over(place, config, when, instant(now_ns), lease);
                 });
}

int32_t seawall_registry_writes(const seawall_registry* registry) noexcept {
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  return registry->rep.writes() ? 1 : 0;
}

int32_t seawall_reader_attach(void* memory, size_t memory_size, seawall_reader** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (memory == nullptr) return invalid(error, "memory is NULL");
  return guarded(error, [&]() -> int32_t {
    auto reader = seawall::ServiceReader::attach({static_cast<std::byte*>(memory), memory_size});
    if (!reader) return seawall::capi::fail(error, reader.error());
    *out = std::make_unique<seawall_reader>(std::move(reader).value()).release();
    return SEAWALL_OK;
  });
}

void seawall_reader_free(seawall_reader* reader) noexcept { seawall::capi::free_handle(reader); }

int32_t seawall_reader_service(const seawall_reader* reader, const char* name, size_t name_size, seawall_service** out,
                               seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(reader)) return seawall::capi::wrong_handle(error, "reader is no reader handle");
  if (out == nullptr) return invalid(error, "out is NULL");
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto service = reader->rep.service(text_in(name, name_size));
    if (!service) return seawall::capi::fail(error, SEAWALL_E_NOT_FOUND, "the registry knows no service of this name");
    *out = std::make_unique<seawall_service>(*service).release();
    return SEAWALL_OK;
  });
}

int32_t seawall_reader_version(const seawall_reader* reader, uint64_t* out) noexcept {
  if (!valid(reader)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *out = reader->rep.version();
  return SEAWALL_OK;
}

}  // extern "C"
