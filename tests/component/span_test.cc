// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "seawall/runtime/span_events.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using namespace seawall;

namespace {

constexpr TimePoint kStart = time_from_ns(1'000'000);
constexpr TimePoint at(Duration t) { return kStart + t; }

Tracer make_tracer(TracerOptions options = {}) {
  if (options.service.empty()) options.service = "gateway";
  return Tracer(TracerConfig::make(options).value(), kStart);
}

Extracted fresh(std::uint8_t flags = kTraceSampled | kTraceRandom) {
  return {TraceContext::root(IdGenerator::this_thread(), flags), {}, false};
}

std::string attribute(const SpanRecord& record, std::string_view wanted) {
  std::string found = "(none)";
  record.for_each_attribute([&](std::string_view key, const AttributeValue& value) {
    if (key != wanted) return;
    if (const auto* text = std::get_if<std::string_view>(&value)) found = *text;
    if (const auto* number = std::get_if<std::int64_t>(&value)) found = std::to_string(*number);
    if (const auto* flag = std::get_if<bool>(&value)) found = *flag ? "true" : "false";
    if (const auto* real = std::get_if<double>(&value)) found = std::to_string(*real);
  });
  return found;
}

int events(const SpanRecord& record) {
  int count = 0;
  record.for_each_event([&](auto, auto, const auto&) { ++count; });
  return count;
}

}  // namespace

TEST_CASE("a span has the ids, times and data it was given") {
  Tracer tracer = make_tracer();
  const Extracted incoming =
      extract("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", IdGenerator::this_thread());
  REQUIRE(incoming.continued);
  Span span = tracer.start_at("GET /feed", SpanKind::kServer, incoming, at(1ms));
  REQUIRE(span.context() != nullptr);
  CHECK(span.context()->trace_id() == incoming.context.trace_id());
  CHECK(span.context()->span_id() != incoming.context.span_id());
  span.set("http.response.status_code", 200);
  span.set("http.route", "/feed");
  span.set("retried", false);
  span.set("share", 0.5);
  span.add_event_at("limit", at(2ms), {{"name", "user"}, {"allowed", true}});
  span.end_at(at(5ms));

  const auto spans = tracer.trace(incoming.context.trace_id());
  REQUIRE(spans.size() == 1);
  const SpanRecord& record = spans[0];
  CHECK(record.name() == "GET /feed");
  CHECK(record.kind == SpanKind::kServer);
  CHECK(record.parent_id == incoming.context.span_id());
  CHECK(record.start == at(1ms));
  CHECK(record.end == at(5ms));
  CHECK(record.flags == kTraceSampled);
  CHECK(record.status == SpanStatus::kUnset);
  CHECK(attribute(record, "http.response.status_code") == "200");
  CHECK(attribute(record, "http.route") == "/feed");
  CHECK(attribute(record, "retried") == "false");
  CHECK(attribute(record, "share") == std::to_string(0.5));
  std::vector<std::string> seen;
  record.for_each_event([&](std::string_view name, TimePoint when, const auto& attributes) {
    seen.emplace_back(name);
    CHECK(when == at(2ms));
    attributes([&](std::string_view key, const AttributeValue&) { seen.emplace_back(key); });
  });
  CHECK(seen == std::vector<std::string>{"limit", "name", "allowed"});
}

TEST_CASE("a fresh trace begins with its span, spans under it are its children") {
  Tracer tracer = make_tracer();
  const Extracted incoming = fresh();
  Span root = tracer.start_at("root", SpanKind::kServer, incoming, at(0ms));
  CHECK(*root.context() == incoming.context);
  Span child = tracer.start_at("child", SpanKind::kClient, root, at(1ms));
  CHECK(child.context()->trace_id() == incoming.context.trace_id());
  child.end_at(at(2ms));
  root.end_at(at(3ms));
  const auto spans = tracer.trace(incoming.context.trace_id());
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].name() == "root");
  CHECK(algorithm::all_zero(spans[0].parent_id));
  CHECK(spans[1].parent_id == spans[0].span_id);
}

TEST_CASE("a span ends once: by end, or by its destructor, not when moved from") {
  Tracer tracer = make_tracer();
  const Extracted incoming = fresh();
  {
    Span span = tracer.start_at("a", SpanKind::kInternal, incoming, at(0ms));
    span.end_at(at(1ms));
    span.end_at(at(2ms));
    Span other = tracer.start_at("b", SpanKind::kInternal, span, at(0ms));  // an ended span is still a parent
    const Span moved = std::move(other);
    CHECK_FALSE(other.recording());  // NOLINT: what a moved-from span does is stated
    CHECK(tracer.stats().recorded == 1);
  }
  CHECK(tracer.stats().recorded == 2);
  CHECK(tracer.trace(incoming.context.trace_id()).size() == 2);
}

