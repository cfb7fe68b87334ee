// SPDX-License-Identifier: MIT
//
// The handle of a metrics registry, which windows, pages and publishers borrow.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "internal.h"
#include "seawall/detail/mutex.h"
#include "seawall/runtime/metrics_registry.h"

// Defined in metrics.cc, which alone looks inside.
struct seawall_family;

struct seawall_metrics : seawall::capi::Handle<0x53574D01> {
  explicit seawall_metrics(const seawall::MetricsConfig& config);
  ~seawall_metrics();
  seawall::MetricsRegistry rep;
  seawall::detail::Mutex mutex;
  std::map<std::string, std::unique_ptr<seawall_family>, std::less<>> families SEAWALL_GUARDED_BY(mutex);
};

namespace seawall::capi {

inline bool is_format(int32_t format) noexcept {
  return format >= SEAWALL_FORMAT_PROMETHEUS && format <= SEAWALL_FORMAT_OTLP_JSON;
}

}  // namespace seawall::capi
