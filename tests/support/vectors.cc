// SPDX-License-Identifier: MIT
#include "support/vectors.h"

#include <charconv>
#include <fstream>
#include <stdexcept>

namespace seawall::testing {
namespace {

class Line {
 public:
  Line(std::string file, int number, std::string text)
      : file_(std::move(file)), number_(number), rest_(std::move(text)) {}

  // The next word with its quotes and escapes resolved; empty at the end of the line or at a comment.
  std::string word() {
    while (at_ < rest_.size() && (rest_[at_] == ' ' || rest_[at_] == '\t')) ++at_;
    if (at_ == rest_.size() || rest_[at_] == '#') return "";
    std::string out;
    bool quoted = false;
    for (; at_ < rest_.size(); ++at_) {
      const char c = rest_[at_];
      if (c == '"') {
        quoted = !quoted;
      } else if (quoted && c == '\\') {
        out += escape();
      } else if (!quoted && (c == ' ' || c == '\t')) {
        break;
      } else {
        out += c;
      }
    }
    if (quoted) fail("unclosed quote");
    return out;
  }

  std::pair<std::string, std::string> assignment(const std::string& word) const {
    const auto eq = word.find('=');
    if (eq == std::string::npos || eq == 0) fail("expected name=value, not " + word);
    return {word.substr(0, eq), word.substr(eq + 1)};
  }

  std::int64_t integer(const std::string& text) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) fail("expected an integer, not " + text);
    return value;
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(file_ + ":" + std::to_string(number_) + ": " + why);
  }

 private:
  char escape() {
    const char c = ++at_ < rest_.size() ? rest_[at_] : '\0';
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case '"':
      case '\\':
        return c;
      case 'x': {
        int value = 0;
        const char* first = rest_.data() + at_ + 1;
        if (at_ + 2 >= rest_.size() || std::from_chars(first, first + 2, value, 16).ptr != first + 2)
          fail("bad \\x escape");
        at_ += 2;
        return static_cast<char>(value);
      }
      default:
        fail("unknown escape");
    }
  }

  std::string file_;
  int number_;
  std::string rest_;
  std::size_t at_ = 0;
};

VectorStep parse_step(Line& line, const std::string& first, int number) {
  VectorStep step;
  step.line = number;
  step.now_ns = line.integer(first);
  step.verb = line.word();
  Fields* into = &step.arguments;
  for (std::string word = line.word(); !word.empty(); word = line.word()) {
    if (word == "->") {
      into = &step.expected;
    } else {
      into->insert(line.assignment(word));
    }
  }
  if (step.verb.empty()) line.fail("a step needs a verb");
  return step;
}

}  // namespace

std::vector<VectorCase> load_vectors(std::string_view file) {
  const std::string path = std::string(SEAWALL_TEST_VECTORS) + "/" + std::string(file);
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<VectorCase> cases;
  int number = 0;
  for (std::string text; std::getline(in, text);) {
    Line line(path, ++number, text);
    const std::string first = line.word();
    if (first.empty()) continue;
    if (first == "case") {
      VectorCase added;
      added.name = line.word();
      for (std::string word = line.word(); !word.empty(); word = line.word())
        added.options.insert(line.assignment(word));
      cases.push_back(std::move(added));
    } else if (cases.empty()) {
      line.fail("a step before the first case");
    } else {
      cases.back().steps.push_back(parse_step(line, first, number));
    }
  }
  if (cases.empty()) throw std::runtime_error(path + " holds no case");
  return cases;
}

std::string text_field(const Fields& fields, std::string_view name, std::string_view fallback) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string(fallback) : found->second;
}

std::int64_t int_field(const Fields& fields, std::string_view name, std::int64_t fallback) {
  const auto found = fields.find(name);
  return found == fields.end() ? fallback : Line("vectors", 0, "").integer(found->second);
}

std::string mismatches(const VectorStep& step, const Fields& actual) {
  std::string out;
  for (const auto& [name, want] : step.expected) {
    const auto got = actual.find(name);
    const std::string have = got == actual.end() ? "nothing" : got->second;
    if (have != want) out += "line " + std::to_string(step.line) + ": " + name + " is " + have + ", not " + want + "\n";
  }
  return out;
}

Fields shown(const Decision& d) {
  Fields f{{"allowed", d.allowed ? "1" : "0"},
           {"never", d.never() ? "1" : "0"},
           {"limit", std::to_string(d.limit)},
           {"remaining", std::to_string(d.remaining)},
           {"reset_after_ns", std::to_string(d.reset_after.count())}};
  if (!d.never()) f["retry_after_ns"] = std::to_string(d.retry_after.count());
  return f;
}
Fields shown(const Reservation& r) {
  Fields f{{"granted", r.granted ? "1" : "0"}, {"never", r.never() ? "1" : "0"}, {"limit", std::to_string(r.limit)}};
  if (!r.never()) f["delay_ns"] = std::to_string(r.delay.count());
  return f;
}
Fields shown(const Settlement& s) {
  return {{"refunded", std::to_string(s.refunded)},
          {"charged", std::to_string(s.charged)},
          {"unpaid", std::to_string(s.unpaid)}};
}

}  // namespace seawall::testing
