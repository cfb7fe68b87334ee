// SPDX-License-Identifier: MIT
//
// Starting, filling and ending spans allocates nothing. Not under the sanitizers, which keep their own operator new.
#include "support/allocations.h"

#if SEAWALL_COUNTS_ALLOCATIONS

#include "seawall/runtime/tracer.h"
#include "support/catch.h"

using namespace seawall;

TEST_CASE("a span costs no allocation, kept or not") {
  Tracer tracer(TracerConfig::make({.service = "s", .recent_spans = 16, .kept_spans = 16}).value());
  const std::size_t before = allocation::made;
  for (int i = 0; i < 40; ++i) {
    Span span = tracer.start("entry", SpanKind::kServer, {TraceContext::root(IdGenerator::this_thread()), {}, false});
    span.set("http.route", "/a");
    Span call = tracer.start("call", SpanKind::kClient, span);
    call.add_event("retry", {{"attempt", 1}});
    if (i % 4 == 0) call.set_status(SpanStatus::kError, "refused");
  }
  const std::size_t after = allocation::made;
  CHECK(after == before);
  CHECK(tracer.kept(4).size() == 4);
  CHECK(allocation::made > after);  // the hook does count
}

#endif
