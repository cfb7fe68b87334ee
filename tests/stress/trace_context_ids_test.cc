// SPDX-License-Identifier: MIT
// Invariant: no two ids generated in this process are equal, whichever threads made them and however short those
// lived. The first calls of all threads meet in the making of the fork page, so they also race for it.
#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "seawall/trace_context.h"
#include "support/catch.h"

namespace {

using namespace seawall;
using Ids = std::vector<std::pair<TraceId, SpanId>>;

void generate(Ids& out, std::size_t count) {
  auto& ids = IdGenerator::this_thread();
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const TraceContext root = TraceContext::root(ids);
    out.emplace_back(root.trace_id(), root.span_id());
  }
}

}  // namespace

TEST_CASE("ids of many threads are all different") {
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kRounds = 10;
  constexpr std::size_t kIds = 2000;
  std::vector<Ids> made(kThreads * kRounds);
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i)
      threads.emplace_back(generate, std::ref(made[round * kThreads + i]), kIds);
    for (std::thread& thread : threads) thread.join();
  }
  std::vector<TraceId> trace_ids;
  std::vector<SpanId> span_ids;
  for (const Ids& ids : made) {
    for (const auto& [trace_id, span_id] : ids) {
      trace_ids.push_back(trace_id);
      span_ids.push_back(span_id);
    }
  }
  std::sort(trace_ids.begin(), trace_ids.end());
  std::sort(span_ids.begin(), span_ids.end());
  CHECK(trace_ids.size() == kThreads * kRounds * kIds);
  CHECK(std::adjacent_find(trace_ids.begin(), trace_ids.end()) == trace_ids.end());
  CHECK(std::adjacent_find(span_ids.begin(), span_ids.end()) == span_ids.end());
}
