// SPDX-License-Identifier: MIT
//
// An HTTP/1.1 client for one event loop: keeps idle connections, one deadline for the whole call, stops when the
// caller's own client goes away. Not thread-safe: each loop has its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/message.h"
#include "http/task.h"

namespace http {

struct Endpoint {
  std::string host;  // an IP address or "localhost"
  std::uint16_t port = 0;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// How a call ended. Only after kNotSent is it certain that the other side saw nothing.
enum class CallStatus {
  kAnswered,
  kNotSent,   // connection refused, or found closed before a byte was written: safe to try elsewhere
  kReset,     // closed before the answer was complete
  kNonsense,  // the answer is not HTTP
  kTimeout,
  kAborted,   // the caller's client went away
  kShortage,  // this process has no file or port left for a connection: says nothing about the other side
};

const char* to_string(CallStatus status) noexcept;

struct CallResult {
  CallStatus status = CallStatus::kNotSent;
  Response response;  // of kAnswered; hop-by-hop fields removed
};

class Client {
 public:
  explicit Client(Executor executor);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends `request` as it stands, but for Host and Content-Length, which are its own, and reads the whole answer, at
  // most 16 MiB. `peer`, if given, is watched: when it goes away the call ends with kAborted.
  Task<CallResult> call(const Endpoint& endpoint, const Request& request, SteadyTime deadline, Peer* peer = nullptr);
  // Only a connection, which is closed at once: kAnswered when somebody accepted it.
  Task<CallStatus> connect(const Endpoint& endpoint, SteadyTime deadline);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// "http://127.0.0.1:8000" or "127.0.0.1:8000"; throws std::invalid_argument.
Endpoint parse_endpoint(std::string_view url);

}  // namespace http
