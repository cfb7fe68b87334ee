// SPDX-License-Identifier: MIT
#include "gateway/plain_proxy.h"

#include <nlohmann/json.hpp>

using http::CallStatus;

namespace {

http::Request forwarded(const http::Request& request) {
  http::Request out;
  out.method = request.method == "HEAD" ? "GET" : request.method;
  out.target = request.target;
  const http::HopByHop hops(request.headers);
  for (const auto& [name, value] : request.headers) {
    if (!hops.contains(name)) out.headers.add(name, value);
  }
  out.body = request.body;
  if (request.peer) out.headers.add("X-Forwarded-For", request.peer->address());
  out.headers.add("Via", http::via(request));
  return out;
}

}  // namespace

PlainProxy::PlainProxy(const Options& options) : timeout_(options.upstream_timeout) {
  constexpr std::pair<std::string_view, const char*> kRoutes[] = {{"/api/v1/trading/", "trading"},
                                                                  {"/api/v1/gamification/", "gamification"},
                                                                  {"/api/v1/social/", "social"},
                                                                  {"/api/v1/users/", "user"}};
  for (const auto& [prefix, name] : kRoutes) {
    Upstream& added = upstreams_.emplace_back();
    added.prefix = prefix;
    added.name = name;
    const auto given = options.upstreams.find(name);
    if (given != options.upstreams.end()) added.instances = given->second;
  }
}

PlainProxy::Upstream* PlainProxy::find(std::string_view path) {
  for (Upstream& upstream : upstreams_) {
    if (path.starts_with(upstream.prefix)) return &upstream;
  }
  return nullptr;
}

http::Response PlainProxy::refuse(int status, std::string_view message) {
  return http::Response::json(status, nlohmann::json{{"success", false}, {"message", message}}.dump());
}

http::Task<http::Response> PlainProxy::handle(const http::Request& request, http::Loop& loop) {
  Upstream* upstream = find(request.path());
  if (upstream == nullptr) co_return refuse(404, "no such route");
  if (upstream->instances.empty())
    co_return refuse(503, "the " + upstream->name + " service is temporarily unavailable");
  // Relaxed: a turn publishes nothing else.
  const std::size_t turn = upstream->turn.fetch_add(1, std::memory_order_relaxed);
  const http::Endpoint& endpoint = upstream->instances[turn % upstream->instances.size()];
  const http::Request outgoing = forwarded(request);
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  auto result = co_await loop.client.call(endpoint, outgoing, deadline, request.peer);
  if (result.status == CallStatus::kAnswered) co_return std::move(result.response);
  if (result.status == CallStatus::kTimeout) co_return refuse(504, "the service did not answer in time");
  co_return refuse(502, "the service could not be reached");
}
