// SPDX-License-Identifier: MIT
#include <array>
#include <new>
#include <optional>
#include <string>

#include "internal.h"
#include "limiters.h"
#include "options.h"
#include "seawall/runtime/span_events.h"
#include "seawall/runtime/span_exporter.h"
#include "seawall/runtime/tracer.h"
#include "trace_struct.h"

using namespace seawall;
using namespace seawall::capi;

struct seawall_tracer : Handle<0x53575301> {
  seawall_tracer(const TracerConfig& config, const SpanExporterConfig& exporting, TimePoint epoch)
      : rep(config, epoch), exporter(rep, exporting) {}
  Tracer rep;
  SpanExporter exporter;
};

namespace {

// What lies in a seawall_span. An ended one keeps its tag and its context.
struct LiveSpan {
  static constexpr std::uint32_t kTag = 0x53575302;
  LiveSpan(Tracer& of, Span&& started) noexcept : tracer(&of), span(std::move(started)) {}
  std::uint32_t tag = kTag;
  Tracer* tracer;
  Span span;
};
static_assert(sizeof(LiveSpan) <= sizeof(seawall_span));
static_assert(alignof(std::uint64_t) % alignof(LiveSpan) == 0);  // of the words of a seawall_span

// The live span in the caller's memory; NULL when there is none. The tag is copied, as in valid(): the memory may hold
// anything.
LiveSpan* live(const seawall_span* span) noexcept {
  if (span == nullptr) return nullptr;
  std::uint32_t tag;
  std::memcpy(&tag, span, sizeof tag);
  return tag == LiveSpan::kTag ? std::launder(reinterpret_cast<LiveSpan*>(const_cast<seawall_span*>(span))) : nullptr;
}

bool is_kind(int32_t kind) noexcept { return kind >= SEAWALL_SPAN_INTERNAL && kind <= SEAWALL_SPAN_CONSUMER; }

std::optional<Attribute> read(const seawall_attribute& from) noexcept {
  if (!readable(from.key.data, from.key.size) || !readable(from.text.data, from.text.size)) return std::nullopt;
  const std::string_view key = text_in(from.key.data, from.key.size);
  switch (from.type) {
    case SEAWALL_ATTRIBUTE_BOOL:
      return Attribute{key, from.number != 0};
    case SEAWALL_ATTRIBUTE_INT:
      return Attribute{key, from.number};
    case SEAWALL_ATTRIBUTE_DOUBLE:
      return Attribute{key, from.real};
    case SEAWALL_ATTRIBUTE_TEXT:
      return Attribute{key, text_in(from.text.data, from.text.size)};
    default:
      return std::nullopt;
  }
}

// Runs fn(span) -> int32_t on a span that was started.
template <class Fn>
int32_t with_span(seawall_span* span, Fn&& fn) noexcept {
  LiveSpan* found = live(span);
  return found == nullptr ? SEAWALL_E_WRONG_HANDLE : fn(found->span);
}

int32_t create(const TracerOptions& options, const SpanExporterOptions& exporting, int64_t now_ns, seawall_tracer** out,
               seawall_error* error) {
  const auto config = TracerConfig::make(options);
  if (!config) return fail(error, config.error());
  const auto export_config = SpanExporterConfig::make(exporting);
  if (!export_config) return fail(error, export_config.error());
  *out = new seawall_tracer(config.value(), export_config.value(), instant(now_ns));
  return SEAWALL_OK;
}

// Options of the C struct over the defaults, where 0 means the default.
int32_t create(const seawall_tracer_options& given, std::string_view service, int64_t now_ns, seawall_tracer** out,
               seawall_error* error) {
  TracerOptions options;
  SpanExporterOptions exporting;
  options.service = service;
  if (given.recent_spans != 0) options.recent_spans = given.recent_spans;
  if (given.kept_spans != 0) options.kept_spans = given.kept_spans;
  if (given.keeps_per_second != 0) options.keeps_per_second = given.keeps_per_second;
  if (given.slow_ns != 0) options.slow = Duration(given.slow_ns);
  if (given.max_batch != 0) exporting.max_batch = given.max_batch;
  exporting.format = static_cast<SpanFormat>(given.format);
  return create(options, exporting, now_ns, out, error);
}

int32_t lines_out(const std::string& lines, char* buffer, size_t capacity, size_t* needed,
                  seawall_error* error) noexcept {
  const int32_t code = text_out(lines, buffer, capacity, needed);
  return code == SEAWALL_OK ? code : fail(error, code, "the buffer is too small");
}

}  // namespace

