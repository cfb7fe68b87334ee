// SPDX-License-Identifier: MIT
#include <memory>

#include "internal.h"
#include "options.h"
#include "seawall/trace/propagator.h"
#include "seawall/trace/sampler.h"
#include "trace_struct.h"

using namespace seawall;
using namespace seawall::capi;

// By pointer, as in circuit_breaker.cc: what they hold is aligned to a cache line.
struct seawall_propagator : Handle<0x53577401> {
  explicit seawall_propagator(const PropagatorConfig& config) : rep(std::make_unique<Propagator>(config)) {}
  std::unique_ptr<Propagator> rep;
};

struct seawall_sampler : Handle<0x53577402> {
  seawall_sampler(const SamplerConfig& config, TimePoint epoch) : rep(std::make_unique<Sampler>(config, epoch)) {}
  std::unique_ptr<Sampler> rep;
};

namespace {

static_assert(kTraceFaultCount == SEAWALL_FAULT_COUNT);
static_assert(int{SEAWALL_FAULT_STATE_KEY} == static_cast<int>(TraceFault::kStateKey));
static_assert(int{SEAWALL_FAULT_CORRELATION_CHARACTER} == static_cast<int>(TraceFault::kCorrelationCharacter));
static_assert(int{SEAWALL_TRACE_SHORT_ID} == int{kTraceShortId});

int32_t number_of(TraceFault fault) noexcept { return static_cast<int32_t>(fault); }

template <class Enum>
Result<Enum> choice(std::string_view name, int32_t given) {
  if (given < 0 || given > 2) return out_of_range(name, given, 0, 2);
  return static_cast<Enum>(given);
}

Result<PropagatorConfig> config_of(const seawall_propagator_options& o) {
  const auto strictness = choice<Strictness>("strictness", o.strictness);
  const auto trust = choice<TraceTrust>("trust", o.trust);
  const auto inject = choice<B3Inject>("inject_b3", o.inject_b3);
  if (!strictness) return strictness.error();
  if (!trust) return trust.error();
  if (!inject) return inject.error();
  if (o.accept_b3 < 0 || o.accept_b3 > 1) return out_of_range("accept_b3", o.accept_b3, 0, 1);
  if (o.root_flags < -1 || o.root_flags > kTraceFlagsKnown) return out_of_range("root_flags", o.root_flags, -1, 3);
  if (o.max_tracestate_bytes < 0) return out_of_range("max_tracestate_bytes", o.max_tracestate_bytes, 512, INT32_MAX);
  if (o.baggage_members < 0) return out_of_range("baggage_members", o.baggage_members, 1, Baggage::kMaxMembers);
  if (o.baggage_bytes < 0) return out_of_range("baggage_bytes", o.baggage_bytes, 1, Baggage::kMaxSize);
  PropagatorOptions options;
  options.strictness = strictness.value();
  options.trust = trust.value();
  options.inject_b3 = inject.value();
  options.b3 = o.accept_b3 != 0;
  if (o.root_flags != 0) options.root_flags = o.root_flags < 0 ? 0 : static_cast<std::uint8_t>(o.root_flags);
  options.max_tracestate_bytes = static_cast<std::size_t>(o.max_tracestate_bytes);
  if (o.baggage_members != 0) options.baggage.members = static_cast<std::size_t>(o.baggage_members);
  if (o.baggage_bytes != 0) options.baggage.bytes = static_cast<std::size_t>(o.baggage_bytes);
  return PropagatorConfig::make(options);
}

Result<SamplerConfig> config_of(const seawall_sampler_options& o) {
  if (o.ignore_parent < 0 || o.ignore_parent > 1) return out_of_range("ignore_parent", o.ignore_parent, 0, 1);
  SamplerOptions options;
  if (o.ratio != 0) options.ratio = o.ratio < 0 ? 0 : o.ratio;
  options.follow_parent = o.ignore_parent == 0;
  if (o.permits != 0 || o.period_ns != 0 || o.burst != 0) {
    const auto quota = Quota::make(o.permits, Duration(o.period_ns), o.burst == 0 ? o.permits : o.burst);
    if (!quota) return quota.error();
    options.limit = quota.value();
  }
  return SamplerConfig::make(options);
}

Result<void> from_json(std::string_view json, seawall_propagator_options& o) {
  return read_json_options(json, {{"strictness", &o.strictness},
                                  {"trust", &o.trust},
                                  {"accept_b3", &o.accept_b3},
                                  {"inject_b3", &o.inject_b3},
                                  {"root_flags", &o.root_flags},
                                  {"max_tracestate_bytes", &o.max_tracestate_bytes},
                                  {"baggage_members", &o.baggage_members},
                                  {"baggage_bytes", &o.baggage_bytes}});
}

Result<void> from_json(std::string_view json, seawall_sampler_options& o) {
  return read_json_options(json, {{"ignore_parent", &o.ignore_parent},
                                  {"ratio", &o.ratio},
                                  {"permits", &o.permits},
                                  {"period_ns", &o.period_ns},
                                  {"burst", &o.burst}});
}

// make(options) -> int32_t for options that were given as a struct, or as JSON text.
template <class Options, class Out, class Make>
int32_t with_options(const Options* given, Out** out, seawall_error* error, Make&& make) noexcept {
  return guarded(error, [&] {
    if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
    *out = nullptr;
    Options options{};
    if (!read_options(given, options)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options: wrong struct_size");
    return make(options);
  });
}

template <class Options, class Out, class Make>
int32_t with_json(const char* json, size_t size, Out** out, seawall_error* error, Make&& make) noexcept {
  return guarded(error, [&] {
    if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
    *out = nullptr;
    if (!readable(json, size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "json is NULL");
    Options options{};
    const auto read = from_json(text_in(json, size), options);
    return read ? make(options) : fail(error, read.error());
  });
}

auto propagator_maker(seawall_propagator** out, seawall_error* error) {
  return [out, error](const seawall_propagator_options& options) -> int32_t {
    const auto config = config_of(options);
    if (!config) return fail(error, config.error());
    *out = new seawall_propagator(config.value());
    return SEAWALL_OK;
  };
}

auto sampler_maker(int64_t now_ns, seawall_sampler** out, seawall_error* error) {
  return [now_ns, out, error](const seawall_sampler_options& options) -> int32_t {
    const auto config = config_of(options);
    if (!config) return fail(error, config.error());
    *out = new seawall_sampler(config.value(), instant(now_ns));
    return SEAWALL_OK;
  };
}

// The caller's headers as a carrier of the library.
class Carrier {
 public:
  explicit Carrier(const seawall_carrier& from) noexcept : from_(from) {}

  // SEAWALL_OK, or why it cannot be read.
  static int32_t check(const seawall_carrier* from) noexcept {
    if (from == nullptr || from->struct_size < sizeof(seawall_carrier)) return SEAWALL_E_INVALID_ARGUMENT;
    for (std::size_t i = 0; from->headers != nullptr && i < from->header_count; ++i) {
      const seawall_header& header = from->headers[i];
      if (!readable(header.name, header.name_size) || !readable(header.value, header.value_size)) {
        return SEAWALL_E_INVALID_ARGUMENT;
      }
    }
    return from->headers == nullptr && from->get == nullptr && from->header_count != 0 ? SEAWALL_E_INVALID_ARGUMENT
                                                                                       : SEAWALL_OK;
  }

  void operator()(std::string_view name, HeaderFields& out) const noexcept {
    if (from_.headers == nullptr) return ask(name, out);
    for (std::size_t i = 0; i < from_.header_count; ++i) {
      const seawall_header& header = from_.headers[i];
      const HeaderField field{text_in(header.name, header.name_size), text_in(header.value, header.value_size)};
      HeaderArray(std::span(&field, 1))(name, out);
    }
  }

 private:
  void ask(std::string_view name, HeaderFields& out) const noexcept {
    const char* value = nullptr;
    size_t size = 0;
    for (std::size_t at = 0; from_.get != nullptr && !out.too_many(); ++at) {
      if (from_.get(from_.user_data, name.data(), name.size(), at, &value, &size) == 0) return;
      out.add(text_in(value, value == nullptr ? 0 : size));
    }
  }

  const seawall_carrier& from_;
};

// Reads the baggage and hands it to use(baggage) -> int32_t.
template <class Use>
int32_t with_baggage(const char* text, size_t size, size_t* needed, Use&& use) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!readable(text, size)) return SEAWALL_E_INVALID_ARGUMENT;
  const std::string_view field = text_in(text, size);
  Baggage baggage;
  baggage.assign(std::span(&field, 1));
  return use(baggage);
}

// write(buffer) -> size it needs; it writes all or nothing.
template <class Write>
int32_t written(char* buffer, size_t capacity, size_t* needed, Write&& write) noexcept {
  const std::size_t size = write(std::span<char>(buffer, buffer == nullptr ? 0 : capacity));
  if (needed != nullptr) *needed = size;
  if (buffer == nullptr) return size == 0 ? SEAWALL_OK : SEAWALL_E_BUFFER_TOO_SMALL;
  if (size > capacity) return SEAWALL_E_BUFFER_TOO_SMALL;
  if (size < capacity) buffer[size] = '\0';
  return SEAWALL_OK;
}

}  // namespace

