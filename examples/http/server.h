// SPDX-License-Identifier: MIT
//
// An HTTP/1.1 server: one event loop for each thread, keep-alive, pipelining, limits on everything a client can send.
//
// A handler is a coroutine that runs on the loop of its connection, so what belongs to one loop needs no lock. What the
// server refuses itself (malformed, too large, too slow) is answered through `refuse`, so such answers carry the same
// headers as all others.
//
//   http::Server server(options, [](http::Request& request, http::Loop& loop) -> http::Task<http::Response> {
//     co_return http::Response::json(200, "{}");
//   });
//   server.run();   // until SIGTERM or SIGINT: stops accepting, finishes what is in flight
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/client.h"
#include "http/message.h"
#include "http/task.h"

namespace http {

// What belongs to one thread.
struct Loop {
  explicit Loop(std::size_t number) : index(number), context(1), client(context.get_executor()) {}
  std::size_t index;
  asio::io_context context;
  Client client;
};

using Handler = std::function<Task<Response>(Request&, Loop&)>;
// Makes the answer to a request that never reached the handler. `request` holds what was understood of it.
using Refuse = std::function<Response(const Request& request, int status, const std::string& message)>;

// Client connections of a server.
struct ConnectionCounts {
  std::size_t open = 0;       // now
  std::uint64_t evicted = 0;  // since the start: idle, and closed so that a newcomer had a place
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::size_t threads = 1;
  std::size_t header_limit = 16 * 1024;
  std::size_t body_limit = 1024 * 1024;
  // One more takes the place of the connection that was idle longest on its loop; where none is, it gets a 503 of
  // `refuse`.
  std::size_t max_connections = 10'000;
  std::chrono::nanoseconds read_timeout = std::chrono::seconds(10);  // for a whole header, and for a whole body
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds(10);
};

class Server {
 public:
  // Listens at once, serves from run() on. Throws std::runtime_error with a message for people: port in use, bad host.
  Server(ServerOptions options, Handler handler, Refuse refuse);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const;
  std::uint16_t port() const noexcept;
  std::size_t size() const noexcept;
  ConnectionCounts connections() const noexcept;  // from any thread
  Loop& loop(std::size_t index) noexcept;

  // Runs a coroutine on a loop until it ends or the server does. Before run() or on that loop's thread.
  void spawn(Loop& loop, std::function<Task<>()> work);
  // Work that a stop does first, while the server still answers: leaving the registry, say.
  void before_stop(std::function<Task<>(Loop&)> work);

  // Instead of what the signal does otherwise: `action`, on the thread of loop 0. Before run().
  void on_signal(int signal, std::function<void()> action);

  void run();
  void stop();  // what SIGTERM does; from any thread, once run() has begun

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Throws std::invalid_argument for what is neither an IP address nor localhost.
void check_host(const std::string& host);

// A pause on the loop's timer; returns early with false when the loop ends.
Task<bool> pause(Loop& loop, std::chrono::nanoseconds duration);

// Lets the process open as many files as its hard limit allows: a proxy needs two for each request. How many these are.
std::size_t raise_open_file_limit() noexcept;

}  // namespace http
