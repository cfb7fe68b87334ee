// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
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
  bool other_version = false;  // of OpenMetrics: a later one than we write
};

Range parse_range(std::string_view text) {
  Range range{.type = next_part(text, ';')};
  while (!text.empty()) {
    const std::string_view parameter = next_part(text, ';');
    if (parameter.starts_with("q=")) {
      const std::string_view q = parameter.substr(2);
      if (std::from_chars(q.data(), q.data() + q.size(), range.q).ec != std::errc()) range.q = 0;
    } else if (parameter.starts_with("version=")) {
      const std::string_view version = parameter.substr(8);
      range.other_version = version != "1.0.0" && version != "0.0.1";
    }
  }
  return range;
}

std::optional<Exposition> format_of(const Range& range) {
  if (same_word(range.type, "application/openmetrics-text")) {
    return range.other_version ? std::nullopt : std::optional(Exposition::kOpenMetrics);
  }
  if (same_word(range.type, "application/json")) return Exposition::kJson;
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
