// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdio>
#include <stdexcept>

#include "http/server.h"
#include "http/wire.h"

namespace http {

void Server::spawn(Loop& loop, std::function<Task<>()> work) {
  // The function object lives in the outer coroutine: a lambda's captures must outlast the coroutine it starts.
  const auto run = [](std::function<Task<>()> task) -> Task<> {
    try {
      co_await task();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: background work ended: %s\n", error.what());
    }
  };
  asio::co_spawn(loop.context, run(std::move(work)), asio::detached);
}

Task<bool> pause(Loop& loop, std::chrono::nanoseconds duration) {
  Timer timer(loop.context.get_executor());
  timer.expires_after(duration);
  ErrorCode error;
  co_await timer.async_wait(into(error));
  co_return !error;
}

std::size_t raise_open_file_limit() noexcept {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace http
