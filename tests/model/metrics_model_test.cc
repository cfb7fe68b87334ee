// SPDX-License-Identifier: MIT
//
// Random recordings with random, nasty label values against a map; after each round the JSON is compared whole.
#include <map>
#include <string>
#include <utility>

#include "seawall/runtime/metrics_registry.h"
#include "support/catch.h"
#include "support/game.h"

using seawall::MetricsRegistry;
using seawall::testing::Draws;
using seawall::testing::Game;
using seawall::testing::play;

namespace {

using Labels = std::pair<std::string, std::string>;

std::string some_value(Draws& draws) {
  static constexpr std::array<std::string_view, 8> kPieces{"a", "b", "\"", "\\", "\n", "=", "\xC3\xA4", ","};
  std::string made;
  for (std::int64_t pieces = draws.below(4); pieces > 0; --pieces) {
    made += kPieces[static_cast<std::size_t>(draws.below(kPieces.size()))];
  }
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

// Series stand in the order of their first use; the overflow series comes in when it is first needed, which is after
// the last series that had room.
class Model {
 public:
  explicit Model(std::int64_t bound) : bound_(bound) {}

  void add(const Labels& labels, std::uint64_t n) {
    const bool known = totals_.find(labels) != totals_.end();
    const bool room = known || static_cast<std::int64_t>(totals_.size()) < bound_;
    if (room && !known) order_.push_back(labels);
    (room ? totals_[labels] : overflow_) += n;
    overflowed_ |= !room;
  }
  std::int64_t series() const { return static_cast<std::int64_t>(totals_.size()); }
  std::string text() const {
    if (order_.empty()) return "";  // a family without series is not there
    std::string made = "# HELP m_total M.\n# TYPE m_total counter\n";
    for (const Labels& labels : order_) made += sample(labels, totals_.at(labels));
    if (overflowed_) made.append("m_total{seawall_overflow=\"true\"} ").append(std::to_string(overflow_)).append("\n");
    return made;
  }

 private:
  std::int64_t bound_;
  std::map<Labels, std::uint64_t> totals_;
  std::vector<Labels> order_;
  std::uint64_t overflow_ = 0;
  bool overflowed_ = false;
};

void record(Game& game) {
  const std::int64_t bound = 1 + game.first.below(60);
  game.tell("bound", bound);
  MetricsRegistry r(seawall::MetricsConfig::make({.max_series_per_family = bound}).value());
  auto family = r.counter("m_total", "M.", {"x", "y"}).value();
  Model model(bound);
  for (Draws& draws : game.moves) {
    const std::string x = some_value(draws);
    const Labels labels{x, some_value(draws)};
    const auto n = draws.below(5);
    game.tell("add to labels of so many bytes", n, labels.first.size(), labels.second.size());
    family.with({labels.first, labels.second}).add(n);
    model.add(labels, static_cast<std::uint64_t>(n));
  }
  RC_ASSERT(r.series_count() == model.series());
  const std::string expected = model.text();
  RC_ASSERT(r.to_prometheus().substr(0, expected.size()) == expected);
}

}  // namespace

TEST_CASE("any sequence of recordings agrees with a map from label set to total, bounds included") {
  play(20, 500, record);
}
