// SPDX-License-Identifier: MIT
//
// Files that operators change while a program runs.
#pragma once

#include <array>
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
  // All of it; of a file with more than `most` bytes somewhat more than `most`.
  std::string read(std::size_t most) const;

 private:
  const int fd_;
};
