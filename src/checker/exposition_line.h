// SPDX-License-Identifier: MIT
//
// One line of Prometheus text 0.0.4 or OpenMetrics 1.0.0, taken apart. Knows the grammar, not what lines mean together.
//
//   0.0.4        any blanks between tokens, but none at the ends of a sample's line (servers refuse those); comments,
//   empty
//                lines, a comma behind the last label; escapes \\ \" \n in label values, \\ \n in help; a timestamp in
//                ms
//   OpenMetrics  one space between tokens, no comments; an unknown escape stands for itself; a timestamp in seconds; an
//                exemplar behind it
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/exposition.h"

namespace seawall::detail {

struct ParsedLabel {
  std::string_view name;
  std::string value{};  // without its escapes
};
using ParsedLabels = std::vector<ParsedLabel>;

struct ParsedExemplar {
  ParsedLabels labels;
  double value = 0;
};

struct ParsedLine {
  enum class Kind { kNothing, kType, kUnit, kHelp, kSample, kEnd };
  Kind kind = Kind::kNothing;
  std::string_view name;  // of a sample, or of the family that a piece of metadata is about
  std::string_view text;  // of the metadata
  ParsedLabels labels;    // in the order of the text
  double value = 0;
  std::optional<double> timestamp;
  std::optional<ParsedExemplar> exemplar;
};

// `line` is UTF-8 without its line feed. Error: kInvalidArgument, quoting the culprit.
Result<ParsedLine> parse_exposition_line(Exposition format, std::string_view line);

// A decimal number, NaN, Inf or Infinity in any case. Nothing: not one, or beyond what a double holds.
std::optional<double> parse_number(std::string_view text) noexcept;

// `rule` with the culprit in quotes before it, cut to what a message holds.
Error refuse(std::string_view culprit, std::string_view rule);

bool is_metric_name(std::string_view text) noexcept;  // [a-zA-Z_:][a-zA-Z0-9_:]*
bool is_label_name(std::string_view text) noexcept;   // [a-zA-Z_][a-zA-Z0-9_]*

}  // namespace seawall::detail
