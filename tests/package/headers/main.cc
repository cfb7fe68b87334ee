// SPDX-License-Identifier: MIT
// The components of core.h at work, linked against nothing.
#include <seawall/core.h>

#include <array>
#include <cstdio>

int main() {
  using namespace std::chrono_literals;
  const auto quota = seawall::Quota::make(10, 1s).value();
  seawall::TokenBucket bucket(seawall::TokenBucketConfig::make(quota).value());
  seawall::SlidingWindow window(seawall::SlidingWindowConfig::make(quota).value());
  seawall::CircuitBreaker breaker;
  const seawall::Counter calls;  // of no registry: records nothing
  auto ticket = breaker.try_acquire();
  calls.add();
  const bool admitted = ticket && bucket.try_acquire().allowed && window.try_acquire().allowed;
  ticket.report(seawall::Outcome::kSuccess);

  std::array<char, seawall::TraceContext::kTextSize> text{};
  const auto trace = seawall::TraceContext::root(seawall::IdGenerator::this_thread());
  const auto parsed = seawall::TraceContext::parse(trace.format(text));
  std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
  return admitted && parsed && calls.value() == 0 ? 0 : 1;
}
