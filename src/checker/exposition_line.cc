// SPDX-License-Identifier: MIT
#include "checker/exposition_line.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace seawall::detail {
namespace {

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool starts_name(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
constexpr bool continues_name(char c) noexcept { return starts_name(c) || is_digit(c); }

bool same_word(std::string_view a, std::string_view lower) noexcept {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y; });
}

// from_chars says "out of range" for what is too large and for what is too small alike; the latter reads as 0.
bool is_tiny(std::string_view digits) noexcept {
  const std::size_t exponent = digits.find_first_of("eE");
  if (exponent != std::string_view::npos) return digits.substr(exponent + 1).starts_with('-');
  return digits.starts_with("0.") || digits.starts_with(".");
}

std::optional<double> parse_digits(std::string_view digits) noexcept {
  if (digits.empty() || !(is_digit(digits.front()) || digits.front() == '.')) return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (code == std::errc()) return value;
  if (code == std::errc::result_out_of_range && is_tiny(digits)) return 0;
  return std::nullopt;
}

void append_visible(Message& m, char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    m.append(std::string_view(&c, 1));
  } else {
    m.append("\\x").append(kHex.substr(byte >> 4, 1)).append(kHex.substr(byte & 15, 1));
  }
}

class LineParser {
 public:
  LineParser(Exposition format, std::string_view line)
      : open_metrics_(format == Exposition::kOpenMetrics), rest_(line) {}

  Result<ParsedLine> parse() {
    const bool indented = skip_blanks();
    const bool good = rest_.empty()          ? empty_line()
                      : rest_.front() == '#' ? head_line()
                                             : (indented ? fail_at_rest("is indented") : sample());
    if (!good) return error_;
    return std::move(out_);
  }

 private:
  bool fail(std::string_view culprit, std::string_view rule) {
    error_ = refuse(culprit, rule);
    return false;
  }
  bool fail_at_rest(std::string_view rule) {
    return rest_.empty() ? fail("end of line", rule) : fail(rest_.substr(0, 20), rule);
  }

