// SPDX-License-Identifier: MIT
//
// The order in which a request passes the gates of a pipeline, and what is given back. A template, so that the tests
// can run it over gates that write down what is done to them, or whose words the interleaving explorer holds.
//
// First every gate is asked whether it would let the request through, which writes nothing; then each takes, in the
// same order, and the breaker last: nothing behind it can refuse any more and waste its probe. What is lost to another
// caller between the two is answered as a refusal, after all that was taken before it is given back. The first limit
// need not be asked twice: its own refusal writes nothing, and nothing was taken before it. But a gate behind the
// limits that refuses must ask it, since the limits answer first.
#pragma once

#include <cstdint>

namespace seawall {

// Which gate a call did not pass. Numbers are those of the C API.
enum class Gate : std::int32_t {
  kNone = 0,      // admitted
  kInFlight = 1,  // too many calls are out
  kLimits = 2,
  kBreaker = 3,
  kInstance = 4,  // no healthy instance, or the breakers of all of them refuse
  kRequest = 5,   // has no key for a limit with keys, or failed its own check: then the limits stay charged
};

namespace algorithm {

template <class Gates>
Gate pass(Gates& gates) noexcept {
  const auto behind_limits = [&](Gate gate) noexcept { return gates.first_limit_would_allow() ? gate : Gate::kLimits; };

  if (!gates.other_limits_would_allow()) {
    gates.first_limit_would_allow();  // for the answer: the longest wait of those that refuse
    return Gate::kLimits;
  }
  if (gates.has_check()) {
    if (!gates.first_limit_would_allow()) return Gate::kLimits;
    if (!gates.request_is_good()) return gates.charge_limits() ? Gate::kRequest : Gate::kLimits;
  }
  if (!gates.breaker_would_admit()) return behind_limits(Gate::kBreaker);
  if (!gates.has_instances()) return behind_limits(Gate::kInstance);

  if (!gates.charge_limits()) return Gate::kLimits;
  if (!gates.take_instance()) {
    gates.refund_limits();
    return Gate::kInstance;
  }
  if (!gates.take_breaker()) {
    gates.drop_instance();
    gates.refund_limits();
    return Gate::kBreaker;
  }
  return Gate::kNone;
}

}  // namespace algorithm
}  // namespace seawall
