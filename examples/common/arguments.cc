// SPDX-License-Identifier: MIT
#include "common/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw std::invalid_argument(name + ": " + why);
}

// The number at the start of `text`, which is shortened by it; NaN when there is none, or one below 0.
double take_number(std::string_view& text) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failed != std::errc() || !std::isfinite(number) || number < 0) return kNone;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::string text_of(std::chrono::nanoseconds duration) {
  const bool whole = duration % std::chrono::milliseconds(1) == std::chrono::nanoseconds(0);
  return whole ? std::to_string(duration.count() / 1'000'000) + "ms" : std::to_string(duration.count()) + "ns";
}

}  // namespace

std::chrono::nanoseconds parse_duration(std::string_view text) {
  const std::string given(text);
  const double number = take_number(text);
  double unit = 0;
  if (text == "ns") unit = 1;
  if (text == "us") unit = 1e3;
  if (text == "ms") unit = 1e6;
  if (text == "s") unit = 1e9;
  if (text == "m" || text == "min") unit = 60e9;
  if (text == "h") unit = 3600e9;
  if (unit == 0 || std::isnan(number))
    throw std::invalid_argument("'" + given + "' is not a duration such as 250ms, 30s or 5m");
  if (number * unit > 9e18) throw std::invalid_argument("'" + given + "' is too long");
  return std::chrono::nanoseconds(std::llround(number * unit));
}

QuotaText parse_quota(std::string_view text) {
  const std::string wanted = "'" + std::string(text) + "' is not PERMITS/PERIOD such as 200/60s";
  std::int64_t permits = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), permits);
  if (failed != std::errc() || end == text.data() + text.size() || *end != '/') throw std::invalid_argument(wanted);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return {permits, parse_duration(text)};
}

Arguments::Arguments(int argc, char** argv, std::vector<OptionSpec> specs) : specs_(std::move(specs)) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    const std::size_t equals = name.starts_with("--") ? name.find('=') : std::string::npos;
    std::string value = equals == std::string::npos ? "" : name.substr(equals + 1);
    name = name.substr(0, equals);
    const auto spec = std::find_if(specs_.begin(), specs_.end(), [&](const OptionSpec& s) { return s.name == name; });
    if (spec == specs_.end()) fail(name, "unknown option (try --help)");
    if (!spec->takes_value && equals != std::string::npos) fail(name, "takes no value");
    if (spec->takes_value && equals == std::string::npos) {
      if (i + 1 == argc) fail(name, "needs a value");
      value = argv[++i];
    }
    values_[name].push_back(std::move(value));
  }
}

std::vector<std::string> Arguments::all(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::string Arguments::text(const std::string& name, std::string fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second.back();
}

std::int64_t Arguments::number(const std::string& name, std::int64_t fallback, std::int64_t low,
                               std::int64_t high) const {
  if (!has(name)) return fallback;
  const std::string given = text(name, "");
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(given.data(), given.data() + given.size(), number);
  if (failed != std::errc() || end != given.data() + given.size() || number < low || number > high) {
    fail(name,
         "must be a number from " + std::to_string(low) + " to " + std::to_string(high) + ", not '" + given + "'");
  }
  return number;
}

double Arguments::share(const std::string& name, double fallback) const {
  if (!has(name)) return fallback;
  const std::string given = text(name, "");
  std::string_view rest = given;
  const double number = take_number(rest);
  if (rest.empty() && number <= 1) return number;
  fail(name, "must be a share from 0 to 1, not '" + given + "'");
}

std::chrono::nanoseconds Arguments::duration(const std::string& name, std::chrono::nanoseconds fallback,
                                             std::chrono::nanoseconds low) const {
  if (!has(name)) return fallback;
  const std::string given = text(name, "");
  const auto duration = for_option(name, [&] { return parse_duration(given); });
  if (duration >= low && duration <= std::chrono::hours(24)) return duration;
  fail(name, "must be from " + text_of(low) + " to 24h, not " + given);
}

QuotaText Arguments::quota(const std::string& name, QuotaText fallback) const {
  if (!has(name)) return fallback;
  return for_option(name, [&] { return parse_quota(text(name, "")); });
}

std::string Arguments::help() const {
  std::string text;
  for (const auto& spec : specs_) {
    text += "  " + spec.name + std::string(spec.name.size() < 22 ? 22 - spec.name.size() : 1, ' ') + spec.help + "\n";
  }
  return text;
}
