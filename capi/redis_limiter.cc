// SPDX-License-Identifier: MIT
#include "seawall/redis/rate_limiter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "creation.h"
#include "redis_handles.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::Answer;
using seawall::redis::RateLimiter;
using seawall::redis::RateLimiterOptions;
using seawall::redis::RateLimiterStats;
using seawall::redis::WhenAway;

namespace {

Result<WhenAway> when_away(int32_t given) {
  switch (given) {
    case SEAWALL_REDIS_AWAY_LOCAL_SHARE:
      return WhenAway::kLocalShare;
    case SEAWALL_REDIS_AWAY_ALLOW:
      return WhenAway::kAllow;
    case SEAWALL_REDIS_AWAY_DENY:
      return WhenAway::kDeny;
    default:
      return out_of_range("when_away", given, SEAWALL_REDIS_AWAY_LOCAL_SHARE, SEAWALL_REDIS_AWAY_DENY);
  }
}

using Given = seawall_redis_limiter_options;

Result<RateLimiterOptions> options_of(const Given& given) {
  const auto quota = capi::quota(given.permits, given.period_ns, given.burst);
  if (!quota) return quota.error();
  const auto policy = when_away(given.when_away);
  if (!policy) return policy.error();
  if (given.algorithm < 0 || given.algorithm > 1) return out_of_range("algorithm", given.algorithm, 0, 1);
  if (given.mode < 0 || given.mode > 1) return out_of_range("mode", given.mode, 0, 1);
  RateLimiterOptions options{.name = std::string(text_in(given.name)), .quota = quota.value()};
  options.tag = text_in(given.tag);
  options.algorithm = static_cast<redis::Algorithm>(given.algorithm);
  options.mode = static_cast<redis::Mode>(given.mode);
  options.when_away = policy.value();
  options.batch = given.batch;
  if (given.gateways != 0) options.gateways = given.gateways;
  if (given.lease_time_ns != 0) options.lease_time = Duration(given.lease_time_ns);
  if (given.denial_cache_ns == SEAWALL_REDIS_OFF) {
    options.denial_cache = Duration(0);
  } else if (given.denial_cache_ns != 0) {
    options.denial_cache = Duration(given.denial_cache_ns);
  }
  if (given.memory_bytes != 0) options.memory_bytes = given.memory_bytes;
  return options;
}

int32_t create(const seawall_redis_store& store, const Given& given, seawall_redis_limiter** out,
               seawall_error* error) {
  const auto options = options_of(given);
  if (!options) return fail(error, options.error());
  auto made = RateLimiter::make(store.rep, options.value());
  if (!made) return fail(error, made.error());
  *out = std::make_unique<seawall_redis_limiter>(std::move(made).value()).release();
  return SEAWALL_OK;
}

constexpr OptionMember<Given> kMembers[] = {{"algorithm", &Given::algorithm},
                                            {"name", &Given::name},
                                            {"tag", &Given::tag},
                                            {"permits", &Given::permits},
                                            {"period_ns", &Given::period_ns},
                                            {"burst", &Given::burst},
                                            {"mode", &Given::mode},
                                            {"when_away", &Given::when_away},
                                            {"gateways", &Given::gateways},
                                            {"batch", &Given::batch},
                                            {"lease_time_ns", &Given::lease_time_ns},
                                            {"denial_cache_ns", &Given::denial_cache_ns},
                                            {"memory_bytes", &Given::memory_bytes}};

int32_t check(const seawall_redis_limiter* limiter, const char* key, const seawall_redis_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr || (decision != nullptr && !usable(decision))) return SEAWALL_E_INVALID_ARGUMENT;
  return SEAWALL_OK;
}

// ask(limiter, key) -> optional Answer
template <class Ask>
int32_t decide(seawall_redis_limiter* limiter, const char* key, size_t key_size, int64_t permits,
               seawall_redis_decision* decision, Ask&& ask) noexcept {
  if (const int32_t code = check(limiter, key, decision); code != SEAWALL_OK) return code;
  if (permits < 0) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const std::optional<Answer> answer = ask(limiter->rep, text_in(key, key_size));
    if (!answer) return static_cast<int32_t>(SEAWALL_REDIS_UNDECIDED);
    if (decision != nullptr) write(*answer, *decision);
    return code_of(*answer);
  });
}

}  // namespace

extern "C" {

// The views end with a zero byte: they are literals.
const char* seawall_redis_by_name(int32_t decided_by) noexcept {
  return to_string(static_cast<redis::DecidedBy>(decided_by)).data();
}

const char* seawall_redis_fault_name(int32_t fault) noexcept {
  return to_string(static_cast<redis::Fault>(fault)).data();
}

int32_t seawall_redis_limiter_options_init(seawall_redis_limiter_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_redis_store_new_limiter(const seawall_redis_store* store, const seawall_redis_limiter_options* options,
                                        seawall_redis_limiter** out, seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  return create_from_struct<Given>(options, kMembers, out, error,
                                   [&](const Given& given) { return create(*store, given, out, error); });
}

int32_t seawall_redis_store_new_limiter_from_json(const seawall_redis_store* store, const char* json, size_t size,
                                                  seawall_redis_limiter** out, seawall_error* error) noexcept {
  if (!valid(store)) return wrong_handle(error, "store is no live store");
  return create_from_json<Given>(json, size, kMembers, out, error,
                                 [&](const Given& given) { return create(*store, given, out, error); });
}

void seawall_redis_limiter_free(seawall_redis_limiter* limiter) noexcept { free_handle(limiter); }

int32_t seawall_redis_limiter_try_acquire(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                          int64_t permits, seawall_redis_decision* decision) noexcept {
  return decide(limiter, key, key_size, permits, decision, [permits](RateLimiter& rep, std::string_view text) {
    return std::optional(rep.try_acquire(text, permits));
  });
}

int32_t seawall_redis_limiter_try_acquire_here(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                               int64_t permits, seawall_redis_decision* decision) noexcept {
  return decide(limiter, key, key_size, permits, decision,
                [permits](RateLimiter& rep, std::string_view text) { return rep.try_acquire_here(text, permits); });
}

int32_t seawall_redis_limiter_peek(seawall_redis_limiter* limiter, const char* key, size_t key_size, int64_t permits,
                                   seawall_redis_decision* decision) noexcept {
  return decide(limiter, key, key_size, permits, decision,
                [permits](RateLimiter& rep, std::string_view text) { return std::optional(rep.peek(text, permits)); });
}

int32_t seawall_redis_limiter_refund(seawall_redis_limiter* limiter, const char* key, size_t key_size,
                                     seawall_redis_decision* decision) noexcept {
  if (const int32_t code = check(limiter, key, decision); code != SEAWALL_OK) return code;
  if (decision == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const Answer answer = read(*decision);
    decision->charge_permits = 0;
    const std::int64_t back = limiter->rep.refund(text_in(key, key_size), answer);
    return static_cast<int32_t>(std::min<std::int64_t>(back, INT32_MAX));
  });
}

int32_t seawall_redis_limiter_get_stats(const seawall_redis_limiter* limiter,
                                        seawall_redis_limiter_stats* out) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const RateLimiterStats stats = limiter->rep.stats();
    return give({.struct_size = 0,
                 .reserved = 0,
                 .by_store = stats.by_store,
                 .by_denial_cache = stats.by_denial_cache,
                 .by_policy = stats.by_policy,
                 .foreign = stats.foreign,
                 .leases = stats.leases,
                 .leased_permits = stats.leased_permits},
                out);
  });
}

}  // extern "C"
