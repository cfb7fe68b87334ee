// SPDX-License-Identifier: MIT
// The write side of the registry: register, heartbeat, deregister.
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "gateway/routes.h"

namespace {

std::int64_t milliseconds(seawall::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

seawall::SelfState self_state(const std::string& word) {
  if (word == "starting") return seawall::SelfState::kStarting;
  return word == "draining" ? seawall::SelfState::kDraining : seawall::SelfState::kServing;
}

int status_of(seawall::Code code) {
  switch (code) {
    case seawall::Code::kInvalidArgument:
      return 400;
    default:
      return 503;  // kFull: a bound is reached
  }
}

// The path has an id; `?service=` says whose, for those whose ids are unique in their service only.
std::string instance_name(const Exchange& exchange) {
  std::string name;
  if (const auto service = exchange.request.parameter("service")) name.append(*service).append("/");
  return name.append(exchange.segments.at(0));
}

http::Response answer_for(const Exchange& exchange, seawall::RegistryAnswer answer, const std::string& done) {
  const std::string id(exchange.segments.at(0));
  switch (answer) {
    case seawall::RegistryAnswer::kOk:
      return reply(exchange, 200, {{"success", true}, {"id", id}, {"message", done}});
    case seawall::RegistryAnswer::kFenced:
      return refuse(exchange, 409, "fenced: a newer generation of this instance is registered", {{"id", id}});
    case seawall::RegistryAnswer::kAmbiguous:
      return refuse(exchange, Fault{"service", "several services have an instance of this id: say which, ?service="});
    case seawall::RegistryAnswer::kInvalid:
      return refuse(exchange, Fault{"service", "an instance's name has an empty part"});
    default:
      return refuse(exchange, 404, "no such instance: register again", {{"id", id}});
  }
}

}  // namespace

http::Response register_route(App& app, const Exchange& exchange) {
  const auto parsed = parse_instance(exchange.request.body);
  if (const auto* fault = std::get_if<Fault>(&parsed)) return refuse(exchange, *fault);
  const auto& record = std::get<InstanceRecord>(parsed);
  const seawall::InstanceSpec spec{.id = record.id,
                                   .host = record.host,
                                   .port = record.port,
                                   .weight = static_cast<std::int32_t>(record.weight),
                                   .metadata = record.metadata};
  const auto made = app.registry.register_instance_at(record.service, spec, exchange.start);
  if (!made) {
    return refuse(exchange, status_of(made.error().code), made.error().message.view());
  }
  const auto& registration = made.value();
  if (app.shared_registry) app.shared_registry->registered(record.service, spec, registration.generation);
  return reply(exchange, 201,
               {{"success", true},
                {"id", registration.id},
                {"generation", registration.generation},
                {"heartbeat_interval_ms", milliseconds(registration.heartbeat_interval)},
                {"first_heartbeat_ms", milliseconds(registration.first_heartbeat)},
                {"lease_ms", milliseconds(registration.lease)}});
}

http::Response heartbeat_route(App& app, const Exchange& exchange) {
  const auto parsed = parse_heartbeat(exchange.request.body);
  if (const auto* fault = std::get_if<Fault>(&parsed)) return refuse(exchange, *fault);
  const auto& heartbeat = std::get<Heartbeat>(parsed);
  const std::string name = instance_name(exchange);
  if (app.shared_registry) {
    const auto told = app.shared_registry->answer_for(name, heartbeat.generation, exchange.start);
    if (told) return answer_for(exchange, *told, "");
  }
  const auto answer =
      app.registry.heartbeat_at(name, heartbeat.generation, exchange.start, self_state(heartbeat.state));
  return answer_for(exchange, answer, "heartbeat noted");
}

// `?generation=` keeps a process from removing its own successor; without it whoever has the id goes.
http::Response deregister_route(App& app, const Exchange& exchange) {
  std::uint64_t generation = seawall::ServiceRegistry::kAnyGeneration;
  if (const auto given = exchange.request.parameter("generation")) {
    const auto number = to_integer(*given);
    if (!number || *number < 1) {
      return refuse(exchange, Fault{"generation", "generation must be a positive integer"});
    }
    generation = static_cast<std::uint64_t>(*number);
  }
  const auto answer = app.registry.deregister_at(instance_name(exchange), generation, exchange.start);
  return answer_for(exchange, answer, "instance removed");
}
