// SPDX-License-Identifier: MIT
//
// The key of a series: its label values as words.
#include "metrics/metrics_labels.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/catch.h"

namespace {

using seawall::detail::LabelHash;
using seawall::detail::LabelKey;
using seawall::detail::LabelText;
using seawall::detail::LabelValues;
using seawall::detail::Word;

const LabelHash kHash({0x0123456789abcdef, 0xfedcba9876543210});

LabelValues views(const std::vector<std::string>& values, std::vector<std::string_view>& out) {
  out.assign(values.begin(), values.end());
  return out;
}

std::vector<std::uint64_t> words_of(const std::vector<std::string>& values, std::uint32_t family = 1) {
  std::vector<std::string_view> out;
  LabelKey key;
  REQUIRE(key.assign(kHash, family, views(values, out)));
  return {key.words().begin(), key.words().end()};
}

std::uint64_t hash_of(const std::vector<std::string>& values, std::uint32_t family = 1) {
  std::vector<std::string_view> out;
  LabelKey key;
  REQUIRE(key.assign(kHash, family, views(values, out)));
  return key.hash();
}

// As a series keeps them.
std::vector<Word> kept(const std::vector<std::uint64_t>& words) {
  std::vector<Word> made(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) made[i].store(words[i]);
  return made;
}

constexpr std::array<std::size_t, 19> kSizes = {0,  1,  2,   3,   4,   6,   7,   8,   9,   15,
                                                16, 17, 127, 128, 129, 136, 255, 256, 1024};

// Every combination of three values of awkward sizes.
std::vector<std::vector<std::string>> lists() {
  std::vector<std::string> values;
  for (const std::size_t size : kSizes) {
    std::string text(size, 'a');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    values.push_back(text);
  }
  values.insert(values.end(), {"b", "abcdefgi", "\\", "\"", "a\nb", "ab\",x=\"c", std::string("\0", 1), "\x80\x80"});
  std::vector<std::vector<std::string>> all;
  for (const auto& a : values) {
    for (const auto& b : values) {
      for (const auto& c : values) all.push_back({a, b, c});
    }
  }
  return all;
}

}  // namespace

TEST_CASE("label values come out of their words as they went in") {
  bool same = true;
  for (const auto& values : lists()) {
    const std::vector<std::uint64_t> words = words_of(values);
    const std::vector<Word> memory = kept(words);
    LabelKey key;
    key.copy_from(memory.data(), static_cast<std::uint32_t>(memory.size()));
    same = same && key.equals(memory.data());
    std::array<std::string_view, 3> out;
    same = same && key.take_apart(out) && std::equal(out.begin(), out.end(), values.begin());
  }
  CHECK(same);
}

TEST_CASE("no two lists of label values have the same words, with zeros behind the shorter ones or without") {
  std::set<std::vector<std::uint64_t>> seen;
  std::size_t count = 0;
  for (const auto& values : lists()) {
    std::vector<std::uint64_t> words = words_of(values);
    while (!words.empty() && words.back() == 0) words.pop_back();  // the same as zeros behind the others
    seen.insert(words);
    ++count;
  }
  CHECK(seen.size() == count);
}

TEST_CASE("the hash of a key is that of its words, and takes in the family and every word, behind the 32nd too") {
  std::set<std::uint64_t> hashes;
  std::size_t count = 0;
  bool same = true;
  for (const auto& values : lists()) {
    const std::vector<Word> memory = kept(words_of(values));
    LabelKey again;
    again.copy_from(memory.data(), static_cast<std::uint32_t>(memory.size()));
    again.hash_anew(kHash, 1);
    same = same && again.hash() == hash_of(values);
    hashes.insert(again.hash());
    ++count;
  }
  CHECK(same);
  CHECK(hashes.size() == count);  // of some 20,000, two meet once in 10^11 seeds, and this one is given
  CHECK(hash_of({"a"}, 1) != hash_of({"a"}, 2));
  std::string longest(2000, 'x');
  const std::uint64_t before = hash_of({longest});
  longest[1999] = 'y';
  CHECK(hash_of({longest}) != before);
}

TEST_CASE("the hash spreads values that count up over all its bits") {
  std::map<std::uint64_t, int> low;
  std::map<std::uint64_t, int> high;
  constexpr int kKeys = 16'384;
  for (int i = 0; i < kKeys; ++i) {
    const std::uint64_t hash = hash_of({"GET", "/route/" + std::to_string(i), "200"});
    ++low[hash & 255];
    ++high[hash >> 56];
  }
  // 64 in each of 256, give or take 8: none is off by seven times that.
  const auto even = [](const std::map<std::uint64_t, int>& counts) {
    return counts.size() == 256 &&
           std::all_of(counts.begin(), counts.end(), [](const auto& c) { return c.second > 8 && c.second < 120; });
  };
  CHECK(even(low));
  CHECK(even(high));
}

TEST_CASE("lists that no text can hold are no key, and whatever a text can hold is one") {
  std::vector<std::string_view> out;
  LabelKey key;
  const std::vector<std::string> one(1, std::string(1'000'000, 'x'));
  CHECK_FALSE(key.assign(kHash, 1, views(one, out)));
  const std::vector<std::string> many(16, std::string(300, 'x'));
  CHECK_FALSE(key.assign(kHash, 1, views(many, out)));
  std::vector<std::string> heads;
  for (char name = 'a'; name < 'q'; ++name) heads.push_back(std::string(",") + name + "=\"");
  LabelText text;
  for (std::size_t size = 1; size < 300; ++size) {
    const std::vector<std::string> values(16, std::string(size, 'x'));
    if (text.render(heads, views(values, out))) REQUIRE(key.assign(kHash, 1, views(values, out)));
  }
}

TEST_CASE("words that belong to no values are refused, or are some values within the words") {
  std::mt19937_64 random(1);
  for (int turn = 0; turn < 20'000; ++turn) {
    std::vector<std::uint64_t> words(random() % 9);
    for (std::uint64_t& word : words) {
      word = random() >> random() % 64;
      if (random() % 3 == 0) word = (word & ~std::uint64_t{0} >> 8) | (random() % 130) << 56;
    }
    const std::vector<Word> memory = kept(words);
    LabelKey key;
    key.copy_from(memory.data(), static_cast<std::uint32_t>(memory.size()));
    std::array<std::string_view, 3> out;
    if (!key.take_apart(out)) continue;
    std::size_t bytes = 0;
    for (const std::string_view value : out) bytes += value.size();
    REQUIRE(bytes <= 8 * words.size());
    LabelText text;
    const std::vector<std::string> heads = {",a=\"", ",b=\"", ",c=\""};
    REQUIRE(text.render(heads, out));
  }
}
