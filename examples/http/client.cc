// SPDX-License-Identifier: MIT
#include "http/client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <vector>

#include "http/deadline.h"
#include "http/wire.h"

namespace http {

namespace beast = boost::beast;
using Parser = beast::http::response_parser<beast::http::string_body>;

namespace {

constexpr std::size_t kIdlePerEndpoint = 128;
constexpr std::chrono::seconds kIdleTimeout{30};  // shorter than any server's, so that we close first
constexpr std::uint64_t kBodyLimit = 16 * 1024 * 1024;
constexpr std::uint32_t kHeaderLimit = 64 * 1024;

// What this client says itself of the connection and the body, which is whole.
bool is_ours(std::string_view name) {
  for (const char* field : {"Host", "Connection", "Content-Length", "Transfer-Encoding", "Expect"}) {
    if (same_name(name, field)) return true;
  }
  return false;
}

std::string request_text(const Request& request, const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  std::string text;
  text.reserve(512 + request.body.size());
  text.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ");
  text.append(ipv6 ? "[" : "").append(endpoint.host).append(ipv6 ? "]" : "").append(":");
  text.append(std::to_string(endpoint.port)).append("\r\n");
  for (const auto& [name, value] : request.headers) {
    if (!is_ours(name)) append_field(text, name, value);
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    append_field(text, "Content-Length", std::to_string(request.body.size()));
  }
  return text.append("\r\n").append(request.body);
}

constexpr bool is_interim(unsigned status) { return status >= 100 && status < 200 && status != 101; }

// False for what no client may be given: no status of an answer, or a body in a coding that nobody asked for.
bool take_head(const Parser& parser, Response& response) {
  const auto& head = parser.get();
  const unsigned status = head.result_int();
  if (status < 200 || status > 599) return false;
  Headers all;
  for (const auto& field : head) all.add(std::string_view(field.name_string()), field.value());
  const std::string* encoding = all.find("Transfer-Encoding");
  if (encoding && (!same_name(*encoding, "chunked") || all.count("Transfer-Encoding") > 1)) return false;
  const HopByHop hops(all);
  response.status = static_cast<int>(status);
  for (const auto& [name, value] : all) {
    if (!hops.contains(name) && !same_name(name, "Content-Length")) response.headers.add(name, value);
  }
  return true;
}

bool is_shortage(const ErrorCode& error) {
  for (const auto code : {boost::system::errc::too_many_files_open, boost::system::errc::too_many_files_open_in_system,
                          boost::system::errc::address_not_available, boost::system::errc::no_buffer_space,
                          boost::system::errc::not_enough_memory}) {
    if (error == code) return true;
  }
  return false;
}

}  // namespace

const char* to_string(CallStatus status) noexcept {
  switch (status) {
    case CallStatus::kAnswered:
      return "answered";
    case CallStatus::kNotSent:
      return "refused";
    case CallStatus::kReset:
      return "reset";
    case CallStatus::kNonsense:
      return "nonsense";
    case CallStatus::kTimeout:
      return "timeout";
    case CallStatus::kAborted:
      return "aborted";
    case CallStatus::kShortage:
      return "no connection left";
  }
  return "unknown";
}

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
 public:
  explicit Impl(Executor executor) : executor_(executor) {}

  Task<CallResult> call(const Endpoint& endpoint, const Request& request, SteadyTime deadline, Peer* peer);
  Task<CallStatus> knock(const Endpoint& endpoint, SteadyTime deadline);

 private:
  struct Connection;
  using ConnectionPtr = std::shared_ptr<Connection>;

  ConnectionPtr take_idle(const Endpoint& endpoint);
  void keep(const Endpoint& endpoint, ConnectionPtr connection);
  void drop_idle(const Endpoint& endpoint, const Connection* connection);
  static Task<ErrorCode> open(Connection& connection, const Endpoint& endpoint);
  Task<CallResult> exchange(Connection& connection, const Endpoint& endpoint, const Request& request);

  Executor executor_;
  std::map<Endpoint, std::vector<ConnectionPtr>> idle_;
};

struct Client::Impl::Connection {
  explicit Connection(Executor executor) : socket(executor), deadline(executor, [this] { expire(); }) {}

  void expire() {
    if (!on_idle_expiry) return close();
    const auto drop = on_idle_expiry;  // which destroys this
    drop();
  }
  void close() {
    ErrorCode ignored;
    socket.close(ignored);
  }

  Socket socket;
  beast::flat_buffer buffer{kHeaderLimit + 64 * 1024};
  std::function<void()> on_idle_expiry;
  bool aborted = false;
  bool reusable = false;
  Deadline deadline;
};

// The newest idle connection that is still open. One that has data waiting is out of step and dropped too.
Client::Impl::ConnectionPtr Client::Impl::take_idle(const Endpoint& endpoint) {
  const auto found = idle_.find(endpoint);
  if (found == idle_.end()) return nullptr;
  ConnectionPtr taken;
  while (!taken && !found->second.empty()) {
    ConnectionPtr last = std::move(found->second.back());
    found->second.pop_back();
    last->on_idle_expiry = nullptr;
    if (look_at(last->socket) == PeerState::kQuiet) taken = std::move(last);
  }
  if (found->second.empty()) idle_.erase(found);
  return taken;
}

