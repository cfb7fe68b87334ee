// SPDX-License-Identifier: MIT
//
// Expositions in parts, and what each format makes of each type. What other tools make of them is in
// tests/conformance; values in tables are in metrics_vectors_test.cc.
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"

namespace {

using seawall::Exposition;
using seawall::ExpositionCursor;
using seawall::ExpositionOptions;
using seawall::MetricsRegistry;

constexpr std::array kFormats = {Exposition::kPrometheus, Exposition::kOpenMetrics, Exposition::kJson,
                                 Exposition::kOtlpJson};
constexpr seawall::ExponentialOptions kQuarters = {.schema = 2, .min_exponent = -2, .max_exponent = 2};

seawall::Exemplar exemplar(std::uint64_t trace, std::int64_t unix_ms = 1'700'000'000'123) {
  return {.trace_id_high = 0x4bf92f3577b34da6, .trace_id_low = trace, .span_id = 7, .value = 0, .unix_ms = unix_ms};
}

void fill(MetricsRegistry& r) {
  auto requests = r.counter("requests_total", "Requests.", {"route"}, {.exemplars = true}).value();
  for (int i = 0; i < 20; ++i) requests.with({"/r" + std::to_string(i)}).add(i);
  r.gauge("depth", "Depth.").value().get().set(2.5);
  auto latency = r.histogram("latency_seconds", "Latency.", {"route"}, {.exponential = kQuarters}, true).value();
  latency.with({"/"}).observe(0.3, exemplar(1));
  r.histogram("size_bytes", "Size.").value().get().observe(0.02);
  r.state_set("light", "Light.", {"red", "gre\"en"}, {"street"}).value().with({"a"}).set(1);
  r.info("build_info", "Build.", {"version"}).value().with({"1.2"});
}

ExpositionOptions with_times(Exposition format) {
  return {.format = format, .start_unix_ns = 1'000, .now_unix_ns = 2'000, .service = "test \"x\""};
}

// The page by parts of at most `size` bytes; grows the buffer when a part asks for more.
std::string in_parts(const MetricsRegistry& r, Exposition format, std::size_t size) {
  std::string page;
  std::vector<char> buffer(size);
  for (ExpositionCursor cursor(with_times(format)); !cursor.done();) {
    const auto part = r.render_part(cursor, buffer);
    if (part.written == 0 && !cursor.done()) {
      REQUIRE(part.needed > buffer.size());
      buffer.resize(part.needed);
      continue;
    }
    REQUIRE(part.written <= buffer.size());
    CHECK(part.needed == 0);
    page.append(buffer.data(), part.written);
  }
  return page;
}

bool has(const std::string& text, std::string_view line) { return text.find(line) != std::string::npos; }

void check_valid(Exposition format, const std::string& text) {
  const auto checked = seawall::validate_exposition(format, text);
  INFO(text);
  CHECK((checked ? "ok" : checked.error().message.view()) == "ok");
}

}  // namespace

