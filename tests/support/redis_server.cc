// SPDX-License-Identifier: MIT
#include "support/redis_server.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

namespace seawall::testing {

namespace {

bool is_free(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool free = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  if (fd >= 0) close(fd);
  return free;
}

// Free now, as is the bus port of a cluster, 10,000 above; both below the ports that the system gives to those who ask
// for any, so that while the server is away nobody gets its port, least of all a store that tries to connect to it.
std::uint16_t free_port() {
  std::random_device random;
  for (int i = 0; i < 1000; ++i) {
    const int port = 10240 + static_cast<int>(random() % 12000);
    if (is_free(port) && is_free(port + 10000)) return static_cast<std::uint16_t>(port);
  }
  throw std::runtime_error("no free port");
}

std::string shown(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      return std::to_string(reply.integer);
    case REDIS_REPLY_NIL:
      return "nil";
    case REDIS_REPLY_ERROR:
      return std::string("-").append(reply.str, static_cast<std::size_t>(reply.len));
    case REDIS_REPLY_ARRAY: {
      std::string list = "[";
      for (std::size_t i = 0; i < reply.elements; ++i) list.append(i == 0 ? "" : ",").append(shown(*reply.element[i]));
      return list.append("]");
    }
    default:
      return std::string(reply.str, static_cast<std::size_t>(reply.len));
  }
}

}  // namespace

struct RedisClient::Context {
  redisContext* context;
};

RedisClient::RedisClient(std::uint16_t port)
    : context_(new Context{redisConnectWithTimeout("127.0.0.1", port, timeval{60, 0})}) {
  if (context_->context != nullptr) redisSetTimeout(context_->context, timeval{60, 0});
}
RedisClient::~RedisClient() {
  if (context_->context != nullptr) redisFree(context_->context);
}

std::string RedisClient::operator()(const std::vector<std::string>& words) {
  if (context_->context == nullptr || context_->context->err != 0) return "-no connection";
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  auto* reply = static_cast<redisReply*>(
      redisCommandArgv(context_->context, static_cast<int>(words.size()), texts.data(), sizes.data()));
  if (reply == nullptr) return "-no answer";
  const std::string text = shown(*reply);
  freeReplyObject(reply);
  return text;
}

RedisServer::RedisServer(RedisOptions options) : options_(std::move(options)) {
  std::string pattern = std::filesystem::temp_directory_path() / "seawall-redis-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for redis-server");
  folder_ = pattern;
  // Somebody may take a port that was free a moment ago.
  for (int tries = 0; !begin(); ++tries) {
    if (tries == 20) throw std::runtime_error("redis-server does not start");
  }
}

RedisServer::~RedisServer() {
  resume();
  kill();
  std::filesystem::remove_all(folder_);
}

void RedisServer::step_clock(std::int64_t seconds) {
  std::ofstream file(std::string(folder_).append("/clock"), std::ios::binary | std::ios::in | std::ios::out);
  file.write(reinterpret_cast<const char*>(&seconds), sizeof(seconds));
}

bool RedisServer::begin() {
  port_ = free_port();
  return run();
}

void RedisServer::start() {
  if (!run()) throw std::runtime_error("redis-server does not start");
}

bool RedisServer::run() {
  if (options_.stepped_clock) std::ofstream(std::string(folder_).append("/clock")) << std::string(8, '\0');
  std::vector<std::string> words{"redis-server",
                                 "--port",
                                 std::to_string(port_),
                                 "--bind",
                                 "127.0.0.1",
                                 "--save",
                                 "",
                                 "--appendonly",
                                 "no",
                                 "--dir",
                                 folder_,
                                 "--logfile",
                                 "log",
                                 "--daemonize",
                                 "no",
                                 "--repl-diskless-sync-delay",
                                 "0"};
  if (options_.cluster) {
    for (const char* word : {"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
                             "--cluster-node-timeout", "60000", "--cluster-require-full-coverage", "no"}) {
      words.emplace_back(word);
    }
  }
  if (options_.replica_of != 0) {
    for (const std::string& word :
         {std::string("--replicaof"), std::string("127.0.0.1"), std::to_string(options_.replica_of)}) {
      words.push_back(word);
    }
  }
  words.insert(words.end(), options_.extra.begin(), options_.extra.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    if (options_.stepped_clock) {
      setenv("LD_PRELOAD", SEAWALL_STEPPED_CLOCK, 1);
      setenv("STEPPED_CLOCK", std::string(folder_).append("/clock").c_str(), 1);
    }
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  bool ended = false;
  const bool up = eventually([&] {
    ended = waitpid(pid_, nullptr, WNOHANG) == pid_;
    return ended || answers();
  });
  if (ended) pid_ = -1;
  return up && !ended;
}

bool RedisServer::answers() const {
  const std::string reply = RedisClient(port_)({"PING"});
  return reply == "PONG" || reply.substr(0, 7) == "-NOAUTH";
}

void RedisServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}
void RedisServer::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGSTOP);
  waitpid(pid_, nullptr, WUNTRACED);  // it may go on for a moment
}
void RedisServer::resume() {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

void short_sleep() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

}  // namespace seawall::testing
