// SPDX-License-Identifier: MIT
//
// SpanRecord: one finished or growing span, the data that runtime/tracer.h records and exporters read. Make spans with
// a Tracer; build a SpanRecord by hand only to hand on what another process has measured.
//
// Plain memory of 1 KiB, no pointers, trivially copyable: name, texts, attributes and events lie one after the other in
// its last 964 bytes. An attribute or event that does not fit any more is left out and counted. Texts are cut, at a
// character, to kMaxText bytes; what is no UTF-8 in them becomes '?'.
//
// Names and rules follow OpenTelemetry (https://opentelemetry.io/docs/specs/otel/trace/api/); kinds and states have the
// numbers of its protocol. Threads: as any plain data.
//
//   record.set("http.response.status_code", 200);
//   record.for_each_attribute([](std::string_view key, const seawall::AttributeValue& value) { print(key, value); });
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <variant>

#include "seawall/algorithm/traceparent.h"
#include "seawall/time.h"

namespace seawall {

enum class SpanKind : std::uint8_t { kInternal = 1, kServer = 2, kClient = 3, kProducer = 4, kConsumer = 5 };
enum class SpanStatus : std::uint8_t { kUnset = 0, kOk = 1, kError = 2 };

constexpr std::string_view to_string(SpanKind kind) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"unknown", "internal", "server",
                                                      "client",  "producer", "consumer"};
  const auto number = static_cast<std::size_t>(kind);
  return kNames[number < kNames.size() ? number : 0];
}
constexpr std::string_view to_string(SpanStatus status) noexcept {
  return status == SpanStatus::kOk ? "ok" : status == SpanStatus::kError ? "error" : "unset";
}

using AttributeValue = std::variant<bool, std::int64_t, double, std::string_view>;
struct Attribute {
  std::string_view key;
  AttributeValue value;
};

class SpanRecord {
 public:
  static constexpr std::size_t kWords = 128;
  static constexpr std::size_t kBodyBytes = 964;
  static constexpr std::size_t kMaxKey = 64;    // bytes; a longer key, or an empty one, drops its attribute
  static constexpr std::size_t kMaxText = 256;  // bytes of a name, of a status text and of a text value

  TraceId trace_id{};
  SpanId span_id{};
  SpanId parent_id{};  // zero: a root
  TimePoint start{};
  TimePoint end{};
  std::uint8_t flags = 0;  // of the trace context
  SpanKind kind = SpanKind::kInternal;
  SpanStatus status = SpanStatus::kUnset;
  bool kept = false;                     // of a trace that was kept because it failed, was slow or was marked
  std::uint16_t dropped_attributes = 0;  // left out, for want of room or for their keys; at 65,535 it stays
  std::uint16_t dropped_events = 0;

  void set_name(std::string_view name) noexcept { set_text(Tag::kName, name); }
  // Of the process that measured; none: the one whose tracer it is.
  void set_service(std::string_view name) noexcept { set_text(Tag::kService, name); }
  // kOk is final, kError replaces kUnset, kUnset changes nothing. The text says what is wrong.
  void set_status(SpanStatus now, std::string_view text = {}) noexcept;
  // A key that is there already gets the new value.
  void set(std::string_view key, const AttributeValue& value) noexcept;
  // All of the event or nothing.
  void add_event(std::string_view name, TimePoint at, std::span<const Attribute> attributes = {}) noexcept;

  std::string_view name() const noexcept { return text(Tag::kName); }
  std::string_view service() const noexcept { return text(Tag::kService); }
  std::string_view status_text() const noexcept { return text(Tag::kStatusText); }
  // fn(std::string_view key, const AttributeValue& value), with views into this record.
  template <class Fn>
  void for_each_attribute(Fn&& fn) const {
    for (Element e = element(0); e.is; e = element(e.next)) {
      if (is_attribute(e.tag)) fn(e.key, decode(e.tag, e.value));
    }
  }
  // fn(std::string_view name, TimePoint at, attributes), where attributes(fn2) does as for_each_attribute.
  template <class Fn>
  void for_each_event(Fn&& fn) const {
    for (Element e = element(0); e.is; e = element(e.next)) {
      if (e.tag == Tag::kEvent) fn(e.key, event_time(e), [this, e](auto&& each) { this->attributes_of(e, each); });
    }
  }

  // As words, for rings: the fields and so much of the body as is used. Returns how many words were written.
  std::size_t to_words(std::span<std::uint64_t, kWords> out) const noexcept;
  static SpanRecord from_words(std::span<const std::uint64_t, kWords> words) noexcept;

 private:
  // An element of the body: tag, size of the key, size of the value (2 bytes), the key, the value. A text has no key,
  // an event's key is its name and its value the instant; the attributes of an event follow it.
  enum class Tag : std::uint8_t {
    kRemoved,
    kName,
    kService,
    kStatusText,
    kEvent,
    kBool,  // from here on in the order of AttributeValue's alternatives, for the span and then for an event
    kInt,
    kDouble,
    kString,
    kEventBool,
    kEventInt,
    kEventDouble,
    kEventString,
  };
  static constexpr std::size_t kHeadBytes = 4;
  static constexpr int kValueTypes = 4;
  struct Element {
    bool is = false;
    Tag tag = Tag::kRemoved;
    std::size_t at = 0, next = 0;
    std::string_view key, value;
  };

  static bool is_attribute(Tag tag) noexcept { return tag >= Tag::kBool && tag <= Tag::kString; }
  static Tag tag_of(const AttributeValue& value, bool of_event) noexcept {
    const int type = static_cast<int>(value.index()) + (of_event ? kValueTypes : 0);
    return static_cast<Tag>(static_cast<int>(Tag::kBool) + type);
  }
  static AttributeValue decode(Tag tag, std::string_view bytes) noexcept;
  static TimePoint event_time(const Element& event) noexcept;

  template <class Fn>
  void attributes_of(const Element& event, Fn& fn) const {
    for (Element e = element(event.next); e.is && e.tag != Tag::kEvent; e = element(e.next)) {
      if (e.tag >= Tag::kEventBool) fn(e.key, decode(e.tag, e.value));
    }
  }

  Element element(std::size_t at) const noexcept;
  bool append(Tag tag, std::string_view key, std::string_view value) noexcept;
  bool append(std::string_view key, const AttributeValue& value, bool of_event) noexcept;
  void set_text(Tag tag, std::string_view text) noexcept;
  std::string_view text(Tag tag) const noexcept;

  std::uint32_t body_size_ = 0;
  std::array<char, kBodyBytes> body_;  // the first body_size_ bytes have values
};
static_assert(sizeof(SpanRecord) == 8 * SpanRecord::kWords);

}  // namespace seawall
