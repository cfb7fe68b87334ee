// SPDX-License-Identifier: MIT
//
// Tracer and Span: what a process did for a request, when, and how it went. A Tracer keeps the latest spans in a ring
// of fixed size and, apart from them, the spans of traces worth keeping: those with an error, with a slow entry span
// (the first span of this process in the trace), or marked by keep(). Read them by trace id, list the kept ones, or
// export them with runtime/span_exporter.h. TraceContext alone is enough to pass a trace on without recording it.
//
// Spans are recorded whether the trace is sampled or not: what is worth keeping is known only at its end. Exported are
// the sampled and the kept ones. So that a storm of errors costs little, keeping a trace takes a permit of a token
// bucket; its permits refused are counted.
//
// Threads: a Tracer any; starting touches nothing shared, ending adds a record of at most 1 KiB to the ring without
// waiting for anybody. A Span belongs to one thread at a time. Nothing but the constructor allocates. The Tracer must
// outlive its spans. A record that loses its slot to a writer a whole lap ahead is dropped and counted.
// Known flaw: a trace is kept from the moment at which one of its spans ends badly; its earlier spans are kept as far
// as the ring still has them.
//
//   seawall::Tracer tracer(seawall::TracerConfig::make({.service = "gateway"}).value());
//   seawall::Span span = tracer.start("GET /feed", seawall::SpanKind::kServer, propagator.extract(carrier, ids));
//   seawall::Span call = tracer.start("feed", seawall::SpanKind::kClient, span);  // inject *call.context()
//   span.set("http.response.status_code", 200);
//   span.end();                                                   // the destructor would do it as well
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/runtime/span_record.h"
#include "seawall/time.h"
#include "seawall/trace_context.h"

namespace seawall {

class Tracer;

// Move-only. What was moved from, and a default Span, records nothing; all calls on it are allowed.
class Span {
 public:
  Span() noexcept = default;
  Span(Span&& other) noexcept
      : tracer_(std::exchange(other.tracer_, nullptr)), entry_(other.entry_), context_(other.context_) {
    record_ = other.record_;
  }
  Span& operator=(Span&& other) noexcept {  // ends what it held
    if (this == &other) return *this;
    end();
    tracer_ = std::exchange(other.tracer_, nullptr);
    entry_ = other.entry_;
    context_ = other.context_;
    record_ = other.record_;
    return *this;
  }
  ~Span() { end(); }

  // Where calls made under this span belong: their parent is this span. Null when it records nothing.
  const TraceContext* context() const noexcept { return context_ ? &*context_ : nullptr; }
  const SpanRecord& record() const noexcept { return record_; }
  bool recording() const noexcept { return tracer_ != nullptr; }

  void set_name(std::string_view name) noexcept { record_.set_name(name); }
  void set(std::string_view key, const AttributeValue& value) noexcept { record_.set(key, value); }
  void set_status(SpanStatus status, std::string_view text = {}) noexcept { record_.set_status(status, text); }
  void add_event_at(std::string_view name, TimePoint now, std::span<const Attribute> attributes) noexcept {
    record_.add_event(name, now, attributes);
  }
  void add_event_at(std::string_view name, TimePoint now, std::initializer_list<Attribute> attributes = {}) noexcept {
    record_.add_event(name, now, {attributes.begin(), attributes.size()});
  }
  void add_event(std::string_view name, std::initializer_list<Attribute> attributes = {}) noexcept {
    add_event_at(name, Clock::now(), attributes);
  }
  // This trace is worth keeping, whatever its status.
  void keep() noexcept { record_.kept = true; }

  // Records it. An end before the start counts as the start. Later calls change nothing.
  void end_at(TimePoint now) noexcept;
  void end() noexcept {
    if (tracer_ != nullptr) end_at(Clock::now());
  }

 private:
  friend class Tracer;
  Span(Tracer& tracer, const TraceContext& context, bool entry) noexcept
      : tracer_(&tracer), entry_(entry), context_(context) {}

  Tracer* tracer_ = nullptr;
  bool entry_ = false;
  std::optional<TraceContext> context_;
  SpanRecord record_;
};

struct TracerOptions {
  std::string service = {};                 // service.name of all spans; 1 to 63 bytes, needed
  std::int32_t recent_spans = 2048;         // 1 KiB each; rounded up to a power of two
  std::int32_t kept_spans = 1024;           // the same
  Duration slow = std::chrono::seconds(1);  // an entry span this long is worth keeping
  std::int32_t keeps_per_second = 20;       // traces; five times as many at once
};

class TracerConfig {
 public:
  // Error: kInvalidArgument, naming the option.
  static Result<TracerConfig> make(const TracerOptions& options);
  const TracerOptions& options() const noexcept { return options_; }

 private:
  explicit TracerConfig(const TracerOptions& options) : options_(options) {}
  TracerOptions options_;
};

struct TracerStats {
  std::uint64_t recorded = 0;
  std::uint64_t dropped = 0;  // lost their slot
  std::uint64_t kept_traces = 0;
  std::uint64_t keeps_refused = 0;  // by keeps_per_second
};

// A kept trace by the earliest of its spans that have ended.
struct KeptTrace {
  SpanRecord first;
  std::size_t spans = 0;
};

class Tracer {
 public:
  explicit Tracer(const TracerConfig& config, TimePoint epoch = Clock::now());
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // The entry span of a request that came in: continues the caller's trace, or is the root of the fresh one.
  Span start_at(std::string_view name, SpanKind kind, const Extracted& incoming, TimePoint now) noexcept;
  Span start(std::string_view name, SpanKind kind, const Extracted& incoming) noexcept {
    return start_at(name, kind, incoming, Clock::now());
  }
  // A span under another of this process; under one that records nothing it records nothing either.
  Span start_at(std::string_view name, SpanKind kind, const Span& parent, TimePoint now) noexcept;
  Span start(std::string_view name, SpanKind kind, const Span& parent) noexcept {
    return start_at(name, kind, parent, Clock::now());
  }

  // Records what another process measured, in the instants of this process's clock.
  void record_at(const SpanRecord& record, TimePoint now) noexcept;

  const std::string& service() const noexcept;
  // All that is left of a trace, in order of start; each span once. Walks the tags of both rings: for people, not for a
  // request.
  std::vector<SpanRecord> trace(const TraceId& id) const;
  // The kept traces, the latest first, at most `limit`.
  std::vector<KeptTrace> kept(std::size_t limit) const;
  TracerStats stats() const noexcept;

 private:
  friend class Span;
  friend class SpanExporter;
  class Store;

  static void begin(Span& span, std::string_view name, SpanKind kind, TimePoint now) noexcept;

  std::unique_ptr<Store> store_;
};

}  // namespace seawall
