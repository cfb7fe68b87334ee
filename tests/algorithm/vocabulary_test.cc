// SPDX-License-Identifier: MIT
#include <limits>

#include "seawall/decision.h"
#include "seawall/detail/saturating.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::Quota;

static_assert(Quota::make(10, 1s).value().burst() == 10);
static_assert(!Quota::make(0, 1s).ok());
static_assert(seawall::Decision{.retry_after = seawall::Decision::kNever}.never());
static_assert(seawall::detail::saturating_add(std::numeric_limits<std::int64_t>::max(), 1) ==
              std::numeric_limits<std::int64_t>::max());
static_assert(seawall::detail::saturating_sub(std::numeric_limits<std::int64_t>::min(), 1) ==
              std::numeric_limits<std::int64_t>::min());

TEST_CASE("a quota names the argument that is out of range") {
  CHECK(Quota::make(0, 1s).error().message.view() == "permits must be from 1 to 1000000000, not 0");
  CHECK(Quota::make(1, 0s).error().message.view() == "period in ns must be from 1 to 31622400000000000, not 0");
  CHECK(Quota::make(1, 1s, 0).error().message.view() == "burst must be from 1 to 1000000000, not 0");
  CHECK(Quota::make(2, 1ns).error().message.view() == "permits in a period this short must be from 1 to 1, not 2");
}

TEST_CASE("a quota takes the slowest and the fastest rate") {
  CHECK(Quota::make(1, std::chrono::hours(366 * 24)).ok());
  CHECK(Quota::make(1'000'000'000, 1s).ok());
}

TEST_CASE("a message prints every int64 and is cut at its capacity") {
  CHECK(seawall::Message().append(std::numeric_limits<std::int64_t>::min()).view() == "-9223372036854775808");
  CHECK(seawall::Message().append(0).view() == "0");
  const std::string longer(seawall::Message::kCapacity + 10, 'x');
  CHECK(seawall::Message(longer).view().size() == seawall::Message::kCapacity);
  // A name of the user's that is cut must not make the text invalid UTF-8: it ends up in JSON.
  std::string euros;
  for (int i = 0; i < 100; ++i) euros += "\xe2\x82\xac";
  CHECK(seawall::Message(euros).view() == euros.substr(0, seawall::Message::kCapacity / 3 * 3));
  CHECK(seawall::Message::head("a\xc3\xbc", 2) == "a");
  CHECK(seawall::Message::head("a\xc3\xbc", 3) == "a\xc3\xbc");
  CHECK(seawall::Message::head("\x80\x80", 1).empty());
}
