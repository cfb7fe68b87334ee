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
using Texts = std::span<const std::string_view>;

// The keys as texts; false unless there is a readable one for each limiter, and none is repeated.
bool bound(const LimitSet& set, const seawall_text* keys, size_t count, Keys& out) noexcept {
  if (count != set.size() || keys == nullptr) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (keys[i].data == nullptr) return false;
    out[i] = text_in(keys[i].data, keys[i].size);
  }
  return set.repeated({out.data(), count}) == count;
}

// ask(set, keys) -> SetAnswer
template <class Ask>
int32_t decide_all(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count, int64_t permits,
                   seawall_redis_set_decision* decision, Ask&& ask) noexcept {
  if (!valid(set)) return SEAWALL_E_WRONG_HANDLE;
  Keys texts;
  if (permits < 0 || !bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  if (decision != nullptr && !usable_for(*decision, key_count)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const SetAnswer answer = ask(set->rep, std::span(texts.data(), key_count));
    if (decision != nullptr) write(answer, *decision);
    return code_of(answer);
  });
}

// give(set, keys, answer), where `answer` has what `decision` took; that is cleared.
template <class Give>
int32_t refund_all(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                   seawall_redis_set_decision* decision, Give&& give) noexcept {
  Keys texts;
  if (!bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  if (decision == nullptr || decision->decisions == nullptr || !usable_for(*decision, key_count)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  return guarded(nullptr, [&] {
    const auto decisions = decisions_of(*decision, key_count);
    SetAnswer answer{decision->answer == SEAWALL_ALLOWED, Duration(decision->retry_after_ns), {}};
    for (std::size_t i = 0; i < key_count; ++i) answer.answers.push_back(read(decisions[i]));
    for (std::size_t i = 0; i < key_count; ++i) decisions[i].charge_permits = 0;
    give(set->rep, std::span(texts.data(), key_count), answer);
    for (std::size_t i = 0; i < key_count; ++i) decisions[i].remaining = answer.answers[i].remaining;
    return SEAWALL_OK;
  });
}

SetAnswer set_of_one(const Answer& answer) {
  return {.allowed = answer.allowed, .retry_after = answer.retry_after, .answers = {answer}};
}

// For the verbs without waiting: brings an answer into the inbox, where there is one.
auto putting(const seawall_redis_inbox* inbox, uint64_t tag) {
  return [to = inbox != nullptr ? inbox->rep : nullptr, tag](const SetAnswer& answer) {
    if (to != nullptr) to->put(tag, answer);
  };
}
auto putting_one(const seawall_redis_inbox* inbox, uint64_t tag) {
  return [put = putting(inbox, tag)](const Answer& answer) { put(set_of_one(answer)); };
}

// begin(limiter, key)
template <class Begin>
int32_t begin_one(seawall_redis_limiter* limiter, const char* key, size_t key_size, int64_t permits,
                  const seawall_redis_inbox* inbox, Begin&& begin) noexcept {
  if (!valid(limiter) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr || permits < 0) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    begin(limiter->rep, text_in(key, key_size));
    return SEAWALL_OK;
  });
}

// begin(set, keys)
template <class Begin>
int32_t begin_all(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count, int64_t permits,
                  const seawall_redis_inbox* inbox, Begin&& begin) noexcept {
  if (!valid(set) || !valid(inbox)) return SEAWALL_E_WRONG_HANDLE;
  Keys texts;
  if (permits < 0 || !bound(set->rep, keys, key_count, texts)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    begin(set->rep, std::span(texts.data(), key_count));
    return SEAWALL_OK;
  });
}

bool valid_or_none(const seawall_redis_inbox* inbox) noexcept { return inbox == nullptr || valid(inbox); }

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
  return decide_all(set, keys, key_count, permits, decision,
                    [permits](LimitSet& rep, Texts texts) { return rep.try_acquire(texts, permits); });
}

int32_t seawall_redis_limit_set_peek(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                                     int64_t permits, seawall_redis_set_decision* decision) noexcept {
  return decide_all(set, keys, key_count, permits, decision,
                    [permits](LimitSet& rep, Texts texts) { return rep.peek(texts, permits); });
}

int32_t seawall_redis_limit_set_refund(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                                       seawall_redis_set_decision* decision) noexcept {
  if (!valid(set)) return SEAWALL_E_WRONG_HANDLE;
  return refund_all(set, keys, key_count, decision,
                    [](LimitSet& rep, Texts texts, SetAnswer& answer) { rep.refund(texts, answer); });
}

int32_t seawall_redis_limiter_try_acquire_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                                int64_t permits, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return begin_one(limiter, key, key_size, permits, inbox, [=](RateLimiter& rep, std::string_view text) {
    rep.try_acquire_async(text, permits, putting_one(inbox, tag));
  });
}

int32_t seawall_redis_limiter_peek_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                         int64_t permits, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return begin_one(limiter, key, key_size, permits, inbox, [=](RateLimiter& rep, std::string_view text) {
    rep.peek_async(text, permits, putting_one(inbox, tag));
  });
}

int32_t seawall_redis_limiter_refund_async(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                           seawall_redis_decision* decision, seawall_redis_inbox* inbox,
                                           uint64_t tag) noexcept {
  if (!valid(limiter) || !valid_or_none(inbox)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr || decision == nullptr || !usable(decision)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const Answer taken = read(*decision);
    decision->charge_permits = 0;
    Answer after = taken;
    after.charge = {};
    after.stored = {};
    limiter->rep.refund_async(text_in(key, key_size), taken,
                              [put = putting_one(inbox, tag), after](std::int64_t permits) {
                                Answer told = after;
                                told.remaining += permits;
                                put(told);
                              });
    return SEAWALL_OK;
  });
}

int32_t seawall_redis_limit_set_try_acquire_async(seawall_redis_limit_set* set, const seawall_text* keys,
                                                  size_t key_count, int64_t permits, seawall_redis_inbox* inbox,
                                                  uint64_t tag) noexcept {
  return begin_all(set, keys, key_count, permits, inbox,
                   [=](LimitSet& rep, Texts texts) { rep.try_acquire_async(texts, permits, putting(inbox, tag)); });
}

int32_t seawall_redis_limit_set_peek_async(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                                           int64_t permits, seawall_redis_inbox* inbox, uint64_t tag) noexcept {
  return begin_all(set, keys, key_count, permits, inbox,
                   [=](LimitSet& rep, Texts texts) { rep.peek_async(texts, permits, putting(inbox, tag)); });
}

int32_t seawall_redis_limit_set_refund_async(seawall_redis_limit_set* set, const seawall_text* keys, size_t key_count,
                                             seawall_redis_set_decision* decision, seawall_redis_inbox* inbox,
                                             uint64_t tag) noexcept {
  if (!valid(set) || !valid_or_none(inbox)) return SEAWALL_E_WRONG_HANDLE;
  return refund_all(set, keys, key_count, decision, [=](LimitSet& rep, Texts texts, SetAnswer& answer) {
    rep.refund_async(texts, answer, putting(inbox, tag));
  });
}

}  // extern "C"
