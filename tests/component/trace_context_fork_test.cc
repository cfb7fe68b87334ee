// SPDX-License-Identifier: MIT
// Ids on both sides of a fork differ, whichever way the process was split.
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "seawall/trace/id_generator.h"
#include "support/catch.h"

namespace {

using seawall::IdGenerator;

constexpr std::size_t kIds = 500;  // of each process

// Memory that children write and the parent reads once they have ended.
class Shared {
 public:
  explicit Shared(std::size_t words) : size_(words * sizeof(std::uint64_t)) {
    void* mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    words_ = static_cast<std::uint64_t*>(mapped);
  }
  ~Shared() { munmap(words_, size_); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  std::uint64_t* data() const { return words_; }

 private:
  std::uint64_t* words_ = nullptr;
  std::size_t size_;
};

void write_ids(IdGenerator& ids, std::uint64_t* to) {
  for (std::size_t i = 0; i < kIds; ++i) to[i] = ids.nonzero();
}

pid_t with_fork() { return fork(); }
// As container runtimes and some language run times do it: no atfork handler runs.
pid_t with_clone() { return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }

std::size_t distinct(const std::uint64_t* first, std::size_t count) {
  std::vector<std::uint64_t> sorted(first, first + count);
  std::sort(sorted.begin(), sorted.end());
  return static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
}

// Forks `children` times; each child writes ids, then forks a grandchild that writes ids too. The parent writes last.
std::size_t ids_of_a_family(pid_t (*split)(), IdGenerator& ids, std::size_t children) {
  const Shared shared((2 * children + 1) * kIds);
  const std::uint64_t before = ids.nonzero();
  CHECK(before != 0);
  for (std::size_t child = 0; child < children; ++child) {
    const pid_t pid = split();
    if (pid == 0) {
      std::uint64_t* mine = shared.data() + 2 * child * kIds;
      write_ids(ids, mine);
      const pid_t grandchild = split();
      if (grandchild == 0) {
        write_ids(ids, mine + kIds);
        _exit(0);
      }
      int status = 1;
      waitpid(grandchild, &status, 0);
      _exit(status);
    }
    REQUIRE(pid > 0);
  }
  write_ids(ids, shared.data() + 2 * children * kIds);
  for (std::size_t child = 0; child < children; ++child) {
    int status = 1;
    REQUIRE(wait(&status) > 0);
    REQUIRE(status == 0);
  }
  return distinct(shared.data(), (2 * children + 1) * kIds);
}

}  // namespace

namespace {

// What the kernel answers this thread: itself, these words, or that it will not.
enum class Entropy { kKernel, kWords, kRefused };
thread_local Entropy entropy = Entropy::kKernel;
constexpr IdGenerator::Seed kWords{0x0123456789abcdef, 2, 3, 0xfedcba9876543210};

}  // namespace

// In the place of the C library's.
extern "C" [[gnu::visibility("default")]] ssize_t getrandom(void* to, std::size_t size, unsigned flags) {
  if (entropy == Entropy::kKernel) return static_cast<ssize_t>(syscall(SYS_getrandom, to, size, flags));
  if (entropy == Entropy::kRefused || size != sizeof kWords) {
    errno = ENOSYS;
    return -1;
  }
  std::memcpy(to, kWords.data(), size);
  return static_cast<ssize_t>(size);
}

TEST_CASE("the kernel's 256 bits are the seed, and without them ids still differ") {
  entropy = Entropy::kWords;
  IdGenerator seeded;
  IdGenerator same(kWords);
  const auto trace_id = seeded.trace_id();
  entropy = Entropy::kRefused;
  IdGenerator one;
  IdGenerator other;
  const std::array<std::uint64_t, 3> ids{one.nonzero(), other.nonzero(), seeded.nonzero()};
  entropy = Entropy::kKernel;
  CHECK(trace_id == same.trace_id());
  CHECK(ids[2] == same.nonzero());
  CHECK(distinct(ids.data(), ids.size()) == 3);
}

TEST_CASE("children and grandchildren generate ids of their own") {
  CHECK(ids_of_a_family(with_fork, IdGenerator::this_thread(), 8) == 17 * kIds);
}

TEST_CASE("so does a generator that is no thread's own") {
  IdGenerator ids;
  CHECK(ids_of_a_family(with_fork, ids, 4) == 9 * kIds);
}

TEST_CASE("so do children of a raw clone, which runs no handlers") {
  CHECK(ids_of_a_family(with_clone, IdGenerator::this_thread(), 4) == 9 * kIds);
}

TEST_CASE("a given seed repeats itself, also in a child") {
  IdGenerator one({1, 2, 3, 4});
  IdGenerator two({1, 2, 3, 4});
  const Shared shared(kIds);
  const pid_t pid = fork();
  if (pid == 0) {
    write_ids(one, shared.data());
    _exit(0);
  }
  REQUIRE(pid > 0);
  int status = 1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  std::vector<std::uint64_t> mine(kIds);
  write_ids(two, mine.data());
  CHECK(std::equal(mine.begin(), mine.end(), shared.data()));
}

TEST_CASE("the fork epoch changes in each generation and never at home") {
  const std::uint64_t home = seawall::detail::fork_epoch();
  CHECK(home != 0);
  CHECK(seawall::detail::fork_epoch() == home);
  const pid_t pid = fork();
  if (pid == 0) _exit(seawall::detail::fork_epoch() == home ? 1 : 0);
  REQUIRE(pid > 0);
  int status = 1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  CHECK(seawall::detail::fork_epoch() == home);
}

// A snapshot of a machine copies the state of its generators, as this copies theirs.
TEST_CASE("after a snapshot ids differ once the host says so") {
  IdGenerator ids;
  CHECK(ids.nonzero() != 0);
  std::array<std::byte, sizeof(IdGenerator)> snapshot;
  std::memcpy(snapshot.data(), static_cast<const void*>(&ids), sizeof ids);
  IdGenerator other;
  std::memcpy(static_cast<void*>(&other), snapshot.data(), sizeof other);
  std::vector<std::uint64_t> first(kIds);
  std::vector<std::uint64_t> second(kIds);
  write_ids(ids, first.data());
  write_ids(other, second.data());
  CHECK(first == second);  // what the hook is for
  IdGenerator::reseed_all();
  write_ids(ids, first.data());
  write_ids(other, second.data());
  first.insert(first.end(), second.begin(), second.end());
  CHECK(distinct(first.data(), first.size()) == 2 * kIds);
}

TEST_CASE("generators of a given seed are not reseeded") {
  IdGenerator one({1, 2, 3, 4});
  IdGenerator two({1, 2, 3, 4});
  CHECK(one.nonzero() == two.nonzero());
  IdGenerator::reseed_all();
  CHECK(one.nonzero() == two.nonzero());
}

TEST_CASE("the epoch that was advanced differs in children too, and never returns") {
  const std::uint64_t before = seawall::detail::fork_epoch();
  seawall::detail::advance_fork_epoch();
  const std::uint64_t home = seawall::detail::fork_epoch();
  CHECK(home != before);
  const pid_t pid = fork();
  if (pid == 0) {
    const std::uint64_t mine = seawall::detail::fork_epoch();
    seawall::detail::advance_fork_epoch();
    const std::uint64_t next = seawall::detail::fork_epoch();
    _exit(mine != home && mine != before && next != mine && next != home ? 0 : 1);
  }
  REQUIRE(pid > 0);
  int status = 1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("where pages cannot be wiped the process id serves") {
  std::atomic<std::uint64_t>& no_page = seawall::detail::fork_epoch_state.no_page;
  const std::uint64_t home = seawall::detail::next_fork_epoch(no_page);
  CHECK(home != 0);
  CHECK(no_page == 0);
  const pid_t pid = fork();
  if (pid == 0) _exit(seawall::detail::next_fork_epoch(no_page) == home ? 1 : 0);
  REQUIRE(pid > 0);
  int status = 1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("xoshiro256++ gives the numbers of its authors") {
  // From the reference C code with state {1, 2, 3, 4}.
  IdGenerator ids({1, 2, 3, 4});
  const std::vector<std::uint64_t> expected{
      41943041u, 58720359u, 3588806011781223u, 3591011842654386u, 9228616714210784205u, 9973669472204895162u};
  for (const std::uint64_t word : expected) CHECK(ids.nonzero() == word);
}

TEST_CASE("a seed of zeros does not stand still") {
  IdGenerator ids(IdGenerator::Seed{});
  std::vector<std::uint64_t> words(kIds);
  write_ids(ids, words.data());
  CHECK(distinct(words.data(), words.size()) == kIds);
}
