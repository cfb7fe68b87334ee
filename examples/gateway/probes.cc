// SPDX-License-Identifier: MIT
// Asks each registered instance for GET /health, or for a connection, as the prober says.
#include "common/json.h"
#include "gateway/app.h"

namespace {

http::Task<http::CallResult> call(http::Loop& loop, const seawall::Probe& probe) {
  http::Request request;
  request.method = "GET";
  request.target = probe.path;
  const auto deadline = std::chrono::steady_clock::now() + probe.timeout;
  const http::Endpoint endpoint{probe.host, static_cast<std::uint16_t>(probe.port)};
  auto result = co_await loop.client.call(endpoint, request, deadline);
  // A kept connection that the other side had closed says nothing about it.
  if (result.status == http::CallStatus::kNotSent) result = co_await loop.client.call(endpoint, request, deadline);
  co_return result;
}

void note(seawall::Prober& prober, const seawall::Probe& probe, const http::CallResult& result) {
  switch (result.status) {
    case http::CallStatus::kAnswered: {
      const auto body = parse_json(result.response.body);
      const auto service = member_or(body, "service", std::string());
      const auto instance = member_or(body, "instance", std::string());
      prober.finish(probe.id, {.status = result.response.status, .service = service, .instance = instance});
      return;
    }
    case http::CallStatus::kShortage:
    case http::CallStatus::kAborted:
      prober.finish(probe.id, {.status = seawall::ProbeAnswer::kNothingLearnt});
      return;
    default:
      prober.finish(probe.id, {.status = 0});
  }
}

// Whoever accepts a connection is well.
http::Task<> knock(seawall::Prober& prober, http::Loop& loop, const seawall::Probe& probe) {
  const http::Endpoint endpoint{probe.host, static_cast<std::uint16_t>(probe.port)};
  const auto status = co_await loop.client.connect(endpoint, std::chrono::steady_clock::now() + probe.timeout);
  const bool shortage = status == http::CallStatus::kShortage;
  const bool accepted = status == http::CallStatus::kAnswered;
  prober.finish(probe.id, {.status = shortage ? seawall::ProbeAnswer::kNothingLearnt : accepted ? 1 : 0});
}

http::Task<> ask(seawall::Prober& prober, http::Loop& loop, seawall::Probe probe) {
  if (probe.kind == seawall::ProbeKind::kTcp) co_return co_await knock(prober, loop, probe);
  const auto result = co_await call(loop, probe);
  note(prober, probe, result);
}

}  // namespace

http::Task<> App::keep_probing(http::Server& server, http::Loop& loop) {
  for (;;) {
    while (const auto probe = prober.next()) {
      server.spawn(loop, [this, &loop, probe] { return ask(prober, loop, *probe); });
    }
    const bool going = co_await http::pause(loop, std::chrono::milliseconds(50));
    if (!going) co_return;
  }
}
