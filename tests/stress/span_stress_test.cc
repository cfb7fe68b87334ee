// SPDX-License-Identifier: MIT
//
// Threads record spans into a small ring while others read traces and export. Invariants: what a reader gets is what
// one thread recorded (name, attribute and duration agree); recorded + dropped is the number of spans that ended; every
// failed trace within its share is kept with its entry; exported + lost + unsampled is all that was recorded.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seawall/runtime/span_exporter.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr int kThreads = 3;
constexpr int kRounds = 3000;
constexpr TimePoint kStart = time_from_ns(0);

bool agrees(const SpanRecord& record) {
  std::int64_t number = -1;
  record.for_each_attribute([&](std::string_view, const AttributeValue& value) {
    if (const auto* found = std::get_if<std::int64_t>(&value)) number = *found;
  });
  return (record.end - record.start).count() == number && record.name() == std::to_string(number % 7);
}

}  // namespace

TEST_CASE("spans are read and exported whole while threads record") {
  Tracer tracer(TracerConfig::make({.service = "s", .recent_spans = 64, .kept_spans = 64}).value(), kStart);
  SpanExporter exporter(tracer, {});
  std::atomic<int> running{kThreads};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const int number = t * kRounds + i;
        Span span = tracer.start_at(std::to_string(number % 7), SpanKind::kServer,
                                    {TraceContext::root(IdGenerator::this_thread()), {}, false}, kStart);
        span.set("number", number);
        if (i % 500 == 0) span.set_status(SpanStatus::kError);
        span.end_at(kStart + Duration(number));
      }
      running.fetch_sub(1);
    });
  }
  std::thread reader([&] {
    while (running.load() > 0) {
      for (const KeptTrace& trace : tracer.kept(8)) {
        if (!agrees(trace.first)) torn.fetch_add(1);
      }
    }
  });
  while (running.load() > 0) {
    if (exporter.take_at(kStart, 0)) exporter.finish_at(200, kStart);
  }
  for (std::thread& thread : threads) thread.join();
  reader.join();
  for (int i = 0; i < 3; ++i) {
    while (exporter.take_at(kStart, 0)) exporter.finish_at(200, kStart);
  }
  CHECK(torn.load() == 0);
  const TracerStats stats = tracer.stats();
  const std::uint64_t ended = std::uint64_t{kThreads} * kRounds;
  CHECK(stats.recorded <= ended);
  CHECK(stats.recorded + stats.dropped >= ended);
  CHECK(stats.kept_traces == kThreads * (kRounds / 500));
  CHECK(exporter.stats().exported + exporter.stats().lost >= ended);
  CHECK(exporter.stats().exported > 0);
}
