// SPDX-License-Identifier: MIT
#include "seawall/redis/limit_set.h"

#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "redis_handles.h"
#include "redis_inbox.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::Answer;
using seawall::redis::LimitSet;
using seawall::redis::RateLimiter;
using seawall::redis::SetAnswer;

namespace {

using Keys = std::array<std::string_view, LimitSet::kMost>;

// The keys as texts; false unless there is a readable one for each limiter, and none is repeated.
bool bound(const LimitSet& set, const seawall_text* keys, size_t count, Keys& out) noexcept {
  if (count != set.size() || keys == nullptr) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (keys[i].data == nullptr) return false;
    out[i] = text_in(keys[i].data, keys[i].size);
  }
  return set.repeated({out.data(), count}) == count;
}

SetAnswer set_of_one(const Answer& answer) {
  return {.allowed = answer.allowed, .retry_after = answer.retry_after, .answers = {answer}};
}

}  // namespace

extern "C" {

int32_t seawall_redis_limit_set_new(const seawall_redis_limiter* const* limiters, size_t count,
                                    seawall_redis_limit_set** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (limiters == nullptr) return invalid(error, "limiters is NULL");
  if (count < 1 || count > LimitSet::kMost) {
    return fail(error, out_of_range("count", static_cast<std::int64_t>(count), 1, LimitSet::kMost));
  }
  return guarded(error, [&]() -> int32_t {
    std::vector<RateLimiter> members;
    for (size_t i = 0; i < count; ++i) {
      if (!valid(limiters[i])) {
        return wrong_handle(error, Message("no live limiter at place ").append(static_cast<std::int64_t>(i)).view());
      }
      members.push_back(limiters[i]->rep);
    }
    auto made = LimitSet::make(std::move(members));
    if (!made) return fail(error, made.error());
    *out = std::make_unique<seawall_redis_limit_set>(std::move(made).value()).release();
    return SEAWALL_OK;
  });
}

void seawall_redis_limit_set_free(seawall_redis_limit_set* set) noexcept { free_handle(set); }

int32_t seawall_redis_limit_set_try_acquire(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                                            int64_t permits, seawall_redis_set_decision* decision) noexcept {
  if (!valid(set)) return SEAWALL_E_WRONG_HANDLE;
  Keys texts;
  if (permits < 0 || !bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  if (decision != nullptr && !usable_for(*decision, key_count)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const SetAnswer answer = set->rep.try_acquire(std::span(texts.data(), key_count), permits);
    if (decision != nullptr) write(answer, *decision);
    return code_of(answer);
  });
}

int32_t seawall_redis_limiter_try_acquire_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                int64_t permits, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  if (!valid(limiter) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr || permits < 0) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    limiter->rep.try_acquire_async(text_in(key, key_size), permits,
                                   [to = inbox->rep, tag](const Answer& answer) { to->put(tag, set_of_one(answer)); });
    return SEAWALL_OK;
  });
}

int32_t seawall_redis_limit_set_try_acquire_async(seawall_redis_limit_set* set, const seawall_text* keys,
                                                  size_t key_count, int64_t permits, seawall_redis_inbox* inbox,
                                                  uint64_t tag) noexcept {
  if (!valid(set) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  Keys texts;
  if (permits < 0 || !bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    set->rep.try_acquire_async(std::span(texts.data(), key_count), permits,
                               [to = inbox->rep, tag](const SetAnswer& answer) { to->put(tag, answer); });
    return SEAWALL_OK;
  });
}

}  // extern "C"