extern "C" {

int32_t seawall_tracer_options_init(seawall_tracer_options* options) noexcept { return init_options(options); }

int32_t seawall_tracer_new(const seawall_tracer_options* options, int64_t now_ns, seawall_tracer** out,
                           seawall_error* error) noexcept {
  if (out == nullptr) return wrong_handle(error, "out is NULL");
  *out = nullptr;
  return guarded(error, [&] {
    seawall_tracer_options given{};
    if (!read_options(options, given)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options: wrong struct_size");
    if (!readable(given.service.data, given.service.size)) {
      return fail(error, SEAWALL_E_INVALID_ARGUMENT, "service is NULL");
    }
    return create(given, text_in(given.service.data, given.service.size), now_ns, out, error);
  });
}

int32_t seawall_tracer_new_from_json(const char* json, size_t json_size, int64_t now_ns, seawall_tracer** out,
                                     seawall_error* error) noexcept {
  if (out == nullptr) return wrong_handle(error, "out is NULL");
  *out = nullptr;
  if (!readable(json, json_size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "json is NULL");
  return guarded(error, [&] {
    seawall_tracer_options given{};
    std::string service;
    const auto read = read_json_options(text_in(json, json_size), {{"service", &service},
                                                                   {"recent_spans", &given.recent_spans},
                                                                   {"kept_spans", &given.kept_spans},
                                                                   {"keeps_per_second", &given.keeps_per_second},
                                                                   {"slow_ns", &given.slow_ns},
                                                                   {"format", &given.format},
                                                                   {"max_batch", &given.max_batch}});
    return read ? create(given, service, now_ns, out, error) : fail(error, read.error());
  });
}

void seawall_tracer_free(seawall_tracer* tracer) noexcept { free_handle(tracer); }

int32_t seawall_tracer_start(seawall_tracer* tracer, const char* name, size_t name_size, int32_t kind,
                             const seawall_trace_context* context, int32_t continued, int64_t now_ns,
                             seawall_span* span) noexcept {
  if (!valid(tracer)) return SEAWALL_E_WRONG_HANDLE;
  if (span == nullptr || !is_kind(kind) || !readable(name, name_size) || check(context) != SEAWALL_OK) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  const auto parsed = read(*context);
  if (!parsed) return SEAWALL_E_INVALID_ARGUMENT;
  const Extracted incoming{parsed.value(), {}, continued != 0};
  new (span->opaque) LiveSpan(tracer->rep, tracer->rep.start_at(text_in(name, name_size), static_cast<SpanKind>(kind),
                                                                incoming, instant(now_ns)));
  return SEAWALL_OK;
}

int32_t seawall_span_start_child(const seawall_span* parent, const char* name, size_t name_size, int32_t kind,
                                 int64_t now_ns, seawall_span* span) noexcept {
  const LiveSpan* above = live(parent);
  if (above == nullptr) return SEAWALL_E_WRONG_HANDLE;
  if (span == nullptr || span == parent || !is_kind(kind) || !readable(name, name_size)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  Tracer& tracer = *above->tracer;
  new (span->opaque) LiveSpan(
      tracer, tracer.start_at(text_in(name, name_size), static_cast<SpanKind>(kind), above->span, instant(now_ns)));
  return SEAWALL_OK;
}

int32_t seawall_span_context(const seawall_span* span, seawall_trace_context* out) noexcept {
  const LiveSpan* found = live(span);
  if (found == nullptr) return SEAWALL_E_WRONG_HANDLE;
  if (check(out) != SEAWALL_OK) return SEAWALL_E_INVALID_ARGUMENT;
  write(*found->span.context(), *out);
  return SEAWALL_OK;
}

int32_t seawall_span_set(seawall_span* span, const seawall_attribute* attribute) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    if (attribute == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
    const auto given = read(*attribute);
    if (!given) return SEAWALL_E_INVALID_ARGUMENT;
    of.set(given->key, given->value);
    return SEAWALL_OK;
  });
}

int32_t seawall_span_set_status(seawall_span* span, int32_t status, const char* text, size_t text_size) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    if (status < SEAWALL_SPAN_UNSET || status > SEAWALL_SPAN_ERROR) return SEAWALL_E_INVALID_ARGUMENT;
    if (!readable(text, text_size)) return SEAWALL_E_INVALID_ARGUMENT;
    of.set_status(static_cast<SpanStatus>(status), text_in(text, text_size));
    return SEAWALL_OK;
  });
}

int32_t seawall_span_add_event(seawall_span* span, const char* name, size_t name_size, int64_t now_ns,
                               const seawall_attribute* attributes, size_t count) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    constexpr std::size_t kMost = 64;  // more never fit into a span
    if (!readable(name, name_size) || (attributes == nullptr && count > 0)) return SEAWALL_E_INVALID_ARGUMENT;
    if (count > kMost) return SEAWALL_E_FULL;
    std::array<Attribute, kMost> given;
    for (std::size_t i = 0; i < count; ++i) {
      const auto one = read(attributes[i]);
      if (!one) return SEAWALL_E_INVALID_ARGUMENT;
      given[i] = *one;
    }
    of.add_event_at(text_in(name, name_size), instant(now_ns), std::span<const Attribute>(given.data(), count));
    return SEAWALL_OK;
  });
}

