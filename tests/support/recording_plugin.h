// SPDX-License-Identifier: MIT
//
// A library that records, and the look at what a thread keeps of its last restartable sequence.
#pragma once

#include <cstdint>

#include "seawall/counter.h"
#include "seawall/detail/rseq.h"
#include "seawall/gauge.h"
#include "seawall/histogram.h"

// What the library exports as `record`: records n times with each; false: the thread kept the address of a sequence.
using Record = bool(const seawall::Counter& counter, const seawall::Gauge& gauge, const seawall::Histogram& histogram,
                    int n);

#if SEAWALL_RSEQ
// The address of its descriptor; the kernel clears it when it interrupts the thread behind the sequence.
inline std::uint64_t sequence_of_this_thread() {
  std::uint64_t kept = 0;
  asm volatile("movq %%fs:8(%1), %0" : "=r"(kept) : "r"(__rseq_offset));
  return kept;
}
#else
inline std::uint64_t sequence_of_this_thread() { return 0; }
#endif
