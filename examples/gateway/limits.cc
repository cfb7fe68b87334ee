// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
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

std::vector<seawall::LimitStatus> Limits::of(const seawall::Admission& call) const {
  std::vector<seawall::LimitStatus> told;
  for (std::size_t i = 0; i < std::min(count_, call.decisions.size()); ++i) {
    told.push_back({labels_[i].text(), labels_[i].quota, labels_[i].window, call.decisions[i]});
  }
  return told;
}

seawall::LimitStatus status(std::string_view name, const seawall::Quota& quota, const seawall::Decision& decision) {
  return {name, quota.permits(), quota.period(), decision};
}

// A value always fits: four names at most, each of 31 characters that quoting may double, and some 30 beside each.
void add_rate_limit_headers(http::Response& response, std::span<const seawall::LimitStatus> limits) {
  if (limits.empty()) return;
  static_assert(seawall::kMostPipelineLimits * (2 * sizeof(seawall::LimitLabel::name) + 32) <= 512);
  std::array<char, 512> buffer;
  response.headers.set("RateLimit-Policy", std::string(seawall::rate_limit_policy(buffer, limits).value()));
  response.headers.set("RateLimit", std::string(seawall::rate_limit(buffer, limits).value()));
}

void add_retry_after(http::Response& response, seawall::Duration wait) {
  std::array<char, 32> buffer;
  response.headers.add("Retry-After", std::string(seawall::retry_after(buffer, wait).value()));
}
