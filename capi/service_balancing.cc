// SPDX-License-Identifier: MIT
// Choosing an instance of a service, and giving it back.
#include <optional>

#include "internal.h"
#include "service_handles.h"

using seawall::capi::instant;
using seawall::capi::valid;

namespace {

template <std::size_t kSize>
uint8_t copy_text(std::string_view text, char (&to)[kSize]) {
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return static_cast<uint8_t>(text.size());
}

}  // namespace

extern "C" {

void seawall_service_free(seawall_service* service) noexcept { seawall::capi::free_handle(service); }

int32_t seawall_service_pick(const seawall_service* service, const uint32_t* exclude, size_t exclude_count,
                             int64_t now_ns, seawall_pick* out) noexcept {
  if (!valid(service)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || (exclude == nullptr && exclude_count != 0)) return SEAWALL_E_INVALID_ARGUMENT;
  seawall::PickText text;
  const auto pick = service->rep.pick_at(instant(now_ns), text, {exclude, exclude_count});
  if (!pick) return 0;
  out->ticket = pick->ticket;
  out->generation = pick->generation;
  out->slot = pick->slot;
  out->port = pick->port;
  out->id_size = copy_text(text.id.view(), out->id);
  out->host_size = copy_text(text.host.view(), out->host);
  return 1;
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

}  // extern "C"
