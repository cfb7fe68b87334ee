// SPDX-License-Identifier: MIT
//
// The processor's counter: how to read it in order, and whether the kernel vouches for it.
//
// An ordered read waits for the loads before it. A plain rdtsc does not: it may run before the load that saw another
// thread's message, and then reads less than that thread had read. As the kernel's vDSO does, x86 takes rdtscp and
// aarch64 an isb before the read; a store after it needs nothing, since stores become visible in order, later. A
// relaxed read is the plain one: it never reads what is yet to come, but may be done early.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace seawall::detail {

#if defined(__x86_64__)
inline constexpr std::string_view kCounterClockSource = "tsc";

inline std::uint64_t read_counter() noexcept {
  unsigned cpu = 0;
  return __builtin_ia32_rdtscp(&cpu);
}
inline std::uint64_t read_counter_relaxed() noexcept { return __builtin_ia32_rdtsc(); }

// rdtscp is there (8000_0001), and the counter's rate does not change with the processor's (8000_0007).
inline bool counter_is_invariant() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool ordered = __get_cpuid(0x80000001U, &a, &b, &c, &d) != 0 && (d >> 27 & 1U) != 0;
  return ordered && __get_cpuid(0x80000007U, &a, &b, &c, &d) != 0 && (d >> 8 & 1U) != 0;
}
#elif defined(__aarch64__)
inline constexpr std::string_view kCounterClockSource = "arch_sys_counter";

inline std::uint64_t read_counter() noexcept {
  std::uint64_t ticks = 0;
  asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
  return ticks;
}
inline std::uint64_t read_counter_relaxed() noexcept {
  std::uint64_t ticks = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
}

// By the architecture.
inline bool counter_is_invariant() noexcept { return true; }
#else
inline constexpr std::string_view kCounterClockSource = "";

inline std::uint64_t read_counter() noexcept { return 0; }
inline std::uint64_t read_counter_relaxed() noexcept { return 0; }
inline bool counter_is_invariant() noexcept { return false; }
#endif

// The text of a small file without the newline behind it; empty when it cannot be read.
template <std::size_t kSize>
std::string_view first_line(const char* path, std::array<char, kSize>& buffer) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const auto size = read(file, buffer.data(), buffer.size());
  close(file);
  if (size <= 0) return {};
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  return text.substr(0, text.find('\n'));
}

// An invariant counter keeps its rate; that all processors' counters show the same number is what the kernel tests at
// boot and watches after, and that it keeps both is the only evidence there is of a hypervisor's promise. So the
// counter is believed when the kernel itself reads its time from it. No file, no belief.
inline constexpr const char* kClockSourceFile = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

inline bool kernel_vouches_for_counter(const char* file = kClockSourceFile) noexcept {
  if (kCounterClockSource.empty() || !counter_is_invariant()) return false;
  std::array<char, 64> buffer{};
  return first_line(file, buffer) == kCounterClockSource;
}

}  // namespace seawall::detail
