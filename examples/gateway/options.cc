// SPDX-License-Identifier: MIT
#include "gateway/options.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "gateway/app.h"
#include "gateway/instances_config.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

seawall::Quota quota(const Arguments& arguments, const std::string& name, QuotaText fallback) {
  const QuotaText given = arguments.quota(name, fallback);
  const auto refuse = [&](const seawall::Error& why) {
    throw std::invalid_argument(name + ": " + std::string(why.message.view()) + " (" + arguments.text(name, "") + ")");
  };
  const auto made = seawall::Quota::make(given.permits, given.period);
  if (!made) refuse(made.error());
  const auto window = seawall::SlidingWindowConfig::make(made.value());
  if (!window) refuse(window.error());
  return made.value();
}

http::Endpoint endpoint(const std::string& name, const std::string& given) {
  return for_option(name, [&] { return http::parse_endpoint(given); });
}

void check_service(const std::string& option, const std::string& name) {
  if (std::ranges::find(kUpstreamNames, name) != kUpstreamNames.end()) return;
  throw std::invalid_argument(option + ": there is no service '" + name + "', but trading, gamification, social, user");
}

void add_upstream(Options& options, const std::string& given) {
  const std::size_t equals = given.find('=');
  if (equals == std::string::npos) throw std::invalid_argument("--upstream: '" + given + "' is not NAME=HOST:PORT");
  const std::string name = given.substr(0, equals);
  check_service("--upstream", name);
  options.upstreams[name].push_back(endpoint("--upstream", given.substr(equals + 1)));
}

// As browsers send it: a scheme, a host, perhaps a port, and nothing behind. Anything else would never be equal to one.
std::string cors_origin(const std::string& given) {
  const std::size_t scheme = given.starts_with("http://") ? 7 : given.starts_with("https://") ? 8 : std::string::npos;
  const bool origin = scheme < given.size() && http::is_authority(std::string_view(given).substr(scheme));
  const bool lower = std::none_of(given.begin(), given.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (origin && lower) return given;
  throw std::invalid_argument("--cors-origin: '" + given + "' is not an origin such as https://app.example.org");
}

// What only --no-seawall has, and what it has not.
void check_benchmark(const Options& options, const Arguments& arguments) {
  if (!options.upstreams.empty() && !options.no_seawall) {
    throw std::invalid_argument("--upstream: only with --no-seawall; services register themselves otherwise");
  }
  for (const char* name : {"--config", "--services", "--dns", "--redis"}) {
    if (options.no_seawall && arguments.has(name)) {
      throw std::invalid_argument(std::string(name) + ": not with --no-seawall, which has nothing to configure");
    }
  }
}

// SERVICE=NAME:PORT, or SERVICE=NAME for SRV.
void add_dns(Options& options, const std::string& given) {
  const std::size_t equals = given.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == given.size()) {
    throw std::invalid_argument("--dns: '" + given + "' is neither SERVICE=NAME:PORT nor SERVICE=NAME of SRV records");
  }
  check_service("--dns", given.substr(0, equals));
  const std::string name = given.substr(equals + 1);
  try {
    dns_target(name);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("--dns: '" + given + "' " + error.what());
  }
  if (options.dns.try_emplace(given.substr(0, equals), name).second) return;
  throw std::invalid_argument("--dns " + given + ": the service has a name already");
}

std::string probe(const Arguments& arguments) {
  std::string kind = arguments.text("--probe", "http");
  try {
    probe_kind(kind);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("--probe: '" + kind + "' " + error.what());
  }
  return kind;
}

// The first line of the file, or the environment's.
std::string redis_password(const Arguments& arguments) {
  if (!arguments.has("--redis-password-file")) {
    const char* given = std::getenv("SEAWALL_REDIS_PASSWORD");
    return given == nullptr ? "" : given;
  }
  const std::string path = arguments.text("--redis-password-file", "");
  std::ifstream file(path);
  std::string password;
  std::getline(file, password);
  if (!password.empty() && password.back() == '\r') password.pop_back();
  if (password.empty()) throw std::invalid_argument("--redis-password-file: no password in the first line of " + path);
  return password;
}

void set_redis(Options& options, const Arguments& arguments) {
  for (const char* name : {"--redis-user", "--redis-password-file"}) {
    if (arguments.has(name) && !arguments.has("--redis")) {
      throw std::invalid_argument(std::string(name) + ": only with --redis");
    }
  }
  if (!arguments.has("--redis")) return;
  options.redis = endpoint("--redis", arguments.text("--redis", ""));
  options.redis_user = arguments.text("--redis-user", "");
  options.redis_password = redis_password(arguments);
}

}  // namespace

