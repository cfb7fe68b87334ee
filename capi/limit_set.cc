// SPDX-License-Identifier: MIT
#include "seawall/limit_set.h"

#include <array>
#include <utility>

#include "limiter_handles.h"
#include "limiters.h"

using namespace seawall::capi;
using seawall::Decision;
using seawall::LimiterKey;
using seawall::LimiterRef;
using seawall::LimitSet;
using seawall::TimePoint;

namespace {

constexpr std::size_t kMost = SEAWALL_LIMIT_SET_MOST;

// A member, with its key for one call. A place that is not used limits nothing.
struct Limit {
  LimiterRef limiter;
  LimiterKey key = 0;
};

using Limits = std::array<Limit, kMost>;
using Answer = seawall::SetDecision<kMost>;

// verb(set) -> whatever, where set is a LimitSet of all places.
template <class Verb>
auto with_set(Limits& limits, Verb&& verb) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...>) noexcept {
    LimitSet set(limits[I].limiter.of_key(limits[I].key)...);
    return verb(set);
  }
  (std::make_index_sequence<kMost>());
}

}  // namespace

struct seawall_limit_set : Handle<0x53574C06> {
  std::array<LimiterRef, kMost> members;
  std::size_t size = 0;
};

namespace {

// The members with their keys; false unless there is a readable key for each keyed one.
bool bind(const seawall_limit_set& set, const seawall_limit_key* keys, size_t key_count, Limits& limits) noexcept {
  if (keys == nullptr && key_count > 0) return false;
  size_t used = 0;
  for (std::size_t i = 0; i < set.size; ++i) {
    limits[i].limiter = set.members[i];
    if (!set.members[i].is_keyed()) continue;
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
      set->members[set->size] = limiter_of(limiters[set->size]);
      if (set->members[set->size]) continue;
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
