// SPDX-License-Identifier: MIT
//
// SpanExporter: takes finished spans from a Tracer and makes request bodies of them, OTLP/HTTP JSON
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp) for a collector or JSON lines for a file. It does no I/O: the
// host sends what take() gives and says with finish() how that went. So any HTTP client will do, blocking or not.
//
// Exported are spans of sampled traces and of kept ones (runtime/tracer.h), each once. What the ring has overwritten
// before it was taken is counted as lost. By the protocol's rules a batch is sent again, after a growing pause or what
// Retry-After says, when there was no answer or the status is 429, 502, 503 or 504; any other failure, or the fifth
// attempt, drops and counts it.
//
// A forked child does not send what its parent recorded before the fork, which is the parent's to send.
//
// Threads: one at a time. Requests made to deliver spans should not be traced themselves. The Tracer must outlive it.
//
//   seawall::SpanExporter exporter(tracer, seawall::SpanExporterConfig());
//   while (auto body = exporter.take(unix_now)) {                       // every second or so
//     const auto answer = post("/v1/traces", "application/json", *body);
//     exporter.finish(answer.status, answer.retry_after);
//   }
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/tracer.h"
#include "seawall/time.h"

namespace seawall {

enum class SpanFormat : std::int32_t {
  kOtlpJson = 0,
  kJsonLines = 1,  // one object a line: service, name, kind, ids, start, end, status, attributes, events
};

struct SpanExporterOptions {
  SpanFormat format = SpanFormat::kOtlpJson;
  std::int32_t max_batch = 256;                    // spans in one body
  Duration first_pause = std::chrono::seconds(1);  // before a second attempt; doubled for each further one
  Duration longest_pause = std::chrono::seconds(30);
};

class SpanExporterConfig {
 public:
  SpanExporterConfig() = default;
  // Error: kInvalidArgument, naming the option.
  static Result<SpanExporterConfig> make(const SpanExporterOptions& options);
  const SpanExporterOptions& options() const noexcept { return options_; }

 private:
  SpanExporterOptions options_;
};

struct SpanExporterStats {
  std::uint64_t exported = 0;  // spans delivered
  std::uint64_t dropped = 0;   // given up after finish()
  std::uint64_t lost = 0;      // records overwritten before they were taken
  std::uint64_t retries = 0;
};

class SpanExporter {
 public:
  static constexpr int kAttempts = 5;

  SpanExporter(const Tracer& tracer, const SpanExporterConfig& config);

  // The next body to send, valid until finish(); nothing when there are no spans, or it is not yet time to try again.
  // unix_now: the same instant as `now` by the wall clock, in ns since 1970: spans are told in wall time.
  std::optional<std::string_view> take_at(TimePoint now, std::int64_t unix_now_ns);
  std::optional<std::string_view> take(std::int64_t unix_now_ns) { return take_at(Clock::now(), unix_now_ns); }
  // How sending it went: the HTTP status, 0 for none; a file writer says 200 or 0. retry_after: of the answer, 0 if it
  // has none. Without a body that was taken it does nothing.
  void finish_at(int status, TimePoint now, Duration retry_after = Duration(0)) noexcept;
  void finish(int status, Duration retry_after = Duration(0)) noexcept { finish_at(status, Clock::now(), retry_after); }

  const SpanExporterStats& stats() const noexcept { return stats_; }

 private:
  // How far one ring was read.
  struct Cursor {
    std::uint64_t next = 0;
    std::uint64_t hole = UINT64_MAX;  // a record that was pending at the last visit
  };
  static constexpr std::size_t kRemembered = 1024;

  bool forget_the_parents() noexcept;
  void collect();
  std::string render(Duration unix_offset) const;
  template <class Ring, class Wanted>
  void collect_from(const Ring& ring, Cursor& cursor, const Wanted& wanted);
  bool remember(const SpanRecord& record) noexcept;
  void done(std::uint64_t& tally) noexcept;

  const Tracer& tracer_;
  SpanExporterOptions options_;
  std::uint64_t fork_epoch_;  // of the process whose spans are collected
  Cursor recent_, kept_;
  std::array<SpanId, kRemembered> remembered_{};  // kept spans exported lately: the kept ring may hold one twice
  std::vector<SpanRecord> batch_;
  std::string body_;
  int attempts_ = 0;
  bool taken_ = false;
  TimePoint not_before_ = TimePoint::min();
  SpanExporterStats stats_;
};

// The two formats by themselves. unix_offset: wall clock minus Clock, at any instant.
void append_otlp_json(std::string& out, std::span<const SpanRecord> spans, std::string_view service,
                      Duration unix_offset);
void append_json_line(std::string& out, const SpanRecord& span, std::string_view service, Duration unix_offset);

}  // namespace seawall
