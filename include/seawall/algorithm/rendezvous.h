// SPDX-License-Identifier: MIT
//
// Rendezvous subset: which k of a large fleet a client keeps connections to (gRPC A68). Each client scores all members
// with its own seed and keeps the lowest; a member that comes or goes changes one place of the subset, and all clients
// together cover the fleet evenly, without talking to each other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "seawall/algorithm/mix.h"

namespace seawall::algorithm {

struct Rendezvous {
  struct Member {
    std::uint64_t id_hash = 0;
    std::uint32_t index = 0;
    std::uint64_t score = 0;  // scratch
  };

  static constexpr std::uint64_t score(std::uint64_t seed, std::uint64_t id_hash) noexcept {
    return mix64(id_hash ^ mix64(seed + 0x9e3779b97f4a7c15u));
  }

  // The score up to which members are of a subset of `size` (at least 1) of those whose scores these are; they are
  // reordered.
  static constexpr std::uint64_t limit(std::span<std::uint64_t> scores, std::size_t size) noexcept {
    if (scores.size() <= size) return ~std::uint64_t{0};
    const auto last = scores.begin() + static_cast<std::ptrdiff_t>(size - 1);
    std::nth_element(scores.begin(), last, scores.end());
    return *last;
  }

  // Moves the `size` chosen members to the front, in order of score. Returns how many there are.
  static constexpr std::size_t choose(std::span<Member> members, std::size_t size, std::uint64_t seed) noexcept {
    for (Member& member : members) member.score = score(seed, member.id_hash);
    const std::size_t chosen = std::min(size, members.size());
    std::partial_sort(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(chosen), members.end(),
                      [](const Member& a, const Member& b) {
                        return a.score != b.score ? a.score < b.score : a.id_hash < b.id_hash;
                      });
    return chosen;
  }
};

}  // namespace seawall::algorithm
