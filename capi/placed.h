// SPDX-License-Identifier: MIT
//
// An object in memory of the caller's, which processes may share: a header that says what it is, then the object, which
// holds no address. A handle's `rep` owns an object of its own, or borrows a placed one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "internal.h"

namespace seawall::capi {

// `kKind` tells the types apart: the tag of their handles.
template <class T, std::uint32_t kKind>
class Placed {
  static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 64, "freeing a handle leaves it as it is");

  struct alignas(64) Header {
    std::atomic<std::uint64_t> magic;
    std::uint64_t kind;
    std::uint64_t size;
  };

 public:
  static constexpr std::size_t kSize = sizeof(Header) + sizeof(T);
  static_assert(kSize <= SEAWALL_PLACE_SIZE && std::atomic<std::uint64_t>::is_always_lock_free);

  // The object in `memory` that was checked.
  template <class... Arguments>
  static T* make(void* memory, Arguments&&... arguments) noexcept {
    auto* header = new (memory) Header{};
    T* made = new (header + 1) T(std::forward<Arguments>(arguments)...);
    header->kind = kKind;
    header->size = sizeof(T);
    header->magic.store(kMagic, std::memory_order_release);  // release: who sees it sees the object
    return made;
  }

  static Result<T*> find(void* memory, std::size_t size) {
    if (const auto fits = check(memory, size); !fits) return fits.error();
    auto* header = std::launder(static_cast<Header*>(memory));
    // Acquire: with it comes the object.
    const bool made = header->magic.load(std::memory_order_acquire) == kMagic;
    if (!made || header->kind != kKind || header->size != sizeof(T)) {
      return Error{Code::kInvalidArgument, "no object of this type and version was made in this memory"};
    }
    return std::launder(reinterpret_cast<T*>(header + 1));
  }

  static Result<void> check(const void* memory, std::size_t size) {
    if (memory == nullptr) return Error{Code::kInvalidArgument, "memory is NULL"};
    if (reinterpret_cast<std::uintptr_t>(memory) % alignof(Header) != 0) {
      return Error{Code::kInvalidArgument, "memory must be aligned to 64 bytes"};
    }
    if (size >= kSize) return {};
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    return out_of_range("memory_size", static_cast<std::int64_t>(size), std::int64_t{kSize}, kMost);
  }

 private:
  static constexpr std::uint64_t kMagic = 0x73656177616c6c31;  // "seawall1"
};

template <class T>
struct OwnOrLeave {
  bool owns = true;
  void operator()(T* object) const noexcept {
    if (owns) delete object;
  }
};
template <class T>
using OwnedOrPlaced = std::unique_ptr<T, OwnOrLeave<T>>;

// The handle first, so that nothing is made in the memory when there is none for the handle.
template <class H, class... Arguments>
int32_t make_placed(void* memory, std::size_t size, H** out, seawall_error* error, Arguments&&... arguments) {
  using Place = Placed<typename H::Rep, H::kExpected>;
  if (const auto fits = Place::check(memory, size); !fits) return fail(error, fits.error());
  auto handle = std::make_unique<H>(nullptr);
  handle->rep.reset(Place::make(memory, std::forward<Arguments>(arguments)...));
  *out = handle.release();
  return SEAWALL_OK;
}

template <class H>
int32_t attach_placed(void* memory, std::size_t size, H** out, seawall_error* error) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  return guarded(error, [&]() -> int32_t {
    const auto found = Placed<typename H::Rep, H::kExpected>::find(memory, size);
    if (!found) return fail(error, found.error());
    *out = std::make_unique<H>(found.value()).release();
    return SEAWALL_OK;
  });
}

}  // namespace seawall::capi
