// SPDX-License-Identifier: MIT
// A resolver that does not answer: this program's own getaddrinfo, which comes before the system's.
#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>

#include "seawall/redis/store.h"
#include "support/catch.h"

using namespace seawall;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSilent = "never-answered.test";

// Never destroyed: the resolver's thread may outlive all.
struct Resolver {
  std::promise<void> asked, released;
  std::atomic<bool> gave_up{false};
};
Resolver& resolver() {
  static Resolver& one = *std::make_unique<Resolver>().release();
  return one;
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  if (node == nullptr || std::strcmp(node, kSilent) != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0) {
    static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
  }
  resolver().asked.set_value();
  // Who waits for this fails the test, instead of hanging it.
  const auto woken = resolver().released.get_future().wait_for(60s);
  resolver().gave_up = woken == std::future_status::timeout;
  return EAI_AGAIN;
}

TEST_CASE("a store that goes does not wait for a name that is being resolved") {
  {
    const auto store = redis::Store::open({.endpoints = {{kSilent, 6379}}, .reconnect_max = 60s}).value();
    resolver().asked.get_future().wait();
  }
  CHECK_FALSE(resolver().gave_up);
  resolver().released.set_value();
}
