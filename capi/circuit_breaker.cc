// SPDX-License-Identifier: MIT
#include "seawall/circuit_breaker.h"

#include <algorithm>
#include <array>
#include <span>

#include "breaker_handles.h"
#include "breaker_options.h"

using seawall::capi::give;
using seawall::capi::guarded;
using seawall::capi::has_size;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::LazyClock;
using seawall::capi::valid;

namespace {

using seawall::BreakerReason;
using seawall::BreakerState;
using seawall::ReportResult;

static_assert(SEAWALL_BREAKER_DISABLED == static_cast<int>(BreakerState::kDisabled));
static_assert(SEAWALL_BREAKER_HALF_OPEN == static_cast<int>(BreakerState::kHalfOpen));
static_assert(SEAWALL_BREAKER_REASON_RESET == static_cast<int>(BreakerReason::kReset));
static_assert(SEAWALL_BREAKER_REASON_PROBE_SLOW == static_cast<int>(BreakerReason::kProbeSlow));
static_assert(SEAWALL_BREAKER_REASON_TIME_FAILURE_RATE == static_cast<int>(BreakerReason::kTimeFailureRate));
static_assert(SEAWALL_BREAKER_REASON_PROBES_LOST == static_cast<int>(BreakerReason::kProbesLost));
static_assert(SEAWALL_REPORT_LATE == static_cast<int>(ReportResult::kLate));
static_assert(SEAWALL_REPORT_INVALID_TOKEN == static_cast<int>(ReportResult::kInvalidToken));
static_assert(SEAWALL_BREAKER_OFF == seawall::CircuitBreakerConfig::kOff);
static_assert(SEAWALL_BREAKER_UNHEALTHY ==
              (seawall::algorithm::breaker::State::kMask | seawall::algorithm::breaker::Failures::kMask));
static_assert(SEAWALL_BREAKER_IDENTITY == seawall::algorithm::breaker::kIdentity);
static_assert(SEAWALL_BREAKER_TOKEN_MARK == seawall::algorithm::breaker::kTokenMark);
static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(uint64_t));
static_assert(SEAWALL_NEVER == seawall::Decision::kNever.count());
static_assert(sizeof(seawall_circuit_breaker_event) == 24);
static_assert(sizeof(seawall_circuit_breaker_snapshot) == 160);

int32_t make(const seawall_circuit_breaker_options& given, int64_t now_ns, seawall_circuit_breaker** out,
             seawall_error* error) {
  const auto config = seawall::capi::breaker_config(given);
  if (!config) return seawall::capi::fail(error, config.error());
  *out = new seawall_circuit_breaker(config.value(), instant(now_ns));
  return SEAWALL_OK;
}

int32_t administer(seawall_circuit_breaker* breaker, int64_t now_ns,
                   void (seawall::CircuitBreaker::*verb)(seawall::TimePoint)) noexcept {
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  ((*breaker->rep).*verb)(instant(now_ns));
  return SEAWALL_OK;
}

seawall_circuit_breaker_event event_out(const seawall::CircuitBreakerEvent& event) noexcept {
  return {static_cast<int32_t>(event.from), static_cast<int32_t>(event.to), static_cast<int32_t>(event.reason),
          event.generation, seawall::to_ns(event.at)};
}

}  // namespace

