// SPDX-License-Identifier: MIT
#include "http/framing.h"

#include <algorithm>

namespace http {

// RFC 9112, 6.1 and 3.2.
std::string_view framing_fault(const Request& request, unsigned version) {
  const std::size_t encodings = request.headers.count("Transfer-Encoding");
  if (encodings > 0 && request.headers.count("Content-Length") > 0) return "both Content-Length and Transfer-Encoding";
  if (encodings > 1 || (encodings == 1 && !same_name(request.headers.get("Transfer-Encoding"), "chunked"))) {
    return "the only Transfer-Encoding understood is chunked";
  }
  // Two that say the same may be read as one (RFC 9112, 6.3); who sends them is seldom a friend.
  const std::string_view length = request.headers.get("Content-Length");
  if (request.headers.count("Content-Length") > 1 || length.find(',') < length.size()) return "two Content-Lengths";
  if (encodings == 1 && version < 11) return "Transfer-Encoding needs HTTP/1.1";
  if (version != 10 && version != 11) return "the HTTP version is neither 1.0 nor 1.1";
  if (request.headers.count("Host") > 1) return "more than one Host";
  if (version == 11 && request.headers.count("Host") == 0) return "Host is missing";
  if (!is_authority(request.headers.get("Host"))) return "Host is not a host with a port";
  if (request.target.empty() || (request.target[0] != '/' && request.target != "*")) return "the target is not a path";
  return {};
}

std::string origin_form(std::string_view target) {
  const std::size_t scheme = target.find("://");
  const std::string_view name = target.substr(0, scheme != std::string_view::npos ? scheme : 0);
  if (!same_name(name, "http") && !same_name(name, "https")) return std::string(target);
  const std::size_t path = target.find_first_of("/?", scheme + 3);
  const std::string_view authority = target.substr(scheme + 3, path - scheme - 3);
  if (authority.empty() || authority.front() == ':' || !is_authority(authority)) return std::string(target);
  if (path == std::string_view::npos) return "/";
  return (target[path] == '?' ? "/" : "") + std::string(target.substr(path));
}

bool expects_more_than_continue(const Headers& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const Headers::Field& field) {
    return same_name(field.first, "Expect") && !same_name(field.second, "100-continue");
  });
}

}  // namespace http
