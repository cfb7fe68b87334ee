// SPDX-License-Identifier: MIT
//
// An allocator that fails when it is told to, and creations that are tried with it: with one allocation, then with two,
// until they succeed. Each failure must come back as SEAWALL_E_NO_MEMORY, leave *out NULL and leak nothing. For one
// file of a program.
//
// The operators below take the place of the C++ library's in the whole process, shared libraries included.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "seawall_c.h"

namespace {

// Of this thread.
thread_local std::int64_t allocations_left = INT64_MAX;
// Of all threads but the one that made this, together.
std::atomic<std::int64_t> others_left{INT64_MAX};
const std::thread::id the_first = std::this_thread::get_id();
std::atomic<std::int64_t> live{0};

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (allocations_left <= 0) return nullptr;
  --allocations_left;
  if (std::this_thread::get_id() != the_first && others_left-- <= 0) return nullptr;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory != nullptr) ++live;
  return memory;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

constexpr std::size_t kAligned = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, kAligned); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, kAligned); }
void* operator new(std::size_t size, std::align_val_t a) { return allocate_or_throw(size, std::size_t(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return allocate_or_throw(size, std::size_t(a)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kAligned); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kAligned); }
void* operator new(std::size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(size, std::size_t(a));
}
void* operator new[](std::size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(size, std::size_t(a));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace {

int failures = 0;

void check(bool holds, const char* what, const std::string& where) {
  if (holds) return;
  ++failures;
  std::fprintf(stderr, "%s: %s\n", where.c_str(), what);
}

// create() -> (code, made something); destroy() undoes a success.
struct Creation {
  const char* name;
  std::function<std::pair<std::int32_t, bool>()> create;
  std::function<void()> destroy;
};

void fail_at_each_allocation(const Creation& creation) {
  constexpr int kMost = 100'000;
  const std::int64_t before = live.load();
  for (int n = 0; n < kMost; ++n) {
    allocations_left = n;
    const auto [code, made] = creation.create();
    allocations_left = INT64_MAX;
    if (code == SEAWALL_OK) {
      std::printf("%s: %d allocations\n", creation.name, n);
      check(made, "succeeded without a handle", creation.name);
      check(n > 0, "needs no memory: is this test's allocator in use?", creation.name);
      creation.destroy();
      const bool leaks = live.load() != before;
      check(!leaks, "leaks after _free", creation.name);
      return;
    }
    const bool leaks = live.load() != before;
    const std::string where = std::string(creation.name) + ", allocation " + std::to_string(n + 1);
    check(code == SEAWALL_E_NO_MEMORY, "another code than NO_MEMORY", where);
    check(!made, "left a handle in *out", where);
    check(!leaks, "leaks", where);
    if (code != SEAWALL_E_NO_MEMORY) return;  // it would fail so for ever
  }
  check(false, "never succeeded", creation.name);
}

template <class Handle>
Creation creation(const char* name, std::int32_t (*make)(Handle** out, seawall_error* error), void (*free)(Handle*)) {
  static Handle* handle = nullptr;
  return {name,
          [make] {
            handle = nullptr;
            seawall_error error = SEAWALL_ERROR_INIT;
            const std::int32_t code = make(&handle, &error);
            return std::pair(code, handle != nullptr);
          },
          [free] { free(handle); }};
}

}  // namespace
