// SPDX-License-Identifier: MIT
//
// What a keyed limiter does with many keys at once: batches, saving, restoring, another limit.
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "clock_handle.h"
#include "limiter_handles.h"
#include "limiters.h"

using namespace seawall::capi;
using seawall::Decision;
using seawall::Duration;
using seawall::LimitChange;
using seawall::LimiterKey;
using seawall::TimePoint;

namespace {

// A key as it was given.
struct GivenKey {
  operator LimiterKey() const noexcept { return key_of(*key); }  // NOLINT: is one
  const seawall_limit_key* key = nullptr;
};

// The instant that was given, or that of the first reading.
class BatchClock {
 public:
  explicit BatchClock(int64_t now_ns) noexcept : now_ns_(now_ns) {}
  TimePoint now() const noexcept {
    if (!is_read_) read_ = instant(now_ns_);
    is_read_ = true;
    return read_;
  }

 private:
  int64_t now_ns_;
  mutable TimePoint read_;
  mutable bool is_read_ = false;  // no optional: g++ 12 fears that it is read before
};

// of(given) -> what is asked from the limiter. In parts, so that no memory is needed.
template <class Key, class Given, class Of>
int32_t acquire_batch(seawall_keyed_limiter* limiter, const Given* given, size_t count, int64_t now_ns, int64_t permits,
                      seawall_decision* decisions_out, const Of& of) noexcept {
  const DecisionsOut out(decisions_out, count);
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  if (permits < 0 || (given == nullptr && count != 0) || !out.usable()) return SEAWALL_E_INVALID_ARGUMENT;
  std::array<Key, 16> keys;
  std::array<Decision, 16> decisions;
  const BatchClock clock(now_ns);
  int32_t allowed = 0;
  for (size_t done = 0; done < count; done += keys.size()) {
    const size_t part = std::min(keys.size(), count - done);
    for (size_t i = 0; i < part; ++i) keys[i] = of(given[done + i]);
    on_either(*limiter->rep, [&](auto& keyed) {
      keyed.try_acquire_batch(std::span<const Key>(keys.data(), part), clock, decisions, permits);
    });
    for (size_t i = 0; i < part; ++i) {
      write(decisions[i], code_of(decisions[i].allowed, decisions[i]), out[done + i]);
      if (decisions[i].allowed && allowed != INT32_MAX) ++allowed;
    }
  }
  return allowed;
}

}  // namespace

extern "C" {

int32_t seawall_keyed_limiter_try_acquire_batch(seawall_keyed_limiter* limiter, const seawall_limit_key* keys,
                                                size_t count, int64_t now_ns, int64_t permits,
                                                seawall_decision* decisions) noexcept {
  return acquire_batch<GivenKey>(limiter, keys, count, now_ns, permits, decisions,
                                 [](const seawall_limit_key& key) { return GivenKey{&key}; });
}

int32_t seawall_keyed_limiter_try_acquire_batch_id(seawall_keyed_limiter* limiter, const uint64_t* keys, size_t count,
                                                   int64_t now_ns, int64_t permits,
                                                   seawall_decision* decisions) noexcept {
  return acquire_batch<uint64_t>(limiter, keys, count, now_ns, permits, decisions, [](uint64_t key) { return key; });
}

int32_t seawall_keyed_limiter_try_acquire_with(seawall_keyed_limiter* limiter, const seawall_limit_key* key,
                                               const seawall_clock* clock, int64_t permits,
                                               seawall_decision* decision) noexcept {
  if (!valid(limiter) || !valid(clock)) return SEAWALL_E_WRONG_HANDLE;
  if (key == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  return answer(limiter, permits, decision, [&](seawall_keyed_limiter::Rep& rep) {
    return on_either(rep, [&](auto& keyed) { return keyed.try_acquire(key_of(*key), *clock->rep, permits); });
  });
}

int32_t seawall_keyed_limiter_save(const seawall_keyed_limiter* limiter, int64_t now_ns, void* buffer, size_t capacity,
                                   size_t* needed) noexcept {
  if (!valid(limiter)) return SEAWALL_E_WRONG_HANDLE;
  const std::span<std::byte> out(static_cast<std::byte*>(buffer), buffer == nullptr ? 0 : capacity);
  const size_t size = on_either(*limiter->rep, [&](const auto& keyed) { return keyed.save_at(out, instant(now_ns)); });
  if (needed != nullptr) *needed = size;
  return size <= out.size() ? SEAWALL_OK : SEAWALL_E_BUFFER_TOO_SMALL;
}

int32_t seawall_keyed_limiter_restore(seawall_keyed_limiter* limiter, const void* saved, size_t size, int64_t now_ns,
                                      int64_t passed_ns, seawall_error* error) noexcept {
  if (!valid(limiter)) return wrong_handle(error, "not a keyed limiter");
  if (saved == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "saved is NULL");
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(saved), size);
  const auto done = on_either(
      *limiter->rep, [&](auto& keyed) { return keyed.restore_at(bytes, instant(now_ns), Duration(passed_ns)); });
  return done ? SEAWALL_OK : fail(error, done.error());
}

int32_t seawall_keyed_limiter_take_over(seawall_keyed_limiter* limiter, const seawall_keyed_limiter* old, int32_t how,
                                        int64_t now_ns, seawall_error* error) noexcept {
  if (!valid(limiter) || !valid(old)) return wrong_handle(error, "not a keyed limiter");
  if (limiter == old || limiter->rep->index() != old->rep->index()) {
    return fail(error, SEAWALL_E_INVALID_ARGUMENT, "both must be of one kind, and two");
  }
  if (how < SEAWALL_CHANGE_KEEP || how > SEAWALL_CHANGE_RESET) {
    return fail(error, seawall::out_of_range("how", how, SEAWALL_CHANGE_KEEP, SEAWALL_CHANGE_RESET));
  }
  const auto done = on_either(*limiter->rep, [&]<class Keyed>(Keyed& keyed) {
    return keyed.take_over_at(*std::get_if<Keyed>(old->rep.get()), static_cast<LimitChange>(how), instant(now_ns));
  });
  return done ? SEAWALL_OK : fail(error, done.error());
}

}  // extern "C"
