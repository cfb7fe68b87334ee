// SPDX-License-Identifier: MIT
// Words of a command in RESP.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace seawall::redis {

// The digits of a number, without memory.
class Digits {
 public:
  explicit Digits(std::int64_t number) noexcept
      : end_(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr) {}
  std::string_view text() const noexcept { return {digits_.data(), static_cast<std::size_t>(end_ - digits_.data())}; }

 private:
  std::array<char, 20> digits_;
  const char* end_;
};

struct Words {
  std::string text;
  std::int64_t count = 0;

  void add(std::string_view word) {
    text.append("$").append(Digits(static_cast<std::int64_t>(word.size())).text()).append("\r\n");
    text.append(word).append("\r\n");
    ++count;
  }
  void add(std::int64_t number) { add(Digits(number).text()); }
};

// The command as it is sent: the words of both.
inline void append_command(std::string& out, const Words& words, const Words& more = {}) {
  out.append("*").append(Digits(words.count + more.count).text()).append("\r\n").append(words.text).append(more.text);
}

}  // namespace seawall::redis
