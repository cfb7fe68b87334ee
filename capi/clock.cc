// SPDX-License-Identifier: MIT
#include "clock_handle.h"
#include "options.h"

using seawall::capi::guarded;
using seawall::capi::invalid;
using seawall::capi::valid;

namespace {

static_assert(SEAWALL_CLOCK_TRUST_KERNEL == static_cast<int>(seawall::CounterTrust::kKernel));
static_assert(SEAWALL_CLOCK_TRUST_NEVER == static_cast<int>(seawall::CounterTrust::kNever));
static_assert(SEAWALL_CLOCK_TRUST_ALWAYS == static_cast<int>(seawall::CounterTrust::kAlways));
static_assert(SEAWALL_CLOCK_MONOTONIC == static_cast<int>(seawall::ClockSource::kMonotonic));
static_assert(SEAWALL_CLOCK_COUNTER == static_cast<int>(seawall::ClockSource::kCounter));

int32_t make(const seawall_clock_options& given, seawall_clock** out, seawall_error* error) {
  if (given.trust < SEAWALL_CLOCK_TRUST_KERNEL || given.trust > SEAWALL_CLOCK_TRUST_ALWAYS) {
    return invalid(error, "trust: is no SEAWALL_CLOCK_TRUST_");
  }
  *out = new seawall_clock(static_cast<seawall::CounterTrust>(given.trust));
  return SEAWALL_OK;
}

}  // namespace

extern "C" {

int32_t seawall_clock_options_init(seawall_clock_options* options) noexcept {
  return seawall::capi::init_options(options);
}

int32_t seawall_clock_new(const seawall_clock_options* options, seawall_clock** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  seawall_clock_options given{};
  if (!seawall::capi::read_options(options, given)) return invalid(error, "options: unknown struct_size");
  return guarded(error, [&] { return make(given, out, error); });
}

int32_t seawall_clock_new_from_json(const char* json, size_t size, seawall_clock** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!seawall::capi::readable(json, size)) return invalid(error, "json is NULL");
  return guarded(error, [&] {
    seawall_clock_options given{};
    const auto read = seawall::capi::read_json_options(seawall::capi::text_in(json, size), {{"trust", &given.trust}});
    return read ? make(given, out, error) : seawall::capi::fail(error, read.error());
  });
}

void seawall_clock_free(seawall_clock* clock) noexcept { seawall::capi::free_handle(clock); }

int64_t seawall_clock_now_ns(const seawall_clock* clock) noexcept {
  return seawall::to_ns(valid(clock) ? clock->rep->now() : seawall::Clock::now());
}

int32_t seawall_clock_source(const seawall_clock* clock) noexcept {
  return valid(clock) ? static_cast<int32_t>(clock->rep->source()) : SEAWALL_E_WRONG_HANDLE;
}

}  // extern "C"
