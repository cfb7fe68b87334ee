// SPDX-License-Identifier: MIT
#include "common/file.h"

#include <fcntl.h>
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

}  // namespace

File::File(const std::string& path) : fd_(checked(open(path.c_str(), O_RDONLY | O_CLOEXEC))) {}
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

std::string File::read(std::size_t most) const {
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t size = ::read(fd_, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (checked(size) == 0 || text.size() > most) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}
