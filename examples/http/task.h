// SPDX-License-Identifier: MIT
//
// Task<T>: a coroutine that runs on one event loop, and the few parts of Asio that handlers may use.
//
// Sockets, timers and coroutines name the concrete executor: the type-erased default costs a virtual call for each
// step.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace http {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
using SteadyTime = std::chrono::steady_clock::time_point;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task{};

template <class T = void>
using Task = asio::awaitable<T, Executor>;

}  // namespace http
