// SPDX-License-Identifier: MIT
//
// Sampler: decides whether a trace is recorded.
//
// A decision that came with the request is followed; for the rest a share of all traces is kept, by comparing the trace
// id's 56 random bits with a threshold, so that every service with the same ratio keeps the same traces and the metrics
// made of them can be scaled back (the threshold goes on in the tracestate's `ot` member). A limit on traces for each
// second, a TokenBucket, comes after the ratio and bounds what recording costs; what it thins out cannot be scaled
// back, so it writes no threshold. Debug traces of B3 are always kept and take no permit.
//
// Threads: any, at once; nothing blocks or allocates. Known flaw: a caller's decision is believed here; that callers
// from outside do not decide is TraceTrust::kIds of the Propagator.
//
//   seawall::Sampler sampler(seawall::SamplerConfig::make({.ratio = 0.01, .limit = quota}).value());
//   seawall::SamplerText text;                               // lives as long as incoming.state is used
//   const bool record = sampler.sample_at(now, incoming, text);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "seawall/algorithm/sampling.h"
#include "seawall/quota.h"
#include "seawall/result.h"
#include "seawall/time.h"
#include "seawall/token_bucket.h"
#include "seawall/trace_context.h"

namespace seawall {

struct SamplerOptions {
  double ratio = 1;              // of traces without a decision: 0 keeps none, 1 all
  std::optional<Quota> limit{};  // of traces that are kept by our own decision
  bool follow_parent = true;     // false: decide even where the caller has decided
};

class SamplerConfig {
 public:
  // Error: kInvalidArgument: the ratio is neither 0 nor from 2^-56 to 1, or the limit is none that a TokenBucket takes.
  static constexpr Result<SamplerConfig> make(const SamplerOptions& options) {
    constexpr double kLeast = 1 / static_cast<double>(algorithm::kThresholdEnd);
    if (options.ratio != 0 && !(options.ratio >= kLeast && options.ratio <= 1)) {
      return Error{Code::kInvalidArgument, "ratio must be 0 or from 2^-56 to 1"};
    }
    std::optional<TokenBucketConfig> limit;
    if (options.limit) {
      const auto made = TokenBucketConfig::make(*options.limit);
      if (!made) return made.error();
      limit = made.value();
    }
    return SamplerConfig(algorithm::threshold_of(options.ratio), limit, options.follow_parent);
  }

  constexpr std::uint64_t threshold() const noexcept { return threshold_; }
  constexpr const std::optional<TokenBucketConfig>& limit() const noexcept { return limit_; }
  constexpr bool follow_parent() const noexcept { return follow_parent_; }

 private:
  constexpr SamplerConfig(std::uint64_t threshold, const std::optional<TokenBucketConfig>& limit, bool follow_parent)
      : threshold_(threshold), limit_(limit), follow_parent_(follow_parent) {}
  std::uint64_t threshold_;
  std::optional<TokenBucketConfig> limit_;
  bool follow_parent_;
};

// Where sample() writes the member `ot` that it changes.
using SamplerText = std::array<char, algorithm::kOtelMaxSize>;

class Sampler {
 public:
  explicit Sampler(const SamplerConfig& config, TimePoint epoch = Clock::now()) noexcept
      : threshold_(config.threshold()), follow_parent_(config.follow_parent()) {
    if (config.limit()) limit_.emplace(*config.limit(), epoch);
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Whether the trace is recorded; writes that into `incoming`: the sampled flag, and the threshold in its tracestate
  // (which may then view `text`). Use the context's child() for what goes out.
  bool sample_at(TimePoint now, Extracted& incoming, SamplerText& text) noexcept {
    if (incoming.context.debug()) return true;
    if (incoming.decided && follow_parent_) return incoming.context.sampled();
    const std::string_view value = incoming.state.get("ot").value_or("");
    const auto otel = algorithm::parse_otel(value);
    const std::uint64_t bits = otel.random_value.value_or(algorithm::random_bits(incoming.context.trace_id()));
    const bool keep = bits >= threshold_ && (!limit_ || limit_->try_acquire_at(now).allowed);
    incoming.context = incoming.context.with_sampled(keep);
    write_threshold(keep && !limit_ ? std::optional(threshold_) : std::nullopt, otel, value, incoming.state, text);
    return keep;
  }
  bool sample(Extracted& incoming, SamplerText& text) noexcept { return sample_at(Clock::now(), incoming, text); }

 private:
  static void write_threshold(std::optional<std::uint64_t> threshold, const algorithm::OtelState& otel,
                              std::string_view value, TraceState& state, SamplerText& text) noexcept {
    if (threshold == otel.threshold && (threshold || value.find("th:") == value.npos)) return;
    const std::string_view changed = algorithm::format_otel(value, threshold, text);
    if (changed.empty()) {
      state.remove("ot");
    } else {
      (void)state.set("ot", changed).ok();  // a text that was valid, with hex digits added or fields left out
    }
  }

  std::uint64_t threshold_;
  bool follow_parent_;
  std::optional<TokenBucket> limit_;
};

}  // namespace seawall
