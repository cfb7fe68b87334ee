// SPDX-License-Identifier: MIT
//
// ServiceDirectory: what readers of the registry see, in 64-bit words without pointers, so that it can live in shared
// memory. One writer at a time (the registry, under its lock), any number of readers, who never wait for it.
//
//   service   head: version. kBuffers lists; version v stands in list v % kBuffers: a count, then entries
//   entry     generation:32 | weight:16 | record:16                (the generation's low half)
//   record    stamp: generation, 0 = retired | lease end | slot:32 port:16 id_size:8 host_size:8 | failures | alive:
//             generation:32, 0 = retired | id | host
//   cursor    pass:32 | entry:32, where a thread's next round robin choice begins
//   ticket    generation:32 | record:32
//
// Reading is optimistic: copy, then check that what was copied was not being rewritten. A list is rewritten when the
// head has moved kBuffers - 1 on, a record only after its stamp was cleared. Every word is stored with release and
// loaded with acquire: who sees a word of the new contents also sees the head or stamp that was stored before it, and
// tries again. (Fences would do with relaxed words, but ThreadSanitizer does not know them; on x86 the code is equal.)
// A retry means that the writer finished something, so readers are lock-free, and a writer that stops half way stops
// nobody: it only ever writes what no current list names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "seawall/algorithm/mix.h"
#include "seawall/detail/cache_line.h"
#include "seawall/detail/instance_record.h"
#include "seawall/detail/rseq.h"
#include "seawall/detail/thread_stripe.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

class ServiceDirectory {
 public:
  static constexpr std::uint32_t kBuffers = 4;
  static constexpr std::uint32_t kStripes = 16;
  static constexpr std::uint32_t kMaxRecords = 65535;

  // One record more than instances, so that an instance is replaced without a moment of absence.
  // `seed` spreads where the rounds start, so that not every gateway's first call goes to the same instance.
  // `cpus` is how many CPUs count picks in cells of their own; 0 when restartable sequences cannot be relied upon.
  ServiceDirectory(std::uint32_t services, std::uint32_t instances, std::uint32_t list_capacity, std::uint64_t seed,
                   std::uint32_t cpus)
      : services_(services),
        records_count_(instances + 1),
        list_words_(list_capacity + 1),
        cpus_(cpus),
        heads_(new Word[services]()),
        lists_(new Word[std::size_t{services} * kBuffers * list_words_]()),
        records_(new InstanceRecord[records_count_]),
        cursors_(new Word[padded(services) * kStripes]()),
        flights_(new Word[padded(records_count_) * kStripes]()),
        cells_(make_cells(records_count_, cpus)) {
    for (std::uint32_t i = 0; i < records_count_; ++i) {
      records_[i].cell = i / kPageCells * cpus * kPageCells + i % kPageCells;
    }
    for (std::size_t i = 0; i < padded(services) * kStripes; ++i) show(cursors_[i], algorithm::mix64(seed + i));
  }

  Word& head(std::uint32_t service) const noexcept { return heads_[service]; }
  Word* list(std::uint32_t service, std::uint64_t version) const noexcept {
    return &lists_[(std::size_t{service} * kBuffers + version % kBuffers) * list_words_];
  }
  // What was read from the list of `version` is whole as long as the head has not come this far.
  static constexpr std::uint64_t stale_from(std::uint64_t version) noexcept { return version + kBuffers - 1; }

  InstanceRecord& record(std::uint32_t index) const noexcept { return records_[index]; }
  std::uint32_t record_count() const noexcept { return records_count_; }
  Word& believed_until() noexcept { return believed_until_; }

  // Where a thread's rounds stand; on a line of its stripe.
  Word& cursor(std::uint32_t service) const noexcept {
    return cursors_[thread_stripe<kStripes>() * padded(services_) + service];
  }

  // Picks in flight of a record: one more or one less, in this CPU's cell, or where there is none in the thread's
  // stripe. A pick may end elsewhere than it began, so only the sum of all means anything. False, and nothing counted:
  // the ticket is of another generation than the record.
  bool count_flight(std::uint64_t ticket, std::int32_t by) const noexcept {
    const InstanceRecord& to = records_[ticket_record(ticket)];
    if (cpus_ != 0) {
      const Put put = rseq_add(cells_.get() + to.cell, static_cast<std::uint64_t>(std::int64_t{by}), to.alive,
                               static_cast<std::uint32_t>(ticket >> 32), cpus_);
      if (put != Put::kElsewhere) return put == Put::kDone;
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

  // For the writer. Cells only ever add up, over all generations of a record, and nobody sets them back: what a new
  // generation finds there is its zero, once nobody can add for the old one any more.
  std::uint32_t cpus() const noexcept { return cpus_; }
  std::int64_t cells_sum(std::uint32_t record) const noexcept {
    std::uint64_t sum = 0;
    // Relaxed: a sum of counts that go on changing; it publishes nothing.
    for (std::uint32_t cpu = 0; cpu < cpus_; ++cpu) {
      sum += cells_[records_[record].cell + std::size_t{cpu} * kPageCells].load(std::memory_order_relaxed);
    }
    return static_cast<std::int64_t>(sum);
  }
  // generation:32 | count:32 (two's complement).
  Word& flight(std::uint32_t stripe, std::uint32_t record) const noexcept {
    return flights_[stripe * padded(records_count_) + record];
  }

 private:
  static constexpr std::uint32_t kPageCells = kCpuStride / sizeof(Cell);
  struct FreePages {
    void operator()(Cell* cells) const noexcept { ::operator delete[](cells, std::align_val_t(kCpuStride)); }
  };
  using Cells = std::unique_ptr<Cell[], FreePages>;
  // A record has the same place in a page of each CPU; the pages of one run of records lie side by side.
  static Cells make_cells(std::uint32_t records, std::uint32_t cpus) {
    const std::size_t pages = std::size_t{(records + kPageCells - 1) / kPageCells} * cpus;
    return Cells(new (std::align_val_t(kCpuStride)) Cell[pages * kPageCells]());
  }

  static constexpr std::size_t padded(std::size_t words) noexcept { return (words + 15) / 8 * 8; }

  std::uint32_t services_;
  std::uint32_t records_count_;
  std::size_t list_words_;
  std::uint32_t cpus_;
  Word believed_until_{0};
  std::unique_ptr<Word[]> heads_;
  std::unique_ptr<Word[]> lists_;
  std::unique_ptr<InstanceRecord[]> records_;
  std::unique_ptr<Word[]> cursors_;
  std::unique_ptr<Word[]> flights_;
  Cells cells_;
};

}  // namespace seawall::detail