void Client::Impl::keep(const Endpoint& endpoint, ConnectionPtr connection) {
  auto& list = idle_[endpoint];
  if (list.size() >= kIdlePerEndpoint) return;
  connection->on_idle_expiry = [weak = weak_from_this(), endpoint, which = connection.get()] {
    if (const auto self = weak.lock()) self->drop_idle(Endpoint(endpoint), which);
  };
  connection->deadline.set(std::chrono::steady_clock::now() + kIdleTimeout);
  list.push_back(std::move(connection));
}

void Client::Impl::drop_idle(const Endpoint& endpoint, const Connection* connection) {
  const auto found = idle_.find(endpoint);
  if (found == idle_.end()) return;
  std::erase_if(found->second, [&](const ConnectionPtr& each) { return each.get() == connection; });
  if (found->second.empty()) idle_.erase(found);
}

// A host that is no address is one that cannot be reached: names are resolved elsewhere.
Task<ErrorCode> Client::Impl::open(Connection& connection, const Endpoint& endpoint) {
  ErrorCode error;
  const auto address = asio::ip::make_address(endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host, error);
  if (!error) co_await connection.socket.async_connect({address, endpoint.port}, into(error));
  co_return error;
}

Task<CallStatus> Client::Impl::knock(const Endpoint& endpoint, SteadyTime deadline) {
  const auto connection = std::make_shared<Connection>(executor_);
  connection->deadline.set(deadline);
  const ErrorCode error = co_await open(*connection, endpoint);
  if (connection->deadline.expired()) co_return CallStatus::kTimeout;
  if (is_shortage(error)) co_return CallStatus::kShortage;
  co_return error ? CallStatus::kNotSent : CallStatus::kAnswered;
}

Task<CallResult> Client::Impl::call(const Endpoint& endpoint, const Request& request, SteadyTime deadline, Peer* peer) {
  ConnectionPtr connection = take_idle(endpoint);
  const bool fresh = !connection;
  if (fresh) connection = std::make_shared<Connection>(executor_);
  connection->deadline.set(deadline);
  if (peer) {
    peer->on_gone([connection] {
      connection->aborted = true;
      connection->close();
    });
  }
  ErrorCode error;
  if (fresh) {
    error = co_await open(*connection, endpoint);
    if (!error) connection->socket.set_option(tcp::no_delay(true), error);
  }
  CallResult result;
  if (is_shortage(error)) result.status = CallStatus::kShortage;
  if (!error) result = co_await exchange(*connection, endpoint, request);
  if (peer) peer->on_gone(nullptr);
  if (connection->aborted) {
    result.status = CallStatus::kAborted;
  } else if (connection->deadline.expired()) {
    result.status = CallStatus::kTimeout;
  } else if (result.status == CallStatus::kAnswered && connection->reusable) {
    keep(endpoint, std::move(connection));
  }
  co_return result;
}

Task<CallResult> Client::Impl::exchange(Connection& connection, const Endpoint& endpoint, const Request& request) {
  CallResult result;
  ErrorCode error;
  const std::string text = request_text(request, endpoint);
  const std::size_t sent = co_await asio::async_write(connection.socket, asio::buffer(text), into(error));
  if (error) {
    result.status = sent == 0 ? CallStatus::kNotSent : CallStatus::kReset;
    co_return result;
  }
  for (;;) {
    Parser parser;
    parser.body_limit(kBodyLimit);
    parser.header_limit(kHeaderLimit);
    parser.skip(request.method == "HEAD");
    co_await beast::http::async_read_header(connection.socket, connection.buffer, parser, into(error));
    if (!error && is_interim(parser.get().result_int())) continue;
    // The header before the body: a trailer is no header.
    if (!error && !take_head(parser, result.response)) {
      result.status = CallStatus::kNonsense;
      co_return result;
    }
    if (!error) co_await beast::http::async_read(connection.socket, connection.buffer, parser, into(error));
    if (error) {
      const bool cut = error == beast::http::error::end_of_stream || error == beast::http::error::partial_message ||
                       error.category() == asio::error::get_system_category();
      result.status = cut ? CallStatus::kReset : CallStatus::kNonsense;
      co_return result;
    }
    connection.reusable = parser.keep_alive() && connection.buffer.size() == 0;
    result.response.body = std::move(parser.get().body());
    result.status = CallStatus::kAnswered;
    co_return result;
  }
}

Client::Client(Executor executor) : impl_(std::make_shared<Impl>(executor)) {}
Client::~Client() = default;

Task<CallResult> Client::call(const Endpoint& endpoint, const Request& request, SteadyTime deadline, Peer* peer) {
  return impl_->call(endpoint, request, deadline, peer);
}

Task<CallStatus> Client::connect(const Endpoint& endpoint, SteadyTime deadline) {
  return impl_->knock(endpoint, deadline);
}

}  // namespace http
