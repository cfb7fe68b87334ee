// SPDX-License-Identifier: MIT
#include "redis_inbox.h"

#include "redis_handles.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::LimitSet;
using seawall::redis::SetAnswer;
using seawall::redis::StoreWord;

static_assert(LimitSet::kMost == SEAWALL_LIMIT_SET_MOST);

extern "C" {

int32_t seawall_redis_inbox_new(seawall_redis_inbox** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  return guarded(error, [&]() -> int32_t {
    auto inbox = std::make_unique<seawall_redis_inbox>();
    if (inbox->rep->fd() < 0) return fail(error, SEAWALL_E_INTERNAL, "the system refuses a descriptor");
    *out = inbox.release();
    return SEAWALL_OK;
  });
}

void seawall_redis_inbox_free(seawall_redis_inbox* inbox) noexcept { free_handle(inbox); }

int32_t seawall_redis_inbox_fd(const seawall_redis_inbox* inbox) noexcept {
  return valid(inbox) ? inbox->rep->fd() : static_cast<int32_t>(SEAWALL_E_WRONG_HANDLE);
}

int32_t seawall_redis_inbox_receive(seawall_redis_inbox* inbox, uint64_t* tag,
                                    seawall_redis_set_decision* decision) noexcept {
  if (!valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (tag == nullptr || decision == nullptr || decision->struct_size < sizeof *decision ||
      decision->decisions == nullptr || !usable_for(*decision, LimitSet::kMost)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  return guarded(nullptr, [&] {
    Inbox::Arrival<SetAnswer> arrival;
    if (!inbox->rep->take(arrival)) return 0;
    *tag = arrival.tag;
    write(arrival.answer, *decision);
    return 1;
  });
}

int32_t seawall_redis_inbox_receive_word(seawall_redis_inbox* inbox, uint64_t* tag, seawall_redis_word* word) noexcept {
  if (!valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (tag == nullptr || word == nullptr || !usable(word)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    Inbox::Arrival<StoreWord> arrival;
    if (!inbox->rep->take(arrival)) return 0;
    *tag = arrival.tag;
    write(arrival.answer, *word);
    return 1;
  });
}

}  // extern "C"
