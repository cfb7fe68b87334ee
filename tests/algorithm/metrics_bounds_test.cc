// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "seawall/algorithm/bounds.h"
#include "seawall/histogram.h"
#include "support/catch.h"

using seawall::Bounds;
using seawall::bucket_of;
using seawall::HistogramConfig;

namespace {

constexpr std::array kTwo{0.1, 1.0};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// A value equal to a bound belongs below it; NaN is above every bound (a lower_bound would put it into the first).
static_assert(bucket_of(kTwo, -kInf) == 0 && bucket_of(kTwo, 0.1) == 0);
static_assert(bucket_of(kTwo, 0.10000000000000002) == 1 && bucket_of(kTwo, 1.0) == 1);
static_assert(bucket_of(kTwo, 1.0000000000000002) == 2 && bucket_of(kTwo, kInf) == 2 && bucket_of(kTwo, kNan) == 2);

static_assert(Bounds::defaults().values().size() == 11 && Bounds::defaults().values().back() == 10);
static_assert(Bounds::exponential(1, 2, 4).value().values()[3] == 8);
static_assert(Bounds::linear(1, 2, 4).value().values()[3] == 7);

template <std::size_t kSize>
constexpr double quantile(const std::array<std::uint64_t, kSize>& counts, double q) {
  return seawall::quantile(HistogramConfig::make({.bounds = Bounds::make(kTwo).value()}).value(), counts, q);
}
static_assert(quantile(std::array<std::uint64_t, 3>{2, 0, 0}, 0.5) == 0.05);
static_assert(quantile(std::array<std::uint64_t, 3>{1, 1, 0}, 1) == 1);
static_assert(quantile(std::array<std::uint64_t, 3>{1, 1, 0}, 0.5) == 0.1);
static_assert(quantile(std::array<std::uint64_t, 3>{0, 2, 0}, 0.5) == 0.55);
static_assert(quantile(std::array<std::uint64_t, 3>{0, 2, 0}, 0) == 0.1);
static_assert(quantile(std::array<std::uint64_t, 3>{0, 0, 5}, 0.5) == 1);

}  // namespace

TEST_CASE("bounds that are no rising list of numbers are refused by position") {
  const auto why = [](std::initializer_list<double> values) {
    return std::string(Bounds::make({values.begin(), values.size()}).error().message.view());
  };
  CHECK(why({}) == "number of bounds must be from 1 to 30, not 0");
  CHECK(why({1, 1}) == "bound 1 must be above the one before it");
  CHECK(why({1, 2, 1.5}) == "bound 2 must be above the one before it");
  CHECK(why({-1}) == "bound 0 must be finite and not negative");
  CHECK(why({1, kNan}) == "bound 1 must be finite and not negative");
  CHECK(why({kInf}) == "bound 0 must be finite and not negative");
  CHECK(Bounds::linear(0, 1, 30).ok());
  CHECK(Bounds::linear(0, 1, 31).error().message.view() == "number of bounds must be from 1 to 30, not 31");
  CHECK_FALSE(Bounds::linear(0, 1, std::numeric_limits<std::size_t>::max()).ok());
  CHECK_FALSE(Bounds::linear(0, 0, 2).ok());
  CHECK_FALSE(Bounds::exponential(0, 2, 2).ok());
  CHECK_FALSE(Bounds::exponential(1e300, 1e300, 2).ok());
}

TEST_CASE("a quantile of nothing, or outside 0 to 1, is no number") {
  CHECK(std::isnan(quantile(std::array<std::uint64_t, 3>{0, 0, 0}, 0.5)));
  CHECK(std::isnan(quantile(std::array<std::uint64_t, 3>{1, 0, 0}, -0.1)));
  CHECK(std::isnan(quantile(std::array<std::uint64_t, 3>{1, 0, 0}, 1.1)));
  CHECK(std::isnan(quantile(std::array<std::uint64_t, 3>{1, 0, 0}, kNan)));
}

TEST_CASE("the search without branches finds what the definition says, for every number of bounds") {
  std::mt19937_64 random(11);
  std::string wrong;
  for (std::size_t size = 1; size <= Bounds::kMax; ++size) {
    const auto bounds = Bounds::linear(0, 0.25, size).value();
    const auto check = [&](double value) {
      if (bounds.bucket_of(value) != bucket_of(bounds.values(), value)) {
        wrong = std::to_string(value) + " of " + std::to_string(size);
      }
    };
    for (const double value : {kNan, -kNan, kInf, -kInf, -0.0, -1.0, 5e-324, 1e300}) check(value);
    for (int i = 0; i < 300; ++i) check(static_cast<double>(random() % 1000) / 100);  // on bounds and between
    for (const double bound : bounds.values()) {
      for (const double value : {bound, std::nextafter(bound, kInf), std::nextafter(bound, -kInf)}) check(value);
    }
  }
  CHECK(wrong == "");
}

TEST_CASE("an observation adds whole steps to the sum, and what is no measurement nothing") {
  const auto config = HistogramConfig::make({.steps_per_unit = 1000}).value();
  CHECK(config.steps(0.0014) == 1);
  CHECK(config.steps(0.0016) == 2);
  CHECK(config.steps(12.345) == 12'345);
  for (const double none : {0.0, -0.0, -1.0, kNan, -kNan, kInf, -kInf, 5e-324, 1e-10}) CHECK(config.steps(none) == 0);
  for (const double large : {1e15, 1e300, std::numeric_limits<double>::max()}) {
    CHECK(config.steps(large) == static_cast<std::uint64_t>(HistogramConfig::kMaxSteps));
  }
  static_assert(HistogramConfig().steps(1.5) == 1'500'000'000 && HistogramConfig().bucket_of(0.3) == 6);
}

TEST_CASE("the resolution of a sum follows the last bound, within a billion steps a unit") {
  const auto steps = [](double last, std::int64_t given = 0) {
    const auto bounds = Bounds::make(std::array{last}).value();
    return HistogramConfig::make({.bounds = bounds, .steps_per_unit = given}).value().steps_per_unit();
  };
  CHECK(steps(10) == 1'000'000'000);
  CHECK(steps(100) == 1'000'000'000);
  CHECK(steps(101) == 100'000'000);
  CHECK(steps(1e9) == 100);
  CHECK(steps(1e300) == 1);
  CHECK(steps(1e300, 7) == 7);
  CHECK_FALSE(HistogramConfig::make({.steps_per_unit = -1}).ok());
  CHECK_FALSE(HistogramConfig::make({.steps_per_unit = 1'000'000'001}).ok());
}
