// SPDX-License-Identifier: MIT
#include "seawall/runtime/tracer.h"

#include <algorithm>
#include <tuple>

#include "text/utf8.h"
#include "trace/span_store.h"

namespace seawall {
namespace {

constexpr std::int64_t kMaxSpans = 1 << 20;

// Of those that start together, the one that ends last: a parent before its children.
bool starts_before(const SpanRecord& a, const SpanRecord& b) {
  return std::tie(a.start, b.end, a.span_id) < std::tie(b.start, a.end, b.span_id);
}

}  // namespace

Result<TracerConfig> TracerConfig::make(const TracerOptions& options) {
  const auto service_size = static_cast<std::int64_t>(options.service.size());
  if (service_size < 1 || service_size > 63) return out_of_range("bytes of service", service_size, 1, 63);
  if (!is_utf8(options.service)) return Error{Code::kInvalidArgument, "service must be UTF-8"};
  if (options.recent_spans < 1 || options.recent_spans > kMaxSpans) {
    return out_of_range("recent_spans", options.recent_spans, 1, kMaxSpans);
  }
  if (options.kept_spans < 1 || options.kept_spans > kMaxSpans) {
    return out_of_range("kept_spans", options.kept_spans, 1, kMaxSpans);
  }
  if (options.slow < Duration(1)) return Error{Code::kInvalidArgument, "slow must be positive"};
  if (options.keeps_per_second < 1 || options.keeps_per_second > 100'000) {
    return out_of_range("keeps_per_second", options.keeps_per_second, 1, 100'000);
  }
  return TracerConfig(options);
}

void Span::end_at(TimePoint now) noexcept {
  Tracer* tracer = std::exchange(tracer_, nullptr);
  if (tracer == nullptr) return;
  record_.end = std::max(now, record_.start);
  const bool slow = entry_ && record_.end - record_.start >= tracer->store_->options().slow;
  if (slow || record_.kept || record_.status == SpanStatus::kError) {
    tracer->store_->record_and_keep(record_, now);
  } else {
    tracer->store_->record(record_);
  }
}

Tracer::Tracer(const TracerConfig& config, TimePoint epoch) : store_(std::make_unique<Store>(config, epoch)) {}
Tracer::~Tracer() = default;

Span Tracer::start_at(std::string_view name, SpanKind kind, const Extracted& incoming, TimePoint now) noexcept {
  const TraceContext context =
      incoming.continued ? incoming.context.child(IdGenerator::this_thread()) : incoming.context;
  Span span(*this, context, /*entry=*/true);
  if (incoming.continued) span.record_.parent_id = incoming.context.span_id();
  begin(span, name, kind, now);
  return span;
}

Span Tracer::start_at(std::string_view name, SpanKind kind, const Span& parent, TimePoint now) noexcept {
  if (parent.context() == nullptr) return {};
  Span span(*this, parent.context()->child(IdGenerator::this_thread()), /*entry=*/false);
  span.record_.parent_id = parent.context()->span_id();
  begin(span, name, kind, now);
  return span;
}

void Tracer::begin(Span& span, std::string_view name, SpanKind kind, TimePoint now) noexcept {
  span.record_.trace_id = span.context_->trace_id();
  span.record_.span_id = span.context_->span_id();
  span.record_.flags = span.context_->flags();
  span.record_.kind = kind;
  span.record_.start = now;
  span.record_.set_name(name);
}

void Tracer::record_at(const SpanRecord& record, TimePoint now) noexcept {
  if (record.kept || record.status == SpanStatus::kError) {
    store_->record_and_keep(record, now);
  } else {
    store_->record(record);
  }
}

const std::string& Tracer::service() const noexcept { return store_->options().service; }
TracerStats Tracer::stats() const noexcept { return store_->stats(); }

std::vector<SpanRecord> Tracer::trace(const TraceId& id) const {
  std::vector<SpanRecord> spans;
  for (const SpanRing* ring : {&store_->kept(), &store_->recent()}) {
    ring->find(Store::tag_of(id), [&](std::uint64_t ticket) {
      auto record = Store::read(*ring, ticket);
      if (!record || record->trace_id != id) return;
      const auto same = [&](const SpanRecord& other) { return other.span_id == record->span_id; };
      if (std::none_of(spans.begin(), spans.end(), same)) spans.push_back(*record);
    });
  }
  std::sort(spans.begin(), spans.end(), starts_before);
  return spans;
}

std::vector<KeptTrace> Tracer::kept(std::size_t limit) const {
  const SpanRing& ring = store_->kept();
  std::vector<TraceId> order;
  for (std::uint64_t ticket = ring.head(); ticket > ring.first() && order.size() < limit; --ticket) {
    const auto record = Store::read(ring, ticket - 1);
    if (record && std::find(order.begin(), order.end(), record->trace_id) == order.end()) {
      order.push_back(record->trace_id);
    }
  }
  std::vector<KeptTrace> traces;
  for (const TraceId& id : order) {
    const auto spans = trace(id);
    if (!spans.empty()) traces.push_back({spans.front(), spans.size()});
  }
  std::sort(traces.begin(), traces.end(), [](const auto& a, const auto& b) { return a.first.start > b.first.start; });
  return traces;
}

}  // namespace seawall
