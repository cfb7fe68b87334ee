// SPDX-License-Identifier: MIT
#include "seawall/keyed_circuit_breaker.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "breaker_handles.h"
#include "breaker_options.h"

using seawall::capi::give;
using seawall::capi::guarded;
using seawall::capi::has_size;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::valid;

namespace {

using Detached = seawall::KeyedCircuitBreaker::Detached;
using seawall::WhenBreakersFull;

static_assert(SEAWALL_BREAKERS_FULL_SHARE == static_cast<int>(WhenBreakersFull::kShare));
static_assert(SEAWALL_BREAKERS_FULL_REFUSE == static_cast<int>(WhenBreakersFull::kRefuse));
static_assert(sizeof(seawall_breaker_ticket) == 16);
static_assert(sizeof(seawall_keyed_circuit_breaker_stats) == 48);

int32_t make(const seawall_keyed_circuit_breaker_options& given, const seawall_circuit_breaker_options& breaker,
             int64_t now_ns, seawall_keyed_circuit_breaker** out, seawall_error* error) {
  const auto config = seawall::capi::breaker_config(breaker);
  if (!config) return seawall::capi::fail(error, config.error());
  seawall::KeyedCircuitBreakerOptions options;
  options.breaker = config.value();
  if (given.capacity != 0) options.capacity = given.capacity;
  if (given.idle_after_ns != 0) options.idle_after = seawall::Duration(given.idle_after_ns);
  options.when_full = static_cast<WhenBreakersFull>(given.when_full);
  auto made = seawall::KeyedCircuitBreaker::make(options, instant(now_ns));
  if (!made) return seawall::capi::fail(error, made.error());
  *out = new seawall_keyed_circuit_breaker(std::move(made).value());
  return SEAWALL_OK;
}

template <class Do>
int32_t with_key(const seawall_keyed_circuit_breaker* breakers, const char* key, size_t size, const Do& do_it) {
  if (!valid(breakers)) return SEAWALL_E_WRONG_HANDLE;
  if (!seawall::capi::readable(key, size)) return SEAWALL_E_INVALID_ARGUMENT;
  return do_it(seawall::capi::text_in(key, size));
}

}  // namespace

