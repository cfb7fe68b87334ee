// SPDX-License-Identifier: MIT
//
// seawall-service: one of AstraTrade's four services, as a small honest stand-in to put the gateway in front of.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>

#include "common/arguments.h"
#include "common/text.h"
#include "services/registration.h"
#include "services/service.h"
#include "services/tracing.h"

namespace {

const std::vector<OptionSpec> kOptions = {
    {"--service", "trading, gamification, social or user"},
    {"--host", "address to listen on (127.0.0.1)"},
    {"--port", "port to listen on; 0, the default, takes a free one"},
    {"--gateway", "where to register (http://127.0.0.1:8000); 'none' runs alone"},
    {"--id", "instance id (unique for each start unless given)"},
    {"--weight", "share of the traffic, 0 to 1000 (1)"},
    {"--delay", "time each API answer takes longer (0ms)"},
    {"--fail-rate", "share of the API requests that get 500 (0.0)"},
    {"--help", "this text", false},
};

std::unique_ptr<Service> make_service(const std::string& name, const http::Endpoint& gateway) {
  if (name == "trading") return make_trading(gateway);
  if (name == "gamification") return make_gamification();
  if (name == "social") return make_social();
  if (name == "user") return make_user();
  throw std::invalid_argument("--service: must be trading, gamification, social or user, not '" + name + "'");
}

struct Manner {
  std::chrono::nanoseconds delay;
  double fail_rate;
};

struct Names {
  std::string service, instance;
};

// What --delay and --fail-rate do to a request that is meant for the service's API.
http::Task<http::Response> answer(Service& service, const Manner& manner, const Names& names, http::Request& request,
                                  http::Loop& loop) {
  if (request.path() == "/health") {
    if (request.method != "GET" && request.method != "HEAD") co_return failure(405, "GET only", request);
    co_return http::Response::json(200, to_text({{"success", true},
                                                 {"status", "healthy"},
                                                 {"service", names.service},
                                                 {"instance", names.instance},
                                                 {"timestamp", timestamp()}}));
  }
  if (service.is_api(request)) {
    if (manner.delay.count() > 0) co_await http::pause(loop, manner.delay);
    static std::minstd_rand random{std::random_device{}()};  // one loop, one thread
    if (std::bernoulli_distribution(manner.fail_rate)(random)) {
      co_return failure(500, "failing on purpose (--fail-rate)", request);
    }
  }
  co_return co_await service.handle(request, loop);
}

http::Task<http::Response> traced(Tracing& tracing, Service& service, const Manner& manner, const Names& names,
                                  http::Request& request, http::Loop& loop) {
  seawall::Span span = service.is_api(request) ? tracing.start(request) : seawall::Span();
  http::Response response = co_await answer(service, manner, names, request, loop);
  Tracing::end(span, response.status);
  co_return response;
}

int serve(const Arguments& arguments) {
  const std::string name = arguments.text("--service", "");
  const bool alone = arguments.text("--gateway", "") == "none";
  const auto gateway = for_option("--gateway", [&] {
    return http::parse_endpoint(alone ? "127.0.0.1:8000" : arguments.text("--gateway", "127.0.0.1:8000"));
  });
  const auto no_time = std::chrono::nanoseconds(0);
  const Manner manner{arguments.duration("--delay", no_time, no_time), arguments.share("--fail-rate", 0)};

  const std::string fallback_id = name + "-" + std::to_string(::getpid()) + "-" + random_hex();
  const Names names{name, arguments.text("--id", fallback_id)};
  if (names.instance.empty() || names.instance.size() > 63 || !is_token(names.instance)) {
    throw std::invalid_argument("--id: '" + names.instance + "' is not 1 to 63 of A-Z a-z 0-9 . _ -");
  }

  http::ServerOptions options;
  options.host = arguments.text("--host", "127.0.0.1");
  for_option("--host", [&] { http::check_host(options.host); });
  options.port = static_cast<std::uint16_t>(arguments.number("--port", 0, 0, 65535));
  std::unique_ptr<Service> service = make_service(name, gateway);
  const char* token = std::getenv("SEAWALL_ADMIN_TOKEN");
  Tracing tracing(name, gateway, token ? token : "");
  http::Server server(
      options,
      [&](http::Request& request, http::Loop& loop) { return traced(tracing, *service, manner, names, request, loop); },
      [](const http::Request& request, int status, const std::string& message) {
        return failure(status, message, request);
      });

  Registrar registrar(gateway,
                      {name, names.instance, options.host, server.port(),
                       static_cast<std::uint32_t>(arguments.number("--weight", 1, 0, 1000))},
                      token ? token : "");
  if (!alone) {
    server.spawn(server.loop(0), [&] { return registrar.run(server.loop(0), server); });
    server.spawn(server.loop(0), [&] { return tracing.run(server.loop(0)); });
    server.before_stop([&](http::Loop& loop) { return registrar.leave(loop); });
    service->start(server);
  }
  std::printf("listening on %s\n", server.url().c_str());
  std::fflush(stdout);
  server.run();
  service.reset();  // before the server: its threads may still post to a loop
  return registrar.fenced() ? 3 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments(argc, argv, kOptions);
    if (arguments.has("--help")) {
      std::printf("usage: seawall-service --service NAME [options]\n%s", arguments.help().c_str());
      return 0;
    }
    http::raise_open_file_limit();
    return serve(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "seawall-service: %s\n", error.what());
    return 2;
  }
}
