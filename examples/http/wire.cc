// SPDX-License-Identifier: MIT
#include "http/wire.h"

#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <stdexcept>

#include "http/server.h"

namespace http {

namespace {

// The value of Date (RFC 9110, 6.6.1), made once a second on each thread.
const std::string& date() {
  static thread_local std::time_t made = 0;
  static thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[40];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    made = now;
  }
  return text;
}

}  // namespace

std::string response_text(const Response& response, bool head, bool keep_alive) {
  const bool bodiless = response.status == 204 || response.status == 304;
  std::string text;
  text.reserve(512 + response.body.size());
  text.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  text.append(reason_phrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers) append_field(text, name, value);
  if (!response.headers.find("Date")) append_field(text, "Date", date());
  if (!bodiless) append_field(text, "Content-Length", std::to_string(response.body.size()));
  append_field(text, "Connection", keep_alive ? "keep-alive" : "close");
  text.append("\r\n");
  if (!head && !bodiless) text.append(response.body);
  return text;
}

asio::ip::address to_address(const std::string& host) {
  ErrorCode error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) throw std::invalid_argument("'" + host + "' is not an IP address");
  return address;
}

PeerState look_at(Socket& socket) noexcept {
  char byte;
  const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return PeerState::kHasData;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return PeerState::kQuiet;
  return PeerState::kClosed;
}

void check_host(const std::string& host) { static_cast<void>(to_address(host)); }

Endpoint parse_endpoint(std::string_view url) {
  const std::string given(url);
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with(kScheme)) url.remove_prefix(kScheme.size());
  while (url.ends_with('/')) url.remove_suffix(1);
  const std::size_t colon = url.rfind(':');
  unsigned port = 0;
  if (colon != std::string_view::npos) {
    const char* end = url.data() + url.size();
    const auto [at, failed] = std::from_chars(url.data() + colon + 1, end, port);
    if (failed != std::errc() || at != end) port = 0;
  }
  if (port < 1 || port > 65535) throw std::invalid_argument("'" + given + "' is not HOST:PORT or http://HOST:PORT");
  Endpoint endpoint{std::string(url.substr(0, colon)), static_cast<std::uint16_t>(port)};
  if (endpoint.host.starts_with('[') && endpoint.host.ends_with(']')) {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  }
  static_cast<void>(to_address(endpoint.host));
  return endpoint;
}

}  // namespace http
