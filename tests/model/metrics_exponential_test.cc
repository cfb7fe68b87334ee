// SPDX-License-Identifier: MIT
//
// Exponential buckets against their definition: a value lies above the bound of the bucket below and not above its own.
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"

using seawall::ExponentialBuckets;

TEST_CASE("every value is in the bucket whose bounds hold it, at every schema") {
  std::mt19937_64 random(2026);
  for (std::int64_t schema = 0; schema <= ExponentialBuckets::kMaxSchema; ++schema) {
    const auto buckets = ExponentialBuckets::make({.schema = schema, .min_exponent = -5, .max_exponent = 5}).value();
    std::string wrong;
    for (int i = 0; i < 100'000; ++i) {
      double value = std::exp2(static_cast<double>(random() % 14'000) / 1000 - 7);
      if (i % 2 == 0) value = buckets.upper_bound(random() % (buckets.size() - 1));  // a bound belongs below it
      if (i % 6 == 2) value = std::nextafter(value, 1e9);
      if (i % 6 == 4) value = std::nextafter(value, 0);
      const std::size_t at = buckets.bucket_of(value);
      if (value > buckets.upper_bound(at) || (at > 0 && value <= buckets.upper_bound(at - 1))) {
        wrong = std::to_string(value) + " in " + std::to_string(at);
      }
    }
    CHECK(wrong == "");
    const double infinity = std::numeric_limits<double>::infinity();
    for (const double small : {0.0, -0.0, -1.0, -infinity, 5e-324, std::exp2(-5)}) {
      CHECK(buckets.bucket_of(small) == 0);
    }
    CHECK(buckets.bucket_of(32) == buckets.size() - 2);
    for (const double large : {std::nextafter(32.0, 33.0), 1e300, infinity, std::nan(""), -std::nan("")}) {
      CHECK(buckets.bucket_of(large) == buckets.size() - 1);
    }
    CHECK(buckets.upper_bound(buckets.size() - 2) == 32);
  }
}

TEST_CASE("a place is the bucket and the steps of a value, whatever the value and the configuration") {
  using seawall::HistogramConfig;
  std::mt19937_64 random(2026);
  using Limits = std::numeric_limits<double>;
  for (const seawall::HistogramOptions& options : {
           seawall::HistogramOptions{.exponential = seawall::ExponentialOptions{}},
           {.exponential = seawall::ExponentialOptions{.schema = 5, .min_exponent = -6, .max_exponent = 6}},
           {.exponential = seawall::ExponentialOptions{.schema = 0, .min_exponent = -1000, .max_exponent = -602}},
           {.exponential = seawall::ExponentialOptions{.schema = 0, .min_exponent = 999, .max_exponent = 1023}},
           // Their highest buckets are beyond kMaxSteps.
           {.exponential = seawall::ExponentialOptions{.schema = 2, .min_exponent = -20, .max_exponent = 60}},
           {.exponential = seawall::ExponentialOptions{.schema = 3, .min_exponent = 10, .max_exponent = 40},
           .steps_per_unit = HistogramConfig::kMaxStepsPerUnit},
           {},
       }) {
    const HistogramConfig config = HistogramConfig::make(options).value();
    std::string wrong;
    const auto check = [&](double value) {
      const HistogramConfig::Place place = config.place_of(value);
      if (place.bucket != config.bucket_of(value) || place.steps != config.steps(value)) wrong = std::to_string(value);
    };
    for (std::size_t i = 0; i + 1 < config.bucket_count(); ++i) {
      const double bound = config.upper_bound(i);
      for (const double value : {bound, std::nextafter(bound, 0), std::nextafter(bound, Limits::infinity())}) {
        check(value);
        check(-value);
      }
    }
    for (const double value : {0.0, Limits::infinity(), Limits::quiet_NaN(), Limits::max(), Limits::denorm_min(), 0.5})
      check(value), check(-value);
    for (int i = 0; i < 100'000; ++i) check(std::bit_cast<double>(random()));
    for (int i = 0; i < 100'000; ++i) check(std::exp2(static_cast<double>(random() % 100'000) / 1000 - 40));
    CHECK(wrong == "");
  }
}

TEST_CASE("exponents that do not fit the bound on buckets are refused") {
  const auto why = [](std::int64_t schema, std::int64_t low, std::int64_t high) {
    const auto made = ExponentialBuckets::make({.schema = schema, .min_exponent = low, .max_exponent = high});
    return made ? std::string() : std::string(made.error().message.view());
  };
  CHECK(why(3, -20, 7) == "");
  CHECK(why(0, -398, 0) == "");
  CHECK(why(3, -20, 30) == "max_exponent must be from -19 to 29, not 30");
  CHECK(why(0, 999, 1024) == "max_exponent must be from 1000 to 1023, not 1024");
  CHECK(why(6, 0, 1) == "schema must be from 0 to 5, not 6");
  CHECK(why(-1, 0, 1) != "");
  CHECK(why(0, 5, 5) != "");
  CHECK(why(0, -2000, 1) != "");
}

TEST_CASE("states, infos and callbacks are exposed, one that throws has no sample, one that is removed is not called") {
  seawall::MetricsRegistry r;
  auto states = r.state_set("breaker_state", "State.", {"closed", "open"}, {"service"}).value();
  const auto trading = states.with({"trading"});
  trading.set(1);
  trading.set(9);
  CHECK(trading.value() == 1);
  r.info("build_info", "Build.", {"version"}).value().with({"1.0"});
  auto depth = r.gauge("depth", "Depth.", {"queue"}).value();
  int calls = 0;
  REQUIRE(depth.set_callback({"a"}, [&] { return ++calls, 2.5; }).ok());
  REQUIRE(depth.set_callback({"b"}, []() -> double { throw 1; }).ok());
  REQUIRE(depth.set_callback({"c"}, [&] { return depth.remove({"c"}), r.gauge("late", "L.").ok() ? 1.0 : 0.0; }).ok());
  CHECK(depth.set_callback({"a"}, [] { return 1.0; }).error().code == seawall::Code::kAlreadyExists);
  const std::string text = r.to_prometheus();
  for (const char* sample : {"\nbreaker_state{service=\"trading\",breaker_state=\"closed\"} 0\n",
                             "\nbreaker_state{service=\"trading\",breaker_state=\"open\"} 1\n",
                             "\nbuild_info{version=\"1.0\"} 1\n", "\ndepth{queue=\"a\"} 2.5\n"}) {
    CHECK(text.find(sample) != std::string::npos);
  }
  CHECK(text.find("queue=\"b\"") == std::string::npos);
  CHECK((depth.remove({"a"}) && calls == 1));
  CHECK(r.to_prometheus().find("queue=\"a\"") == std::string::npos);
  CHECK(calls == 1);
  for (const char* bad : {"build", "_info"}) CHECK_FALSE(r.info(bad, "B.", {"v"}).ok());
  CHECK_FALSE(r.state_set("s", "S.", {}).ok());
  CHECK_FALSE(r.state_set("s", "S.", {"a", "a"}).ok());
  CHECK_FALSE(r.state_set("s", "S.", {"a"}, {"s"}).ok());
}

TEST_CASE("buckets up to the largest powers of two take every double") {
  const auto made = ExponentialBuckets::make({.schema = 0, .min_exponent = 999, .max_exponent = 1023});
  REQUIRE(made);
  const ExponentialBuckets& buckets = made.value();
  const std::size_t last = buckets.size() - 1;
  using Limits = std::numeric_limits<double>;
  CHECK(std::isinf(buckets.upper_bound(last)));
  CHECK(buckets.upper_bound(last - 1) == std::ldexp(1.0, 1023));
  CHECK(buckets.bucket_of(std::ldexp(1.0, 1023)) == last - 1);
  for (const double beyond : {Limits::max(), Limits::infinity(), Limits::quiet_NaN(), -Limits::quiet_NaN()}) {
    CHECK(buckets.bucket_of(beyond) == last);
  }
  for (const double low : {0.0, -0.0, -1.0, -Limits::max(), -Limits::infinity(), -Limits::denorm_min(),
                           Limits::denorm_min(), Limits::min(), std::ldexp(1.0, 999)}) {
    CHECK(buckets.bucket_of(low) == 0);
  }
}
