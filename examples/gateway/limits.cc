// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <variant>

#include "gateway/routes.h"

// A space cannot be in a user id, so addresses and ids never meet.
std::variant<std::string, Fault> user_key(const Exchange& exchange) {
  const auto& headers = exchange.request.headers;
  const std::string* user = headers.find("X-User-ID");
  if (!user) return " " + exchange.request.peer->address();
  const bool printable = std::all_of(user->begin(), user->end(), [](char c) { return c > ' ' && c <= '~'; });
  if (user->empty() || user->size() > 128 || !printable || headers.count("X-User-ID") > 1) {
    return Fault{"X-User-ID", "X-User-ID must be one value of 1 to 128 printable characters without spaces"};
  }
  return *user;
}

// draft-ietf-httpapi-ratelimit-headers-10: all policies, and the state of the limit nearest to refusing.
void add_rate_limit_headers(http::Response& response, std::initializer_list<NamedLimit> limits) {
  std::string policies;
  const NamedLimit* nearest = nullptr;
  for (const NamedLimit& limit : limits) {
    if (!policies.empty()) policies += ", ";
    policies += '"';
    policies.append(limit.name).append("\";q=").append(std::to_string(limit.quota->permits()));
    policies += ";w=" + std::to_string(retry_seconds(limit.quota->period()));
    const bool nearer =
        !nearest || (nearest->decision.allowed && !limit.decision.allowed) ||
        (nearest->decision.allowed == limit.decision.allowed && limit.decision.remaining < nearest->decision.remaining);
    if (nearer) nearest = &limit;
  }
  std::string state = "\"";
  state.append(nearest->name).append("\";r=").append(std::to_string(nearest->decision.remaining));
  const auto wait = nearest->decision.allowed ? nearest->decision.reset_after : nearest->decision.retry_after;
  state += ";t=" + std::to_string(retry_seconds(wait));
  response.headers.set("RateLimit-Policy", policies);
  response.headers.set("RateLimit", state);
}
