// SPDX-License-Identifier: MIT
// Why this one and why not the others.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "registry/service_registry_impl.h"
#include "seawall/algorithm/peak_ewma.h"
#include "seawall/algorithm/spill_over.h"
#include "seawall/detail/service_core.h"
#include "seawall/runtime/service_explanation.h"
#include "text/json_text.h"

namespace seawall {
namespace {

template <class Each>
void for_each_reason(HealthStatus status, const Each& each) {
  for (std::uint32_t rest = status.reasons; rest != 0; rest &= rest - 1) {
    each(to_string(static_cast<HealthReason>(rest & (~rest + 1))));  // its lowest bit
  }
}

}  // namespace

InstanceExplanation ServiceRegistry::Impl::explain(const RegisteredService& service, const RegisteredInstance& instance,
                                                   std::int64_t in_flight, std::int64_t now) const {
  const detail::InstanceRecord& record = directory.record(instance.record);
  InstanceExplanation why;
  why.id = instance.spec.id;
  why.zone = instance.spec.zone;
  why.slot = instance.slot;
  why.generation = instance.generation;
  const InstanceInfo listed = info(instance, in_flight, now);
  why.status = listed.status;
  why.ejected_for = listed.ejected_for;
  why.weight = weight_now(owner(service), instance, owner(service).ramping_now) / double{kWeightUnit};
  why.in_flight = in_flight;
  if (service.config.options().balancer == Balancer::kPeakEwma) {
    const auto half_life_ms = service.config.options().ewma_half_life.count() / 1'000'000;
    const algorithm::PeakEwma ewma(static_cast<std::uint32_t>(half_life_ms));
    const auto now_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(now, 0)) / 1'000'000;
    why.latency = std::chrono::microseconds(ewma.at(detail::seen(record.ewma), now_ms));
  }
  const std::string& zone = service.config.options().zone;
  why.local = !zone.empty() && zone == instance.spec.zone;
  return why;
}

std::optional<ServiceExplanation> ServiceRegistry::Impl::explain(std::string_view name, std::int64_t now) const {
  const std::uint32_t* index = find_service(name);
  if (index == nullptr) return std::nullopt;
  const RegisteredService& service = services_[*index];
  const RegisteredService& from = owner(service);
  const detail::Word* words = directory.list(*index, detail::seen(directory.head(*index)));
  const detail::ListHead head(detail::seen(words[0]));
  ServiceExplanation why;
  why.service = service.name;
  why.balancer = service.config.options().balancer;
  why.panic_mode = service.config.options().panic_mode;
  why.panic_threshold = service.config.options().panic_threshold;
  why.eligible = head.eligible();
  why.known = head.known();
  why.ejected = service.view != nullptr ? detail::count_ejected(directory, words)
                                        : algorithm::EjectionShare::ejected(detail::seen(directory.share(*index)));
  why.view = head.view_state();
  if (service.view != nullptr) {
    why.view_of = from.name;
    why.selector = service.view->selector.text();
  }
  why.panic = head.panics(why.ejected);
  const bool zoned = head.local() != 0 && head.local() != head.eligible();
  if (zoned) why.local_share = static_cast<double>(detail::seen(words[1]) & 0x1ffff) / algorithm::kWholeShare;
  const std::vector<std::int32_t> flights = flights_by_record();
  std::vector<std::uint32_t> listed(directory.record_count());  // by record. 1: for panic, 2: for its own worth
  for (std::uint32_t i = 0; i < directory.list_size(head.known()); ++i) {
    const auto entry = detail::ListEntry::unpack(detail::seen(words[detail::ListHead::kWords + i]));
    listed[entry.record % listed.size()] = i < head.eligible() ? 2 : 1;
  }
  for (const RegisteredInstance* instance : from.instances) {
    InstanceExplanation& one = why.instances.emplace_back(explain(service, *instance, flights[instance->record], now));
    const std::uint32_t entry = listed[instance->record];
    if (service.view != nullptr) {
      const bool matches = service.view->selector.matches(instance->spec.zone, instance->spec.metadata);
      const bool fits =
          entry != 0 || detail::ListEntry::unpack(detail::seen(directory.slot(instance->slot))).weight == 0;
      if (!matches) ++why.unmatched;
      if (!matches && !head.unfiltered()) one.status.reasons |= kReasonUnmatched;
      if ((matches || head.unfiltered()) && !fits) one.status.reasons |= kReasonNotInSubset;
    }
    const bool live = (one.status.reasons & kReasonLeaseExpired) == 0;
    const bool ejected = (one.status.reasons & kReasonEjected) != 0;
    const bool fails = why.panic_mode == PanicMode::kFail;
    if (why.panic) {
      one.verdict = fails || entry == 0 ? PickVerdict::kNobody : PickVerdict::kPanic;
    } else if (entry < 2 || !live || (ejected && one.ejected_for > Duration(0))) {
      one.verdict = PickVerdict::kNobody;
    } else if (ejected) {
      one.verdict = PickVerdict::kProbe;
    } else {
      one.verdict = zoned && !one.local ? PickVerdict::kSpillOver : PickVerdict::kPicked;
    }
  }
  std::ranges::sort(why.instances, {}, &InstanceExplanation::slot);
  return why;
}

