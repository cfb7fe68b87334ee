// SPDX-License-Identifier: MIT
#include "membarrier.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#if defined(__linux__) && __has_include(<linux/membarrier.h>)
#include <linux/membarrier.h>
#endif

namespace seawall::detail {

std::uint32_t possible_cpus() noexcept {
  constexpr long kMost = 4096;
  return static_cast<std::uint32_t>(std::clamp(sysconf(_SC_NPROCESSORS_CONF), 1L, kMost));
}

#if defined(SYS_membarrier) && defined(MEMBARRIER_CMD_FLAG_CPU)

bool can_restart_all() noexcept {
  return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0;
}

bool restart_all() noexcept {
  const auto restart = [] { return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0; };
  return restart() || (can_restart_all() && restart());
}

#else

bool can_restart_all() noexcept { return false; }
bool restart_all() noexcept { return false; }

#endif

}  // namespace seawall::detail
