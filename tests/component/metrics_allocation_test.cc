// SPDX-License-Identifier: MIT
//
// Recording allocates nothing, and running out of memory while a label set is looked up fails no request. Not under the
// sanitizers, which keep their own operator new.
#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"

namespace {

thread_local std::size_t allocations = 0;
thread_local std::size_t allowed = std::numeric_limits<std::size_t>::max();  // further ones throw

void* allocate(std::size_t size, std::size_t alignment) {
  if (allowed == 0) throw std::bad_alloc();
  --allowed;
  ++allocations;
  if (void* made = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)) return made;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(std::max<std::size_t>(size, 1), alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t align) { return allocate(size, static_cast<std::size_t>(align)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

TEST_CASE("recording, reading and looking up allocate nothing") {
  seawall::MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x", "y"}).value();
  auto counter = family.with({"1", "2"});
  auto gauge = r.gauge("g", "G.").value().get();
  auto histogram = r.histogram("h", "H.", {}, {}, true).value().get();
  auto states = r.state_set("s", "S.", {"a", "b"}).value().get();
  auto stale = family.with({"3", "4"});
  family.remove({"3", "4"});
  const std::size_t before = allocations;
  counter.add(3);
  family.with({"1", "2"}).add();
  gauge.set(1);
  gauge.add(2);
  gauge.max(1);
  states.set(1);
  stale.add();
  histogram.observe(0.2, seawall::Exemplar{.trace_id_low = 1, .unix_ms = 1});
  histogram.observe(std::chrono::milliseconds(3));
  const double p50 = histogram.snapshot().quantile(0.5);
  const std::uint64_t total = counter.value();
  const std::size_t after = allocations;
  CHECK(after == before);
  CHECK((total == 4 && p50 > 0 && gauge.value() == 3));
  const std::string text = r.to_prometheus();
  CHECK(allocations > after);  // the hook does count
}

TEST_CASE("without memory new label sets overflow, nothing is lost, and with memory all is well again") {
  seawall::MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  std::uint64_t overflowed = 0;
  // The more allocations succeed before one fails, the further making a series gets.
  for (int i = 0; i < 1500; ++i) {
    const std::string value = "a value too long for the small string buffer " + std::to_string(i);
    const std::int64_t before = r.series_count();
    allowed = static_cast<std::size_t>(i % 5);
    const auto series = family.with({value});
    allowed = std::numeric_limits<std::size_t>::max();
    const bool refused = family.is_overflow(series);
    CHECK(r.series_count() == before + (refused ? 0 : 1));
    series.add();
    overflowed += refused ? 1 : 0;
  }
  CHECK(overflowed > 0);
  CHECK(overflowed < 1500);
  CHECK(family.overflow().value() == overflowed);
  const auto after = family.with({"after"});
  after.add();
  CHECK((after.value() == 1 && !family.is_overflow(after)));
  CHECK(r.series_count() + static_cast<std::int64_t>(overflowed) == 1501);
}

#endif