TEST_CASE("an end before the start counts as the start") {
  Tracer tracer = make_tracer();
  const Extracted incoming = fresh();
  tracer.start_at("a", SpanKind::kInternal, incoming, at(5ms)).end_at(at(4ms));
  CHECK(tracer.trace(incoming.context.trace_id())[0].end == at(5ms));
}

TEST_CASE("a span that records nothing takes every call, and so do spans under it") {
  Tracer tracer = make_tracer();
  Span nothing;
  nothing.set("a", 1);
  nothing.add_event_at("e", at(0ms));
  nothing.keep();
  Span under = tracer.start_at("x", SpanKind::kInternal, nothing, at(0ms));
  CHECK(under.context() == nullptr);
  under.end_at(at(1ms));
  nothing.end_at(at(1ms));
  CHECK(tracer.stats().recorded == 0);
}

TEST_CASE("status: ok is final, error replaces unset, unset changes nothing") {
  SpanRecord record;
  record.set_status(SpanStatus::kUnset, "x");
  CHECK(record.status == SpanStatus::kUnset);
  CHECK(record.status_text().empty());
  record.set_status(SpanStatus::kError, "first");
  record.set_status(SpanStatus::kError, "second");
  record.set_status(SpanStatus::kUnset);
  CHECK(record.status_text() == "second");
  record.set_status(SpanStatus::kOk, "ignored");
  CHECK(record.status_text().empty());
  record.set_status(SpanStatus::kError, "late");
  CHECK(record.status == SpanStatus::kOk);
}

TEST_CASE("a key set again has the new value, of whatever type and length") {
  SpanRecord record;
  record.set("k", "short");
  record.set("other", 1);
  record.set("k", "a longer one");
  CHECK(attribute(record, "k") == "a longer one");
  record.set("k", 7);
  CHECK(attribute(record, "k") == "7");
  record.set("k", 8);
  CHECK(attribute(record, "k") == "8");
  int count = 0;
  record.for_each_attribute([&](auto, const auto&) { ++count; });
  CHECK(count == 2);
}

TEST_CASE("attributes of a span and of its events do not mix") {
  SpanRecord record;
  const std::array<Attribute, 1> mine = {Attribute{"k", 1}};
  record.set("k", 0);
  record.add_event("one", at(0ms), mine);
  record.set("after", 2);
  record.add_event("two", at(1ms));
  record.set("k", "changed");
  CHECK(attribute(record, "k") == "changed");
  std::string seen;
  record.for_each_event([&](std::string_view name, TimePoint, const auto& attributes) {
    seen.append(name);
    attributes([&](std::string_view key, const AttributeValue& value) {
      seen.append(key).append(std::to_string(std::get<std::int64_t>(value)));
    });
  });
  CHECK(seen == "onek1two");
}

TEST_CASE("what does not fit is left out whole and counted") {
  SpanRecord record;
  for (int i = 0; i < 100; ++i) record.set(std::string("key").append(std::to_string(i)), "a value of some bytes");
  CHECK(record.dropped_attributes > 0);
  int count = 0;
  record.for_each_attribute([&](auto, const AttributeValue& value) {
    ++count;
    CHECK(std::get<std::string_view>(value) == "a value of some bytes");
  });
  CHECK(count + record.dropped_attributes == 100);
  const int before = events(record);
  const std::string long_text(200, 'x');
  const std::array<Attribute, 1> much = {Attribute{"k", std::string_view(long_text)}};
  record.add_event("event", at(0ms), much);
  CHECK(record.dropped_events == 1);
  CHECK(events(record) == before);
  SpanRecord roomy;  // for the event's name, and for all but the last of its attributes
  roomy.set("filler", std::string_view(std::string(250, 'x')));
  roomy.add_event("event", at(0ms), std::array{much[0], much[0], much[0], much[0]});
  CHECK((roomy.dropped_events == 1 && events(roomy) == 0));
  roomy.add_event("event", at(0ms), much);
  CHECK((roomy.dropped_events == 1 && events(roomy) == 1));
}

