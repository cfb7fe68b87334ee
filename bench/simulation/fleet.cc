// SPDX-License-Identifier: MIT
#include "fleet.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "seawall/algorithm/mix.h"

namespace simulation {
namespace {

constexpr Duration kListEvery = 200ms;  // the registry's servers look for a new version
constexpr Duration kPollEvery = 1s;     // a client asks
constexpr Duration kServesAfter = 2s;   // a new process is starting for so long
constexpr Duration kTakes = 20ms;       // a call, on average
constexpr Duration kRefusal = 1ms;      // by a host whose process is gone
constexpr Duration kTimeout = 500ms;    // of a call to a zone that is gone
constexpr double kSecond = 1e9;

seawall::ServiceRegistryConfig central_config(std::size_t instances) {
  seawall::ServiceRegistryOptions options;
  options.max_services = 1;
  options.max_instances = options.max_instances_per_service = static_cast<std::int32_t>(2 * instances + 64);
  options.expired_retention = 5s;
  options.max_in_flight = 64;
  options.max_hashed_services = 0;
  return seawall::ServiceRegistryConfig::make(options).value();
}

seawall::ServiceRegistryConfig client_config(std::size_t subset) {
  seawall::ServiceRegistryOptions options;
  options.max_services = 1;
  options.max_instances = options.max_instances_per_service = static_cast<std::int32_t>(4 * subset + 16);
  options.max_in_flight = 256;
  options.max_hashed_services = 0;
  return seawall::ServiceRegistryConfig::make(options).value();
}

// The registry's list is one of leases, so what it drops has gone: a short grace for what one answer may have missed.
seawall::SourceFollowerConfig follower_config() {
  seawall::SourceFollowerOptions options;
  options.removal_grace = 1s;
  return seawall::SourceFollowerConfig::make(options).value();
}

std::size_t process_of(std::string_view id) {  // "p-17"
  std::size_t number = 0;
  std::from_chars(id.data() + 2, id.data() + id.size(), number);
  return number;
}

}  // namespace

Fleet::Fleet(const Options& options)
    : options_(options), random_(options.seed), central_(central_config(options.instances), seawall::time_from_ns(0)) {
  for (std::size_t place = 0; place < options.instances; ++place) {
    const std::size_t process = start(place);
    beat(process);
    processes_[process].serving_since = 0;
    processes_[process].life = Life::kServing;
    const double share = static_cast<double>(place) / static_cast<double>(options.instances);
    const auto when = options.deploy_from +
                      Duration(static_cast<std::int64_t>(share * static_cast<double>(options.deploy_for.count())));
    after(when, What::kDrain, process);
  }
  for (std::size_t i = 0; i < options.clients; ++i) {
    auto& client = *clients_.emplace_back(std::make_unique<Client>());
    client.registry = std::make_unique<seawall::ServiceRegistry>(
        client_config(options.subset),
        seawall::time_from_ns(static_cast<std::int64_t>(i)));  // as of processes, not all the same
    client.follower = std::make_unique<seawall::SourceFollower>(*client.registry, follower_config());
    client.follower->add(client.source, {.name = "registry", .priority = seawall::SourcePriority::kRegistry});
    client.service = client.registry->service("s").value();
    client.seed = seawall::algorithm::mix64(options.seed * 1'000'003 + i);
    after(jittered(kPollEvery) / 2, What::kPoll, i);
    after(2s + jittered(1s), What::kCall, i);
  }
  after(0s, What::kList, 0);
  after(1s, What::kSecond, 0);
  after(options.zone_loss, What::kLoseZone, 0);
  report_.seconds.emplace_back();
}

void Fleet::after(Duration delay, What what, std::size_t who) {
  events_.push({now_ + delay.count(), order_++, what, who});
}

// From 80 % to 120 %.
Duration Fleet::jittered(Duration about) {
  return Duration(std::uniform_int_distribution<std::int64_t>(about.count() * 4 / 5, about.count() * 6 / 5)(random_));
}

Report Fleet::run() {
  while (!events_.empty() && events_.top().at <= options_.end.count()) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    handle(event);
  }
  report_.seconds.pop_back();  // has not begun
  for (const Process& process : processes_) {
    if (process.leaving_since < 0 || process.last_call < 0) continue;
    const double lag = std::max(0.0, static_cast<double>(process.last_call - process.leaving_since) / kSecond);
    (process.life == Life::kLost ? report_.to_last_pick_lost : report_.to_last_pick_drained).push_back(lag);
  }
  return std::move(report_);
}

