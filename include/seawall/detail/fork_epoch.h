// SPDX-License-Identifier: MIT
//
// fork_epoch(): a number that differs between a process and every child that it forks, for about a nanosecond.
//
// The number stands in a page that the kernel wipes in the child (MADV_WIPEONFORK, Linux 4.14): that also covers
// _Fork() and a raw clone(), which run no atfork handlers. The first call in the child finds 0 and draws the next
// number from a counter that the child inherited, so no number comes back in a line of descent. Where the kernel
// cannot wipe pages, or an emulator only says so, the process id serves (a system call each time). vfork() shares its
// memory and needs nothing.
//
// State seeded in one process remembers the epoch and seeds itself anew when it sees another one. advance_fork_epoch()
// makes all of this process do so, for a copy that no fork made: a virtual machine that was restored.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace seawall::detail {

// What `page` points to before the first call: a word that is 0, as that of a page just wiped.
inline constinit std::atomic<std::uint64_t> fork_epoch_unset{0};

// What every copy of this process's memory carries. `page` is &no_page where unsupported, whose word stays 0.
struct ForkEpoch {
  std::atomic<std::atomic<std::uint64_t>*> page{&fork_epoch_unset};
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> no_page{0};
};
inline constinit ForkEpoch fork_epoch_state;

#ifdef MADV_WIPEONFORK
// Asks for the page to be wiped. An emulator may take advice that it does not follow (qemu-user 7.2 takes any), so who
// also takes advice that does not exist is not believed.
inline bool wiped_on_fork(void* page, std::size_t size) noexcept {
  constexpr int kNoSuchAdvice = -1;
  return madvise(page, size, MADV_WIPEONFORK) == 0 && madvise(page, size, kNoSuchAdvice) != 0;
}
#endif

inline std::atomic<std::uint64_t>* map_fork_page() noexcept {
  auto& state = fork_epoch_state;
  constexpr std::size_t kSize = sizeof(std::uint64_t);  // the kernel gives a whole page
  auto* page = &state.no_page;
#ifdef MADV_WIPEONFORK
  void* mapped = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped != MAP_FAILED && wiped_on_fork(mapped, kSize)) {
    page = static_cast<std::atomic<std::uint64_t>*>(mapped);  // zero bytes are an atomic 0
  } else if (mapped != MAP_FAILED) {
    munmap(mapped, kSize);
  }
#endif
  std::atomic<std::uint64_t>* seen = &fork_epoch_unset;
  // Release, and acquire of the other's page: the mapping must be there before its address is.
  if (state.page.compare_exchange_strong(seen, page, std::memory_order_acq_rel, std::memory_order_acquire)) return page;
  if (page != &state.no_page) munmap(static_cast<void*>(page), kSize);
  return seen;
}

inline std::uint64_t next_fork_epoch(std::atomic<std::uint64_t>& word) noexcept {
  if (&word == &fork_epoch_state.no_page) {
    // Relaxed: the number is all there is.
    const std::uint64_t advanced = fork_epoch_state.count.load(std::memory_order_relaxed);
    return (std::uint64_t{1} << 63) | advanced << 32 | static_cast<std::uint32_t>(getpid());
  }
  // Relaxed, both: only the numbers themselves matter, and they differ whatever the order.
  const std::uint64_t next = fork_epoch_state.count.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint64_t seen = 0;
  return word.compare_exchange_strong(seen, next, std::memory_order_relaxed) ? next : seen;
}

// The epoch of each later call in this process differs from all before. Any thread; not from signal handlers.
inline void advance_fork_epoch() noexcept {
  auto& state = fork_epoch_state;
  // Acquire: pairs with the release in map_fork_page.
  auto* word = state.page.load(std::memory_order_acquire);
  if (word == &fork_epoch_unset) word = map_fork_page();
  // Relaxed, all: only the numbers themselves matter, and they differ whatever the order.
  const std::uint64_t next = state.count.fetch_add(1, std::memory_order_relaxed) + 1;
  if (word != &state.no_page) word->store(next, std::memory_order_relaxed);
}

// The epoch, or 0 when only fork_epoch() can say: for a check on the common path.
inline std::uint64_t fork_epoch_or_0() noexcept {
  // Acquire: pairs with the release in map_fork_page. Relaxed: nothing is published through the number.
  return fork_epoch_state.page.load(std::memory_order_acquire)->load(std::memory_order_relaxed);
}

// Never 0. Any thread; not from signal handlers of a process that never called it before.
inline std::uint64_t fork_epoch() noexcept {
  // Acquire: pairs with the release in map_fork_page.
  auto* word = fork_epoch_state.page.load(std::memory_order_acquire);
  if (word == &fork_epoch_unset) word = map_fork_page();
  // Relaxed: nothing is published through the number.
  const std::uint64_t epoch = word->load(std::memory_order_relaxed);
  return epoch != 0 ? epoch : next_fork_epoch(*word);
}

}  // namespace seawall::detail
