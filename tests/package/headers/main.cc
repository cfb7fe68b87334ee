// SPDX-License-Identifier: MIT
// Everything of core.h, linked against nothing.
#include <seawall/core.h>

#include <array>
#include <cstdio>

int main() {
  auto& ids = seawall::IdGenerator::this_thread();
  std::array<char, seawall::TraceContext::kTextSize> text{};
  const auto parsed = seawall::TraceContext::parse(seawall::TraceContext::root(ids).format(text));
  std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
  return parsed ? 0 : 1;
}
