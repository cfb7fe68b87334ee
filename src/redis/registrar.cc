// SPDX-License-Identifier: MIT
#include "seawall/redis/registrar.h"

#include <algorithm>
#include <utility>

#include "redis/duration_range.h"
#include "redis/registry_call.h"
#include "redis/store_core.h"
#include "redis/waiter.h"

namespace seawall::redis {

namespace {

StoreWord word_of(const CallResult& result) {
  StoreWord word{.fault = result.fault};
  if (result.fault != Fault::kNone) {
    if (!result.texts.empty()) word.reason = result.texts.front();
  } else if (result.numbers.empty()) {
    word.fault = Fault::kRefused;
  } else {
    word.answer = static_cast<RegistryAnswer>(result.numbers[0]);
    if (result.numbers.size() > 1) word.generation = static_cast<std::uint64_t>(result.numbers[1]);
  }
  return word;
}

StoreWord refusal(std::string_view reason) {
  StoreWord word{.fault = Fault::kRefused};
  word.reason = reason;
  return word;
}

// Why the arguments are wrong; empty when they are not.
std::string trouble(std::string_view service, std::string_view id, std::uint64_t generation) {
  if (!is_service_name(service)) return "no service is called so";
  if (id.empty()) return "id must not be empty";
  return generation > Registrar::kMaxGeneration ? "no such generation was ever given" : "";
}

Result<void> check(const RegistrarOptions& options) {
  constexpr Duration kHour = std::chrono::hours(1);
  constexpr std::string_view kLease = "lease in ns, twice heartbeat_interval or more,";
  const auto beats =
      check_ranges({{"heartbeat_interval in ns", options.heartbeat_interval, std::chrono::milliseconds(10), kHour}});
  if (!beats) return beats;
  return check_ranges({{kLease, options.lease, 2 * options.heartbeat_interval, 24 * kHour}});
}

}  // namespace

class Registrar::Impl {
 public:
  Impl(std::shared_ptr<StoreCore> store, const RegistrarOptions& options, std::string name)
      : store_(std::move(store)), options_(options), calls_(std::move(name), options.heartbeat_interval) {}

  const RegistrarOptions& options() const noexcept { return options_; }

  RequestPtr about(std::string_view service, std::string_view verb, std::string_view id,
                   std::uint64_t generation) const {
    RequestPtr request = calls_.about(service, verb);
    request->words.add(id);
    request->words.add(static_cast<std::int64_t>(generation));
    return request;
  }
  const RegistryCalls& calls() const noexcept { return calls_; }

  void send(const RequestPtr& request, Done done) const {
    request->done = [done = std::move(done)](const CallResult& result) { done(word_of(result)); };
    submit_registry_call(store_, request);
  }

  void put(std::string_view service, const InstanceSpec& spec, std::uint64_t generation, Done done) const {
    const RequestPtr request = about(service, "put", spec.id, generation);
    request->words.add(word_of_state(spec.state));
    request->words.add(rest_of(spec));
    request->words.add(to_us(options_.lease));
    send(request, [generation, done = std::move(done)](const StoreWord& word) {
      StoreWord told = word;
      if (told.fault != Fault::kNone) told.generation = generation;
      done(told);
    });
  }

  void renew(std::string_view service, std::string_view id, std::uint64_t generation, std::optional<SelfState> state,
             Duration lease, Done done) const {
    if (const std::string why = trouble(service, id, generation); !why.empty()) return done(refusal(why));
    const RequestPtr request = about(service, "renew", id, generation);
    request->words.add(state ? word_of_state(*state) : std::string_view());
    request->words.add(to_us(lease));
    send(request, std::move(done));
  }

  template <class Ask>
  StoreWord wait(const Ask& ask) const {
    const auto waiter = std::make_shared<Waiter<StoreWord>>();
    // A registration is two calls.
    const TimePoint until = Clock::now() + 2 * store_->options().background_deadline;
    ask([waiter](const StoreWord& word) { waiter->set(word); });
    return waiter->wait_until(until).value_or(StoreWord{.fault = Fault::kTimeout});
  }

 private:
  static std::string_view word_of_state(SelfState state) { return redis::word_of(state); }

  const std::shared_ptr<StoreCore> store_;
  const RegistrarOptions options_;
  const RegistryCalls calls_;
};

Result<Registrar> Registrar::make(const Store& store, const RegistrarOptions& options) {
  if (const auto fits = check(options); !fits) return fits.error();
  const auto name = registry_named(options.registry);
  if (!name) return name.error();
  return Registrar(std::make_shared<Impl>(store.core(), options, name.value()));
}

const RegistrarOptions& Registrar::options() const noexcept { return impl_->options(); }

void Registrar::register_async(std::string_view service, const InstanceSpec& spec, std::uint64_t generation,
                               Done done) {
  if (const auto fits = check_instance(service, spec); !fits) return done(refusal(fits.error().message.view()));
  if (const std::string why = trouble(service, spec.id, generation); !why.empty()) return done(refusal(why));
  if (generation != kAnyGeneration) return impl_->put(service, spec, generation, std::move(done));
  // First a number, then the record under it. So an attempt of which nobody heard the answer can be repeated, and one
  // that arrives late, from a connection that was left, loses against who came after it.
  impl_->send(impl_->calls().about(service, "stamp"),
              [impl = impl_, name = std::string(service), spec, done = std::move(done)](const StoreWord& word) {
                if (!word.ok()) return done(word);
                impl->put(name, spec, word.generation, done);
              });
}

void Registrar::renew_async(std::string_view service, std::string_view id, std::uint64_t generation,
                            std::optional<SelfState> state, Done done) {
  impl_->renew(service, id, generation, state, impl_->options().lease, std::move(done));
}

void Registrar::drain_async(std::string_view service, std::string_view id, std::uint64_t generation, Done done) {
  impl_->renew(service, id, generation, SelfState::kDraining, Duration(0), std::move(done));
}

void Registrar::deregister_async(std::string_view service, std::string_view id, std::uint64_t generation, Done done) {
  if (const std::string why = trouble(service, id, generation); !why.empty()) return done(refusal(why));
  impl_->send(impl_->about(service, "remove", id, generation), std::move(done));
}

void Registrar::enter_async(std::string_view service, Done done) {
  if (!is_service_name(service)) return done(refusal("no service is called so"));
  impl_->send(impl_->calls().about_directory("enter", service), std::move(done));
}

StoreWord Registrar::register_instance(std::string_view service, const InstanceSpec& spec, std::uint64_t generation) {
  return impl_->wait([&](Done done) { register_async(service, spec, generation, std::move(done)); });
}
StoreWord Registrar::renew(std::string_view service, std::string_view id, std::uint64_t generation,
                           std::optional<SelfState> state) {
  return impl_->wait([&](Done done) { renew_async(service, id, generation, state, std::move(done)); });
}
StoreWord Registrar::drain(std::string_view service, std::string_view id, std::uint64_t generation) {
  return impl_->wait([&](Done done) { drain_async(service, id, generation, std::move(done)); });
}
StoreWord Registrar::deregister(std::string_view service, std::string_view id, std::uint64_t generation) {
  return impl_->wait([&](Done done) { deregister_async(service, id, generation, std::move(done)); });
}
StoreWord Registrar::enter(std::string_view service) {
  return impl_->wait([&](Done done) { enter_async(service, std::move(done)); });
}

}  // namespace seawall::redis
