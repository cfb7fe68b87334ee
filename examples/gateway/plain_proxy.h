// SPDX-License-Identifier: MIT
//
// PlainProxy: the gateway without Seawall (--no-seawall), for benchmarks: what is between this and proxy.cc is what
// Seawall costs.
#pragma once

#include <atomic>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/options.h"
#include "http/server.h"

// The same server, client and forwarding of the four services' routes, with a plain round robin over the instances of
// --upstream. No limit, breaker, registry, metric, trace or correlation id, and no check of the input.
class PlainProxy {
 public:
  explicit PlainProxy(const Options& options);

  http::Task<http::Response> handle(const http::Request& request, http::Loop& loop);
  // An answer to what the server could not read as a request.
  static http::Response refuse(int status, std::string_view message);

 private:
  struct Upstream {
    std::string_view prefix;  // of the paths that go there
    std::string name;
    std::vector<http::Endpoint> instances;
    std::atomic<std::size_t> turn{0};
  };

  Upstream* find(std::string_view path);

  std::chrono::nanoseconds timeout_;
  std::deque<Upstream> upstreams_;  // constant after construction, but for the turns
};
