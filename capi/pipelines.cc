// SPDX-License-Identifier: MIT
#include "seawall/runtime/pipelines.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics_handle.h"
#include "pipeline_handle.h"
#include "registry_handle.h"

using namespace seawall::capi;

struct seawall_pipelines : Handle<0x50697073> {  // "Pips"
  explicit seawall_pipelines(std::unique_ptr<seawall::Pipelines> made) : rep(std::move(made)) {}
  std::unique_ptr<seawall::Pipelines> rep;
  std::string report = "{}";  // of the last reload
};

namespace {

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> found;
  while (!names.empty()) {
    const std::size_t comma = std::min(names.find(','), names.size());
    found.emplace_back(names.substr(0, comma));
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return found;
}

// Paths are valid UTF-8: they were read from JSON.
std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      if (c == '"' || c == '\\') out.append(1, '\\');
      out.append(1, c);
    }
  }
  return out;
}

void add_list(std::string& out, std::string_view name, const std::vector<std::string>& paths) {
  out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":[");
  for (const std::string& path : paths)
    out.append(&path == paths.data() ? "\"" : ",\"").append(escaped(path)).append("\"");
  out.append("]");
}

std::string text_of(const seawall::ReloadReport& report) {
  std::string out;
  add_list(out, "kept", report.kept);
  add_list(out, "changed", report.changed);
  add_list(out, "reset", report.reset);
  add_list(out, "added", report.added);
  add_list(out, "removed", report.removed);
  return out.append("}");
}

}  // namespace

extern "C" {

int32_t seawall_pipelines_load(const char* json, size_t json_size, seawall_registry* registry, seawall_metrics* metrics,
                               const char* keys, size_t keys_size, int64_t now_ns, seawall_pipelines** out,
                               seawall_error* error) noexcept {
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  *out = nullptr;
  if (!readable(json, json_size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "json is NULL");
  if (!readable(keys, keys_size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "keys is NULL");
  if (registry != nullptr && !valid(registry)) return wrong_handle(error, "registry is no live registry");
  if (metrics != nullptr && !valid(metrics)) return wrong_handle(error, "metrics is no live registry of metrics");
  return guarded(error, [&]() -> int32_t {
    const seawall::PipelinesOptions options{.keys = split(text_in(keys, keys_size))};
    auto made = seawall::Pipelines::make(text_in(json, json_size), registry != nullptr ? &registry->rep : nullptr,
                                         metrics != nullptr ? &metrics->rep : nullptr, options, instant(now_ns));
    if (!made) return fail(error, made.error());
    *out = std::make_unique<seawall_pipelines>(std::move(made).value()).release();
    return SEAWALL_OK;
  });
}

void seawall_pipelines_free(seawall_pipelines* pipelines) noexcept { free_handle(pipelines); }

int32_t seawall_pipelines_reload(seawall_pipelines* pipelines, const char* json, size_t json_size, int64_t now_ns,
                                 seawall_error* error) noexcept {
  if (!valid(pipelines)) return wrong_handle(error, "no live pipelines");
  if (!readable(json, json_size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    const auto reloaded = pipelines->rep->reload_at(text_in(json, json_size), instant(now_ns));
    if (!reloaded) return fail(error, reloaded.error());
    pipelines->report = text_of(reloaded.value());
    return SEAWALL_OK;
  });
}

int32_t seawall_pipelines_report(const seawall_pipelines* pipelines, char* buffer, size_t capacity,
                                 size_t* needed) noexcept {
  if (!valid(pipelines)) return SEAWALL_E_WRONG_HANDLE;
  return text_out(pipelines->report, buffer, capacity, needed);
}

int32_t seawall_pipelines_find(const seawall_pipelines* pipelines, const char* route, size_t route_size,
                               seawall_pipeline** out) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(pipelines)) return SEAWALL_E_WRONG_HANDLE;
  if (out == nullptr || !readable(route, route_size)) return SEAWALL_E_INVALID_ARGUMENT;
  return guarded(nullptr, [&]() -> int32_t {
    seawall::Pipeline* const found = pipelines->rep->find(text_in(route, route_size));
    if (found == nullptr) return SEAWALL_E_NOT_FOUND;
    *out = std::make_unique<seawall_pipeline>(found).release();
    return SEAWALL_OK;
  });
}

}  // extern "C"
