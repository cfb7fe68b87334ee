// SPDX-License-Identifier: MIT
#include "redis/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace seawall::redis {

Addresses addresses_of(const Endpoint& endpoint, bool names) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (names ? 0 : AI_NUMERICHOST);
  addrinfo* found = nullptr;
  if (getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found) != 0) return {};
  Addresses addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    addresses.emplace_back(reinterpret_cast<const char*>(each->ai_addr), each->ai_addrlen);
  }
  freeaddrinfo(found);
  return addresses;
}

bool Socket::connect(std::string_view address) {
  close();
  sockaddr_storage to{};
  if (address.size() > sizeof(to)) return false;
  address.copy(reinterpret_cast<char*>(&to), address.size());
  fd_ = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto size = static_cast<socklen_t>(address.size());
  return ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), size) == 0 || errno == EINPROGRESS;
}

int Socket::error() const {
  int error = 0;
  socklen_t size = sizeof(error);
  return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the connection
std::optional<std::size_t> Socket::write(std::string_view data) {
  const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return 0;
  return std::nullopt;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the connection
std::optional<std::size_t> Socket::read(char* data, std::size_t size) {
  const ssize_t n = ::recv(fd_, data, size, 0);
  if (n > 0) return static_cast<std::size_t>(n);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  return std::nullopt;
}

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Waker::Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
Waker::~Waker() { ::close(fd_); }

// NOLINTNEXTLINE(readability-make-member-function-const): it changes what others see
void Waker::wake() {
  const std::uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof(one));
}

// NOLINTNEXTLINE(readability-make-member-function-const): as wake
void Waker::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd_, &count, sizeof(count));
}

}  // namespace seawall::redis
