// SPDX-License-Identifier: MIT
#include "gateway/services_file.h"

#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

ServicesFile::ServicesFile(std::string path) : path_(std::move(path)) {
  if (const std::string trouble = reload(); !trouble.empty()) {
    throw std::invalid_argument("--services: " + path_ + ": " + trouble);
  }
}

void ServicesFile::tick() { report(reload()); }

std::optional<std::string> ServicesFile::changed() {
  const File file(path_);
  const auto version = file.version();
  if (seen_ == version) return std::nullopt;
  std::string text = file.read(seawall::FileSource::kMaxBytes);
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
