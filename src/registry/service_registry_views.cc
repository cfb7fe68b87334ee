// SPDX-License-Identifier: MIT
// Views: how they are defined, kept in the directory and read back, and who is in a subset.
#include <algorithm>

#include "registry/service_registry_impl.h"
#include "seawall/algorithm/rendezvous.h"
#include "seawall/detail/siphash.h"

namespace seawall {
namespace {

using detail::seen;
using detail::show;

std::uint64_t score(const RegisteredView& view, const ListMember& member) {
  return algorithm::Rendezvous::score(view.seed, detail::siphash({0, 0}, member.instance->spec.id));
}

}  // namespace

// Those up to the score of the last one that is needed, well or not: whoever is not well is one more in the list, for
// panic, as he would be in the service's.
void ServiceRegistry::Impl::keep_subset(const RegisteredView& view) noexcept {
  scores_.clear();
  for (const ListMember& member : members_) {
    if (member.part < ListPart::kPanicOnly) scores_.push_back(score(view, member));
  }
  const std::uint64_t limit = algorithm::Rendezvous::limit(scores_, view.subset);
  std::erase_if(members_, [&](const ListMember& member) { return score(view, member) > limit; });
}

// Asked before anything is made, so that a view that is refused leaves nothing behind.
Result<void> ServiceRegistry::Impl::may_define_view(std::string_view name, std::string_view service) {
  const auto refused = [&](std::string_view what, std::string_view why, std::string_view whose) {
    return Error{Code::kInvalidArgument, Message(what).append(why).append(whose)};
  };
  const std::uint32_t *of = find_service(service), *known = find_service(name);
  if (of != nullptr && services_[*of].view != nullptr) {
    return refused(service, " is a view itself, of ", owner(services_[*of]).name);
  }
  if (name == service || (known != nullptr && services_[*known].view == nullptr)) {
    return refused(name, " is a service, ", "not a view");
  }
  if (known != nullptr && (of == nullptr || services_[*known].view->of != *of)) {
    return refused(name, " is a view of ", owner(services_[*known]).name);
  }
  if (known != nullptr) return {};
  if (free_services_.size() < (of == nullptr ? 2u : 1u)) return full("max_services", options_.max_services);
  // The default, which an unknown service gets, is never one that chooses by key.
  if (of != nullptr && services_[*of].config.hashed() && free_tables_.empty()) {
    return full("max_hashed_services", options_.max_hashed_services);
  }
  return {};
}

Result<std::uint32_t> ServiceRegistry::Impl::define_view(std::string_view name, const ServiceViewOptions& options,
                                                         const InstanceSelector& selector) {
  if (auto checked = may_define_view(name, options.service); !checked) return checked.error();
  const auto of = pin(options.service);
  if (!of) return of.error();
  const std::uint32_t* known = find_service(name);
  auto view = std::make_unique<RegisteredView>();
  view->of = of.value();
  view->selector = selector;
  view->subset = static_cast<std::uint32_t>(options.subset);
  view->seed = options.subset_seed != 0 ? options.subset_seed : directory.header().epoch;
  view->fallback = options.fallback;
  scores_.reserve(members_.capacity());
  std::uint32_t index = 0;
  if (known != nullptr) {
    index = *known;
    services_[index].view = std::move(view);
    write_view(index);
  } else {
    auto& views = services_[of.value()].views;
    views.reserve(views.size() + 1);
    ServiceConfig copy = services_[of.value()].config;
    const auto made = service_for(name, std::move(view));
    if (!made) return made.error();
    index = made.value();
    names().pin(names().find(names().key(name)));
    choose_by(services_[index], std::move(copy));
    views.push_back(index);
  }
  publish(of.value());
  return index;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
void ServiceRegistry::Impl::write_view(std::uint32_t index) noexcept {
  const RegisteredView& view = *services_[index].view;
  detail::ServiceViewWords& words = directory.view(index);
  const std::uint64_t next = seen(words.count) + 1;
  detail::ViewDefinitionWords& to = words.of(next);
  const std::string& text = view.selector.text();
  to.selector.store(text);
  show(to.seed, view.seed);
  show(to.rule, std::uint64_t{view.subset} << 9 | (view.fallback == ViewFallback::kAll ? 0x100u : 0u) | text.size());
  show(words.count, next);
}

std::unique_ptr<RegisteredView> ServiceRegistry::Impl::read_view(std::uint32_t index) const {
  detail::ServiceViewWords& words = directory.view(index);
  const std::uint64_t count = seen(words.count);
  const std::uint32_t of = names().owner(index);
  if (count == 0 || of == index || services_[of].name.empty() || names().owner(of) != of) return nullptr;
  const detail::ViewDefinitionWords& from = words.of(count);
  const std::uint64_t rule = seen(from.rule);
  char text[detail::TextWords<32>::kBytes];
  from.selector.load(text, rule & 0xff);
  auto selector = InstanceSelector::parse(std::string_view(text, rule & 0xff));
  if (!selector) return nullptr;
  auto view = std::make_unique<RegisteredView>();
  view->of = of;
  view->selector = std::move(selector).value();
  view->subset = rule >> 9 & 0xffff;
  view->seed = seen(from.seed);
  view->fallback = (rule & 0x100) != 0 ? ViewFallback::kAll : ViewFallback::kNobody;
  return view;
}

void ServiceRegistry::Impl::adopt_views() {
  for (std::uint32_t index = 0; index < services_.size(); ++index) {
    if (services_[index].name.empty()) continue;
    services_[index].view = read_view(index);
    if (services_[index].view == nullptr) continue;
    services_[services_[index].view->of].views.push_back(index);
    scores_.reserve(members_.capacity());
  }
}

}  // namespace seawall