TEST_CASE("a page in parts of any size is the page") {
  MetricsRegistry r;
  fill(r);
  for (const Exposition format : kFormats) {
    const std::string whole = r.render(with_times(format));
    for (const std::size_t size : {0U, 1U, 50U, 100U, 333U, 1000U, 5000U, 100'000U}) {
      INFO(static_cast<int>(format) << " in parts of " << size);
      CHECK(in_parts(r, format, size) == whole);
    }
  }
}

TEST_CASE("a part of a text ends at the end of a line, and says exactly how much room the next one needs") {
  MetricsRegistry r;
  fill(r);
  std::vector<char> buffer(100);
  ExpositionCursor cursor({.format = Exposition::kPrometheus});
  const auto first = r.render_part(cursor, buffer);
  REQUIRE(first.written > 0);
  CHECK(buffer[first.written - 1] == '\n');
  ExpositionCursor same = cursor;
  const auto stuck = r.render_part(cursor, std::span(buffer).first(5));
  CHECK(stuck.written == 0);
  REQUIRE(stuck.needed > 5);
  CHECK(r.render_part(same, std::span(buffer.data(), stuck.needed - 1)).written == 0);
  buffer.resize(std::max(buffer.size(), stuck.needed));
  CHECK(r.render_part(same, std::span(buffer.data(), stuck.needed)).written == stuck.needed);
}

TEST_CASE("a page is right while series come and go between its parts") {
  for (const Exposition format : {Exposition::kPrometheus, Exposition::kOpenMetrics}) {
    MetricsRegistry r;
    auto family = r.counter("requests_total", "Requests.", {"route"}).value();
    for (int i = 0; i < 30; ++i) family.with({"stays" + std::to_string(i)}).add();
    for (int i = 0; i < 30; ++i) family.with({"goes" + std::to_string(i)}).add();
    std::string page;
    std::array<char, 600> buffer;
    int part_number = 0;
    for (ExpositionCursor cursor({.format = format}); !cursor.done(); ++part_number) {
      const auto part = r.render_part(cursor, buffer);
      REQUIRE(part.needed == 0);
      page.append(buffer.data(), part.written);
      family.remove({"goes" + std::to_string(part_number)});
      family.with({"comes" + std::to_string(part_number)}).add();
      if (part_number == 3) (void)r.gauge("a_first_one", "Too late for this page.");
      if (part_number == 3) (void)r.gauge("z_last_one", "Too late, too.");
    }
    check_valid(format, page);
    for (int i = 0; i < 30; ++i) {
      const std::string line = "requests_total{route=\"stays" + std::to_string(i) + "\"} 1\n";
      CHECK(has(page, line));
    }
    for (const char* late : {"a_first_one", "z_last_one"}) {
      CHECK(!has(page, late));
      CHECK(has(r.render(format), std::string(late) + " 0\n"));
    }
  }
}

TEST_CASE("both texts of every type are right") {
  MetricsRegistry r;
  fill(r);
  check_valid(Exposition::kPrometheus, r.to_prometheus());
  check_valid(Exposition::kOpenMetrics, r.to_openmetrics());
}

TEST_CASE("OpenMetrics has the unit that a name ends in") {
  MetricsRegistry r;
  fill(r);
  (void)r.counter("cpu_seconds_total", "Time.");
  (void)r.gauge("bytes", "A name that is nothing but a unit.");
  const std::string text = r.to_openmetrics();
  CHECK(
      has(text, "# TYPE latency_seconds histogram\n# UNIT latency_seconds seconds\n# HELP latency_seconds Latency.\n"));
  CHECK(has(text, "# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n"));
  CHECK(has(text, "# UNIT size_bytes bytes\n"));
  CHECK(!has(text, "# UNIT bytes"));
  CHECK(!has(text, "# UNIT requests"));
  CHECK(!has(r.to_prometheus(), "# UNIT"));
}

TEST_CASE("a state set is one series for each state, one of them 1, and a gauge in the older text") {
  MetricsRegistry r;
  fill(r);
  const std::string samples =
      "light{street=\"a\",light=\"red\"} 0\n"
      "light{street=\"a\",light=\"gre\\\"en\"} 1\n";
  CHECK(has(r.to_openmetrics(), "# TYPE light stateset\n# HELP light Light.\n" + samples));
  CHECK(has(r.to_prometheus(), "# HELP light Light.\n# TYPE light gauge\n" + samples));
  CHECK(has(r.to_json(), R"("series":[{"labels":{"street":"a"},"state":"gre\"en"}])"));
}

TEST_CASE("an info is named without its suffix in OpenMetrics' metadata, and a gauge in the older text") {
  MetricsRegistry r;
  fill(r);
  CHECK(has(r.to_openmetrics(), "# TYPE build info\n# HELP build Build.\nbuild_info{version=\"1.2\"} 1\n"));
  CHECK(has(r.to_prometheus(), "# TYPE build_info gauge\nbuild_info{version=\"1.2\"} 1\n"));
}

