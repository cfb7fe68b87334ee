// SPDX-License-Identifier: MIT
//
// The kernel's part of per-CPU recording: how many CPUs there may be, and restarting every restartable sequence that
// runs in this process (membarrier, Linux 5.10).
#pragma once

#include <cstdint>

namespace seawall::detail {

// The kernel gives no CPU a number that is not below this one. 0: not known.
std::uint32_t possible_cpus() noexcept;

// Asks the kernel for restart_all(); again after a fork. False: it cannot.
bool can_restart_all() noexcept;

// When this returns true, every restartable sequence of this process has ended or begun anew after the call.
bool restart_all() noexcept;

}  // namespace seawall::detail