void Fleet::handle(const Event& event) {
  switch (event.what) {
    case What::kBeat:
      return beat(event.who);
    case What::kServe: {
      Process& process = processes_[event.who];
      if (process.life != Life::kStarting) return;
      process.life = Life::kServing;
      process.serving_since = now_;
      return beat(event.who);
    }
    case What::kDrain: {
      Process& process = processes_[event.who];
      if (process.life == Life::kLost) return;
      process.life = Life::kDraining;
      process.leaving_since = now_;
      after(options_.drain, What::kStop, event.who);
      return beat(event.who);
    }
    case What::kStop:
      return stop(event.who);
    case What::kLoseZone:
      return lose_zone();
    case What::kCall: {
      after(Duration(static_cast<std::int64_t>(
                std::exponential_distribution<double>(options_.calls_per_second)(random_) * kSecond)),
            What::kCall, event.who);
      ++second().calls;
      const std::size_t call = free_call();
      calls_[call] = {event.who, 0, {}, false, false};
      return send(event.who, call, {});
    }
    case What::kEnd:
      return end_call(event.who);
    case What::kPoll:
      return poll(event.who);
    case What::kList:
      return list();
    case What::kSecond:
      return end_second();
  }
}

std::size_t Fleet::start(std::size_t place) {
  const std::size_t number = processes_.size();
  Process& process = processes_.emplace_back();
  process.place = place;
  const std::string text = std::to_string(number);
  seawall::InstanceSpec spec;
  spec.id = std::string("p-").append(text);
  spec.host = std::string("host-").append(text);
  spec.port = 80;
  spec.zone = std::string("zone-").append(std::to_string(place % options_.zones));
  spec.state = now_ == 0 ? seawall::SelfState::kServing : seawall::SelfState::kStarting;
  process.mine = central_.register_instance_at("s", spec, now()).value();
  if (now_ != 0) after(kServesAfter, What::kServe, number);
  return number;
}

// The process's word to the registry, now and again.
void Fleet::beat(std::size_t number) {
  Process& process = processes_[number];
  if (process.life == Life::kStopped || process.life == Life::kLost) return;
  const auto state = process.life == Life::kDraining  ? seawall::SelfState::kDraining
                     : process.life == Life::kServing ? seawall::SelfState::kServing
                                                      : seawall::SelfState::kStarting;
  central_.heartbeat_at(process.mine.name, process.mine.generation, now(), state);
  if (process.life != Life::kDraining) after(jittered(process.mine.heartbeat_interval), What::kBeat, number);
}

void Fleet::stop(std::size_t number) {
  if (processes_[number].life == Life::kLost) return;
  processes_[number].life = Life::kStopped;
  central_.deregister_at(processes_[number].mine.name, processes_[number].mine.generation, now());
  start(processes_[number].place);
  beat(processes_.size() - 1);
}

void Fleet::lose_zone() {
  for (Process& process : processes_) {
    if (process.place % options_.zones != options_.zones - 1 || process.life == Life::kStopped) continue;
    process.life = Life::kLost;
    process.leaving_since = now_;
  }
}

void Fleet::list() {
  after(kListEvery, What::kList, 0);
  central_.tick_at(now());
  listed_at_ = now_;
  if (listed_at_ != 0 && central_.version() == version_) return;
  version_ = central_.version();
  const auto services = central_.services_at(now());
  listing_ = seawall::answer_of(services.at(0));
  listed_.clear();
  members_.clear();
  for (std::uint32_t i = 0; i < listing_.instances.size(); ++i) {
    const std::size_t process = process_of(listing_.instances[i].id);
    listed_.push_back(process);
    members_.push_back({seawall::algorithm::mix64(process + 1), i, 0});
  }
}

seawall::SourceAnswer Fleet::subset_for(Client& client, std::vector<std::size_t>& chosen) {
  scratch_ = members_;
  const std::size_t size = seawall::algorithm::Rendezvous::choose(scratch_, options_.subset, client.seed);
  seawall::SourceAnswer answer{.service = "s"};
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t at = scratch_[i].index;
    answer.instances.push_back(listing_.instances[at]);
    answer.health.push_back(listing_.health[at]);
    chosen.push_back(listed_[at]);
  }
  return answer;
}