TEST_CASE("what is left out is counted up to the most that the count can say") {
  SpanRecord record;
  const std::string long_text(250, 'x');
  for (int i = 0; i < 4; ++i) record.set("filler" + std::to_string(i), std::string_view(long_text));
  const std::array<Attribute, 1> much = {Attribute{"k", std::string_view(long_text)}};
  for (int i = 0; i < 70'000; ++i) {
    record.set("one more", std::string_view(long_text));
    record.add_event("event", at(0ms), much);
  }
  CHECK(record.dropped_attributes == 65'535);
  CHECK(record.dropped_events == 65'535);
}

TEST_CASE("texts are cut at a character, and bad keys are dropped") {
  SpanRecord record;
  std::string text(SpanRecord::kMaxText - 1, 'x');
  record.set("k", std::string_view(text.append("\xe2\x82\xac")));
  CHECK(attribute(record, "k") == std::string(SpanRecord::kMaxText - 1, 'x'));
  record.set("", 1);
  record.set(std::string(SpanRecord::kMaxKey + 1, 'k'), 1);
  record.set("\xff", 1);
  CHECK(record.dropped_attributes == 3);
  record.set_name("");
  CHECK(record.name().empty());
}

TEST_CASE("a record survives being words, whatever its length") {
  std::array<std::uint64_t, SpanRecord::kWords> words;
  words.fill(0xfefefefefefefefe);
  SpanRecord record;
  record.set_name("n");
  for (int i = 0; i < 40; ++i) {
    record.set(std::string("k").append(std::to_string(i)), i);
    REQUIRE(record.to_words(words) <= words.size());
    const SpanRecord copy = SpanRecord::from_words(words);
    REQUIRE(copy.name() == "n");
    REQUIRE(attribute(copy, std::string("k").append(std::to_string(i))) ==
            attribute(record, std::string("k").append(std::to_string(i))));
  }
}

TEST_CASE("kept are traces that fail, are slow at the entry, or are marked") {
  Tracer tracer = make_tracer();
  const Extracted good = fresh(), failed = fresh(), slow = fresh(), marked = fresh(), slow_inside = fresh();
  tracer.start_at("good", SpanKind::kServer, good, at(0ms)).end_at(at(999ms));
  {
    Span entry = tracer.start_at("failed", SpanKind::kServer, failed, at(0ms));
    tracer.start_at("before", SpanKind::kClient, entry, at(0ms)).end_at(at(1ms));
    Span call = tracer.start_at("call", SpanKind::kClient, entry, at(1ms));
    call.set_status(SpanStatus::kError, "refused");
    call.end_at(at(2ms));
    tracer.start_at("after", SpanKind::kClient, entry, at(3ms)).end_at(at(4ms));
    entry.end_at(at(5ms));
  }
  tracer.start_at("slow", SpanKind::kServer, slow, at(0ms)).end_at(at(1s));
  {
    Span span = tracer.start_at("marked", SpanKind::kServer, marked, at(0ms));
    span.keep();
    span.end_at(at(1ms));
  }
  {
    Span entry = tracer.start_at("entry", SpanKind::kServer, slow_inside, at(0ms));
    tracer.start_at("waits", SpanKind::kInternal, entry, at(0ms)).end_at(at(5s));
    entry.end_at(at(1ms));
  }
  const auto kept = tracer.kept(10);
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].first.name() == "marked");
  CHECK(kept[1].first.name() == "slow");
  CHECK(kept[2].first.name() == "failed");
  CHECK(kept[2].spans == 4);
  CHECK(tracer.kept(1).size() == 1);
  CHECK(tracer.stats().kept_traces == 3);
  for (const SpanRecord& span : tracer.trace(failed.context.trace_id())) CHECK(span.kept);
}

TEST_CASE("kept traces outlive the ring of the latest, their earlier spans too") {
  Tracer tracer = make_tracer({.recent_spans = 8, .kept_spans = 8});
  const Extracted failed = fresh(), slow = fresh(), good = fresh();
  for (const Extracted* incoming : {&failed, &slow, &good}) {
    Span entry = tracer.start_at("entry", SpanKind::kServer, *incoming, at(0ms));
    tracer.start_at("before", SpanKind::kClient, entry, at(0ms)).end_at(at(1ms));  // nobody knows yet
    if (incoming == &failed) entry.set_status(SpanStatus::kError);
    entry.end_at(incoming == &slow ? at(2s) : at(2ms));
  }
  for (int i = 0; i < 100; ++i) tracer.start_at("later", SpanKind::kServer, fresh(), at(2s)).end_at(at(2s));
  CHECK(tracer.trace(good.context.trace_id()).empty());
  for (const Extracted* incoming : {&failed, &slow}) {
    const auto spans = tracer.trace(incoming->context.trace_id());
    REQUIRE(spans.size() == 2);
    CHECK(spans[0].name() == "entry");
    CHECK(spans[1].name() == "before");
    CHECK(spans[1].parent_id == spans[0].span_id);
  }
  const auto kept = tracer.kept(10);
  REQUIRE(kept.size() == 2);
  CHECK((kept[0].spans == 2 && kept[1].spans == 2));
}

