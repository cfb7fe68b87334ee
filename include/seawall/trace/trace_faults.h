// SPDX-License-Identifier: MIT
//
// TraceFaults: how often what callers sent was not taken over, by reason. For a metric with the label name_of(fault).
//
// Threads: any, at once. Totals are on cells of each CPU, and written only by a refusal.
//
//   for (std::size_t i = 1; i < seawall::kTraceFaultCount; ++i) {
//     const auto fault = static_cast<seawall::TraceFault>(i);
//     report(name_of(fault), propagator.faults().count(fault));
//   }
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "seawall/algorithm/trace_fault.h"
#include "seawall/detail/striped_counter.h"

namespace seawall {

class TraceFaults {
 public:
  // A header that is not there breaks no rule.
  void add(TraceFault fault) noexcept {
    if (fault != TraceFault::kNone && fault != TraceFault::kParentAbsent) counts_[index_of(fault)].add();
  }
  std::uint64_t count(TraceFault fault) const noexcept { return counts_[index_of(fault)].value(); }

 private:
  static std::size_t index_of(TraceFault fault) noexcept {
    const auto index = static_cast<std::size_t>(fault);
    return index < kTraceFaultCount ? index : 0;  // kNone, which is never counted
  }
  std::array<detail::StripedCounter, kTraceFaultCount> counts_;
};

}  // namespace seawall
