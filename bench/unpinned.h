// SPDX-License-Identifier: MIT
// While it lives, what its thread starts (threads, processes) may run on all CPUs: main.cc gives each other one CPU.
#pragma once

#include <sched.h>

class Unpinned {
 public:
  Unpinned();
  ~Unpinned();
  Unpinned(const Unpinned&) = delete;
  Unpinned& operator=(const Unpinned&) = delete;

 private:
  cpu_set_t before_{};
};
