// SPDX-License-Identifier: MIT
//
// Calls to a payment service that breaks down for a while, guarded by a rate limit and a circuit breaker, counted, and
// traced. Every verb has a twin that takes the time, so two seconds of traffic run at once; a server leaves `_at` and
// `now` out.
#include <array>
#include <cstdio>
#include <string_view>

#include "seawall/seawall.h"

using namespace std::chrono_literals;

namespace {

// What the real one would do: a request with this header. It is down from 300 to 900 ms.
bool payment_service(std::string_view /*traceparent*/, seawall::Duration at) { return at < 300ms || at >= 900ms; }

class PaymentClient {
 public:
  PaymentClient(seawall::MetricsRegistry& metrics, seawall::TimePoint start)
      : start_(start),
        limit_(seawall::TokenBucketConfig::make(seawall::Quota::make(10, 1s, 4).value()).value(), start),
        breaker_(seawall::CircuitBreakerConfig::make({.failure_threshold = 3, .open_duration = 500ms}).value(), start),
        calls_(metrics.counter("payment_calls_total", "Calls to the payment service.", {"result"}).value()) {}

  // The name of what happened.
  const char* pay(const seawall::TraceContext& request, seawall::TimePoint now) {
    if (!limit_.try_acquire_at(now).allowed) return count(limited_, "limited");
    auto ticket = breaker_.try_acquire_at(now);
    if (!ticket) return count(refused_, "refused by the breaker");

    std::array<char, seawall::TraceContext::kTextSize> header;
    const auto traceparent = request.child(seawall::IdGenerator::this_thread()).format(header);
    const bool ok = payment_service(traceparent, now - start_);
    ticket.report_at(ok ? seawall::Outcome::kSuccess : seawall::Outcome::kFailure, now);
    return ok ? count(ok_, "ok") : count(failed_, "failed");
  }

  std::string_view breaker_state() const { return seawall::to_string(breaker_.state()); }

 private:
  static const char* count(const seawall::Counter& counter, const char* what) {
    counter.add();
    return what;
  }

  seawall::TimePoint start_;
  seawall::TokenBucket limit_;
  seawall::CircuitBreaker breaker_;
  seawall::Family<seawall::Counter> calls_;
  seawall::Counter ok_ = calls_.with({"ok"});  // resolved once: the hot path sees no names
  seawall::Counter failed_ = calls_.with({"failed"});
  seawall::Counter limited_ = calls_.with({"limited"});
  seawall::Counter refused_ = calls_.with({"refused"});
};

}  // namespace

int main() {
  const seawall::TimePoint start = seawall::Clock::now();
  seawall::MetricsRegistry metrics;
  PaymentClient client(metrics, start);

  // The caller's headers; without them, or with invalid ones, a new trace would start here.
  const auto request = seawall::extract("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "congo=t61rcWkgMzE",
                                        seawall::IdGenerator::this_thread());
  for (seawall::Duration at = 0ms; at < 2s; at += 80ms) {
    const char* result = client.pay(request.context, start + at);
    const std::string_view state = client.breaker_state();
    std::printf("%5d ms  %-24s breaker %.*s\n", static_cast<int>(at / 1ms), result, static_cast<int>(state.size()),
                state.data());
  }
  std::fputs(metrics.to_prometheus().c_str(), stdout);
}
