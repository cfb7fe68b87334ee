// SPDX-License-Identifier: MIT
//
// Restartable sequences (Linux 4.18, registered for each thread by glibc from 2.35 on): a few instructions that the
// kernel starts over when the thread was preempted, moved to another CPU or got a signal before the last of them. So
// the last one, a plain addition to a cell of this CPU, needs no lock prefix: nobody else adds to that cell meanwhile,
// in any thread or process, since who adds to it runs on its CPU.
//
// All sequences first compare a generation. Who changes it and then makes the kernel restart all sequences
// (membarrier, RSEQ) knows that nothing of the old generation is written any more.
//
// A thread points to the descriptor of its last sequence, which the kernel reads when it interrupts the thread. So code
// that may be unloaded clears that pointer; code of a program, which never is, leaves it, and saves a word: what each
// file is compiled for decides. What is compiled for a program cannot be linked into a library: it asks for the
// address of a word of the C library in a way that linkers refuse there. Known flaw: code that a program compiles at
// run time and frees has to define SEAWALL_UNLOADABLE as 1, and so should a program that is built with
// -mno-direct-extern-access, in which that address would be a relocation of its code.
//
// Missing (other machines, glibc before 2.35, ThreadSanitizer, a kernel or a valgrind without): kElsewhere, always.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#if !defined(__has_feature)
#define SEAWALL_HAS_FEATURE(x) 0
#else
#define SEAWALL_HAS_FEATURE(x) __has_feature(x)
#endif
#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__) && !defined(__SANITIZE_THREAD__) && \
    !SEAWALL_HAS_FEATURE(thread_sanitizer) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define SEAWALL_RSEQ 1
#else
#define SEAWALL_RSEQ 0
#endif

#if !defined(SEAWALL_UNLOADABLE)
#if defined(__PIC__) && !defined(__PIE__)
#define SEAWALL_UNLOADABLE 1
#else
#define SEAWALL_UNLOADABLE 0
#endif
#endif

