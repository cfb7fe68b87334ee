// SPDX-License-Identifier: MIT
//
// ServiceDirectory: what readers of the registry see, in 64-bit words in one block of memory (directory_layout.h). One
// writer at a time (the registry, under its lock), any number of readers, in any process, who never wait for it.
//
//   service   name (service_names.h). head: version. kBuffers lists; version v stands in list v % kBuffers: how to
//             choose (service_list.h), then entries. share: how many are ejected (algorithm/ejection_share.h)
//   entry     generation:32 | weight:16 | record:16                (the generation's low half)
//   record    stamp: generation, 0 = retired | lease end | slot:32 port:16 id_size:8 host_size:8 | service |
//             failures | breaker | ewma | load; its texts (id, host) in an array of their own
//   slot      the entry of whoever has the slot; weight 0: no picks, 1: in panic only
//   table     of a service that chooses by key: slots, four in a word, or points of a ring. Two for each, in turn, so
//             what was read from one is whole as long as the head is as it was
//   view      of a service that is a part of another one (directory_layout.h)
//   cursor    pass:32 | entry:32, where a thread's next round robin choice begins
//   flights   the calls under way (flight_table.h)
//
// Reading is optimistic: copy, then check that what was copied was not being rewritten. A list is rewritten when the
// head has moved kBuffers - 1 on, a record only after its stamp was cleared. Every word is stored with release and
// loaded with acquire: who sees a word of the new contents also sees the head or stamp that was stored before it, and
// tries again. (Fences would do with relaxed words, but ThreadSanitizer does not know them; on x86 the code is equal.)
// A retry means that the writer finished something, so readers are lock-free, and a writer that stops half way stops
// nobody: it only ever writes what no current list names.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "seawall/algorithm/mix.h"
#include "seawall/detail/directory_layout.h"
#include "seawall/detail/instance_details.h"
#include "seawall/detail/instance_record.h"
#include "seawall/detail/thread_stripe.h"
#include "seawall/detail/update.h"
#include "seawall/time.h"

namespace seawall::detail {

// A view: copied freely, valid while the memory is.
class ServiceDirectory {
 public:
  static constexpr std::uint32_t kBuffers = DirectoryLayout::kBuffers;
  static constexpr std::uint32_t kStripes = DirectoryLayout::kStripes;
  static constexpr std::uint32_t kMaxRecords = DirectoryLayout::kMaxRecords;

  static constexpr std::size_t bytes(const DirectorySizes& sizes) noexcept { return DirectoryLayout(sizes).bytes; }

  // `epoch` is a random number. `seed` spreads where the rounds start, so that not every gateway's first call goes to
  // the same instance, and keys the table of names.
  static Result<ServiceDirectory> make_in(std::span<std::byte> memory, const DirectorySizes& sizes, std::uint64_t epoch,
                                          SipKey seed) {
    if (auto r = DirectoryLayout::check_sizes(sizes); !r) return r.error();
    if (auto r = DirectoryLayout::check_place(memory, bytes(sizes)); !r) return r.error();
    ServiceDirectory made(memory.data(), sizes);
    made.construct(epoch, seed);
    return made;
  }
  static Result<ServiceDirectory> attach(std::span<std::byte> memory) {
    const auto sizes = DirectoryLayout::read(memory);
    if (!sizes) return sizes.error();
    return ServiceDirectory(memory.data(), sizes.value());
  }

  // Service names, or whatever takes their words.
  template <class Names>
  Names names() const noexcept {
    return {names_, name_table_, sizes_.services, name_table_words_, header_->seed};
  }
  Word& version() const noexcept { return header_->version; }
  Word& head(std::uint32_t service) const noexcept { return heads_[service]; }
  Word* list(std::uint32_t service, std::uint64_t version) const noexcept {
    return &lists_[(std::size_t{service} * kBuffers + version % kBuffers) * sizes_.list_words];
  }
  // What was read from the list of `version` is whole as long as the head has not come this far.
  static constexpr bool stale(std::uint64_t version, std::uint64_t head) noexcept {
    return head - version >= kBuffers - 1;
  }
  // For the writer: after each change.
  void changed() const noexcept { show(header_->version, seen(header_->version) + 1); }

