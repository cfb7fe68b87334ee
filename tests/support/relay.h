// SPDX-License-Identifier: MIT
// A port of the loopback interface behind which a server's port is, with a slow line for what the server says, or one
// that is held.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "seawall/detail/mutex.h"

namespace seawall::testing {

class Relay {
 public:
  explicit Relay(std::uint16_t server) : server_(server), fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    bind(fd_, reinterpret_cast<const sockaddr*>(&address), size);
    listen(fd_, 64);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      while (!done_) turn();
    });
  }
  ~Relay() {
    done_ = true;
    thread_.join();
    for (const auto& [client, server] : pairs_) {
      close(client);
      close(server);
    }
    close(fd_);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::uint16_t port() const { return port_; }
  // Of what the server says to each client, so many bytes pass in 20 ms.
  void slow(std::size_t bytes) { bytes_ = bytes; }
  void hold() { bytes_ = 0; }
  // All that clients have said.
  std::string said() const {
    const detail::MutexLock lock(mutex_);
    return said_;
  }
  // How often clients have said this.
  int heard(std::string_view word) const {
    const detail::MutexLock lock(mutex_);
    int count = 0;
    for (auto at = said_.find(word); at != std::string::npos; at = said_.find(word, at + 1)) ++count;
    return count;
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  void turn() {
    const std::size_t most = bytes_;
    std::vector<pollfd> polled{{fd_, POLLIN, 0}};
    for (const auto& [client, server] : pairs_) polled.push_back({client, POLLIN, 0});
    if (most >= kMost) {
      for (const auto& [client, server] : pairs_) polled.push_back({server, POLLIN, 0});
    }
    poll(polled.data(), polled.size(), 20);
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      const auto [client, server] = pairs_[i];
      if (pass(client, server, kMost, /*listen=*/true) && pass(server, client, most, /*listen=*/false)) continue;
      close(client);
      close(server);
      pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if ((polled[0].revents & POLLIN) != 0) accept_one();
  }

  void accept_one() {
    const int client = accept(fd_, nullptr, nullptr);
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(server_);
    connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    pairs_.emplace_back(client, server);
  }

  // False: one end has closed.
  bool pass(int from, int to, std::size_t most, bool listen) {
    std::array<char, kMost> buffer;
    if (most == 0) return true;
    const ssize_t n = recv(from, buffer.data(), most, MSG_DONTWAIT);
    if (n <= 0) return n < 0;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(n));
    if (listen) {
      const detail::MutexLock lock(mutex_);
      said_.append(text);
    }
    return send(to, text.data(), text.size(), MSG_NOSIGNAL) == n;
  }

  static constexpr std::size_t kMost = 16384;
  const std::uint16_t server_;
  const int fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> done_{false};
  std::atomic<std::size_t> bytes_{kMost};
  std::vector<std::pair<int, int>> pairs_;  // of the thread
  mutable detail::Mutex mutex_;
  std::string said_ SEAWALL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace seawall::testing
