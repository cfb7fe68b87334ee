// SPDX-License-Identifier: MIT
//
// A verb of the registry that runs out of memory, at any allocation, has changed nothing: what was registered is there
// as it was, for listings, for picks and for the next writer. Not under the sanitizers, which keep their own operator
// new.
#include "support/allocations.h"

#if SEAWALL_COUNTS_ALLOCATIONS

#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "seawall/runtime/service_registry.h"
#include "support/catch.h"

using seawall::InstanceSpec;
using seawall::ServiceRegistry;
using seawall::TimePoint;

namespace {

constexpr TimePoint kNow{};

seawall::ServiceRegistryConfig config(bool one_per_endpoint) {
  return seawall::ServiceRegistryConfig::make(
             {.one_per_endpoint = one_per_endpoint, .max_services = 2, .max_instances = 4, .max_metadata_bytes = 256})
      .value();
}

InstanceSpec spec(int number) {
  const std::string n = std::to_string(number);
  return {.id = "an-instance-whose-id-is-of-some-length-" + n,
          .host = "a-host-with-a-name-of-some-length-" + n,
          .port = number,
          .zone = "a-zone-with-a-name-of-some-length-" + n,
          .metadata = {{"a-name-of-some-length", "and-a-value-of-some-length-" + n}, {"k", n}, {"empty", ""}}};
}

// Of all that there is, in the order of slots.
std::string listed(const ServiceRegistry& registry) {
  std::string text;
  for (const auto& service : registry.services_at(kNow)) {
    text += service.name + ":";
    for (const auto& i : service.instances) {
      text += " " + i.id + " " + i.host + ":" + std::to_string(i.port) + " " + i.zone;
      for (const auto& [name, value] : i.metadata) text += " " + name + "=" + value;
    }
    text += "\n";
  }
  const seawall::RegistryStats stats = registry.stats();
  return text + std::to_string(stats.services) + " " + std::to_string(stats.instances);
}

std::string picked(ServiceRegistry& registry) {
  const auto service = registry.service("a-service-with-a-name-of-some-length").value();
  std::string ports;
  for (int i = 0; i < 4; ++i) {
    const auto pick = service.pick_at(kNow);
    if (!pick) return "nobody";
    ports += std::to_string(pick->port);
    service.done(pick->ticket, seawall::Outcome::kSuccess);
  }
  return ports;
}

struct Block {
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  explicit Block(const seawall::ServiceRegistryConfig& of)
      : bytes(ServiceRegistry::memory_for(of)), memory(new (std::align_val_t(64)) std::byte[bytes]) {}
  ~Block() { ::operator delete[](memory, std::align_val_t(64)); }
  std::span<std::byte> span() const { return {memory, bytes}; }

  std::size_t bytes;
  std::byte* memory;
};

// False: `verb` ran out of memory with so many allocations.
bool does_with(std::size_t allocations, const std::function<void()>& verb) {
  allocation::allowed = allocations;
  bool ended = true;
  try {
    verb();
  } catch (const std::bad_alloc&) {
    ended = false;
  }
  allocation::allowed = allocation::kAll;
  return ended;
}

// Nobody that failed to register has the endpoint still: another id takes it from nobody.
void check_endpoint_is_free(ServiceRegistry& registry) {
  const std::int64_t before = registry.stats().endpoints_taken;
  InstanceSpec other = spec(2);
  other.id = "another";
  const auto mine = registry.register_instance_at("a-service-with-a-name-of-some-length", other, kNow);
  REQUIRE(mine);
  CHECK(registry.stats().endpoints_taken == before);
  CHECK(registry.deregister_at(mine.value().name, mine.value().generation, kNow) == seawall::RegistryAnswer::kOk);
}

using Verb = std::function<void(ServiceRegistry&, const std::string& name)>;

// Each is found by its id alone, goes once, and leaves nothing.
void check_names(ServiceRegistry& registry) {
  for (const auto& service : registry.services_at(kNow)) {
    for (const auto& i : service.instances) {
      CHECK(registry.deregister_at(i.id, 0, kNow) == seawall::RegistryAnswer::kOk);
      CHECK(registry.deregister_at(i.id, 0, kNow) == seawall::RegistryAnswer::kUnknown);
    }
  }
  CHECK(registry.stats().instances == 0);
  CHECK(registry.stats().services == 0);
}

// What `verb` makes of a registry; where it first failed with so many allocations, when it is tried again.
std::string made_by(const seawall::ServiceRegistryConfig& bounds, const Verb& verb, std::size_t failing_with) {
  ServiceRegistry registry(bounds, kNow);
  const auto mine = registry.register_instance_at("a-service-with-a-name-of-some-length", spec(1), kNow).value();
  if (failing_with != allocation::kAll) CHECK(!does_with(failing_with, [&] { verb(registry, mine.name); }));
  verb(registry, mine.name);
  std::string made = listed(registry);
  check_names(registry);
  return made;
}

void check_each_allocation(bool one_per_endpoint, const Verb& verb) {
  const auto bounds = config(one_per_endpoint);
  const std::string service = "a-service-with-a-name-of-some-length";
  const std::string wanted = made_by(bounds, verb, allocation::kAll);
  std::size_t enough = 0;
  for (bool failed = true; failed; ++enough) {
    CAPTURE(enough);
    const Block block(bounds);
    auto registry = ServiceRegistry::make_in(block.span(), bounds, kNow).value();
    const auto mine = registry.register_instance_at(service, spec(1), kNow).value();
    const std::string before = listed(registry);
    failed = !does_with(enough, [&] { verb(registry, mine.name); });
    const std::string after = listed(registry);
    CHECK(after == (failed ? before : wanted));
    if (failed) CHECK(made_by(bounds, verb, enough) == wanted);
    if (failed) CHECK(picked(registry) == "1111");
    CHECK(picked(registry) != "nobody");
    if (failed) check_endpoint_is_free(registry);
    auto next = ServiceRegistry::take_over(block.span(), bounds, ServiceRegistry::TakeOver::kAtOnce, kNow).value();
    CHECK(listed(next) == after);
    CHECK(picked(next) != "nobody");
  }
  CHECK(enough > 2);
}

}  // namespace

TEST_CASE("a verb that runs out of memory changes nothing, whichever allocation fails") {
  const bool one_per_endpoint = GENERATE(false, true);
  CAPTURE(one_per_endpoint);
  const std::vector<std::pair<const char*, Verb>> verbs{
      {"register, of a known service",
       [](ServiceRegistry& r, const std::string&) {
         (void)r.register_instance_at("a-service-with-a-name-of-some-length", spec(2), kNow);
       }},
      {"register, of a new service",
       [](ServiceRegistry& r, const std::string&) {
         (void)r.register_instance_at("another-service-with-a-name-of-some-length", spec(2), kNow);
       }},
      {"replace",
       [](ServiceRegistry& r, const std::string&) {
         InstanceSpec next = spec(2);
         next.id = spec(1).id;
         (void)r.register_instance_at("a-service-with-a-name-of-some-length", next, kNow);
       }},
      {"update", [](ServiceRegistry& r, const std::string& name) {
         const seawall::InstanceUpdate update{.zone = spec(2).zone, .metadata = spec(2).metadata};
         (void)r.update_at(name, 0, update, kNow);
       }}};
  for (const auto& [what, verb] : verbs) {
    CAPTURE(what);
    check_each_allocation(one_per_endpoint, verb);
  }
}

#endif
