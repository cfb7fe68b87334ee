// SPDX-License-Identifier: MIT
#include "gateway/instances_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "common/arguments.h"
#include "common/text.h"
#include "gateway/configuration.h"
#include "gateway/options.h"

using nlohmann::json;

namespace {

std::string shown(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw ConfigurationError(path + ": " + what);
}
[[noreturn]] void expected(const std::string& path, const std::string& what, const json& value) {
  fail(path, "expected " + what + ", not " + shown(value));
}

const json& object(const std::string& path, const json& value) {
  if (!value.is_object()) expected(path, "an object", value);
  return value;
}

// A text, as `read` takes it.
template <class Read>
auto text(const std::string& path, const json& value, const std::string& what, Read&& read) {
  if (!value.is_string()) expected(path, what, value);
  try {
    return read(value.get<std::string>());
  } catch (const std::invalid_argument& error) {
    fail(path, shown(value) + " " + error.what());
  }
}

std::string plain(const std::string& path, const json& value) {
  return text(path, value, "a text", [](std::string given) { return given; });
}

std::chrono::nanoseconds duration(const std::string& path, const json& value) {
  return text(path, value, "a duration such as \"5s\"", [&](const std::string& given) {
    try {
      return parse_duration(given);
    } catch (const std::invalid_argument&) {
      expected(path, "a duration such as \"5s\"", value);
    }
  });
}

std::int32_t integer(const std::string& path, const json& value) {
  if (!value.is_number_integer()) expected(path, "an integer", value);
  // What is beyond is out of every range, on the side where it was.
  const auto wide = value.is_number_unsigned()
                        ? static_cast<std::int64_t>(std::min<std::uint64_t>(value.get<std::uint64_t>(), INT32_MAX))
                        : value.get<std::int64_t>();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(wide, INT32_MIN, INT32_MAX));
}

seawall::ProberConfig prober_of(const json& given) {
  seawall::ProberOptions options;
  bool edge_given = false;
  for (const char* key : {"kind", "interval"}) {  // else the command line's would end with the library's
    if (!object("/probe", given).contains(key)) fail("/probe/" + std::string(key), "must not be removed");
  }
  for (const auto& [key, value] : given.items()) {
    const std::string path = "/probe/" + key;
    if (key == "kind") {
      options.kind = text(path, value, "http or tcp", probe_kind);
    } else if (key == "path") {
      options.path = plain(path, value);
    } else if (key == "interval") {
      options.interval = duration(path, value);
    } else if (key == "edge_interval") {
      options.edge_interval = duration(path, value);
      edge_given = true;
    } else if (key == "timeout") {
      options.timeout = duration(path, value);
    } else if (key == "jitter_percent") {
      options.jitter_percent = integer(path, value);
    } else if (key == "rise") {
      options.rise = integer(path, value);
    } else if (key == "fall") {
      options.fall = integer(path, value);
    } else {
      fail(path, "unknown key");
    }
  }
  const bool asks = options.interval.count() > 0;
  if (asks && !edge_given) options.edge_interval = std::min(options.edge_interval, options.interval);
  const auto config = seawall::ProberConfig::make(options);
  if (!config) throw ConfigurationError("/probe/" + std::string(config.error().message.view()));
  return config.value();
}

DnsConfiguration dns_of(const json& given) {
  DnsConfiguration dns;
  for (const auto& [key, value] : object("/dns", given).items()) {
    const std::string path = "/dns/" + key;
    if (key == "servers") {
      dns.servers = plain(path, value);
    } else if (key == "names") {
      for (const auto& [service, name] : object(path, value).items()) {
        dns.names[service] = text(path + "/" + service, name, "a text", dns_target);
      }
    } else {
      fail(path, "unknown key");
    }
  }
  return dns;
}

json take(json& merged, const char* key) {
  const auto found = merged.find(key);
  if (found == merged.end()) return json::object();
  json taken = std::move(*found);
  merged.erase(found);
  return taken;
}

}  // namespace

DnsTarget dns_target(const std::string& text) {
  DnsTarget target{.name = text, .port = 0};
  const std::size_t colon = text.rfind(':');
  if (text.empty() || colon == 0) throw std::invalid_argument("is neither NAME:PORT nor NAME of SRV records");
  if (colon == std::string::npos) return target;
  const auto port = to_integer(std::string_view(text).substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) throw std::invalid_argument("has no port from 1 to 65535");
  target.port = static_cast<std::uint16_t>(*port);
  target.name.resize(colon);
  return target;
}

seawall::ProbeKind probe_kind(const std::string& text) {
  if (text == "http") return seawall::ProbeKind::kHttp;
  if (text == "tcp") return seawall::ProbeKind::kTcp;
  throw std::invalid_argument("is neither http nor tcp");
}

json instances_of_command_line(const Options& options) {
  return {
      {"dns", {{"servers", options.dns_servers}, {"names", options.dns}}},
      {"probe", {{"kind", options.probe}, {"interval", std::to_string(options.probe_interval.count()).append("ns")}}}};
}

InstancesConfiguration take_instances(json& merged) {
  const json dns = take(merged, "dns");
  const json probe = take(merged, "probe");
  return {.dns = dns_of(dns), .prober = prober_of(probe)};
}
