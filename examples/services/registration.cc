// SPDX-License-Identifier: MIT
#include "services/registration.h"

#include <algorithm>
#include <cstdio>

#include "common/json.h"

using nlohmann::json;
using std::chrono::milliseconds;

namespace {
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{2000};
}  // namespace

Registrar::Registrar(http::Endpoint gateway, Identity identity, std::string token)
    : gateway_(std::move(gateway)),
      identity_(std::move(identity)),
      token_(std::move(token)),
      target_("/registry/instances/" + identity_.id) {}

http::Task<> Registrar::run(http::Loop& loop, http::Server& server) {
  std::chrono::nanoseconds pause = kFirstPause;
  while (!leaving_) {
    const bool known = generation_ >= 0;
    const Reply reply = known ? co_await beat(loop, "serving") : co_await join(loop);
    if (leaving_) {
      if (!known && reply == Reply::kOk) co_await leave(loop);  // the answer came after the first good-bye
      co_return;
    }
    if (reply == Reply::kFenced) {
      fenced_ = true;
      generation_ = -1;
      std::fprintf(stderr, "error: '%s' belongs to a newer instance; this one stops\n", identity_.id.c_str());
      server.stop();
      co_return;
    }
    if (reply == Reply::kUnknown) generation_ = -1;
    if (reply == Reply::kOk) {
      last_complaint_.clear();
      pause = kFirstPause;
      co_await http::pause(loop, jittered(interval_));
    } else if (known) {
      co_await http::pause(loop, jittered(reply == Reply::kUnknown ? kFirstPause : interval_));
    } else {
      co_await http::pause(loop, jittered(pause));
      pause = std::min<std::chrono::nanoseconds>(pause * 2, kLongestPause);
    }
  }
}

http::Task<> Registrar::leave(http::Loop& loop) {
  leaving_ = true;
  if (generation_ < 0) co_return;
  co_await beat(loop, "draining");
  const std::string generation = "?generation=" + std::to_string(generation_);
  co_await send(loop, "DELETE", target_ + generation + "&service=" + identity_.service, "");
}

http::Task<Registrar::Reply> Registrar::join(http::Loop& loop) {
  const json record = {{"service", identity_.service},
                       {"id", identity_.id},
                       {"host", identity_.host},
                       {"port", identity_.port},
                       {"weight", identity_.weight}};
  const auto result = co_await send(loop, "POST", "/registry/instances", record.dump());
  if (result.status != http::CallStatus::kAnswered) {
    complain("the gateway does not answer; trying on");
    co_return Reply::kNoAnswer;
  }
  const json answer = parse_json(result.response.body);
  if (result.response.status != 201 || !answer.is_object()) {
    complain("the gateway refused the registration with " + std::to_string(result.response.status) + ": " +
             member_or(answer, "message", std::string()));
    co_return result.response.status == 409 ? Reply::kFenced : Reply::kRefused;
  }
  generation_ = member_or(answer, "generation", std::int64_t{0});
  interval_ = milliseconds(
      std::clamp<std::int64_t>(member_or(answer, "heartbeat_interval_ms", std::int64_t{1000}), 10, 60'000));
  co_return Reply::kOk;
}

http::Task<Registrar::Reply> Registrar::beat(http::Loop& loop, const char* state) {
  const json body = {{"generation", generation_}, {"state", state}};
  const auto result = co_await send(loop, "PUT", target_ + "/heartbeat?service=" + identity_.service, body.dump());
  if (result.status != http::CallStatus::kAnswered) co_return Reply::kNoAnswer;
  switch (result.response.status) {
    case 200:
      co_return Reply::kOk;
    case 404:
      co_return Reply::kUnknown;
    case 409:
      co_return Reply::kFenced;
    default:
      complain("the gateway refused a heartbeat with " + std::to_string(result.response.status));
      co_return Reply::kRefused;
  }
}

http::Task<http::CallResult> Registrar::send(http::Loop& loop, std::string method, std::string target,
                                             std::string body) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.add("Content-Type", "application/json");
  if (!token_.empty()) request.headers.add("Authorization", "Bearer " + token_);
  request.body = std::move(body);
  co_return co_await loop.client.call(gateway_, request, std::chrono::steady_clock::now() + std::chrono::seconds(1));
}

// 80 to 120 %: instances that start together must not beat together.
std::chrono::nanoseconds Registrar::jittered(std::chrono::nanoseconds pause) {
  return pause * std::uniform_int_distribution<int>(80, 120)(random_) / 100;
}

void Registrar::complain(const std::string& what) {
  if (what == last_complaint_) return;
  last_complaint_ = what;
  std::fprintf(stderr, "%s: %s\n", identity_.id.c_str(), what.c_str());
}
