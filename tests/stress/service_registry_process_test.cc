// SPDX-License-Identifier: MIT
//
// A registry in memory that processes share. Its writer is killed at random instants in the midst of changes, or only
// stopped, and the next one takes over. Readers in this process and in another one pick and check throughout:
//
//   whole     id, host and port of a pick belong together;
//   named     the instance is one of the service that was asked for;
//   onwards   versions and generations only grow, over all writers, and each writer finds what the one before had
//   shown.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <span>
#include <string>
#include <thread>

#include "seawall/runtime/service_registry.h"
#include "seawall/service_reader.h"
#include "support/catch.h"

namespace {

constexpr seawall::TimePoint kNow = seawall::time_from_ns(0);

seawall::ServiceRegistryConfig config() {
  return seawall::ServiceRegistryConfig::make({.max_services = 3, .max_instances = 12, .max_metadata_bytes = 128})
      .value();
}

std::string host_of(std::string_view id, int port) {
  std::string host;
  for (int i = 0; i < port % 20; ++i) host.append(id).append("-").append(std::to_string(port)).append(".");
  return host.append("end");
}

struct Shared {
  std::atomic<std::int64_t> changes{0};  // by writers
  std::atomic<std::int64_t> wrong{0};    // of what the other reader saw
  std::atomic<std::int64_t> picks{0};
  std::atomic<std::uint64_t> generation{0};  // the last that a writer was given
};

struct Pages {
  explicit Pages(std::size_t size)
      : bytes(size), memory(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory != MAP_FAILED);
  }
  ~Pages() { munmap(memory, bytes); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::span<std::byte> span() const { return {static_cast<std::byte*>(memory), bytes}; }
  std::size_t bytes;
  void* memory;
};

// Four services for three places, so that one comes to the place of another.
std::string service_name(unsigned i) { return {'s', static_cast<char>('0' + i % 4)}; }

[[noreturn]] void write_until_killed(std::span<std::byte> memory, Shared& shared, unsigned seed) {
  auto registry =
      seawall::ServiceRegistry::take_over(memory, config(), seawall::ServiceRegistry::TakeOver::kAtOnce, kNow).value();
  std::mt19937 random(seed);
  for (;;) {
    const std::string service = service_name(static_cast<unsigned>(random()));
    const std::string id = service + "-" + std::to_string(random() % 4);
    const std::string name = service + "/" + id;
    const int port = 1 + static_cast<int>(random() % 60000);
    switch (random() % 5) {
      case 0:
        registry.deregister_at(name, 0, kNow);
        break;
      case 1:
        registry.drain_at(name, 0, kNow);
        break;
      case 2:
        (void)registry.update_at(name, 0, {.weight = port % 5, .metadata = {{{"port", std::to_string(port)}}}}, kNow);
        break;
      default: {
        const auto mine = registry.register_instance_at(
            service, {.id = id, .host = host_of(id, port), .port = port, .metadata = {{"port", std::to_string(port)}}},
            kNow);
        if (!mine) break;
        if (mine.value().generation <= shared.generation.load()) ++shared.wrong;
        shared.generation = mine.value().generation;
      }
    }
    if (shared.changes.fetch_add(1) % 16 == 0) registry.tick_at(kNow);
  }
}

// Picks once by name; how many things were wrong with it.
int check_pick(const seawall::ServiceReader& reader, unsigned which, std::uint64_t& version) {
  const std::string service = service_name(which);
  const std::uint64_t before = version;
  version = reader.version();
  int wrong = version < before;
  seawall::PickText text;
  const auto pick = reader.pick_at(service, kNow, text);
  if (!pick) return wrong;
  wrong += text.host.view() != host_of(text.id.view(), pick->port);
  wrong += text.id.view().substr(0, 2) != service;
  reader.done(pick->ticket);
  return wrong;
}

[[noreturn]] void read_until_killed(std::span<std::byte> memory, Shared& shared) {
  const auto reader = seawall::ServiceReader::attach(memory).value();
  std::uint64_t version = 0;
  for (unsigned i = 0;; ++i) {
    shared.wrong += check_pick(reader, i, version);
    ++shared.picks;
  }
}

template <class Body>
pid_t child(Body&& body) {
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) body();
  return pid;
}

