// SPDX-License-Identifier: MIT
#include "seawall/runtime/span_exporter.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint kStart = time_from_ns(1'000);
constexpr std::int64_t kUnix = 1'700'000'000'000'000'000;  // at kStart
constexpr TimePoint at(Duration t) { return kStart + t; }
constexpr std::int64_t unix_at(Duration t) { return kUnix + t.count(); }

Tracer make_tracer(std::int32_t recent = 64) {
  return Tracer(TracerConfig::make({.service = "gate\"way", .recent_spans = recent}).value(), kStart);
}

void record(Tracer& tracer, std::string_view name, std::uint8_t flags = kTraceSampled, bool fails = false) {
  Span span = tracer.start_at(name, SpanKind::kServer,
                              {TraceContext::root(IdGenerator::this_thread(), flags), {}, false}, at(0ms));
  if (fails) span.set_status(SpanStatus::kError, "broken");
  span.end_at(at(1ms));
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t i = text.find(part); i != std::string_view::npos; i = text.find(part, i + 1)) ++found;
  return found;
}

SpanExporterConfig config(const SpanExporterOptions& options) { return SpanExporterConfig::make(options).value(); }

}  // namespace

TEST_CASE("OTLP JSON as the protocol writes it") {
  SpanRecord span;
  span.trace_id = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
  span.span_id = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
  span.flags = kTraceSampled;
  span.kind = SpanKind::kClient;
  span.start = at(0ms);
  span.end = at(2ms);
  span.set_name("say \"hi\"\n");
  span.set("text", "a\\b\xff");
  span.set("number", std::int64_t{1} << 60);
  span.set("flag", true);
  span.set("real", 0.25);
  span.set("none", std::numeric_limits<double>::quiet_NaN());
  span.set("much", -std::numeric_limits<double>::infinity());
  const std::array<Attribute, 1> why = {Attribute{"attempt", 2}};
  span.add_event("retry", at(1ms), why);
  span.set_status(SpanStatus::kError, "refused");
  std::string out;
  append_otlp_json(out, {&span, 1}, "gateway", Duration(kUnix - to_ns(kStart)));
  CHECK(out ==
        R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},)"
        R"("scopeSpans":[{"scope":{"name":"seawall"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",)"
        R"("spanId":"b7ad6b7169203331","flags":1,"name":"say \"hi\"\u000a","kind":3,)"
        R"("startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000002000000","attributes":[)"
        R"({"key":"text","value":{"stringValue":"a\\b?"}},{"key":"number","value":{"intValue":"1152921504606846976"}},)"
        R"({"key":"flag","value":{"boolValue":true}},{"key":"real","value":{"doubleValue":0.25}},)"
        R"({"key":"none","value":{"doubleValue":"NaN"}},{"key":"much","value":{"doubleValue":"-Infinity"}}],)"
        R"("events":[{"timeUnixNano":"1700000000001000000","name":"retry","attributes":[)"
        R"({"key":"attempt","value":{"intValue":"2"}}]}],"status":{"code":2,"message":"refused"}}]}]}]})");
}

TEST_CASE("spans of several services stand under their own resources") {
  std::array<SpanRecord, 3> spans;
  spans[1].set_service("trading");
  std::string out;
  append_otlp_json(out, spans, "gateway", Duration(0));
  CHECK(count(out, "\"service.name\"") == 2);
  CHECK(count(out, "\"traceId\"") == 3);
}

TEST_CASE("a JSON line for a span") {
  SpanRecord span;
  span.span_id = {1, 2, 3, 4, 5, 6, 7, 8};
  span.parent_id = {8, 7, 6, 5, 4, 3, 2, 1};
  span.kind = SpanKind::kServer;
  span.start = at(0ms);
  span.end = at(2us);
  span.set_name("n");
  span.set("k", 1);
  span.add_event("e", at(1us));
  std::string out;
  append_json_line(out, span, "gateway", Duration(kUnix - to_ns(kStart)));
  CHECK(out == R"({"service":"gateway","name":"n","kind":"server","trace_id":"00000000000000000000000000000000",)"
               R"("span_id":"0102030405060708","parent_id":"0807060504030201","start_unix_ns":1700000000000000000,)"
               R"("duration_ns":2000,"status":"unset","message":"","attributes":{"k":1},"events":[)"
               R"({"name":"e","unix_ns":1700000000000001000,"attributes":{}}],"dropped":0})"
               "\n");
}

TEST_CASE("sampled and kept spans are exported once, others not") {
  Tracer tracer = make_tracer();
  SpanExporter exporter(tracer, {});
  CHECK_FALSE(exporter.take_at(at(1ms), unix_at(1ms)));
  record(tracer, "sampled");
  record(tracer, "unsampled", 0);
  record(tracer, "failed", 0, true);
  record(tracer, "failed and sampled", kTraceSampled, true);
  const auto body = exporter.take_at(at(2ms), unix_at(2ms));
  REQUIRE(body);
  CHECK(count(*body, "\"traceId\"") == 3);
  CHECK(count(*body, "\"name\":\"unsampled\"") == 0);
  CHECK(count(*body, "gate\\\"way") == 1);
  exporter.finish_at(200, at(3ms));
  CHECK(exporter.stats().exported == 3);
  CHECK_FALSE(exporter.take_at(at(4ms), unix_at(4ms)));
}

