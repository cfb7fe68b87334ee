// SPDX-License-Identifier: MIT
// The vector forms of hex against the scalar one: all give the same answers, and none reads or writes past its block.
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "seawall/algorithm/traceparent.h"
#include "support/catch.h"

namespace {

using namespace seawall;
using namespace seawall::algorithm;
using detail::ScalarHex;
using Random = std::mt19937_64;

template <std::size_t kSize>
std::array<std::uint8_t, kSize> random_bytes(Random& random) {
  std::array<std::uint8_t, kSize> bytes;
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

// In heap blocks of exactly the size, so that AddressSanitizer sees a wrong access.
template <class Hex, std::size_t kSize>
void encodes_as_scalar(Random& random) {
  for (int i = 0; i < 2000; ++i) {
    const auto bytes = std::make_unique<std::array<std::uint8_t, kSize>>(random_bytes<kSize>(random));
    std::array<char, 2 * kSize> expected{};
    const auto out = std::make_unique<std::array<char, 2 * kSize>>();
    ScalarHex::encode(*bytes, expected.data());
    Hex::encode(*bytes, out->data());
    REQUIRE(*out == expected);
    const auto back = std::make_unique<std::array<std::uint8_t, kSize>>();
    REQUIRE(Hex::decode(out->data(), *back));
    REQUIRE(*back == *bytes);
  }
}

// Every byte in every place, in otherwise valid text.
template <class Hex, std::size_t kSize>
void decodes_as_scalar(Random& random) {
  const auto text = std::make_unique<std::array<char, 2 * kSize>>();
  ScalarHex::encode(random_bytes<kSize>(random), text->data());
  for (char& place : *text) {
    const char kept = place;
    for (int c = 0; c < 256; ++c) {
      place = static_cast<char>(c);
      std::array<std::uint8_t, kSize> expected{};
      std::array<std::uint8_t, kSize> out{};
      const bool ok = ScalarHex::decode(text->data(), expected);
      REQUIRE(Hex::decode(text->data(), out) == ok);
      if (ok) REQUIRE(out == expected);
    }
    place = kept;
  }
}

template <class Hex>
void same_as_scalar() {
  Random random(20261123);
  encodes_as_scalar<Hex, 8>(random);
  encodes_as_scalar<Hex, 16>(random);
  decodes_as_scalar<Hex, 8>(random);
  decodes_as_scalar<Hex, 16>(random);
}

Traceparent random_fields(Random& random) {
  return {random_bytes<16>(random), random_bytes<8>(random), static_cast<std::uint8_t>(random() % 4), 0};
}

using Parse = bool (*)(std::string_view, Traceparent&);
using Format = void (*)(const Traceparent&, char*);

// One text in a block of exactly its size, read by the definition and by `parse`, which may only say yes to version 00.
bool same_reading(const std::string& text, Parse parse) {
  const auto block = std::make_unique<char[]>(text.size());
  std::memcpy(block.get(), text.data(), text.size());
  Traceparent expected;
  Traceparent read;
  const TraceFault fault = parse_traceparent_scalar({block.get(), text.size()}, expected);
  const bool fast = parse({block.get(), text.size()}, read);
  if (fast) return fault == TraceFault::kNone && read == expected;
  return fault != TraceFault::kNone || text.size() != kTraceparentSize || text.compare(0, 2, "00") != 0;
}

void same_header(Parse parse, Format format) {
  Random random(7);
  const std::string_view alphabet = "0123456789abcdefABCDEFg-/:@`\x80\xff\t ";
  for (int i = 0; i < 100000; ++i) {
    const Traceparent fields = random_fields(random);
    std::string text(kTraceparentSize, '?');
    std::string expected(kTraceparentSize, '?');
    format(fields, text.data());
    format_traceparent_scalar(fields, expected.data());
    REQUIRE(text == expected);
    for (std::size_t edits = random() % 3; edits > 0; --edits) {
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    }
    if (random() % 16 == 0) text.replace(3, 32, 32, '0');
    if (random() % 16 == 0) text.replace(36, 16, 16, '0');
    if (random() % 16 == 0) text.resize(random() % 70, '-');
    if (!same_reading(text, parse)) FAIL("disagree about \"" << text << "\"");
  }
}

}  // namespace

TEST_CASE("the vector form of this machine reads and writes hex as the scalar one") {
  same_as_scalar<detail::VectorHex>();
  same_header(parse_version_00<detail::VectorHex>, format_version_00<detail::VectorHex>);
}

TEST_CASE("what the program chooses at run time does so too") {
  same_header(parse_version_00_fast, format_traceparent);
}

#if defined(__x86_64__)
TEST_CASE("so does the form for SSSE3, where the machine has it") {
  if (!detail::cpu_has_ssse3()) return;
  same_header(parse_version_00_ssse3, format_version_00_ssse3);
}
#endif
