// SPDX-License-Identifier: MIT
//
// A real redis-server on a free port of the loopback interface, without persistence, stopped by its own pid (and by the
// kernel when the test is killed). Nothing of it is shared with a server that runs already.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "seawall/redis/store.h"

namespace seawall::testing {

// The reply as text: integers and texts as they are, errors after "-", lists in [a,b].
class RedisClient {
 public:
  explicit RedisClient(std::uint16_t port);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;
  std::string operator()(const std::vector<std::string>& words);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

struct RedisOptions {
  bool cluster = false;
  std::uint16_t replica_of = 0;
  bool stepped_clock = false;        // step_clock() works
  std::vector<std::string> extra{};  // options of redis-server
};

class RedisServer {
 public:
  explicit RedisServer(RedisOptions options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::uint16_t port() const { return port_; }
  redis::Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  std::string operator()(const std::vector<std::string>& words) { return RedisClient(port_)(words); }

  void kill();    // SIGKILL
  void start();   // again, on the same port; returns when it answers
  void stop();    // SIGSTOP; returns when it stands
  void resume();  // SIGCONT
  // Seconds by which the server's clock differs from the machine's, from now on; needs stepped_clock.
  void step_clock(std::int64_t seconds);

 private:
  bool begin();
  bool run();  // false: it ended, or does not answer
  bool answers() const;

  RedisOptions options_;
  std::uint16_t port_ = 0;
  std::string folder_;
  pid_t pid_ = -1;
};

// Sleeps a little, until `done` or for a minute; whether it was done.
template <class Done>
bool eventually(Done done);
void short_sleep();

template <class Done>
bool eventually(Done done) {
  for (int i = 0; i < 12000; ++i) {
    if (done()) return true;
    short_sleep();
  }
  return done();
}

}  // namespace seawall::testing
