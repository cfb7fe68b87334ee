// SPDX-License-Identifier: MIT
#include "seawall/runtime/pipeline.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "breaker_handles.h"
#include "limiter_handles.h"
#include "limiters.h"
#include "metrics_handle.h"
#include "pipeline_handle.h"
#include "service_handles.h"

using namespace seawall::capi;
using seawall::Admission;
using seawall::Decision;
using seawall::Duration;
using seawall::Gate;
using seawall::LimiterKey;
using seawall::TimePoint;

static_assert(SEAWALL_PIPELINE_MOST_LIMITS == seawall::kMostPipelineLimits);
static_assert(SEAWALL_GATE_REQUEST == static_cast<int>(Gate::kRequest));
static_assert(sizeof(seawall_ticket) == 128 && sizeof(seawall_admission) == 288);

namespace {

// Room for a request's keys; only those that it has are written.
class Keys {
 public:
  Keys() noexcept {}
  std::span<const LimiterKey> read(std::span<const seawall_limit_key> given) noexcept {
    for (std::size_t i = 0; i < given.size(); ++i) new (&room_[i]) LimiterKey(key_of(given[i]));
    return std::span(room_).first(given.size());
  }

 private:
  union {
    std::array<LimiterKey, SEAWALL_PIPELINE_MOST_KEYS> room_;
  };
};

// ---- what is composed ---------------------------------------------------------------------------------------------

int32_t read_limits(const seawall_pipeline_options& given, seawall::PipelineParts& parts, seawall_error* error) {
  if (given.limits == nullptr && given.limit_count != 0) {
    return fail(error, SEAWALL_E_INVALID_ARGUMENT, "limits is NULL");
  }
  if (given.limit_count > seawall::kMostPipelineLimits) {
    const auto count = static_cast<std::int64_t>(std::min<size_t>(given.limit_count, INT64_MAX));
    return fail(error, seawall::out_of_range("limit_count", count, 0, seawall::kMostPipelineLimits));
  }
  for (const seawall_pipeline_limit& limit : std::span(given.limits, given.limit_count)) {
    seawall::Message where("limits/");
    where.append(static_cast<std::int64_t>(&limit - given.limits)).append("/");
    if (!readable(limit.name, limit.name_size)) {
      return fail(error, SEAWALL_E_INVALID_ARGUMENT, where.append("name is NULL").view());
    }
    const auto limiter = limiter_of(limit.limiter);
    if (!limiter) return wrong_handle(error, where.append("limiter is no live limiter").view());
    const auto quota = seawall::capi::quota(limit.quota, limit.window_ns, 0);
    if (!quota) return fail(error, SEAWALL_E_INVALID_ARGUMENT, where.append(quota.error().message.view()).view());
    parts.limits.push_back({std::string(text_in(limit.name, limit.name_size)), quota.value(), limiter, limit.key});
  }
  return SEAWALL_OK;
}

int32_t read_parts(const seawall_pipeline_options& given, seawall::PipelineParts& parts, seawall_error* error) {
  if (given.breaker != nullptr && !valid(given.breaker)) return wrong_handle(error, "breaker is no live breaker");
  if (given.service != nullptr && !valid(given.service)) return wrong_handle(error, "service is no live service");
  if (given.breaker != nullptr) parts.breaker = given.breaker->rep.get();
  if (given.service != nullptr) parts.service = given.service->rep;
  parts.trace = given.trace != 0;
  return read_limits(given, parts, error);
}

int32_t read_metrics(const seawall_pipeline_options& given, seawall::PipelineMetrics& metrics, seawall_error* error) {
  if (given.metrics == nullptr) return SEAWALL_OK;
  if (!valid(given.metrics)) return wrong_handle(error, "metrics is no live registry of metrics");
  if (!readable(given.name, given.name_size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "name is NULL");
  auto made = seawall::PipelineMetrics::make(given.metrics->rep, text_in(given.name, given.name_size));
  if (!made) return fail(error, made.error());
  metrics = made.value();
  return SEAWALL_OK;
}

int32_t make(const seawall_pipeline_options& given, TimePoint now, seawall_pipeline** out, seawall_error* error) {
  seawall::PipelineParts parts;
  seawall::PipelineOptions options;
  if (given.max_in_flight != 0) options.max_in_flight = given.max_in_flight;
  if (given.lease_ns != 0) options.lease = Duration(given.lease_ns);
  if (const int32_t code = read_parts(given, parts, error); code != SEAWALL_OK) return code;
  if (const int32_t code = read_metrics(given, options.metrics, error); code != SEAWALL_OK) return code;
  auto made = seawall::Pipeline::make(std::move(parts), options, now);
  if (!made) return fail(error, made.error());
  *out = new seawall_pipeline(std::move(made).value());
  return SEAWALL_OK;
}

// ---- requests and tickets -----------------------------------------------------------------------------------------

bool read_request(const seawall_request* given, Keys& keys, seawall::PipelineRequest& out) noexcept {
  if (given == nullptr) return true;
  if (!usable(given) || given->permits < 0 || given->key_count > SEAWALL_PIPELINE_MOST_KEYS) return false;
  if ((given->keys == nullptr && given->key_count != 0) || (given->exclude == nullptr && given->exclude_count != 0) ||
      !readable(given->traceparent, given->traceparent_size)) {
    return false;
  }
  out.keys = keys.read({given->keys, given->key_count});
  out.permits = given->permits == 0 ? 1 : given->permits;
  out.exclude = {given->exclude, given->exclude_count};
  out.traceparent = text_in(given->traceparent, given->traceparent_size);
  return true;
}

// numbers: the breaker's token, two instants, the pick in three words, then the charges.
constexpr std::size_t kCharges = 6;
constexpr int kPort = 32, kHasInstance = 48, kLimits = 56;

void write_ticket(const Admission& call, seawall_ticket& out) noexcept {
  const auto& pick = call.instance;
  out.id = call.ticket.id;
  const std::uint64_t place = std::uint64_t{pick.slot} | std::uint64_t{pick.port} << kPort |
                              std::uint64_t{call.has_instance} << kHasInstance |
                              std::uint64_t{call.decisions.size()} << kLimits;
  const std::array<std::uint64_t, kCharges> words{call.ticket.breaker,
                                                  static_cast<std::uint64_t>(call.ticket.admitted_at_ns),
                                                  static_cast<std::uint64_t>(call.ticket.attempt_at_ns),
                                                  pick.generation,
                                                  pick.ticket,
                                                  place};
  std::copy(words.begin(), words.end(), out.numbers);
  std::uint64_t* charge = out.numbers + kCharges;
  for (const Decision& decision : call.decisions) {
    *charge++ = decision.charge.at;
    *charge++ = static_cast<std::uint64_t>(decision.charge.permits);
  }
}

Admission read_ticket(const seawall_ticket& given) noexcept {
  Admission call;
  const std::uint64_t* words = given.numbers;
  call.ticket = {given.id, words[0], static_cast<std::int64_t>(words[1]), static_cast<std::int64_t>(words[2])};
  call.instance.generation = words[3];
  call.instance.ticket = words[4];
  call.instance.slot = static_cast<std::uint32_t>(words[5]);
  call.instance.port = static_cast<std::uint16_t>(words[5] >> kPort);
  call.has_instance = (words[5] >> kHasInstance & 1) != 0;
  const auto count = std::min<std::size_t>(words[5] >> kLimits, seawall::kMostPipelineLimits);
  const std::span<Decision> decisions = call.decisions.room(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t* charge = words + kCharges + 2 * i;
    new (&decisions[i]) Decision{.charge = {charge[0], static_cast<std::int64_t>(charge[1])}};
  }
  return call;
}

int32_t write_admission(const Admission& call, seawall_admission& out) noexcept {
  const bool limited = call.decisions.size() > 0;
  out.answer = code_of(bool(call), call);
  out.gate = static_cast<int32_t>(call.gate);
  out.nearest = limited ? static_cast<int32_t>(call.nearest) : -1;
  out.retry_after_ns = call.retry_after.count();
  out.limit = call.limit();
  out.remaining = call.remaining();
  out.reset_after_ns = limited ? call.decisions[call.nearest].reset_after.count() : 0;
  std::memcpy(out.limit_name, call.label.name.data(), limited ? sizeof out.limit_name : 1);
  out.has_instance = call.has_instance ? 1 : 0;
  out.generation = call.has_instance ? call.instance.generation : 0;
  out.slot = call.has_instance ? call.instance.slot : 0;
  out.port = call.has_instance ? call.instance.port : 0;
  out.trace_continued = call.trace_continued ? 1 : 0;
  std::memcpy(out.traceparent, call.traceparent.data(), call.traceparent[0] != '\0' ? sizeof out.traceparent : 1);
  write_ticket(call, out.ticket);
  return out.answer;
}

// ask(pipeline, request, instant) -> Admission
template <class Ask>
int32_t ask_for(seawall_pipeline* pipeline, const seawall_request* given, int64_t now_ns, seawall_admission* out,
                Ask&& ask) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  Keys keys;
  seawall::PipelineRequest request;
  if (out == nullptr || !usable(out) || !read_request(given, keys, request)) return SEAWALL_E_INVALID_ARGUMENT;
  return write_admission(ask(*pipeline->rep, request, instant(now_ns)), *out);
}

bool is_outcome(int32_t outcome) noexcept {
  return outcome >= SEAWALL_OUTCOME_SUCCESS && outcome <= SEAWALL_OUTCOME_IGNORED;
}
int32_t reported(bool first) noexcept { return first ? SEAWALL_REPORT_RECORDED : SEAWALL_REPORT_INVALID_TOKEN; }

}  // namespace

