// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>

#include "limiter_handles.h"
#include "limiters.h"
#include "options.h"

using namespace seawall::capi;
using seawall::Charge;
using seawall::Duration;
using seawall::KeyedRateLimiter;
using seawall::KeyPlace;
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
int32_t handle_of(Result<KeyedRateLimiter<Limiter>>&& made, seawall_keyed_limiter** out, seawall_error* error) {
  if (!made) return fail(error, made.error());
  *out = new seawall_keyed_limiter(std::move(made).value());
  return SEAWALL_OK;
}

bool is_kind(int32_t kind) noexcept { return kind == SEAWALL_KIND_TOKEN_BUCKET || kind == SEAWALL_KIND_SLIDING_WINDOW; }
seawall::Error no_kind(int32_t kind) {
  return seawall::out_of_range("kind", kind, SEAWALL_KIND_TOKEN_BUCKET, SEAWALL_KIND_SLIDING_WINDOW);
}

// With memory that has no address, in memory of its own.
template <class Limiter>
int32_t make_kind(const seawall::KeyedOptions& options, std::span<std::byte> memory, TimePoint epoch,
                  seawall_keyed_limiter** out, seawall_error* error) {
  using Keyed = KeyedRateLimiter<Limiter>;
  if (memory.data() == nullptr) return handle_of(Keyed::make(options, epoch), out, error);
  return handle_of(Keyed::make_in(memory, options, epoch), out, error);
}

int32_t make(const seawall_keyed_limiter_options& o, std::span<std::byte> memory, TimePoint epoch,
             seawall_keyed_limiter** out, seawall_error* error) {
  const auto parsed = quota(o.permits, o.period_ns, o.burst);
  if (!parsed) return fail(error, parsed.error());
  if (!is_kind(o.kind)) return fail(error, no_kind(o.kind));
  if (o.when_full < SEAWALL_WHEN_FULL_OVERFLOW || o.when_full > SEAWALL_WHEN_FULL_ALLOW) {
    return fail(error,
                seawall::out_of_range("when_full", o.when_full, SEAWALL_WHEN_FULL_OVERFLOW, SEAWALL_WHEN_FULL_ALLOW));
  }
  seawall::KeyedOptions options{.quota = parsed.value()};
  if (o.memory_bytes != 0) options.memory_bytes = o.memory_bytes;
  options.when_full = static_cast<seawall::WhenFull>(o.when_full);
  options.seed = o.seed;
  return o.kind == SEAWALL_KIND_TOKEN_BUCKET ? make_kind<TokenBucket>(options, memory, epoch, out, error)
                                             : make_kind<SlidingWindow>(options, memory, epoch, out, error);
}

const auto make_any = [](const auto& o, TimePoint epoch, auto** out, seawall_error* error) {
  return make(o, {}, epoch, out, error);
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

// A place as the number that C keeps.
uint64_t number_of(KeyPlace place) noexcept { return std::bit_cast<uint64_t>(place); }
KeyPlace place_at(uint64_t number) noexcept { return std::bit_cast<KeyPlace>(number); }

int32_t keyed_acquire(seawall_keyed_limiter* limiter, LimiterKey key, int64_t now_ns, int64_t permits,
                      seawall_decision* out) noexcept {
  return answer(limiter, permits, out, [&](seawall_keyed_limiter::Rep& rep) {
    return on_either(rep, [&](auto& keyed) {
      if (now_ns == SEAWALL_NOW) return keyed.try_acquire(key, permits);  // reads the clock while memory looks for it
      return keyed.try_acquire_at(key, seawall::time_from_ns(now_ns), permits);
    });
  });
}

// A key, here and below: a LimiterKey, or a KeyPlace.
template <class Key>
int32_t keyed_peek(seawall_keyed_limiter* limiter, Key key, int64_t now_ns, int64_t permits,
                   seawall_decision* out) noexcept {
  return decide(limiter, now_ns, permits, out, [&](seawall_keyed_limiter::Rep& rep, TimePoint now) {
    return on_either(rep, [&](auto& keyed) { return keyed.peek_at(key, now, permits); });
  });
}

template <class Key>
int32_t keyed_refund(seawall_keyed_limiter* limiter, Key key, int64_t now_ns, seawall_decision* decision) noexcept {
  return refund(limiter, now_ns, decision, [&](seawall_keyed_limiter::Rep& rep, TimePoint now, Charge charge) {
    return on_either(rep, [&](auto& keyed) { return keyed.refund_at(key, charge, now); });
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

int32_t seawall_keyed_limiter_memory_for(int32_t kind, size_t keys, size_t* bytes) noexcept {
  constexpr size_t kMost = size_t{1} << 36;
  if (bytes == nullptr || !is_kind(kind) || keys > kMost) return SEAWALL_E_INVALID_ARGUMENT;
  *bytes = kind == SEAWALL_KIND_TOKEN_BUCKET ? KeyedRateLimiter<TokenBucket>::memory_for(std::max<size_t>(keys, 1))
                                             : KeyedRateLimiter<SlidingWindow>::memory_for(std::max<size_t>(keys, 1));
  return SEAWALL_OK;
}

int32_t seawall_keyed_limiter_new_in(const seawall_keyed_limiter_options* options, void* memory, size_t memory_size,
                                     int64_t now_ns, seawall_keyed_limiter** out, seawall_error* error) noexcept {
  return seawall::capi::new_from_struct(
      options, now_ns, out, error,
      [&](const seawall_keyed_limiter_options& o, TimePoint epoch, auto** made, seawall_error* why) {
        if (memory == nullptr) return fail(why, SEAWALL_E_INVALID_ARGUMENT, "memory is NULL");
        return make(o, {static_cast<std::byte*>(memory), memory_size}, epoch, made, why);
      });
}

int32_t seawall_keyed_limiter_attach(int32_t kind, void* memory, size_t memory_size, seawall_keyed_limiter** out,
                                     seawall_error* error) noexcept {
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  *out = nullptr;
  if (memory == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "memory is NULL");
  return guarded(error, [&] {
    const std::span<std::byte> place(static_cast<std::byte*>(memory), memory_size);
    if (!is_kind(kind)) return fail(error, no_kind(kind));
    if (kind == SEAWALL_KIND_TOKEN_BUCKET) return handle_of(KeyedRateLimiter<TokenBucket>::attach(place), out, error);
    return handle_of(KeyedRateLimiter<SlidingWindow>::attach(place), out, error);
  });
}

void seawall_keyed_limiter_free(seawall_keyed_limiter* limiter) noexcept { free_handle(limiter); }

int32_t seawall_keyed_limiter_try_acquire(seawall_keyed_limiter* limiter, const char* key, size_t key_size,
                                          int64_t now_ns, int64_t permits, seawall_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return keyed_acquire(limiter, text_in(key, key_size), now_ns, permits, decision);
}
int32_t seawall_keyed_limiter_allow(seawall_keyed_limiter* limiter, const char* key, size_t key_size) noexcept {
  return seawall_keyed_limiter_try_acquire(limiter, key, key_size, SEAWALL_NOW, 1, nullptr);
}
int32_t seawall_keyed_limiter_peek(seawall_keyed_limiter* limiter, const char* key, size_t key_size, int64_t now_ns,
                                   int64_t permits, seawall_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return keyed_peek<LimiterKey>(limiter, text_in(key, key_size), now_ns, permits, decision);
}
int32_t seawall_keyed_limiter_refund(seawall_keyed_limiter* limiter, const char* key, size_t key_size, int64_t now_ns,
                                     seawall_decision* decision) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return keyed_refund<LimiterKey>(limiter, text_in(key, key_size), now_ns, decision);
}

int32_t seawall_keyed_limiter_try_acquire_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                             int64_t permits, seawall_decision* decision) noexcept {
  return keyed_acquire(limiter, key, now_ns, permits, decision);
}
int32_t seawall_keyed_limiter_peek_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns, int64_t permits,
                                      seawall_decision* decision) noexcept {
  return keyed_peek<LimiterKey>(limiter, key, now_ns, permits, decision);
}
int32_t seawall_keyed_limiter_refund_id(seawall_keyed_limiter* limiter, uint64_t key, int64_t now_ns,
                                        seawall_decision* decision) noexcept {
  return keyed_refund<LimiterKey>(limiter, key, now_ns, decision);
}

int32_t seawall_keyed_limiter_place_of(const seawall_keyed_limiter* limiter, const seawall_limit_key* key,
                                       uint64_t* place) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr || place == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *place = on_either(*limiter->rep, [&](const auto& keyed) { return number_of(keyed.place_of(key_of(*key))); });
  return SEAWALL_OK;
}
int32_t seawall_keyed_limiter_try_acquire_place(seawall_keyed_limiter* limiter, uint64_t place, int64_t now_ns,
                                                int64_t permits, seawall_decision* decision) noexcept {
  return decide(limiter, now_ns, permits, decision, [&](seawall_keyed_limiter::Rep& rep, TimePoint now) {
    return on_either(rep, [&](auto& keyed) { return keyed.try_acquire_at(place_at(place), now, permits); });
  });
}
int32_t seawall_keyed_limiter_peek_place(seawall_keyed_limiter* limiter, uint64_t place, int64_t now_ns,
                                         int64_t permits, seawall_decision* decision) noexcept {
  return keyed_peek(limiter, place_at(place), now_ns, permits, decision);
}
int32_t seawall_keyed_limiter_refund_place(seawall_keyed_limiter* limiter, uint64_t place, int64_t now_ns,
                                           seawall_decision* decision) noexcept {
  return keyed_refund(limiter, place_at(place), now_ns, decision);
}

int32_t seawall_keyed_limiter_stats(seawall_keyed_limiter* limiter, int64_t now_ns,
                                    seawall_keyed_stats* stats) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(stats)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto found = on_either(*limiter->rep, [&](auto& keyed) { return keyed.stats_at(instant(now_ns)); });
  return give({0, 0, found.memory_bytes, found.capacity, found.keys_active, found.evictions, found.full_refusals,
               found.full_admissions, found.overflow_admissions},
              stats);
}

}  // extern "C"
