// SPDX-License-Identifier: MIT
#include "seawall/limiter_ref.h"

#include "seawall/fixed_window.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/sliding_window.h"
#include "seawall/token_bucket.h"

namespace seawall {

LimiterRef::OfKey LimiterRef::of_key(const LimiterKey& key) const noexcept {
  if (kind_ == Kind::kKeyedBucket) return {*this, static_cast<KeyedRateLimiter<TokenBucket>*>(at_)->place_of(key)};
  if (kind_ == Kind::kKeyedWindow) return {*this, static_cast<KeyedRateLimiter<SlidingWindow>*>(at_)->place_of(key)};
  return {*this, {}};
}

template <class Answer, class Ask>
Answer LimiterRef::OfKey::visit(Answer of_none, Ask&& ask) const noexcept {
  void* const at = limiter_.at_;
  switch (limiter_.kind_) {
    case Kind::kBucket:
      return ask(*static_cast<TokenBucket*>(at));
    case Kind::kLeased:
      return ask(*static_cast<LeasedTokenBucket*>(at));
    case Kind::kFixedWindow:
      return ask(*static_cast<FixedWindow*>(at));
    case Kind::kSlidingWindow:
      return ask(*static_cast<SlidingWindow*>(at));
    case Kind::kKeyedBucket:
      return ask(*static_cast<KeyedRateLimiter<TokenBucket>*>(at), place_);
    case Kind::kKeyedWindow:
      return ask(*static_cast<KeyedRateLimiter<SlidingWindow>*>(at), place_);
    case Kind::kNone:
      break;
  }
  return of_none;
}

Decision LimiterRef::OfKey::try_acquire_at(TimePoint now, std::int64_t n) const noexcept {
  return visit(Decision{.allowed = true},
               [&](auto& limiter, auto... place) { return limiter.try_acquire_at(place..., now, n); });
}
Decision LimiterRef::OfKey::peek_at(TimePoint now, std::int64_t n) const noexcept {
  return visit(Decision{.allowed = true},
               [&](auto& limiter, auto... place) { return limiter.peek_at(place..., now, n); });
}
std::int64_t LimiterRef::OfKey::refund_at(Charge charge, TimePoint now) const noexcept {
  return visit(std::int64_t{0}, [&](auto& limiter, auto... place) { return limiter.refund_at(place..., charge, now); });
}

}  // namespace seawall