  bool skip_blanks() {  // of the older format; true when there were some
    if (open_metrics_) return false;
    const std::size_t before = rest_.size();
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    return rest_.size() != before;
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // What stands between two tokens.
  bool gap() { return open_metrics_ ? take(' ') : skip_blanks(); }
  std::string_view take_word() {  // up to a blank
    const auto end = std::find_if(rest_.begin(), rest_.end(), is_blank);
    const std::string_view word = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(word.size());
    return word;
  }
  std::string_view take_name() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), continues_name);
    const std::string_view name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(name.size());
    return name;
  }

  bool empty_line() { return !open_metrics_ || fail("", "is an empty line, which OpenMetrics does not allow"); }

  bool head_line() {
    const std::string_view line = rest_;
    take('#');
    const bool spaced = gap();
    const std::string_view keyword = take_word();
    if (open_metrics_) {
      if (line == "# EOF") return out_.kind = ParsedLine::Kind::kEnd, true;
      if (!spaced) return fail(line, "is a comment, which OpenMetrics does not allow");
      if (keyword == "UNIT") return metadata(ParsedLine::Kind::kUnit);
    }
    if (keyword == "TYPE") return metadata(ParsedLine::Kind::kType);
    if (keyword == "HELP") return metadata(ParsedLine::Kind::kHelp);
    return !open_metrics_ || fail(line, "is a comment, which OpenMetrics does not allow");
  }

  bool metadata(ParsedLine::Kind kind) {
    out_.kind = kind;
    if (!gap()) return fail_at_rest("found where the name of a metric was due");
    out_.name = take_word();
    if (!is_metric_name(out_.name)) return fail(out_.name, "is no name of a metric");
    const bool spaced = gap();
    if (!spaced && !rest_.empty()) return fail_at_rest("found behind the name of a metric");
    if (!spaced && open_metrics_) return fail(out_.name, "has metadata without a text");
    out_.text = rest_;
    if (kind == ParsedLine::Kind::kHelp) return open_metrics_ || help_escapes();
    if (!open_metrics_) {
      while (!out_.text.empty() && is_blank(out_.text.back())) out_.text.remove_suffix(1);
    }
    return true;
  }
  bool help_escapes() {
    for (std::size_t at = out_.text.find('\\'); at != std::string_view::npos; at = out_.text.find('\\', at + 2)) {
      const std::string_view escape = out_.text.substr(at, 2);
      if (escape != "\\\\" && escape != "\\n") return fail(escape, "is no escape in a help text");
    }
    return true;
  }

  bool sample() {
    out_.kind = ParsedLine::Kind::kSample;
    out_.name = take_name();
    if (out_.name.empty()) return fail_at_rest("found where the name of a metric was due");
    if (!is_metric_name(out_.name)) return fail(out_.name, "is no name of a metric");
    bool spaced = skip_blanks();
    if (!rest_.empty() && rest_.front() == '{') {
      if (!label_list(out_.labels)) return false;
      skip_blanks();
      spaced = !open_metrics_;  // optional behind a brace
    }
    if (!spaced && !take(' ')) return fail_at_rest("found where a space was due");
    return numbers();
  }

  bool numbers() {
    const std::string_view value = take_word();
    const auto number = parse_number(value);
    if (!number) return fail(value, "is no value");
    out_.value = *number;
    bool spaced = gap();
    if (spaced && !rest_.empty() && rest_.front() != '#') {
      if (!timestamp()) return false;
      spaced = gap();
    }
    if (open_metrics_ && spaced) return take('#') ? exemplar() : fail_at_rest("found behind the value");
    return (rest_.empty() && !spaced) || fail_at_rest("found behind the value");
  }

  bool timestamp() {
    const std::string_view word = take_word();
    const auto number = parse_number(word);
    const bool whole = std::all_of(word.begin() + (word.starts_with('-') ? 1 : 0), word.end(), is_digit);
    if (!number || !std::isfinite(*number) || (!open_metrics_ && !whole)) return fail(word, "is no timestamp");
    out_.timestamp = *number;
    return true;
  }

  bool exemplar() {
    out_.exemplar.emplace();
    if (!take(' ') || rest_.empty() || rest_.front() != '{') return fail_at_rest("found where an exemplar was due");
    if (!label_list(out_.exemplar->labels)) return false;
    if (!take(' ')) return fail_at_rest("found where the value of an exemplar was due");
    const std::string_view value = take_word();
    const auto number = parse_number(value);
    if (!number) return fail(value, "is no value of an exemplar");
    out_.exemplar->value = *number;
    if (take(' ')) {
      const std::string_view at = take_word();
      const auto time = parse_number(at);
      if (!time || !std::isfinite(*time)) return fail(at, "is no timestamp of an exemplar");
    }
    return rest_.empty() || fail_at_rest("found behind the exemplar");
  }

  bool label_list(ParsedLabels& into) {
    take('{');
    skip_blanks();
    if (take('}')) return true;
    while (true) {
      if (!label(into)) return false;
      skip_blanks();
      if (take('}')) return true;
      if (!take(',')) return fail_at_rest("found where a comma or } was due");
      skip_blanks();
      if (!open_metrics_ && take('}')) return true;
    }
  }

  bool label(ParsedLabels& into) {
    ParsedLabel made{.name = take_name()};
    if (made.name.empty()) return fail_at_rest("found where the name of a label was due");
    if (!is_label_name(made.name)) return fail(made.name, "is no name of a label");
    if (made.name.starts_with("__")) return fail(made.name, "is reserved: the name of a label must not begin with __");
    for (const ParsedLabel& other : into) {
      if (other.name == made.name) return fail(made.name, "is there twice among the labels of a sample");
    }
    skip_blanks();
    if (!take('=')) return fail_at_rest("found where = was due");
    skip_blanks();
    if (!take('"')) return fail_at_rest("found where a quoted value was due");
    if (!quoted(made.value)) return false;
    into.push_back(std::move(made));
    return true;
  }

  bool quoted(std::string& into) {
    while (!take('"')) {
      if (rest_.empty()) return fail("end of line", "found inside the value of a label");
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c != '\\') {
        into += c;
      } else if (!escape(into)) {
        return false;
      }
    }
    return true;
  }
  bool escape(std::string& into) {
    if (take('n')) return into += '\n', true;
    if (take('\\')) return into += '\\', true;
    if (take('"')) return into += '"', true;
    if (!open_metrics_ || rest_.empty()) return fail_at_rest("follows a \\ in the value of a label");
    into += '\\';
    return true;
  }

  const bool open_metrics_;
  std::string_view rest_;
  ParsedLine out_;
  Error error_;
};

}  // namespace

Error refuse(std::string_view culprit, std::string_view rule) {
  Message m("\"");
  for (const char c : Message::head(culprit, 100)) append_visible(m, c);
  m.append("\" ").append(rule);
  return {Code::kInvalidArgument, m};
}

bool is_metric_name(std::string_view text) noexcept {
  return !text.empty() && starts_name(text.front()) && std::all_of(text.begin(), text.end(), continues_name);
}

bool is_label_name(std::string_view text) noexcept {
  return is_metric_name(text) && text.find(':') == std::string_view::npos;
}

std::optional<double> parse_number(std::string_view text) noexcept {
  if (same_word(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool infinite = same_word(text, "inf") || same_word(text, "infinity");
  const auto size = infinite ? std::optional(std::numeric_limits<double>::infinity()) : parse_digits(text);
  if (!size) return std::nullopt;
  return negative ? -*size : *size;
}

Result<ParsedLine> parse_exposition_line(Exposition format, std::string_view line) {
  return LineParser(format, line).parse();
}

}  // namespace seawall::detail