extern "C" {

const char* seawall_trace_fault_name(int32_t fault) noexcept {
  const bool known = fault >= 0 && fault < SEAWALL_FAULT_COUNT;
  return known ? name_of(static_cast<TraceFault>(fault)).data() : "unknown";  // views of literals
}

int32_t seawall_propagator_options_init(seawall_propagator_options* options) noexcept { return init_options(options); }
int32_t seawall_carrier_init(seawall_carrier* carrier) noexcept { return init_options(carrier); }
int32_t seawall_sampler_options_init(seawall_sampler_options* options) noexcept { return init_options(options); }
int32_t seawall_extracted_init(seawall_extracted* extracted) noexcept {
  const int32_t code = init_options(extracted);
  if (code == SEAWALL_OK) extracted->context.struct_size = sizeof extracted->context;
  return code;
}

int32_t seawall_propagator_new(const seawall_propagator_options* options, seawall_propagator** out,
                               seawall_error* error) noexcept {
  return with_options(options, out, error, propagator_maker(out, error));
}
int32_t seawall_propagator_new_from_json(const char* json, size_t json_size, seawall_propagator** out,
                                         seawall_error* error) noexcept {
  return with_json<seawall_propagator_options>(json, json_size, out, error, propagator_maker(out, error));
}
void seawall_propagator_free(seawall_propagator* propagator) noexcept { free_handle(propagator); }

int32_t seawall_propagator_extract(seawall_propagator* propagator, const seawall_carrier* carrier,
                                   seawall_extracted* out, char* buffer, size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(propagator)) return SEAWALL_E_WRONG_HANDLE;
  if (const int32_t code = Carrier::check(carrier); code != SEAWALL_OK) return code;
  if (out == nullptr || out->struct_size < sizeof *out) return SEAWALL_E_INVALID_ARGUMENT;
  const Extracted found = propagator->rep->extract(Carrier(*carrier), IdGenerator::this_thread());
  out->continued = found.continued;
  out->decided = found.decided;
  out->from_b3 = found.from_b3;
  out->fault = number_of(found.fault);
  out->state_fault = number_of(found.state_fault);
  out->context.struct_size = sizeof out->context;
  write(found.context, out->context);
  const int32_t code = list_out(found.state, buffer, capacity, needed);
  if (code != SEAWALL_OK) return code;
  return found.continued ? SEAWALL_TRACE_CONTINUED : SEAWALL_TRACE_NEW_ROOT;
}

