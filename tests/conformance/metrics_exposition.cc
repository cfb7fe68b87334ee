// SPDX-License-Identifier: MIT
//
// metrics_exposition prometheus|openmetrics|json [LOCALE]: prints a registry with nasty names, label values and
// numbers.
#include <cmath>
#include <cstdio>
#include <locale>
#include <string_view>

#include "seawall/runtime/metrics_registry.h"

namespace {

using namespace std::string_view_literals;

void fill(seawall::MetricsRegistry& r) {
  auto requests =
      r.counter("http_requests_total", "Requests by \"route\" \\ code,\nall of them.", {"route", "code"}).value();
  std::int64_t n = 0;
  for (const std::string_view route :
       {"/plain"sv, "quote \" here"sv, "back\\slash"sv, "\\n"sv, "line\nfeed"sv, "cr\rlf\r\n"sv, "tab\t"sv,
        "{a=\"b\",} 1"sv, "# HELP x"sv, "# EOF"sv, "Z\xC3\xBCrich \xE2\x82\xAC \xF0\x9D\x84\x9E"sv, "\x01\x7F"sv,
        "ends in \\"sv, ""sv, "\xC2\x85 \xE2\x80\xA8"sv, "NaN"sv, " "sv}) {
    requests.with({route, "200"}).add(++n);
  }
  requests.with({"no utf-8 \xFF", "500"}).add(1000);
  r.counter("cpu_seconds_total", "Time used.", {}, {.units_per_one = 1'000'000'000}).value().get().add(1'234'567'890);
  r.counter("large_total", "More than a double holds.").value().get().add((std::int64_t{1} << 53) + 1);
  auto numbers = r.gauge("number", "Numbers of all kinds.", {"kind"}).value();
  numbers.with({"nan"}).set(std::nan(""));
  numbers.with({"inf"}).set(HUGE_VAL);
  numbers.with({"minus_inf"}).set(-HUGE_VAL);
  numbers.with({"denormal"}).set(5e-324);
  numbers.with({"largest"}).set(1.7976931348623157e308);
  numbers.with({"third"}).set(1.0 / 3);
  numbers.with({"million"}).set(1234567.5);
  auto latency = r.histogram("latency_seconds", "Latency.", {"route"}).value();
  latency.with({"/a"}).observe(0.005);
  latency.with({"/a"}).observe(std::chrono::milliseconds(30));
  latency.with({"/a"}).observe(99);
  latency.with({"/b\""});
  r.histogram("size_bytes", "Sizes.", {}, {.bounds = seawall::Bounds::exponential(100, 10, 8).value()})
      .value()
      .get()
      .observe(2e6);
}

seawall::Exposition format(std::string_view name) {
  if (name == "json") return seawall::Exposition::kJson;
  return name == "openmetrics" ? seawall::Exposition::kOpenMetrics : seawall::Exposition::kPrometheus;
}

// A decimal comma and grouped digits, as half of the world writes numbers.
struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    std::locale::global(std::locale(std::locale::classic(), new Comma));
    std::setlocale(LC_ALL, argv[2]);
  }
  seawall::MetricsRegistry registry;
  fill(registry);
  const std::string text = registry.render(format(argc > 1 ? argv[1] : ""));
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
