// SPDX-License-Identifier: MIT
//
// Registrar: keeps one instance in the gateway's registry, from the start of the process to its drain.
//
// Registers, again and again with growing, jittered pauses while the gateway is not there; sends heartbeats at the pace
// the gateway asks for; registers anew when the gateway does not know the instance (its lease ran out, or the gateway
// was restarted); stops the process when a newer generation took its id (it is fenced: two owners must not fight).
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "http/server.h"

class Registrar {
 public:
  struct Identity {
    std::string service;
    std::string id;
    std::string host;
    std::uint16_t port = 0;
    std::uint32_t weight = 1;
  };

  // `token` is sent as Bearer authorization unless empty.
  Registrar(http::Endpoint gateway, Identity identity, std::string token);

  http::Task<> run(http::Loop& loop, http::Server& server);
  http::Task<> leave(http::Loop& loop);  // drains, so that no new request comes, then deregisters
  bool fenced() const noexcept { return fenced_; }

 private:
  enum class Reply { kOk, kUnknown, kFenced, kRefused, kNoAnswer };
  http::Task<Reply> join(http::Loop& loop);
  http::Task<Reply> beat(http::Loop& loop, const char* state);
  http::Task<http::CallResult> send(http::Loop& loop, std::string method, std::string target, std::string body);
  std::chrono::nanoseconds jittered(std::chrono::nanoseconds pause);
  void complain(const std::string& what);

  http::Endpoint gateway_;
  Identity identity_;
  std::string token_;
  std::string target_;
  std::int64_t generation_ = -1;  // negative: not registered
  std::chrono::nanoseconds interval_ = std::chrono::seconds(1);
  std::string last_complaint_;
  bool leaving_ = false;
  bool fenced_ = false;
  std::minstd_rand random_{std::random_device{}()};
};
