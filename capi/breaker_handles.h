// SPDX-License-Identifier: MIT
//
// The handles of the breakers, which other parts borrow. By pointer: a breaker is aligned to a cache line, and a handle
// of another type, which valid() must be able to look at, is not.
#pragma once

#include <memory>
#include <utility>

#include "internal.h"
#include "placed.h"
#include "seawall/circuit_breaker.h"
#include "seawall/keyed_circuit_breaker.h"

struct seawall_circuit_breaker : seawall::capi::Handle<0x42726b72> {  // "Brkr"
  using Rep = seawall::CircuitBreaker;
  seawall_circuit_breaker(const seawall::CircuitBreakerConfig& config, seawall::TimePoint epoch)
      : rep(std::make_unique<Rep>(config, epoch).release()) {}
  explicit seawall_circuit_breaker(Rep* placed) noexcept : rep(placed, {.owns = false}) {}
  seawall::capi::OwnedOrPlaced<Rep> rep;
};

struct seawall_keyed_circuit_breaker : seawall::capi::Handle<0x4b42726b> {  // "KBrk"
  explicit seawall_keyed_circuit_breaker(seawall::KeyedCircuitBreaker&& made) : rep(std::move(made)) {}
  seawall::KeyedCircuitBreaker rep;
};
