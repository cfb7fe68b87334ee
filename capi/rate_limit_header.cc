// SPDX-License-Identifier: MIT
#include "seawall/rate_limit_header.h"

#include <array>
#include <span>

#include "limiters.h"

using namespace seawall::capi;
using seawall::Duration;
using seawall::LimitStatus;
using seawall::detail::HeaderText;

namespace {

// write(text)
template <class Write>
int32_t header_out(char* buffer, size_t capacity, size_t* needed, Write&& write) noexcept {
  HeaderText text(std::span(buffer, buffer == nullptr ? 0 : capacity));
  write(text);
  const auto done = text.done();
  if (!done && done.error().code == seawall::Code::kInvalidArgument) return SEAWALL_E_INVALID_ARGUMENT;
  if (needed != nullptr) *needed = text.size();
  if (!done) return SEAWALL_E_BUFFER_TOO_SMALL;
  if (buffer != nullptr && text.size() < capacity) buffer[text.size()] = '\0';
  return SEAWALL_OK;
}

// write(text, limits)
template <class Write>
int32_t limits_out(const seawall_limit_status* given, size_t count, bool decided, char* buffer, size_t capacity,
                   size_t* needed, Write&& write) noexcept {
  if ((given == nullptr && count > 0) || count > SEAWALL_LIMIT_SET_MOST) return SEAWALL_E_INVALID_ARGUMENT;
  std::array<LimitStatus, SEAWALL_LIMIT_SET_MOST> limits;
  for (size_t i = 0; i < count; ++i) {
    const seawall_limit_status& one = given[i];
    const bool told = one.decision != nullptr && usable(one.decision);
    if (!readable(one.name, one.name_size) || (decided && !told)) return SEAWALL_E_INVALID_ARGUMENT;
    limits[i] = {text_in(one.name, one.name_size), one.quota, Duration(one.window_ns), {}};
    if (decided) limits[i].decision = read(*one.decision);
  }
  return header_out(buffer, capacity, needed, [&](HeaderText& text) { write(text, std::span(limits.data(), count)); });
}

}  // namespace

extern "C" {

int32_t seawall_rate_limit_policy_header(const seawall_limit_status* limits, size_t count, char* buffer,
                                         size_t capacity, size_t* needed) noexcept {
  return limits_out(limits, count, false, buffer, capacity, needed, seawall::detail::write_policy);
}

int32_t seawall_rate_limit_header(const seawall_limit_status* limits, size_t count, char* buffer, size_t capacity,
                                  size_t* needed) noexcept {
  return limits_out(limits, count, true, buffer, capacity, needed, seawall::detail::write_state);
}

int32_t seawall_retry_after_header(int64_t retry_after_ns, char* buffer, size_t capacity, size_t* needed) noexcept {
  return header_out(buffer, capacity, needed,
                    [&](HeaderText& text) { seawall::detail::write_wait(text, Duration(retry_after_ns)); });
}

}  // extern "C"
