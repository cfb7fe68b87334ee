// SPDX-License-Identifier: MIT
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "checker/exposition_check.h"
#include "seawall/runtime/exposition.h"
#include "text/utf8.h"

namespace seawall {
namespace detail {
namespace {

Error at_line(std::size_t line, const Error& error) {
  Message m("line ");
  m.append(static_cast<std::int64_t>(line)).append(": ").append(error.message.view());
  return {Code::kInvalidArgument, m};
}

class TextCheck {
 public:
  TextCheck(Exposition format, const Totals& previous) : format_(format), previous_(previous) {}

  Result<ExpositionSize> run(std::string_view text);
  Totals take_totals() { return std::move(totals_); }

 private:
  bool fail(std::size_t line, const MaybeError& error) {
    if (error) fault_ = at_line(line, *error);
    return !error;
  }
  bool read(std::string_view line);
  bool metadata(const ParsedLine& line);
  bool sample(const ParsedLine& line);
  bool belongs(std::string_view name) const { return family_ && family_->suffix_of(name); }
  bool open(std::string_view name);
  bool close();
  bool claim(const std::string& name);

  const Exposition format_;
  const Totals& previous_;
  Totals totals_;
  std::optional<FamilyCheck> family_;
  std::unordered_map<std::string, std::string> claims_;  // each name that samples may have, to its family
  ExpositionSize size_;
  std::size_t number_ = 0;
  bool ended_ = false;
  Error fault_;
};

Result<ExpositionSize> TextCheck::run(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    ++number_;
    if (!read(text.substr(0, end))) return fault_;
    if (end == std::string_view::npos) {
      if (ended_) break;  // the line feed behind # EOF may be missing
      return at_line(number_, refuse(text, "is a last line without a line feed"));
    }
    text.remove_prefix(end + 1);
  }
  if (!close()) return fault_;
  if (format_ == Exposition::kOpenMetrics && !ended_) return at_line(number_ + 1, refuse("# EOF", "is missing"));
  return size_;
}

bool TextCheck::read(std::string_view line) {
  if (ended_) return fail(number_, refuse(line, "follows # EOF"));
  if (!is_utf8(line) || line.find('\0') != std::string_view::npos) {
    return fail(number_, Error{Code::kInvalidArgument, "is no UTF-8, or holds a zero byte"});
  }
  const auto parsed = parse_exposition_line(format_, line);
  if (!parsed) return fail(number_, parsed.error());
  switch (parsed.value().kind) {
    case ParsedLine::Kind::kNothing:
      return true;
    case ParsedLine::Kind::kEnd:
      return ended_ = true;
    case ParsedLine::Kind::kSample:
      return sample(parsed.value());
    case ParsedLine::Kind::kType:
    case ParsedLine::Kind::kUnit:
    case ParsedLine::Kind::kHelp:
      return metadata(parsed.value());
  }
  return true;
}

bool TextCheck::metadata(const ParsedLine& line) {
  const bool same = family_ && family_->name() == line.name;
  return (same || open(line.name)) && fail(number_, family_->metadata(line));
}

bool TextCheck::sample(const ParsedLine& line) {
  if (family_ && family_->name() == line.name && !belongs(line.name)) {
    return fail(number_, refuse(line.name, "lacks the suffix that samples of its type have"));
  }
  ++size_.samples;
  return (belongs(line.name) || open(line.name)) && fail(number_, family_->sample(line, number_, previous_, totals_));
}

bool TextCheck::open(std::string_view name) {
  if (!close()) return false;
  if (const auto claim = claims_.find(std::string(name)); claim != claims_.end()) {
    const bool itself = claim->second == name;
    return fail(number_,
                refuse(name, itself ? "comes back behind other families" : "is a sample name of another family"));
  }
  family_.emplace(format_, name, number_);
  ++size_.families;
  return true;
}

bool TextCheck::close() {
  if (!family_) return true;
  if (const auto fault = family_->close()) return fail(fault->line, fault->error);
  const std::string name(family_->name());
  if (!claim(name)) return false;
  for (const std::string_view suffix : family_suffixes(format_, family_->type())) {
    if (!suffix.empty() && !claim(std::string(name).append(suffix))) return false;
  }
  family_.reset();
  return true;
}

bool TextCheck::claim(const std::string& name) {
  if (claims_.try_emplace(name, family_->name()).second) return true;
  return fail(family_->line(), refuse(name, "is a sample name of two families"));
}

}  // namespace
}  // namespace detail

Result<ExpositionSize> validate_exposition(Exposition format, std::string_view text, std::string_view previous) {
  if (format != Exposition::kPrometheus && format != Exposition::kOpenMetrics) {
    return Error{Code::kInvalidArgument, "only the two texts can be validated"};
  }
  const detail::Totals none;
  detail::TextCheck before(format, none);
  if (const auto read = before.run(previous); !previous.empty() && !read) {
    Message m("in the previous text, ");
    return Error{Code::kInvalidArgument, m.append(read.error().message.view())};
  }
  const detail::Totals totals = before.take_totals();
  return detail::TextCheck(format, totals).run(text);
}

}  // namespace seawall
