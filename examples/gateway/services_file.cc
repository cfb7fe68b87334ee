// SPDX-License-Identifier: MIT
#include "gateway/services_file.h"

#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

ServicesFile::ServicesFile(std::string path) : path_(std::move(path)) {
  if (const std::string trouble = reload(std::chrono::seconds(2)); !trouble.empty()) {
    throw std::invalid_argument("--services: " + path_ + ": " + trouble);
  }
}

// Requests are served on this thread: it waits for no pipe.
void ServicesFile::tick() { report(reload(std::chrono::milliseconds(0))); }

std::optional<std::string> ServicesFile::changed(std::chrono::milliseconds patience) {
  const File file(path_);
  const auto version = file.version();
  if (seen_ == version) return std::nullopt;
  std::string text = file.read(seawall::FileSource::kMaxBytes, patience);
  seen_ = version;
  return text;
}

std::string ServicesFile::reload(std::chrono::milliseconds patience) {
  try {
    const auto text = changed(patience);
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
