// SPDX-License-Identifier: MIT
//
// TraceState: the tracestate header, the vendors' own data that travels beside a TraceContext.
//
// A list of up to 32 members, newest first, as views into the caller's text: parsing copies and allocates nothing, and
// the text (and what is given to set()) must outlive the object. One bad member or a 33rd one drops the whole list, of
// members with one key the first is kept; Strictness chooses otherwise. A list that fails never affects the
// TraceContext; a list without a valid TraceContext is dropped (see extract in trace_context.h).
//
// Threads: plain data; exclusive while written. Known flaw: about 1 KiB, so pass it by reference.
//
//   auto state = seawall::TraceState::parse("vendor=old,other=1").value();
//   state.set("vendor", "new");                                                // moves to the front
//   std::array<char, 512> text; std::size_t size = state.format(text);         // "vendor=new,other=1"
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "seawall/algorithm/trace_state.h"
#include "seawall/result.h"

namespace seawall {

class TraceState {
 public:
  static constexpr std::size_t kMaxMembers = algorithm::kTraceStateMaxMembers;
  // What the specification asks everyone to carry at least; a good limit for shrink_to.
  static constexpr std::size_t kSafeSize = 512;

  constexpr TraceState() = default;

  // The empty text is the empty list. Error: kInvalidArgument (a member that breaks the grammar) or kFull (a 33rd one).
  static constexpr Result<TraceState> parse(std::string_view text) { return parse(std::span(&text, 1)); }
  // Several header fields are one list, in their order.
  static constexpr Result<TraceState> parse(std::span<const std::string_view> fields) {
    Result<TraceState> parsed{TraceState()};
    if (const TraceFault fault = parsed.value().assign(fields); fault != TraceFault::kNone) {
      return Error{fault == TraceFault::kStateTooManyMembers ? Code::kFull : Code::kInvalidArgument, describe(fault)};
    }
    return parsed;
  }

  // The same in place. What is not kNone is the first rule that was broken; the list is then empty, unless it is passed
  // through, where it holds what may go on.
  constexpr TraceFault assign(std::span<const std::string_view> fields,
                              Strictness strictness = Strictness::kHarness) noexcept {
    size_ = 0;
    KeySet keys{};
    TraceFault first = TraceFault::kNone;
    for (const std::string_view field : fields) {
      const TraceFault fault = append(field, strictness, keys);
      if (first == TraceFault::kNone) first = fault;
      if (first != TraceFault::kNone && strictness != Strictness::kPassThrough) break;
    }
    if (first != TraceFault::kNone && strictness != Strictness::kPassThrough) size_ = 0;
    return first;
  }

  constexpr std::span<const TraceStateMember> members() const noexcept { return {members_.data(), size_}; }
  constexpr bool empty() const noexcept { return size_ == 0; }

  // The value of a member.
  constexpr std::optional<std::string_view> get(std::string_view key) const noexcept {
    const std::size_t at = find(key);
    return at == size_ ? std::nullopt : std::optional(members_[at].value);
  }

  // Adds or changes a member and moves it to the front; the others keep their order. With 32 others the last one goes.
  // Error: kInvalidArgument, with the list unchanged.
  constexpr Result<void> set(std::string_view key, std::string_view value) {
    if (!algorithm::is_trace_state_key(key)) return Error{Code::kInvalidArgument, "tracestate key breaks the grammar"};
    if (!algorithm::is_trace_state_value(value)) {
      return Error{Code::kInvalidArgument, "tracestate value breaks the grammar"};
    }
    std::size_t at = find(key);
    if (at == size_) at = size_ < kMaxMembers ? size_++ : size_ - 1;
    for (; at > 0; --at) members_[at] = members_[at - 1];
    members_[0] = {key, value};
    return {};
  }

  // False when there was no such member.
  constexpr bool remove(std::string_view key) noexcept {
    const std::size_t at = find(key);
    if (at == size_) return false;
    remove_at(at);
    return true;
  }

  // The bytes of the header value, without white space.
  constexpr std::size_t text_size() const noexcept {
    std::size_t total = size_ == 0 ? 0 : size_ - 1;
    for (const TraceStateMember& member : members()) total += member.text_size();
    return total;
  }

  // Drops whole members until text_size() <= limit: first those over 128 bytes, then any, from the right.
  constexpr void shrink_to(std::size_t limit) noexcept {
    for (const std::size_t over : {std::size_t{128}, std::size_t{0}}) {
      for (std::size_t at = size_; at-- > 0 && text_size() > limit;) {
        if (members_[at].text_size() > over) remove_at(at);
      }
    }
  }

  // Returns text_size(), and writes that many bytes if `out` has room for them, else nothing.
  constexpr std::size_t format(std::span<char> out) const noexcept {
    const std::size_t needed = text_size();
    if (needed > out.size()) return needed;
    char* to = out.data();
    for (std::size_t i = 0; i < size_; ++i) {
      const TraceStateMember& member = members_[i];
      if (i > 0) *to++ = ',';
      to = std::copy(member.key.begin(), member.key.end(), to);
      if (member.foreign()) continue;
      *to++ = '=';
      to = std::copy(member.value.begin(), member.value.end(), to);
    }
    return needed;
  }

 private:
  // Which keys may have been seen, so that a list without repeated keys compares hardly any two.
  struct KeySet {
    std::array<std::uint64_t, 16> words{};
    // Whether the bit of this hash was set before.
    constexpr bool add(std::uint32_t hash) noexcept {
      std::uint64_t& word = words[hash >> 28];
      const std::uint64_t bit = std::uint64_t{1} << (hash >> 22 & 63);
      const bool seen = (word & bit) != 0;
      word |= bit;
      return seen;
    }
  };

  constexpr TraceFault append(std::string_view field, Strictness strictness, KeySet& keys) noexcept {
    TraceFault first = TraceFault::kNone;
    const char* at = field.data();
    const char* const end = at + field.size();
    while (true) {
      const auto found = algorithm::next_trace_state_member(at, end);
      if (found.text.empty()) return first;
      at = found.rest;
      const TraceFault fault = add(found, strictness, keys);
      if (fault == TraceFault::kNone) continue;
      if (first == TraceFault::kNone) first = fault;
      if (strictness != Strictness::kPassThrough || fault == TraceFault::kStateTooManyMembers) return first;
    }
  }

  constexpr TraceFault add(const algorithm::TraceStateScan& found, Strictness strictness, KeySet& keys) noexcept {
    if (found.fault != TraceFault::kNone) {
      const bool pass = strictness == Strictness::kPassThrough && algorithm::is_printable(found.text);
      if (pass && size_ < kMaxMembers) members_[size_++] = {found.text, {}};
      return found.fault;
    }
    if (keys.add(found.hash) && find(found.member.key) != size_) {
      return strictness == Strictness::kStrict ? TraceFault::kStateRepeatedKey : TraceFault::kNone;
    }
    if (size_ == kMaxMembers) return TraceFault::kStateTooManyMembers;
    members_[size_++] = found.member;
    return TraceFault::kNone;
  }

  constexpr std::size_t find(std::string_view key) const noexcept {
    std::size_t at = 0;
    while (at < size_ && (members_[at].key != key || members_[at].foreign())) ++at;
    return at;
  }

  constexpr void remove_at(std::size_t at) noexcept {
    --size_;
    for (; at < size_; ++at) members_[at] = members_[at + 1];
  }

  std::array<TraceStateMember, kMaxMembers> members_{};
  std::size_t size_ = 0;
};

}  // namespace seawall
