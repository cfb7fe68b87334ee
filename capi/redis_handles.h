// SPDX-License-Identifier: MIT
//
// What the files of libseawall_redis.so share: handles, and answers as C sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "internal.h"
#include "limiters.h"
#include "seawall/redis/limit_set.h"
#include "seawall/redis/rate_limiter.h"
#include "seawall/redis/registrar.h"
#include "seawall/redis/store.h"
#include "seawall_redis_c.h"

struct seawall_redis_store : seawall::capi::Handle<0x52537472> {  // "RStr"
  explicit seawall_redis_store(const seawall::redis::Store& store) : rep(store) {}
  seawall::redis::Store rep;
};
struct seawall_redis_limiter : seawall::capi::Handle<0x524c696d> {  // "RLim"
  explicit seawall_redis_limiter(seawall::redis::RateLimiter limiter) : rep(std::move(limiter)) {}
  seawall::redis::RateLimiter rep;
};
struct seawall_redis_limit_set : seawall::capi::Handle<0x52536574> {  // "RSet"
  explicit seawall_redis_limit_set(seawall::redis::LimitSet set) : rep(std::move(set)) {}
  seawall::redis::LimitSet rep;
};

struct seawall_redis_registrar : seawall::capi::Handle<0x52526567> {  // "RReg"
  explicit seawall_redis_registrar(seawall::redis::Registrar registrar) : rep(std::move(registrar)) {}
  seawall::redis::Registrar rep;
};

namespace seawall::capi {

using RedisDecisionsOut = BasicDecisionsOut<seawall_redis_decision>;

inline int32_t code_of(const redis::Answer& answer) noexcept {
  return code_of(answer.allowed, static_cast<const Decision&>(answer));
}

inline void write(const redis::Answer& answer, seawall_redis_decision& out) noexcept {
  const bool by_store = answer.by == redis::DecidedBy::kStore;
  out.answer = code_of(answer);
  out.decided_by = static_cast<int32_t>(answer.by);
  out.fault = static_cast<int32_t>(answer.fault);
  out.limit = answer.limit;
  out.remaining = answer.remaining;
  out.retry_after_ns = answer.retry_after.count();
  out.reset_after_ns = answer.reset_after.count();
  out.charge_at = by_store ? answer.stored.at : static_cast<int64_t>(answer.charge.at);
  out.charge_rest = answer.stored.rest;
  out.charge_permits = by_store ? answer.stored.permits : answer.charge.permits;
}

// What refund needs of it, and what it changes.
inline redis::Answer read(const seawall_redis_decision& given) noexcept {
  redis::Answer answer;
  answer.allowed = given.answer == SEAWALL_ALLOWED;
  answer.limit = given.limit;
  answer.remaining = given.remaining;
  answer.retry_after = Duration(given.retry_after_ns);
  answer.reset_after = Duration(given.reset_after_ns);
  answer.fault = static_cast<redis::Fault>(given.fault);
  answer.by = static_cast<redis::DecidedBy>(given.decided_by);
  if (answer.by == redis::DecidedBy::kStore) {
    answer.stored = {given.charge_at, given.charge_rest, given.charge_permits};
  } else {
    answer.charge = {static_cast<std::uint64_t>(given.charge_at), given.charge_permits};
  }
  return answer;
}

inline RedisDecisionsOut decisions_of(const seawall_redis_set_decision& out, std::size_t count) noexcept {
  return {out.decisions, count};
}
inline bool usable_for(const seawall_redis_set_decision& out, std::size_t count) noexcept {
  if (!usable(&out)) return false;
  return out.decisions == nullptr || (out.decision_count >= count && decisions_of(out, count).usable());
}

inline int32_t code_of(const redis::SetAnswer& answer) noexcept {
  if (answer.allowed) return SEAWALL_ALLOWED;
  return answer.retry_after == Decision::kNever ? SEAWALL_NEVER_ALLOWED : SEAWALL_DENIED;
}
inline void write(const redis::SetAnswer& answer, seawall_redis_set_decision& out) noexcept {
  out.answer = code_of(answer);
  out.refused_by = answer.allowed ? -1 : static_cast<int32_t>(answer.refused_by());
  out.retry_after_ns = answer.retry_after.count();
  out.answered = out.decisions == nullptr ? 0 : static_cast<std::uint32_t>(answer.answers.size());
  for (std::size_t i = 0; i < out.answered; ++i) write(answer.answers[i], decisions_of(out, out.answered)[i]);
}

// In `out`, ending with a zero byte.
template <std::size_t kSize>
void write_text(std::string_view text, char (&out)[kSize]) noexcept {
  const std::size_t size = std::min(text.size(), kSize - 1);
  std::memcpy(out, text.data(), size);
  out[size] = '\0';
}

inline int32_t code_of(const redis::StoreWord& word) noexcept {
  if (word.fault != redis::Fault::kNone) return SEAWALL_REDIS_SAYS_NOTHING;
  switch (word.answer) {
    case RegistryAnswer::kOk:
      return SEAWALL_REDIS_SAYS_OK;
    case RegistryAnswer::kFenced:
      return SEAWALL_REDIS_SAYS_FENCED;
    default:
      return SEAWALL_REDIS_SAYS_UNKNOWN;
  }
}
inline void write(const redis::StoreWord& word, seawall_redis_word& out) noexcept {
  out.answer = code_of(word);
  out.fault = static_cast<int32_t>(word.fault);
  out.generation = word.generation;
  write_text(word.reason, out.reason);
}

}  // namespace seawall::capi
