// SPDX-License-Identifier: MIT
//
// Restartable sequences themselves: interrupted before each of their instructions and on their way back to the start,
// and what a thread keeps of them when they are over, in code of a program and in code of a library that is unloaded.
#include "seawall/detail/rseq.h"
#include "support/catch.h"

#if SEAWALL_RSEQ

#include <dlfcn.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <limits>
#include <span>

#include "seawall/runtime/metrics_registry.h"
#include "support/recording_plugin.h"

using seawall::detail::Cell;
using seawall::detail::Generation;
using seawall::detail::Put;

namespace {

constexpr std::size_t kBehind = 5;  // cells from the one behind the first
constexpr std::uint64_t kLarge = std::numeric_limits<std::uint64_t>::max() - 6;

// One page for each CPU that a kernel can have, and no memory before it is written.
struct Cells {
  static constexpr std::size_t size = std::size_t{8192} * seawall::detail::kCpuStride;
  Cells() {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    first = static_cast<Cell*>(memory);
  }
  ~Cells() { munmap(static_cast<void*>(first), size); }
  Cells(const Cells&) = delete;
  Cells& operator=(const Cells&) = delete;
  std::uint64_t total(std::size_t cell) const {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < size; at += seawall::detail::kCpuStride)
      sum += first[at / sizeof(Cell) + cell].load();
    return sum;
  }
  Cell* first = nullptr;
};

// What the kernel reads.
struct alignas(32) Descriptor {
  std::uint32_t version, flags;
  unsigned char* start;
  std::uint64_t length;
  unsigned char* abort;
};

Put add_both_here(const Cells& cells, std::uint64_t n) {
  static const Generation alive{4};
  return seawall::detail::rseq_add_both(cells.first, n, kBehind, alive, 4);
}

// Through a pointer that may change: so there is one such sequence, and it has all numbers in registers.
Put (*volatile add_both)(const Cells&, std::uint64_t) = add_both_here;

// Of the sequence that this thread was in last, where it was not interrupted since.
const Descriptor* descriptor_of_add_both() {
  const Cells cells;
  for (;;) {
    add_both(cells, 1);
    if (const std::uint64_t kept = sequence_of_this_thread()) return reinterpret_cast<const Descriptor*>(kept);
  }
}

// Where the sequence is interrupted, one after the other, and what became of it: was it sent to where it starts over?
struct Trap {
  unsigned char* at;
  unsigned char byte = 0;
  bool started_over = false;

  void set() {
    byte = *at;
    *at = 0xCC;  // int3: the kernel finds the thread behind it, and all registers as they were before it
  }
};
std::span<Trap> traps;
std::size_t trapped = 0;
const unsigned char* start_over = nullptr;

// The code of this program can be written from here to the end.
class Writable {
 public:
  explicit Writable(const void* code) : page_(reinterpret_cast<std::uintptr_t>(code) / kPage * kPage) {
    REQUIRE(protect(PROT_READ | PROT_WRITE | PROT_EXEC));
  }
  ~Writable() { protect(PROT_READ | PROT_EXEC); }
  Writable(const Writable&) = delete;
  Writable& operator=(const Writable&) = delete;

 private:
  static constexpr std::uintptr_t kPage = 4096;
  bool protect(int how) const { return mprotect(reinterpret_cast<void*>(page_), 2 * kPage, how) == 0; }
  std::uintptr_t page_;
};

// Its answer, interrupted before each of these instructions.
Put add_both_interrupted(std::span<Trap> at, const Descriptor& descriptor, const Cells& cells, std::uint64_t n) {
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    Trap& trap = traps[trapped++];
    *trap.at = trap.byte;
    greg_t& ip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
    trap.started_over = ip == reinterpret_cast<greg_t>(start_over);
    if (ip == reinterpret_cast<greg_t>(trap.at) + 1) --ip;  // outside a sequence
    if (trapped < traps.size()) traps[trapped].set();
  };
  struct sigaction before {};
  REQUIRE(sigaction(SIGTRAP, &action, &before) == 0);
  traps = at;
  trapped = 0;
  start_over = descriptor.abort;
  traps[0].set();
  const Put put = add_both(cells, n);
  REQUIRE(sigaction(SIGTRAP, &before, nullptr) == 0);
  REQUIRE(trapped == at.size());
  return put;
}
Put add_both_interrupted_at(unsigned char* at, const Descriptor& descriptor, const Cells& cells, std::uint64_t n) {
  Trap trap{at};
  return add_both_interrupted(std::span(&trap, 1), descriptor, cells, n);
}

