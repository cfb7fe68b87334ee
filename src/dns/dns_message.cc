// SPDX-License-Identifier: MIT
#include "dns_message.h"

#include <ares.h>
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace seawall {
namespace {

constexpr std::uint16_t kAlias = 5;  // CNAME
constexpr std::uint16_t kInternet = 1;

// Reads on; `whole` turns false when the message ends before what is read.
class Cursor {
 public:
  explicit Cursor(std::span<const unsigned char> message) : message_(message) {}

  bool whole() const noexcept { return whole_; }

  std::uint16_t u16() noexcept {
    const auto bytes = take(2);
    return whole_ ? static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]) : std::uint16_t{0};
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  std::span<const unsigned char> take(std::size_t size) noexcept {
    if (message_.size() - at_ < size) whole_ = false;
    if (!whole_) return {};
    at_ += size;
    return message_.subspan(at_ - size, size);
  }
  std::string name() {
    char* text = nullptr;
    long size = 0;
    const bool good = whole_ && ares_expand_name(message_.data() + at_, message_.data(),
                                                 static_cast<int>(message_.size()), &text, &size) == ARES_SUCCESS;
    if (!good) {
      whole_ = false;
      return {};
    }
    at_ += static_cast<std::size_t>(size);
    const std::unique_ptr<char, void (*)(void*)> owned(text, ares_free_string);
    return text;
  }
  std::size_t at() const noexcept { return at_; }

 private:
  std::span<const unsigned char> message_;
  std::size_t at_ = 0;
  bool whole_ = true;
};

std::string address_text(int family, std::span<const unsigned char> bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? "" : text.data();
}

std::optional<DnsRecord> read_data(Cursor& cursor, std::uint16_t type, std::uint16_t size) {
  const std::size_t end = cursor.at() + size;
  DnsRecord record;
  if (type == kDnsSrv) {
    record.priority = cursor.u16();
    record.weight = cursor.u16();
    record.port = cursor.u16();
    record.host = cursor.name();
  } else {
    const bool v4 = type == kDnsA;
    if (size != (v4 ? 4 : 16)) return std::nullopt;
    const auto bytes = cursor.take(size);
    if (cursor.whole()) record.host = address_text(v4 ? AF_INET : AF_INET6, bytes);
  }
  if (!cursor.whole() || cursor.at() != end) return std::nullopt;
  return record;
}

}  // namespace

std::optional<DnsAnswer> read_dns_message(std::span<const unsigned char> message, std::uint16_t type) {
  Cursor cursor(message);
  cursor.take(4);
  const std::uint16_t questions = cursor.u16();
  const std::uint16_t count = cursor.u16();
  cursor.take(4);
  for (int i = 0; i < questions && cursor.whole(); ++i) {
    cursor.name();
    cursor.take(4);
  }
  DnsAnswer answer;
  for (int i = 0; i < count && cursor.whole(); ++i) {
    cursor.name();
    const std::uint16_t its_type = cursor.u16();
    const bool ours = cursor.u16() == kInternet && its_type == type;
    const std::uint32_t ttl = cursor.u32();
    const std::uint16_t size = cursor.u16();
    if (ours || its_type == kAlias) answer.ttl = std::min(answer.ttl, ttl > INT32_MAX ? 0 : ttl);  // RFC 2181, 8
    if (!ours) {
      cursor.take(size);
      continue;
    }
    auto record = read_data(cursor, type, size);
    if (!record) return std::nullopt;
    answer.records.push_back(std::move(*record));
  }
  if (!cursor.whole()) return std::nullopt;
  return answer;
}

}  // namespace seawall