extern "C" {

int32_t seawall_pipeline_options_init(seawall_pipeline_options* options) noexcept { return init_options(options); }

int32_t seawall_pipeline_new(const seawall_pipeline_options* options, int64_t now_ns, seawall_pipeline** out,
                             seawall_error* error) noexcept {
  return new_from_struct(options, now_ns, out, error, make);
}

void seawall_pipeline_free(seawall_pipeline* pipeline) noexcept { free_handle(pipeline); }

int32_t seawall_pipeline_replace(seawall_pipeline* pipeline, const seawall_pipeline_options* given, int64_t now_ns,
                                 seawall_error* error) noexcept {
  if (!valid(pipeline)) return wrong_handle(error, "no live pipeline");
  seawall_pipeline_options options{};
  if (!read_options(given, options)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options.struct_size is wrong");
  return guarded(error, [&]() -> int32_t {
    const TimePoint now = instant(now_ns);
    seawall::PipelineParts parts;
    if (const int32_t code = read_parts(options, parts, error); code != SEAWALL_OK) return code;
    const auto replaced = pipeline->rep->replace_at(std::move(parts), now);
    return replaced ? SEAWALL_OK : fail(error, replaced.error());
  });
}

int32_t seawall_admit(seawall_pipeline* pipeline, const seawall_request* request, int64_t now_ns,
                      seawall_admission* admission) noexcept {
  return ask_for(pipeline, request, now_ns, admission,
                 [](auto& any, const auto& asked, TimePoint now) noexcept { return any.admit_at(asked, now); });
}

int32_t seawall_pipeline_admit_key(seawall_pipeline* pipeline, const char* key, size_t key_size, uint64_t id,
                                   const char* traceparent, size_t traceparent_size, int64_t now_ns,
                                   seawall_admission* admission) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  if (admission == nullptr || !usable(admission) || !readable(traceparent, traceparent_size)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  const std::array keys{key_of({key, key_size, id})};
  const seawall::PipelineRequest request{.keys = keys, .traceparent = text_in(traceparent, traceparent_size)};
  return write_admission(pipeline->rep->admit_at(request, instant(now_ns)), *admission);
}

int32_t seawall_pipeline_charge(seawall_pipeline* pipeline, const seawall_request* request, int64_t now_ns,
                                seawall_admission* admission) noexcept {
  return ask_for(pipeline, request, now_ns, admission,
                 [](auto& any, const auto& asked, TimePoint now) noexcept { return any.charge_at(asked, now); });
}

int32_t seawall_complete(seawall_pipeline* pipeline, const seawall_ticket* ticket, int32_t outcome, int32_t status,
                         int64_t now_ns) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  if (ticket == nullptr || !is_outcome(outcome)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto how = static_cast<seawall::Outcome>(outcome);
  return reported(pipeline->rep->complete_at(read_ticket(*ticket), how, instant(now_ns), status));
}

int32_t seawall_pipeline_cancel(seawall_pipeline* pipeline, const seawall_ticket* ticket, const seawall_request* given,
                                int64_t now_ns) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  Keys keys;
  seawall::PipelineRequest request;
  if (ticket == nullptr || !read_request(given, keys, request)) return SEAWALL_E_INVALID_ARGUMENT;
  Admission call = read_ticket(*ticket);
  return reported(pipeline->rep->cancel_at(call, request, instant(now_ns)));
}

int32_t seawall_pipeline_another(seawall_pipeline* pipeline, seawall_admission* admission, int32_t outcome,
                                 const uint32_t* exclude, size_t exclude_count, int64_t now_ns) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  if (admission == nullptr || !usable(admission) || !is_outcome(outcome) ||
      (exclude == nullptr && exclude_count != 0)) {
    return SEAWALL_E_INVALID_ARGUMENT;
  }
  Admission call = read_ticket(admission->ticket);
  const bool found = pipeline->rep->another_at(call, static_cast<seawall::Outcome>(outcome), instant(now_ns),
                                               {exclude, exclude_count});
  admission->answer = found ? SEAWALL_ALLOWED : SEAWALL_DENIED;
  admission->has_instance = found ? 1 : 0;
  admission->generation = call.instance.generation;
  admission->slot = call.instance.slot;
  admission->port = call.instance.port;
  write_ticket(call, admission->ticket);
  return admission->answer;
}

