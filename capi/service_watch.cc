// SPDX-License-Identifier: MIT
#include <memory>
#include <string>

#include "internal.h"
#include "registry_handle.h"
#include "seawall/service_snapshot.h"
#include "service_handles.h"

using seawall::capi::guarded;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

struct seawall_watch : seawall::capi::Handle<0x57746368> {  // "Wtch"
  seawall_watch(const seawall::ServiceReader& reader, std::string_view service) : from(reader), name(service) {}
  const seawall::ServiceReader& from;
  const std::string name;
  seawall::ServiceNews news;
};

namespace {

int32_t watch(const seawall::ServiceReader& reader, const char* name, size_t name_size, seawall_watch** out,
              seawall_error* error) noexcept {
  if (out == nullptr) return seawall::capi::invalid(error, "out is NULL");
  if (!readable(name, name_size)) return seawall::capi::invalid(error, "name is NULL");
  return guarded(error, [&]() -> int32_t {
    *out = std::make_unique<seawall_watch>(reader, text_in(name, name_size)).release();
    return SEAWALL_OK;
  });
}

}  // namespace

extern "C" {

int32_t seawall_registry_watch(const seawall_registry* registry, const char* name, size_t name_size,
                               seawall_watch** out, seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  return watch(registry->rep.reader(), name, name_size, out, error);
}

int32_t seawall_reader_watch(const seawall_reader* reader, const char* name, size_t name_size, seawall_watch** out,
                             seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(reader)) return seawall::capi::wrong_handle(error, "reader is no reader handle");
  return watch(reader->rep, name, name_size, out, error);
}

void seawall_watch_free(seawall_watch* watch) noexcept { seawall::capi::free_handle(watch); }

int32_t seawall_watch_poll(seawall_watch* watch, int64_t now_ns) noexcept {
  if (!valid(watch)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    auto news = watch->from.changed_since(watch->news.snapshot, watch->name, seawall::capi::instant(now_ns));
    if (!news) return 0;
    watch->news = *std::move(news);
    return 1;
  });
}

int32_t seawall_watch_to_json(const seawall_watch* watch, char* buffer, size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(watch)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr,
                 [&] { return seawall::capi::text_out(seawall::to_json(watch->news), buffer, capacity, needed); });
}

int32_t seawall_registry_version(const seawall_registry* registry, uint64_t* out) noexcept {
  if (!valid(registry)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *out = registry->rep.version();
  return SEAWALL_OK;
}

}  // extern "C"