// The jump that ends the way back to the start of a sequence that was interrupted.
unsigned char* last_jump_of(unsigned char* code) {
  for (int i = 0; i < 16; ++i) {
    switch (*code) {
      case 0xEB:
      case 0xE9:
        return code;  // jmp
      case 0x74:
        code += 2;
        break;  // jz, near
      case 0x0F:
        code += 6;
        break;  // jz
      case 0x64:
        code += 5;
        break;  // mov of the thread's
      default:
        code += code[1] == 0x8D ? 7 : 3;  // lea, test
    }
  }
  FAIL("no jump at the end");
  return nullptr;
}

}  // namespace

#if !SEAWALL_UNLOADABLE
TEST_CASE("two additions in one sequence are made once each, wherever it is interrupted, and who must go on is told") {
  if (!seawall::detail::rseq_registered()) return;
  const Descriptor* descriptor = descriptor_of_add_both();
  unsigned char* const end = descriptor->start + descriptor->length;
  const Writable writable(descriptor->start);
  // The last instructions: to multiply the CPU, to add the first cell's address, to clear rcx, and both additions.
  struct Instruction {
    std::ptrdiff_t before_end;
    const char* begin;
  };
  constexpr Instruction kLast[] = {
      {18, "\x48\xc1\xe0\x0c"}, {14, "\x48\x01"}, {11, "\x31\xc9"}, {9, nullptr}, {3, "\x48\x01"}};
  for (const std::uint64_t n : {std::uint64_t{3}, kLarge}) {
    for (const Instruction& instruction : kLast) {
      unsigned char* const at = end - instruction.before_end;
      if (instruction.begin != nullptr) {
        REQUIRE(((*at & 0xF8) == 0x48 || *at == 0x31));
        REQUIRE(at[1] == static_cast<unsigned char>(instruction.begin[1]));
      }
      const bool half = instruction.before_end == 3;
      const Cells cells;
      INFO("bytes before the end: " << instruction.before_end);
      CHECK(add_both_interrupted_at(at, *descriptor, cells, n) == (half ? Put::kFirstDone : Put::kDone));
      CHECK(cells.total(1 + kBehind) == 1);
      CHECK(cells.total(0) == (half ? 0 : n));
    }
    // Before the first instruction, and behind the last one.
    const Cells cells;
    CHECK(add_both_interrupted_at(descriptor->start, *descriptor, cells, n) == Put::kDone);
    CHECK(add_both_interrupted_at(end, *descriptor, cells, n) == Put::kDone);
    CHECK((cells.total(1 + kBehind) == 2 && cells.total(0) == 2 * n));
  }
}

TEST_CASE("a sequence that is interrupted on its way back to the start is one all the same") {
  if (!seawall::detail::rseq_registered()) return;
  const Descriptor* descriptor = descriptor_of_add_both();
  unsigned char* const jump = last_jump_of(descriptor->abort);
  const Writable sequence(descriptor->start), way_back(jump);
  Trap at[] = {{descriptor->start}, {jump}, {descriptor->start}};
  const Cells cells;
  CHECK(add_both_interrupted(at, *descriptor, cells, 3) == Put::kDone);
  CHECK(at[0].started_over);
  CHECK(!at[1].started_over);
  CHECK(at[2].started_over);
  CHECK((cells.total(1 + kBehind) == 1 && cells.total(0) == 3));
}
#endif

// The kernel reads the descriptor at the next interruption, when the library may be gone.
TEST_CASE("a thread that recorded in a library keeps nothing of it, and lives on when it is unloaded") {
  if (!seawall::detail::rseq_registered()) return;
  seawall::MetricsRegistry r;
  const seawall::Counter counter = r.counter("a_total", "A.").value().get();
  const seawall::Gauge gauge = r.gauge("g", "G.").value().get();
  const seawall::Histogram histogram = r.histogram("h", "H.").value().get();
  const pid_t child = fork();
  if (child == 0) {
    void* library = dlopen(SEAWALL_RECORDING_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) _exit(2);
    const auto record = reinterpret_cast<Record*>(dlsym(library, "record"));
    if (record == nullptr || !record(counter, gauge, histogram, 1000)) _exit(3);
    if (!record({}, {}, {}, 1000)) _exit(4);
    if (dlclose(library) != 0 || dlopen(SEAWALL_RECORDING_PLUGIN, RTLD_NOW | RTLD_NOLOAD) != nullptr) _exit(5);
    for (int i = 0; i < 1000; ++i) {
      raise(SIGCONT);
      sched_yield();
    }
    _exit(sequence_of_this_thread() == 0 ? 0 : 6);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

#endif
