// SPDX-License-Identifier: MIT
// Sockets that never block, and addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/redis/store.h"

namespace seawall::redis {

// A socket address, as the system has it.
using Addresses = std::vector<std::string>;

// The addresses of an endpoint. Numeric ones at once; with `names`, names too, which blocks for as long as it takes.
Addresses addresses_of(const Endpoint& endpoint, bool names);

class Socket {
 public:
  Socket() = default;
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const noexcept { return fd_; }
  // Begins to connect; poll for output, then ask error(). False: it cannot.
  bool connect(std::string_view address);
  int error() const;
  // The bytes written or read; 0 when none can be now, empty when the connection is over.
  std::optional<std::size_t> write(std::string_view data);
  std::optional<std::size_t> read(char* data, std::size_t size);
  void close();

 private:
  int fd_ = -1;
};

// What wakes a thread that polls.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  int fd() const noexcept { return fd_; }
  void wake();
  void clear();

 private:
  int fd_;
};

}  // namespace seawall::redis
