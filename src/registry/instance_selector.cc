// SPDX-License-Identifier: MIT
#include "seawall/runtime/instance_selector.h"

#include <algorithm>
#include <optional>

namespace seawall {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

Error refused(std::string_view term, std::string_view why) {
  return {Code::kInvalidArgument, Message("selector: \"").append(term).append("\" ").append(why)};
}

// Up to the next comma outside of the brackets of a list; that part is taken off `rest`. Behind an = they are text.
std::string_view next_term(std::string_view& rest) {
  bool inside = false, equals = false;
  std::size_t end = 0;
  for (; end < rest.size() && (inside || rest[end] != ','); ++end) {
    if (rest[end] == '=') equals = true;
    if (rest[end] == '(' && !equals) inside = true;
    if (rest[end] == ')') inside = false;
  }
  const std::string_view term = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return term;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_of(" \t,=!()") == std::string_view::npos;
}

}  // namespace

Result<InstanceSelector> InstanceSelector::parse(std::string_view text) {
  if (text.size() > kMostBytes) {
    return out_of_range("length of selector", static_cast<std::int64_t>(text.size()), 0, kMostBytes);
  }
  InstanceSelector selector;
  selector.text_ = text;
  for (std::string_view rest = trimmed(text); !rest.empty();) {
    const bool more = rest.back() == ',';
    auto term = parse_term(next_term(rest));
    if (!term) return term.error();
    selector.terms_.push_back(std::move(term).value());
    if (rest.empty() && more) return refused(text, "ends with a comma");
  }
  return selector;
}

Result<InstanceSelector::Term> InstanceSelector::parse_term(std::string_view text) {
  Term term;
  if (text.empty()) return refused(text, "is no term: it is empty");
  if (text.front() == '!') {
    term.name = trimmed(text.substr(1));
    term.wanted = false;
    return is_name(term.name) ? Result<Term>(std::move(term)) : refused(text, "needs one name behind the !");
  }
  const std::size_t name_end = std::min(text.find_first_of(" \t=!("), text.size());
  term.name = text.substr(0, name_end);
  if (!is_name(term.name)) return refused(text, "begins with no name");
  std::string_view rest = trimmed(text.substr(name_end));
  if (rest.empty()) return term;
  for (const auto& [sign, wanted] : {std::pair{"!=", false}, {"==", true}, {"=", true}}) {
    if (!rest.starts_with(sign)) continue;
    term.wanted = wanted;
    term.values.emplace_back(trimmed(rest.substr(std::string_view(sign).size())));
    return term;
  }
  for (const auto& [word, wanted] : {std::pair{"in", true}, {"notin", false}}) {
    const std::size_t size = std::string_view(word).size();
    if (!rest.starts_with(word) || rest.find_first_of(" \t(", size) != size) continue;
    term.wanted = wanted;
    return parse_list(text, trimmed(rest.substr(size)), std::move(term));
  }
  return refused(text, "needs =, !=, in (...) or notin (...) behind the name");
}

Result<InstanceSelector::Term> InstanceSelector::parse_list(std::string_view text, std::string_view list, Term term) {
  if (list.size() < 2 || list.front() != '(' || list.find(')') != list.size() - 1) {
    return refused(text, "needs values in brackets: (a, b)");
  }
  list = list.substr(1, list.size() - 2);
  for (;;) {
    const std::size_t comma = std::min(list.find(','), list.size());
    term.values.emplace_back(trimmed(list.substr(0, comma)));
    if (comma == list.size()) return term;
    list.remove_prefix(comma + 1);
  }
}

bool InstanceSelector::matches(std::string_view zone, const Metadata& metadata) const noexcept {
  return std::ranges::all_of(terms_, [&](const Term& term) {
    std::optional<std::string_view> value;
    if (term.name == "zone") {
      if (!zone.empty()) value = zone;
    } else {
      const auto found = std::ranges::find(metadata, term.name, &Metadata::value_type::first);
      if (found != metadata.end()) value = found->second;
    }
    const bool meets = value && (term.values.empty() || std::ranges::find(term.values, *value) != term.values.end());
    return meets == term.wanted;
  });
}

}  // namespace seawall
