// SPDX-License-Identifier: MIT
//
// ServiceDirectory: what readers of the registry see, in 64-bit words without pointers, so that it can live in shared
// memory. One writer at a time (the registry, under its lock), any number of readers, who never wait for it.
//
//   service   head: version. kBuffers lists; version v stands in list v % kBuffers: a count, then entries
//   entry     generation:32 | weight:16 | record:16                (the generation's low half)
//   record    stamp: generation, 0 = retired | lease end | slot:32 port:16 id_size:8 host_size:8 | failures | id | host
//   ticket    generation:32 | record:32
//
// Reading is optimistic: copy, then check that what was copied was not being rewritten. A list is rewritten when the
// head has moved kBuffers - 1 on, a record only after its stamp was cleared. Every word is stored with release and
// loaded with acquire: who sees a word of the new contents also sees the head or stamp that was stored before it, and
// tries again. (Fences would do with relaxed words, but ThreadSanitizer does not know them; on x86 the code is equal.)
// A retry means that the writer finished something, so readers are lock-free, and a writer that stops half way stops
// nobody: it only ever writes what no current list names.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "seawall/algorithm/mix.h"
#include "seawall/detail/cache_line.h"

namespace seawall::detail {

using Word = std::atomic<std::uint64_t>;

inline std::uint64_t seen(const Word& word) noexcept { return word.load(std::memory_order_acquire); }  // as above
inline void show(Word& word, std::uint64_t value) noexcept { word.store(value, std::memory_order_release); }

// Text in words; the last one is filled up with zero bytes.
template <std::size_t kWords>
struct TextWords {
  static constexpr std::size_t kBytes = kWords * 8;
  std::array<Word, kWords> words{};

  void store(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, text.size() - at < 8 ? text.size() - at : 8);
      show(words[at / 8], word);
    }
  }
  void load(char* to, std::size_t size) const noexcept {  // writes up to 7 bytes more than `size`
    for (std::size_t at = 0; at < size; at += 8) {
      const std::uint64_t word = seen(words[at / 8]);
      std::memcpy(to + at, &word, 8);
    }
  }
};

struct alignas(kCacheLine) InstanceRecord {
  Word stamp{0};
  Word lease_end{0};
  Word address{0};
  Word failures{0};  // generation:32 | count:32, written by readers when a call failed
  TextWords<8> id;
  TextWords<32> host;
};

struct ListEntry {
  std::uint32_t generation = 0;
  std::uint32_t weight = 0;  // as StaticStride scales it
  std::uint32_t record = 0;

  static ListEntry unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word >> 16) & 0xffff,
            static_cast<std::uint32_t>(word) & 0xffff};
  }
  std::uint64_t pack() const noexcept { return std::uint64_t{generation} << 32 | std::uint64_t{weight} << 16 | record; }
};

constexpr std::uint64_t make_ticket(std::uint64_t generation, std::uint32_t record) noexcept {
  return generation << 32 | record;
}
constexpr std::uint32_t ticket_record(std::uint64_t ticket) noexcept { return static_cast<std::uint32_t>(ticket); }

class ServiceDirectory {
 public:
  static constexpr std::uint32_t kBuffers = 4;
  static constexpr std::uint32_t kStripes = 16;
  static constexpr std::uint32_t kMaxRecords = 65535;

  // One record more than instances, so that an instance is replaced without a moment of absence.
  // `seed` spreads where the rounds start, so that not every gateway's first call goes to the same instance.
  ServiceDirectory(std::uint32_t services, std::uint32_t instances, std::uint32_t list_capacity, std::uint64_t seed)
      : services_(services),
        records_count_(instances + 1),
        list_words_(list_capacity + 1),
        heads_(new Word[services]()),
        lists_(new Word[std::size_t{services} * kBuffers * list_words_]()),
        records_(new InstanceRecord[records_count_]),
        cursors_(new Word[padded(services) * kStripes]()),
        flights_(new Word[padded(records_count_) * kStripes]()) {
    for (std::size_t i = 0; i < padded(services) * kStripes; ++i) show(cursors_[i], algorithm::mix64(seed + i));
  }

  Word& head(std::uint32_t service) noexcept { return heads_[service]; }
  Word* list(std::uint32_t service, std::uint64_t version) noexcept {
    return &lists_[(std::size_t{service} * kBuffers + version % kBuffers) * list_words_];
  }
  // What was read from the list of `version` is whole as long as the head has not come this far.
  static constexpr std::uint64_t stale_from(std::uint64_t version) noexcept { return version + kBuffers - 1; }

  InstanceRecord& record(std::uint32_t index) const noexcept { return records_[index]; }
  std::uint32_t record_count() const noexcept { return records_count_; }
  Word& believed_until() noexcept { return believed_until_; }

  // Written by readers, on lines of their stripe: the round robin position, and the picks in flight of a record as
  // generation:32 | count:32 (two's complement: a pick may end on another stripe than it began).
  Word& cursor(std::uint32_t stripe, std::uint32_t service) noexcept {
    return cursors_[stripe * padded(services_) + service];
  }
  Word& flight(std::uint32_t stripe, std::uint32_t record) const noexcept {
    return flights_[stripe * padded(records_count_) + record];
  }

 private:
  static constexpr std::size_t padded(std::size_t words) noexcept { return (words + 15) / 8 * 8; }

  std::uint32_t services_;
  std::uint32_t records_count_;
  std::size_t list_words_;
  Word believed_until_{0};
  std::unique_ptr<Word[]> heads_;
  std::unique_ptr<Word[]> lists_;
  std::unique_ptr<InstanceRecord[]> records_;
  std::unique_ptr<Word[]> cursors_;
  std::unique_ptr<Word[]> flights_;
};

}  // namespace seawall::detail
