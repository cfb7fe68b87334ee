// SPDX-License-Identifier: MIT
//
// What the limiters of the C API share: quotas from options, creation from a struct or from JSON text, and the verbs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "internal.h"
#include "seawall/decision.h"
#include "seawall/quota.h"

namespace seawall::capi {

// A limit has no default: one that nobody chose would throttle or let pass in silence. burst 0 is the same as permits.
inline Result<Quota> quota(std::int64_t permits, std::int64_t period_ns, std::int64_t burst) {
  const auto missing = [](const char* text) { return Error{Code::kInvalidArgument, text}; };
  if (permits == 0) return missing("permits must be given, from 1 to 1000000000");
  if (period_ns == 0) return missing("period_ns must be given, from 1 to 31622400000000000");
  return Quota::make(permits, Duration(period_ns), burst == 0 ? permits : burst);
}

template <class Out>
bool usable(const Out* out) noexcept {
  return out->struct_size >= sizeof(Out);
}

template <class Answer>
int32_t code_of(bool yes, const Answer& answer) noexcept {
  if (yes) return SEAWALL_ALLOWED;
  return answer.never() ? SEAWALL_NEVER_ALLOWED : SEAWALL_DENIED;
}

inline void write(const Decision& decision, int32_t code, seawall_decision& out) noexcept {
  out.answer = code;
  out.limit = decision.limit;
  out.remaining = decision.remaining;
  out.retry_after_ns = decision.retry_after.count();
  out.reset_after_ns = decision.reset_after.count();
  out.charge_at = decision.charge.at;
  out.charge_permits = decision.charge.permits;
}
inline Decision read(const seawall_decision& given) noexcept {
  return {.allowed = given.answer == SEAWALL_ALLOWED,
          .limit = given.limit,
          .remaining = given.remaining,
          .retry_after = Duration(given.retry_after_ns),
          .reset_after = Duration(given.reset_after_ns),
          .charge = {given.charge_at, given.charge_permits}};
}

// The caller's decisions: as far apart as they say they are long, which is more in a newer caller.
template <class D>
class BasicDecisionsOut {
 public:
  BasicDecisionsOut(D* first, std::size_t count) noexcept : first_(first), count_(count) {}
  bool usable() const noexcept {
    if (count_ == 0) return true;
    if (first_ == nullptr || !capi::usable(first_) || first_->struct_size % alignof(D) != 0) return false;
    for (std::size_t i = 1; i < count_; ++i) {
      if ((*this)[i].struct_size != first_->struct_size) return false;
    }
    return true;
  }
  D& operator[](std::size_t i) const noexcept {
    return *reinterpret_cast<D*>(reinterpret_cast<unsigned char*>(first_) + i * first_->struct_size);
  }

 private:
  D* first_;
  std::size_t count_;
};
using DecisionsOut = BasicDecisionsOut<seawall_decision>;

// ask(limiter) -> Decision
template <class H, class Ask>
int32_t answer(H* handle, int64_t permits, seawall_decision* out, Ask&& ask) noexcept {
  if (!valid(handle)) return SEAWALL_E_WRONG_HANDLE;
  if (permits < 0 || (out != nullptr && !usable(out))) return SEAWALL_E_INVALID_ARGUMENT;
  const Decision decision = ask(*handle->rep);
  const int32_t code = code_of(decision.allowed, decision);
  if (out == nullptr) return code;
  write(decision, code, *out);
  return code;
}
// ask(limiter, instant) -> Decision
template <class H, class Ask>
int32_t decide(H* handle, int64_t now_ns, int64_t permits, seawall_decision* out, Ask&& ask) noexcept {
  return answer(handle, permits, out, [&](auto& limiter) { return ask(limiter, instant(now_ns)); });
}

// give(limiter, instant, charge) -> permits. `out` is a decision or a reservation; its charge is cleared.
template <class H, class Out, class Give>
int32_t refund(H* handle, int64_t now_ns, Out* out, Give&& give) noexcept {
  if (!valid(handle)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || !usable(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const Charge charge{out->charge_at, out->charge_permits};
  out->charge_permits = 0;
  const std::int64_t back = give(*handle->rep, instant(now_ns), charge);
  return static_cast<int32_t>(std::min<std::int64_t>(back, INT32_MAX));  // a debt may be more; negative is an error
}

// ask(limiter, instant) -> Reservation
template <class H, class Ask>
int32_t reserve(H* handle, int64_t now_ns, int64_t permits, seawall_reservation* out, Ask&& ask) noexcept {
  if (!valid(handle)) return SEAWALL_E_WRONG_HANDLE;
  if (permits < 0 || out == nullptr || !usable(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const Reservation reservation = ask(*handle->rep, instant(now_ns));
  out->answer = code_of(reservation.granted, reservation);
  out->limit = reservation.limit;
  out->delay_ns = reservation.delay.count();
  out->charge_at = reservation.charge.at;
  out->charge_permits = reservation.charge.permits;
  return out->answer;
}

template <class H>
int32_t settle(H* handle, int64_t now_ns, seawall_decision* decision, int64_t actual, int64_t debt_cap,
               seawall_settlement* out) noexcept {
  if (!valid(handle)) return SEAWALL_E_WRONG_HANDLE;
  if (decision == nullptr || !usable(decision) || actual < 0 || debt_cap < 0) return SEAWALL_E_INVALID_ARGUMENT;
  if (out != nullptr && !usable(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const Charge charge{decision->charge_at, decision->charge_permits};
  const Settlement done = handle->rep->settle_at(charge, actual, instant(now_ns), debt_cap);
  decision->charge_at = done.charge.at;
  decision->charge_permits = done.charge.permits;
  if (out == nullptr) return SEAWALL_OK;
  out->refunded = done.refunded;
  out->charged = done.charged;
  out->unpaid = done.unpaid;
  return SEAWALL_OK;
}

// make(options, epoch, out, error) -> code
template <class Options, class H, class Make>
int32_t new_from_struct(const Options* given, int64_t now_ns, H** out, seawall_error* error, Make&& make) noexcept {
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  *out = nullptr;
  Options options{};
  if (!read_options(given, options)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options.struct_size is wrong");
  return guarded(error, [&] { return make(options, instant(now_ns), out, error); });
}

// read(json, options) -> Result<void>
template <class Options, class H, class Read, class Make>
int32_t new_from_text(const char* json, size_t size, int64_t now_ns, H** out, seawall_error* error, Read&& read,
                      Make&& make) noexcept {
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  *out = nullptr;
  if (!readable(json, size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "json is NULL");
  return guarded(error, [&] {
    Options options{};
    if (const auto done = read(text_in(json, size), options); !done) return fail(error, done.error());
    return make(options, instant(now_ns), out, error);
  });
}

}  // namespace seawall::capi
