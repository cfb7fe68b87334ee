// SPDX-License-Identifier: MIT
#include "membarrier.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace seawall::detail {

std::uint32_t possible_cpus() noexcept {
  constexpr long kMost = 4096;
  return static_cast<std::uint32_t>(std::clamp(sysconf(_SC_NPROCESSORS_CONF), 1L, kMost));
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
