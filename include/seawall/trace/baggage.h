// SPDX-License-Identifier: MIT
//
// Baggage: the W3C baggage header, what a request carries for everybody on its way (a user's plan, a test's name).
//
// Up to 64 members in 8192 bytes over all header fields, in their order, as views of the caller's text, which must
// outlive the object: parsing copies and allocates nothing. Values stay percent-coded as they came, so that sending
// them on cannot inject a header; decode() gives their text. Members that break the grammar are left out (Strictness
// chooses otherwise), and so is what is beyond the limits, always as whole members.
//
// Not for secrets or decisions about trust: everybody on the way reads and may write it. For the vendors' trace data
// see trace/trace_state.h. Threads: plain data; exclusive while written. Known flaw: about 1 KiB, pass it by reference.
//
//   seawall::Baggage baggage;
//   baggage.assign(fields);                                  // all `baggage` header fields of the request
//   std::array<char, 8192> out;
//   auto size = baggage.set("plan", "gold & more", {}, out); // the header to send: "...,plan=gold%20&%20more"
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "seawall/algorithm/baggage.h"
#include "seawall/result.h"

namespace seawall {

// What the specification asks everybody to carry at least. Up to kMaxMembers and kMaxSize of Baggage.
struct BaggageLimits {
  std::size_t members = 64;
  std::size_t bytes = 8192;
};

class Baggage {
 public:
  static constexpr std::size_t kMaxMembers = 64;
  static constexpr std::size_t kMaxSize = 8192;

  constexpr Baggage() = default;

  // Several header fields are one list, in their order; limits above the largest count as those. The answer is the
  // first rule that was broken: the baggage then holds the rest, or nothing when Strictness is kStrict.
  constexpr TraceFault assign(std::span<const std::string_view> fields, Strictness strictness = Strictness::kHarness,
                              const BaggageLimits& limits = {}) noexcept {
    size_ = bytes_ = 0;
    TraceFault first = TraceFault::kNone;
    std::size_t budget = 2 * kMaxSize;  // of text that is looked at: white space and bad members cost time, too
    for (std::string_view field : fields) {
      while (!field.empty() && (first == TraceFault::kNone || strictness != Strictness::kStrict)) {
        const std::string_view head = field.substr(0, budget + 1);
        std::string_view rest = head;
        const std::string_view member = detail::take_part(rest, ',');
        const std::size_t taken = head.size() - rest.size();
        const bool over = taken > budget;
        const TraceFault fault = over ? TraceFault::kBaggageTooLong : add(member, strictness, limits);
        if (first == TraceFault::kNone) first = fault;
        if (ends_list(fault)) return strictness == Strictness::kStrict ? cleared(first) : first;
        field.remove_prefix(taken);
        budget -= taken;
      }
    }
    return first != TraceFault::kNone && strictness == Strictness::kStrict ? cleared(first) : first;
  }

  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  // at < size(). A member that breaks the grammar and was passed through has an empty key and all its text as value.
  constexpr BaggageMember operator[](std::size_t at) const noexcept {
    BaggageMember member;
    const std::string_view text = members_[at].view();
    if (algorithm::parse_baggage_member(text, member) != TraceFault::kNone) member = {{}, text, {}};
    return member;
  }

  // The coded value of the last member with this key: who adds one says what holds from now on.
  constexpr std::optional<std::string_view> get(std::string_view key) const noexcept {
    for (std::size_t at = size_; at-- > 0;) {
      const BaggageMember member = (*this)[at];
      if (member.key == key && !key.empty()) return member.value;
    }
    return std::nullopt;
  }

  // The bytes of the header value, without white space around commas.
  constexpr std::size_t text_size() const noexcept { return bytes_; }

  // Returns text_size(), and writes that many bytes if `out` has room for them, else nothing.
  constexpr std::size_t format(std::span<char> out) const noexcept {
    if (bytes_ > out.size()) return bytes_;
    detail::BoundedText to(out);
    write_without({}, to);
    return bytes_;
  }

  // The header value with this member in place of all of the key, at the end: returns its size, and writes that many
  // bytes if `out` has room for them. `value` is plain text, `properties` is coded ("p1;p2=v"). `out` must not overlap
  // what the baggage views. Error: kInvalidArgument (key or properties), kFull (65 members, 8193 bytes).
  constexpr Result<std::size_t> set(std::string_view key, std::string_view value, std::string_view properties,
                                    std::span<char> out) const {
    if (!algorithm::is_baggage_key(key)) return Error{Code::kInvalidArgument, "baggage key is no token"};
    for (std::string_view rest = properties; !rest.empty();) {
      if (algorithm::is_baggage_property(detail::take_part(rest, ';'))) continue;
      return Error{Code::kInvalidArgument, "baggage property breaks the grammar"};
    }
    detail::BoundedText counted{std::span<char>()};
    const std::size_t members = write_with(key, value, properties, counted);
    if (members > kMaxMembers) return Error{Code::kFull, "baggage would have more than 64 members"};
    if (counted.size() > kMaxSize) return Error{Code::kFull, "baggage would have more than 8192 bytes"};
    if (counted.size() > out.size()) return counted.size();
    detail::BoundedText to(out);
    write_with(key, value, properties, to);
    return to.size();
  }

  // The header value without the members of this key, as set().
  constexpr std::size_t remove(std::string_view key, std::span<char> out) const noexcept {
    detail::BoundedText counted{std::span<char>()};
    write_without(key, counted);
    if (counted.size() > out.size()) return counted.size();
    detail::BoundedText to(out);
    write_without(key, to);
    return to.size();
  }

  // A coded value's plain text, UTF-8: returns its size, and writes that many bytes if `out` has room for them. It may
  // hold any character, also line ends: code it again before it goes into a header.
  static constexpr std::size_t decode(std::string_view coded, std::span<char> out) noexcept {
    detail::BoundedText counted{std::span<char>()};
    algorithm::decode_baggage_value(coded, counted);
    if (counted.size() > out.size()) return counted.size();
    detail::BoundedText to(out);
    algorithm::decode_baggage_value(coded, to);
    return to.size();
  }

 private:
  // 16 bytes instead of the 48 of a BaggageMember, which operator[] makes again.
  struct Text {
    const char* data = nullptr;
    std::size_t size = 0;
    constexpr std::string_view view() const noexcept { return {data, size}; }
  };

  static constexpr bool ends_list(TraceFault fault) noexcept {
    return fault == TraceFault::kBaggageTooLong || fault == TraceFault::kBaggageTooManyMembers;
  }
  constexpr TraceFault cleared(TraceFault fault) noexcept {
    size_ = bytes_ = 0;
    return fault;
  }

  constexpr TraceFault add(std::string_view text, Strictness strictness, const BaggageLimits& limits) noexcept {
    if (text.empty()) return TraceFault::kNone;
    BaggageMember member;
    const TraceFault fault = algorithm::parse_baggage_member(text, member);
    const bool pass = strictness == Strictness::kPassThrough && is_printable(text);
    if (fault != TraceFault::kNone && !pass) return fault;
    if (size_ == std::min(limits.members, kMaxMembers)) return TraceFault::kBaggageTooManyMembers;
    const std::size_t bytes = bytes_ + (size_ > 0 ? 1 : 0) + text.size();
    if (bytes > std::min(limits.bytes, kMaxSize)) return TraceFault::kBaggageTooLong;
    members_[size_++] = {text.data(), text.size()};
    bytes_ = bytes;
    return fault;
  }

  // May go on as it is: visible ASCII, spaces and tabs.
  static constexpr bool is_printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 0x20 && c <= 0x7e) || c == '\t'; });
  }

  // Returns how many members it wrote.
  constexpr std::size_t write_without(std::string_view key, detail::BoundedText& to) const noexcept {
    std::size_t written = 0;
    for (std::size_t at = 0; at < size_; ++at) {
      if (!key.empty() && (*this)[at].key == key) continue;
      if (written++ > 0) to.add(',');
      to.add(members_[at].view());
    }
    return written;
  }

  constexpr std::size_t write_with(std::string_view key, std::string_view value, std::string_view properties,
                                   detail::BoundedText& to) const noexcept {
    const std::size_t others = write_without(key, to);
    if (others > 0) to.add(',');
    to.add(key);
    to.add('=');
    algorithm::encode_baggage_value(value, to);
    if (!properties.empty()) to.add(';');
    to.add(properties);
    return others + 1;
  }

  std::array<Text, kMaxMembers> members_{};
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace seawall
