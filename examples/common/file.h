// SPDX-License-Identifier: MIT
//
// Files that operators change while a program runs.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

// A file that is open for reading while this lives. Everything throws std::system_error.
class File {
 public:
  using Version = std::array<std::int64_t, 7>;  // device, inode, size, and the times of the last changes

  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Version version() const;
  // All of it; of a file with more than `most` bytes somewhat more than `most`. For a pipe whose writer has not closed
  // it, it waits as long as `patience` in all.
  std::string read(std::size_t most, std::chrono::milliseconds patience) const;

 private:
  const int fd_;
};
