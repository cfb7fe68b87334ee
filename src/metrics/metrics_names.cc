// SPDX-License-Identifier: MIT
#include "metrics/metrics_names.h"

#include <algorithm>

#include "text/utf8.h"

namespace seawall::detail {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kInfo = "_info";

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) noexcept { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; }
bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= MetricsRegistry::kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), is_word);
}

Error refuse(std::string_view what, std::string_view culprit, std::string_view rule) {
  Message m(what);
  m.append(" \"").append(Message::head(culprit, 100)).append("\" ").append(rule);
  return {Code::kInvalidArgument, m};
}

Result<void> check_name(const Definition& d) {
  if (!is_name(d.name) || !is_letter(d.name.front())) {
    return refuse("metric name", d.name, "must match [a-zA-Z][a-zA-Z0-9_]* and have at most 200 bytes");
  }
  const bool total = std::string_view(d.name).ends_with(kTotal) && d.name.size() > kTotal.size();
  if (d.type == MetricType::kCounter && !total) return refuse("counter name", d.name, "must end in _total");
  const bool info = std::string_view(d.name).ends_with(kInfo) && d.name.size() > kInfo.size();
  if (d.type == MetricType::kInfo && !info) return refuse("info name", d.name, "must end in _info");
  if (d.type != MetricType::kCounter && total) return refuse("metric name", d.name, "ends in _total but is no counter");
  return {};
}

Result<void> check_label(const Definition& d, std::size_t at) {
  const std::string& label = d.labels[at];
  if (!is_name(label) || (label.front() >= '0' && label.front() <= '9')) {
    return refuse("label name", label, "must match [a-zA-Z_][a-zA-Z0-9_]* and have at most 200 bytes");
  }
  if (label.starts_with("__")) return refuse("label name", label, "must not begin with __");
  if (label == "seawall_overflow") return refuse("label name", label, "is taken by the overflow series");
  if (label == "le" && d.type == MetricType::kHistogram) return refuse("label name", label, "is taken by the buckets");
  if (label == d.name && d.type == MetricType::kStateSet) return refuse("label name", label, "is taken by the states");
  const auto here = d.labels.begin() + static_cast<std::ptrdiff_t>(at);
  if (std::find(d.labels.begin(), here, label) != here) return refuse("label name", label, "is there twice");
  return {};
}

Result<void> check_states(const Definition& d) {
  if (d.states.empty() || d.states.size() > MetricsRegistry::kMaxStates) {
    return refuse("state set", d.name, "needs 1 to 16 states");
  }
  for (auto state = d.states.begin(); state != d.states.end(); ++state) {
    if (state->empty() || state->size() > 100 || !is_clean_text(*state)) {
      return refuse("state", *state, "must be 1 to 100 bytes of UTF-8 without zero bytes");
    }
    if (std::find(d.states.begin(), state, *state) != state) return refuse("state", *state, "is there twice");
  }
  return {};
}

}  // namespace

bool is_clean_text(std::string_view text) noexcept {
  return text.find('\0') == std::string_view::npos && is_utf8(text);
}

Result<void> check_definition(const Definition& d) {
  if (auto name = check_name(d); !name) return name;
  if (d.help.empty() || d.help.size() > MetricsRegistry::kMaxHelpBytes || !is_clean_text(d.help)) {
    return refuse("help of", d.name, "must be 1 to 1000 bytes of UTF-8 without zero bytes");
  }
  if (d.labels.size() > MetricsRegistry::kMaxLabels) return refuse("metric", d.name, "has more than 16 labels");
  for (std::size_t i = 0; i < d.labels.size(); ++i) {
    if (auto label = check_label(d, i); !label) return label;
  }
  if (d.type == MetricType::kStateSet) {
    if (auto states = check_states(d); !states) return states;
  }
  if (d.units_per_one < 1) return refuse("counter", d.name, "needs units_per_one of 1 or more");
  return {};
}

std::string_view family_name(const Definition& d) noexcept {
  std::string_view name = d.name;
  if (d.type == MetricType::kCounter) name.remove_suffix(kTotal.size());
  if (d.type == MetricType::kInfo) name.remove_suffix(kInfo.size());
  return name;
}

std::vector<std::string> claimed_names(const Definition& d) {
  const std::string name(family_name(d));
  if (d.type == MetricType::kGauge || d.type == MetricType::kStateSet) return {name};
  if (d.type == MetricType::kInfo) return {name, d.name};
  if (d.type == MetricType::kCounter) return {name, d.name, name + "_created"};
  return {name, name + "_bucket", name + "_count", name + "_sum", name + "_created"};
}

}  // namespace seawall::detail
