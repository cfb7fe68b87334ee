// SPDX-License-Identifier: MIT
//
// Maglev: a table from hashes to instances, in which each has its share of entries and keeps most of them when others
// come or go (Eisenbud et al., NSDI 2016, section 3.4). Looking up is one load. Take it for affinity (caches, sessions)
// with a fleet that changes rarely; the ring (hash_ring.h) moves half as many keys and costs a search.
//
// The table depends on the instances' hashes and weights and on their order only among equal hashes: hash a stable id,
// sort by it, and the same fleet gives the same table in every process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "seawall/algorithm/mix.h"

namespace seawall::algorithm {

struct MaglevEntry {
  std::uint64_t hash = 0;    // of the instance's id
  std::uint32_t weight = 1;  // relative share; 0 gets no entry
  std::uint32_t next = 0;    // scratch: how far its permutation was walked
  std::uint64_t credit = 0;  // scratch
};

struct Maglev {
  static constexpr std::uint32_t kEmpty = 0xffff;
  static constexpr std::size_t kDefaultSize = 65537;  // a prime, some hundred times the number of instances

  // Fills `table`, whose size is a prime above the number of entries (at most 65534), with indices into `entries`.
  // False, and a table of kEmpty, when all weights are 0.
  static constexpr bool build(std::span<MaglevEntry> entries, std::span<std::uint16_t> table) noexcept {
    std::uint64_t heaviest = 0;
    for (MaglevEntry& entry : entries) {
      entry.next = 0;
      entry.credit = 0;
      if (entry.weight > heaviest) heaviest = entry.weight;
    }
    for (std::uint16_t& slot : table) slot = kEmpty;
    if (heaviest == 0) return false;
    for (std::size_t filled = 0;;) {
      for (std::size_t i = 0; i < entries.size(); ++i) {
        entries[i].credit += entries[i].weight;  // an entry of half the weight has every second turn
        if (entries[i].credit < heaviest) continue;
        entries[i].credit -= heaviest;
        table[free_slot(entries[i], table)] = static_cast<std::uint16_t>(i);
        if (++filled == table.size()) return true;
      }
    }
  }

  static constexpr std::uint32_t pick(std::span<const std::uint16_t> table, std::uint64_t key_hash) noexcept {
    return table[static_cast<std::size_t>(key_hash % table.size())];
  }

 private:
  // The next free slot of an entry's own permutation of the table.
  static constexpr std::size_t free_slot(MaglevEntry& entry, std::span<const std::uint16_t> table) noexcept {
    const std::uint64_t size = table.size();
    const std::uint64_t offset = entry.hash % size;
    const std::uint64_t skip = mix64(entry.hash) % (size - 1) + 1;
    for (;;) {
      const auto slot = static_cast<std::size_t>((offset + skip * entry.next++) % size);
      if (table[slot] == kEmpty) return slot;
    }
  }
};

}  // namespace seawall::algorithm
