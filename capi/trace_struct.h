// SPDX-License-Identifier: MIT
// seawall_trace_context to TraceContext and back.
#pragma once

#include <algorithm>
#include <iterator>

#include "seawall/trace_context.h"
#include "seawall_c.h"

namespace seawall::capi {

// SEAWALL_OK, or why the context cannot be read or filled. A larger struct_size is a newer caller's: we know its head.
inline int32_t check(const seawall_trace_context* context) noexcept {
  if (context == nullptr) return SEAWALL_E_WRONG_HANDLE;
  return context->struct_size >= sizeof(seawall_trace_context) ? SEAWALL_OK : SEAWALL_E_INVALID_ARGUMENT;
}

inline Result<TraceContext> read(const seawall_trace_context& from) {
  TraceId trace_id;
  SpanId span_id;
  std::copy(std::begin(from.trace_id), std::end(from.trace_id), trace_id.begin());
  std::copy(std::begin(from.span_id), std::end(from.span_id), span_id.begin());
  return TraceContext::make(trace_id, span_id, from.flags);
}

inline void write(const TraceContext& from, seawall_trace_context& to) noexcept {
  std::copy(from.trace_id().begin(), from.trace_id().end(), to.trace_id);
  std::copy(from.span_id().begin(), from.span_id().end(), to.span_id);
  to.flags = from.flags();
  std::fill(std::begin(to.reserved), std::end(to.reserved), std::uint8_t{0});
}

}  // namespace seawall::capi
