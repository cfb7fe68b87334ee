// SPDX-License-Identifier: MIT
// Where in a line a key is found: by vectors where the processor has them, and word by word elsewhere.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <random>

#include "seawall/detail/keyed_scan.h"
#include "support/catch.h"

using namespace seawall;
using algorithm::KeyedCode;
using detail::find_key;
using detail::KeyedFound;

namespace {

constexpr std::size_t kSlots = 7;

// A cell for which there is no vector.
struct PlainCell {
  std::uint64_t load(std::memory_order) const noexcept { return word; }
  std::uint64_t word = 0;
};

struct alignas(64) Line {
  std::atomic<std::uint64_t> control{0};
  std::array<std::atomic<std::uint64_t>, kSlots> slots{};
  std::array<PlainCell, kSlots> plain{};

  void put(std::size_t slot, std::uint64_t word) {
    slots[slot] = word;
    plain[slot].word = word;
  }
  // Both ways must agree.
  bool find(const KeyedCode& code, std::uint64_t tag, KeyedFound& found) const {
    KeyedFound plainly{};
    const bool there = find_key(code, this, slots, tag, found);
    REQUIRE(find_key(code, this, plain, tag, plainly) == there);
    if (there) REQUIRE((found.slot == plainly.slot && found.word == plainly.word));
    return there;
  }
};

KeyedCode with_tags_of(int bits) { return KeyedCode(64 - 8 - bits, 0, 0); }

}  // namespace

TEST_CASE("a key is found in whichever slot it lies, by its whole tag and nothing else") {
  std::mt19937_64 random(1);
  for (const int bits : {1, 16, 23, 28, 31, 32, 33, 38, 48}) {
    const KeyedCode code = with_tags_of(bits);
    const std::uint64_t one = std::uint64_t{1} << (64 - bits);  // the least tag
    for (int round = 0; round < 2'000; ++round) {
      const std::uint64_t tag = (random() & code.tag_place()) | one;
      const std::uint64_t word = code.word(tag, 0, 0) | (random() & ~code.tag_place());
      Line line;
      line.control = round % 2 == 0 ? word : random();  // a control word that looks like the key is none
      // The neighbours: vacant, or one bit of the tag apart; below 32 bits only their upper halves are compared first.
      for (std::size_t i = 0; i < kSlots; ++i) {
        const std::uint64_t other = tag ^ one << (random() % static_cast<unsigned>(std::min(bits, 32)) +
                                                  static_cast<unsigned>(std::max(bits - 32, 0)));
        line.put(i, random() % 4 == 0 ? random() & ~code.tag_place() : code.word(other, 0, 0));
      }
      KeyedFound found{};
      REQUIRE_FALSE(line.find(code, tag, found));
      const std::size_t slot = random() % kSlots;
      line.put(slot, word);
      REQUIRE(line.find(code, tag, found));
      REQUIRE(found.slot == slot);
      REQUIRE(found.word == word);
    }
  }
}

TEST_CASE("a key whose neighbour has the same upper half is found or missed, and never mistaken") {
  const KeyedCode code = with_tags_of(48);
  const std::uint64_t tag = 0x1234'5678'9abc'0000, twin = tag ^ 0x10000;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    Line line;
    KeyedFound found{};
    line.put(slot, code.word(twin, 7, 7));
    CHECK_FALSE(find_key(code, &line, line.slots, tag, found));
    const std::size_t other = (slot + 1) % kSlots;
    line.put(other, code.word(tag, 5, 5));
    if (find_key(code, &line, line.slots, tag, found))
      CHECK((found.slot == other && found.word == code.word(tag, 5, 5)));
    CHECK(find_key(code, &line, line.plain, tag, found));
    CHECK(found.slot == other);
  }
}

TEST_CASE("nothing behind a line is taken for a slot of it, whatever the control word looks like") {
  const KeyedCode code = with_tags_of(28);
  const std::uint64_t tag = std::uint64_t{5} << 40;
  struct alignas(64) Lines {
    std::atomic<std::uint64_t> control{0};
    std::array<std::atomic<std::uint64_t>, kSlots> slots{};
    std::atomic<std::uint64_t> next{0};  // the control word of the next line
  } lines;
  lines.control = lines.next = code.word(tag, 1, 1);
  KeyedFound found{};
  CHECK_FALSE(find_key(code, &lines, lines.slots, tag, found));
}
