// SPDX-License-Identifier: MIT
//
// IdGenerator: random trace and span ids, unique across threads, processes and forks.
//
// xoshiro256++ (Blackman and Vigna, 2021): 256 bits of state seeded from the kernel at first use, and again by
// whichever side of a fork is the child. Ids are never all zero and all their bits are uniform, so a new trace may set
// the random flag. They identify, they are no secrets: whoever sees some can compute the others. Do not use them as
// session keys or passwords.
//
// Threads: one generator belongs to one thread at a time. this_thread() is the calling thread's own, and what you
// usually want; a `static` one shared by threads is a data race. Not for signal handlers, nor for shared memory.
// Known flaw: a virtual machine restored twice from one snapshot repeats ids until the program calls reseed_all().
//
//   seawall::IdGenerator& ids = seawall::IdGenerator::this_thread();
//   seawall::TraceContext root = seawall::TraceContext::root(ids);
#pragma once

#include <sys/random.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "seawall/algorithm/mix.h"
#include "seawall/algorithm/traceparent.h"
#include "seawall/detail/fork_epoch.h"
#include "seawall/time.h"

namespace seawall {

class IdGenerator {
 public:
  using Seed = std::array<std::uint64_t, 4>;

  constexpr IdGenerator() noexcept = default;
  // The same ids in every run, also on both sides of a fork: for tests. A seed of zeros counts as {1, 2, 3, 4}.
  constexpr explicit IdGenerator(const Seed& seed) noexcept : state_(seed), epoch_(kFixed) {
    if (seed == Seed{}) state_ = {1, 2, 3, 4};
  }
  IdGenerator(const IdGenerator&) = delete;  // a copy would repeat its ids
  IdGenerator& operator=(const IdGenerator&) = delete;

  // The calling thread's generator. Needs no destructor, so it also works while the thread ends.
  static IdGenerator& this_thread() noexcept {
    static thread_local constinit IdGenerator generator;
    // By one address in a register. Through the segment register each word of the last id is waited for, since
    // processors know what was just stored by register and distance only: that doubles the time of an id.
    IdGenerator* here = &generator;
    asm("" : "+r"(here));
    return *here;
  }

  // All generators of this process seed themselves anew before their next id, but for those of a given seed. For hosts
  // that learn of a restored snapshot (VMGENID, a hook of the hypervisor); the kernel must have new entropy by then,
  // as Linux has since 5.18. Any thread.
  static void reseed_all() noexcept { detail::advance_fork_epoch(); }

  TraceId trace_id() noexcept {
    std::array<std::uint64_t, 2> words{};
    seed_if_needed();
    do {
      words = {step(), step()};
    } while ((words[0] | words[1]) == 0);
    return std::bit_cast<TraceId>(words);
  }

  SpanId span_id() noexcept { return std::bit_cast<SpanId>(nonzero()); }

  // 64 uniform bits, of which only 0 never comes.
  std::uint64_t nonzero() noexcept {
    seed_if_needed();
    std::uint64_t word = 0;
    do {
      word = step();
    } while (word == 0);
    return word;
  }

 private:
  static constexpr std::uint64_t kFixed = ~std::uint64_t{0};
  static constexpr std::uint64_t kNotSeeded = kFixed - 1;

  void seed_if_needed() noexcept {
    if (detail::fork_epoch_or_0() != epoch_) [[unlikely]] {
      seed();
    }
  }

  [[gnu::noinline]] void seed() noexcept {
    const std::uint64_t epoch = detail::fork_epoch();
    if (epoch_ == kFixed || epoch == epoch_) return;
    Seed fresh{};
    if (!from_kernel(fresh) || fresh == Seed{}) fresh = from_clock(epoch);
    state_ = fresh;
    epoch_ = epoch;
  }

  static bool from_kernel(Seed& out) noexcept {
    ssize_t got = 0;
    do {
      got = getrandom(out.data(), sizeof out, 0);
    } while (got < 0 && errno == EINTR);
    return got == static_cast<ssize_t>(sizeof out);  // requests of up to 256 bytes come whole
  }

  // For a kernel that refuses getrandom (a seccomp filter): time, process, thread and epoch, mixed by SplitMix64.
  Seed from_clock(std::uint64_t epoch) const noexcept {
    std::uint64_t x =
        static_cast<std::uint64_t>(to_ns(Clock::now())) ^ std::rotl(std::bit_cast<std::uintptr_t>(this), 32);
    x ^= epoch * 0xd1342543de82ef95u + static_cast<std::uint64_t>(getpid());
    Seed out{};
    for (std::uint64_t& word : out) {
      x += 0x9e3779b97f4a7c15u;
      word = algorithm::mix64(x);
    }
    return out;
  }

  std::uint64_t step() noexcept {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  Seed state_{};
  std::uint64_t epoch_ = kNotSeeded;  // then detail::fork_epoch() when seeded; kFixed when the seed was given
};

}  // namespace seawall