int32_t seawall_span_add_limiter_event(seawall_span* span, const char* name, size_t name_size,
                                       const seawall_decision* decision, int64_t now_ns) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    if (!readable(name, name_size) || decision == nullptr || !usable(decision)) return SEAWALL_E_INVALID_ARGUMENT;
    add_limiter_event_at(of, text_in(name, name_size), read(*decision), instant(now_ns));
    return SEAWALL_OK;
  });
}

int32_t seawall_span_add_breaker_event(seawall_span* span, const char* name, size_t name_size, int32_t allowed,
                                       int32_t state, int64_t retry_after_ns, int64_t now_ns) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    const bool known = state >= SEAWALL_BREAKER_CLOSED && state <= SEAWALL_BREAKER_DISABLED;
    if (!readable(name, name_size) || !known) return SEAWALL_E_INVALID_ARGUMENT;
    add_breaker_event_at(of, text_in(name, name_size), allowed != 0, static_cast<BreakerState>(state),
                         Duration(retry_after_ns), instant(now_ns));
    return SEAWALL_OK;
  });
}

int32_t seawall_span_add_retry_event(seawall_span* span, int64_t attempt, int64_t delay_ns, int64_t now_ns) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    add_retry_event_at(of, attempt, Duration(delay_ns), instant(now_ns));
    return SEAWALL_OK;
  });
}

int32_t seawall_span_keep(seawall_span* span) noexcept {
  return with_span(span, [](Span& of) -> int32_t {
    of.keep();
    return SEAWALL_OK;
  });
}

int32_t seawall_span_end(seawall_span* span, int64_t now_ns) noexcept {
  return with_span(span, [&](Span& of) -> int32_t {
    of.end_at(instant(now_ns));
    return SEAWALL_OK;
  });
}

int32_t seawall_tracer_trace(seawall_tracer* tracer, const uint8_t* trace_id, int64_t unix_offset_ns, char* buffer,
                             size_t capacity, size_t* needed, seawall_error* error) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(tracer)) return wrong_handle(error, "not a tracer");
  if (trace_id == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "trace_id is NULL");
  return guarded(error, [&] {
    TraceId id;
    std::copy(trace_id, trace_id + id.size(), id.begin());
    std::string lines;
    for (const SpanRecord& span : tracer->rep.trace(id)) {
      append_json_line(lines, span, tracer->rep.service(), Duration(unix_offset_ns));
    }
    if (lines.empty()) return fail(error, SEAWALL_E_NOT_FOUND, "no span of this trace");
    return lines_out(lines, buffer, capacity, needed, error);
  });
}

int32_t seawall_tracer_kept(seawall_tracer* tracer, size_t limit, int64_t unix_offset_ns, char* buffer, size_t capacity,
                            size_t* needed, seawall_error* error) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(tracer)) return wrong_handle(error, "not a tracer");
  return guarded(error, [&] {
    std::string lines;
    for (const KeptTrace& trace : tracer->rep.kept(limit)) {
      append_json_line(lines, trace.first, tracer->rep.service(), Duration(unix_offset_ns));
    }
    return lines_out(lines, buffer, capacity, needed, error);
  });
}

int32_t seawall_tracer_take(seawall_tracer* tracer, int64_t now_ns, int64_t unix_now_ns, seawall_text* body) noexcept {
  if (!valid(tracer)) return SEAWALL_E_WRONG_HANDLE;
  if (body == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *body = {};
  return guarded(nullptr, [&]() -> int32_t {
    const auto taken = tracer->exporter.take_at(instant(now_ns), unix_now_ns);
    if (!taken) return SEAWALL_TAKE_NOTHING;
    *body = {taken->data(), taken->size()};
    return SEAWALL_TAKE_BODY;
  });
}

int32_t seawall_tracer_finish(seawall_tracer* tracer, int32_t http_status, int64_t retry_after_ns,
                              int64_t now_ns) noexcept {
  if (!valid(tracer)) return SEAWALL_E_WRONG_HANDLE;
  tracer->exporter.finish_at(http_status, instant(now_ns), Duration(retry_after_ns));
  return SEAWALL_OK;
}

int32_t seawall_tracer_get_stats(seawall_tracer* tracer, seawall_tracer_stats* stats) noexcept {
  if (!valid(tracer)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(stats)) return SEAWALL_E_INVALID_ARGUMENT;
  const TracerStats recorded = tracer->rep.stats();
  const SpanExporterStats& exported = tracer->exporter.stats();
  return give({0, 0, recorded.recorded, recorded.dropped, recorded.kept_traces, recorded.keeps_refused,
               exported.exported, exported.dropped, exported.lost, exported.retries},
              stats);
}

}  // extern "C"
