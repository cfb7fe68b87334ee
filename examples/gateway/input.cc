// SPDX-License-Identifier: MIT
// The input of proxied routes, checked before a breaker or an upstream sees it.
#include "gateway/routes.h"

namespace {

template <class T>
std::optional<Fault> fault_of(const Parsed<T>& parsed) {
  const auto* fault = std::get_if<Fault>(&parsed);
  return fault ? std::optional(*fault) : std::nullopt;
}

}  // namespace

std::optional<Fault> check_input(std::size_t service, const Exchange& exchange) {
  const http::Request& request = exchange.request;
  const std::string_view name = kUpstreamNames[service];
  if (name == "trading") return fault_of(parse_trade(request.body));
  if (name == "user") return fault_of(parse_registration(request.body));
  if (name == "gamification") return fault_of(parse_user_id(exchange.segments.at(0)));
  return fault_of(parse_limit(request.parameter("limit")));
}
