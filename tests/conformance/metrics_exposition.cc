// SPDX-License-Identifier: MIT
//
// metrics_exposition prometheus|openmetrics|json|otlp [LOCALE]: prints a registry with nasty names, label values and
// numbers. metrics_exposition FORMAT parts: prints what Seawall's own parts publish, all of them.
#include <cmath>
#include <cstdio>
#include <locale>
#include <string_view>

#include "seawall/circuit_breaker.h"
#include "seawall/keyed_circuit_breaker.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/runtime/metrics_publisher.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/pipeline.h"
#include "seawall/runtime/prober.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/runtime/service_source.h"
#include "seawall/runtime/source_follower.h"
#include "seawall/token_bucket.h"

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
  r.state_set("door_state", "State of the door.", {"open", "shut \"fast\""}, {"room"}).value().with({"hall"}).set(1);
  r.info("build_info", "What runs.", {"version"}).value().with({"1.0 \"beta\""});
  const seawall::Exemplar exemplar{0x0af7651916cd43dd, 0x8448eb211c80319c, 0xb7ad6b7169203331, 0, 1'700'000'030'125};
  r.counter("traced_total", "With a trace.", {}, {.exemplars = true}).value().get().add(3, exemplar);
  const auto waits = r.histogram("wait_seconds", "Waits.", {"kind"}, {.exponential = seawall::ExponentialOptions{}},
                                 /*exemplars=*/true)
                         .value();
  for (const double value : {0.0, 1e-9, 0.25, 0.3, 1.0, 100.0, 128.0, 1e6, HUGE_VAL, std::nan("")}) {
    waits.with({"all"}).observe(value, exemplar);
  }
  waits.with({"one"}).observe(0.3);
  waits.with({"none"});
}

// A page with a series, at least, of each family that a part of ours publishes.
std::string page_of_all_parts(const seawall::ExpositionOptions& options) {
  constexpr seawall::TimePoint kNow = seawall::time_from_ns(1'000'000'000);
  const auto quota = seawall::Quota::make(5, std::chrono::seconds(60), 5).value();
  seawall::ServiceRegistry services({}, kNow);
  seawall::ListSource list;
  list.say({.service = "trading", .instances = {{.id = "a", .host = "127.0.0.1", .port = 80}}});
  seawall::SourceFollower follower(services);
  follower.add(list, {.name = "dns"});
  follower.tick_at(kNow);
  seawall::Prober prober(services, {});
  seawall::TokenBucket bucket(seawall::TokenBucketConfig::make(quota).value(), kNow);
  auto users = seawall::KeyedRateLimiter<seawall::TokenBucket>::make({.quota = quota}, kNow).value();
  auto hosts = seawall::KeyedCircuitBreaker::make({.capacity = 3, .breaker = {}}, kNow).value();
  seawall::CircuitBreaker breaker(seawall::CircuitBreakerConfig::make({.count_totals = true}).value(), kNow);

  seawall::MetricsRegistry r;
  seawall::MetricsPublisher publisher(r);
  const bool watched = publisher.watch("s", services) && publisher.watch("f", follower) &&
                       publisher.watch("p", prober) && publisher.watch("b", bucket) && publisher.watch("u", users) &&
                       publisher.watch("h", hosts) && publisher.watch("c", breaker) &&
                       seawall::PipelineMetrics::make(r, "trading");
  const auto labelled = r.counter("mine_total", "Mine.", {"x"}).value();
  labelled.with({"1"});
  labelled.remove({"1"});  // from now on stale recordings are shown
  publisher.publish_at(kNow);
  return watched ? r.render(options) : std::string();
}

seawall::Exposition format(std::string_view name) {
  if (name == "json") return seawall::Exposition::kJson;
  if (name == "otlp") return seawall::Exposition::kOtlpJson;
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
  const seawall::ExpositionOptions options{.format = format(argc > 1 ? argv[1] : ""),
                                           .start_unix_ns = 1'700'000'000'000'000'000,
                                           .now_unix_ns = 1'700'000'060'000'000'000,
                                           .service = "shop \"1\""};
  const bool parts = argc > 2 && argv[2] == "parts"sv;
  if (argc > 2 && !parts) {
    std::locale::global(std::locale(std::locale::classic(), new Comma));
    std::setlocale(LC_ALL, argv[2]);
  }
  seawall::MetricsRegistry registry;
  fill(registry);
  const std::string text = parts ? page_of_all_parts(options) : registry.render(options);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
