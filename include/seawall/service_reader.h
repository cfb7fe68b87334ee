// SPDX-License-Identifier: MIT
//
// ServiceReader: chooses instances by the name of their service, without a lock, in the registry's own process or in
// another one that has the memory of the registry mapped. Who asks for one service again and again takes its handle
// from service() and spares the lookup.
//
// Threads: any number at once; nothing here waits for the registry or for another reader, also when the registry's
// process is stopped or dead half way through a change. Then the last list stands, and leases are believed only up to
// a little after the last tick, so nobody is lost because nobody ticks. Memory that another process overwrote gives
// wrong answers, but leads no reader out of it.
//
//   auto reader = seawall::ServiceReader::attach(memory).value();       // made by ServiceRegistry::make_in
//   if (auto pick = reader.pick_at("trading", now)) {
//     connect(pick->slot);
//     reader.done(pick->ticket, seawall::Outcome::kSuccess);
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "seawall/detail/service_directory.h"
#include "seawall/detail/service_names.h"
#include "seawall/outcome.h"
#include "seawall/result.h"
#include "seawall/service.h"
#include "seawall/service_snapshot.h"
#include "seawall/time.h"

namespace seawall {

class ServiceReader {
 public:
  // The registry in this memory, which must stay mapped while the reader and its handles are used. Error:
  // kInvalidArgument, naming what of the memory or its header cannot be.
  static Result<ServiceReader> attach(std::span<std::byte> memory) {
    const auto directory = detail::ServiceDirectory::attach(memory);
    if (!directory) return directory.error();
    return ServiceReader(directory.value());
  }

  // The handle of a service that the registry knows, valid while this reader lives; the registry keeps the service from
  // now on.
  std::optional<Service> service(std::string_view name) const noexcept {
    const detail::FoundService found = names().find(names().key(name));
    if (!found || !names().pin(found)) return std::nullopt;
    return Service(*directory_, found.index, names().owner(found.index));
  }

  // As Service::pick_at. Nothing also when the registry does not know the name.
  std::optional<Pick> pick_at(std::string_view name, TimePoint now,
                              std::span<const std::uint32_t> exclude = {}) const noexcept {
    return choose(name, [&](const Service& service) { return service.pick_at(now, exclude); });
  }
  std::optional<Pick> pick_at(std::string_view name, TimePoint now, PickText& text,
                              std::span<const std::uint32_t> exclude = {}) const noexcept {
    return choose(name, [&](const Service& service) { return service.pick_at(now, text, exclude); });
  }
  // Ends a pick of any service.
  ReportResult done_at(std::uint64_t ticket, Outcome outcome, TimePoint now,
                       Duration took = Service::kUnknown) const noexcept {
    return Service(*directory_, 0, 0).done_at(ticket, outcome, now, took);
  }
  ReportResult done(std::uint64_t ticket, Outcome outcome = Outcome::kSuccess,
                    Duration took = Service::kUnknown) const noexcept {
    return Service(*directory_, 0, 0).done(ticket, outcome, took);
  }

  // Random, drawn when the memory was made: a registry that was made anew has another one.
  std::uint64_t epoch() const noexcept { return directory_->header().epoch; }
  // Of the service; it grows with every change of its instances, also over a time in which the registry did not know
  // it. 0: it does not know it.
  std::uint64_t version(std::string_view service) const noexcept {
    return names().ask<std::uint64_t>(
        names().key(service), [&](std::uint32_t index) { return detail::seen(directory_->head(index)); },
        [](std::uint64_t) {});
  }
  // What changed since a snapshot that the caller holds, which may be of another registry or of none; nothing when its
  // version is still the service's. service_snapshot.h says how to read it.
  std::optional<ServiceNews> changed_since(const ServiceSnapshot& held, std::string_view service, TimePoint now) const;
  ServiceSnapshot snapshot_at(std::string_view service, TimePoint now) const;
  // Of all: it grows with every change that a reader can see; heartbeats change nothing.
  std::uint64_t version() const noexcept { return detail::seen(directory_->version()); }

 private:
  friend class ServiceRegistry;

  explicit ServiceReader(const detail::ServiceDirectory& directory)
      : directory_(std::make_unique<detail::ServiceDirectory>(directory)) {}

  detail::ServiceNames names() const noexcept { return directory_->names<detail::ServiceNames>(); }

  template <class Choose>
  std::optional<Pick> choose(std::string_view name, Choose&& choose) const noexcept {
    return names().ask<std::optional<Pick>>(
        names().key(name),
        [&](std::uint32_t index) { return choose(Service(*directory_, index, names().owner(index))); },
        [&](const std::optional<Pick>& pick) {
          if (pick) done(pick->ticket, Outcome::kIgnored);
        });
  }

  std::unique_ptr<detail::ServiceDirectory> directory_;
};

}  // namespace seawall
