// SPDX-License-Identifier: MIT
//
// The memory of a directory of services: one block without addresses, a header and arrays behind it, on the heap, in
// memory that processes share or in a mapped file. Where each array begins follows from the counts in the header, which
// are checked once and copied; after that a process trusts no number of the block that could lead it out of it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "seawall/detail/cache_line.h"
#include "seawall/detail/instance_record.h"
#include "seawall/detail/service_name.h"
#include "seawall/detail/siphash.h"
#include "seawall/result.h"

namespace seawall::detail {

using ServiceName = BasicServiceName<Word>;

struct DirectorySizes {
  std::uint32_t services = 0;
  std::uint32_t records = 0;       // more than instances: those that leave are free when no list names them any more
  std::uint32_t list_words = 0;    // of one list
  std::uint32_t detail_words = 0;  // of one record (instance_details.h)
  std::uint32_t flights = 0;       // cells of calls under way, in each stripe; a power of two
  std::uint32_t tables = 0;        // two for each service that chooses by key
  std::uint32_t table_words = 0;   // of one table

  friend constexpr bool operator==(const DirectorySizes&, const DirectorySizes&) = default;
};

// How a view of a service is defined: for a writer that takes over. Two definitions, written in turn; `count` says how
// many there were, and the last one is whole. rule: subset:16 | fallback:1 | bytes of the selector:8
struct ViewDefinitionWords {
  Word rule{0};
  Word seed{0};
  TextWords<32> selector;
};
struct alignas(kCacheLine) ServiceViewWords {
  Word count{0};  // 0: it is no view
  std::array<ViewDefinitionWords, 2> turns;

  ViewDefinitionWords& of(std::uint64_t number) noexcept { return turns[number % 2]; }
};

struct DirectoryHeader {
  static constexpr std::uint64_t kMagic = 0x3165636976726553;
  static constexpr std::uint32_t kLayout = 6;  // another number whenever what stands in the block changes

  static constexpr std::uint32_t kRecordBytes = sizeof(InstanceRecord) + sizeof(InstanceTexts);

  Word magic{0};  // written last
  std::uint32_t layout = kLayout;
  std::uint32_t record_bytes = kRecordBytes;
  DirectorySizes sizes;
  std::uint64_t epoch = 0;  // random, so that a directory made anew is told from this one
  SipKey seed{};
  alignas(kCacheLine) Word believed_until{0};
  Word version{0};       // grows with every change, after the change can be seen
  Word incarnations{0};  // of services, given so far
  Word generations{0};   // of instances, given so far
  Word ticked_at{0};
  alignas(kCacheLine) Word writer{0};  // writer_lease.h
  // What readers count: how often something happened that should not, so rare that one word each serves all.
  alignas(kCacheLine) Word tickets_late{0};
  Word tickets_untracked{0};
  Word ejections{0};
  Word ejections_refused{0};  // for want of a place in the share
  Word panic_picks{0};
};

class DirectoryLayout {
 public:
  static constexpr std::uint32_t kBuffers = 4;
  static constexpr std::uint32_t kStripes = 16;
  static constexpr std::uint32_t kMaxServices = 4096;
  static constexpr std::uint32_t kMaxRecords = 65535;
  static constexpr std::uint32_t kMaxListWords = std::uint32_t{1} << 20;
  static constexpr std::uint32_t kMinDetailWords = 12;
  static constexpr std::uint32_t kMaxDetailWords = std::uint32_t{1} << 19;
  static constexpr std::uint32_t kMaxFlights = (1u << 20) / kStripes;
  static constexpr std::uint32_t kListHead = 6;  // words (service_list.h)
  static constexpr std::uint32_t kCursors = 4;  // of a service in a stripe: a round, one of other zones, a random state
  static constexpr std::uint32_t kMaxTables = 254;
  static constexpr std::uint32_t kHintStride = 8;  // words: each stripe's hint has a line of its own

