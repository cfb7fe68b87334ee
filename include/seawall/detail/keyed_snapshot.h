// SPDX-License-Identifier: MIT
//
// The saved form of a keyed table: a header, then three words for each overflow group and each key in use, then a
// checksum over all (SipHash under a fixed key: against cut and damaged files, not against people who write their own).
// Little end first on all machines that the library runs on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "seawall/detail/siphash.h"

namespace seawall::detail {

struct KeyedSnapshotHeader {
  std::uint64_t magic = 0x334c415357414553;  // "SEAWSAL3"; another layout gets another number
  std::uint64_t entries = 0;
  std::uint64_t kind = 0;
  std::int64_t permits = 0;
  std::int64_t period_ns = 0;
  std::int64_t burst = 0;
  std::uint64_t line_count = 0;
  SipKey seed{};
  std::int64_t tag_bits = 0;

  // Of the same kind of table; the number of entries, the seed and the bits of a tag are its contents.
  bool fits(const KeyedSnapshotHeader& other) const noexcept {
    return magic == other.magic && kind == other.kind && permits == other.permits && period_ns == other.period_ns &&
           burst == other.burst && line_count == other.line_count;
  }
};

struct KeyedSnapshotEntry {
  std::uint64_t line = 0;
  std::uint64_t tag = 0;  // 0: of an overflow group
  std::uint64_t state = 0;
};

inline std::uint64_t keyed_checksum(std::span<const std::byte> bytes) noexcept {
  return siphash(SipKey{0x5345415741304c4c, 0x534e415053484f54},
                 std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// Counts on when the buffer is full, so that the caller learns the size.
class KeyedSnapshotWriter {
 public:
  KeyedSnapshotWriter(std::span<std::byte> out, const KeyedSnapshotHeader& header) noexcept
      : out_(out), header_(header), size_(sizeof header) {}

  void add(std::uint64_t line, std::uint64_t tag, std::uint64_t state) noexcept {
    const KeyedSnapshotEntry entry{line, tag, state};
    put(size_, entry);
    size_ += sizeof entry;
    ++header_.entries;
  }
  std::size_t finish() noexcept {
    put(0, header_);
    if (size_ <= out_.size()) put(size_, keyed_checksum(out_.first(size_)));
    return size_ + sizeof(std::uint64_t);
  }

 private:
  template <class T>
  void put(std::size_t at, const T& value) noexcept {
    if (at + sizeof value <= out_.size()) std::memcpy(out_.data() + at, &value, sizeof value);
  }

  std::span<std::byte> out_;
  KeyedSnapshotHeader header_;
  std::size_t size_;
};

class KeyedSnapshotReader {
 public:
  explicit KeyedSnapshotReader(std::span<const std::byte> saved) noexcept : saved_(saved) {
    if (saved.size() >= sizeof header_) std::memcpy(&header_, saved.data(), sizeof header_);
  }

  // Whole, unchanged, and of such a table.
  bool matches(const KeyedSnapshotHeader& expected) const noexcept {
    if (saved_.size() < sizeof header_ + sizeof(std::uint64_t) || !header_.fits(expected)) return false;
    const std::size_t body = saved_.size() - sizeof header_ - sizeof(std::uint64_t);
    if (body % sizeof(KeyedSnapshotEntry) != 0 || body / sizeof(KeyedSnapshotEntry) != header_.entries) return false;
    std::uint64_t sum = 0;
    std::memcpy(&sum, saved_.data() + saved_.size() - sizeof sum, sizeof sum);
    return sum == keyed_checksum(saved_.first(saved_.size() - sizeof sum));
  }
  SipKey seed() const noexcept { return header_.seed; }
  std::int64_t tag_bits() const noexcept { return header_.tag_bits; }
  std::size_t entries() const noexcept { return header_.entries; }
  KeyedSnapshotEntry entry(std::size_t i) const noexcept {
    KeyedSnapshotEntry found;
    std::memcpy(&found, saved_.data() + sizeof header_ + i * sizeof found, sizeof found);
    return found;
  }

 private:
  std::span<const std::byte> saved_;
  KeyedSnapshotHeader header_;
};

}  // namespace seawall::detail
