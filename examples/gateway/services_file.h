// SPDX-License-Identifier: MIT
//
// The file of --services: instances that do not register themselves. It is read again when it has changed; whoever
// writes it should rename a finished one into its place. A file with a mistake is reported and changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "seawall/runtime/service_file.h"
#include "seawall/runtime/source_follower.h"

class ServicesFile {
 public:
  // Throws std::invalid_argument when it cannot be read or is wrong: a gateway should not start with a mistake.
  ServicesFile(seawall::ServiceRegistry& registry, std::string path);

  // Once a second or so, from one thread.
  void tick(seawall::TimePoint now);

 private:
  using Version = std::array<std::int64_t, 7>;  // device, inode, size, and the times of the last changes

  // The file when it is another than last time. Throws std::runtime_error.
  std::optional<std::string> changed();
  std::string reload();  // what went wrong, if anything
  void report(const std::string& trouble);

  const std::string path_;
  std::optional<Version> seen_;
  std::string reported_;
  seawall::FileSource source_;
  seawall::SourceFollower follower_;
};
