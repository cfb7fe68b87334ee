// SPDX-License-Identifier: MIT
//
// A view of a service: a part of its instances under a name of its own, made by ServiceRegistry::view. It is picked
// from, watched, configured and explained as a service is, by handle or by name, in any process that has the registry's
// memory, and a pick costs the same, because the choice of instances is made when something changes, not at a pick. Who
// is ejected, how many calls an instance has and how fast it is are the instance's: the service and all its views see
// the same.
//
// A part may be by selector (instance_selector.h), a rendezvous subset for a client of a large fleet, or both: the
// subset then is of those that the selector matches. A subset is the members of the lowest score, which the seed and
// the id give, up to and with the subset-th that may get traffic now; so it has as many of those as asked for wherever
// there are, and a member that comes, goes or falls ill changes one place. Clients with different seeds cover the fleet
// evenly without talking to each other.
//
// A selector that matches nobody who could get traffic is told: Service::view_state, ServiceSnapshot::view,
// ServiceExplanation, and with ViewFallback::kAll the flag kPickUnfiltered of each pick.
//
//   auto canary = registry.view("trading-canary", {.service = "trading", .selector = "version=v2"}).value();
//   auto mine =
//       registry.view("trading-mine", {.service = "trading", .subset = 20, .subset_seed = my_host_hash}).value();
//   auto pick = mine.pick();
#pragma once

#include <cstdint>
#include <string>

namespace seawall {

// What a view is when its selector matches nobody who could get traffic, even in panic.
enum class ViewFallback : std::int32_t {
  kNobody = 0,  // nobody is picked
  kAll = 1,     // it is the whole service meanwhile, and each pick says so
};

struct ServiceViewOptions {
  std::string service;
  std::string selector = {};
  std::int32_t subset = 0;        // of so many that may get traffic; 0: no subset
  std::uint64_t subset_seed = 0;  // the client's own number, such as a hash of its host's name; 0: this registry's
  ViewFallback fallback = ViewFallback::kNobody;
};

}  // namespace seawall
