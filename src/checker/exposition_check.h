// SPDX-License-Identifier: MIT
//
// What the samples of one family must be together. The checker of a text opens one of these for each family and closes
// it when another begins. A fault is reported at the line it is found in, what is missing at the metric's first line.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "checker/exposition_line.h"
#include "checker/exposition_rules.h"

namespace seawall::detail {

struct Fault {
  std::size_t line = 0;
  Error error;
};
using MaybeError = std::optional<Error>;

// Every total of a text, by its series.
using Totals = std::unordered_map<std::string, double>;

class FamilyCheck {
 public:
  FamilyCheck(Exposition format, std::string_view name, std::size_t line) : format_(format), name_(name), line_(line) {}

  std::string_view name() const noexcept { return name_; }
  std::size_t line() const noexcept { return line_; }  // its first
  FamilyType type() const noexcept { return type_; }
  // The suffix by which a sample of this name belongs to the family.
  std::optional<std::string_view> suffix_of(std::string_view sample) const noexcept;

  MaybeError metadata(const ParsedLine& line);
  // `line` must belong. Totals are compared with `previous` and noted in `totals`.
  MaybeError sample(const ParsedLine& line, std::size_t number, const Totals& previous, Totals& totals);
  std::optional<Fault> close() const;

 private:
  // One histogram at one time: what its samples, of different names, say together.
  struct Point {
    std::size_t line = 0;  // its first
    double bound = -std::numeric_limits<double>::infinity();
    double below = 0;  // the count at `bound`
    bool has_buckets = false;
    bool has_negative_bound = false;
    bool has_sum = false;
    std::optional<double> count;
  };
  // A sample with what its place in the family makes of it.
  struct Sample {
    const ParsedLine& line;
    std::string_view suffix;
    std::optional<double> bound{};  // of a bucket or a quantile
    std::string metric{};           // a key of the labels without the one that holds the bound or the state
    std::string series{};           // a key of the name and all labels
  };

  bool open_metrics() const noexcept { return format_ == Exposition::kOpenMetrics; }
  bool is_histogram() const noexcept { return type_ == FamilyType::kHistogram || type_ == FamilyType::kGaugeHistogram; }
  // The label that tells the samples of one metric apart; "" when there is none.
  std::string_view own_label(std::string_view suffix) const noexcept;

  MaybeError check_type(const ParsedLine& line);
  MaybeError check_unit(const ParsedLine& line);
  MaybeError read_own_label(Sample& sample) const;
  MaybeError check_place(const Sample& sample);
  MaybeError check_series(const Sample& sample);
  MaybeError check_value(const Sample& sample) const;
  MaybeError check_point(const Sample& sample, std::size_t number);
  MaybeError check_bucket(const Sample& sample, Point& point) const;
  MaybeError check_exemplar(const Sample& sample) const;
  MaybeError check_whole(const Point& point) const;

  const Exposition format_;
  const std::string name_;
  const std::size_t line_;
  FamilyType type_ = FamilyType::kUnknown;
  std::string unit_;
  bool has_type_ = false;
  bool has_help_ = false;
  bool has_unit_ = false;
  bool has_samples_ = false;
  std::unordered_map<std::string, std::optional<double>> series_;  // each with its last timestamp
  std::unordered_set<std::string> metrics_;
  std::string current_;  // the metric of the last sample
  std::map<std::string, Point> points_;
};

}  // namespace seawall::detail
