// SPDX-License-Identifier: MIT
//
// The checker of expositions and the reader of Accept headers, with any bytes. What must hold for every input: a fault
// says its line, and a text that is right is right after itself, as no total has fallen.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "seawall/runtime/exposition.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(seawall::Exposition format, std::string_view text) {
  const auto alone = seawall::validate_exposition(format, text);
  require(alone.ok() || alone.error().message.view().starts_with("line "));
  const auto after_itself = seawall::validate_exposition(format, text, text);
  require(after_itself.ok() == alone.ok());
  if (alone.ok()) require(alone.value().families <= text.size() && alone.value().samples <= text.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(seawall::Exposition::kPrometheus, text);
  check(seawall::Exposition::kOpenMetrics, text);
  require(!seawall::content_type(seawall::negotiate(text)).empty());
  return 0;
}
