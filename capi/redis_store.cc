// SPDX-License-Identifier: MIT
#include "seawall/redis/store.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "creation.h"
#include "redis_handles.h"

using namespace seawall;
using namespace seawall::capi;
using seawall::redis::Endpoint;
using seawall::redis::Store;
using seawall::redis::StoreOptions;
using seawall::redis::StoreStats;

namespace {

// HOST:PORT, or [ADDRESS]:PORT.
std::optional<Endpoint> endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.find_first_of("[]/@") != std::string_view::npos) return std::nullopt;
  Endpoint found{std::string(host), 0};
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, found.port);
  const bool whole = read.ec == std::errc() && read.ptr == end && found.port != 0;
  return whole && !host.empty() ? std::optional(found) : std::nullopt;
}

Result<std::vector<Endpoint>> endpoints(std::string_view text) {
  if (text.empty()) return Error{Code::kInvalidArgument, "endpoints must be given, as HOST:PORT[,HOST:PORT]..."};
  std::vector<Endpoint> found;
  for (;;) {
    const auto comma = text.find(',');
    const auto one = endpoint(text.substr(0, comma));
    if (!one) {
      Message why("endpoints: no HOST:PORT");
      if (text.find('@') == std::string_view::npos) why.append(": ").append(text.substr(0, comma));  // else a secret
      return Error{Code::kInvalidArgument, why};
    }
    found.push_back(*one);
    if (comma == std::string_view::npos) return found;
    text.remove_prefix(comma + 1);
  }
}

int32_t create(const seawall_redis_store_options& given, seawall_redis_store** out, seawall_error* error) {
  auto nodes = endpoints(text_in(given.endpoints));
  if (!nodes) return fail(error, nodes.error());
  const auto time = [](int64_t ns, Duration fallback) { return ns != 0 ? Duration(ns) : fallback; };
  StoreOptions options;
  options.endpoints = std::move(nodes).value();
  options.cluster = given.cluster != 0;
  options.user = text_in(given.user);
  options.password = text_in(given.password);
  options.database = given.database;
  options.deadline = time(given.deadline_ns, options.deadline);
  options.silence = time(given.silence_ns, options.silence);
  options.reconnect_min = time(given.reconnect_min_ns, options.reconnect_min);
  options.reconnect_max = time(given.reconnect_max_ns, options.reconnect_max);
  if (given.most_pending < 0) return invalid(error, "most_pending must not be negative");
  if (given.most_pending != 0) options.most_pending = static_cast<std::uint32_t>(given.most_pending);
  if (given.breaker_failure_threshold < 0) {  // the breaker's -1 would be one that never opens
    return fail(error, out_of_range("breaker_failure_threshold", given.breaker_failure_threshold, 1,
                                    CircuitBreakerConfig::kMaxFailureThreshold));
  }
  if (given.breaker_failure_threshold != 0) options.breaker.failure_threshold = given.breaker_failure_threshold;
  options.breaker.open_duration = time(given.breaker_open_duration_ns, options.breaker.open_duration);
  const auto made = Store::open(options);
  if (!made) return fail(error, made.error());
  *out = std::make_unique<seawall_redis_store>(made.value()).release();
  return SEAWALL_OK;
}

using Given = seawall_redis_store_options;
constexpr OptionMember<Given> kMembers[] = {{"endpoints", &Given::endpoints},
                                            {"cluster", &Given::cluster},
                                            {"user", &Given::user},
                                            {"password", &Given::password},
                                            {"database", &Given::database},
                                            {"most_pending", &Given::most_pending},
                                            {"deadline_ns", &Given::deadline_ns},
                                            {"silence_ns", &Given::silence_ns},
                                            {"reconnect_min_ns", &Given::reconnect_min_ns},
                                            {"reconnect_max_ns", &Given::reconnect_max_ns},
                                            {"breaker_failure_threshold", &Given::breaker_failure_threshold},
                                            {"breaker_open_duration_ns", &Given::breaker_open_duration_ns}};

}  // namespace

extern "C" {

int32_t seawall_redis_abi_version(void) noexcept { return SEAWALL_ABI_VERSION; }

int32_t seawall_redis_store_options_init(seawall_redis_store_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_redis_store_new(const seawall_redis_store_options* options, seawall_redis_store** out,
                                seawall_error* error) noexcept {
  return create_from_struct<Given>(options, kMembers, out, error,
                                   [&](const Given& given) { return create(given, out, error); });
}

int32_t seawall_redis_store_new_from_json(const char* json, size_t size, seawall_redis_store** out,
                                          seawall_error* error) noexcept {
  return create_from_json<Given>(json, size, kMembers, out, error,
                                 [&](const Given& given) { return create(given, out, error); });
}

void seawall_redis_store_free(seawall_redis_store* store) noexcept { free_handle(store); }

int32_t seawall_redis_store_get_stats(const seawall_redis_store* store, seawall_redis_store_stats* out) noexcept {
  if (!valid(store)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    const StoreStats stats = store->rep.stats();
    return give({.struct_size = 0,
                 .up = stats.up,
                 .unauthorized = stats.unauthorized,
                 .reserved = 0,
                 .requests = stats.requests,
                 .answered = stats.answered,
                 .timeouts = stats.timeouts,
                 .not_sent = stats.not_sent,
                 .connects = stats.connects,
                 .disconnects = stats.disconnects,
                 .silences = stats.silences,
                 .reloads = stats.reloads,
                 .moved = stats.moved,
                 .asked = stats.asked,
                 .batches = stats.batches,
                 .messages = stats.messages,
                 .channels_denied = stats.channels_denied},
                out);
  });
}

int32_t seawall_redis_store_refusal(const seawall_redis_store* store, char* buffer, size_t capacity,
                                    size_t* needed) noexcept {
  if (!valid(store)) return SEAWALL_E_WRONG_HANDLE;
  return guarded(nullptr, [&] { return text_out(store->rep.stats().refusal, buffer, capacity, needed); });
}

}  // extern "C"
