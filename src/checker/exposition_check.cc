// SPDX-License-Identifier: MIT
#include "checker/exposition_check.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace seawall::detail {
namespace {

const ParsedLabel* find_label(const ParsedLabels& labels, std::string_view name) {
  const auto found = std::find_if(labels.begin(), labels.end(), [name](const auto& l) { return l.name == name; });
  return found == labels.end() ? nullptr : &*found;
}

void append_sized(std::string& key, std::string_view text) {
  key.append(std::to_string(text.size())).append(":").append(text);
}

// By value: le="1" and le="1.0" are one bucket.
void append_number(std::string& key, std::optional<double> value) {
  if (!value) return;
  const double plain = *value + 0.0;  // -0 is 0
  key.append(reinterpret_cast<const char*>(&plain), sizeof plain);
}

// Sorted, with lengths, without what is absent because it is empty.
std::string label_key(const ParsedLabels& labels, std::string_view left_out) {
  std::vector<const ParsedLabel*> sorted;
  for (const ParsedLabel& label : labels) {
    if (!label.value.empty() && label.name != left_out) sorted.push_back(&label);
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  std::string key;
  for (const ParsedLabel* label : sorted) {
    append_sized(key, label->name);
    append_sized(key, label->value);
  }
  return key;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void append_value(Message& m, double value) {
  if (std::fabs(value) < 1e15 && std::trunc(value) == value) {
    m.append(static_cast<std::int64_t>(value));
  } else {
    m.append(std::to_string(value));
  }
}

Error fell(std::string_view name, double from, double to) {
  Message m("\"");
  m.append(Message::head(name, 100)).append("\" fell from ");
  append_value(m, from);
  m.append(" to ");
  append_value(m, to);
  return {Code::kInvalidArgument, m};
}

}  // namespace

std::optional<std::string_view> FamilyCheck::suffix_of(std::string_view sample) const noexcept {
  if (!sample.starts_with(name_)) return std::nullopt;
  const auto suffixes = family_suffixes(format_, type_);
  const auto found = std::find(suffixes.begin(), suffixes.end(), sample.substr(name_.size()));
  return found == suffixes.end() ? std::nullopt : std::optional(*found);
}

MaybeError FamilyCheck::metadata(const ParsedLine& line) {
  if (has_samples_) return refuse(name_, "has metadata behind its samples");
  if (line.kind == ParsedLine::Kind::kType) return check_type(line);
  if (line.kind == ParsedLine::Kind::kUnit) return check_unit(line);
  if (std::exchange(has_help_, true)) return refuse(name_, "has a second HELP line");
  return std::nullopt;
}

MaybeError FamilyCheck::check_type(const ParsedLine& line) {
  if (std::exchange(has_type_, true)) return refuse(name_, "has a second TYPE line");
  const auto type = family_type(format_, line.text);
  if (!type) return refuse(line.text, "is no type of metric in this format");
  if (open_metrics() && type == FamilyType::kCounter && name_.ends_with("_total")) {
    return refuse(name_, "is the family of a counter, which OpenMetrics names without _total");
  }
  type_ = *type;
  return std::nullopt;
}

MaybeError FamilyCheck::check_unit(const ParsedLine& line) {
  if (std::exchange(has_unit_, true)) return refuse(name_, "has a second UNIT line");
  unit_ = line.text;
  const bool ends =
      name_.ends_with(unit_) && name_.size() > unit_.size() && name_[name_.size() - unit_.size() - 1] == '_';
  if (!unit_.empty() && !ends) return refuse(name_, "does not end in _ and its UNIT");
  return std::nullopt;
}

std::string_view FamilyCheck::own_label(std::string_view suffix) const noexcept {
  if (is_histogram()) return suffix == "_bucket" ? "le" : "";
  if (type_ == FamilyType::kStateSet) return name_;
  return type_ == FamilyType::kSummary && suffix.empty() ? "quantile" : "";
}

MaybeError FamilyCheck::sample(const ParsedLine& line, std::size_t number, const Totals& previous, Totals& totals) {
  has_samples_ = true;
  if (!unit_.empty() && (type_ == FamilyType::kInfo || type_ == FamilyType::kStateSet)) {
    return refuse(name_, "has a UNIT, which metrics of its type must not have");
  }
  Sample sample{.line = line, .suffix = suffix_of(line.name).value_or("")};
  if (auto error = read_own_label(sample)) return error;
  if (auto error = check_place(sample)) return error;
  if (auto error = check_series(sample)) return error;
  if (auto error = check_value(sample)) return error;
  if (auto error = check_point(sample, number)) return error;
  if (auto error = check_exemplar(sample)) return error;
  if (!is_total(type_, sample.suffix)) return std::nullopt;
  const auto before = previous.find(sample.series);
  if (before != previous.end() && line.value < before->second) return fell(line.name, before->second, line.value);
  totals.insert_or_assign(std::move(sample.series), line.value);
  return std::nullopt;
}

MaybeError FamilyCheck::read_own_label(Sample& sample) const {
  const ParsedLine& line = sample.line;
  const std::string_view own = own_label(sample.suffix);
  const ParsedLabel* label = own.empty() ? nullptr : find_label(line.labels, own);
  if (!own.empty() && label == nullptr)
    return refuse(line.name, type_ == FamilyType::kStateSet ? "has no label of its own name, for the state"
                             : is_histogram()               ? "has no label le"
                                                            : "has no label quantile");
  if (own.empty() && is_histogram() && find_label(line.labels, "le") != nullptr) {
    return refuse(line.name, "has a label le, which is for buckets");
  }
  if (label != nullptr && type_ != FamilyType::kStateSet) {
    sample.bound = parse_number(label->value);
    const bool fits =
        sample.bound && (is_histogram() ? !std::isnan(*sample.bound) : *sample.bound >= 0 && *sample.bound <= 1);
    if (!fits) return refuse(label->value, is_histogram() ? "is no bound for le" : "is no quantile from 0 to 1");
  }
  sample.metric = label_key(line.labels, own);
  sample.series.append(line.name).append(" ").append(sample.bound ? sample.metric : label_key(line.labels, ""));
  append_number(sample.series, sample.bound);
  return std::nullopt;
}

// OpenMetrics: the samples of one metric stand together.
MaybeError FamilyCheck::check_place(const Sample& sample) {
  const bool fresh = metrics_.insert(sample.metric).second;
  if (open_metrics() && !fresh && sample.metric != current_) {
    return refuse(sample.line.name, "comes back to a metric that others followed");
  }
  current_ = sample.metric;
  return std::nullopt;
}

MaybeError FamilyCheck::check_series(const Sample& sample) {
  const auto [at, fresh] = series_.try_emplace(sample.series, sample.line.timestamp);
  if (fresh) return std::nullopt;
  const auto before = std::exchange(at->second, sample.line.timestamp);
  if (open_metrics() && before && sample.line.timestamp && *sample.line.timestamp > *before) return std::nullopt;
  return refuse(sample.line.name, "is there twice with the same labels");
}

MaybeError FamilyCheck::check_value(const Sample& sample) const {
  const double value = sample.line.value;
  const std::string_view name = sample.line.name;
  const bool bucketed = is_histogram() || type_ == FamilyType::kSummary;
  const bool sum = sample.suffix == "_sum" || sample.suffix == "_gsum";
  const bool counts = sample.suffix == "_bucket" || sample.suffix == "_count" || sample.suffix == "_gcount";
  const bool rises = is_total(type_, sample.suffix) && (!sum || open_metrics());  // a sum of negative values falls
  if ((rises || (bucketed && counts)) && !(value >= 0)) return refuse(name, "is negative or NaN, which no total is");
  if (!open_metrics()) return std::nullopt;
  if (bucketed && counts && std::trunc(value) != value) return refuse(name, "is a count, but no whole number");
  if (type_ == FamilyType::kSummary && sample.suffix.empty() && value < 0)
    return refuse(name, "is a negative quantile");
  if (type_ == FamilyType::kStateSet && value != 0 && value != 1)
    return refuse(name, "is a state, but neither 0 nor 1");
  if (type_ == FamilyType::kInfo && value != 1) return refuse(name, "is an info, but not 1");
  return std::nullopt;
}

MaybeError FamilyCheck::check_point(const Sample& sample, std::size_t number) {
  if (!is_histogram() || sample.suffix == "_created") return std::nullopt;
  std::string key = sample.metric;
  append_number(key.append(" "), sample.line.timestamp);
  Point& point = points_[std::move(key)];
  if (point.line == 0) point.line = number;
  if (sample.suffix == "_bucket") return check_bucket(sample, point);
  if (sample.suffix == "_sum" || sample.suffix == "_gsum") {
    point.has_sum = true;
  } else {
    point.count = sample.line.value;
  }
  return std::nullopt;
}

MaybeError FamilyCheck::check_bucket(const Sample& sample, Point& point) const {
  const double bound = sample.bound.value_or(0);
  if (point.has_buckets && bound <= point.bound) return refuse(sample.line.name, "has its buckets out of order");
  if (point.has_buckets && sample.line.value < point.below) {
    return refuse(sample.line.name, "counts less than the bucket before it");
  }
  if (bound < 0) point.has_negative_bound = true;
  point.has_buckets = true;
  point.bound = bound;
  point.below = sample.line.value;
  return std::nullopt;
}

MaybeError FamilyCheck::check_exemplar(const Sample& sample) const {
  if (!sample.line.exemplar) return std::nullopt;
  const ParsedExemplar& exemplar = *sample.line.exemplar;
  const bool may =
      (type_ == FamilyType::kCounter && sample.suffix == "_total") || (is_histogram() && sample.suffix == "_bucket");
  if (!may) return refuse(sample.line.name, "has an exemplar, but is neither a counter nor a bucket");
  std::size_t length = 0;
  for (const ParsedLabel& label : exemplar.labels) length += characters(label.name) + characters(label.value);
  if (length > 128) return refuse(sample.line.name, "has an exemplar with more than 128 characters of labels");
  if (sample.bound && !(exemplar.value <= *sample.bound)) {
    return refuse(sample.line.name, "has an exemplar above the bound of its bucket");
  }
  return std::nullopt;
}

std::optional<Fault> FamilyCheck::close() const {
  std::optional<Fault> first;
  for (const auto& [key, point] : points_) {
    if (first && first->line < point.line) continue;
    if (const auto error = check_whole(point)) first = Fault{point.line, *error};
  }
  return first;
}

MaybeError FamilyCheck::check_whole(const Point& point) const {
  if (!point.has_buckets || std::isfinite(point.bound)) return refuse(name_, "has no bucket with le=\"+Inf\"");
  if (point.count && *point.count != point.below) return refuse(name_, "has a count that is not its +Inf bucket");
  if (!open_metrics()) {
    return point.count ? std::nullopt : MaybeError(refuse(name_, "has buckets, but no count"));
  }
  if (point.has_sum != point.count.has_value()) return refuse(name_, "has only one of sum and count");
  if (type_ == FamilyType::kHistogram && point.has_sum && point.has_negative_bound) {
    return refuse(name_, "has a negative bound, and so must have no sum");
  }
  return std::nullopt;
}

}  // namespace seawall::detail
