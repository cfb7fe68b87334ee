// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_windows.h"

#include <array>
#include <chrono>
#include <cmath>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::MetricsRegistry;
using seawall::MetricsWindows;
using seawall::TimePoint;
using seawall::Window;

namespace {

TimePoint at(double seconds) {
  return seawall::time_from_ns(1'000'000'000'000 + static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace

TEST_CASE("a rate is what grew between two ticks over the time between them") {
  MetricsRegistry r;
  auto requests = r.counter("requests_total", "R.").value().get();
  MetricsWindows windows(r);
  requests.add(1'000'000);  // before the first tick: not of the window
  CHECK(windows.counter_at(at(0), Window::kMinute, "requests_total").covered == 0s);
  CHECK(std::isnan(windows.counter_at(at(0), Window::kMinute, "requests_total").per_second()));
  windows.tick_at(at(0));
  for (int i = 1; i <= 90; ++i) {
    requests.add(5);
    CHECK(windows.tick_at(at(i)));
    CHECK_FALSE(windows.tick_at(at(i + 0.4)));  // one sample in a second
  }
  const auto minute = windows.counter_at(at(90), Window::kMinute, "requests_total");
  CHECK(minute.covered == 60s);
  CHECK(minute.increase == 300);
  CHECK(minute.per_second() == 5);
  CHECK(minute.series == 1);
  const auto hour = windows.counter_at(at(90), Window::kHour, "requests_total");
  CHECK(hour.covered == 90s);
  CHECK(hour.increase == 450);
  // As time goes on without ticks, less and less is known of the last minute, and then nothing.
  CHECK(windows.counter_at(at(100), Window::kMinute, "requests_total").covered == 50s);
  CHECK(std::isnan(windows.counter_at(at(200), Window::kMinute, "requests_total").per_second()));
  CHECK(windows.counter_at(at(10), Window::kMinute, "requests_total").covered == 60s);  // as of the latest tick
}

TEST_CASE("what happened in a pause is not shown as a rate of now") {
  MetricsRegistry r;
  auto requests = r.counter("requests_total", "R.").value().get();
  MetricsWindows windows(r);
  windows.tick_at(at(0));
  requests.add(10'000);
  windows.tick_at(at(600));
  const auto none = windows.counter_at(at(600), Window::kMinute, "requests_total");
  CHECK(none.covered == 0s);
  CHECK(none.increase == 0);
  const auto hour = windows.counter_at(at(600), Window::kHour, "requests_total");
  CHECK(hour.covered == 600s);
  CHECK(hour.increase == 10'000);
  requests.add(3);
  windows.tick_at(at(601));
  CHECK(windows.counter_at(at(601), Window::kMinute, "requests_total").per_second() == 3);
  requests.add(100);
  windows.tick_at(at(601 + 7200));
  CHECK(windows.counter_at(at(601 + 7200), Window::kHour, "requests_total").covered == 0s);
}

TEST_CASE("a tick that goes back does nothing and is counted") {
  MetricsRegistry r;
  MetricsWindows windows(r);
  CHECK(windows.tick_at(at(10)));
  CHECK_FALSE(windows.tick_at(at(9)));
  CHECK_FALSE(windows.tick_at(at(10)));
  CHECK(windows.stats().backward_ticks == 1);
  CHECK(windows.stats().samples == 1);
  CHECK(windows.tick_at(seawall::TimePoint::max()));
  CHECK(windows.counter_at(seawall::TimePoint::min(), Window::kHour, "none_total").covered == 0s);
  MetricsWindows early(r);
  CHECK(early.tick_at(seawall::TimePoint::min()));
  CHECK(early.tick_at(seawall::TimePoint::min() + 1s));
  CHECK(early.counter_at(seawall::TimePoint::min(), Window::kHour, "none_total").covered == 1s);
}

TEST_CASE("series are chosen by labels and added up, and an error share has one span") {
  MetricsRegistry r;
  auto family = r.counter("http_total", "H.", {"route", "code"}).value();
  MetricsWindows windows(r);
  windows.tick_at(at(0));
  family.with({"/a", "200"}).add(90);
  family.with({"/a", "500"}).add(10);
  family.with({"a\"b\\c\nd", "500"}).add(7);
  family.with({"", "404"}).add(2);
  windows.tick_at(at(10));
  const auto count = [&](std::initializer_list<seawall::LabelMatch> labels) {
    return windows.counter_at(at(10), Window::kMinute, {"http_total", labels}).increase;
  };
  CHECK(count({}) == 109);
  CHECK(count({{"route", "/a"}}) == 100);
  CHECK(count({{"code", "500"}}) == 17);
  CHECK(count({{"route", "/a"}, {"code", "500"}}) == 10);
  CHECK(count({{"route", "a\"b\\c\nd"}}) == 7);
  CHECK(count({{"route", "a\"b\\c\n"}}) == 0);
  CHECK(count({{"route", ""}}) == 2);      // absent
  CHECK(count({{"unknown", ""}}) == 109);  // of all
  CHECK(count({{"unknown", "x"}}) == 0);
  const auto share = windows.share_at(at(10), Window::kMinute, {"http_total", {{"route", "/a"}, {"code", "500"}}},
                                      {"http_total", {{"route", "/a"}}});
  CHECK(share.share() == 0.1);
  CHECK(share.covered == 10s);
  const auto nothing = windows.share_at(at(10), Window::kMinute, "http_total", "none_total");
  CHECK(nothing.part == 109);
  CHECK(std::isnan(nothing.share()));
}

TEST_CASE("both sides of a share are of the same two ticks, whichever of them is kept for longer") {
  MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  auto windows = MetricsWindows::make(r, {.memory_bytes = 4096, .families = {"a_total"}}).value();
  for (const char* x : {"gone", "2", "longer", "shorter"}) family.with({x}).add(1);
  windows.tick_at(at(0));
  REQUIRE(windows.stats().skipped_series == 1);  // the last one, for want of room
  family.remove({"gone"});
  windows.tick_at(at(10));
  family.with({"longer"}).add(100);
  windows.tick_at(at(20));
  REQUIRE(windows.stats().skipped_series == 0);
  family.with({"longer"}).add(10);
  family.with({"shorter"}).add(5);
  windows.tick_at(at(30));
  const auto share = [&](const char* part, const char* whole) {
    return windows.share_at(at(30), Window::kMinute, {"a_total", {{"x", part}}}, {"a_total", {{"x", whole}}});
  };
  CHECK(share("shorter", "longer").share() == 0.5);
  CHECK(share("longer", "shorter").share() == 2);
  CHECK(share("longer", "shorter").covered == 10s);
  CHECK(share("longer", "2").covered == 30s);
}

TEST_CASE("a counter is told in its exposed unit") {
  MetricsRegistry r;
  auto cents = r.counter("fees_total", "F.", {}, {.units_per_one = 100}).value().get();
  MetricsWindows windows(r);
  windows.tick_at(at(0));
  cents.add(250);
  windows.tick_at(at(5));
  CHECK(windows.counter_at(at(5), Window::kMinute, "fees_total").increase == 2.5);
  CHECK(windows.counter_at(at(5), Window::kMinute, "fees_total").per_second() == 0.5);
}

TEST_CASE("quantiles and mean are of the window, not of all time") {
  MetricsRegistry r;
  auto family = r.histogram("latency_seconds", "L.", {"service"},
                            {.bounds = seawall::Bounds::make(std::array{1.0, 2.0, 4.0}).value()});
  auto a = family.value().with({"a"});
  auto b = family.value().with({"b"});
  MetricsWindows windows(r);
  for (int i = 0; i < 1000; ++i) a.observe(0.5);
  windows.tick_at(at(0));
  for (int i = 0; i < 90; ++i) a.observe(1.5);
  for (int i = 0; i < 10; ++i) b.observe(3.0);
  windows.tick_at(at(20));
  const auto both = windows.histogram_at(at(20), Window::kMinute, "latency_seconds");
  CHECK(both.series == 2);
  CHECK(both.increase.count == 100);
  CHECK(both.per_second() == 5);
  CHECK(both.mean() == 1.65);
  CHECK(both.quantile(0.45) == 1.5);  // half of the way through the bucket from 1 to 2
  CHECK(both.quantile(0.9) == 2.0);
  CHECK(both.quantile(0.99) > 3.0);
  const auto one = windows.histogram_at(at(20), Window::kMinute, {"latency_seconds", {{"service", "b"}}});
  CHECK(one.increase.count == 10);
  CHECK(one.mean() == 3.0);
  const auto none = windows.histogram_at(at(20), Window::kMinute, {"latency_seconds", {{"service", "c"}}});
  CHECK(none.series == 0);
  CHECK(std::isnan(none.quantile(0.5)));
  CHECK(std::isnan(none.mean()));
  // A family asked as what it is not has no series.
  CHECK(windows.counter_at(at(20), Window::kMinute, "latency_seconds").series == 0);
}

TEST_CASE("a series made again begins at 0, and one that is removed leaves") {
  MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  family.with({"1"}).add(1000);
  family.with({"2"}).add(1);
  MetricsWindows windows(r);
  windows.tick_at(at(0));
  REQUIRE(family.remove({"1"}));
  family.with({"1"}).add(4);
  windows.tick_at(at(2));
  const auto again = windows.counter_at(at(2), Window::kMinute, {"a_total", {{"x", "1"}}});
  CHECK(again.increase == 4);
  CHECK(again.covered == 2s);
  REQUIRE(family.remove({"1"}));
  REQUIRE(family.remove({"2"}));
  windows.tick_at(at(3));
  CHECK(windows.counter_at(at(3), Window::kMinute, "a_total").series == 0);
}

TEST_CASE("memory is bounded: what has no room is left out, counted, and comes in without a past") {
  MetricsRegistry r;
  auto family = r.counter("a_total", "A.", {"x"}).value();
  auto windows = MetricsWindows::make(r, {.memory_bytes = 4096, .families = {"a_total"}}).value();
  for (const char* x : {"1", "2", "3", "4", "5", "6"}) family.with({x}).add(1);
  windows.tick_at(at(0));
  const auto full = windows.stats();
  CHECK(full.series == 3);
  CHECK(full.skipped_series == 3);
  CHECK(full.bytes <= 4096);
  CHECK(full.bytes / full.series < 976 + 250);
  for (const char* x : {"1", "2", "3"}) family.remove({x});
  for (const char* x : {"4", "5", "6"}) family.with({x}).add(50);
  windows.tick_at(at(10));
  CHECK(windows.stats().series == 0);
  for (const char* x : {"4", "5", "6"}) family.with({x}).add(7);
  windows.tick_at(at(20));
  for (const char* x : {"4", "5", "6"}) family.with({x}).add(2);
  windows.tick_at(at(30));
  const auto late = windows.counter_at(at(30), Window::kMinute, "a_total");
  CHECK(late.series == 3);
  CHECK(late.covered == 10s);
  CHECK(late.increase == 6);
  CHECK(windows.counter_at(at(30), Window::kHour, "a_total").covered == 10s);
}

TEST_CASE("options out of their bounds are refused by name, families that were not chosen are not kept") {
  MetricsRegistry r;
  const auto refused = MetricsWindows::make(r, {.memory_bytes = 1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.view().find("memory_bytes") != std::string_view::npos);
  CHECK_FALSE(MetricsWindows::make(r, {.families = std::vector<std::string>(1001, "a")}));
  r.counter("a_total", "A.").value().get().add();
  r.counter("b_total", "B.").value().get().add();
  r.gauge("g", "G.").value().get().set(1);
  auto windows = MetricsWindows::make(r, {.families = {"g", "b_total"}}).value();
  windows.tick_at(at(0));
  windows.tick_at(at(1));
  CHECK(windows.stats().series == 1);
  CHECK(windows.counter_at(at(1), Window::kMinute, "b_total").series == 1);
  CHECK(windows.counter_at(at(1), Window::kMinute, "a_total").series == 0);
}

TEST_CASE("the JSON has every series with both windows, and null for what is not known") {
  MetricsRegistry r;
  auto windows = MetricsWindows::make(r, {.families = {"a_total", "h_seconds"}}).value();
  CHECK(windows.to_json_at(at(0)) == "{\"schema\":1,\"age_seconds\":null,\"skipped_series\":0,\"families\":[]}\n");
  auto a = r.counter("a_total", "A.", {"x"}).value().with({"q\"\n"});
  auto h =
      r.histogram("h_seconds", "H.", {}, {.bounds = seawall::Bounds::make(std::array{1.0, 2.0}).value()}).value().get();
  windows.tick_at(at(0));
  a.add(3);
  windows.tick_at(at(2));
  CHECK(windows.to_json_at(at(2.5)) ==
        "{\"schema\":1,\"age_seconds\":0.5,\"skipped_series\":0,\"families\":["
        "{\"name\":\"a_total\",\"type\":\"counter\",\"series\":[{\"labels\":{\"x\":\"q\\\"\\n\"},"
        "\"minute\":{\"covered_seconds\":2,\"increase\":3,\"rate\":1.5},"
        "\"hour\":{\"covered_seconds\":2,\"increase\":3,\"rate\":1.5}}]},"
        "{\"name\":\"h_seconds\",\"type\":\"histogram\",\"series\":[{\"labels\":{},"
        "\"minute\":{\"covered_seconds\":2,\"count\":0,\"sum\":0,\"rate\":0,\"mean\":null,\"p50\":null,\"p90\":null,"
        "\"p99\":null},"
        "\"hour\":{\"covered_seconds\":2,\"count\":0,\"sum\":0,\"rate\":0,\"mean\":null,\"p50\":null,\"p90\":null,"
        "\"p99\":null}}]}]}\n");
  h.observe(1.0);
  windows.tick_at(at(4));
  CHECK(windows.to_json_at(at(4)).find("\"count\":1,\"sum\":1,\"rate\":0.25,\"mean\":1,") != std::string::npos);
}
