// SPDX-License-Identifier: MIT
//
// Counts what this thread allocates, makes it fail when told to, and overwrites what is freed, so that nobody reads it
// unnoticed: no address of it is one. For one file of a program, between
//   #if SEAWALL_COUNTS_ALLOCATIONS
//   #endif
// since the sanitizers keep their own operator new. The operators take the place of the C++ library's in the whole
// program. tests/capi/border has one for shared libraries, which may also return null.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEAWALL_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SEAWALL_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef SEAWALL_COUNTS_ALLOCATIONS
#define SEAWALL_COUNTS_ALLOCATIONS 1

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace allocation {

inline constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
inline thread_local std::size_t made = 0;
inline thread_local std::size_t allowed = kAll;  // further ones throw

inline void* make(std::size_t size, std::size_t alignment) {
  if (allowed == 0) throw std::bad_alloc();
  --allowed;
  ++made;
  const std::size_t rounded = (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded)) return memory;
  throw std::bad_alloc();
}

inline void free(void* memory) noexcept {
  if (memory == nullptr) return;
  std::memset(memory, 0xdb, malloc_usable_size(memory));
  asm volatile("" : : "r"(memory) : "memory");  // or the compiler leaves out what nobody reads
  std::free(memory);
}

}  // namespace allocation

#ifndef SEAWALL_OPERATORS_ARE_ELSEWHERE  // in another file of the program
void* operator new(std::size_t size) { return allocation::make(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t a) { return allocation::make(size, static_cast<std::size_t>(a)); }
void operator delete(void* memory) noexcept { allocation::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { allocation::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { allocation::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { allocation::free(memory); }
#endif

#endif