extern "C" {

int32_t seawall_keyed_circuit_breaker_options_init(seawall_keyed_circuit_breaker_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_keyed_circuit_breaker_new(const seawall_keyed_circuit_breaker_options* options,
                                          const seawall_circuit_breaker_options* breaker, int64_t now_ns,
                                          seawall_keyed_circuit_breaker** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  seawall_keyed_circuit_breaker_options given{};
  seawall_circuit_breaker_options each{};
  if (!seawall::capi::read_options(options, given)) return invalid(error, "options: unknown struct_size");
  if (!seawall::capi::read_options(breaker, each)) return invalid(error, "breaker: unknown struct_size");
  return guarded(error, [&] { return make(given, each, now_ns, out, error); });
}

int32_t seawall_keyed_circuit_breaker_new_from_json(const char* json, size_t size, int64_t now_ns,
                                                    seawall_keyed_circuit_breaker** out,
                                                    seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!seawall::capi::readable(json, size)) return invalid(error, "json is NULL");
  return guarded(error, [&] {
    seawall_keyed_circuit_breaker_options given{};
    seawall_circuit_breaker_options each{};
    const auto of_each = seawall::capi::fields_of(each);
    std::vector<seawall::capi::OptionField> fields(of_each.begin(), of_each.end());
    fields.push_back({"capacity", &given.capacity});
    fields.push_back({"idle_after_ns", &given.idle_after_ns});
    fields.push_back({"when_full", &given.when_full});
    const auto read =
        seawall::capi::read_json_options(seawall::capi::text_in(json, size), std::span(std::as_const(fields)));
    return read ? make(given, each, now_ns, out, error) : seawall::capi::fail(error, read.error());
  });
}

void seawall_keyed_circuit_breaker_free(seawall_keyed_circuit_breaker* breakers) noexcept {
  seawall::capi::free_handle(breakers);
}

int32_t seawall_keyed_circuit_breaker_try_acquire(seawall_keyed_circuit_breaker* breakers, const char* key, size_t size,
                                                  int64_t now_ns, seawall_breaker_ticket* ticket,
                                                  int64_t* retry_after_ns) noexcept {
  if (ticket != nullptr) *ticket = {};
  return with_key(breakers, key, size, [&](std::string_view name) -> int32_t {
    if (ticket == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
    auto admitted = breakers->rep.try_acquire_at(name, instant(now_ns));
    if (retry_after_ns != nullptr) *retry_after_ns = admitted.retry_after().count();
    const Detached call = breakers->rep.detach(admitted);
    *ticket = {call.token, call.place};
    return call.token != 0 ? SEAWALL_BREAKER_ADMITTED : SEAWALL_BREAKER_REFUSED;
  });
}

int32_t seawall_keyed_circuit_breaker_report(seawall_keyed_circuit_breaker* breakers,
                                             const seawall_breaker_ticket* ticket, int32_t outcome,
                                             int64_t now_ns) noexcept {
  if (!valid(breakers)) return SEAWALL_E_WRONG_HANDLE;
  if (ticket == nullptr || outcome < SEAWALL_OUTCOME_SUCCESS || outcome > SEAWALL_OUTCOME_IGNORED) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  return static_cast<int32_t>(
      breakers->rep.report_at({ticket->token, ticket->place}, static_cast<seawall::Outcome>(outcome), instant(now_ns)));
}

int32_t seawall_keyed_circuit_breaker_cancel(seawall_keyed_circuit_breaker* breakers,
                                             const seawall_breaker_ticket* ticket) noexcept {
  if (!valid(breakers)) return SEAWALL_E_WRONG_HANDLE;
  if (ticket == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  breakers->rep.cancel({ticket->token, ticket->place});
  return SEAWALL_OK;
}

int32_t seawall_keyed_circuit_breaker_get_snapshot(const seawall_keyed_circuit_breaker* breakers, const char* key,
                                                   size_t size, int64_t now_ns,
                                                   seawall_circuit_breaker_snapshot* out) noexcept {
  return with_key(breakers, key, size, [&](std::string_view name) -> int32_t {
    if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
    const seawall::CircuitBreaker* breaker = breakers->rep.find(name);
    if (breaker == nullptr) return SEAWALL_E_NOT_FOUND;
    return give(seawall::capi::snapshot_of(*breaker, instant(now_ns)), out);
  });
}

int32_t seawall_keyed_circuit_breaker_key_at(const seawall_keyed_circuit_breaker* breakers, uint64_t place,
                                             char* buffer, size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(breakers)) return SEAWALL_E_WRONG_HANDLE;
  std::array<char, seawall::KeyedCircuitBreaker::kNameSize> name;
  const auto size = breakers->rep.key_at(place, name);
  if (!size) return SEAWALL_E_NOT_FOUND;
  return seawall::capi::text_out({name.data(), *size}, buffer, capacity, needed);
}

int32_t seawall_keyed_circuit_breaker_get_stats(const seawall_keyed_circuit_breaker* breakers,
                                                seawall_keyed_circuit_breaker_stats* out) noexcept {
  if (!valid(breakers)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto stats = breakers->rep.stats();
  return give({0, 0, stats.memory_bytes, stats.capacity, stats.in_use, stats.evictions, stats.full}, out);
}

int32_t seawall_keyed_circuit_breaker_force_open(seawall_keyed_circuit_breaker* breakers, const char* key, size_t size,
                                                 int64_t now_ns) noexcept {
  return with_key(breakers, key, size, [&](std::string_view name) -> int32_t {
    return breakers->rep.force_open_at(name, instant(now_ns)) ? SEAWALL_OK : SEAWALL_E_FULL;
  });
}

int32_t seawall_keyed_circuit_breaker_disable(seawall_keyed_circuit_breaker* breakers, const char* key, size_t size,
                                              int64_t now_ns) noexcept {
  return with_key(breakers, key, size, [&](std::string_view name) -> int32_t {
    return breakers->rep.disable_at(name, instant(now_ns)) ? SEAWALL_OK : SEAWALL_E_FULL;
  });
}

int32_t seawall_keyed_circuit_breaker_reset(seawall_keyed_circuit_breaker* breakers, const char* key, size_t size,
                                            int64_t now_ns) noexcept {
  return with_key(breakers, key, size, [&](std::string_view name) -> int32_t {
    return breakers->rep.reset_at(name, instant(now_ns)) ? SEAWALL_OK : SEAWALL_E_NOT_FOUND;
  });
}

int32_t seawall_keyed_circuit_breaker_forget(seawall_keyed_circuit_breaker* breakers, const char* key, size_t size,
                                             int64_t now_ns) noexcept {
  return with_key(breakers, key, size, [&](std::string_view name) -> int32_t {
    return breakers->rep.forget_at(name, instant(now_ns)) ? SEAWALL_OK : SEAWALL_E_NOT_FOUND;
  });
}

}  // extern "C"
