// SPDX-License-Identifier: MIT
// Limits in Redis, with a redis-server of its own on loopback. redis.local is the local limiter that redis.leased is
// measured against; redis.evalsha sends the script of redis.exact through hiredis alone, both 64 requests deep;
// redis.evalsha_call does so one at a time and blocks, as redis.call: what the script and the round trip cost alone.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "redis/limit_rule.h"
#include "redis/limit_script.h"
#include "redis/words.h"
#include "seawall/keyed_rate_limiter.h"
#include "seawall/redis/rate_limiter.h"
#include "unpinned.h"

namespace {

using namespace seawall;
using namespace std::chrono_literals;
using redis::RateLimiter;
using redis::Store;

const Quota kOpen = Quota::make(1'000'000'000, 1s).value();  // at this rate nothing is refused here
constexpr int kDeep = 64;

redisContext* connect_to(int port) {
  redisContext* context = redisConnectWithTimeout("127.0.0.1", port, timeval{1, 0});
  if (context != nullptr && context->err == 0) return context;
  if (context != nullptr) redisFree(context);
  return nullptr;
}

// Started once, killed with this process.
class Server {
 public:
  Server() : port_(free_port()) {
    const std::string port = std::to_string(port_);
    const Unpinned free;
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--loglevel", "warning", nullptr);
      _exit(127);
    }
    for (int i = 0; i < 200 && !up_; ++i) {
      std::this_thread::sleep_for(10ms);
      redisContext* context = connect_to(port_);
      up_ = context != nullptr;
      if (up_) redisFree(context);
    }
  }
  ~Server() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  int port() const { return port_; }
  bool up() const { return up_; }

 private:
  static int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(fd, reinterpret_cast<const sockaddr*>(&address), size);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    close(fd);
    return ntohs(address.sin_port);
  }

  int port_;
  pid_t pid_ = -1;
  bool up_ = false;
};

// Null, and the row is skipped, where there is no redis-server.
const Server* server(benchmark::State& state) {
  static const Server one;
  if (!one.up()) state.SkipWithError("needs redis-server (of the package redis-server) in the PATH");
  return one.up() ? &one : nullptr;
}

Store store(const Server& at) {
  const Unpinned free;
  return Store::open(
             {.endpoints = {{"127.0.0.1", static_cast<std::uint16_t>(at.port())}}, .deadline = 5s, .silence = 5s})
      .value();
}

void local(benchmark::State& state) {
  static auto* limiter =
      new KeyedRateLimiter<TokenBucket>(KeyedRateLimiter<TokenBucket>::make({.quota = kOpen}).value());
  std::string_view key = "user-42";
  for (auto _ : state) {
    benchmark::DoNotOptimize(key);  // as from a request: not known to the compiler
    benchmark::DoNotOptimize(limiter->try_acquire(key));
  }
}

void leased(benchmark::State& state) {
  const Server* at = server(state);
  if (at == nullptr) return;
  static auto* limiter = new RateLimiter(
      RateLimiter::make(store(*at),
                        {.name = "leased", .quota = kOpen, .mode = redis::Mode::kLeased, .batch = 1'000'000})
          .value());
  for (int i = 0; i < 10; ++i) limiter->try_acquire("user-42");
  const auto not_local = [] { return limiter->stats().by_store + limiter->stats().by_policy; };
  const std::uint64_t before = not_local();
  std::string_view key = "user-42";
  for (auto _ : state) {
    benchmark::DoNotOptimize(key);
    benchmark::DoNotOptimize(limiter->try_acquire(key));
  }
  if (state.thread_index() != 0) return;
  const auto all = static_cast<double>(state.iterations()) * state.threads();
  state.counters["local_percent"] = 100 * (1 - static_cast<double>(not_local() - before) / all);
}

void exact(benchmark::State& state) {
  const Server* at = server(state);
  if (at == nullptr) return;
  static auto* limiter = new RateLimiter(RateLimiter::make(store(*at), {.name = "exact", .quota = kOpen}).value());
  while (limiter->try_acquire("user-42").by != redis::DecidedBy::kStore) {
  }
  std::atomic<int> in_flight{0};
  for (auto _ : state) {
    for (int seen = in_flight.load(); seen >= kDeep; seen = in_flight.load()) in_flight.wait(seen);
    ++in_flight;
    limiter->try_acquire_async("user-42", 1, [&in_flight](const redis::Answer& answer) {
      benchmark::DoNotOptimize(answer.allowed);
      if (--in_flight == kDeep / 2) in_flight.notify_one();
    });
  }
  while (in_flight.load() != 0) std::this_thread::sleep_for(1ms);
}

// One after another, as the calls of a handler.
void call(benchmark::State& state) {
  const Server* at = server(state);
  if (at == nullptr) return;
  static auto* limiter = new RateLimiter(RateLimiter::make(store(*at), {.name = "call", .quota = kOpen}).value());
  while (limiter->try_acquire("user-42").by != redis::DecidedBy::kStore) {
  }
  for (auto _ : state) benchmark::DoNotOptimize(limiter->try_acquire("user-42"));
}

// A connection of hiredis alone, and our script as a command for it.
class Bare {
 public:
  explicit Bare(const Server& at) : context_(connect_to(at.port())) {
    const std::string script = std::string(redis::kServerClock).append(redis::kLimitDecision);
    auto* loaded = static_cast<redisReply*>(redisCommand(context_, "SCRIPT LOAD %s", script.c_str()));
    redis::Words words;
    words.add("EVALSHA");
    words.add(std::string_view(loaded->str, static_cast<std::size_t>(loaded->len)));
    freeReplyObject(loaded);
    words.add(1);
    words.add("seawall:{bare:user-42}");
    words.add("take");
    const auto rule = redis::LimitRule::make(redis::Algorithm::kTokenBucket, kOpen).value();
    constexpr std::int64_t kOne = 1;
    words.add(rule.argument(std::span(&kOne, 1)));
    redis::append_command(command_, words);
  }
  ~Bare() { redisFree(context_); }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  void ask(int times) {
    for (int i = 0; i < times; ++i) redisAppendFormattedCommand(context_, command_.data(), command_.size());
    for (int i = 0; i < times; ++i) {
      void* reply = nullptr;
      redisGetReply(context_, &reply);
      benchmark::DoNotOptimize(reply);
      freeReplyObject(reply);
    }
  }

 private:
  redisContext* context_;
  std::string command_;
};

void evalsha(benchmark::State& state) {
  const Server* at = server(state);
  if (at == nullptr) return;
  Bare bare(*at);
  while (state.KeepRunningBatch(kDeep)) bare.ask(kDeep);
}

// A connection for each thread.
void evalsha_call(benchmark::State& state) {
  const Server* at = server(state);
  if (at == nullptr) return;
  Bare bare(*at);
  for (auto _ : state) bare.ask(1);
}

BENCHMARK(local)->Name("redis.local")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(leased)->Name("redis.leased")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(exact)->Name("redis.exact")->UseRealTime();
BENCHMARK(call)->Name("redis.call")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(evalsha_call)->Name("redis.evalsha_call")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(evalsha)->Name("redis.evalsha")->UseRealTime();

}  // namespace
