// SPDX-License-Identifier: MIT
//
// Token bucket, fixed window, leased bucket and sliding window: the same fifteen functions for each.
#include "limiter_handles.h"
#include "limiters.h"
#include "options.h"

using namespace seawall::capi;
using seawall::Charge;
using seawall::Duration;
using seawall::FixedWindow;
using seawall::LeasedTokenBucket;
using seawall::LimitChange;
using seawall::Result;
using seawall::SlidingWindow;
using seawall::TimePoint;
using seawall::TokenBucket;

namespace {

Result<void> from_json(std::string_view json, seawall_token_bucket_options& o) {
  return read_json_options(json, {{"permits", &o.permits}, {"period_ns", &o.period_ns}, {"burst", &o.burst}});
}
Result<void> from_json(std::string_view json, seawall_fixed_window_options& o) {
  return read_json_options(json, {{"permits", &o.permits}, {"period_ns", &o.period_ns}});
}
Result<void> from_json(std::string_view json, seawall_sliding_window_options& o) {
  return read_json_options(
      json, {{"permits", &o.permits}, {"period_ns", &o.period_ns}, {"sub_windows", &o.sub_windows}, {"mode", &o.mode}});
}
Result<void> from_json(std::string_view json, seawall_leased_token_bucket_options& o) {
  return read_json_options(
      json, {{"permits", &o.permits}, {"period_ns", &o.period_ns}, {"burst", &o.burst}, {"batch", &o.batch}});
}

Result<TokenBucket::Config> config_of(const seawall_token_bucket_options& o) {
  const auto parsed = quota(o.permits, o.period_ns, o.burst);
  if (!parsed) return parsed.error();
  return TokenBucket::Config::make(parsed.value());
}
Result<FixedWindow::Config> config_of(const seawall_fixed_window_options& o) {
  const auto parsed = quota(o.permits, o.period_ns, 0);
  if (!parsed) return parsed.error();
  return FixedWindow::Config::make(parsed.value());
}
Result<SlidingWindow::Config> config_of(const seawall_sliding_window_options& o) {
  const auto parsed = quota(o.permits, o.period_ns, 0);
  if (!parsed) return parsed.error();
  if (o.mode < SEAWALL_WINDOW_STRICT || o.mode > SEAWALL_WINDOW_ESTIMATE) {
    return seawall::out_of_range("mode", o.mode, SEAWALL_WINDOW_STRICT, SEAWALL_WINDOW_ESTIMATE);
  }
  return SlidingWindow::Config::make({parsed.value(), o.sub_windows, static_cast<seawall::WindowMode>(o.mode)});
}
Result<LeasedTokenBucket::Config> config_of(const seawall_leased_token_bucket_options& o) {
  const auto parsed = quota(o.permits, o.period_ns, o.burst);
  if (!parsed) return parsed.error();
  return LeasedTokenBucket::Config::make({parsed.value(), o.batch});
}

const auto read_any = [](std::string_view json, auto& options) { return from_json(json, options); };
const auto make_any = []<class H>(const auto& options, TimePoint epoch, H** out, seawall_error* error) -> int32_t {
  const auto config = config_of(options);
  if (!config) return fail(error, config.error());
  *out = new H(config.value(), epoch);
  return SEAWALL_OK;
};

template <class Options, class H>
int32_t new_in(const Options* given, void* memory, size_t size, int64_t now_ns, H** out,
               seawall_error* error) noexcept {
  const auto make = [&](const Options& options, TimePoint epoch, H** made, seawall_error* why) -> int32_t {
    const auto config = config_of(options);
    if (!config) return fail(why, config.error());
    return make_placed(memory, size, made, why, config.value(), epoch);
  };
  return new_from_struct(given, now_ns, out, error, make);
}

template <class H>
int32_t try_acquire(H* handle, int64_t now_ns, int64_t permits, seawall_decision* out) noexcept {
  return decide(handle, now_ns, permits, out,
                [permits](auto& rep, TimePoint now) { return rep.try_acquire_at(now, permits); });
}
template <class H>
int32_t peek(H* handle, int64_t now_ns, int64_t permits, seawall_decision* out) noexcept {
  return decide(handle, now_ns, permits, out,
                [permits](auto& rep, TimePoint now) { return rep.peek_at(now, permits); });
}
template <class H>
int32_t give_back(H* handle, int64_t now_ns, auto* taken) noexcept {
  return refund(handle, now_ns, taken,
                [](auto& rep, TimePoint now, Charge charge) { return rep.refund_at(charge, now); });
}
template <class H>
int32_t reserve_within(H* handle, int64_t now_ns, int64_t permits, int64_t max_wait_ns,
                       seawall_reservation* out) noexcept {
  const Duration most = max_wait_ns == SEAWALL_NEVER ? Duration::max() : Duration(max_wait_ns);
  return reserve(handle, now_ns, permits, out,
                 [=](auto& rep, TimePoint now) { return rep.reserve_at(now, permits, most); });
}
template <class H>
int32_t acquire_until(H* handle, int64_t now_ns, int64_t deadline_ns, int64_t permits,
                      seawall_reservation* out) noexcept {
  return reserve(handle, now_ns, permits, out, [=](auto& rep, TimePoint now) {
    return rep.acquire_until_at(seawall::time_from_ns(deadline_ns), now, permits);
  });
}

bool fits(const auto&, const auto&) noexcept { return true; }
bool fits(const LeasedTokenBucket& bucket, const LeasedTokenBucket::Config& config) noexcept {
  return config.batch() >= bucket.batch();
}

// Answers whether the change holds.
Result<bool> change(auto& limiter, const auto& config, LimitChange how, TimePoint now) noexcept {
  return limiter.change_limit_at(config, how, now);
}
Result<bool> change(SlidingWindow& window, const SlidingWindow::Config& config, LimitChange how,
                    TimePoint now) noexcept {
  const auto done = window.change_limit_at(config, how, now);
  if (!done) return done.error();
  return true;
}

template <class H, class Options>
int32_t change_to(H* handle, const Options& options, int32_t how, int64_t now_ns, seawall_error* error) {
  if (how < SEAWALL_CHANGE_KEEP || how > SEAWALL_CHANGE_RESET) {
    return fail(error, seawall::out_of_range("how", how, SEAWALL_CHANGE_KEEP, SEAWALL_CHANGE_RESET));
  }
  const auto config = config_of(options);
  if (!config) return fail(error, config.error());
  if (!fits(*handle->rep, config.value())) {
    return fail(error, SEAWALL_E_INVALID_ARGUMENT, "batch must not become smaller: the cells may hold as much");
  }
  const auto done = change(*handle->rep, config.value(), static_cast<LimitChange>(how), instant(now_ns));
  if (!done) return fail(error, done.error());
  return done.value() ? SEAWALL_LIMIT_CHANGED : SEAWALL_LIMIT_OVERTAKEN;
}
template <class H, class Options>
int32_t change_limit(H* handle, const Options* given, int32_t how, int64_t now_ns, seawall_error* error) noexcept {
  if (!valid(handle)) return wrong_handle(error, "no live limiter of this type");
  Options options{};
  if (!read_options(given, options)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options.struct_size is wrong");
  return guarded(error, [&] { return change_to(handle, options, how, now_ns, error); });
}
template <class Options, class H>
int32_t change_limit_from_json(H* handle, const char* json, size_t size, int32_t how, int64_t now_ns,
                               seawall_error* error) noexcept {
  if (!valid(handle)) return wrong_handle(error, "no live limiter of this type");
  if (!readable(json, size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "json is NULL");
  return guarded(error, [&] {
    Options options{};
    if (const auto done = from_json(text_in(json, size), options); !done) return fail(error, done.error());
    return change_to(handle, options, how, now_ns, error);
  });
}

}  // namespace

extern "C" {

int32_t seawall_token_bucket_options_init(seawall_token_bucket_options* options) noexcept {
  return init_options(options);
}
int32_t seawall_token_bucket_options_at_most(seawall_token_bucket_options* options, int64_t limit, int64_t window_ns,
                                             int64_t burst, seawall_error* error) noexcept {
  if (options == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options is NULL");
  const auto config = TokenBucket::Config::at_most(limit, Duration(window_ns), burst);
  if (!config) return fail(error, config.error());
  init_options(options);
  options->permits = limit - burst;
  options->period_ns = window_ns;
  options->burst = burst;
  return SEAWALL_OK;
}
int32_t seawall_token_bucket_new(const seawall_token_bucket_options* options, int64_t now_ns,
                                 seawall_token_bucket** out, seawall_error* error) noexcept {
  return new_from_struct(options, now_ns, out, error, make_any);
}
int32_t seawall_token_bucket_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                           seawall_token_bucket** out, seawall_error* error) noexcept {
  return new_from_text<seawall_token_bucket_options>(json, json_size, now_ns, out, error, read_any, make_any);
}
int32_t seawall_token_bucket_new_in(const seawall_token_bucket_options* options, void* memory, size_t memory_size,
                                    int64_t now_ns, seawall_token_bucket** out, seawall_error* error) noexcept {
  return new_in(options, memory, memory_size, now_ns, out, error);
}
int32_t seawall_token_bucket_attach(void* memory, size_t memory_size, seawall_token_bucket** out,
                                    seawall_error* error) noexcept {
  return attach_placed(memory, memory_size, out, error);
}
void seawall_token_bucket_free(seawall_token_bucket* limiter) noexcept { free_handle(limiter); }
int32_t seawall_token_bucket_try_acquire(seawall_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                         seawall_decision* decision) noexcept {
  return try_acquire(limiter, now_ns, permits, decision);
}
int32_t seawall_token_bucket_peek(seawall_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                  seawall_decision* decision) noexcept {
  return peek(limiter, now_ns, permits, decision);
}
int32_t seawall_token_bucket_refund(seawall_token_bucket* limiter, int64_t now_ns,
                                    seawall_decision* decision) noexcept {
  return give_back(limiter, now_ns, decision);
}
int32_t seawall_token_bucket_reserve(seawall_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                     int64_t max_wait_ns, seawall_reservation* reservation) noexcept {
  return reserve_within(limiter, now_ns, permits, max_wait_ns, reservation);
}
int32_t seawall_token_bucket_acquire_until(seawall_token_bucket* limiter, int64_t now_ns, int64_t deadline_ns,
                                           int64_t permits, seawall_reservation* reservation) noexcept {
  return acquire_until(limiter, now_ns, deadline_ns, permits, reservation);
}
int32_t seawall_token_bucket_cancel(seawall_token_bucket* limiter, int64_t now_ns,
                                    seawall_reservation* reservation) noexcept {
  return give_back(limiter, now_ns, reservation);
}
int32_t seawall_token_bucket_settle(seawall_token_bucket* limiter, int64_t now_ns, seawall_decision* decision,
                                    int64_t actual, int64_t debt_cap, seawall_settlement* settlement) noexcept {
  return settle(limiter, now_ns, decision, actual, debt_cap, settlement);
}
int32_t seawall_token_bucket_change_limit(seawall_token_bucket* limiter, const seawall_token_bucket_options* options,
                                          int32_t how, int64_t now_ns, seawall_error* error) noexcept {
  return change_limit(limiter, options, how, now_ns, error);
}
int32_t seawall_token_bucket_change_limit_from_json(seawall_token_bucket* limiter, const char* json, size_t json_size,
                                                    int32_t how, int64_t now_ns, seawall_error* error) noexcept {
  return change_limit_from_json<seawall_token_bucket_options>(limiter, json, json_size, how, now_ns, error);
}

int32_t seawall_fixed_window_options_init(seawall_fixed_window_options* options) noexcept {
  return init_options(options);
}
int32_t seawall_fixed_window_new(const seawall_fixed_window_options* options, int64_t now_ns,
                                 seawall_fixed_window** out, seawall_error* error) noexcept {
  return new_from_struct(options, now_ns, out, error, make_any);
}
int32_t seawall_fixed_window_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                           seawall_fixed_window** out, seawall_error* error) noexcept {
  return new_from_text<seawall_fixed_window_options>(json, json_size, now_ns, out, error, read_any, make_any);
}
int32_t seawall_fixed_window_new_in(const seawall_fixed_window_options* options, void* memory, size_t memory_size,
                                    int64_t now_ns, seawall_fixed_window** out, seawall_error* error) noexcept {
  return new_in(options, memory, memory_size, now_ns, out, error);
}
int32_t seawall_fixed_window_attach(void* memory, size_t memory_size, seawall_fixed_window** out,
                                    seawall_error* error) noexcept {
  return attach_placed(memory, memory_size, out, error);
}
void seawall_fixed_window_free(seawall_fixed_window* limiter) noexcept { free_handle(limiter); }
int32_t seawall_fixed_window_try_acquire(seawall_fixed_window* limiter, int64_t now_ns, int64_t permits,
                                         seawall_decision* decision) noexcept {
  return try_acquire(limiter, now_ns, permits, decision);
}
int32_t seawall_fixed_window_peek(seawall_fixed_window* limiter, int64_t now_ns, int64_t permits,
                                  seawall_decision* decision) noexcept {
  return peek(limiter, now_ns, permits, decision);
}
int32_t seawall_fixed_window_refund(seawall_fixed_window* limiter, int64_t now_ns,
                                    seawall_decision* decision) noexcept {
  return give_back(limiter, now_ns, decision);
}
int32_t seawall_fixed_window_reserve(seawall_fixed_window* limiter, int64_t now_ns, int64_t permits,
                                     int64_t max_wait_ns, seawall_reservation* reservation) noexcept {
  return reserve_within(limiter, now_ns, permits, max_wait_ns, reservation);
}
int32_t seawall_fixed_window_acquire_until(seawall_fixed_window* limiter, int64_t now_ns, int64_t deadline_ns,
                                           int64_t permits, seawall_reservation* reservation) noexcept {
  return acquire_until(limiter, now_ns, deadline_ns, permits, reservation);
}
int32_t seawall_fixed_window_cancel(seawall_fixed_window* limiter, int64_t now_ns,
                                    seawall_reservation* reservation) noexcept {
  return give_back(limiter, now_ns, reservation);
}
int32_t seawall_fixed_window_settle(seawall_fixed_window* limiter, int64_t now_ns, seawall_decision* decision,
                                    int64_t actual, int64_t debt_cap, seawall_settlement* settlement) noexcept {
  return settle(limiter, now_ns, decision, actual, debt_cap, settlement);
}
int32_t seawall_fixed_window_change_limit(seawall_fixed_window* limiter, const seawall_fixed_window_options* options,
                                          int32_t how, int64_t now_ns, seawall_error* error) noexcept {
  return change_limit(limiter, options, how, now_ns, error);
}
int32_t seawall_fixed_window_change_limit_from_json(seawall_fixed_window* limiter, const char* json, size_t json_size,
                                                    int32_t how, int64_t now_ns, seawall_error* error) noexcept {
  return change_limit_from_json<seawall_fixed_window_options>(limiter, json, json_size, how, now_ns, error);
}

int32_t seawall_sliding_window_options_init(seawall_sliding_window_options* options) noexcept {
  return init_options(options);
}
int32_t seawall_sliding_window_new(const seawall_sliding_window_options* options, int64_t now_ns,
                                   seawall_sliding_window** out, seawall_error* error) noexcept {
  return new_from_struct(options, now_ns, out, error, make_any);
}
int32_t seawall_sliding_window_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                             seawall_sliding_window** out, seawall_error* error) noexcept {
  return new_from_text<seawall_sliding_window_options>(json, json_size, now_ns, out, error, read_any, make_any);
}
int32_t seawall_sliding_window_new_in(const seawall_sliding_window_options* options, void* memory, size_t memory_size,
                                      int64_t now_ns, seawall_sliding_window** out, seawall_error* error) noexcept {
  return new_in(options, memory, memory_size, now_ns, out, error);
}
int32_t seawall_sliding_window_attach(void* memory, size_t memory_size, seawall_sliding_window** out,
                                      seawall_error* error) noexcept {
  return attach_placed(memory, memory_size, out, error);
}
void seawall_sliding_window_free(seawall_sliding_window* limiter) noexcept { free_handle(limiter); }
int32_t seawall_sliding_window_try_acquire(seawall_sliding_window* limiter, int64_t now_ns, int64_t permits,
                                           seawall_decision* decision) noexcept {
  return try_acquire(limiter, now_ns, permits, decision);
}
int32_t seawall_sliding_window_peek(seawall_sliding_window* limiter, int64_t now_ns, int64_t permits,
                                    seawall_decision* decision) noexcept {
  return peek(limiter, now_ns, permits, decision);
}
int32_t seawall_sliding_window_refund(seawall_sliding_window* limiter, int64_t now_ns,
                                      seawall_decision* decision) noexcept {
  return give_back(limiter, now_ns, decision);
}
int32_t seawall_sliding_window_reserve(seawall_sliding_window* limiter, int64_t now_ns, int64_t permits,
                                       int64_t max_wait_ns, seawall_reservation* reservation) noexcept {
  return reserve_within(limiter, now_ns, permits, max_wait_ns, reservation);
}
int32_t seawall_sliding_window_acquire_until(seawall_sliding_window* limiter, int64_t now_ns, int64_t deadline_ns,
                                             int64_t permits, seawall_reservation* reservation) noexcept {
  return acquire_until(limiter, now_ns, deadline_ns, permits, reservation);
}
int32_t seawall_sliding_window_cancel(seawall_sliding_window* limiter, int64_t now_ns,
                                      seawall_reservation* reservation) noexcept {
  return give_back(limiter, now_ns, reservation);
}
int32_t seawall_sliding_window_settle(seawall_sliding_window* limiter, int64_t now_ns, seawall_decision* decision,
                                      int64_t actual, int64_t debt_cap, seawall_settlement* settlement) noexcept {
  return settle(limiter, now_ns, decision, actual, debt_cap, settlement);
}
int32_t seawall_sliding_window_change_limit(seawall_sliding_window* limiter,
                                            const seawall_sliding_window_options* options, int32_t how, int64_t now_ns,
                                            seawall_error* error) noexcept {
  return change_limit(limiter, options, how, now_ns, error);
}
int32_t seawall_sliding_window_change_limit_from_json(seawall_sliding_window* limiter, const char* json,
                                                      size_t json_size, int32_t how, int64_t now_ns,
                                                      seawall_error* error) noexcept {
  return change_limit_from_json<seawall_sliding_window_options>(limiter, json, json_size, how, now_ns, error);
}

int32_t seawall_leased_token_bucket_options_init(seawall_leased_token_bucket_options* options) noexcept {
  return init_options(options);
}
int32_t seawall_leased_token_bucket_new(const seawall_leased_token_bucket_options* options, int64_t now_ns,
                                        seawall_leased_token_bucket** out, seawall_error* error) noexcept {
  return new_from_struct(options, now_ns, out, error, make_any);
}
int32_t seawall_leased_token_bucket_new_from_json(const char* json, size_t json_size, int64_t now_ns,
                                                  seawall_leased_token_bucket** out, seawall_error* error) noexcept {
  return new_from_text<seawall_leased_token_bucket_options>(json, json_size, now_ns, out, error, read_any, make_any);
}
int32_t seawall_leased_token_bucket_new_in(const seawall_leased_token_bucket_options* options, void* memory,
                                           size_t memory_size, int64_t now_ns, seawall_leased_token_bucket** out,
                                           seawall_error* error) noexcept {
  return new_in(options, memory, memory_size, now_ns, out, error);
}
int32_t seawall_leased_token_bucket_attach(void* memory, size_t memory_size, seawall_leased_token_bucket** out,
                                           seawall_error* error) noexcept {
  return attach_placed(memory, memory_size, out, error);
}
void seawall_leased_token_bucket_free(seawall_leased_token_bucket* limiter) noexcept { free_handle(limiter); }
int32_t seawall_leased_token_bucket_try_acquire(seawall_leased_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                                seawall_decision* decision) noexcept {
  return try_acquire(limiter, now_ns, permits, decision);
}
int32_t seawall_leased_token_bucket_peek(seawall_leased_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                         seawall_decision* decision) noexcept {
  return peek(limiter, now_ns, permits, decision);
}
int32_t seawall_leased_token_bucket_refund(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                           seawall_decision* decision) noexcept {
  return give_back(limiter, now_ns, decision);
}
int32_t seawall_leased_token_bucket_reserve(seawall_leased_token_bucket* limiter, int64_t now_ns, int64_t permits,
                                            int64_t max_wait_ns, seawall_reservation* reservation) noexcept {
  return reserve_within(limiter, now_ns, permits, max_wait_ns, reservation);
}
int32_t seawall_leased_token_bucket_acquire_until(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                                  int64_t deadline_ns, int64_t permits,
                                                  seawall_reservation* reservation) noexcept {
  return acquire_until(limiter, now_ns, deadline_ns, permits, reservation);
}
int32_t seawall_leased_token_bucket_cancel(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                           seawall_reservation* reservation) noexcept {
  return give_back(limiter, now_ns, reservation);
}
int32_t seawall_leased_token_bucket_settle(seawall_leased_token_bucket* limiter, int64_t now_ns,
                                           seawall_decision* decision, int64_t actual, int64_t debt_cap,
                                           seawall_settlement* settlement) noexcept {
  return settle(limiter, now_ns, decision, actual, debt_cap, settlement);
}
int32_t seawall_leased_token_bucket_change_limit(seawall_leased_token_bucket* limiter,
                                                 const seawall_leased_token_bucket_options* options, int32_t how,
                                                 int64_t now_ns, seawall_error* error) noexcept {
  return change_limit(limiter, options, how, now_ns, error);
}
int32_t seawall_leased_token_bucket_change_limit_from_json(seawall_leased_token_bucket* limiter, const char* json,
                                                           size_t json_size, int32_t how, int64_t now_ns,
                                                           seawall_error* error) noexcept {
  return change_limit_from_json<seawall_leased_token_bucket_options>(limiter, json, json_size, how, now_ns, error);
}

}  // extern "C"
