// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_registry.h"

#include <string>
#include <vector>

#include "support/catch.h"

using seawall::Code;
using seawall::MetricsConfig;
using seawall::MetricsRegistry;

namespace {

// The lines of the text that begin with `head`, each with its line feed.
std::string lines(const std::string& text, const std::string& head) {
  std::string found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    if (text.compare(at, head.size(), head) == 0) found += text.substr(at, end - at);
    at = end;
  }
  return found;
}

MetricsConfig bounded(std::int64_t series, std::int64_t per_family) {
  return MetricsConfig::make({.max_families = 3, .max_series = series, .max_series_per_family = per_family}).value();
}

template <class T>
std::string message(const seawall::Result<T>& result) {
  return std::string(result.error().message.view());
}

}  // namespace

TEST_CASE("a registry prints each type in Prometheus text, families by name") {
  MetricsRegistry r;
  auto latency =
      r.histogram("latency_seconds", "Latency.", {}, {.bounds = seawall::Bounds::make(std::array{0.005, 1.0}).value()});
  auto requests = r.counter("http_requests_total", "Requests.", {"route", "code"}).value();
  r.gauge("in_flight", "In flight.").value().get().set(2.5);
  requests.with({"/x", "200"}).add(3);
  requests.with({"/x", "500"}).add();
  latency.value().get().observe(std::chrono::milliseconds(5));
  latency.value().get().observe(2);
  const std::string text = r.to_prometheus();
  CHECK(text.starts_with(R"(# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{route="/x",code="200"} 3
http_requests_total{route="/x",code="500"} 1
# HELP in_flight In flight.
# TYPE in_flight gauge
in_flight 2.5
# HELP latency_seconds Latency.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.005"} 1
latency_seconds_bucket{le="1.0"} 1
latency_seconds_bucket{le="+Inf"} 2
latency_seconds_sum 2.005
latency_seconds_count 2
)"));
  CHECK(lines(text, "seawall_") == "seawall_metrics_dropped_label_sets_total{family=\"http_requests_total\"} 0\n");
}

TEST_CASE("OpenMetrics names a counter without _total, puts TYPE first and ends with EOF") {
  MetricsRegistry r;
  r.counter("hits_total", "A \"hit\".\nOr \\ two.").value().get().add(1);
  CHECK(r.to_openmetrics() == "# TYPE hits counter\n# HELP hits A \\\"hit\\\".\\nOr \\\\ two.\nhits_total 1\n# EOF\n");
  CHECK(lines(r.to_prometheus(), "# HELP hits") == "# HELP hits_total A \"hit\".\\nOr \\\\ two.\n");
  CHECK(MetricsRegistry().to_openmetrics() == "# EOF\n");
  CHECK(MetricsRegistry().to_prometheus().empty());
  CHECK(MetricsRegistry().to_json() == "{\"schema\":1,\"families\":[]}\n");
}

TEST_CASE("the same label set is the same series, and values are not joined before they are compared") {
  MetricsRegistry r;
  auto f = r.counter("a_total", "A.", {"x", "y"}).value();
  CHECK(f.with({"ab", "c"}) == f.with({"ab", "c"}));
  CHECK(f.with({"ab", "c"}) != f.with({"a", "bc"}));
  CHECK(f.with({"77kepQFQ8Kl", ""}) != f.with({"!0IC=VloaY", ""}));  // equal in FNV-64a
  CHECK(r.series_count() == 4);
}

TEST_CASE("an empty value is an absent label") {
  MetricsRegistry r;
  auto f = r.counter("a_total", "A.", {"x", "y"}).value();
  f.with({"", "1"}).add(1);
  f.with({"", ""}).add(2);
  CHECK(lines(r.to_prometheus(), "a_total") == "a_total{y=\"1\"} 1\na_total 2\n");
}

TEST_CASE("values of every length and with every escape are printed as given, and found again") {
  MetricsRegistry r(MetricsConfig::make({.max_label_value_bytes = 1024}).value());
  auto f = r.counter("a_total", "A.", {"x", "y"}).value();
  const std::string text = "\"quoted\" back\\slash\nline" + std::string(1000, 'z');
  for (std::size_t size = 0; size <= 300; ++size) f.with({text.substr(0, size), "y"}).add(1);
  for (std::size_t size = 0; size <= 300; ++size) f.with({text.substr(0, size), "y"}).add(1);
  CHECK(r.series_count() == 301);
  const std::string page = r.to_prometheus();
  bool all = true;
  std::string escaped;
  for (std::size_t size = 1; size <= 300; ++size) {
    const char c = text[size - 1];
    escaped += c == '\n' ? "\\n" : c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    all = all && page.find("\na_total{x=\"" + escaped + "\",y=\"y\"} 2\n") != std::string::npos;
  }
  CHECK(all);
  bool removed = true;
  for (std::size_t size = 0; size <= 300; size += 2) removed = removed && f.remove({text.substr(0, size), "y"});
  for (std::size_t size = 1; size <= 300; size += 2) f.with({text.substr(0, size), "y"}).add(1);
  CHECK(removed);
  CHECK(r.series_count() == 150);  // those that moved up in the index are found, too
}

TEST_CASE("values longer than any page overflow, whichever of them is the long one") {
  MetricsRegistry r;
  auto f = r.counter("a_total", "A.", {"x", "y", "z"}).value();
  std::uint64_t added = 0;
  for (std::size_t size = 4000; size <= 4400; size += 4) {
    const std::string first(size, 'x'), second(size + 600, 'y');
    f.with({first, second, "z"}).add(1);
    f.with({first, "", second}).add(1);
    added += 2;
  }
  CHECK(r.series_count() == 0);
  CHECK(f.overflow().value() == added);
}

TEST_CASE("beyond the bound of a family series overflow, counted and without loss") {
  MetricsRegistry r(bounded(100, 2));
  auto f = r.counter("a_total", "A.", {"x"}).value();
  for (const char* value : {"1", "2", "3", "4", "1", "3"}) f.with({value}).add(1);
  CHECK(lines(r.to_prometheus(), "a_total") ==
        "a_total{x=\"1\"} 2\na_total{x=\"2\"} 1\na_total{seawall_overflow=\"true\"} 3\n");
  CHECK(lines(r.to_prometheus(), "seawall_") == "seawall_metrics_dropped_label_sets_total{family=\"a_total\"} 3\n");
  CHECK(r.series_count() == 2);
}

TEST_CASE("beyond the bound of the registry series overflow too") {
  MetricsRegistry r(bounded(3, 100));
  auto a = r.gauge("a", "A.", {"x"}).value();
  auto b = r.histogram("b", "B.", {"x"}).value();
  a.with({"1"}).set(1);
  a.with({"2"}).set(2);
  b.with({"1"}).observe(1);
  CHECK(b.with({"2"}) == b.overflow());
  CHECK(a.with({"3"}) == a.overflow());
  CHECK(a.with({"2"}) != a.overflow());
  CHECK(r.series_count() == 3);
}

TEST_CASE("values that no scraper could read, and wrong numbers of values, overflow") {
  MetricsRegistry r;
  auto f = r.counter("a_total", "A.", {"x"}).value();
  using namespace std::string_literals;
  for (const std::string& value :
       {"\xFF"s, "\xC0\x80"s, "\xED\xA0\x80"s, "\xF4\x90\x80\x80"s, "\xE2\x82"s, "a\0b"s, std::string(257, 'x')}) {
    CHECK(f.with({value}) == f.overflow());
  }
  CHECK(f.with({}) == f.overflow());
  CHECK(f.with({"1", "2"}) == f.overflow());
  CHECK(f.with({std::string(256, 'x')}) != f.overflow());
  CHECK(f.with({"\xF4\x8F\xBF\xBF"}) != f.overflow());
  CHECK(lines(r.to_prometheus(), "seawall_") == "seawall_metrics_dropped_label_sets_total{family=\"a_total\"} 9\n");
}

TEST_CASE("registering the same definition again finds the family, another definition is refused") {
  MetricsRegistry r;
  auto a = r.counter("a_total", "A.", {"x"});
  auto again = r.counter("a_total", "A.", {"x"});
  CHECK(a.value().with({"1"}) == again.value().with({"1"}));
  CHECK(message(r.counter("a_total", "B.", {"x"})) ==
        "metric \"a_total\" is registered with another type, help, label list or options");
  CHECK_FALSE(r.counter("a_total", "A.", {"y"}).ok());
  CHECK_FALSE(r.counter("a_total", "A.", {"x"}, {.units_per_one = 10}).ok());
  CHECK(r.histogram("h", "H.").ok());
  CHECK(r.histogram("h", "H.", {}, {.bounds = seawall::Bounds::linear(1, 1, 3).value()}).error().code ==
        Code::kAlreadyExists);
  CHECK(r.gauge("h", "H.").error().code == Code::kAlreadyExists);
}

TEST_CASE("names that would clash through a suffix are refused, whichever comes first") {
  MetricsRegistry r;
  REQUIRE(r.histogram("foo", "F.").ok());
  REQUIRE(r.gauge("bar_count", "B.").ok());
  REQUIRE(r.counter("hit_total", "H.").ok());
  CHECK(message(r.gauge("foo_count", "F.")) == "metric \"foo_count\" and \"foo\" would both expose foo_count");
  CHECK(message(r.histogram("bar", "B.")) == "metric \"bar\" and \"bar_count\" would both expose bar_count");
  CHECK(message(r.gauge("hit", "H.")) == "metric \"hit\" and \"hit_total\" would both expose hit");
  CHECK_FALSE(r.gauge("hit_created", "H.").ok());
  CHECK_FALSE(r.gauge("foo_bucket", "F.").ok());
  CHECK_FALSE(r.counter("seawall_metrics_dropped_label_sets_total", "Mine.").ok());
  CHECK(r.gauge("foo_max", "F.").ok());
}

TEST_CASE("a refused name, label or help is quoted") {
  MetricsRegistry r;
  CHECK(message(r.gauge("9lives", "H.")).find("\"9lives\"") != std::string::npos);
  for (const char* name : {"", "_x", "a:b", "a-b", "a b", "\xC3\xA4", "x_total"}) CHECK_FALSE(r.gauge(name, "H.").ok());
  CHECK(message(r.counter("requests", "H.")) == "counter name \"requests\" must end in _total");
  CHECK_FALSE(r.counter("_total", "H.").ok());
  for (const char* label : {"", "1a", "__a", "a-b", "seawall_overflow"}) CHECK_FALSE(r.gauge("g", "H.", {label}).ok());
  CHECK(message(r.gauge("g", "H.", {"a", "b", "a"})) == "label name \"a\" is there twice");
  CHECK(message(r.histogram("h", "H.", {"le"})) == "label name \"le\" is taken by the buckets");
  CHECK(r.gauge("g_le", "H.", {"le"}).ok());
  CHECK_FALSE(r.gauge("g", "").ok());
  CHECK_FALSE(r.gauge("g", "\xFF").ok());
  CHECK_FALSE(r.gauge(std::string(201, 'a'), "H.").ok());
  CHECK_FALSE(r.counter("a_total", "H.", {}, {.units_per_one = 0}).ok());
}

TEST_CASE("families are bounded") {
  MetricsRegistry r(bounded(10, 10));
  for (const char* name : {"a", "b", "c"}) CHECK(r.gauge(name, "H.").ok());
  CHECK(r.gauge("d", "H.").error().code == Code::kFull);
  CHECK(r.gauge("a", "H.").ok());
}

TEST_CASE("options out of range are named") {
  CHECK(message(MetricsConfig::make({.max_series = 0})) == "max_series must be from 1 to 10000000, not 0");
  CHECK_FALSE(MetricsConfig::make({.max_families = 0}).ok());
  CHECK_FALSE(MetricsConfig::make({.max_series_per_family = 0}).ok());
  CHECK_FALSE(MetricsConfig::make({.max_label_value_bytes = 0}).ok());
}

TEST_CASE("a counter may count in fractions of what it exposes") {
  MetricsRegistry r;
  r.counter("revenue_dollars_total", "Revenue.", {}, {.units_per_one = 100}).value().get().add(1995);
  CHECK(lines(r.to_prometheus(), "revenue") == "revenue_dollars_total 19.95\n");
}

TEST_CASE("the Accept header chooses the format") {
  using seawall::Exposition;
  using seawall::negotiate;
  CHECK(negotiate("") == Exposition::kPrometheus);
  CHECK(negotiate("*/*") == Exposition::kPrometheus);
  CHECK(negotiate("text/html") == Exposition::kPrometheus);
  CHECK(negotiate("application/json") == Exposition::kJson);
  CHECK(negotiate("application/openmetrics-text") == Exposition::kOpenMetrics);
  // What Prometheus 2.42 and 3 send.
  CHECK(negotiate("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1") == Exposition::kOpenMetrics);
  CHECK(negotiate("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2") == Exposition::kOpenMetrics);
  CHECK(negotiate("text/plain;version=0.0.4, application/openmetrics-text;q=0.5") == Exposition::kPrometheus);
  CHECK(negotiate("application/openmetrics-text;version=2.0.0,text/plain;q=0.1") == Exposition::kPrometheus);
  CHECK(negotiate("Application/JSON ; q=0.8 , */*;q=0.1") == Exposition::kJson);
  CHECK(negotiate("application/json;q=0, */*;q=0.1") == Exposition::kPrometheus);
  CHECK(seawall::content_type(Exposition::kPrometheus) == "text/plain; version=0.0.4; charset=utf-8");
}
