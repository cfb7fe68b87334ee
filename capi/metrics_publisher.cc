// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_publisher.h"

#include <memory>
#include <mutex>
#include <optional>
#include <variant>

#include "breaker_handles.h"
#include "limiter_handles.h"
#include "metrics_handle.h"
#include "registry_handle.h"
#include "source_handles.h"

using seawall::MetricsPublisher;
using seawall::Result;
using namespace seawall::capi;

struct seawall_metrics_publisher : Handle<0x53574D04> {
  explicit seawall_metrics_publisher(seawall::MetricsRegistry& metrics) : rep(metrics) {}
  MetricsPublisher rep;
};

namespace {

// What a handle holds, as a publisher watches it.
template <class H>
Result<void> watch(MetricsPublisher& publisher, std::string_view name, H& handle) {
  return publisher.watch(name, *handle.rep);
}
Result<void> watch(MetricsPublisher& publisher, std::string_view name, seawall_keyed_circuit_breaker& handle) {
  return publisher.watch(name, handle.rep);
}
Result<void> watch(MetricsPublisher& publisher, std::string_view name, seawall_registry& handle) {
  return publisher.watch(name, handle.rep);
}
Result<void> watch(MetricsPublisher& publisher, std::string_view name, seawall_prober& handle) {
  return publisher.watch(name, handle.rep);
}
Result<void> watch(MetricsPublisher& publisher, std::string_view name, seawall_follower& handle) {
  return publisher.watch_follower(name, [&handle](seawall::TimePoint now) {
    const std::lock_guard lock(handle.mutex);
    return seawall::SourceFollowerReading{handle.rep.stats(), handle.rep.sources_at(now)};
  });
}
Result<void> watch(MetricsPublisher& publisher, std::string_view name, seawall_keyed_limiter& handle) {
  return std::visit([&](auto& limiter) { return publisher.watch(name, limiter); }, *handle.rep);
}

// Watches the handle as the first of these types that it is; nothing when it is none of them.
template <class H, class... More>
std::optional<Result<void>> watch_any(MetricsPublisher& publisher, std::string_view name, void* part) {
  if (auto* typed = static_cast<H*>(part); valid(typed)) return watch(publisher, name, *typed);
  if constexpr (sizeof...(More) != 0) return watch_any<More...>(publisher, name, part);
  return std::nullopt;
}

}  // namespace

extern "C" {

int32_t seawall_metrics_publisher_new(seawall_metrics* metrics, seawall_metrics_publisher** out,
                                      seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(metrics)) return wrong_handle(error, "metrics is no metrics handle");
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  return guarded(error, [&] {
    *out = std::make_unique<seawall_metrics_publisher>(metrics->rep).release();
    return static_cast<int32_t>(SEAWALL_OK);
  });
}

void seawall_metrics_publisher_free(seawall_metrics_publisher* publisher) noexcept { free_handle(publisher); }

int32_t seawall_metrics_publisher_watch(seawall_metrics_publisher* publisher, const char* name, size_t name_size,
                                        void* part, seawall_error* error) noexcept {
  if (!valid(publisher)) return wrong_handle(error, "publisher is no metrics publisher");
  if (!readable(name, name_size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "name is NULL");
  return guarded(error, [&] {
    const auto watched =
        watch_any<seawall_circuit_breaker, seawall_keyed_circuit_breaker, seawall_token_bucket, seawall_sliding_window,
                  seawall_fixed_window, seawall_leased_token_bucket, seawall_keyed_limiter, seawall_registry,
                  seawall_prober, seawall_follower>(publisher->rep, text_in(name, name_size), part);
    if (!watched) return wrong_handle(error, "part is no breaker, limiter, service registry, prober or follower");
    return *watched ? static_cast<int32_t>(SEAWALL_OK) : fail(error, watched->error());
  });
}

int32_t seawall_metrics_publisher_unwatch(seawall_metrics_publisher* publisher, const char* name,
                                          size_t name_size) noexcept {
  if (!valid(publisher)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(name, name_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return publisher->rep.unwatch(text_in(name, name_size)) ? SEAWALL_OK : SEAWALL_E_NOT_FOUND;
}

int32_t seawall_metrics_publisher_publish(seawall_metrics_publisher* publisher, int64_t now_ns) noexcept {
  if (!valid(publisher)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] {
    publisher->rep.publish_at(instant(now_ns));
    return static_cast<int32_t>(SEAWALL_OK);
  });
}

}  // extern "C"
