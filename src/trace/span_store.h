// SPDX-License-Identifier: MIT
//
// Where a Tracer's spans lie: all of the latest in one ring, those of kept traces in another, which the former ones
// cannot push out.
//
// No span of a kept trace is missed between the two rings: who records a span pushes it and then looks whether its
// trace is kept; who keeps a trace marks it and then searches the ring. Both are sequentially consistent, so at least
// one of the two moves the span. When both do, it lies in the kept ring twice; readers take each span id once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "seawall/detail/record_ring.h"
#include "seawall/runtime/tracer.h"
#include "seawall/token_bucket.h"

namespace seawall {

using SpanRing = detail::RecordRing<std::atomic<std::uint64_t>, SpanRecord::kWords>;

class Tracer::Store {
 public:
  Store(const TracerConfig& config, TimePoint epoch);

  const TracerOptions& options() const noexcept { return options_; }
  const SpanRing& recent() const noexcept { return recent_; }
  const SpanRing& kept() const noexcept { return kept_; }
  TracerStats stats() const noexcept;

  void record(const SpanRecord& record) noexcept;
  // The same for a span that makes its trace one to keep.
  void record_and_keep(const SpanRecord& record, TimePoint now) noexcept;

  // How far the rings were when this process was forked (0 and 0 when it was not): what is before is the parent's.
  // Nothing: another thread is just finding that out.
  struct Heads {
    std::uint64_t recent = 0;
    std::uint64_t kept = 0;
  };
  std::optional<Heads> inherited() noexcept;

  static std::uint64_t tag_of(const TraceId& id) noexcept;
  static std::optional<SpanRecord> read(const SpanRing& ring, std::uint64_t ticket) noexcept;

 private:
  static constexpr std::size_t kMarks = 1024;

  // Traces whose tags agree in the low bits share a mark: the later one has it.
  std::atomic<std::uint64_t>& mark_of(std::uint64_t tag) noexcept { return marks_[tag % kMarks]; }
  bool keep(std::uint64_t tag, TimePoint now) noexcept;
  void rescue(std::uint64_t tag) noexcept;
  static void push(SpanRing& ring, std::uint64_t tag, const SpanRecord& record) noexcept;

  void note_fork() noexcept;

  TracerOptions options_;
  SpanRing recent_;
  SpanRing kept_;
  TokenBucket keeps_;
  std::array<std::atomic<std::uint64_t>, kMarks> marks_{};
  std::atomic<std::uint64_t> kept_traces_{0};
  std::atomic<std::uint64_t> keeps_refused_{0};

  // The fork epoch of who found the heads below, while he does and once they are there.
  std::atomic<std::uint64_t> noting_;
  std::atomic<std::uint64_t> noted_;
  std::atomic<std::uint64_t> inherited_recent_{0};
  std::atomic<std::uint64_t> inherited_kept_{0};
};

}  // namespace seawall