std::string ServiceExplanation::to_text() const {
  std::string out = fmt::format("{}: {}, {} of {} known eligible, {} ejected", service, seawall::to_string(balancer),
                                eligible, known, ejected);
  if (!view_of.empty()) {
    fmt::format_to(std::back_inserter(out), "; view of {}, {} unmatched by \"{}\": {}", view_of, unmatched, selector,
                   seawall::to_string(view));
  }
  if (panic) {
    fmt::format_to(std::back_inserter(out), "; panic, below {} %: {}", panic_threshold,
                   panic_mode == PanicMode::kFail ? "nobody is picked" : "all that are known are picked");
  }
  if (local_share < 1) fmt::format_to(std::back_inserter(out), "; {:.1f} % stay in the zone", local_share * 100);
  out += '\n';
  for (const InstanceExplanation& one : instances) {
    fmt::format_to(std::back_inserter(out), "  {}: {}", one.id, seawall::to_string(one.verdict));
    for_each_reason(one.status, [&](std::string_view name) { out.append(", ").append(name); });
    if (one.ejected_for > Duration(0)) {
      fmt::format_to(std::back_inserter(out), " for {:.1f} s", static_cast<double>(one.ejected_for.count()) / 1e9);
    }
    fmt::format_to(std::back_inserter(out), "; weight {:g}, {} in flight", one.weight, one.in_flight);
    if (one.latency > Duration(0)) {
      fmt::format_to(std::back_inserter(out), ", {:.1f} ms", static_cast<double>(one.latency.count()) / 1e6);
    }
    if (!one.zone.empty()) fmt::format_to(std::back_inserter(out), ", zone {}", one.zone);
    out += '\n';
  }
  return out;
}

// Names need no escapes: their alphabet holds none.
std::string ServiceExplanation::to_json() const {
  std::string out = fmt::format(
      R"({{"service":"{}","balancer":"{}","panic":{},"panic_mode":"{}","panic_threshold":{},"eligible":{},"known":{},)"
      R"("ejected":{},"local_share":{:g})",
      service, seawall::to_string(balancer), panic, panic_mode == PanicMode::kFail ? "fail" : "all", panic_threshold,
      eligible, known, ejected, local_share);
  if (!view_of.empty()) {
    fmt::format_to(std::back_inserter(out), R"(,"view_of":"{}","view":"{}","unmatched":{},"selector":)", view_of,
                   seawall::to_string(view), unmatched);
    append_json_text(out, selector);
  }
  out += R"(,"instances":[)";
  for (const InstanceExplanation& one : instances) {
    if (&one != &instances.front()) out += ',';
    fmt::format_to(std::back_inserter(out), R"({{"id":"{}","slot":{},"generation":{},"verdict":"{}","reasons":[)",
                   one.id, one.slot, one.generation, seawall::to_string(one.verdict));
    bool first = true;
    for_each_reason(one.status, [&](std::string_view name) {
      out.append(first ? "\"" : ",\"").append(name).append("\"");
      first = false;
    });
    fmt::format_to(std::back_inserter(out),
                   R"(],"ejected_for_ns":{},"weight":{:g},"in_flight":{},"latency_ns":{},"zone":"{}","local":{}}})",
                   one.ejected_for.count(), one.weight, one.in_flight, one.latency.count(), one.zone, one.local);
  }
  return out += "]}";
}

}  // namespace seawall
