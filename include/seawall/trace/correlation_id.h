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
    if (text.empty() || fault_of(text) != TraceFault::kNone) return std::nullopt;
    CorrelationId id;
    std::copy(text.begin(), text.end(), id.text_.begin());
    id.size_ = static_cast<std::uint8_t>(text.size());
    return id;
  }

  // Which rule a text breaks; an empty one, which is no id either, breaks none.
  static constexpr TraceFault fault_of(std::string_view text) noexcept {
    if (text.size() > kMaxSize) return TraceFault::kCorrelationLength;
    bool all_allowed = true;
    for (const char c : text) all_allowed &= kAllowed[static_cast<std::uint8_t>(c)];
    return all_allowed ? TraceFault::kNone : TraceFault::kCorrelationCharacter;
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

  // The trace id that this id spells: 32 hex digits or a UUID, in either case. For roots of callers that are trusted to
  // choose trace ids: TraceContext::root_of(id.trace_id()->id, flags, ids).
  struct Spelled {
    TraceId id{};
    bool random = false;  // a UUID of version 4 or 7, whose last 7 bytes are random: kTraceRandom may be set
  };
  constexpr std::optional<Spelled> trace_id() const noexcept {
    const bool uuid = size_ == 36;
    if (!uuid && size_ != 2 * sizeof(TraceId)) return std::nullopt;
    Spelled spelled;
    std::size_t nibbles = 0;
    for (std::size_t at = 0; at < size_; ++at) {
      const char c = text_[at];
      if (uuid && (at == 8 || at == 13 || at == 18 || at == 23)) {
        if (c != '-') return std::nullopt;
        continue;
      }
      const std::uint8_t digit = detail::hex_value(c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c);
      if (digit > 15) return std::nullopt;
      std::uint8_t& byte = spelled.id[nibbles++ / 2];
      byte = static_cast<std::uint8_t>(byte << 4 | digit);
    }
    if (algorithm::all_zero(spelled.id)) return std::nullopt;
    const int version = spelled.id[6] >> 4;
    spelled.random = uuid && (spelled.id[8] & 0xc0) == 0x80 && (version == 4 || version == 7);
    return spelled;
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
