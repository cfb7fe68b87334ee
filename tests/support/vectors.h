// SPDX-License-Identifier: MIT
//
// Test vectors: the tables in tests/vectors that C++, C (capi/vectors.h) and Python all run.
//
//   # a comment
//   case burst_then_refuse permits=10 period_ns=1000000000
//   0          try_acquire n=10   -> allowed=1 remaining=0
//   99999999   try_acquire n=1    -> allowed=0 retry_after_ns=1
//
// A line under a `case` is: instant in ns, verb, arguments, `->`, expected values. Values are bare words, or in double
// quotes with \" \\ \n \t \xHH escapes. Only the expected values that are named are compared.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/decision.h"

namespace seawall::testing {

using Fields = std::map<std::string, std::string, std::less<>>;

struct VectorStep {
  int line = 0;
  std::int64_t now_ns = 0;
  std::string verb;
  Fields arguments;
  Fields expected;
};

struct VectorCase {
  std::string name;
  Fields options;
  std::vector<VectorStep> steps;
};

// All cases of tests/vectors/FILE. Throws std::runtime_error that names file and line when the text is not as above.
std::vector<VectorCase> load_vectors(std::string_view file);

// fields[name] as text, or fallback; the integer form throws when the text is no int64.
std::string text_field(const Fields& fields, std::string_view name, std::string_view fallback = "");
std::int64_t int_field(const Fields& fields, std::string_view name, std::int64_t fallback = 0);

// One line for each expected value that differs from `actual` or is missing there; empty when all agree. Use it as
// `CHECK(mismatches(step, actual) == "")`.
std::string mismatches(const VectorStep& step, const Fields& actual);

// The fields of an answer, as the tables of the limiters name them.
Fields shown(const Decision& decision);
Fields shown(const Reservation& reservation);
Fields shown(const Settlement& settlement);

}  // namespace seawall::testing
