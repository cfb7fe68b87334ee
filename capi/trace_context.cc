// SPDX-License-Identifier: MIT
#include "seawall/trace_context.h"

#include "internal.h"
#include "seawall/trace/b3.h"
#include "seawall/trace/correlation_id.h"
#include "trace_struct.h"

namespace seawall::capi {
namespace {

static_assert(SEAWALL_TRACEPARENT_SIZE == TraceContext::kTextSize);
static_assert(SEAWALL_CORRELATION_ID_MAX_SIZE == CorrelationId::kMaxSize);
static_assert(SEAWALL_TRACE_SAMPLED == int{kTraceSampled} && SEAWALL_TRACE_RANDOM == int{kTraceRandom});

// Parses the list and hands it to edit(state) -> int32_t.
template <class Edit>
int32_t with_state(const char* text, size_t size, size_t* needed, seawall_error* error, Edit&& edit) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!readable(text, size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "tracestate text is NULL");
  auto parsed = TraceState::parse(text_in(text, size));
  return parsed ? edit(parsed.value()) : fail(error, parsed.error());
}

int32_t no_text(seawall_error* error) noexcept {
  return fail(error, SEAWALL_E_INVALID_ARGUMENT, "tracestate key or value is NULL");
}

int32_t not_found(seawall_error* error) noexcept {
  return fail(error, SEAWALL_E_NOT_FOUND, "tracestate has no member with this key");
}

}  // namespace
}  // namespace seawall::capi

using namespace seawall;
using namespace seawall::capi;

