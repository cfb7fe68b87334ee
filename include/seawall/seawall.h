// SPDX-License-Identifier: MIT
//
// All of Seawall's C++ API: needs seawall::seawall.
#pragma once

#include "seawall/algorithm/fixed_window.h"
#include "seawall/core.h"
#include "seawall/fixed_window.h"
#include "seawall/leased_token_bucket.h"
#include "seawall/runtime/metrics_publisher.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/metrics_windows.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/pipelines.h"
#include "seawall/runtime/prober.h"
#include "seawall/runtime/service_file.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/service_source.h"
#include "seawall/runtime/source_follower.h"
#include "seawall/runtime/span_events.h"
#include "seawall/runtime/span_exporter.h"
#include "seawall/runtime/tracer.h"