TEST_CASE("a batch that failed for the moment is sent again unchanged, after a growing pause") {
  Tracer tracer = make_tracer();
  SpanExporter exporter(tracer, config({.first_pause = 1s, .longest_pause = 3s}));
  record(tracer, "a");
  const std::string body(exporter.take_at(at(0s), unix_at(0s)).value());
  exporter.finish_at(503, at(0s));
  record(tracer, "b");
  CHECK_FALSE(exporter.take_at(at(1s - 1ns), unix_at(1s)));
  CHECK(exporter.take_at(at(1s), unix_at(1s)) == body);
  exporter.finish_at(0, at(1s));  // no answer
  CHECK_FALSE(exporter.take_at(at(3s - 1ns), unix_at(3s)));
  CHECK(exporter.take_at(at(3s), unix_at(3s)) == body);
  exporter.finish_at(429, at(3s), 10s);  // Retry-After is longer
  CHECK_FALSE(exporter.take_at(at(13s - 1ns), unix_at(13s)));
  CHECK(exporter.take_at(at(13s), unix_at(13s)) == body);
  exporter.finish_at(504, at(13s));
  CHECK(exporter.take_at(at(16s), unix_at(16s)) == body);  // the longest pause
  exporter.finish_at(502, at(16s));                        // the fifth time
  CHECK(exporter.stats().dropped == 1);
  CHECK(exporter.stats().retries == 4);
  const auto next = exporter.take_at(at(16s), unix_at(16s));
  REQUIRE(next);
  CHECK(count(*next, "\"name\":\"b\"") == 1);
}

TEST_CASE("a refused batch is not sent again") {
  Tracer tracer = make_tracer();
  SpanExporter exporter(tracer, {});
  record(tracer, "a");
  REQUIRE(exporter.take_at(at(0s), unix_at(0s)));
  exporter.finish_at(400, at(0s));
  CHECK(exporter.stats().dropped == 1);
  CHECK_FALSE(exporter.take_at(at(1s), unix_at(1s)));
  exporter.finish_at(200, at(1s));  // without a body: nothing
  CHECK(exporter.stats().exported == 0);
}

TEST_CASE("batches are bounded, and what the ring has overwritten is counted") {
  Tracer tracer = make_tracer(8);
  SpanExporter exporter(tracer, config({.max_batch = 3}));
  for (int i = 0; i < 8; ++i) record(tracer, "a");
  CHECK(count(exporter.take_at(at(0s), unix_at(0s)).value(), "\"traceId\"") == 3);
  exporter.finish_at(200, at(0s));
  for (int i = 0; i < 6; ++i) record(tracer, "b");
  std::uint64_t rest = 0;
  while (const auto body = exporter.take_at(at(1s), unix_at(1s))) {
    rest += count(*body, "\"traceId\"");
    exporter.finish_at(200, at(1s));
  }
  CHECK(rest == 8);
  CHECK(exporter.stats().lost == 3);
  CHECK(exporter.stats().exported == 11);
}

TEST_CASE("a child sends its own spans and none of its parent's, also of a body that the parent was about to send") {
  for (const bool exporter_first : {false, true}) {
    Tracer tracer = make_tracer();
    SpanExporter exporter(tracer, {});
    record(tracer, "parent, taken");
    REQUIRE(exporter.take_at(at(1ms), unix_at(1ms)));
    record(tracer, "parent, failed", 0, true);
    const pid_t child = fork();
    if (child == 0) {
      bool good = true;
      if (exporter_first) good = !exporter.take_at(at(2ms), unix_at(2ms));
      record(tracer, "child");
      record(tracer, "child, failed", 0, true);
      const auto body = exporter.take_at(at(3ms), unix_at(3ms));
      good = good && body && count(*body, "\"traceId\"") == 2 && count(*body, "parent") == 0;
      exporter.finish_at(200, at(4ms));
      _exit(good && !exporter.take_at(at(5ms), unix_at(5ms)) && exporter.stats().lost == 0 ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    exporter.finish_at(200, at(2ms));
    const auto rest = exporter.take_at(at(3ms), unix_at(3ms));
    REQUIRE(rest);
    CHECK(count(*rest, "parent, failed") == 1);
    CHECK(count(*rest, "child") == 0);
  }
}

TEST_CASE("bad exporter options are refused by name") {
  CHECK(SpanExporterConfig::make({.max_batch = 0}).error().message.view().find("max_batch") != std::string_view::npos);
  CHECK(SpanExporterConfig::make({.first_pause = 0s}).error().message.view().find("first_pause") !=
        std::string_view::npos);
  CHECK(SpanExporterConfig::make({.longest_pause = 1ms}).error().message.view().find("longest_pause") !=
        std::string_view::npos);
  CHECK(SpanExporterConfig::make({.format = static_cast<SpanFormat>(7)}).error().message.view().find("format") !=
        std::string_view::npos);
}
