// SPDX-License-Identifier: MIT
//
// traceparent and correlation ids, with any bytes. The vector form reads as the definition does, and what was taken
// over goes out as version 00 that reads back the same.
#include "seawall/trace_context.h"

#include <array>

#include "fuzz.h"
#include "seawall/trace/correlation_id.h"

using namespace seawall;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  algorithm::Traceparent defined;
  algorithm::Traceparent fast;
  const TraceFault fault = algorithm::parse_traceparent_scalar(text, defined);
  require(algorithm::parse_traceparent(text, fast) == fault);
  require(TraceContext::parse(text).ok() == (fault == TraceFault::kNone));
  if (fault == TraceFault::kNone) {
    require(fast == defined);
    std::array<char, TraceContext::kTextSize> out;
    const TraceContext context = TraceContext::parse(text).value();
    require(TraceContext::parse(context.format(out)).value() == context);
    std::array<char, TraceContext::kTextSize> scalar;
    algorithm::format_traceparent_scalar(defined, scalar.data());
    require(out == scalar);
  }
  if (const auto id = CorrelationId::accept(text)) {
    require(id->view() == text && fuzz::fits_a_header(text));
    const auto spelled = id->trace_id();
    require(!spelled || CorrelationId::of(spelled->id).trace_id()->id == spelled->id);
  }
  return 0;
}
