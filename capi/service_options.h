// SPDX-License-Identifier: MIT
//
// The options of a service at the C border: from the struct, where each value means itself, and from JSON, where the
// balancer and the mode of panic are names.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "internal.h"
#include "options.h"
#include "seawall/service_config.h"

namespace seawall::capi {

inline seawall_service_options service_defaults() {
  const ServiceOptions o;
  seawall_service_options c{};
  c.struct_size = sizeof c;
  c.balancer = static_cast<int32_t>(o.balancer);
  c.over_provisioning_percent = o.over_provisioning_percent;
  c.panic_mode = static_cast<int32_t>(o.panic_mode);
  c.panic_threshold = o.panic_threshold;
  c.ejection_failures = o.ejection_failures;
  c.ejection_growth_percent = o.ejection_growth_percent;
  c.ejection_jitter_percent = o.ejection_jitter_percent;
  c.max_ejected_percent = o.max_ejected_percent;
  c.least_left = o.least_left;
  c.slow_start_least_percent = o.slow_start_least_percent;
  c.ejection_duration_ns = o.ejection_duration.count();
  c.max_ejection_duration_ns = o.max_ejection_duration.count();
  c.ejection_decay_ns = o.ejection_decay.count();
  c.probe_lease_ns = o.probe_lease.count();
  c.ewma_half_life_ns = o.ewma_half_life.count();
  c.failure_latency_ns = o.failure_latency.count();
  c.slow_start_ns = o.slow_start.count();
  return c;
}

inline Result<ServiceConfig> service_config(const seawall_service_options& c, std::string_view zone) {
  ServiceOptions o;
  o.balancer = static_cast<Balancer>(c.balancer);
  o.zone = zone;
  o.over_provisioning_percent = c.over_provisioning_percent;
  o.panic_mode = static_cast<PanicMode>(c.panic_mode);
  o.panic_threshold = c.panic_threshold;
  o.ejection_failures = c.ejection_failures;
  o.ejection_growth_percent = c.ejection_growth_percent;
  o.ejection_jitter_percent = c.ejection_jitter_percent;
  o.max_ejected_percent = c.max_ejected_percent;
  o.least_left = c.least_left;
  o.slow_start_least_percent = c.slow_start_least_percent;
  o.ejection_duration = Duration(c.ejection_duration_ns);
  o.max_ejection_duration = Duration(c.max_ejection_duration_ns);
  o.ejection_decay = Duration(c.ejection_decay_ns);
  o.probe_lease = Duration(c.probe_lease_ns);
  o.ewma_half_life = Duration(c.ewma_half_life_ns);
  o.failure_latency = Duration(c.failure_latency_ns);
  o.slow_start = Duration(c.slow_start_ns);
  return ServiceConfig::make(o);
}

// What of the JSON is text.
struct ServiceTexts {
  std::string balancer = "round_robin", panic_mode = "all", zone;
};

inline std::array<OptionField, 18> fields_of(seawall_service_options& c, ServiceTexts& texts) {
  return {{{"balancer", &texts.balancer},
           {"zone", &texts.zone},
           {"over_provisioning_percent", &c.over_provisioning_percent},
           {"panic_mode", &texts.panic_mode},
           {"panic_threshold", &c.panic_threshold},
           {"ejection_failures", &c.ejection_failures},
           {"ejection_growth_percent", &c.ejection_growth_percent},
           {"ejection_jitter_percent", &c.ejection_jitter_percent},
           {"max_ejected_percent", &c.max_ejected_percent},
           {"least_left", &c.least_left},
           {"slow_start_least_percent", &c.slow_start_least_percent},
           {"ejection_duration_ns", &c.ejection_duration_ns},
           {"max_ejection_duration_ns", &c.max_ejection_duration_ns},
           {"ejection_decay_ns", &c.ejection_decay_ns},
           {"probe_lease_ns", &c.probe_lease_ns},
           {"ewma_half_life_ns", &c.ewma_half_life_ns},
           {"failure_latency_ns", &c.failure_latency_ns},
           {"slow_start_ns", &c.slow_start_ns}}};
}

inline Result<ServiceConfig> service_config_from_json(std::string_view json) {
  seawall_service_options c = service_defaults();
  ServiceTexts texts;
  const auto fields = fields_of(c, texts);
  if (auto r = read_json_options(json, fields); !r) return r.error();
  c.balancer = -1;
  for (int32_t i = 0; i < 6; ++i) {
    if (to_string(static_cast<Balancer>(i)) == texts.balancer) c.balancer = i;
  }
  if (c.balancer < 0) {
    return Error{Code::kInvalidArgument,
                 Message("balancer must be round_robin, random, least_loaded, peak_ewma, maglev or ring_hash, not ")
                     .append(texts.balancer)};
  }
  if (texts.panic_mode != "all" && texts.panic_mode != "fail") {
    return Error{Code::kInvalidArgument, Message("panic_mode must be all or fail, not ").append(texts.panic_mode)};
  }
  c.panic_mode = texts.panic_mode == "fail" ? 1 : 0;
  return service_config(c, texts.zone);
}

}  // namespace seawall::capi
