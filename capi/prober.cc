// SPDX-License-Identifier: MIT
#include "seawall/runtime/prober.h"

#include <memory>
#include <span>
#include <string>

#include "options.h"
#include "registry_handle.h"
#include "source_handles.h"

using seawall::capi::give;
using seawall::capi::guarded;
using seawall::capi::has_size;
using seawall::capi::instant;
using seawall::capi::invalid;
using seawall::capi::readable;
using seawall::capi::text_in;
using seawall::capi::valid;

namespace {

seawall::Result<seawall::ProberConfig> config_from_json(std::string_view json) {
  seawall::ProberOptions options;
  auto kind = static_cast<std::int32_t>(options.kind);
  std::int64_t interval = options.interval.count(), edge = options.edge_interval.count(),
               timeout = options.timeout.count();
  const seawall::capi::OptionField fields[] = {{"kind", &kind},
                                               {"path", &options.path},
                                               {"interval_ns", &interval},
                                               {"edge_interval_ns", &edge},
                                               {"timeout_ns", &timeout},
                                               {"jitter_percent", &options.jitter_percent},
                                               {"rise", &options.rise},
                                               {"fall", &options.fall},
                                               {"max_in_flight", &options.max_in_flight},
                                               {"require_identity", &options.require_identity}};
  if (const auto read = seawall::capi::read_json_options(json, std::span(fields)); !read) return read.error();
  options.kind = static_cast<seawall::ProbeKind>(kind);
  options.interval = seawall::Duration(interval);
  options.edge_interval = seawall::Duration(edge);
  options.timeout = seawall::Duration(timeout);
  auto config = seawall::ProberConfig::make(options);
  if (!config) return seawall::capi::at_option(config.error(), std::span(fields));
  return config;
}

// NULL is the defaults.
seawall::Result<seawall::ProberConfig> config_of(const char* json, size_t size) {
  return config_from_json(json == nullptr ? "{}" : text_in(json, size));
}

template <std::size_t kSize>
uint16_t copy_text(std::string_view text, char (&to)[kSize]) {
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return static_cast<uint16_t>(text.size());
}

void copy_probe(const seawall::Probe& probe, seawall_probe& out) {
  out.id = probe.id;
  out.timeout_ns = probe.timeout.count();
  out.kind = static_cast<int32_t>(probe.kind);
  out.port = static_cast<uint16_t>(probe.port);
  out.service_size = copy_text(probe.service, out.service);
  out.instance_size = copy_text(probe.instance, out.instance);
  out.host_size = copy_text(probe.host, out.host);
  out.path_size = copy_text(probe.path, out.path);
}

}  // namespace

extern "C" {

int32_t seawall_registry_prober(seawall_registry* registry, const char* json, size_t json_size, seawall_prober** out,
                                seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(registry)) return seawall::capi::wrong_handle(error, "registry is no registry handle");
  if (out == nullptr) return invalid(error, "out is NULL");
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto config = config_of(json, json_size);
    if (!config) return seawall::capi::fail(error, config.error());
    *out = std::make_unique<seawall_prober>(registry->rep, config.value()).release();
    return SEAWALL_OK;
  });
}

void seawall_prober_free(seawall_prober* prober) noexcept { seawall::capi::free_handle(prober); }

int32_t seawall_prober_next(seawall_prober* prober, int64_t now_ns, seawall_probe* out) noexcept {
  if (!valid(prober)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    const auto probe = prober->rep.next_at(instant(now_ns));
    if (!probe) return 0;
    copy_probe(*probe, *out);
    return 1;
  });
}

int32_t seawall_prober_finish(seawall_prober* prober, uint64_t id, int32_t status, const char* service,
                              size_t service_size, const char* instance, size_t instance_size,
                              int64_t now_ns) noexcept {
  if (!valid(prober)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(service, service_size) || !readable(instance, instance_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    prober->rep.finish_at(id, {status, text_in(service, service_size), text_in(instance, instance_size)},
                          instant(now_ns));
    return SEAWALL_OK;
  });
}

int32_t seawall_prober_configure(seawall_prober* prober, const char* json, size_t json_size, int64_t now_ns,
                                 seawall_error* error) noexcept {
  if (!valid(prober)) return seawall::capi::wrong_handle(error, "prober is no prober handle");
  if (!readable(json, json_size)) return invalid(error, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto config = config_of(json, json_size);
    if (!config) return seawall::capi::fail(error, config.error());
    prober->rep.configure_at(config.value(), instant(now_ns));
    return SEAWALL_OK;
  });
}

int32_t seawall_prober_hurry(seawall_prober* prober, const char* service, size_t service_size,
                             int64_t now_ns) noexcept {
  if (!valid(prober)) return SEAWALL_E_WRONG_HANDLE;
  if (!readable(service, service_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&] {
    return static_cast<int32_t>(prober->rep.hurry_at(text_in(service, service_size), instant(now_ns)));
  });
}

int32_t seawall_prober_get_stats(const seawall_prober* prober, seawall_prober_stats* stats) noexcept {
  if (!valid(prober)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(stats)) return SEAWALL_E_INVALID_ARGUMENT;
  const seawall::ProberStats now = prober->rep.stats();
  return give({0, 0, now.targets, now.in_flight, now.sent, now.passed, now.warned, now.failed, now.learnt_nothing,
               now.timeouts, now.wrong_identity, now.late, now.falls, now.rises, now.hurried},
              stats);
}

}  // extern "C"
