// SPDX-License-Identifier: MIT
//
// A counter and a kernel's clock that a test moves: the Source of a BasicFastClock.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "seawall/fast_clock.h"

namespace seawall::testing {

// One machine: `ticks` of its counter and `ns` of its CLOCK_MONOTONIC have passed. Not for several threads.
struct Machine {
  std::uint64_t hertz = 1'000'000'000;
  std::int64_t parts_per_million = 0;  // by how much the kernel runs its clock faster than the counter suggests
  double ticks = 1e12;
  double ns = 5e12;
  bool usable = true;
  std::int64_t ns_per_reading = 20;   // of the counter and of the clock alike
  std::int64_t interrupted_once = 0;  // the next reading of the kernel's clock takes so much longer
  std::uint64_t ticks_ahead = 0;      // by which the processor works ahead, where it is not told to wait
  std::int64_t kernel_readings = 0;
  std::function<void()> while_stopped;  // once, after the next reading of the kernel's clock: what others do meanwhile

  void pass(std::int64_t real_ns) {
    ticks += static_cast<double>(real_ns) * static_cast<double>(hertz) / 1e9;
    ns += static_cast<double>(real_ns) * (1.0 + static_cast<double>(parts_per_million) / 1e6);
  }
};

class MachineCounter {
 public:
  MachineCounter(Machine* machine = nullptr) : machine_(machine) {}  // NOLINT: a test writes &machine

  std::uint64_t ticks() const {
    machine_->pass(machine_->ns_per_reading);
    return static_cast<std::uint64_t>(machine_->ticks);
  }
  // Done `ticks_ahead` before its turn.
  std::uint64_t relaxed_ticks() const { return ticks() - machine_->ticks_ahead; }
  std::int64_t monotonic_ns() const {
    ++machine_->kernel_readings;
    machine_->pass(machine_->ns_per_reading);
    const auto read = static_cast<std::int64_t>(machine_->ns);
    machine_->pass(machine_->interrupted_once);
    machine_->interrupted_once = 0;
    if (machine_->while_stopped) std::exchange(machine_->while_stopped, nullptr)();
    return read;
  }
  bool usable(CounterTrust trust) const { return machine_->usable && trust != CounterTrust::kNever; }

 private:
  Machine* machine_;
};

}  // namespace seawall::testing
