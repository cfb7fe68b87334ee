// SPDX-License-Identifier: MIT
//
// seawall-gateway: a reverse proxy in front of AstraTrade's services, built on Seawall. Begin with proxy.cc.
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <csignal>
#include <cstdio>
#include <stdexcept>

#include "gateway/plain_proxy.h"
#include "gateway/routes.h"

namespace {

int run(http::Server& server) {
  std::printf("listening on %s\n", server.url().c_str());
  std::fflush(stdout);
  server.run();
  return 0;
}

int serve_without_seawall(const Options& options) {
  PlainProxy proxy(options);
  http::Server server(
      options.server, [&proxy](http::Request& request, http::Loop& loop) { return proxy.handle(request, loop); },
      [](const http::Request&, int status, const std::string& message) { return PlainProxy::refuse(status, message); });
  return run(server);
}

// Holds SIGHUP back (SIG_BLOCK) while nothing here answers it: at the start, where whoever has changed the file may ask
// for a reload at once, and at the end. Threads made meanwhile never get it.
void mask_hang_ups(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(how, &set, nullptr);
}

int serve(const Options& options) {
  if (!options.config_file.empty()) mask_hang_ups(SIG_BLOCK);
  App app(options);
  Router router(app);
  http::Server server(
      options.server, [&router](http::Request& request, http::Loop& loop) { return router.handle(request, loop); },
      [&router](const http::Request& request, int status, const std::string& message) {
        return router.refuse_unread(request, status, message);
      });
  server.spawn(server.loop(0), [&] { return app.keep_house(server); });
  server.spawn(server.loop(0), [&] { return app.keep_probing(server, server.loop(0)); });
  boost::asio::thread_pool reloads(1);
  std::atomic<bool> waiting{false};
  if (!options.config_file.empty()) {
    server.on_signal(SIGHUP, [&] {
      if (waiting.exchange(true)) return;  // what waits reads the file later than this
      boost::asio::post(reloads, [&] {
        waiting.store(false);
        app.reload();
      });
    });
    mask_hang_ups(SIG_UNBLOCK);
  }
  const int done = run(server);
  mask_hang_ups(SIG_BLOCK);
  reloads.stop();  // those that wait would change nothing any more
  reloads.join();
  if (app.shared_limits) app.shared_limits->settle();
  return done;
}

// Of <sysexits.h>: what a supervisor shows as a mistake in the configuration, which no restart mends.
constexpr int kBadConfiguration = 78;

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments(argc, argv, option_specs());
    if (arguments.has("--help")) {
      std::printf("usage: seawall-gateway [options]\n%s", arguments.help().c_str());
      return 0;
    }
    const Options options = parse_options(arguments, http::raise_open_file_limit());
    return options.no_seawall ? serve_without_seawall(options) : serve(options);
  } catch (const ConfigurationError& error) {
    std::fprintf(stderr, "seawall-gateway: %s\n", error.what());
    return kBadConfiguration;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "seawall-gateway: %s\n", error.what());
    return 2;
  }
}
