// SPDX-License-Identifier: MIT
// One call of a script on its way to the store and back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "redis/words.h"
#include "seawall/circuit_breaker.h"
#include "seawall/redis/answer.h"
#include "seawall/time.h"

namespace seawall::redis {

// The scripts of a store; their texts, in this order.
enum class Script : std::uint8_t { kLimits = 0, kRegistry = 1 };
using Scripts = std::array<std::string, 2>;

enum class Caller : bool { kGoesOn, kWaits };

// What came of a call: what the script returned, numbers and texts each in their order; or why there is nothing, with
// the server's words as the text where it said any. They last as long as the call of Request::done.
struct CallResult {
  Fault fault = Fault::kNone;
  std::span<const std::int64_t> numbers = {};
  std::span<const std::string_view> texts = {};
};

struct Request {
  Words words;  // of the call, from the number of keys on
  std::uint16_t slot = 0;
  Script script = Script::kLimits;
  // Nobody waits for it: it has StoreOptions::background_deadline, and neither asks nor tells the breaker.
  bool background = false;
  // One who blocks until the deadline or the answer may drive the store's loop meanwhile.
  Caller caller = Caller::kGoesOn;
  std::function<void(const CallResult&)> done;  // called once, then empty

  // The store's part.
  TimePoint deadline{};
  CircuitBreaker* breaker = nullptr;  // null in the background
  std::uint64_t token = 0;
  bool alone = false;    // nothing else was under way when it came
  bool settled = false;  // it is no longer counted, though whom it tells may have no memory for the answer
  int hops = 0;          // redirections followed
  bool whole = false;    // the server has forgotten the script: send its text

  bool finished() const noexcept { return !done; }
};
using RequestPtr = std::shared_ptr<Request>;

}  // namespace seawall::redis