  // Sizes within the bounds above.
  constexpr explicit DirectoryLayout(const DirectorySizes& sizes) noexcept
      : names(place(sizeof(DirectoryHeader))),
        name_table(place(names + sizeof(ServiceName) * sizes.services)),
        heads(place(name_table + sizeof(Word) * service_table_words(sizes.services))),
        lists(place(heads + sizeof(Word) * sizes.services)),
        records(place(lists + sizeof(Word) * kBuffers * sizes.list_words * sizes.services)),
        texts(place(records + sizeof(InstanceRecord) * sizes.records)),
        details(place(texts + sizeof(InstanceTexts) * sizes.records)),
        cursors(place(details + sizeof(Word) * sizes.detail_words * sizes.records)),
        flights(place(cursors + sizeof(Word) * kStripes * padded(std::size_t{kCursors} * sizes.services))),
        hints(place(flights + sizeof(Word) * kStripes * sizes.flights)),
        shares(place(hints + sizeof(Word) * kStripes * kHintStride)),
        slots(place(shares + sizeof(Word) * sizes.services)),
        tables(place(slots + sizeof(Word) * sizes.records)),
        views(place(tables + sizeof(Word) * sizes.tables * std::size_t{sizes.table_words})),
        bytes(views + sizeof(ServiceViewWords) * sizes.services) {}

  static constexpr std::size_t padded(std::size_t words) noexcept { return (words + 15) / 8 * 8; }

  static Result<void> check_sizes(const DirectorySizes& sizes) {
    const auto check = [](std::string_view name, std::uint32_t given, std::uint32_t low,
                          std::uint32_t high) -> Result<void> {
      return given >= low && given <= high ? Result<void>() : out_of_range(name, given, low, high);
    };
    if (auto r = check("services of the directory", sizes.services, 1, kMaxServices); !r) return r;
    if (auto r = check("records of the directory", sizes.records, 1, kMaxRecords); !r) return r;
    if (auto r = check("list_words of the directory", sizes.list_words, kListHead + 1, kMaxListWords); !r) return r;
    if (auto r = check("detail_words of the directory", sizes.detail_words, kMinDetailWords, kMaxDetailWords); !r) {
      return r;
    }
    if (!std::has_single_bit(sizes.flights)) {
      return Error{Code::kInvalidArgument, "flights of the directory must be a power of two"};
    }
    if (auto r = check("tables of the directory", sizes.tables, 0, kMaxTables); !r) return r;
    if (auto r = check("table_words of the directory", sizes.table_words, 0, kMaxListWords); !r) return r;
    return check("flights of the directory", sizes.flights, 1, kMaxFlights);
  }

  static Result<void> check_place(std::span<const std::byte> memory, std::size_t needed) {
    if (reinterpret_cast<std::uintptr_t>(memory.data()) % kCacheLine != 0) {
      return Error{Code::kInvalidArgument, "memory must be aligned to 64 bytes"};
    }
    if (memory.data() != nullptr && memory.size() >= needed) return {};
    return Error{Code::kInvalidArgument, Message("memory must have at least ")
                                             .append(static_cast<std::int64_t>(needed))
                                             .append(" bytes, not ")
                                             .append(static_cast<std::int64_t>(memory.size()))};
  }

  // The sizes of the directory in this memory. An error names what of the header cannot be.
  static Result<DirectorySizes> read(std::span<const std::byte> memory) {
    if (auto r = check_place(memory, sizeof(DirectoryHeader)); !r) return r.error();
    const auto& header = *reinterpret_cast<const DirectoryHeader*>(memory.data());
    if (seen(header.magic) != DirectoryHeader::kMagic) {  // with the magic comes the rest of the header
      return Error{Code::kInvalidArgument,
                   "magic: no directory of services was made in this memory, or not to its end"};
    }
    if (header.layout != DirectoryHeader::kLayout) {
      return out_of_range("layout of the directory", header.layout, DirectoryHeader::kLayout, DirectoryHeader::kLayout);
    }
    if (header.record_bytes != DirectoryHeader::kRecordBytes) {
      return out_of_range("record_bytes of the directory", header.record_bytes, DirectoryHeader::kRecordBytes,
                          DirectoryHeader::kRecordBytes);
    }
    const DirectorySizes sizes = header.sizes;  // once: what others write there later changes nothing here
    if (auto r = check_sizes(sizes); !r) return r.error();
    if (auto r = check_place(memory, DirectoryLayout(sizes).bytes); !r) return r.error();
    return sizes;
  }

 private:
  static constexpr std::size_t place(std::size_t at) noexcept {
    return (at + kCacheLine - 1) / kCacheLine * kCacheLine;
  }

 public:
  std::size_t names, name_table, heads, lists, records, texts, details, cursors, flights, hints, shares, slots, tables,
      views, bytes;
};

}  // namespace seawall::detail
