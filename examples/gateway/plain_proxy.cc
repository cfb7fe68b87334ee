// SPDX-License-Identifier: MIT
//
// The gateway without Seawall (--no-seawall): the same server, client, checks of the input and answers, and a plain
// round robin over the instances of --upstream. For benchmarks: what is between this and proxy.cc is what Seawall
// costs.
#include <atomic>

#include "gateway/routes.h"

using http::CallStatus;

http::Task<http::Response> plain_proxy(App& app, std::size_t service, Exchange& exchange, http::Loop& loop) {
  static std::array<std::atomic<std::size_t>, kUpstreams> turns{};
  const std::string name(kUpstreamNames[service]);
  if (const auto fault = check_input(service, exchange)) co_return refuse(exchange, *fault);
  const auto found = app.options.upstreams.find(name);
  if (found == app.options.upstreams.end()) {
    co_return refuse(exchange, 503, "the " + name + " service is temporarily unavailable");
  }
  // Relaxed: a turn publishes nothing else.
  const std::size_t turn = turns[service].fetch_add(1, std::memory_order_relaxed);
  const http::Endpoint& endpoint = found->second[turn % found->second.size()];
  http::Request outgoing = exchange.outgoing();
  const auto deadline = std::chrono::steady_clock::now() + app.options.upstream_timeout;
  auto result = co_await loop.client.call(endpoint, outgoing, deadline, exchange.request.peer);
  if (result.status == CallStatus::kAnswered) co_return std::move(result.response);
  if (result.status == CallStatus::kTimeout) co_return refuse(exchange, 504, "the service did not answer in time");
  co_return refuse(exchange, 502, "the service could not be reached");
}
