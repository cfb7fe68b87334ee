// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"
#include "support/vectors.h"

using seawall::MetricsRegistry;
using seawall::testing::Fields;
using seawall::testing::text_field;
using seawall::testing::VectorStep;

namespace {

// The first line that begins with `head`, without its line feed.
std::string line(const std::string& text, const std::string& head) {
  const auto at = text.rfind(head, 0) == 0 ? 0 : text.find(std::string("\n").append(head)) + 1;
  return text.substr(at, text.find('\n', at) - at);
}

std::string value(const std::string& line) { return line.substr(line.rfind(' ') + 1); }

double number(const VectorStep& step) { return std::strtod(text_field(step.arguments, "value").c_str(), nullptr); }

Fields label(const VectorStep& step) {
  MetricsRegistry r;
  r.counter("m_total", "M.", {"l"}).value().with({text_field(step.arguments, "value")}).add();
  const std::string json = r.to_json();
  const std::string head = "\"labels\":{\"l\":";
  const auto at = json.find(head) + head.size();
  return {{"text", line(r.to_prometheus(), "m_total")}, {"json", json.substr(at, json.find("},", at) - at)}};
}

Fields help(const VectorStep& step) {
  MetricsRegistry r;
  REQUIRE(r.gauge("g", text_field(step.arguments, "value")).ok());
  return {{"prometheus", line(r.to_prometheus(), "# HELP")}, {"openmetrics", line(r.to_openmetrics(), "# HELP")}};
}

Fields gauge(const VectorStep& step) {
  MetricsRegistry r;
  r.gauge("g", "G.").value().get().set(number(step));
  return {{"text", line(r.to_prometheus(), "g")}};
}

Fields bound(const VectorStep& step) {
  MetricsRegistry r;
  const std::array bounds{number(step)};
  REQUIRE(r.histogram("h", "H.", {}, {.bounds = seawall::Bounds::make(bounds).value()}).ok());
  return {{"text", line(r.to_prometheus(), "h_bucket")}};
}

Fields observe(const VectorStep& step) {
  MetricsRegistry r;
  auto h = r.histogram("h", "H.", {}, {.bounds = seawall::Bounds::make(std::array{0.1, 1.0}).value()}).value().get();
  h.observe(number(step));
  const std::string text = r.to_openmetrics();
  std::string buckets;
  for (const char* le : {"0.1", "1.0", "+Inf"}) {
    if (!buckets.empty()) buckets += ',';
    buckets += value(line(text, std::string("h_bucket{le=\"").append(le)));
  }
  CHECK(value(line(text, "h_count")) == "1");
  const double expected = std::strtod(text_field(step.expected, "sum").c_str(), nullptr);
  CHECK(h.snapshot().sum == expected);
  return {{"buckets", buckets}, {"sum", text_field(step.expected, "sum")}};
}

Fields name(const VectorStep& step) {
  MetricsRegistry r;
  const std::string type = text_field(step.arguments, "type");
  const std::string name = text_field(step.arguments, "name");
  const std::string label = text_field(step.arguments, "label", "l");
  const bool accepted = type == "counter" ? r.counter(name, "H.", {label}).ok()
                        : type == "gauge" ? r.gauge(name, "H.", {label}).ok()
                                          : r.histogram(name, "H.", {label}).ok();
  return {{"accepted", accepted ? "1" : "0"}};
}

Fields negotiate(const VectorStep& step) {
  static const std::map<seawall::Exposition, std::string> kNames{{seawall::Exposition::kPrometheus, "prometheus"},
                                                                 {seawall::Exposition::kOpenMetrics, "openmetrics"},
                                                                 {seawall::Exposition::kJson, "json"}};
  return {{"format", kNames.at(seawall::negotiate(text_field(step.arguments, "accept")))}};
}

}  // namespace

TEST_CASE("metrics vectors") {
  const std::map<std::string, std::function<Fields(const VectorStep&)>> verbs{
      {"label", label},     {"help", help}, {"gauge", gauge},        {"bound", bound},
      {"observe", observe}, {"name", name}, {"negotiate", negotiate}};
  for (const auto& c : seawall::testing::load_vectors("metrics.txt")) {
    for (const VectorStep& step : c.steps) {
      INFO(c.name << ", line " << step.line);
      CHECK(mismatches(step, verbs.at(step.verb)(step)) == "");
    }
  }
}