namespace seawall::detail {

enum class Put : std::uint32_t {
  kDone = 0,
  kElsewhere = 1,  // not through a sequence: this thread has none, or this CPU no cell
  kStale = 2,      // the generation is another one
  kChanged = 3,    // the word no longer held what was expected
  kFirstDone = 4,  // of two additions
};

// Cells of neighbouring CPUs are this far apart: one page, so that no CPU writes a line of another.
inline constexpr std::size_t kCpuStride = 4096;

using Cell = std::atomic<std::uint64_t>;
using Generation = std::atomic<std::uint32_t>;
static_assert(sizeof(Cell) == 8 && sizeof(Generation) == 4, "the sequences below write them as plain words");

#if SEAWALL_RSEQ

// The CPU that this thread runs on, a load of a nanosecond's third; negative when glibc did not register the thread.
inline std::int32_t rseq_cpu() noexcept {
  std::int32_t cpu = 0;
  asm volatile("movl %%fs:4(%[area]), %[cpu]" : [cpu] "=r"(cpu) : [area] "r"(__rseq_offset));
  return cpu;
}
inline bool rseq_registered() noexcept { return __rseq_size != 0 && rseq_cpu() >= 0; }

// The descriptor (version, flags, start, length, where to go when interrupted) stands in a section that belongs to the
// function's own group, so that the linker drops both or none. The words before the abort address are the signature
// that the kernel asks for. Nothing may stand between the instruction that tells the kernel and the start: interrupted
// there, outside, the thread would be told to belong to no sequence and then run this one unguarded. The scratch
// registers are rax, which holds the CPU, a negative number in a thread without an area, and rcx.
// clang-format off
#if SEAWALL_UNLOADABLE
#define SEAWALL_RSEQ_LEAVE "movq $0, %%fs:8(%[area])\n\t"
#define SEAWALL_RSEQ_NO_LIBRARY
#else
#define SEAWALL_RSEQ_LEAVE
#define SEAWALL_RSEQ_NO_LIBRARY "leaq __rseq_offset(%%rip), %%rax\n\t"  // not reached
#endif
#define SEAWALL_RSEQ_BEGIN                              \
  ".pushsection __rseq_cs, \"aw?\"\n\t"                 \
  ".balign 32\n"                                        \
  "3:\n\t"                                              \
  ".long 0, 0\n\t"                                      \
  ".quad 1f, 2f - 1f, 4f\n\t"                           \
  ".popsection\n"                                       \
  "0:\n\t"                                              \
  "leaq 3b(%%rip), %%rcx\n\t"                           \
  "movq %%rcx, %%fs:8(%[area])\n"                       \
  "1:\n\t"                                              \
  "cmpl %[generation], %[alive]\n\t"                    \
  "jne 7f\n\t"                                          \
  "movl %%fs:4(%[area]), %%eax\n\t"                     \
  "testl %%eax, %%eax\n\t"                              \
  "js 6f\n\t"
// Behind the instruction that counts.
#define SEAWALL_RSEQ_END "\n2:\n\t" SEAWALL_RSEQ_LEAVE
#define SEAWALL_RSEQ_FAILURE(interrupted)               \
  ".pushsection __rseq_failure, \"ax?\"\n\t"            \
  ".byte 0x0f, 0xb9, 0x3d\n\t"                          \
  ".long 0x53053053\n"                                  \
  "4:\n\t"                                              \
  interrupted                                           \
  "5:\n\t"                                              \
  "jmp 0b\n"                                            \
  "6:\n\t"                                              \
  SEAWALL_RSEQ_LEAVE                                    \
  "jmp %l[elsewhere]\n"                                 \
  "7:\n\t"                                              \
  SEAWALL_RSEQ_LEAVE                                    \
  "jmp %l[stale]\n\t"                                   \
  SEAWALL_RSEQ_NO_LIBRARY                               \
  ".popsection\n\t"
// clang-format on

// Adds n to this CPU's cell, `first` being that of CPU 0. Every CPU that the system can have has one.
inline Put rseq_add(Cell* first, std::uint64_t n, const Generation& alive, std::uint32_t generation) noexcept {
  static_assert(kCpuStride == std::size_t{1} << 12);
  asm goto(
      SEAWALL_RSEQ_BEGIN
      "shlq $12, %%rax\n\t"
      "addq %[n], (%[first], %%rax)" SEAWALL_RSEQ_END SEAWALL_RSEQ_FAILURE("")
      :
      : [first] "r"(first), [n] "er"(n), [alive] "m"(alive), [generation] "r"(generation), [area] "r"(__rseq_offset)
      : "rax", "rcx", "memory", "cc"
      : elsewhere, stale);
  return Put::kDone;
elsewhere:
  return Put::kElsewhere;
stale:
  return Put::kStale;
}

// Adds n to this CPU's cell and 1 to the one that stands `other` cells behind the next one. kFirstDone: interrupted
// after the first. That is told by rcx, which is not 0 until the instruction that also sets ZF, and by ZF, which the
// first addition, of 1, clears: it makes no 0.
inline Put rseq_add_both(Cell* first, std::uint64_t n, std::size_t other, const Generation& alive,
                         std::uint32_t generation) noexcept {
  asm goto(SEAWALL_RSEQ_BEGIN
           "shlq $12, %%rax\n\t"
           "addq %[first], %%rax\n\t"
           "xorl %%ecx, %%ecx\n\t"
           "addq $1, 8(%%rax, %[other], 8)\n\t"
           "addq %[n], (%%rax)" SEAWALL_RSEQ_END SEAWALL_RSEQ_FAILURE("jz 5f\n\t"
                                                                      "testq %%rcx, %%rcx\n\t"
                                                                      "jz %l[half]\n")
           :
           : [first] "r"(first), [n] "er"(n), [other] "r"(other), [alive] "m"(alive), [generation] "r"(generation),
             [area] "r"(__rseq_offset)
           : "rax", "rcx", "memory", "cc"
           : elsewhere, stale, half);
  return Put::kDone;
elsewhere:
  return Put::kElsewhere;
stale:
  return Put::kStale;
half:
  return Put::kFirstDone;
}

// Replaces `expected` in a word that all CPUs share.
inline Put rseq_exchange(Cell& word, std::uint64_t expected, std::uint64_t desired, const Generation& alive,
                         std::uint32_t generation) noexcept {
  asm goto(SEAWALL_RSEQ_BEGIN
           "movq %[expected], %%rax\n\t"
           "lock cmpxchgq %[desired], %[word]" SEAWALL_RSEQ_END "jne %l[changed]\n\t" SEAWALL_RSEQ_FAILURE("")
           :
           : [word] "m"(word), [expected] "r"(expected), [desired] "r"(desired), [alive] "m"(alive),
             [generation] "r"(generation), [area] "r"(__rseq_offset)
           : "rax", "rcx", "memory", "cc"
           : elsewhere, stale, changed);
  return Put::kDone;
elsewhere:
  return Put::kElsewhere;
stale:
  return Put::kStale;
changed:
  return Put::kChanged;
}

#undef SEAWALL_RSEQ_BEGIN
#undef SEAWALL_RSEQ_NO_LIBRARY
#undef SEAWALL_RSEQ_END
#undef SEAWALL_RSEQ_FAILURE
#undef SEAWALL_RSEQ_LEAVE

#else

inline std::int32_t rseq_cpu() noexcept { return -1; }
inline bool rseq_registered() noexcept { return false; }
inline Put rseq_add(Cell*, std::uint64_t, const Generation&, std::uint32_t) noexcept { return Put::kElsewhere; }
inline Put rseq_add_both(Cell*, std::uint64_t, std::size_t, const Generation&, std::uint32_t) noexcept {
  return Put::kElsewhere;
}
inline Put rseq_exchange(Cell&, std::uint64_t, std::uint64_t, const Generation&, std::uint32_t) noexcept {
  return Put::kElsewhere;
}

#endif

}  // namespace seawall::detail