int32_t seawall_propagator_extract_baggage(seawall_propagator* propagator, const seawall_carrier* carrier, char* buffer,
                                           size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(propagator)) return SEAWALL_E_WRONG_HANDLE;
  if (const int32_t code = Carrier::check(carrier); code != SEAWALL_OK) return code;
  Baggage baggage;
  const TraceFault fault = propagator->rep->extract_baggage(Carrier(*carrier), baggage);
  const int32_t code = list_out(baggage, buffer, capacity, needed);
  return code == SEAWALL_OK ? number_of(fault) : code;
}

int32_t seawall_propagator_inject(seawall_propagator* propagator, const seawall_trace_context* context,
                                  const char* tracestate, size_t tracestate_size, seawall_header_set set,
                                  void* user_data) noexcept {
  if (!valid(propagator)) return SEAWALL_E_WRONG_HANDLE;
  if (check(context) != SEAWALL_OK || set == nullptr || !readable(tracestate, tracestate_size)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  const auto read_context = read(*context);
  if (!read_context) return SEAWALL_E_INVALID_ARGUMENT;
  const std::string_view field = text_in(tracestate, tracestate_size);
  TraceState state;
  state.assign(std::span(&field, 1));
  return guarded(nullptr, [&] {  // a callback of another language may throw through us
    propagator->rep->inject(read_context.value(), state, [&](std::string_view name, std::string_view value) {
      set(user_data, name.data(), name.size(), value.data(), value.size());
    });
    return SEAWALL_OK;
  });
}

int32_t seawall_propagator_fault_count(seawall_propagator* propagator, int32_t fault, uint64_t* out) noexcept {
  if (!valid(propagator)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  if (fault <= 0 || fault >= SEAWALL_FAULT_COUNT) return SEAWALL_E_NOT_FOUND;
  *out = propagator->rep->faults().count(static_cast<TraceFault>(fault));
  return SEAWALL_OK;
}

int32_t seawall_baggage_get(const char* text, size_t size, const char* key, size_t key_size, char* buffer,
                            size_t capacity, size_t* needed) noexcept {
  return with_baggage(text, size, needed, [&](const Baggage& baggage) -> int32_t {
    if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
    const auto value = baggage.get(text_in(key, key_size));
    if (!value) return SEAWALL_E_NOT_FOUND;
    return written(buffer, capacity, needed, [&](std::span<char> to) { return Baggage::decode(*value, to); });
  });
}

int32_t seawall_baggage_set(const char* text, size_t size, const char* key, size_t key_size, const char* value,
                            size_t value_size, const char* properties, size_t properties_size, char* buffer,
                            size_t capacity, size_t* needed, seawall_error* error) noexcept {
  const auto no_text = [error] { return fail(error, SEAWALL_E_INVALID_ARGUMENT, "baggage text is NULL"); };
  if (needed != nullptr) *needed = 0;
  if (!readable(text, size)) return no_text();
  return with_baggage(text, size, needed, [&](const Baggage& baggage) -> int32_t {
    if (!readable(key, key_size) || !readable(value, value_size)) return no_text();
    if (!readable(properties, properties_size)) return no_text();
    const std::span<char> to(buffer, buffer == nullptr ? 0 : capacity);
    const auto done =
        baggage.set(text_in(key, key_size), text_in(value, value_size), text_in(properties, properties_size), to);
    if (!done) return fail(error, done.error());
    return written(buffer, capacity, needed, [&](std::span<char>) { return done.value(); });
  });
}

int32_t seawall_baggage_remove(const char* text, size_t size, const char* key, size_t key_size, char* buffer,
                               size_t capacity, size_t* needed) noexcept {
  return with_baggage(text, size, needed, [&](const Baggage& baggage) -> int32_t {
    if (!readable(key, key_size)) return SEAWALL_E_INVALID_ARGUMENT;
    const std::string_view name = text_in(key, key_size);
    return written(buffer, capacity, needed, [&](std::span<char> to) { return baggage.remove(name, to); });
  });
}

int32_t seawall_baggage_at(const char* text, size_t size, size_t at, seawall_baggage_member* out) noexcept {
  return with_baggage(text, size, nullptr, [&](const Baggage& baggage) -> int32_t {
    if (out == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
    if (at >= baggage.size()) return SEAWALL_E_NOT_FOUND;
    const BaggageMember member = baggage[at];
    *out = {member.key.data(),   member.key.size(),        member.value.data(),
            member.value.size(), member.properties.data(), member.properties.size()};
    return SEAWALL_OK;
  });
}

int32_t seawall_baggage_decode(const char* coded, size_t size, char* buffer, size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!readable(coded, size)) return SEAWALL_E_INVALID_ARGUMENT;
  const std::string_view text = text_in(coded, size);
  return written(buffer, capacity, needed, [&](std::span<char> to) { return Baggage::decode(text, to); });
}

int32_t seawall_sampler_new(const seawall_sampler_options* options, int64_t now_ns, seawall_sampler** out,
                            seawall_error* error) noexcept {
  return with_options(options, out, error, sampler_maker(now_ns, out, error));
}
int32_t seawall_sampler_new_from_json(const char* json, size_t json_size, int64_t now_ns, seawall_sampler** out,
                                      seawall_error* error) noexcept {
  return with_json<seawall_sampler_options>(json, json_size, out, error, sampler_maker(now_ns, out, error));
}
void seawall_sampler_free(seawall_sampler* sampler) noexcept { free_handle(sampler); }

int32_t seawall_sampler_sample(seawall_sampler* sampler, int64_t now_ns, seawall_trace_context* context,
                               int32_t decided, const char* tracestate, size_t tracestate_size, char* buffer,
                               size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(sampler)) return SEAWALL_E_WRONG_HANDLE;
  if (check(context) != SEAWALL_OK || !readable(tracestate, tracestate_size)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto read_context = read(*context);
  if (!read_context) return SEAWALL_E_INVALID_ARGUMENT;
  const std::string_view field = text_in(tracestate, tracestate_size);
  Extracted in{read_context.value(), {}, true, decided != 0};
  in.state.assign(std::span(&field, 1));
  SamplerText text;
  const bool kept = sampler->rep->sample_at(instant(now_ns), in, text);
  write(in.context, *context);
  const int32_t code = list_out(in.state, buffer, capacity, needed);
  if (code != SEAWALL_OK) return code;
  return kept ? SEAWALL_TRACE_RECORD : SEAWALL_TRACE_DROP;
}

}  // extern "C"
