// SPDX-License-Identifier: MIT
//
// LimitSet: several limits (of a user, a service, of all) as one decision: all of them are charged, or none.
//
// Use it when a request counts against more than one limit; a refused request says which of them refused. List the
// narrowest limit first. All are looked at before the first is charged, so a refusal writes nothing; when a later limit
// is lost to another caller meanwhile, the earlier ones are given back. So no limit is ever exceeded; another caller
// may be refused by a charge that is given back a moment later; and a process that is killed in between leaves a charge
// that time heals. retry_after is the longest of those who refused.
//
// A set is references, made on the stack for one request: no allocation, no virtual call. Any mix of limiters with
// try_acquire_at, peek_at and refund_at goes; of_key(limiter, key) is one key of a keyed limiter. Limiters must outlive
// the set. Threads as the limiters; nothing blocks that they do not block for.
//
//   seawall::LimitSet limits(seawall::of_key(users, user_id), service, everything);
//   auto answer = limits.try_acquire();
//   if (!answer.allowed) return too_many_requests(kNames[answer.refused_by()], answer.retry_after);
//   if (!send()) limits.refund(answer);
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "seawall/decision.h"
#include "seawall/limiter_key.h"
#include "seawall/time.h"

namespace seawall {

// One key of a keyed limiter, as a limit.
template <class Keyed>
class KeyedLimit {
 public:
  KeyedLimit(Keyed& keyed, LimiterKey key) noexcept : keyed_(keyed), key_(key) {}

  Decision try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept { return keyed_.try_acquire_at(key_, now, n); }
  Decision peek_at(TimePoint now, std::int64_t n = 1) noexcept { return keyed_.peek_at(key_, now, n); }
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept { return keyed_.refund_at(key_, charge, now); }

 private:
  Keyed& keyed_;
  LimiterKey key_;
};

template <class Keyed>
KeyedLimit<Keyed> of_key(Keyed& keyed, LimiterKey key) noexcept {
  return {keyed, key};
}

// The answer of N limits. Decisions are in the order of the set.
template <std::size_t N>
struct SetDecision {
  static constexpr std::size_t kNobody = N;

  bool allowed = false;
  Duration retry_after{0};  // 0 when allowed; else the longest of those who refused, or kNever
  std::array<Decision, N> decisions{};

  // The refusing limit with the longest wait, the narrower one of two that are equal; kNobody when allowed.
  constexpr std::size_t refused_by() const noexcept {
    std::size_t worst = kNobody;
    for (std::size_t i = 0; i < N; ++i) {
      const bool longer = worst == kNobody || decisions[i].retry_after > decisions[worst].retry_after;
      if (!decisions[i].allowed && longer) worst = i;
    }
    return worst;
  }
  constexpr bool never() const noexcept { return retry_after == Decision::kNever; }
};

template <class... Limits>
class LimitSet {
 public:
  static constexpr std::size_t kSize = sizeof...(Limits);
  static_assert(kSize >= 1);
  using Answer = SetDecision<kSize>;

  // Narrowest first.
  explicit LimitSet(Limits&&... limits) noexcept : limits_(std::forward<Limits>(limits)...) {}

  // n permits of each, or of none.
  Answer try_acquire_at(TimePoint now, std::int64_t n = 1) noexcept {
    Answer answer = peek_at(now, n);
    if (answer.allowed && n > 0) charge<0>(answer, now, n);
    return answer;
  }
  Answer try_acquire(std::int64_t n = 1) noexcept { return try_acquire_at(Clock::now(), n); }

  // What try_acquire_at would answer, without taking anything.
  Answer peek_at(TimePoint now, std::int64_t n = 1) noexcept {
    Answer answer;
    answer.decisions = std::apply([&](auto&... limit) { return std::array{limit.peek_at(now, n)...}; }, limits_);
    conclude(answer);
    return answer;
  }
  Answer peek(std::int64_t n = 1) noexcept { return peek_at(Clock::now(), n); }

  // Gives all charges of `answer` back, the broadest first, and clears them: a second refund does nothing.
  void refund_at(Answer& answer, TimePoint now) noexcept { give_back<kSize>(answer, now); }
  void refund(Answer& answer) noexcept { refund_at(answer, Clock::now()); }

 private:
  static void conclude(Answer& answer) noexcept {
    answer.allowed = true;
    answer.retry_after = Duration(0);
    for (const Decision& decision : answer.decisions) {
      if (decision.allowed) continue;
      answer.allowed = false;
      answer.retry_after = std::max(answer.retry_after, decision.retry_after);
    }
  }

  template <std::size_t I>
  void charge(Answer& answer, TimePoint now, std::int64_t n) noexcept {
    if constexpr (I < kSize) {
      answer.decisions[I] = std::get<I>(limits_).try_acquire_at(now, n);
      if (answer.decisions[I].allowed) return charge<I + 1>(answer, now, n);
      give_back<I>(answer, now);
      conclude(answer);
    }
  }

  // The charges of the first `Count` limits.
  template <std::size_t Count>
  void give_back(Answer& answer, TimePoint now) noexcept {
    if constexpr (Count > 0) {
      Decision& decision = answer.decisions[Count - 1];
      decision.remaining += std::get<Count - 1>(limits_).refund_at(decision.charge, now);
      decision.charge = {};
      give_back<Count - 1>(answer, now);
    }
  }

  std::tuple<Limits...> limits_;
};

// Limiters are referred to, keyed limits (temporaries) are kept.
template <class... Limits>
LimitSet(Limits&&...) -> LimitSet<Limits...>;

}  // namespace seawall
