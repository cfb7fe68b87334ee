// SPDX-License-Identifier: MIT
//
// Random recordings with random, nasty label values against a map; after each round the JSON is compared whole.
#include <map>
#include <random>
#include <string>
#include <utility>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"

using seawall::MetricsRegistry;

namespace {

using Labels = std::pair<std::string, std::string>;

std::string random_value(std::mt19937_64& random) {
  static constexpr std::array<std::string_view, 8> kPieces{"a", "b", "\"", "\\", "\n", "=", "\xC3\xA4", ","};
  std::string made;
  for (std::size_t pieces = random() % 4; pieces > 0; --pieces) made += kPieces[random() % kPieces.size()];
  return made;
}

void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

// The sample line that the model expects.
std::string sample(const Labels& labels, std::uint64_t value) {
  std::string inside;
  for (const auto& [name, text] : {std::pair("x", labels.first), std::pair("y", labels.second)}) {
    if (text.empty()) continue;
    if (!inside.empty()) inside += ',';
    inside.append(name).append("=\"");
    escape(inside, text);
    inside += '"';
  }
  std::string line = "m_total";
  if (!inside.empty()) line.append("{").append(inside).append("}");
  return line.append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

TEST_CASE("any sequence of recordings agrees with a map from label set to total, bounds included") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 2026u}) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const std::int64_t bound = 1 + static_cast<std::int64_t>(random() % 60);
    MetricsRegistry r(seawall::MetricsConfig::make({.max_series_per_family = bound}).value());
    auto family = r.counter("m_total", "M.", {"x", "y"}).value();
    std::map<Labels, std::uint64_t> totals;
    std::vector<Labels> order;
    std::uint64_t overflow = 0;
    for (int step = 0; step < 2'000; ++step) {
      const Labels labels{random_value(random), random_value(random)};
      const std::uint64_t n = random() % 5;
      family.with({labels.first, labels.second}).add(static_cast<std::int64_t>(n));
      const bool room = static_cast<std::int64_t>(totals.size()) < bound;
      if (room && totals.find(labels) == totals.end()) order.push_back(labels);
      if (room || totals.find(labels) != totals.end()) {
        totals[labels] += n;
      } else {
        overflow += n;
      }
    }
    // Series stand in the order of their first use; the overflow series comes in when it is first needed, which is
    // after the last series that had room.
    std::string expected = "# HELP m_total M.\n# TYPE m_total counter\n";
    for (const Labels& labels : order) expected += sample(labels, totals.at(labels));
    expected += "m_total{seawall_overflow=\"true\"} " + std::to_string(overflow) + "\n";
    CHECK(r.to_prometheus().starts_with(expected));
    CHECK(r.series_count() == bound);
  }
}
