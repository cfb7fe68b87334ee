// SPDX-License-Identifier: MIT
//
// The key figures of the dashboard, over all four services: what the metrics did in the last minute or hour.
#pragma once

#include <nlohmann/json.hpp>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/metrics_windows.h"

// Keeps the families that the figures are made of; app.cc ticks it.
seawall::MetricsWindows kpi_windows(const seawall::MetricsRegistry& registry);

nlohmann::json kpis_json(const seawall::MetricsWindows& windows, seawall::TimePoint now, seawall::Window window);
