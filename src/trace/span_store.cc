// SPDX-License-Identifier: MIT
#include "trace/span_store.h"

#include "seawall/detail/fork_epoch.h"

namespace seawall {
namespace {

TokenBucketConfig keeps_config(std::int32_t per_second) {
  return TokenBucketConfig::make(Quota::make(per_second, std::chrono::seconds(1), 5 * std::int64_t{per_second}).value())
      .value();
}

}  // namespace

Tracer::Store::Store(const TracerConfig& config, TimePoint epoch)
    : options_(config.options()),
      recent_(static_cast<std::size_t>(options_.recent_spans)),
      kept_(static_cast<std::size_t>(options_.kept_spans)),
      keeps_(keeps_config(options_.keeps_per_second), epoch),
      noting_(detail::fork_epoch()),
      noted_(noting_.load(std::memory_order_relaxed)) {}  // relaxed: not shared yet

TracerStats Tracer::Store::stats() const noexcept {
  TracerStats stats;
  stats.dropped = recent_.dropped() + kept_.dropped();
  stats.recorded = recent_.head() - recent_.dropped();
  // Relaxed: counts order nothing.
  stats.kept_traces = kept_traces_.load(std::memory_order_relaxed);
  stats.keeps_refused = keeps_refused_.load(std::memory_order_relaxed);
  return stats;
}

// In a child its first span, or its exporter, finds the heads where the parent left them: who is not the first pushes
// after the first one has looked, since he saw his epoch.
void Tracer::Store::note_fork() noexcept {
  const std::uint64_t epoch = detail::fork_epoch();
  std::uint64_t seen = noting_.load(std::memory_order_acquire);
  if (seen == epoch) return;
  const Heads heads{recent_.head(), kept_.head()};
  // Release: the heads were read before. Acquire: who loses pushes after.
  if (!noting_.compare_exchange_strong(seen, epoch, std::memory_order_acq_rel, std::memory_order_acquire)) return;
  inherited_recent_.store(heads.recent, std::memory_order_relaxed);  // relaxed, both: published by what follows
  inherited_kept_.store(heads.kept, std::memory_order_relaxed);
  noted_.store(epoch, std::memory_order_release);  // pairs with inherited()
}

std::optional<Tracer::Store::Heads> Tracer::Store::inherited() noexcept {
  note_fork();
  if (noted_.load(std::memory_order_acquire) != detail::fork_epoch()) return std::nullopt;  // pairs with note_fork()
  return Heads{inherited_recent_.load(std::memory_order_relaxed), inherited_kept_.load(std::memory_order_relaxed)};
}

void Tracer::Store::record(const SpanRecord& record) noexcept {
  note_fork();
  const std::uint64_t tag = tag_of(record.trace_id);
  push(recent_, tag, record);
  // Sequentially consistent: see the head of span_store.h.
  if (mark_of(tag).load(std::memory_order_seq_cst) != tag) return;
  SpanRecord copy = record;
  copy.kept = true;
  push(kept_, tag, copy);
}

void Tracer::Store::record_and_keep(const SpanRecord& record, TimePoint now) noexcept {
  note_fork();
  const std::uint64_t tag = tag_of(record.trace_id);
  if (keep(tag, now)) rescue(tag);
  this->record(record);
}

// True: the trace was not kept before.
bool Tracer::Store::keep(std::uint64_t tag, TimePoint now) noexcept {
  if (mark_of(tag).load(std::memory_order_relaxed) == tag) return false;  // relaxed: only saves a permit
  if (!keeps_.try_acquire_at(now).allowed) {
    keeps_refused_.fetch_add(1, std::memory_order_relaxed);  // a count
    return false;
  }
  // Sequentially consistent: see the head of span_store.h.
  if (mark_of(tag).exchange(tag, std::memory_order_seq_cst) == tag) return false;
  kept_traces_.fetch_add(1, std::memory_order_relaxed);  // a count
  return true;
}

void Tracer::Store::rescue(std::uint64_t tag) noexcept {
  recent_.find(tag, [&](std::uint64_t ticket) {
    auto record = read(recent_, ticket);
    if (!record || tag_of(record->trace_id) != tag) return;
    record->kept = true;
    push(kept_, tag, *record);
  });
}

std::uint64_t Tracer::Store::tag_of(const TraceId& id) noexcept {
  std::uint64_t tag = 0;
  std::memcpy(&tag, id.data() + 8, sizeof tag);  // the half that is random in every version of the specification
  return tag == 0 ? 1 : tag;
}

std::optional<SpanRecord> Tracer::Store::read(const SpanRing& ring, std::uint64_t ticket) noexcept {
  std::array<std::uint64_t, SpanRecord::kWords> words;
  if (ring.read(ticket, words) != detail::RingRead::kWhole) return std::nullopt;
  return SpanRecord::from_words(words);
}

void Tracer::Store::push(SpanRing& ring, std::uint64_t tag, const SpanRecord& record) noexcept {
  std::array<std::uint64_t, SpanRecord::kWords> words;
  ring.push(tag, {words.data(), record.to_words(words)});
}

}  // namespace seawall
