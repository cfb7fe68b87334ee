// SPDX-License-Identifier: MIT
//
// The handle of a clock, which the calls that read one themselves borrow.
#pragma once

#include <memory>

#include "internal.h"
#include "seawall/fast_clock.h"

// By pointer, as every object that is aligned to a cache line.
struct seawall_clock : seawall::capi::Handle<0x436c6f63> {  // "Cloc"
  explicit seawall_clock(seawall::CounterTrust trust) : rep(std::make_unique<seawall::FastClock>(trust)) {}
  std::unique_ptr<seawall::FastClock> rep;
};
