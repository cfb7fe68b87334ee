// SPDX-License-Identifier: MIT
#include "seawall/limit_set.h"

#include <array>
#include <cstring>
#include <utility>
#include <variant>

#include "limiter_handles.h"
#include "limiters.h"

using namespace seawall::capi;
using seawall::Charge;
using seawall::Decision;
using seawall::LimiterKey;
using seawall::LimitSet;
using seawall::TimePoint;

namespace {

constexpr std::size_t kMost = SEAWALL_LIMIT_SET_MOST;

// A place of the set that is not used: admits everything, is charged nothing.
struct Unlimited {
  static Decision try_acquire_at(TimePoint, std::int64_t) noexcept { return {.allowed = true}; }
  static Decision peek_at(TimePoint, std::int64_t) noexcept { return {.allowed = true}; }
  static std::int64_t refund_at(Charge, TimePoint) noexcept { return 0; }
};

using KeyedBuckets = seawall::KeyedRateLimiter<seawall::TokenBucket>;
using KeyedWindows = seawall::KeyedRateLimiter<seawall::SlidingWindow>;
using Member = std::variant<Unlimited*, seawall::TokenBucket*, seawall::LeasedTokenBucket*, seawall::FixedWindow*,
                            seawall::SlidingWindow*, KeyedBuckets*, KeyedWindows*>;

Unlimited unlimited;

template <class Limiter>
Limiter& limit_of(Limiter* limiter, LimiterKey) noexcept {
  return *limiter;
}
template <class Limiter>
auto limit_of(seawall::KeyedRateLimiter<Limiter>* limiter, LimiterKey key) noexcept {
  return seawall::of_key(*limiter, key);
}

// A member, with its key for one call. std::visit cannot throw here: no alternative can leave a variant valueless.
struct Limit {
  Member member = &unlimited;
  LimiterKey key = 0;

  template <class Ask>
  auto visit(Ask&& ask) noexcept {
    return std::visit([&](auto* limiter) { return ask(limit_of(limiter, key)); }, member);
  }
  Decision try_acquire_at(TimePoint now, std::int64_t n) noexcept {
    return visit([&](auto&& limit) { return limit.try_acquire_at(now, n); });
  }
  Decision peek_at(TimePoint now, std::int64_t n) noexcept {
    return visit([&](auto&& limit) { return limit.peek_at(now, n); });
  }
  std::int64_t refund_at(Charge charge, TimePoint now) noexcept {
    return visit([&](auto&& limit) { return limit.refund_at(charge, now); });
  }
};

using Limits = std::array<Limit, kMost>;
using Answer = seawall::SetDecision<kMost>;

// verb(set) -> whatever, where set is a LimitSet of all places.
template <class Verb>
auto with_set(Limits& limits, Verb&& verb) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) noexcept {
    LimitSet set(limits[I]...);
    return verb(set);
  }
  (std::make_index_sequence<kMost>());
}

bool borrow(seawall_keyed_limiter* keyed, Member& member) noexcept {
  std::visit([&](auto& table) { member = &table; }, *keyed->rep);
  return true;
}
template <class H>
bool borrow(H* handle, Member& member) noexcept {
  member = handle->rep.get();
  return true;
}

// Whether the handle is one of an H; then the member is what it holds.
template <class H>
bool borrow_as(const void* handle, Member& member) noexcept {
  H* typed = static_cast<H*>(const_cast<void*>(handle));  // the array is const so that one of any handles converts
  return valid(typed) && borrow(typed, member);
}

bool borrow_any(const void* handle, Member& member) noexcept {
  return borrow_as<seawall_token_bucket>(handle, member) || borrow_as<seawall_leased_token_bucket>(handle, member) ||
         borrow_as<seawall_fixed_window>(handle, member) || borrow_as<seawall_sliding_window>(handle, member) ||
         borrow_as<seawall_keyed_limiter>(handle, member);
}

bool is_keyed(const Member& member) noexcept {
  return std::holds_alternative<KeyedBuckets*>(member) || std::holds_alternative<KeyedWindows*>(member);
}

}  // namespace

struct seawall_limit_set : Handle<0x53574C06> {
  std::array<Member, kMost> members;
  std::size_t size = 0;
};

