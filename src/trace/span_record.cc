// SPDX-License-Identifier: MIT
#include "seawall/runtime/span_record.h"

#include <algorithm>

#include "seawall/result.h"
#include "text/utf8.h"

namespace seawall {
namespace {

template <class T>
std::string_view bytes_of(const T& value) noexcept {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <class T>
T from_bytes(std::string_view bytes) noexcept {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

std::string_view value_bytes(const AttributeValue& value) noexcept {
  if (const auto* text = std::get_if<std::string_view>(&value)) return Message::head(*text, SpanRecord::kMaxText);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return bytes_of(*number);
  if (const auto* number = std::get_if<double>(&value)) return bytes_of(*number);
  return bytes_of(*std::get_if<bool>(&value));
}

// More than it can say stays the most it can say: a count that begins anew would hide what was left out.
void count(std::uint16_t& dropped) noexcept {
  if (dropped != UINT16_MAX) ++dropped;
}

}  // namespace

void SpanRecord::set_status(SpanStatus now, std::string_view text) noexcept {
  if (now == SpanStatus::kUnset || status == SpanStatus::kOk) return;
  status = now;
  set_text(Tag::kStatusText, now == SpanStatus::kError ? text : std::string_view());
}

void SpanRecord::set(std::string_view key, const AttributeValue& value) noexcept {
  const std::string_view bytes = value_bytes(value);
  for (Element e = element(0); e.is; e = element(e.next)) {
    if (!is_attribute(e.tag) || e.key != key) continue;
    body_[e.at] = static_cast<char>(Tag::kRemoved);
    if (e.value.size() != bytes.size()) break;
    body_[e.at] = static_cast<char>(tag_of(value, false));
    std::memcpy(&body_[e.next - bytes.size()], bytes.data(), bytes.size());
    return;
  }
  if (!append(key, value, false)) count(dropped_attributes);
}

void SpanRecord::add_event(std::string_view name, TimePoint at, std::span<const Attribute> attributes) noexcept {
  const std::uint32_t before = body_size_;
  const std::int64_t instant = to_ns(at);
  bool fits = append(Tag::kEvent, Message::head(name, kMaxKey), bytes_of(instant));
  for (const Attribute& attribute : attributes) fits = fits && append(attribute.key, attribute.value, true);
  if (fits) return;
  body_size_ = before;
  count(dropped_events);
}

AttributeValue SpanRecord::decode(Tag tag, std::string_view bytes) noexcept {
  switch ((static_cast<int>(tag) - static_cast<int>(Tag::kBool)) % kValueTypes) {
    case 0:
      return from_bytes<char>(bytes) != 0;
    case 1:
      return from_bytes<std::int64_t>(bytes);
    case 2:
      return from_bytes<double>(bytes);
    default:
      return bytes;
  }
}

TimePoint SpanRecord::event_time(const Element& event) noexcept {
  return time_from_ns(from_bytes<std::int64_t>(event.value));
}

SpanRecord::Element SpanRecord::element(std::size_t at) const noexcept {
  if (at + kHeadBytes > body_size_) return {};
  const std::string_view body(body_.data(), body_size_);
  const std::size_t key_size = static_cast<unsigned char>(body[at + 1]);
  const std::size_t value_size = from_bytes<std::uint16_t>(body.substr(at + 2, 2));
  const std::size_t key_at = at + kHeadBytes;
  const std::size_t next = key_at + key_size + value_size;
  if (next > body_size_) return {};
  return {true, static_cast<Tag>(body[at]),    at,
          next, body.substr(key_at, key_size), body.substr(key_at + key_size, value_size)};
}

bool SpanRecord::append(Tag tag, std::string_view key, std::string_view value) noexcept {
  const std::size_t size = kHeadBytes + key.size() + value.size();
  if (body_size_ + size > kBodyBytes) return false;
  char* to = &body_[body_size_];
  const auto value_size = static_cast<std::uint16_t>(value.size());
  *to++ = static_cast<char>(tag);
  *to++ = static_cast<char>(key.size());
  std::memcpy(to, &value_size, sizeof value_size);
  to = std::copy(key.begin(), key.end(), to + sizeof value_size);
  std::copy(value.begin(), value.end(), to);
  body_size_ = static_cast<std::uint32_t>(body_size_ + size);
  return true;
}

bool SpanRecord::append(std::string_view key, const AttributeValue& value, bool of_event) noexcept {
  if (key.empty() || key.size() > kMaxKey || !is_utf8(key)) return false;
  return append(tag_of(value, of_event), key, value_bytes(value));
}

void SpanRecord::set_text(Tag tag, std::string_view text) noexcept {
  for (Element e = element(0); e.is; e = element(e.next)) {
    if (e.tag == tag) body_[e.at] = static_cast<char>(Tag::kRemoved);
  }
  if (!text.empty() && !append(tag, {}, Message::head(text, kMaxText))) count(dropped_attributes);
}

std::string_view SpanRecord::text(Tag tag) const noexcept {
  for (Element e = element(0); e.is; e = element(e.next)) {
    if (e.tag == tag) return e.value;
  }
  return {};
}

std::size_t SpanRecord::to_words(std::span<std::uint64_t, kWords> out) const noexcept {
  const std::size_t bytes = sizeof(SpanRecord) - kBodyBytes + body_size_;
  std::memcpy(out.data(), static_cast<const void*>(this), bytes);
  return (bytes + 7) / 8;
}

SpanRecord SpanRecord::from_words(std::span<const std::uint64_t, kWords> words) noexcept {
  SpanRecord record;
  std::memcpy(static_cast<void*>(&record), words.data(), sizeof record);
  record.body_size_ = std::min<std::uint32_t>(record.body_size_, kBodyBytes);
  return record;
}

}  // namespace seawall
