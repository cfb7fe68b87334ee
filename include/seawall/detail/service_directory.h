// SPDX-License-Identifier: MIT
//
// ServiceDirectory: what readers of the registry see, in 64-bit words in one block of memory (directory_layout.h). One
// writer at a time (the registry, under its lock), any number of readers, in any process, who never wait for it.
//
//   service   head: version. kBuffers lists; version v stands in list v % kBuffers: a count, then entries
//   entry     generation:32 | weight:16 | record:16                (the generation's low half)
//   record    stamp: generation, 0 = retired | lease end | slot:32 port:16 id_size:8 host_size:8 | failures | alive:
//             generation:32, 0 = retired | id | host
//   cursor    pass:32 | entry:32, where a thread's next round robin choice begins
//   ticket    generation:32 | record:32
//   tally     generation:32 | count:32 (two's complement), of picks in flight
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
#include "seawall/detail/instance_record.h"
#include "seawall/detail/rseq.h"
#include "seawall/detail/thread_stripe.h"
#include "seawall/detail/update.h"

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

  Word& head(std::uint32_t service) const noexcept { return heads_[service]; }
  Word* list(std::uint32_t service, std::uint64_t version) const noexcept {
    return &lists_[(std::size_t{service} * kBuffers + version % kBuffers) * sizes_.list_words];
  }
  // What was read from the list of `version` is whole as long as the head has not come this far.
  static constexpr std::uint64_t stale_from(std::uint64_t version) noexcept { return version + kBuffers - 1; }
  // A count as a list of entries may have.
  std::uint32_t list_size(std::uint64_t counted) const noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(counted, sizes_.list_words - 1));
  }

  // Whatever number a list may hold, the record is one of this directory.
  InstanceRecord& record(std::uint32_t index) const noexcept { return records_[index < sizes_.records ? index : 0]; }
  std::uint32_t record_count() const noexcept { return sizes_.records; }
  const DirectorySizes& sizes() const noexcept { return sizes_; }
  DirectoryHeader& header() const noexcept { return *header_; }
  Word& believed_until() const noexcept { return header_->believed_until; }

  // Where a thread's rounds stand; on a line of its stripe.
  Word& cursor(std::uint32_t service) const noexcept {
    return cursors_[thread_stripe<kStripes>() * DirectoryLayout::padded(sizes_.services) + service];
  }

  // Picks in flight of a record: one more or one less, in this CPU's cell, or where there is none in the thread's
  // stripe. A pick may end elsewhere than it began, so only the sum of all means anything. The record must be one of
  // this directory. False, and nothing counted: the ticket is of another generation than the record.
  bool count_flight(std::uint64_t ticket, std::int32_t by) const noexcept {
    if (sizes_.cpus != 0) {
      Cell* const first = cells_ + cell(ticket_record(ticket));
      const Put put = rseq_count(first, ticket_generation(ticket), static_cast<std::uint32_t>(by), sizes_.cpus);
      if (put == Put::kDone) return true;
      if (put == Put::kStale) return count_first(first, ticket, by);
    }
    return add(flight(thread_stripe<kStripes>(), ticket_record(ticket)), ticket, by);
  }
  // Tallies carry the generation they belong to: what an earlier one still has to say is dropped.
  static bool add(Word& tally, std::uint64_t ticket, std::int32_t by) noexcept {
    return update(tally, [=](std::uint64_t word) {
      const auto next = static_cast<std::uint32_t>(word) + static_cast<std::uint32_t>(by);
      const bool ours = word >> 32 == ticket >> 32;
      return Step<bool>{ours ? (word >> 32 << 32 | next) : word, ours};
    });
  }
  // What a tally counted for a generation.
  static std::uint32_t counted(std::uint64_t tally, std::uint64_t generation) noexcept {
    return tally >> 32 == static_cast<std::uint32_t>(generation) ? static_cast<std::uint32_t>(tally) : 0;
  }
  // Counts go on changing while they are summed.
  std::int64_t in_flight(std::uint32_t record, std::uint64_t generation) const noexcept {
    std::uint32_t sum = 0;
    for (std::uint32_t cpu = 0; cpu < sizes_.cpus; ++cpu) {
      sum += counted(seen(cells_[cell(record) + std::size_t{cpu} * kPageCells]), generation);
    }
    for (std::uint32_t stripe = 0; stripe < kStripes; ++stripe)
      sum += counted(seen(flight(stripe, record)), generation);
    return std::max<std::int64_t>(static_cast<std::int32_t>(sum), 0);
  }
  Word& flight(std::uint32_t stripe, std::uint32_t record) const noexcept {
    return flights_[stripe * DirectoryLayout::padded(sizes_.records) + record];
  }

 private:
  static constexpr std::uint32_t kPageCells = DirectoryLayout::kPageCells;

  ServiceDirectory(std::byte* memory, const DirectorySizes& sizes) noexcept : sizes_(sizes) {
    const DirectoryLayout at(sizes);
    header_ = reinterpret_cast<DirectoryHeader*>(memory);
    heads_ = reinterpret_cast<Word*>(memory + at.heads);
    lists_ = reinterpret_cast<Word*>(memory + at.lists);
    records_ = reinterpret_cast<InstanceRecord*>(memory + at.records);
    cursors_ = reinterpret_cast<Word*>(memory + at.cursors);
    flights_ = reinterpret_cast<Word*>(memory + at.flights);
    cells_ = reinterpret_cast<Cell*>(memory + at.cells);
  }

  void construct(std::uint64_t epoch, SipKey seed) noexcept {
    new (header_) DirectoryHeader();
    header_->sizes = sizes_;
    header_->epoch = epoch;
    header_->seed = seed;
    std::uninitialized_value_construct_n(heads_, sizes_.services);
    std::uninitialized_value_construct_n(lists_, std::size_t{sizes_.services} * kBuffers * sizes_.list_words);
    std::uninitialized_value_construct_n(records_, sizes_.records);
    const std::size_t cursors = DirectoryLayout::padded(sizes_.services) * kStripes;
    std::uninitialized_value_construct_n(cursors_, cursors);
    for (std::size_t i = 0; i < cursors; ++i) show(cursors_[i], algorithm::mix64(seed.k0 + i));
    std::uninitialized_value_construct_n(flights_, DirectoryLayout::padded(sizes_.records) * kStripes);
    std::uninitialized_value_construct_n(cells_, DirectoryLayout::cell_count(sizes_));
    show(header_->magic, DirectoryHeader::kMagic);
  }

  // Of a record at CPU 0.
  std::size_t cell(std::uint32_t record) const noexcept {
    return std::size_t{record / kPageCells} * sizes_.cpus * kPageCells + record % kPageCells;
  }

  // The first count of a generation on this CPU takes the cell over from the one before, whose counts nobody asks for
  // any more.
  [[gnu::noinline]] bool count_first(Cell* first, std::uint64_t ticket, std::int32_t by) const noexcept {
    const Generation& alive = records_[ticket_record(ticket)].alive;
    for (;;) {
      // Acquire: as for the stamp; who sees the generation sees the tallies that were made for it.
      if (alive.load(std::memory_order_acquire) != ticket_generation(ticket)) return false;
      const std::uint64_t word = ticket >> 32 << 32 | static_cast<std::uint32_t>(by);
      Put put = rseq_begin(first, word, alive, ticket_generation(ticket), sizes_.cpus);
      if (put == Put::kStale)
        put = rseq_count(first, ticket_generation(ticket), static_cast<std::uint32_t>(by), sizes_.cpus);
      if (put == Put::kDone) return true;
      if (put == Put::kElsewhere) return add(flight(thread_stripe<kStripes>(), ticket_record(ticket)), ticket, by);
    }
  }

  DirectorySizes sizes_;
  DirectoryHeader* header_;
  Word* heads_;
  Word* lists_;
  InstanceRecord* records_;
  Word* cursors_;
  Word* flights_;
  Cell* cells_;
};

}  // namespace seawall::detail
