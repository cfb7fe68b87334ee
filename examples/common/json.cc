// SPDX-License-Identifier: MIT
#include "common/json.h"

using nlohmann::json;

namespace {

constexpr int kMostLevels = 64;

// Counted before parsing: a callback of the parser takes eight times as long as the parser.
bool is_too_deep(std::string_view text) {
  int level = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (quoted) continue;
    if ((c == '[' || c == '{') && ++level > kMostLevels) return true;
    if (c == ']' || c == '}') --level;
  }
  return false;
}

}  // namespace

json parse_json(std::string_view text) {
  if (is_too_deep(text)) return json(json::value_t::discarded);
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string to_text(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }
