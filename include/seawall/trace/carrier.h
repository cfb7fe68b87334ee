// SPDX-License-Identifier: MIT
//
// Carriers: how Propagator asks for the headers of a request, whatever holds them.
//
// A carrier is any callable that adds all fields of a name to a HeaderFields, in order and with repeated ones: that a
// traceparent was sent twice, or a tracestate in three parts, is for the library to judge and not for each host.
// HeaderArray is the one for an array of fields. Plain data; views of the host's texts.
//
//   auto carrier = [&](std::string_view name, seawall::HeaderFields& out) {
//     for (const auto& [key, value] : request.headers) if (same_name(key, name)) out.add(value);
//   };
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace seawall {

// The fields of one header name, in order. What is beyond kMax is left out, and the list counts as too long.
class HeaderFields {
 public:
  static constexpr std::size_t kMax = 64;
  constexpr void add(std::string_view value) noexcept {
    if (size_ < kMax) values_[size_] = value;
    ++size_;
  }
  constexpr std::span<const std::string_view> values() const noexcept {
    return {values_.data(), std::min(size_, kMax)};
  }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool too_many() const noexcept { return size_ > kMax; }
  constexpr void clear() noexcept { size_ = 0; }
  constexpr std::string_view front() const noexcept { return size_ > 0 ? values_[0] : std::string_view(); }

 private:
  std::array<std::string_view, kMax> values_;
  std::size_t size_ = 0;
};

// carrier(name, fields): adds all fields of that name, which is in lower case; header names have no case.
template <class C>
concept TraceCarrier = requires(const C& carrier, std::string_view name, HeaderFields& fields) {
  carrier(name, fields);
};

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

// The carrier for an array of fields.
class HeaderArray {
 public:
  constexpr explicit HeaderArray(std::span<const HeaderField> fields) noexcept : fields_(fields) {}
  constexpr void operator()(std::string_view name, HeaderFields& out) const noexcept {
    for (const HeaderField& field : fields_) {
      if (same_name(field.name, name)) out.add(field.value);
    }
  }

 private:
  static constexpr bool same_name(std::string_view given, std::string_view lower) noexcept {
    if (given.size() != lower.size()) return false;
    for (std::size_t i = 0; i < given.size(); ++i) {
      const char c = given[i];
      if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != lower[i]) return false;
    }
    return true;
  }
  std::span<const HeaderField> fields_;
};

}  // namespace seawall
