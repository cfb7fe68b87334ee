// SPDX-License-Identifier: MIT
//
// Exchange: one request on its way through the gateway, with the names it goes by, and the answers it can get.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"
#include "common/validation.h"
#include "http/server.h"
#include "seawall/runtime/tracer.h"
#include "seawall/time.h"
#include "seawall/trace/correlation_id.h"
#include "seawall/trace_context.h"

struct App;

class Exchange {
 public:
  // Takes correlation id and trace from the request, or makes new ones; what it refuses is counted.
  Exchange(const http::Request& request, App& app);

  const http::Request& request;
  const seawall::TimePoint start;
  const seawall::CorrelationId correlation;
  const seawall::Extracted trace;
  std::string_view route;                  // the path of the route that matched, such as /users/{}
  std::vector<std::string_view> segments;  // what its {} matched
  seawall::Span span;                      // of a proxied request; else it records nothing

  std::string trace_id() const;
  // As it leaves for the upstream, as a call of this span.
  http::Request outgoing(const seawall::Span& call) const;

 private:
  App& app_;
};

http::Response reply(const Exchange& exchange, int status, nlohmann::json body);
// An error body: {success: false, message, correlation_id} and what `more` adds.
http::Response refuse(const Exchange& exchange, int status, std::string_view message,
                      nlohmann::json more = nlohmann::json::object());
http::Response refuse(const Exchange& exchange, const Fault& fault);  // 400 that names the field

// What an Accept header says of a media type: the q of its name, else of "type/*", else of "*/*", else 0. An empty
// header accepts everything.
struct Acceptance {
  double quality = 0;
  bool named = false;
};
Acceptance acceptance_of(std::string_view accept, std::string_view type) noexcept;
