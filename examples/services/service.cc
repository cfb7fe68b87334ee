// SPDX-License-Identifier: MIT
#include "services/service.h"

using nlohmann::json;

http::Response success(int status, json data, const http::Request& request, std::string message) {
  return http::Response::json(status, to_text({{"success", true},
                                               {"data", std::move(data)},
                                               {"correlation_id", request.headers.get("X-Correlation-ID")},
                                               {"message", std::move(message)}}));
}

http::Response failure(int status, const std::string& message, const http::Request& request) {
  return http::Response::json(
      status,
      to_text({{"success", false}, {"message", message}, {"correlation_id", request.headers.get("X-Correlation-ID")}}));
}

http::Response bad_request(const Fault& fault, const http::Request& request) {
  return http::Response::json(400, to_text({{"success", false},
                                            {"message", fault.message},
                                            {"field", fault.field},
                                            {"correlation_id", request.headers.get("X-Correlation-ID")}}));
}

http::Response not_found(const http::Request& request) { return failure(404, "no such route", request); }

json trade_event(const std::string& trade_id, const Trade& trade, const std::string& executed_at) {
  return {{"trade_id", trade_id},         {"user_id", trade.user_id}, {"asset_symbol", trade.asset_symbol},
          {"direction", trade.direction}, {"amount", trade.amount},   {"executed_at", executed_at}};
}
