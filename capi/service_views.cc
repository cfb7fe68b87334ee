// SPDX-License-Identifier: MIT
// Parts of a service under names of their own.
#include <memory>
#include <string>

#include "internal.h"
#include "service_handles.h"

using seawall::capi::guarded;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

extern "C" {

int32_t seawall_view_options_init(seawall_view_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_registry_view(seawall_registry* registry, const char* name, size_t name_size,
                              const seawall_view_options* options, seawall_service** out,
                              seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (out == nullptr) return invalid(error, "out is NULL");
  if (!readable(name, name_size)) return invalid(error, "name is NULL");
  seawall_view_options given;
  seawall_view_options_init(&given);
  if (options == nullptr || !seawall::capi::read_options(options, given)) {
    return invalid(error, "options is NULL or of an unknown struct_size");
  }
  if (!readable(given.service, given.service_size)) return invalid(error, "service is NULL but has a length");
  if (!readable(given.selector, given.selector_size)) return invalid(error, "selector is NULL but has a length");
  return guarded(error, [&]() -> int32_t {
    seawall::ServiceViewOptions view;
    view.service = text_in(given.service, given.service_size);
    view.selector = text_in(given.selector, given.selector_size);
    view.subset = given.subset;
    view.subset_seed = given.subset_seed;
    view.fallback = static_cast<seawall::ViewFallback>(given.fallback);
    const auto made = registry->rep.view(text_in(name, name_size), view);
    if (!made) return seawall::capi::fail(error, made.error());
    *out = std::make_unique<seawall_service>(made.value()).release();
    return SEAWALL_OK;
  });
}

// The view ends with a zero byte: it is a literal.
const char* seawall_view_state_name(int32_t state) noexcept {
  return seawall::to_string(static_cast<seawall::ViewState>(state)).data();
}

int32_t seawall_service_view_state(const seawall_service* service) noexcept {
  if (!valid(service)) return SEAWALL_E_WRONG_HANDLE;
  return static_cast<int32_t>(service->rep.view_state());
}

int32_t seawall_service_size(const seawall_service* service) noexcept {
  if (!valid(service)) return SEAWALL_E_WRONG_HANDLE;
  return static_cast<int32_t>(service->rep.size());
}

}  // extern "C"