extern "C" {

int32_t seawall_trace_context_parse(const char* traceparent, size_t size, seawall_trace_context* out,
                                    seawall_error* error) noexcept {
  if (const int32_t code = check(out); code != SEAWALL_OK) return fail(error, code, "context is NULL or too small");
  if (!readable(traceparent, size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "traceparent is NULL");
  const auto parsed = TraceContext::parse(text_in(traceparent, size));
  if (!parsed) return fail(error, parsed.error());
  write(parsed.value(), *out);
  return SEAWALL_OK;
}

int32_t seawall_trace_context_format(const seawall_trace_context* context, char* buffer, size_t capacity,
                                     size_t* needed) noexcept {
  if (needed != nullptr) *needed = SEAWALL_TRACEPARENT_SIZE;
  if (const int32_t code = check(context); code != SEAWALL_OK) return code;
  const auto read_context = read(*context);
  if (!read_context) return SEAWALL_E_INVALID_ARGUMENT;
  std::array<char, SEAWALL_TRACEPARENT_SIZE> text;
  return text_out(read_context.value().format(text), buffer, capacity, needed);
}

int32_t seawall_trace_context_new_root(uint32_t flags, seawall_trace_context* out) noexcept {
  if (const int32_t code = check(out); code != SEAWALL_OK) return code;
  write(TraceContext::root(IdGenerator::this_thread(), static_cast<std::uint8_t>(flags & kTraceFlagsKnown)), *out);
  return SEAWALL_OK;
}

int32_t seawall_trace_context_child(const seawall_trace_context* parent, seawall_trace_context* out) noexcept {
  if (const int32_t code = check(parent); code != SEAWALL_OK) return code;
  if (const int32_t code = check(out); code != SEAWALL_OK) return code;
  const auto context = read(*parent);
  if (!context) return SEAWALL_E_INVALID_ARGUMENT;
  write(context.value().child(IdGenerator::this_thread()), *out);
  return SEAWALL_OK;
}

int32_t seawall_trace_context_extract(const char* traceparent, size_t traceparent_size, const char* tracestate,
                                      size_t tracestate_size, seawall_trace_context* out, char* buffer, size_t capacity,
                                      size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (const int32_t code = check(out); code != SEAWALL_OK) return code;
  if (!readable(traceparent, traceparent_size) || !readable(tracestate, tracestate_size)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  const Extracted found =
      extract(text_in(traceparent, traceparent_size), text_in(tracestate, tracestate_size), IdGenerator::this_thread());
  write(found.context, *out);
  const int32_t code = list_out(found.state, buffer, capacity, needed);
  if (code != SEAWALL_OK) return code;
  return found.continued ? SEAWALL_TRACE_CONTINUED : SEAWALL_TRACE_NEW_ROOT;
}

int32_t seawall_trace_state_normalize(const char* text, size_t size, size_t max_bytes, char* buffer, size_t capacity,
                                      size_t* needed, seawall_error* error) noexcept {
  return with_state(text, size, needed, error, [&](TraceState& state) {
    if (max_bytes != 0) state.shrink_to(max_bytes);
    return list_out(state, buffer, capacity, needed);
  });
}

int32_t seawall_trace_state_set(const char* text, size_t size, const char* key, size_t key_size, const char* value,
                                size_t value_size, char* buffer, size_t capacity, size_t* needed,
                                seawall_error* error) noexcept {
  return with_state(text, size, needed, error, [&](TraceState& state) {
    if (!readable(key, key_size) || !readable(value, value_size)) return no_text(error);
    const auto done = state.set(text_in(key, key_size), text_in(value, value_size));
    return done ? list_out(state, buffer, capacity, needed) : fail(error, done.error());
  });
}

int32_t seawall_trace_state_remove(const char* text, size_t size, const char* key, size_t key_size, char* buffer,
                                   size_t capacity, size_t* needed, seawall_error* error) noexcept {
  return with_state(text, size, needed, error, [&](TraceState& state) {
    if (!readable(key, key_size)) return no_text(error);
    return state.remove(text_in(key, key_size)) ? list_out(state, buffer, capacity, needed) : not_found(error);
  });
}

int32_t seawall_trace_state_get(const char* text, size_t size, const char* key, size_t key_size, char* buffer,
                                size_t capacity, size_t* needed, seawall_error* error) noexcept {
  return with_state(text, size, needed, error, [&](TraceState& state) {
    if (!readable(key, key_size)) return no_text(error);
    const auto value = state.get(text_in(key, key_size));
    return value ? text_out(*value, buffer, capacity, needed) : not_found(error);
  });
}

int32_t seawall_correlation_id_accept(const char* text, size_t size, char* buffer, size_t capacity,
                                      size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!readable(text, size)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto accepted = CorrelationId::accept(text_in(text, size));
  const CorrelationId id = accepted ? *accepted : CorrelationId::generate(IdGenerator::this_thread());
  if (const int32_t code = text_out(id.view(), buffer, capacity, needed); code != SEAWALL_OK) return code;
  return accepted ? SEAWALL_CORRELATION_ACCEPTED : SEAWALL_CORRELATION_GENERATED;
}

int32_t seawall_correlation_id_root(const char* text, size_t size, uint32_t flags,
                                    seawall_trace_context* out) noexcept {
  if (const int32_t code = check(out); code != SEAWALL_OK) return code;
  if (!readable(text, size)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto id = CorrelationId::accept(text_in(text, size));
  const auto spelled = id ? id->trace_id() : std::nullopt;
  if (!spelled) return SEAWALL_E_NOT_FOUND;
  const auto lawful = spelled->random ? flags : flags & ~std::uint32_t{kTraceRandom};
  write(TraceContext::root_of(spelled->id, static_cast<std::uint8_t>(lawful & kTraceFlagsKnown),
                              IdGenerator::this_thread()),
        *out);
  return SEAWALL_OK;
}

int32_t seawall_trace_context_format_b3(const seawall_trace_context* context, char* buffer, size_t capacity,
                                        size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (const int32_t code = check(context); code != SEAWALL_OK) return code;
  const auto read_context = read(*context);
  if (!read_context) return SEAWALL_E_INVALID_ARGUMENT;
  std::array<char, kB3Size> text;
  return text_out(format_b3(read_context.value(), text), buffer, capacity, needed);
}

void seawall_ids_reseed(void) noexcept { IdGenerator::reseed_all(); }

}  // extern "C"