void Fleet::poll(std::size_t number) {
  Client& client = *clients_[number];
  after(jittered(kPollEvery), What::kPoll, number);
  if (lying()) {
    client.source.say({.service = "s", .status = seawall::SourceStatus::kEmpty});
  } else if (client.version == version_) {
    client.source.say({.service = "s", .status = seawall::SourceStatus::kUnchanged});
  } else {
    client.version = version_;
    std::vector<std::size_t> chosen;
    client.source.say(subset_for(client, chosen));
    compare(client, std::move(chosen));
  }
  if (!lying()) client.listed_at = listed_at_;
  client.follower->tick_at(now());
  client.registry->tick_at(now());
}

// Who is new in the client's list, and whether it lost somebody who serves and is listed.
void Fleet::compare(Client& client, std::vector<std::size_t>&& chosen) {
  std::ranges::sort(chosen);
  for (const std::size_t process : chosen) {
    const std::int64_t since = processes_[process].serving_since;
    if (client.listed_at < 0 || since <= client.listed_at || std::ranges::binary_search(client.known, process))
      continue;
    report_.to_first_pick.push_back(static_cast<double>(now_ - since) / kSecond);
  }
  std::erase_if(chosen, [&](std::size_t process) { return processes_[process].life == Life::kStarting; });
  client.known = std::move(chosen);
}

std::size_t Fleet::free_call() {
  if (free_calls_.empty()) {
    calls_.emplace_back();
    return calls_.size() - 1;
  }
  const std::size_t call = free_calls_.back();
  free_calls_.pop_back();
  return call;
}

void Fleet::send(std::size_t number, std::size_t call, std::span<const std::uint32_t> exclude) {
  Client& client = *clients_[number];
  seawall::PickText text;
  const auto pick = client.service->pick_at(now(), text, exclude);
  if (!pick) {
    ++second().failures;
    if (!calls_[call].retry) ++second().first_failures;
    free_calls_.push_back(call);
    return;
  }
  Call& sent = calls_[call];
  sent.process = process_of(text.id.view());
  sent.pick = *pick;
  Process& process = processes_[sent.process];
  process.last_call = now_;
  ++process.calls;
  sent.fails = process.life == Life::kStopped || process.life == Life::kLost || process.life == Life::kStarting;
  const Duration takes = process.life == Life::kLost ? kTimeout : sent.fails ? kRefusal : jittered(kTakes);
  after(takes, What::kEnd, call);
}

void Fleet::end_call(std::size_t number) {
  Call& call = calls_[number];
  const Process& process = processes_[call.process];
  const bool failed = call.fails || process.life == Life::kLost;  // also what was under way when the zone went
  clients_[call.client]->service->done_at(call.pick.ticket,
                                          failed ? seawall::Outcome::kFailure : seawall::Outcome::kSuccess, now());
  if (!failed || call.retry) {
    if (failed) ++second().failures;
    free_calls_.push_back(number);
    return;
  }
  ++second().first_failures;
  call.retry = true;
  const std::uint32_t slot = call.pick.slot;
  send(call.client, number, {&slot, 1});
}

// A process that serves and stood in the client's last list must be in its registry.
void Fleet::look_for_lost() {
  for (const auto& client : clients_) {
    for (const std::size_t process : client->known) {
      if (processes_[process].life != Life::kServing) continue;
      if (!client->registry->find_at(processes_[process].mine.name, now())) ++report_.healthy_lost;
    }
  }
}

void Fleet::end_second() {
  after(1s, What::kSecond, 0);
  if (report_.seconds.size() % 5 == 0) look_for_lost();
  Second& last = second();
  for (const auto& client : clients_) last.listed += client->registry->stats().instances;
  double sum = 0, squares = 0;
  for (Process& process : processes_) {
    const auto calls = static_cast<double>(std::exchange(process.calls, 0));
    if (process.life != Life::kServing || process.serving_since < 0 || process.serving_since > now_ - 5'000'000'000)
      continue;
    ++last.spread_from;
    sum += calls;
    squares += calls * calls;
  }
  if (sum > 0) {
    const double mean = sum / static_cast<double>(last.spread_from);
    last.spread = std::sqrt(squares / static_cast<double>(last.spread_from) - mean * mean) / mean;
  }
  report_.seconds.emplace_back();
}

}  // namespace simulation
