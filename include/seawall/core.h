// SPDX-License-Identifier: MIT
//
// All that is header-only: needs seawall::headers and the standard library. For the metrics registry and the service
// registry include seawall.h and link seawall::seawall.
#pragma once

#include "seawall/algorithm/bounds.h"
#include "seawall/circuit_breaker.h"
#include "seawall/counter.h"
#include "seawall/decision.h"
#include "seawall/execution.h"
#include "seawall/fast_clock.h"
#include "seawall/gauge.h"
#include "seawall/histogram.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/limiter_key.h"
#include "seawall/outcome.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/service.h"
#include "seawall/sliding_window.h"
#include "seawall/ticket.h"
#include "seawall/time.h"
#include "seawall/token_bucket.h"
#include "seawall/trace/b3.h"
#include "seawall/trace/baggage.h"
#include "seawall/trace/carrier.h"
#include "seawall/trace/correlation_id.h"
#include "seawall/trace/id_generator.h"
#include "seawall/trace/propagator.h"
#include "seawall/trace/sampler.h"
#include "seawall/trace/trace_faults.h"
#include "seawall/trace/trace_state.h"
#include "seawall/trace_context.h"
