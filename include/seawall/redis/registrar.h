// SPDX-License-Identifier: MIT
//
// Registrar: registers instances in a registry that machines share through Redis. StoreSource (redis/store_source.h) is
// its reading side. Each verb is one call of a script; who wants instances kept without thinking of heartbeats uses an
// InstanceKeeper (redis/instance_keeper.h).
//
// An instance has an id that is unique in its service, a generation and a lease. Leases run by the server's clock: no
// clock of a host is compared with another's. Somebody else who registers the id gets a higher generation, and what
// the older one says is answered kFenced: it must stop. kUnknown means that Redis has lost the instance, or let its
// lease end: register again, with the generation that it had. Registering with one's own generation is safe to repeat,
// however late an earlier attempt arrives. An instance that fell silent for a lease is doubted, for two is gone; but
// when more than 15 % of a service of four or more fall silent together, nobody is, until the shortest
// expiry_ceiling of the readers: who looks decides for all.
//
// A server that stood still for longer than a lease, or whose clock was stepped, ends no lease by that. Values of
// others under our keys (seawall-registry:*) are never overwritten: Fault::kForeign, and `reason` names the key.
//
// Threads: any. Blocking verbs wait until Redis has answered, StoreOptions::background_deadline at most, twice
// that to register anew.
//
//   auto registrar = seawall::redis::Registrar::make(store).value();
//   auto mine = registrar.register_instance("trading", {.id = "trading-1", .host = "10.0.0.1", .port = 8001});
//   registrar.renew("trading", "trading-1", mine.generation);          // every heartbeat_interval
//   registrar.deregister("trading", "trading-1", mine.generation);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "seawall/redis/answer.h"
#include "seawall/redis/store.h"
#include "seawall/result.h"
#include "seawall/runtime/service_instance.h"
#include "seawall/time.h"

namespace seawall::redis {

struct RegistrarOptions {
  std::string registry = "main";  // its name; 1 to 64 of A-Z a-z 0-9 _ . -
  Duration heartbeat_interval = std::chrono::seconds(1);
  Duration lease = std::chrono::seconds(3);  // at least twice heartbeat_interval
};

// What the store said, or why it said nothing.
struct StoreWord {
  RegistryAnswer answer = RegistryAnswer::kUnknown;  // without a fault
  Fault fault = Fault::kNone;
  std::uint64_t generation = 0;  // of the instance as the store knows it
  std::string reason{};          // of a fault, where the server gave one
  bool ok() const noexcept { return fault == Fault::kNone && answer == RegistryAnswer::kOk; }
};

class Registrar {
 public:
  static constexpr std::uint64_t kAnyGeneration = 0;
  static constexpr std::uint64_t kMaxGeneration = std::uint64_t{1} << 52;
  using Done = std::function<void(const StoreWord&)>;

  // Errors: kInvalidArgument, naming the option.
  static Result<Registrar> make(const Store& store, const RegistrarOptions& options = {});

  // As a new process with kAnyGeneration, which is given a generation above all others; else as the one that has this
  // generation, with its record as it is now. After a fault, repeat it with the generation of the answer. Wrong
  // arguments: Fault::kRefused, and the reason names the field.
  StoreWord register_instance(std::string_view service, const InstanceSpec& spec,
                              std::uint64_t generation = kAnyGeneration);
  // Renews the lease. The instance's own state moves forward only.
  StoreWord renew(std::string_view service, std::string_view id, std::uint64_t generation,
                  std::optional<SelfState> state = std::nullopt);
  // No new calls, by whoever says so; the lease is not renewed. kAnyGeneration: whoever has the id.
  StoreWord drain(std::string_view service, std::string_view id, std::uint64_t generation = kAnyGeneration);
  // Its generation cannot come back: what it still says is fenced, for ten leases. So with kUnknown too, where its
  // registration has not arrived yet.
  StoreWord deregister(std::string_view service, std::string_view id, std::uint64_t generation = kAnyGeneration);
  // Puts the service into the directory, from which readers learn that it exists; again every ten heartbeats or so.
  StoreWord enter(std::string_view service);

  // The same without waiting: `done` is called once, here or later on the store's thread, where it must not block. One
  // that throws std::bad_alloc there is called again from the deadline on, with Fault::kTimeout, until it does not; any
  // other exception ends the process.
  void register_async(std::string_view service, const InstanceSpec& spec, std::uint64_t generation, Done done);
  void renew_async(std::string_view service, std::string_view id, std::uint64_t generation,
                   std::optional<SelfState> state, Done done);
  void drain_async(std::string_view service, std::string_view id, std::uint64_t generation, Done done);
  void deregister_async(std::string_view service, std::string_view id, std::uint64_t generation, Done done);
  void enter_async(std::string_view service, Done done);

  const RegistrarOptions& options() const noexcept;

 private:
  class Impl;
  explicit Registrar(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace seawall::redis
