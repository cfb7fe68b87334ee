// SPDX-License-Identifier: MIT
//
// What the examples in the public headers take for granted: the reader's own functions and objects. Never linked.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/seawall.h"
#include "seawall/testing/manual_clock.h"

using namespace std::chrono_literals;
using seawall::Outcome;

#define EXPECT(condition) static_cast<void>(condition)

// Functions of the reader.
int refuse(const auto&...);
int too_many_requests(const auto&...);
int try_another_host(const auto&...);
int report(const auto&...);
bool call();
bool send(const auto&...);
void serve();
void use(const auto&...);
void respond(const auto&...);
void log(const auto&...);
void show(const auto&...);
void print(const auto&...);
void probe(const auto&...);
void connect(const auto&...);
void close(const auto&...);
void every_second(const std::function<void()>&);
bool same_name(std::string_view, std::string_view);
struct Reply {
  int status;
  seawall::Duration retry_after;
  mutable std::map<std::string, std::string> json;
};
Reply fetch(const auto&);
Reply get(const auto&...);
Reply post(const auto&...);

// Objects of the reader.
extern const seawall::TimePoint now, full_hour;
extern const std::int64_t unix_now, unix_ms;
extern const std::uint64_t my_host_hash;
extern const seawall::Quota quota;
extern const std::string url, user_id, text, body, body_of_the_scrape_before, header, traceparent, tracestate;
extern const std::array<std::string_view, 3> kNames;
extern const std::array<seawall::LimiterKey, 1> keys;
extern const std::vector<std::string_view> fields;
extern std::span<std::byte> memory;

struct Message {
  std::map<std::string, std::string> headers;
  void set(std::string_view, std::string_view);
  void set_or_remove(std::string_view, std::string_view);
};
extern Message request, response, upstream, outgoing;

// Parts that another header makes.
extern seawall::MetricsRegistry metrics;
extern seawall::ServiceRegistry registry;
extern seawall::ServiceReader reader;
extern seawall::SourceFollower follower;
extern seawall::CircuitBreaker breaker;
extern seawall::TokenBucket bucket, limiter;
extern seawall::SlidingWindow service, everything;
extern seawall::KeyedRateLimiter<seawall::SlidingWindow> users;
extern seawall::Histogram latency;
extern seawall::Family<seawall::Counter> requests;
extern seawall::TraceContext context;
extern seawall::Extracted incoming;
extern seawall::IdGenerator& ids;
extern seawall::Tracer tracer;
extern seawall::Span span;
extern seawall::SpanRecord record;
extern seawall::Decision decision;
extern seawall::SetDecision<3> answer;
extern seawall::Propagator propagator;
void carrier(std::string_view, seawall::HeaderFields&);
