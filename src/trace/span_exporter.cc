// SPDX-License-Identifier: MIT
#include "seawall/runtime/span_exporter.h"

#include <algorithm>

#include "seawall/detail/fork_epoch.h"
#include "trace/span_store.h"

namespace seawall {
namespace {

bool worth_another_attempt(int status) noexcept {
  return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

bool sampled(const SpanRecord& record) noexcept { return (record.flags & kTraceSampled) != 0; }

}  // namespace

Result<SpanExporterConfig> SpanExporterConfig::make(const SpanExporterOptions& options) {
  if (options.format != SpanFormat::kOtlpJson && options.format != SpanFormat::kJsonLines) {
    return out_of_range("format", static_cast<std::int64_t>(options.format), 0, 1);
  }
  if (options.max_batch < 1 || options.max_batch > 10'000) {
    return out_of_range("max_batch", options.max_batch, 1, 10'000);
  }
  if (options.first_pause < Duration(1)) return Error{Code::kInvalidArgument, "first_pause must be positive"};
  if (options.longest_pause < options.first_pause) {
    return Error{Code::kInvalidArgument, "longest_pause must not be shorter than first_pause"};
  }
  SpanExporterConfig config;
  config.options_ = options;
  return config;
}

SpanExporter::SpanExporter(const Tracer& tracer, const SpanExporterConfig& config)
    : tracer_(tracer), options_(config.options()), fork_epoch_(detail::fork_epoch()) {}

std::optional<std::string_view> SpanExporter::take_at(TimePoint now, std::int64_t unix_now_ns) {
  if (detail::fork_epoch() != fork_epoch_ && !forget_the_parents()) return std::nullopt;
  if (now < not_before_) return std::nullopt;
  if (batch_.empty()) collect();
  if (batch_.empty()) return std::nullopt;
  if (body_.empty()) body_ = render(Duration(unix_now_ns - to_ns(now)));
  taken_ = true;
  return body_;
}

// Both would send them. False: another thread is just finding out which they are.
bool SpanExporter::forget_the_parents() noexcept {
  const auto heads = tracer_.store_->inherited();
  if (!heads) return false;
  fork_epoch_ = detail::fork_epoch();
  recent_ = {.next = heads->recent};
  kept_ = {.next = heads->kept};
  batch_.clear();
  body_.clear();
  attempts_ = 0;
  taken_ = false;
  not_before_ = TimePoint::min();
  return true;
}

std::string SpanExporter::render(Duration unix_offset) const {
  std::string body;
  if (options_.format == SpanFormat::kOtlpJson) {
    append_otlp_json(body, batch_, tracer_.service(), unix_offset);
  } else {
    for (const SpanRecord& span : batch_) append_json_line(body, span, tracer_.service(), unix_offset);
  }
  return body;
}

void SpanExporter::finish_at(int status, TimePoint now, Duration retry_after) noexcept {
  if (!std::exchange(taken_, false)) return;
  if (status >= 200 && status < 300) return done(stats_.exported);
  if (!worth_another_attempt(status) || ++attempts_ >= kAttempts) return done(stats_.dropped);
  ++stats_.retries;
  const Duration pause = std::min(options_.first_pause * (std::int64_t{1} << (attempts_ - 1)), options_.longest_pause);
  not_before_ = now + std::max(pause, std::min(retry_after, Duration(std::chrono::minutes(5))));
}

void SpanExporter::done(std::uint64_t& tally) noexcept {
  tally += batch_.size();
  batch_.clear();
  body_.clear();
  attempts_ = 0;
  not_before_ = TimePoint::min();
}

void SpanExporter::collect() {
  batch_.reserve(static_cast<std::size_t>(options_.max_batch));  // what can fail comes before a cursor moves
  collect_from(tracer_.store_->kept(), kept_,
               [this](const SpanRecord& record) { return !sampled(record) && remember(record); });
  collect_from(tracer_.store_->recent(), recent_, [](const SpanRecord& record) { return sampled(record); });
}

// A pending record stops the reading, so that it is not missed. One that is still pending at the next visit, with later
// ones begun, was dropped by its writer or belongs to one that has stopped: it is given up.
template <class Ring, class Wanted>
void SpanExporter::collect_from(const Ring& ring, Cursor& cursor, const Wanted& wanted) {
  const std::uint64_t first = ring.first();
  if (cursor.next < first) stats_.lost += first - std::exchange(cursor.next, first);
  const std::uint64_t end = ring.head();
  std::array<std::uint64_t, SpanRecord::kWords> words;
  for (; cursor.next < end && batch_.size() < static_cast<std::size_t>(options_.max_batch); ++cursor.next) {
    const detail::RingRead found = ring.read(cursor.next, words);
    if (found == detail::RingRead::kPending) {
      const bool met = std::exchange(cursor.hole, cursor.next) == cursor.next;
      if (!met || cursor.next + 1 == end) return;
    }
    if (found != detail::RingRead::kWhole) {
      ++stats_.lost;
      continue;
    }
    const SpanRecord record = SpanRecord::from_words(words);
    if (wanted(record)) batch_.push_back(record);
  }
}

// True: this span was not exported lately.
bool SpanExporter::remember(const SpanRecord& record) noexcept {
  SpanId& place = remembered_[record.span_id[7] + 256u * (record.span_id[6] % 4u)];
  return std::exchange(place, record.span_id) != record.span_id;
}

}  // namespace seawall
