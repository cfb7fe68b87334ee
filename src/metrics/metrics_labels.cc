// SPDX-License-Identifier: MIT
#include "metrics/metrics_labels.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace seawall::detail {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;

// Whether one of the 8 bytes is `c`; may also say so when none is but the one below it in the word was.
constexpr bool has_byte(std::uint64_t word, char c) noexcept {
  const std::uint64_t x = word ^ (kOnes * static_cast<unsigned char>(c));
  return ((x - kOnes) & ~x & (kOnes << 7)) != 0;
}

constexpr bool needs_escape(std::uint64_t word) noexcept {
  return has_byte(word, '\\') || has_byte(word, '"') || has_byte(word, '\n');
}

// One or two words that hold the text; they may overlap.
template <class Part>
void put_ends(char* to, std::string_view text) noexcept {
  const std::size_t last = text.size() - sizeof(Part);
  Part begin, end;
  std::memcpy(&begin, text.data(), sizeof(Part));
  std::memcpy(&end, text.data() + last, sizeof(Part));
  std::memcpy(to, &begin, sizeof(Part));
  std::memcpy(to + last, &end, sizeof(Part));
}

char* put_escaped(char* to, const char* from, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    const char c = from[i];
    if (c == '\\' || c == '"' || c == '\n') *to++ = '\\';
    *to++ = c == '\n' ? 'n' : c;
  }
  return to;
}

// Eight bytes at once while nothing is to be escaped. Needs room for twice the text and 8 bytes.
char* put_value(char* to, std::string_view value) noexcept {
  const char* from = value.data();
  std::size_t left = value.size();
  for (; left >= 8; left -= 8, from += 8) {
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    if (needs_escape(word)) {
      to = put_escaped(to, from, 8);
    } else {
      std::memcpy(to, from, 8);
      to += 8;
    }
  }
  const std::uint64_t tail = tail_of(value);
  if (std::endian::native == std::endian::big || needs_escape(tail)) return put_escaped(to, from, left);
  std::memcpy(to, &tail, 8);
  return to + left;
}

// Without a call for what is short, as names are.
char* put_head(char* to, std::string_view head) noexcept {
  const std::size_t size = head.size();
  if (size > 16) {
    std::memcpy(to, head.data(), size);
  } else if (size >= 8) {
    put_ends<std::uint64_t>(to, head);
  } else if (size >= 4) {
    put_ends<std::uint32_t>(to, head);
  } else {
    for (std::size_t i = 0; i < size; ++i) to[i] = head[i];
  }
  return to + size;
}

}  // namespace

LabelHash::LabelHash(SipKey seed) noexcept : seed_(seed) {
  std::uint64_t next = 0;
  const auto word = [&] { return siphash(seed, next++); };
  const auto wide = [&] {
    const algorithm::Wide high = word();
    return high << 64 | word();
  };
  offset_ = wide();
  family_factor_ = wide();
  for (algorithm::Wide& factor : factors_) factor = wide();
}

std::uint64_t LabelHash::of_rest(std::span<const std::uint64_t> words) const noexcept {
  SipHash<1, 3> rest(seed_);
  for (const std::uint64_t word : words) rest.add(word);
  return rest.finish();
}

void LabelKey::copy_from(const Word* words, std::uint32_t size) noexcept {
  size_ = size;
  for (std::size_t i = 0; i < size_; ++i) words_[i] = words[i].load(std::memory_order_acquire);  // as in equals()
}

void LabelKey::hash_anew(const LabelHash& hash, std::uint32_t family) noexcept {
  LabelHash::Wide sum = hash.begin(family);
  for (std::size_t i = 0; i < std::min(size_, LabelHash::kWords); ++i) sum += hash.term(i, words_[i]);
  hash_ = hash.end(sum, words());
}

bool LabelKey::take_apart(std::span<std::string_view> values) noexcept {
  std::size_t end = size_;
  for (std::size_t i = values.size(); i-- > 0;) {
    if (end == 0) return false;
    std::size_t last = end - 1;  // the word with the value's last bytes
    std::size_t bytes = words_[last] >> 56;
    if (bytes >= kLong) {
      // The last bytes behind the others, in place of the number.
      if (last == 0) return false;
      bytes = words_[last - 1];
      words_[last - 1] = words_[last];
      --last;
    }
    if (bytes / 8 > last) return false;
    end = last - bytes / 8;
    values[i] = {reinterpret_cast<const char*>(&words_[end]), bytes};
  }
  if constexpr (std::endian::native == std::endian::big) {
    for (std::size_t i = 0; i < size_; ++i) words_[i] = __builtin_bswap64(words_[i]);
  }
  return end == 0;
}

bool LabelText::render(std::span<const std::string> heads, LabelValues values) noexcept {
  char* to = text_.data();
  const char* const end = to + LabelKey::kMaxBytes;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty()) continue;
    const std::string_view head =
        to == text_.data() ? std::string_view(heads[i]).substr(1) : std::string_view(heads[i]);
    const auto room = static_cast<std::size_t>(end - to);
    if (values[i].size() > room / 2 || head.size() + 2 * values[i].size() + 1 > room) return false;
    to = put_value(put_head(to, head), values[i]);
    *to++ = '"';
  }
  bytes_ = static_cast<std::size_t>(to - text_.data());
  return true;
}

void LabelText::assign(std::string_view given) noexcept { bytes_ = given.copy(text_.data(), text_.size()); }

}  // namespace seawall::detail