std::vector<OptionSpec> option_specs() {
  return {
      {"--host", "address to listen on (127.0.0.1)"},
      {"--port", "port to listen on, 0 takes a free one (8000)"},
      {"--threads", "event loops, one thread each (number of processors)"},
      {"--user-limit", "requests of one user, as PERMITS/PERIOD (200/60s)"},
      {"--service-limit", "requests to one service (1000/60s)"},
      {"--open-duration", "how long an open breaker waits before it tries again (30s)"},
      {"--upstream-timeout", "limit for a whole upstream call, connecting and retrying included (2s)"},
      {"--slow-trace", "a proxied request that takes so long is kept among the traces (500ms)"},
      {"--probe", "how instances are asked whether they are well: http (GET /health), or tcp (a connection) (http)"},
      {"--probe-interval", "how often each instance is asked, 0s for never (5s)"},
      {"--max-connections",
       "clients at once; one more gets the place of an idle one, or 503 (10000, or half the open files)"},
      {"--read-timeout", "limit for a client to send a header, and a body (10s)"},
      {"--idle-timeout", "how long a connection without a request stays open (60s)"},
      {"--drain-timeout", "how long a stop waits for requests in flight (10s)"},
      {"--cors-origin", "web origin that may call the gateway; may be repeated"},
      {"--config",
       "JSON file with limits, breakers, balancers, DNS and probes, merged into these options; SIGHUP reads it again"},
      {"--services", "JSON file with instances that do not register themselves; read again when it changes"},
      {"--dns", "SERVICE=NAME:PORT, or SERVICE=NAME of SRV records: instances from DNS; may be repeated"},
      {"--dns-servers", "IP[:PORT],... of DNS servers (those of the system)"},
      {"--redis", "HOST:PORT of a Redis that gateways share"},
      {"--redis-user", "its user; without one the password is the server's (requirepass)"},
      {"--redis-password-file", "file whose first line is the password (environment: SEAWALL_REDIS_PASSWORD)"},
      {"--test-endpoints", "serve /test/*", false},
      {"--no-seawall", "for benchmarks: the same proxy without limits, breakers, registry and metrics", false},
      {"--upstream", "with --no-seawall: NAME=HOST:PORT of an instance; may be repeated"},
      {"--help", "this text", false},
  };
}

Options parse_options(const Arguments& arguments, std::size_t files) {
  Options options{
      .server = {},
      .user_limit = quota(arguments, "--user-limit", {200, seconds(60)}),
      .service_limit = quota(arguments, "--service-limit", {1000, seconds(60)}),
      .open_duration = arguments.duration("--open-duration", seconds(30), milliseconds(1)),
      .upstream_timeout = arguments.duration("--upstream-timeout", seconds(2), milliseconds(1)),
      .slow_trace = arguments.duration("--slow-trace", milliseconds(500), milliseconds(1)),
      .probe_interval = arguments.duration("--probe-interval", seconds(5), milliseconds(0)),
      .probe = probe(arguments),
      .cors_origins = {},
      .redis = {},
      .redis_user = {},
      .redis_password = {},
      .admin_token = {},
      .services_file = arguments.text("--services", ""),
      .config_file = arguments.text("--config", ""),
      .dns = {},
      .dns_servers = arguments.text("--dns-servers", ""),
      .test_endpoints = arguments.has("--test-endpoints"),
      .no_seawall = arguments.has("--no-seawall"),
      .upstreams = {},
  };
  const auto cores = static_cast<std::int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  options.server.host = arguments.text("--host", "127.0.0.1");
  options.server.port = static_cast<std::uint16_t>(arguments.number("--port", 8000, 0, 65535));
  options.server.threads = static_cast<std::size_t>(arguments.number("--threads", cores, 1, 1024));
  // Half of the files: each request of a client can need another one.
  const auto most = static_cast<std::int64_t>(std::clamp<std::size_t>(files / 2, 1, 10'000));
  options.server.max_connections = static_cast<std::size_t>(arguments.number("--max-connections", most, 1, 10'000'000));
  options.server.read_timeout = arguments.duration("--read-timeout", seconds(10), milliseconds(1));
  options.server.drain_timeout = arguments.duration("--drain-timeout", seconds(10), milliseconds(0));
  options.server.idle_timeout = arguments.duration("--idle-timeout", seconds(60), milliseconds(1));
  if (const char* token = std::getenv("SEAWALL_ADMIN_TOKEN")) options.admin_token = token;
  for_option("--host", [&] { http::check_host(options.server.host); });
  set_redis(options, arguments);
  for (const std::string& each : arguments.all("--cors-origin")) options.cors_origins.push_back(cors_origin(each));
  for (const std::string& each : arguments.all("--dns")) add_dns(options, each);
  for (const std::string& each : arguments.all("--upstream")) add_upstream(options, each);
  check_benchmark(options, arguments);
  return options;
}
