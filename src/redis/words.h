// SPDX-License-Identifier: MIT
// Words of a command in RESP.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seawall::redis {

struct Words {
  std::string text;
  std::int64_t count = 0;

  void add(std::string_view word) {
    text.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    ++count;
  }
  void add(std::int64_t number) { add(std::to_string(number)); }
  void add(const Words& more) {
    text.append(more.text);
    count += more.count;
  }
};

// The command as it is sent.
inline void append_command(std::string& out, const Words& words) {
  out.append("*").append(std::to_string(words.count)).append("\r\n").append(words.text);
}

}  // namespace seawall::redis
