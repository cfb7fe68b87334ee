// SPDX-License-Identifier: MIT
// One script call on its way to the store and back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "redis/words.h"
#include "seawall/circuit_breaker.h"
#include "seawall/redis/answer.h"
#include "seawall/time.h"

namespace seawall::redis {

// What came of a call: the numbers that the script returned, or why there are none.
struct CallResult {
  Fault fault = Fault::kNone;
  std::vector<std::int64_t> numbers;
};

struct Request {
  Words words;  // of the call, from the number of keys on
  std::uint16_t slot = 0;
  std::function<void(const CallResult&)> done;  // called once, then empty

  // The store's part.
  TimePoint deadline{};
  CircuitBreaker* breaker = nullptr;
  std::uint64_t token = 0;
  int hops = 0;        // redirections followed
  bool whole = false;  // the server has forgotten the script: send its text

  bool finished() const noexcept { return !done; }
};
using RequestPtr = std::shared_ptr<Request>;

}  // namespace seawall::redis
