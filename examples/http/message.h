// SPDX-License-Identifier: MIT
//
// HTTP messages as plain structs: what handlers and the upstream client exchange. No Beast here.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

// Compares header names and tokens: ASCII letters without regard to case.
bool same_name(std::string_view a, std::string_view b) noexcept;
// The same as an order.
struct NameLess {
  bool operator()(std::string_view a, std::string_view b) const noexcept;
};

// Whether `text` says a host and perhaps a port, as Host does (RFC 3986, 3.2; no user, and not checked for its sense).
bool is_authority(std::string_view text) noexcept;

// Header fields in the order of the message. Names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  void add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }
  void set(std::string_view name, std::string_view value);  // replaces every field of that name
  void remove(std::string_view name);
  const std::string* find(std::string_view name) const noexcept;  // the first of that name, or null
  std::string_view get(std::string_view name) const noexcept;     // its value, or an empty text
  std::size_t count(std::string_view name) const noexcept;

  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }
  void clear() noexcept { fields_.clear(); }

 private:
  std::vector<Field> fields_;
};

// Which fields of a message belong to one connection only and must not be passed on (RFC 9110, 7.6.1): those that
// always do, and those that its Connection fields name. Points into the headers.
class HopByHop {
 public:
  explicit HopByHop(const Headers& headers);
  bool contains(std::string_view name) const noexcept;

 private:
  std::set<std::string_view, NameLess> named_;
};

// The other end of the connection that a request came in on.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual const std::string& address() const noexcept = 0;
  virtual bool loopback() const noexcept = 0;
  // Calls `action` once, on this connection's thread, if the client goes away before the next call of on_gone.
  // An empty action stops the watch. A client that already sent its next request is not watched.
  virtual void on_gone(std::function<void()> action) = 0;
};

struct Request {
  std::string method;
  unsigned version = 11;  // 10 of HTTP/1.0
  std::string target;     // origin form, "/path?query", or "*"
  Headers headers;
  std::string body;
  Peer* peer = nullptr;

  std::string_view path() const noexcept { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const noexcept;
  // The raw value of a query parameter, percent escapes left as they are; nothing when it is missing.
  std::optional<std::string_view> parameter(std::string_view name) const noexcept;
};

struct Response {
  int status = 200;
  Headers headers;  // without Content-Length and Connection, which the server adds
  std::string body;
  bool close = false;  // close the connection after this response

  static Response json(int status, std::string body);
};

// What a gateway adds to the Via fields of a request that it passes on (RFC 9110, 7.6.3).
std::string_view via(const Request& received) noexcept;

std::string_view reason_phrase(int status) noexcept;

}  // namespace http
