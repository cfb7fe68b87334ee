// SPDX-License-Identifier: MIT
#include "common/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace {

template <class Result>
Result checked(Result result) {
  if (result < 0) throw std::system_error(errno, std::generic_category());
  return result;
}

// Until there is something to read; throws when that is not before `deadline`.
void await_input(int fd, std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) throw std::system_error(std::make_error_code(std::errc::timed_out));
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) checked(ready);
  }
}

}  // namespace

// Not blocking: an open for reading would wait for a writer when somebody has put a named pipe there.
File::File(const std::string& path) : fd_(checked(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))) {}
File::~File() { close(fd_); }

File::Version File::version() const {
  struct stat s {};
  checked(fstat(fd_, &s));
  return {static_cast<std::int64_t>(s.st_dev),
          static_cast<std::int64_t>(s.st_ino),
          s.st_size,
          s.st_mtim.tv_sec,
          s.st_mtim.tv_nsec,
          s.st_ctim.tv_sec,
          s.st_ctim.tv_nsec};
}

std::string File::read(std::size_t most, std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t size = ::read(fd_, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) {
      await_input(fd_, deadline);
      continue;
    }
    if (checked(size) == 0 || text.size() > most) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}
