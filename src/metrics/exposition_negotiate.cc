// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

#include "seawall/runtime/exposition.h"

namespace seawall {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Cuts the part before `separator` off `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return trimmed(part);
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

struct Range {
  std::string_view type;
  double q = 1;
  std::string_view version{};
  bool other_names = false;  // asks for names that we do not write
};

std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

Range parse_range(std::string_view text) {
  Range range{.type = next_part(text, ';')};
  while (!text.empty()) {
    std::string_view value = next_part(text, ';');
    const std::string_view name = next_part(value, '=');
    value = unquoted(trimmed(value));
    if (same_word(name, "q")) {
      if (std::from_chars(value.data(), value.data() + value.size(), range.q).ec != std::errc()) range.q = 0;
    } else if (same_word(name, "version")) {
      range.version = value;
    } else if (same_word(name, "escaping")) {
      // Of names that are not [a-zA-Z_:][a-zA-Z0-9_:]*, of which we have none, so that allow-utf-8, underscores and
      // values change nothing. Only dots also changes the underscores of others: they would have to be doubled.
      range.other_names = value == "dots";
    }
  }
  return range;
}

// Whether the version is one of these, or not said.
bool is_version(const Range& range, std::initializer_list<std::string_view> known) {
  return range.version.empty() || std::find(known.begin(), known.end(), range.version) != known.end();
}

std::optional<Exposition> format_of(const Range& range) {
  if (range.other_names) return std::nullopt;
  if (same_word(range.type, "application/openmetrics-text")) {
    return is_version(range, {"1.0.0", "0.0.1"}) ? std::optional(Exposition::kOpenMetrics) : std::nullopt;
  }
  if (same_word(range.type, "application/json")) return Exposition::kJson;
  // 1.0.0 is 0.0.4 with quoted names, which we do not need.
  if (same_word(range.type, "text/plain") && !is_version(range, {"0.0.4", "1.0.0"})) return std::nullopt;
  for (const std::string_view plain : {"text/plain", "text/*", "*/*"}) {
    if (same_word(range.type, plain)) return Exposition::kPrometheus;
  }
  return std::nullopt;
}

}  // namespace

std::string_view content_type(Exposition format) noexcept {
  switch (format) {
    case Exposition::kPrometheus:
      return "text/plain; version=0.0.4; charset=utf-8";
    case Exposition::kOpenMetrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case Exposition::kJson:
    case Exposition::kOtlpJson:
      return "application/json";
  }
  return "";
}

Exposition negotiate(std::string_view accept) noexcept {
  Exposition best = Exposition::kPrometheus;
  double best_q = 0;
  while (!accept.empty()) {
    const Range range = parse_range(next_part(accept, ','));
    const auto format = format_of(range);
    if (format && range.q > best_q) {
      best = *format;
      best_q = range.q;
    }
  }
  return best;
}

}  // namespace seawall
