// SPDX-License-Identifier: MIT
//
// The handles of the limiters, which limit_set.cc and pipeline.cc borrow. By pointer, as in circuit_breaker.cc: the
// limiters are aligned to a cache line, and a handle of another type, which valid() must be able to look at, is not.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

#include "internal.h"
#include "placed.h"
#include "seawall/fixed_window.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/limiter_ref.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"

namespace seawall::capi {

template <class Limiter, std::uint32_t kTag>
struct RuledHandle : Handle<kTag> {
  using Rep = Limiter;
  RuledHandle(const typename Limiter::Config& config, TimePoint epoch)
      : rep(std::make_unique<Limiter>(config, epoch).release()) {}
  explicit RuledHandle(Limiter* placed) noexcept : rep(placed, {.owns = false}) {}
  OwnedOrPlaced<Limiter> rep;
};

}  // namespace seawall::capi

struct seawall_token_bucket : seawall::capi::RuledHandle<seawall::TokenBucket, 0x53574C01> {
  using RuledHandle::RuledHandle;
};
struct seawall_sliding_window : seawall::capi::RuledHandle<seawall::SlidingWindow, 0x53574C02> {
  using RuledHandle::RuledHandle;
};
struct seawall_fixed_window : seawall::capi::RuledHandle<seawall::FixedWindow, 0x53574C04> {
  using RuledHandle::RuledHandle;
};
struct seawall_leased_token_bucket : seawall::capi::RuledHandle<seawall::LeasedTokenBucket, 0x53574C05> {
  using RuledHandle::RuledHandle;
};
struct seawall_keyed_limiter : seawall::capi::Handle<0x53574C03> {
  using Rep =
      std::variant<seawall::KeyedRateLimiter<seawall::TokenBucket>, seawall::KeyedRateLimiter<seawall::SlidingWindow>>;
  explicit seawall_keyed_limiter(Rep&& limiter) : rep(std::make_unique<Rep>(std::move(limiter))) {}
  std::unique_ptr<Rep> rep;
};

namespace seawall::capi {

// act(limiter), of whichever kind. One of two: std::visit could throw.
template <class Rep, class Act>
auto on_either(Rep& rep, Act&& act) {
  if (auto* bucket = std::get_if<0>(&rep)) return act(*bucket);
  return act(*std::get_if<1>(&rep));
}

// What a handle of a limiter, of whichever of the five types, holds; nothing when it is none of them. Const void, so
// that one of any handles converts.
inline LimiterRef limiter_of(const void* handle) noexcept {
  void* const any = const_cast<void*>(handle);
  if (auto* bucket = static_cast<seawall_token_bucket*>(any); valid(bucket)) return *bucket->rep;
  if (auto* leased = static_cast<seawall_leased_token_bucket*>(any); valid(leased)) return *leased->rep;
  if (auto* fixed = static_cast<seawall_fixed_window*>(any); valid(fixed)) return *fixed->rep;
  if (auto* sliding = static_cast<seawall_sliding_window*>(any); valid(sliding)) return *sliding->rep;
  auto* keyed = static_cast<seawall_keyed_limiter*>(any);
  if (!valid(keyed)) return {};
  return on_either(*keyed->rep, [](auto& table) { return LimiterRef(table); });
}

inline LimiterKey key_of(const seawall_limit_key& key) noexcept {
  return key.text == nullptr ? LimiterKey(key.id) : LimiterKey(text_in(key.text, key.text_size));
}

}  // namespace seawall::capi