int32_t seawall_pipeline_instance(seawall_pipeline* pipeline, const seawall_ticket* ticket, char* id,
                                  size_t id_capacity, size_t* id_needed, char* host, size_t host_capacity,
                                  size_t* host_needed) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  if (ticket == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  seawall::PickText text;
  if (!pipeline->rep->describe(read_ticket(*ticket), text)) return SEAWALL_E_NOT_FOUND;
  const int32_t first = text_out(text.id.view(), id, id_capacity, id_needed);
  const int32_t second = text_out(text.host.view(), host, host_capacity, host_needed);
  return first != SEAWALL_OK ? first : second;
}

int32_t seawall_pipeline_limit_names(seawall_pipeline* pipeline, char* buffer, size_t capacity,
                                     size_t* needed) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  std::array<seawall::LimitLabel, seawall::kMostPipelineLimits> labels;
  const std::size_t count = pipeline->rep->labels(labels);
  seawall::Message names;  // four names and three commas always fit
  for (std::size_t i = 0; i < count; ++i) names.append(i == 0 ? "" : ",").append(labels[i].text());
  return text_out(names.view(), buffer, capacity, needed);
}

int32_t seawall_pipeline_get_stats(seawall_pipeline* pipeline, int64_t now_ns, seawall_pipeline_stats* stats) noexcept {
  if (!valid(pipeline)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(stats)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const auto seen = pipeline->rep->stats_at(instant(now_ns));
    return give({0, static_cast<std::uint32_t>(seen.compositions), seen.max_in_flight, seen.in_flight, seen.repeated,
                 seen.turned_away, seen.lost},
                stats);
  });
}

// The view ends with a zero byte: it is a literal.
const char* seawall_gate_name(int32_t gate) noexcept { return seawall::to_string(static_cast<Gate>(gate)).data(); }

}  // extern "C"
