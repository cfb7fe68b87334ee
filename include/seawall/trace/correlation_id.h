// SPDX-License-Identifier: MIT
//
// CorrelationId: the name of one request in logs and answers (X-Correlation-ID, X-Request-ID).
//
// Opaque text of 1 to 128 bytes of A-Z a-z 0-9 . _ -, so it can be echoed into a header, a log line or JSON as it is.
// A caller's id is kept unchanged or not at all, and never decides anything (sampling, routing). It is not the trace
// id: callers choose it, and one may name many traces. Where the caller sent none, use of(context.trace_id()), so that
// one word finds both the logs and the trace.
//
// Plain data of 129 bytes, no allocation; exclusive while written.
//
//   auto id = seawall::CorrelationId::accept_or_generate(header, seawall::IdGenerator::this_thread());
//   response.set("X-Correlation-ID", id.view());
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "seawall/trace/id_generator.h"

namespace seawall {

class CorrelationId {
 public:
  static constexpr std::size_t kMaxSize = 128;

  // The caller's id unchanged; empty when it is too long, empty itself or has another character.
  static constexpr std::optional<CorrelationId> accept(std::string_view text) noexcept {
    if (text.empty() || text.size() > kMaxSize) return std::nullopt;
    bool all_allowed = true;
    for (const char c : text) all_allowed &= kAllowed[static_cast<std::uint8_t>(c)];
    if (!all_allowed) return std::nullopt;
    CorrelationId id;
    std::copy(text.begin(), text.end(), id.text_.begin());
    id.size_ = static_cast<std::uint8_t>(text.size());
    return id;
  }

  // 32 random lower-case hex digits.
  static CorrelationId generate(IdGenerator& ids) noexcept { return of(ids.trace_id()); }
  static CorrelationId accept_or_generate(std::string_view text, IdGenerator& ids) noexcept {
    const auto accepted = accept(text);
    return accepted ? *accepted : generate(ids);
  }

  // The trace id as 32 hex digits.
  static constexpr CorrelationId of(const TraceId& trace_id) noexcept {
    CorrelationId id;
    algorithm::encode_hex(trace_id, id.text_.data());
    id.size_ = 2 * sizeof(TraceId);
    return id;
  }

  constexpr std::string_view view() const noexcept { return {text_.data(), size_}; }
  friend constexpr bool operator==(const CorrelationId& a, const CorrelationId& b) noexcept {
    return a.view() == b.view();
  }

 private:
  constexpr CorrelationId() = default;

  static constexpr auto kAllowed = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")) {
      table[static_cast<std::uint8_t>(c)] = true;
    }
    return table;
  }();

  std::array<char, kMaxSize> text_{};
  std::uint8_t size_ = 0;
};

}  // namespace seawall