  // A count as a list of entries may have.
  std::uint32_t list_size(std::uint64_t counted) const noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(counted, list_room_));
  }

  // Whatever number a list may hold, the record is one of this directory.
  InstanceRecord& record(std::uint32_t index) const noexcept { return records_[index < sizes_.records ? index : 0]; }
  InstanceTexts& texts(std::uint32_t record) const noexcept { return texts_[record < sizes_.records ? record : 0]; }
  InstanceDetails details(std::uint32_t record) const noexcept {
    return {details_ + std::size_t{record < sizes_.records ? record : 0} * sizes_.detail_words};
  }
  // Whatever number a record may hold, the service is one of this directory.
  std::uint32_t service_of(const InstanceRecord& record) const noexcept {
    const auto index = static_cast<std::uint32_t>(seen(record.service));
    return index < sizes_.services ? index : 0;
  }
  std::uint32_t record_count() const noexcept { return sizes_.records; }
  const DirectorySizes& sizes() const noexcept { return sizes_; }
  DirectoryHeader& header() const noexcept { return *header_; }
  Word& believed_until() const noexcept { return header_->believed_until; }
  // An instant as far as the registry believes it: what leases are compared with.
  std::int64_t believed(TimePoint now) const noexcept {
    return std::min(to_ns(now), static_cast<std::int64_t>(seen(header_->believed_until)));
  }

  // Where a thread's rounds stand; on a line of its stripe.
  Word& cursor(std::uint32_t service, std::uint32_t which) const noexcept {
    const std::size_t stripe = thread_stripe<kStripes>() * cursor_stride_;
    return cursors_[stripe + std::size_t{DirectoryLayout::kCursors} * service + which];
  }
  // Of a service of this directory: service_of, not what a record holds.
  Word& share(std::uint32_t service) const noexcept { return shares_[service]; }
  Word& slot(std::uint32_t slot) const noexcept { return slots_[slot < sizes_.records ? slot : 0]; }
  // Null when there is none of this number.
  Word* table(std::uint32_t index) const noexcept {
    return index < sizes_.tables ? &tables_[std::size_t{index} * sizes_.table_words] : nullptr;
  }
  std::uint32_t table_words() const noexcept { return sizes_.table_words; }
  ServiceViewWords& view(std::uint32_t service) const noexcept {
    return views_[service < sizes_.services ? service : 0];
  }

  // A FlightTable, or whatever takes its words.
  template <class Table>
  Table flights() const noexcept {
    static_assert(Table::kStripes == kStripes && Table::kHintStride == DirectoryLayout::kHintStride);
    static_assert(Table::kMaxCells == kStripes * DirectoryLayout::kMaxFlights);
    return {flights_, hints_, sizes_.flights};
  }
  // Relaxed: a total.
  static void happened(Word& total) noexcept { total.fetch_add(1, std::memory_order_relaxed); }

  // Tallies carry the generation they belong to: what an earlier one still has to say is dropped.
  static bool add(Word& tally, std::uint64_t generation, std::int32_t by) noexcept {
    return update(tally, [=](std::uint64_t word) {
      const auto next = static_cast<std::uint32_t>(word) + static_cast<std::uint32_t>(by);
      const bool ours = word >> 32 == static_cast<std::uint32_t>(generation);
      return Step<bool>{ours ? (word >> 32 << 32 | next) : word, ours};
    });
  }
  // What a tally counted for a generation.
  static std::uint32_t counted(std::uint64_t tally, std::uint64_t generation) noexcept {
    return tally >> 32 == static_cast<std::uint32_t>(generation) ? static_cast<std::uint32_t>(tally) : 0;
  }

 private:
  ServiceDirectory(std::byte* memory, const DirectorySizes& sizes) noexcept : sizes_(sizes) {
    const DirectoryLayout at(sizes);
    list_room_ = sizes.list_words - DirectoryLayout::kListHead;
    cursor_stride_ = DirectoryLayout::padded(std::size_t{DirectoryLayout::kCursors} * sizes.services);
    header_ = reinterpret_cast<DirectoryHeader*>(memory);
    names_ = reinterpret_cast<ServiceName*>(memory + at.names);
    name_table_ = reinterpret_cast<Word*>(memory + at.name_table);
    name_table_words_ = service_table_words(sizes.services);
    heads_ = reinterpret_cast<Word*>(memory + at.heads);
    lists_ = reinterpret_cast<Word*>(memory + at.lists);
    records_ = reinterpret_cast<InstanceRecord*>(memory + at.records);
    texts_ = reinterpret_cast<InstanceTexts*>(memory + at.texts);
    details_ = reinterpret_cast<Word*>(memory + at.details);
    cursors_ = reinterpret_cast<Word*>(memory + at.cursors);
    flights_ = reinterpret_cast<Word*>(memory + at.flights);
    hints_ = reinterpret_cast<Word*>(memory + at.hints);
    shares_ = reinterpret_cast<Word*>(memory + at.shares);
    slots_ = reinterpret_cast<Word*>(memory + at.slots);
    tables_ = reinterpret_cast<Word*>(memory + at.tables);
    views_ = reinterpret_cast<ServiceViewWords*>(memory + at.views);
  }

  void construct(std::uint64_t epoch, SipKey seed) noexcept {
    new (header_) DirectoryHeader();
    header_->sizes = sizes_;
    header_->epoch = epoch;
    header_->seed = seed;
    std::uninitialized_value_construct_n(names_, sizes_.services);
    std::uninitialized_value_construct_n(name_table_, name_table_words_);
    std::uninitialized_value_construct_n(heads_, sizes_.services);
    std::uninitialized_value_construct_n(lists_, std::size_t{sizes_.services} * kBuffers * sizes_.list_words);
    std::uninitialized_value_construct_n(records_, sizes_.records);
    std::uninitialized_value_construct_n(texts_, sizes_.records);
    // The words behind the first are written before they are read; where they are many, most never are.
    for (std::uint32_t i = 0; i < sizes_.records; ++i) new (details(i).words) Word(0);
    const std::size_t cursors = cursor_stride_ * kStripes;
    std::uninitialized_value_construct_n(cursors_, cursors);
    for (std::size_t i = 0; i < cursors; ++i) show(cursors_[i], algorithm::mix64(seed.k0 + i));
    std::uninitialized_value_construct_n(flights_, std::size_t{sizes_.flights} * kStripes);
    std::uninitialized_value_construct_n(hints_, DirectoryLayout::kHintStride * kStripes);
    std::uninitialized_value_construct_n(shares_, sizes_.services);
    std::uninitialized_value_construct_n(slots_, sizes_.records);
    std::uninitialized_value_construct_n(tables_, std::size_t{sizes_.tables} * sizes_.table_words);
    std::uninitialized_value_construct_n(views_, sizes_.services);
    show(header_->magic, DirectoryHeader::kMagic);
  }

  DirectorySizes sizes_;
  std::uint32_t list_room_;    // entries that a list may have
  std::size_t cursor_stride_;  // words from one stripe's to the next one's
  DirectoryHeader* header_;
  ServiceName* names_;
  Word* name_table_;
  std::uint32_t name_table_words_;
  Word* heads_;
  Word* lists_;
  InstanceRecord* records_;
  InstanceTexts* texts_;
  Word* details_;
  Word* cursors_;
  Word* flights_;
  Word* hints_;
  Word* shares_;
  Word* slots_;
  Word* tables_;
  ServiceViewWords* views_;
};

}  // namespace seawall::detail
