// SPDX-License-Identifier: MIT
//
// The file of --services: instances that do not register themselves. It is read again when it has changed; whoever
// writes it should rename a finished one into its place. A file with a mistake is reported and changes nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/file.h"
#include "seawall/runtime/service_file.h"

class ServicesFile {
 public:
  // Throws std::invalid_argument when it cannot be read or is wrong: a gateway should not start with a mistake.
  explicit ServicesFile(std::string path);

  // Several times a second, from one thread.
  void tick();
  seawall::ServiceSource& source() noexcept { return source_; }

 private:
  // The file when it is another than last time. Throws std::runtime_error.
  std::optional<std::string> changed(std::chrono::milliseconds patience);
  std::string reload(std::chrono::milliseconds patience);  // what went wrong, if anything
  void report(const std::string& trouble);

  const std::string path_;
  std::optional<File::Version> seen_;
  std::string reported_;
  seawall::FileSource source_;
};
