// SPDX-License-Identifier: MIT
#include "metrics_labels.h"

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

bool LabelText::render(std::span<const std::string> heads, LabelValues values) noexcept {
  if (values.size() != heads.size()) return false;
  char* to = text();
  const char* const end = to + kMaxBytes;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty()) continue;
    const std::string_view head = to == text() ? std::string_view(heads[i]).substr(1) : std::string_view(heads[i]);
    const auto room = static_cast<std::size_t>(end - to);
    if (values[i].size() > room / 2 || head.size() + 2 * values[i].size() + 1 > room) return false;
    to = put_value(put_head(to, head), values[i]);
    *to++ = '"';
  }
  finish(static_cast<std::size_t>(to - text()));
  return true;
}

void LabelText::assign(std::string_view given) noexcept {
  if (!given.empty()) std::memcpy(text(), given.data(), given.size());
  finish(given.size());
}

void LabelText::finish(std::size_t bytes) noexcept {
  bytes_ = static_cast<std::uint32_t>(bytes);
  std::memset(text() + bytes, 0, 8);  // fills the last word
}

std::uint64_t LabelText::hash(SipKey key, std::uint32_t family) const noexcept {
  SipHash<1, 3> hash({key.k0 ^ (std::uint64_t{family} << 32 | bytes_), key.k1});  // each has a key of its own
  for (const std::uint64_t word : words()) hash.add(word);
  return hash.finish();
}

bool LabelText::equals(const Word* other) const noexcept {
  // Acquire: if a word is that of a later series, the generation read after it is, too.
  for (const std::uint64_t word : words()) {
    if (word != (other++)->load(std::memory_order_acquire)) return false;
  }
  return true;
}

void LabelText::copy_from(const Word* other, std::uint32_t bytes) noexcept {
  bytes_ = bytes;
  // Acquire: as in equals().
  for (std::size_t i = 0; i < words().size(); ++i) words_[i] = other[i].load(std::memory_order_acquire);
}

}  // namespace seawall::detail
