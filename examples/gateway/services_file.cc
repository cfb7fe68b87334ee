// SPDX-License-Identifier: MIT
#include "gateway/services_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace {

// Open while it lives.
struct File {
  explicit File(const std::string& path) : fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd < 0) throw std::system_error(errno, std::generic_category());
  }
  ~File() { close(fd); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

std::string read_all(const File& file) {
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t size = read(file.fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw std::system_error(errno, std::generic_category());
    if (size == 0 || text.size() > seawall::FileSource::kMaxBytes) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

}  // namespace

ServicesFile::ServicesFile(seawall::ServiceRegistry& registry, std::string path)
    : path_(std::move(path)), follower_(registry) {
  follower_.add(source_, {.name = path_});
  if (const std::string trouble = reload(); !trouble.empty()) {
    throw std::invalid_argument("--services: " + path_ + ": " + trouble);
  }
  follower_.tick();
}

void ServicesFile::tick(seawall::TimePoint now) {
  report(reload());
  follower_.tick_at(now);
}

std::optional<std::string> ServicesFile::changed() {
  const File file(path_);
  struct stat s {};
  if (fstat(file.fd, &s) != 0) throw std::system_error(errno, std::generic_category());
  const Version version = {static_cast<std::int64_t>(s.st_dev),
                           static_cast<std::int64_t>(s.st_ino),
                           s.st_size,
                           s.st_mtim.tv_sec,
                           s.st_mtim.tv_nsec,
                           s.st_ctim.tv_sec,
                           s.st_ctim.tv_nsec};
  if (seen_ == version) return std::nullopt;
  std::string text = read_all(file);
  seen_ = version;
  return text;
}

std::string ServicesFile::reload() {
  try {
    const auto text = changed();
    if (!text) return reported_;
    const auto loaded = source_.load(*text);
    return loaded ? "" : std::string(loaded.error().message.view());
  } catch (const std::system_error& error) {
    seen_.reset();
    std::string trouble = error.code().message();
    if (trouble != reported_) source_.fail(std::string_view(trouble));
    return trouble;
  }
}

// Once for each trouble.
void ServicesFile::report(const std::string& trouble) {
  if (trouble != reported_ && !trouble.empty()) {
    std::fprintf(stderr, "%s: %s\n", path_.c_str(), trouble.c_str());
  }
  reported_ = trouble;
}
