// SPDX-License-Identifier: MIT
#include <variant>

#include "limiter_handles.h"
#include "limiters.h"
#include "options.h"

using namespace seawall::capi;
using seawall::Charge;
using seawall::Duration;
using seawall::KeyedRateLimiter;
using seawall::LimiterKey;
using seawall::Result;
using seawall::SlidingWindow;
using seawall::TimePoint;
using seawall::TokenBucket;

namespace {

// ---- options: C struct or JSON text into the C struct, then into the config ----------------------------------------

Result<void> from_json(std::string_view json, seawall_keyed_limiter_options& o) {
  return read_json_options(json, {{"kind", &o.kind},
                                  {"permits", &o.permits},
                                  {"period_ns", &o.period_ns},
                                  {"burst", &o.burst},
                                  {"memory_bytes", &o.memory_bytes},
                                  {"seed", &o.seed},
                                  {"when_full", &o.when_full}});
}

template <class Limiter>
int32_t make_keyed(const seawall::KeyedOptions& options, TimePoint epoch, seawall_keyed_limiter** out,
                   seawall_error* error) {
  auto made = KeyedRateLimiter<Limiter>::make(options, epoch);
  if (!made) return fail(error, made.error());
  *out = new seawall_keyed_limiter(std::move(made).value());
  return SEAWALL_OK;
}

int32_t make(const seawall_keyed_limiter_options& o, TimePoint epoch, seawall_keyed_limiter** out,
             seawall_error* error) {
  const auto parsed = quota(o.permits, o.period_ns, o.burst);
  if (!parsed) return fail(error, parsed.error());
  if (o.kind < SEAWALL_KIND_TOKEN_BUCKET || o.kind > SEAWALL_KIND_SLIDING_WINDOW) {
    return fail(error, seawall::out_of_range("kind", o.kind, SEAWALL_KIND_TOKEN_BUCKET, SEAWALL_KIND_SLIDING_WINDOW));
  }
  if (o.when_full < SEAWALL_WHEN_FULL_OVERFLOW || o.when_full > SEAWALL_WHEN_FULL_ALLOW) {
    return fail(error,
                seawall::out_of_range("when_full", o.when_full, SEAWALL_WHEN_FULL_OVERFLOW, SEAWALL_WHEN_FULL_ALLOW));
  }
  seawall::KeyedOptions options{.quota = parsed.value()};
  if (o.memory_bytes != 0) options.memory_bytes = o.memory_bytes;
  options.when_full = static_cast<seawall::WhenFull>(o.when_full);
  options.seed = o.seed;
  return o.kind == SEAWALL_KIND_TOKEN_BUCKET ? make_keyed<TokenBucket>(options, epoch, out, error)
                                             : make_keyed<SlidingWindow>(options, epoch, out, error);
}

const auto make_any = [](const auto& o, TimePoint epoch, auto** out, seawall_error* error) {
  return make(o, epoch, out, error);
};
const auto read_any = [](std::string_view json, auto& o) { return from_json(json, o); };

template <class Options, class H>
int32_t new_from_struct(const Options* given, int64_t now_ns, H** out, seawall_error* error) noexcept {
  return seawall::capi::new_from_struct(given, now_ns, out, error, make_any);
}
template <class Options, class H>
int32_t new_from_text(const char* json, size_t size, int64_t now_ns, H** out, seawall_error* error) noexcept {
  return seawall::capi::new_from_text<Options>(json, size, now_ns, out, error, read_any, make_any);
}

int32_t keyed_decide(seawall_keyed_limiter* limiter, LimiterKey key, int64_t now_ns, int64_t permits, bool take,
                     seawall_decision* out) noexcept {
  return decide(limiter, now_ns, permits, out, [&](seawall_keyed_limiter::Rep& rep, TimePoint now) {
    const auto ask = [&](auto& keyed) {
      return take ? keyed.try_acquire_at(key, now, permits) : keyed.peek_at(key, now, permits);
    };
    // One of two: std::visit could throw.
    if (auto* bucket = std::get_if<0>(&rep)) return ask(*bucket);
    return ask(*std::get_if<1>(&rep));
  });
}

int32_t keyed_refund(seawall_keyed_limiter* limiter, LimiterKey key, int64_t now_ns,
                     seawall_decision* decision) noexcept {
  return refund(limiter, now_ns, decision, [&](seawall_keyed_limiter::Rep& rep, TimePoint now, Charge charge) {
    if (auto* bucket = std::get_if<0>(&rep)) return bucket->refund_at(key, charge, now);
    return std::get_if<1>(&rep)->refund_at(key, charge, now);
  });
}

}  // namespace

