// SPDX-License-Identifier: MIT
//
// Step: what a pure decision gives back, and what detail/update.h puts into effect.
#pragma once

#include <cstdint>

namespace seawall::detail {

template <class Answer>
struct Step {
  std::uint64_t next;  // the word that should stand; the word seen, when nothing is to be written
  Answer answer;
};

}  // namespace seawall::detail