TEST_CASE("a storm of errors keeps no more traces than its share") {
  Tracer tracer = make_tracer({.keeps_per_second = 2});
  for (int i = 0; i < 100; ++i) {
    Span span = tracer.start_at("failed", SpanKind::kServer, fresh(), at(0ms));
    span.set_status(SpanStatus::kError);
    span.end_at(at(1ms));
  }
  CHECK(tracer.stats().kept_traces == 10);
  CHECK(tracer.stats().keeps_refused == 90);
  Span later = tracer.start_at("later", SpanKind::kServer, fresh(), at(500ms));
  later.set_status(SpanStatus::kError);
  later.end_at(at(501ms));
  CHECK(tracer.stats().kept_traces == 11);
}

TEST_CASE("what another process measured joins its trace, also a kept one") {
  Tracer tracer = make_tracer();
  const Extracted incoming = fresh();
  SpanRecord theirs;
  theirs.trace_id = incoming.context.trace_id();
  theirs.span_id = {1, 2, 3, 4, 5, 6, 7, 8};
  theirs.parent_id = incoming.context.span_id();
  theirs.start = at(1ms);
  theirs.end = at(2ms);
  theirs.set_service("trading");
  theirs.set_name("execute");
  {
    Span span = tracer.start_at("failed", SpanKind::kServer, incoming, at(0ms));
    span.set_status(SpanStatus::kError);
    span.end_at(at(3ms));
  }
  tracer.record_at(theirs, at(10ms));
  tracer.record_at(theirs, at(11ms));  // sent twice: told once
  const auto spans = tracer.trace(incoming.context.trace_id());
  REQUIRE(spans.size() == 2);
  CHECK(spans[1].service() == "trading");
  CHECK(spans[1].kept);
}

TEST_CASE("verdicts are events, and a breaker's refusal and a retry are worth keeping") {
  Tracer tracer = make_tracer();
  const Extracted limited = fresh(), broken = fresh(), retried = fresh();
  {
    Span span = tracer.start_at("limited", SpanKind::kServer, limited, at(0ms));
    add_limiter_event_at(span, "user", {.allowed = false, .remaining = 0, .retry_after = 1500us}, at(0ms));
    add_breaker_event_at(span, "trading", true, BreakerState::kClosed, 0ms, at(0ms));
    std::int64_t wait = 0;
    span.record().for_each_event([&](std::string_view name, TimePoint, const auto& attributes) {
      if (name != "seawall.rate_limit") return;
      attributes([&](std::string_view key, const AttributeValue& value) {
        if (key == "seawall.retry_after_ms") wait = std::get<std::int64_t>(value);
      });
    });
    CHECK(wait == 2);
    CHECK(events(span.record()) == 2);
    span.end_at(at(1ms));
  }
  Span refused = tracer.start_at("broken", SpanKind::kServer, broken, at(0ms));
  add_breaker_event_at(refused, "trading", false, BreakerState::kOpen, 30s, at(0ms));
  refused.end_at(at(1ms));
  Span again = tracer.start_at("retried", SpanKind::kServer, retried, at(0ms));
  add_retry_event_at(again, 2, 0ms, at(0ms));
  again.end_at(at(1ms));
  CHECK(tracer.kept(9).size() == 2);
}

TEST_CASE("bad options are refused by name") {
  const auto refused = [](TracerOptions options, std::string_view name) {
    const auto made = TracerConfig::make(options);
    REQUIRE_FALSE(made);
    CHECK(made.error().message.view().find(name) != std::string_view::npos);
  };
  refused({}, "service");
  refused({.service = std::string(64, 'x')}, "service");
  refused({.service = "\xff"}, "service");
  refused({.service = "x", .recent_spans = 0}, "recent_spans");
  refused({.service = "x", .kept_spans = -1}, "kept_spans");
  refused({.service = "x", .slow = 0ns}, "slow");
  refused({.service = "x", .keeps_per_second = 0}, "keeps_per_second");
}
