// SPDX-License-Identifier: MIT
#include "http/message.h"

#include <algorithm>

namespace http {

namespace {
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alphanumeric(char c) noexcept { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

// RFC 9110, 15.
constexpr std::pair<int, std::string_view> kReasonPhrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

constexpr bool is_registered_name(std::string_view host) noexcept {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("-._~%!$&'()*+,;=").find(c) != std::string_view::npos;
  });
}

constexpr bool is_ip_literal(std::string_view host) noexcept {
  return host.size() > 2 && std::all_of(host.begin() + 1, host.end() - 1,
                                        [](char c) { return is_alphanumeric(c) || c == ':' || c == '.'; });
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool NameLess::operator()(std::string_view a, std::string_view b) const noexcept {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return lower(x) < lower(y); });
}

bool is_authority(std::string_view text) noexcept {
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const std::size_t end = bracket != std::string_view::npos ? bracket + 1 : std::min(text.find(':'), text.size());
  const std::string_view host = text.substr(0, end);
  std::string_view port = text.substr(end);
  if (!(bracket != std::string_view::npos ? is_ip_literal(host) : is_registered_name(host))) return false;
  if (port.empty()) return true;
  if (port.front() != ':' || port.size() > 6) return false;
  port.remove_prefix(1);
  return std::all_of(port.begin(), port.end(), is_digit);
}

HopByHop::HopByHop(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!same_name(name, "Connection")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      const std::string_view token = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (!token.empty() && !same_name(token, "close") && !same_name(token, "keep-alive")) named_.insert(token);
    }
  }
}

bool HopByHop::contains(std::string_view name) const noexcept {
  for (const char* field : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
                            "TE", "Trailer", "Transfer-Encoding", "Upgrade"}) {
    if (same_name(name, field)) return true;
  }
  return named_.contains(name);
}

void Headers::set(std::string_view name, std::string_view value) {
  for (auto field = fields_.begin(); field != fields_.end(); ++field) {
    if (!same_name(field->first, name)) continue;
    field->second = value;
    fields_.erase(
        std::remove_if(field + 1, fields_.end(), [&](const Field& other) { return same_name(other.first, name); }),
        fields_.end());
    return;
  }
  add(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return same_name(field.first, name); });
}

const std::string* Headers::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : fields_) {
    if (same_name(key, name)) return &value;
  }
  return nullptr;
}

std::string_view Headers::get(std::string_view name) const noexcept {
  const std::string* value = find(name);
  return value ? std::string_view(*value) : std::string_view();
}

std::size_t Headers::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(), [&](const Field& field) { return same_name(field.first, name); }));
}

std::string_view Request::query() const noexcept {
  const std::size_t at = target.find('?');
  return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
}

std::optional<std::string_view> Request::parameter(std::string_view name) const noexcept {
  std::string_view rest = query();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == name) return pair.substr(std::min(equals + 1, pair.size()));
  }
  return std::nullopt;
}

Response Response::json(int status, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

std::string_view via(const Request& received) noexcept {
  return received.version == 10 ? "1.0 seawall-gateway" : "1.1 seawall-gateway";
}

std::string_view reason_phrase(int status) noexcept {
  for (const auto& [known, phrase] : kReasonPhrases) {
    if (known == status) return phrase;
  }
  return "Unknown";
}

}  // namespace http
