// SPDX-License-Identifier: MIT
#include "common/json.h"

using nlohmann::json;

namespace {
constexpr int kMostLevels = 64;
struct TooDeep {};
}  // namespace

json parse_json(std::string_view text) {
  const auto look = [](int level, json::parse_event_t, json&) {
    if (level > kMostLevels) throw TooDeep();
    return true;
  };
  try {
    return json::parse(text, look, /*allow_exceptions=*/false);
  } catch (const TooDeep&) {
    return json(json::value_t::discarded);
  }
}

std::string to_text(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }
