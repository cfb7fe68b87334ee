// SPDX-License-Identifier: MIT
//
// What every .cc of the C API shares: handles with a type tag, the exception border, error and text output.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "seawall/result.h"
#include "seawall/time.h"
#include "seawall_c.h"

namespace seawall::capi {

// A handle is `struct seawall_x : Handle<kTagOfX> { X rep; };`. The tag is the first word, so that a live handle of
// another type is told apart by one load. A freed handle loses its tag (best effort; use after free is the caller's
// error).
template <std::uint32_t kTag>
struct Handle {
  std::uint32_t tag = kTag;
  static constexpr std::uint32_t kExpected = kTag;
};

// Copies the tag instead of reading it as a member of H: what is looked at may be no H, nor aligned as one.
template <class H>
bool valid(const H* handle) noexcept {
  static_assert(std::is_base_of_v<Handle<H::kExpected>, H> && !std::is_polymorphic_v<H>, "the tag is the first word");
  if (handle == nullptr) return false;
  std::uint32_t tag;
  std::memcpy(&tag, static_cast<const void*>(handle), sizeof tag);
  return tag == H::kExpected;
}

template <class H>
void free_handle(H* handle) noexcept {
  if (!valid(handle)) return;
  handle->tag = 0;
  delete handle;
}

inline int32_t fail(seawall_error* error, int32_t code, std::string_view message) noexcept {
  if (error == nullptr || error->struct_size < sizeof(seawall_error)) return code;
  error->code = code;
  const std::size_t size = std::min(message.size(), sizeof error->message - 1);
  std::memcpy(error->message, message.data(), size);
  error->message[size] = '\0';
  return code;
}

inline int32_t fail(seawall_error* error, const Error& why) noexcept {
  return fail(error, static_cast<int32_t>(why.code), why.message.view());
}

inline int32_t invalid(seawall_error* error, std::string_view why) noexcept {
  return fail(error, SEAWALL_E_INVALID_ARGUMENT, why);
}
inline int32_t wrong_handle(seawall_error* error, std::string_view what) noexcept {
  return fail(error, SEAWALL_E_WRONG_HANDLE, what);
}

// The border: runs fn() -> int32_t and turns what it throws into a code.
template <class Fn>
int32_t guarded(seawall_error* error, Fn&& fn) noexcept {
  try {
    return std::forward<Fn>(fn)();
  } catch (const std::bad_alloc&) {
    return fail(error, SEAWALL_E_NO_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return fail(error, SEAWALL_E_INTERNAL, e.what());
  } catch (...) {
    return fail(error, SEAWALL_E_INTERNAL, "unknown exception");
  }
}

inline TimePoint instant(int64_t now_ns) noexcept {
  return now_ns == SEAWALL_NOW ? Clock::now() : time_from_ns(now_ns);
}

// Text in. The caller has checked `text` against NULL with `readable`.
inline bool readable(const char* text, size_t size) noexcept { return text != nullptr || size == 0; }
inline std::string_view text_in(const char* text, size_t size) noexcept {
  if (text == nullptr) return {};
  return size == SEAWALL_TEXT ? std::string_view(text) : std::string_view(text, size);
}

// Text out, as the head of seawall_c.h says.
inline int32_t text_out(std::string_view text, char* buffer, size_t capacity, size_t* needed) noexcept {
  if (needed != nullptr) *needed = text.size();
  if (buffer == nullptr) return text.empty() ? SEAWALL_OK : SEAWALL_E_BUFFER_TOO_SMALL;
  if (text.size() > capacity) return SEAWALL_E_BUFFER_TOO_SMALL;
  if (!text.empty()) std::memcpy(buffer, text.data(), text.size());
  if (text.size() < capacity) buffer[text.size()] = '\0';
  return SEAWALL_OK;
}

// The body of every *_init: struct_size set, all else 0, which means the default.
template <class Options>
int32_t init_options(Options* options) noexcept {
  if (options == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  *options = {};
  options->struct_size = sizeof(Options);
  return SEAWALL_OK;
}

// Copies an options struct of an older or newer caller over our defaults: shorter is fine (the rest keeps its default),
// longer only if the part we do not know is zero. False: refuse with SEAWALL_E_INVALID_ARGUMENT.
template <class Options>
bool read_options(const Options* given, Options& out) noexcept {
  if (given == nullptr) return true;
  const std::size_t size = given->struct_size;
  constexpr std::size_t kLargest = 4096;  // a size that was never set must not make us read far behind the struct
  if (size < sizeof given->struct_size || size > kLargest) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(Options); i < size; ++i) {
    if (bytes[i] != 0) return false;
  }
  std::memcpy(&out, given, std::min(size, sizeof(Options)));
  out.struct_size = sizeof(Options);
  return true;
}

// A result struct of an older or newer caller, such as stats: struct_size tells how much of it he has. False: refuse
// with SEAWALL_E_INVALID_ARGUMENT, he has not set it.
template <class Out>
bool has_size(const Out* out) noexcept {
  constexpr std::size_t kSmallest = 16;  // the size itself and one thing to know
  return out != nullptr && out->struct_size >= kSmallest && out->struct_size % alignof(Out) == 0;
}

// Fills it as far as both know it.
template <class Out>
int32_t give(Out all, Out* out) noexcept {
  all.struct_size = out->struct_size;
  std::memcpy(out, &all, std::min(sizeof all, std::size_t{all.struct_size}));
  return SEAWALL_OK;
}

}  // namespace seawall::capi