TEST_CASE("texts show exponential buckets at powers of two, as exact sums") {
  MetricsRegistry r;
  auto h = r.histogram("h", "H.", {}, {.exponential = kQuarters}).value().get();
  for (const double value : {0.0, 0.25, 0.26, 0.5, 0.51, 0.99, 1.0, 3.9, 4.0, 4.1}) h.observe(value);
  h.observe(std::nan(""));
  CHECK(has(r.to_prometheus(),
            "h_bucket{le=\"0.25\"} 2\nh_bucket{le=\"0.5\"} 4\nh_bucket{le=\"1.0\"} 7\nh_bucket{le=\"2.0\"} 7\n"
            "h_bucket{le=\"4.0\"} 9\nh_bucket{le=\"+Inf\"} 11\n"));
}

TEST_CASE("an exemplar stands at the bucket that holds it, the latest of those that were put together") {
  MetricsRegistry r;
  auto h = r.histogram("h", "H.", {}, {.exponential = kQuarters}, true).value().get();
  h.observe(0.51, exemplar(1, 5'000));
  h.observe(0.99, exemplar(2, 9'000));
  h.observe(0.71, exemplar(3, 7'000));
  h.observe(100, exemplar(4, 1'009));
  const std::string text = r.to_openmetrics();
  check_valid(Exposition::kOpenMetrics, text);
  CHECK(has(text,
            "h_bucket{le=\"0.5\"} 0\nh_bucket{le=\"1.0\"} 3 # {trace_id=\"4bf92f3577b34da60000000000000002\","
            "span_id=\"0000000000000007\"} 0.99 9.000\nh_bucket{le=\"2.0\"} 3\n"));
  CHECK(has(text,
            "{le=\"+Inf\"} 4 # {trace_id=\"4bf92f3577b34da60000000000000004\",span_id=\"0000000000000007\"} 100 "
            "1.009\n"));
  CHECK(!has(r.to_prometheus(), "trace_id"));
}

TEST_CASE("a counter has the exemplar of what was added, and NaN is never one") {
  MetricsRegistry r;
  auto c = r.counter("a_total", "A.", {}, {.exemplars = true}).value().get();
  c.add(3, exemplar(1));
  auto h = r.histogram("h", "H.", {}, {}, true).value().get();
  h.observe(std::nan(""), exemplar(2));
  const std::string text = r.to_openmetrics();
  check_valid(Exposition::kOpenMetrics, text);
  CHECK(has(text,
            "a_total 3 # {trace_id=\"4bf92f3577b34da60000000000000001\",span_id=\"0000000000000007\"} 3 "
            "1700000000.123\n"));
  CHECK(has(text, "h_bucket{le=\"+Inf\"} 1\n"));
}

// OTLP's bucket i covers (base^i, base^(i+1)], Prometheus' native bucket i covers (base^(i-1), base^i].
TEST_CASE("OTLP's exponential buckets begin one index below Prometheus'") {
  struct Row {
    double value;
    int index;  // of OTLP at scale 2: base 2^(1/4)
  };
  const double base = std::pow(2.0, 0.25);
  for (const Row& row : {Row{0.26, -8}, Row{0.25 * base * 0.999, -8}, Row{0.3, -7}, Row{0.5, -5}, Row{0.501, -4},
                         Row{1.0, -1}, Row{1.001, 0}, Row{2.0, 3}, Row{2.001, 4}, Row{4.0, 7}}) {
    MetricsRegistry r;
    r.histogram("h", "H.", {}, {.exponential = kQuarters}).value().get().observe(row.value);
    std::string counts =
        "\"scale\":2,\"zeroCount\":\"0\",\"zeroThreshold\":0.25,\"positive\":{\"offset\":-8,\"bucketCounts\":[";
    for (int i = -8; i < row.index; ++i) counts += "\"0\",";
    INFO(row.value);
    CHECK(has(r.render(with_times(Exposition::kOtlpJson)), counts + "\"1\"]}"));
  }
}

TEST_CASE("OTLP: the zero bucket, what is beyond the last bound, and an empty histogram add up") {
  MetricsRegistry r;
  auto h = r.histogram("h", "H.", {"x"},
                       {.exponential = seawall::ExponentialOptions{.schema = 0, .min_exponent = 0, .max_exponent = 1}})
               .value();
  h.with({"empty"});
  for (const double value : {0.5, 1.0, 2.0, 2.5}) h.with({"full"}).observe(value);
  const std::string text = r.render(with_times(Exposition::kOtlpJson));
  CHECK(has(
      text,
      R"("count":"0","sum":0,"scale":0,"zeroCount":"0","zeroThreshold":1,"positive":{"offset":0,"bucketCounts":[]})"));
  CHECK(has(
      text,
      R"("count":"4","sum":6,"scale":0,"zeroCount":"2","zeroThreshold":1,"positive":{"offset":0,"bucketCounts":["1","1"]})"));
}

TEST_CASE("OTLP writes 64-bit integers as strings, what is no number as a string, and totals beyond int64 as doubles") {
  MetricsRegistry r;
  auto c = r.counter("big_total", "Big.").value().get();
  c.add(std::numeric_limits<std::int64_t>::max());
  CHECK(has(r.render(with_times(Exposition::kOtlpJson)), "\"asInt\":\"9223372036854775807\""));
  c.add();
  CHECK(has(r.render(with_times(Exposition::kOtlpJson)), "\"asDouble\":9.223372036854776e+18"));
  auto g = r.gauge("g", "G.", {"k"}).value();
  g.with({"a"}).set(std::nan(""));
  g.with({"b"}).set(HUGE_VAL);
  g.with({"c"}).set(-HUGE_VAL);
  const std::string text = r.render(with_times(Exposition::kOtlpJson));
  for (const std::string_view value :
       {"\"asDouble\":\"NaN\"", "\"asDouble\":\"Infinity\"", "\"asDouble\":\"-Infinity\""}) {
    CHECK(has(text, value));
  }
}

TEST_CASE("content types are those that scrapers and receivers know") {
  CHECK(seawall::content_type(Exposition::kPrometheus) == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(seawall::content_type(Exposition::kOpenMetrics) ==
        "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(seawall::content_type(Exposition::kJson) == "application/json");
  CHECK(seawall::content_type(Exposition::kOtlpJson) == "application/json");
}

TEST_CASE("a series that is made anew while a page is written is not on it twice") {
  for (const Exposition format : {Exposition::kPrometheus, Exposition::kOpenMetrics}) {
    MetricsRegistry r;
    auto family = r.counter("visits_total", std::string(200, 'v'), {"page"}).value();
    for (const char* page : {"a", "b", "c", "d"}) family.with({page}).add(1);
    std::string text;
    std::vector<char> buffer(300);  // a head with one series, and no more than two
    bool moved = false;
    for (ExpositionCursor cursor(with_times(format)); !cursor.done();) {
      const auto part = r.render_part(cursor, buffer);
      REQUIRE(part.written > 0);
      text.append(buffer.data(), part.written);
      if (moved || !has(text, "\"a\"")) continue;
      moved = true;
      // "a" leaves its place and takes that of "d", which comes later.
      CHECK(family.remove({"a"}));
      CHECK(family.remove({"d"}));
      family.with({"a"}).add(1);
    }
    REQUIRE(moved);
    check_valid(format, text);
    CHECK(has(r.render(format), "visits_total{page=\"a\"} 1\n"));
  }
}

TEST_CASE("infos and state sets have no unit, whatever their name ends in") {
  MetricsRegistry r;
  r.info("disk_bytes_info", "Disk.", {"model"}).value().with({"x"});
  r.state_set("mode_ratio", "Mode.", {"on", "off"}).value().get().set(1);
  check_valid(Exposition::kOpenMetrics, r.to_openmetrics());
}

TEST_CASE("an exemplar with an instant that no clock shows is left out") {
  for (const std::int64_t at : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                                std::numeric_limits<std::int64_t>::max(), std::int64_t{9'300'000'000'000}}) {
    MetricsRegistry r;
    auto latency = r.histogram("latency_seconds", "Latency.", {}, {}, true).value().get();
    latency.observe(0.3, exemplar(5));
    latency.observe(0.3, exemplar(6, at));
    CHECK(latency.snapshot().count == 2);
    check_valid(Exposition::kOpenMetrics, r.to_openmetrics());
    CHECK(!has(r.to_openmetrics(), "0000000000000006"));
    CHECK(!has(r.render(with_times(Exposition::kOtlpJson)), "0000000000000006"));
  }
}
