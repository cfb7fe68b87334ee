// SPDX-License-Identifier: MIT
//
// Starting, filling and ending spans allocates nothing. Not under the sanitizers, which keep their own operator new.
#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)

#include <cstdlib>
#include <new>

#include "seawall/runtime/tracer.h"
#include "support/catch.h"

namespace {
thread_local std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* made = std::malloc(size == 0 ? 1 : size)) return made;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace seawall;

TEST_CASE("a span costs no allocation, kept or not") {
  Tracer tracer(TracerConfig::make({.service = "s", .recent_spans = 16, .kept_spans = 16}).value());
  const std::size_t before = allocations;
  for (int i = 0; i < 40; ++i) {
    Span span = tracer.start("entry", SpanKind::kServer, {TraceContext::root(IdGenerator::this_thread()), {}, false});
    span.set("http.route", "/a");
    Span call = tracer.start("call", SpanKind::kClient, span);
    call.add_event("retry", {{"attempt", 1}});
    if (i % 4 == 0) call.set_status(SpanStatus::kError, "refused");
  }
  const std::size_t after = allocations;
  CHECK(after == before);
  CHECK(tracer.kept(4).size() == 4);
  CHECK(allocations > after);  // the hook does count
}

#endif
