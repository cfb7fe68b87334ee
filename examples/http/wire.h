// SPDX-License-Identifier: MIT
//
// What server.cc and client.cc share: socket types, addresses, the text form of a message.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <string>

#include "http/message.h"
#include "http/task.h"

namespace http {

using boost::asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using ErrorCode = boost::system::error_code;

inline auto into(ErrorCode& error) { return asio::redirect_error(use_task, error); }

// An IP address, or "localhost"; throws std::invalid_argument for names, which nothing here resolves.
asio::ip::address to_address(const std::string& host);

// The other side closed the connection, or reset it, or sent bytes nobody asked for: looks without taking.
enum class PeerState { kQuiet, kHasData, kClosed };
PeerState look_at(Socket& socket) noexcept;

inline void append_field(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

// Adds Date unless it is there, Content-Length and Connection.
std::string response_text(const Response& response, bool head, bool keep_alive);

}  // namespace http