namespace {

// The members with their keys; false unless there is a readable key for each keyed one.
bool bind(const seawall_limit_set& set, const seawall_limit_key* keys, size_t key_count, Limits& limits) noexcept {
  if (keys == nullptr && key_count > 0) return false;
  size_t used = 0;
  for (std::size_t i = 0; i < set.size; ++i) {
    limits[i].member = set.members[i];
    if (!is_keyed(set.members[i])) continue;
    if (used == key_count) return false;
    limits[i].key = seawall::capi::key_of(keys[used++]);
  }
  return used == key_count;
}

DecisionsOut decisions_of(const seawall_limit_set& set, const seawall_set_decision& out) noexcept {
  return DecisionsOut(out.decisions, set.size);
}

bool usable_for(const seawall_limit_set& set, const seawall_set_decision& out) noexcept {
  if (!usable(&out)) return false;
  if (out.decisions == nullptr) return true;
  return out.decision_count >= set.size && decisions_of(set, out).usable();
}

void write_answer(const seawall_limit_set& set, const Answer& answer, int32_t code, seawall_set_decision& out) {
  out.answer = code;
  out.refused_by = answer.allowed ? -1 : static_cast<int32_t>(answer.refused_by());
  out.retry_after_ns = answer.retry_after.count();
  if (out.decisions == nullptr) return;
  for (std::size_t i = 0; i < set.size; ++i) {
    const Decision& decision = answer.decisions[i];
    write(decision, code_of(decision.allowed, decision), decisions_of(set, out)[i]);
  }
}

// ask(set, instant) -> Answer
template <class Ask>
int32_t decide_all(seawall_limit_set* set, const seawall_limit_key* keys, size_t key_count, int64_t now_ns,
                   int64_t permits, seawall_set_decision* out, Ask&& ask) noexcept {
  if (!valid(set)) return SEAWALL_E_WRONG_HANDLE;
  Limits limits;
  if (permits < 0 || !bind(*set, keys, key_count, limits)) return SEAWALL_E_INVALID_ARGUMENT;
  if (out != nullptr && !usable_for(*set, *out)) return SEAWALL_E_INVALID_ARGUMENT;
  const TimePoint now = instant(now_ns);
  const Answer answer = with_set(limits, [&](auto& all) { return ask(all, now); });
  const int32_t code = code_of(answer.allowed, answer);
  if (out != nullptr) write_answer(*set, answer, code, *out);
  return code;
}

}  // namespace

extern "C" {

int32_t seawall_limit_set_new(const void* const* limiters, size_t count, seawall_limit_set** out,
                              seawall_error* error) noexcept {
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  *out = nullptr;
  if (limiters == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "limiters is NULL");
  if (count < 1 || count > kMost) {
    return fail(error, seawall::out_of_range("count", static_cast<std::int64_t>(count), 1, kMost));
  }
  return guarded(error, [&]() -> int32_t {
    auto set = std::make_unique<seawall_limit_set>();
    for (; set->size < count; ++set->size) {
      if (borrow_any(limiters[set->size], set->members[set->size])) continue;
      seawall::Message why("no live limiter at place ");
      return wrong_handle(error, why.append(static_cast<std::int64_t>(set->size)).view());
    }
    *out = set.release();
    return SEAWALL_OK;
  });
}

void seawall_limit_set_free(seawall_limit_set* set) noexcept { free_handle(set); }

int32_t seawall_limit_set_try_acquire(seawall_limit_set* set, const seawall_limit_key* keys, size_t key_count,
                                      int64_t now_ns, int64_t permits, seawall_set_decision* decision) noexcept {
  return decide_all(set, keys, key_count, now_ns, permits, decision,
                    [permits](auto& all, TimePoint now) { return all.try_acquire_at(now, permits); });
}

int32_t seawall_limit_set_peek(seawall_limit_set* set, const seawall_limit_key* keys, size_t key_count, int64_t now_ns,
                               int64_t permits, seawall_set_decision* decision) noexcept {
  return decide_all(set, keys, key_count, now_ns, permits, decision,
                    [permits](auto& all, TimePoint now) { return all.peek_at(now, permits); });
}

int32_t seawall_limit_set_refund(seawall_limit_set* set, const seawall_limit_key* keys, size_t key_count,
                                 int64_t now_ns, seawall_set_decision* decision) noexcept {
  if (!valid(set)) return SEAWALL_E_WRONG_HANDLE;
  Limits limits;
  if (!bind(*set, keys, key_count, limits)) return SEAWALL_E_INVALID_ARGUMENT;
  if (decision == nullptr || !usable_for(*set, *decision) || decision->decisions == nullptr) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  Answer answer;
  for (std::size_t i = 0; i < set->size; ++i) answer.decisions[i] = read(decisions_of(*set, *decision)[i]);
  with_set(limits, [&](auto& all) { all.refund_at(answer, instant(now_ns)); });
  for (std::size_t i = 0; i < set->size; ++i) {
    decisions_of(*set, *decision)[i].remaining = answer.decisions[i].remaining;
    decisions_of(*set, *decision)[i].charge_permits = 0;
  }
  return SEAWALL_OK;
}

}  // extern "C"
