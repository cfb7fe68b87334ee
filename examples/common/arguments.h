// SPDX-License-Identifier: MIT
//
// Command lines of the example programs: `--name value` or `--name=value`, checked, with errors that name the option.
//
//   Arguments arguments(argc, argv, {{"--port", "a TCP port, 0 takes a free one"}, {"--verbose", "", false}});
//   auto port = arguments.number("--port", 8000, 0, 65535);
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct OptionSpec {
  std::string name;
  std::string help;
  bool takes_value = true;
};

// PERMITS/PERIOD, as in 200/60s.
struct QuotaText {
  std::int64_t permits;
  std::chrono::nanoseconds period;
};

std::chrono::nanoseconds parse_duration(std::string_view text);  // 250us, 0ms, 30s, 1.5m; throws std::invalid_argument
QuotaText parse_quota(std::string_view text);

// What `read` makes of an option's value; a std::invalid_argument of it gets the option's name.
template <class Read>
auto for_option(const std::string& name, Read&& read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(name + ": " + error.what());
  }
}

// Everything throws std::invalid_argument with a message for people that begins with the option's name.
class Arguments {
 public:
  Arguments(int argc, char** argv, std::vector<OptionSpec> specs);

  bool has(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name, std::string fallback) const;
  std::vector<std::string> all(const std::string& name) const;
  std::int64_t number(const std::string& name, std::int64_t fallback, std::int64_t low, std::int64_t high) const;
  double share(const std::string& name, double fallback) const;  // from 0 to 1
  std::chrono::nanoseconds duration(const std::string& name, std::chrono::nanoseconds fallback,
                                    std::chrono::nanoseconds low) const;
  QuotaText quota(const std::string& name, QuotaText fallback) const;
  std::string help() const;

 private:
  std::vector<OptionSpec> specs_;
  std::map<std::string, std::vector<std::string>> values_;
};