extern "C" {

int32_t seawall_circuit_breaker_options_init(seawall_circuit_breaker_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_circuit_breaker_new(const seawall_circuit_breaker_options* options, int64_t now_ns,
                                    seawall_circuit_breaker** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  seawall_circuit_breaker_options given{};
  if (!seawall::capi::read_options(options, given)) return invalid(error, "options: unknown struct_size");
  return guarded(error, [&] { return make(given, now_ns, out, error); });
}

int32_t seawall_circuit_breaker_new_from_json(const char* json, size_t size, int64_t now_ns,
                                              seawall_circuit_breaker** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!seawall::capi::readable(json, size)) return invalid(error, "json is NULL");
  return guarded(error, [&] {
    seawall_circuit_breaker_options given{};
    const auto read =
        seawall::capi::read_json_options(seawall::capi::text_in(json, size), seawall::capi::fields_of(given));
    return read ? make(given, now_ns, out, error) : seawall::capi::fail(error, read.error());
  });
}

int32_t seawall_circuit_breaker_new_in(const seawall_circuit_breaker_options* options, void* memory, size_t memory_size,
                                       int64_t now_ns, seawall_circuit_breaker** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  seawall_circuit_breaker_options given{};
  if (!seawall::capi::read_options(options, given)) return invalid(error, "options: unknown struct_size");
  return guarded(error, [&]() -> int32_t {
    const auto config = seawall::capi::breaker_config(given);
    if (!config) return seawall::capi::fail(error, config.error());
    return seawall::capi::make_placed(memory, memory_size, out, error, config.value(), instant(now_ns));
  });
}

int32_t seawall_circuit_breaker_attach(void* memory, size_t memory_size, seawall_circuit_breaker** out,
                                       seawall_error* error) noexcept {
  return seawall::capi::attach_placed(memory, memory_size, out, error);
}

void seawall_circuit_breaker_free(seawall_circuit_breaker* breaker) noexcept { seawall::capi::free_handle(breaker); }

int32_t seawall_circuit_breaker_try_acquire(seawall_circuit_breaker* breaker, int64_t now_ns, uint64_t* token,
                                            int64_t* retry_after_ns) noexcept {
  if (token != nullptr) *token = 0;
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  if (token == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  auto ticket = breaker->rep->try_acquire_with(LazyClock{now_ns});
  if (retry_after_ns != nullptr) *retry_after_ns = ticket.retry_after().count();
  *token = ticket.detach();
  return *token != 0 ? SEAWALL_BREAKER_ADMITTED : SEAWALL_BREAKER_REFUSED;
}

int32_t seawall_circuit_breaker_report(seawall_circuit_breaker* breaker, uint64_t token, int32_t outcome,
                                       int64_t now_ns) noexcept {
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  if (outcome < SEAWALL_OUTCOME_SUCCESS || outcome > SEAWALL_OUTCOME_IGNORED) return SEAWALL_E_INVALID_ARGUMENT;
  return static_cast<int32_t>(
      breaker->rep->report_with(LazyClock{now_ns}, token, static_cast<seawall::Outcome>(outcome)));
}

int32_t seawall_circuit_breaker_cancel(seawall_circuit_breaker* breaker, uint64_t token) noexcept {
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  breaker->rep->cancel(token);
  return SEAWALL_OK;
}

// A lock-free atomic of 64 bits is its value and nothing else, on every target that is_always_lock_free admits.
const uint64_t* seawall_circuit_breaker_word(const seawall_circuit_breaker* breaker) noexcept {
  return valid(breaker) ? reinterpret_cast<const uint64_t*>(breaker->rep->plain_word()) : nullptr;
}

int32_t seawall_circuit_breaker_get_snapshot(const seawall_circuit_breaker* breaker, int64_t now_ns,
                                             seawall_circuit_breaker_snapshot* out) noexcept {
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return give(seawall::capi::snapshot_of(*breaker->rep, instant(now_ns)), out);
}

int32_t seawall_circuit_breaker_force_open(seawall_circuit_breaker* breaker, int64_t now_ns) noexcept {
  return administer(breaker, now_ns, &seawall::CircuitBreaker::force_open_at);
}

int32_t seawall_circuit_breaker_disable(seawall_circuit_breaker* breaker, int64_t now_ns) noexcept {
  return administer(breaker, now_ns, &seawall::CircuitBreaker::disable_at);
}

int32_t seawall_circuit_breaker_reset(seawall_circuit_breaker* breaker, int64_t now_ns) noexcept {
  return administer(breaker, now_ns, &seawall::CircuitBreaker::reset_at);
}

int32_t seawall_circuit_breaker_set_shadow(seawall_circuit_breaker* breaker, int32_t on) noexcept {
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  breaker->rep->set_shadow(on != 0);
  return SEAWALL_OK;
}

int32_t seawall_circuit_breaker_poll_events(seawall_circuit_breaker* breaker, seawall_circuit_breaker_event* events,
                                            size_t capacity) noexcept {
  if (!valid(breaker)) return SEAWALL_E_WRONG_HANDLE;
  if (events == nullptr && capacity != 0) return SEAWALL_E_INVALID_ARGUMENT;
  std::array<seawall::CircuitBreakerEvent, 32> portion;
  const std::size_t count = breaker->rep->poll_events(std::span(portion).first(std::min(capacity, portion.size())));
  std::transform(portion.begin(), portion.begin() + static_cast<std::ptrdiff_t>(count), events, event_out);
  return static_cast<int32_t>(count);
}

// The views end with a zero byte: they are literals.
const char* seawall_breaker_state_name(int32_t state) noexcept {
  return seawall::to_string(static_cast<BreakerState>(state)).data();
}

const char* seawall_breaker_reason_name(int32_t reason) noexcept {
  return seawall::to_string(static_cast<BreakerReason>(reason)).data();
}

}  // extern "C"