void end(pid_t pid) {
  kill(pid, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_CASE("processes: writers of a registry are killed and stopped anywhere, readers go on and see whole instances") {
  const Pages pages(seawall::ServiceRegistry::memory_for(config()));
  const Pages counts(sizeof(Shared));
  auto& shared = *new (counts.memory) Shared();
  { REQUIRE(seawall::ServiceRegistry::make_in(pages.span(), config(), kNow)); }
  const auto reader = seawall::ServiceReader::attach(pages.span()).value();
  const pid_t other = child([&] { read_until_killed(pages.span(), shared); });
  std::mt19937 random(20261123);
  std::uint64_t version = 0;
  std::int64_t wrong = 0;
  unsigned asked = 0;
  for (int round = 0; round < 60; ++round) {
    const auto seed = static_cast<unsigned>(random());
    const pid_t writer = child([&] { write_until_killed(pages.span(), shared, seed); });
    const std::int64_t until = shared.changes + 1 + static_cast<std::int64_t>(random() % 400);
    while (shared.changes < until) wrong += check_pick(reader, asked++, version);
    if (round % 4 == 0) {
      kill(writer, SIGSTOP);
      REQUIRE(waitpid(writer, nullptr, WUNTRACED) == writer);  // it may go on for a moment
      const std::int64_t stands = shared.changes;
      const std::int64_t read = shared.picks;
      for (int i = 0; i < 2000; ++i) wrong += check_pick(reader, asked++, version);
      while (shared.picks < read + 100) sched_yield();  // the other reader does not wait either
      CHECK(shared.changes == stands);
    }
    end(writer);
  }
  end(other);
  CHECK(wrong == 0);
  CHECK(shared.wrong == 0);
  CHECK(shared.picks > 0);
  // All is usable: every service there is has its instances, and the places of the others can be taken.
  auto last =
      seawall::ServiceRegistry::take_over(pages.span(), config(), seawall::ServiceRegistry::TakeOver::kAtOnce, kNow)
          .value();
  CHECK(last.version() > version);
  for (const auto& service : last.services_at(kNow)) {
    for (const auto& info : service.instances) {
      CHECK(info.host == host_of(info.id, info.port));
      CHECK(last.deregister_at(info.service + "/" + info.id, 0, kNow) == seawall::RegistryAnswer::kOk);
    }
  }
  CHECK(last.stats().instances == 0);
  CHECK(last.stats().services == 0);
  for (unsigned i = 0; i < 12; ++i) {
    const std::string service = service_name(i % 3);
    const auto mine =
        last.register_instance_at(service, {.id = service + "-" + std::to_string(i), .host = "h", .port = 1}, kNow);
    REQUIRE(mine);
    CHECK(mine.value().generation > shared.generation);
  }
}

// Who is inside a verb at the fork is not there in the child, which has only a copy of what it was doing.
TEST_CASE("processes: a child forked at any time picks, by handle and by name") {
  seawall::ServiceRegistry registry(config(), kNow);
  const auto service = registry.service("s").value();
  REQUIRE(registry.register_instance_at("s", {.id = "stays", .host = "h", .port = 7}, kNow));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int port = 1; !stop.load(); port = port % 1000 + 1) {
      (void)registry.register_instance_at("s", {.id = "comes", .host = "h", .port = port}, kNow);
      registry.deregister_at("s/comes", 0, kNow);
    }
  });
  int waited = 0;
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);  // a child that waits ends by this signal
      bool picked = true;
      for (int n = 0; n < 20; ++n) {
        const auto by_handle = service.pick_at(kNow);
        picked =
            picked && by_handle &&
            service.done_at(by_handle->ticket, seawall::Outcome::kSuccess, kNow) == seawall::ReportResult::kRecorded;
        picked = picked && registry.pick_at("s", kNow).has_value();
      }
      _exit(picked ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    waited += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
  }
  stop = true;
  writer.join();
  CHECK(waited == 0);
}
