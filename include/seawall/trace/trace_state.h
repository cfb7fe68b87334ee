// SPDX-License-Identifier: MIT
//
// TraceState: the tracestate header, the vendors' own data that travels beside a TraceContext.
//
// A list of up to 32 members, newest first, as views into the caller's text: parsing copies and allocates nothing, and
// the text (and what is given to set()) must outlive the object. Parsing is as strict as the W3C test suite: one bad
// member or a 33rd one drops the whole list, of members with one key the first is kept. A list that fails never
// affects the TraceContext; a list without a valid TraceContext is dropped (see extract in trace_context.h).
//
// Threads: plain data; exclusive while written. Known flaw: about 1 KiB, so pass it by reference.
//
//   auto state = seawall::TraceState::parse("vendor=old,other=1").value();
//   state.set("vendor", "new");                                                // moves to the front
//   std::array<char, 512> text; std::size_t size = state.format(text);         // "vendor=new,other=1"
#pragma once

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
    for (const std::string_view field : fields) {
      if (const char* fault = parsed.value().append(field)) return fault_error(fault);
    }
    return parsed;
  }

  constexpr std::span<const TraceStateMember> members() const noexcept { return {members_.data(), size_}; }
  constexpr bool empty() const noexcept { return size_ == 0; }
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
    for (const TraceStateMember& member : members()) total += member_size(member);
    return total;
  }

  // Drops whole members until text_size() <= limit: first those over 128 bytes, then any, from the right.
  constexpr void shrink_to(std::size_t limit) noexcept {
    for (const std::size_t over : {std::size_t{128}, std::size_t{0}}) {
      for (std::size_t at = size_; at-- > 0 && text_size() > limit;) {
        if (member_size(members_[at]) > over) remove_at(at);
      }
    }
  }

  // Returns text_size(), and writes that many bytes if `out` has room for them, else nothing.
  constexpr std::size_t format(std::span<char> out) const noexcept {
    const std::size_t needed = text_size();
    if (needed > out.size()) return needed;
    char* to = out.data();
    for (std::size_t i = 0; i < size_; ++i) {
      if (i > 0) *to++ = ',';
      for (const char c : members_[i].key) *to++ = c;
      *to++ = '=';
      for (const char c : members_[i].value) *to++ = c;
    }
    return needed;
  }

 private:
  static constexpr std::size_t member_size(const TraceStateMember& member) noexcept {
    return member.key.size() + 1 + member.value.size();
  }

  static constexpr const char kBadMember[] = "tracestate has a member that breaks the grammar";
  static constexpr const char kTooMany[] = "tracestate has more than 32 members";
  static constexpr Error fault_error(const char* fault) {
    return {fault == kTooMany ? Code::kFull : Code::kInvalidArgument, fault};
  }

  // Null, or why the field is no list.
  constexpr const char* append(std::string_view field) noexcept {
    while (!field.empty()) {
      const std::string_view text = algorithm::take_member(field);
      if (text.empty()) continue;
      TraceStateMember member;
      if (!algorithm::parse_trace_state_member(text, member)) return kBadMember;
      if (find(member.key) != size_) continue;
      if (size_ == kMaxMembers) return kTooMany;
      members_[size_++] = member;
    }
    return nullptr;
  }

  constexpr std::size_t find(std::string_view key) const noexcept {
    std::size_t at = 0;
    while (at < size_ && members_[at].key != key) ++at;
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