extern "C" {

int32_t seawall_keyed_limiter_options_init(seawall_keyed_limiter_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_keyed_limiter_new(const seawall_keyed_limiter_options* options, int64_t now_ns,
                                  seawall_keyed_limiter** out, seawall_error* error) noexcept {
  return new_from_struct(options, now_ns, out, error);
}

int32_t seawall_keyed_limiter_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                            seawall_keyed_limiter** out, seawall_error* error) noexcept {
  return new_from_text<seawall_keyed_limiter_options>(json, json_size, now_ns, out, error);
}

void seawall_keyed_limiter_free(seawall_keyed_limiter* limiter) noexcept { free_handle(limiter); }

int32_t seawall_keyed_limiter_try_acquire(seawall_keyed_limiter* limiter, const char* key, size_t key_size,
                                          int64_t now_ns, int64_t permits, seawall_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return keyed_decide(limiter, text_in(key, key_size), now_ns, permits, true, decision);
}
int32_t seawall_keyed_limiter_allow(seawall_keyed_limiter* limiter, const char* key, size_t key_size) noexcept {
  return seawall_keyed_limiter_try_acquire(limiter, key, key_size, SEAWALL_NOW, 1, nullptr);
}
int32_t seawall_keyed_limiter_peek(seawall_keyed_limiter* limiter, const char* key, size_t key_size, int64_t now_ns,
                                   int64_t permits, seawall_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return keyed_decide(limiter, text_in(key, key_size), now_ns, permits, false, decision);
}
int32_t seawall_keyed_limiter_refund(seawall_keyed_limiter* limiter, const char* key, size_t key_size, int64_t now_ns,
                                     seawall_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return keyed_refund(limiter, text_in(key, key_size), now_ns, decision);
}

int32_t seawall_keyed_limiter_try_acquire_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                             int64_t permits, seawall_decision* decision) noexcept {
  return keyed_decide(limiter, key, now_ns, permits, true, decision);
}
int32_t seawall_keyed_limiter_peek_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns, int64_t permits,
                                      seawall_decision* decision) noexcept {
  return keyed_decide(limiter, key, now_ns, permits, false, decision);
}
int32_t seawall_keyed_limiter_refund_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                        seawall_decision* decision) noexcept {
  return keyed_refund(limiter, key, now_ns, decision);
}

int32_t seawall_keyed_limiter_stats(seawall_keyed_limiter* limiter, int64_t now_ns,
                                    seawall_keyed_stats* stats) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (stats == nullptr || stats->struct_size < sizeof(seawall_keyed_stats)) return SEAWALL_E_INVALID_ARGUMENT;
  const TimePoint now = instant(now_ns);
  auto* bucket = std::get_if<0>(limiter->rep.get());
  const auto found = bucket != nullptr ? bucket->stats_at(now) : std::get_if<1>(limiter->rep.get())->stats_at(now);
  stats->memory_bytes = found.memory_bytes;
  stats->capacity = found.capacity;
  stats->keys_active = found.keys_active;
  stats->evictions = found.evictions;
  stats->full_refusals = found.full_refusals;
  stats->full_admissions = found.full_admissions;
  stats->overflow_admissions = found.overflow_admissions;
  return SEAWALL_OK;
}

}  // extern "C"
