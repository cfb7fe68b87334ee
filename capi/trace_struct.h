// SPDX-License-Identifier: MIT
//
// What the files of the trace functions share: contexts and lists across the border.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "internal.h"
#include "seawall/trace_context.h"

namespace seawall::capi {

static_assert(sizeof(seawall_trace_context) == 32);

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
  return TraceContext::make(trace_id, span_id, from.flags, from.hints);
}

inline void write(const TraceContext& from, seawall_trace_context& to) noexcept {
  std::copy(from.trace_id().begin(), from.trace_id().end(), to.trace_id);
  std::copy(from.span_id().begin(), from.span_id().end(), to.span_id);
  to.flags = from.flags();
  to.hints = from.hints();
  std::fill(std::begin(to.reserved), std::end(to.reserved), std::uint8_t{0});
}

// The text of a TraceState or a Baggage.
template <class List>
int32_t list_out(const List& list, char* buffer, size_t capacity, size_t* needed) noexcept {
  const std::size_t size = list.text_size();
  if (needed != nullptr) *needed = size;
  if (size > capacity || (buffer == nullptr && size > 0)) return SEAWALL_E_BUFFER_TOO_SMALL;
  if (buffer == nullptr) return SEAWALL_OK;
  list.format({buffer, capacity});
  if (size < capacity) buffer[size] = '\0';
  return SEAWALL_OK;
}

}  // namespace seawall::capi
