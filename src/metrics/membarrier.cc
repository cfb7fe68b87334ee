// SPDX-License-Identifier: MIT
#include "metrics/membarrier.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <system_error>

#include "seawall/detail/counter.h"

namespace seawall::detail {

// "0-3" or "0,2-5": the last number counts. Not sysconf, which counts those that are there and guesses where it cannot.
std::uint32_t possible_cpus() noexcept {
  constexpr std::uint32_t kMost = 8192;
  std::array<char, 256> buffer{};
  const std::string_view list = first_line("/sys/devices/system/cpu/possible", buffer);
  const std::size_t last = list.find_last_of(",-") + 1;  // npos + 1 is 0
  std::uint32_t highest = 0;
  const auto [end, code] = std::from_chars(list.data() + last, list.data() + list.size(), highest);
  const bool whole = code == std::errc() && end == list.data() + list.size() && list.size() < buffer.size();
  return whole && highest < kMost ? highest + 1 : 0;
}

#if defined(__linux__) && defined(SYS_membarrier)

namespace {
// As in linux/membarrier.h, whose names are no macros, so that older headers cannot be told by them.
constexpr int kRestart = 1 << 7;   // MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
constexpr int kRegister = 1 << 8;  // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
}  // namespace

bool can_restart_all() noexcept { return syscall(SYS_membarrier, kRegister, 0, 0) == 0; }

bool restart_all() noexcept {
  const auto restart = [] { return syscall(SYS_membarrier, kRestart, 0, 0) == 0; };
  return restart() || (can_restart_all() && restart());
}

#else

bool can_restart_all() noexcept { return false; }
bool restart_all() noexcept { return false; }

#endif

}  // namespace seawall::detail
