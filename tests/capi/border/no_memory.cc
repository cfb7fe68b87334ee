// SPDX-License-Identifier: MIT
//
// Every creation of the C API with an allocator that fails: at the first allocation, then at the second, until the
// creation succeeds. Each failure must come back as SEAWALL_E_NO_MEMORY, leave *out NULL and leak nothing.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "failing_allocator.h"
#include "seawall_c.h"

namespace {

seawall_fixed_window* borrowed = nullptr;
seawall_metrics* borrowed_metrics = nullptr;
constexpr const char* kQuota = "{\"permits\": 10, \"period_ns\": 1000000000}";

alignas(64) unsigned char keyed_place[8192];
std::int32_t keyed_in_place(seawall_keyed_limiter** out, seawall_error* error) {
  seawall_keyed_limiter_options options;
  seawall_keyed_limiter_options_init(&options);
  options.permits = 10;
  options.period_ns = 1'000'000'000;
  return seawall_keyed_limiter_new_in(&options, keyed_place, sizeof keyed_place, 0, out, error);
}

alignas(64) unsigned char bucket_place[SEAWALL_PLACE_SIZE];
std::int32_t bucket_in_place(seawall_token_bucket** out, seawall_error* error) {
  seawall_token_bucket_options options;
  seawall_token_bucket_options_init(&options);
  options.permits = 10;
  options.period_ns = 1'000'000'000;
  return seawall_token_bucket_new_in(&options, bucket_place, sizeof bucket_place, 0, out, error);
}
alignas(64) unsigned char breaker_place[SEAWALL_PLACE_SIZE];

// Families with enough series for their table to grow.
std::int32_t metrics_with_series(seawall_metrics** out, seawall_error* error) {
  std::int32_t code = seawall_metrics_new(nullptr, out, error);
  if (code != SEAWALL_OK) return code;
  seawall_family_options options;
  seawall_family_options_init(&options);
  options.help = {"Seconds.", SEAWALL_TEXT};
  for (const std::int32_t type : {SEAWALL_METRIC_COUNTER, SEAWALL_METRIC_HISTOGRAM}) {
    const seawall_text label = {"k", SEAWALL_TEXT};
    options.labels = &label;
    options.label_count = 1;
    options.type = type;
    options.name = {type == SEAWALL_METRIC_COUNTER ? "a_total" : "b_seconds", SEAWALL_TEXT};
    seawall_family* family = nullptr;
    seawall_series series = 0;
    code = seawall_metrics_family(*out, &options, &family, error);
    for (const char* value : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"}) {
      const seawall_text text = {value, SEAWALL_TEXT};
      if (code < 0) break;
      code = seawall_family_series(family, &text, 1, &series, error);
    }
    if (code < 0) break;
  }
  std::size_t needed = 0;
  if (code >= 0) code = seawall_metrics_render(*out, SEAWALL_FORMAT_PROMETHEUS, nullptr, 0, &needed, error);
  if (code == SEAWALL_E_BUFFER_TOO_SMALL) return SEAWALL_OK;
  seawall_metrics_free(*out);
  *out = nullptr;
  return code;
}

// Windows of a registry that the caller has; what a publisher watches, and all it takes for one publication.
std::int32_t windows_of_families(seawall_metrics_windows** out, seawall_error* error) {
  const seawall_text families[] = {{"a-family-with-a-name-of-some-length-1", SEAWALL_TEXT}, {"a_total", SEAWALL_TEXT}};
  seawall_metrics_windows_options options;
  seawall_metrics_windows_options_init(&options);
  options.families = families;
  options.family_count = 2;
  return seawall_metrics_windows_new(borrowed_metrics, &options, out, error);
}

std::int32_t publisher_of_one(seawall_metrics_publisher** out, seawall_error* error) {
  std::int32_t code = seawall_metrics_publisher_new(borrowed_metrics, out, error);
  if (code != SEAWALL_OK) return code;
  code = seawall_metrics_publisher_watch(*out, "a-limiter-with-a-name-of-some-length", SEAWALL_TEXT, borrowed, error);
  if (code == SEAWALL_OK) code = seawall_metrics_publisher_publish(*out, 0);
  if (code == SEAWALL_OK) return code;
  seawall_metrics_publisher_free(*out);
  *out = nullptr;
  return code;
}

// A set of a limiter that the caller has.
std::int32_t set_of_one(seawall_limit_set** out, seawall_error* error) {
  const void* limiter = borrowed;
  return seawall_limit_set_new(&limiter, 1, out, error);
}

// A pipeline of a limiter that the caller has, replaced once.
std::int32_t pipeline_of_one(seawall_pipeline** out, seawall_error* error) {
  const seawall_pipeline_limit limit = {"a-limit-with-a-name-of-31-bytes", SEAWALL_TEXT, borrowed, 10, 1'000, 0, 0};
  seawall_pipeline_options options;
  seawall_pipeline_options_init(&options);
  options.limits = &limit;
  options.limit_count = 1;
  std::int32_t code = seawall_pipeline_new(&options, 0, out, error);
  if (code != SEAWALL_OK) return code;
  code = seawall_pipeline_replace(*out, &options, 0, error);
  if (code == SEAWALL_OK) return code;
  seawall_pipeline_free(*out);
  *out = nullptr;
  return code;
}

// A registry with two instances of one service.
std::int32_t registry_with_instances(seawall_registry** out, seawall_error* error) {
  std::int32_t code = seawall_registry_new(nullptr, 0, out, error);
  if (code != SEAWALL_OK) return code;
  for (const char* id : {"an-instance-with-a-name-of-some-length-1", "an-instance-with-a-name-of-some-length-2"}) {
    seawall_instance instance;
    seawall_instance_init(&instance);
    instance.service = "a-service-with-a-name-of-some-length";
    instance.id = id;
    instance.host = "a.host.with.a.name.of.some.length";
    instance.service_size = instance.id_size = instance.host_size = SEAWALL_TEXT;
    instance.port = 80;
    seawall_registration registration = {};
    code = seawall_registry_register(*out, &instance, 0, &registration, error);
    if (code < 0) break;
  }
  if (code >= 0) return SEAWALL_OK;
  seawall_registry_free(*out);
  *out = nullptr;
  return code;
}

// The same from text, through a follower.
std::int32_t registry_that_follows(seawall_registry** out, seawall_error* error) {
  seawall_follower* follower = nullptr;
  std::int32_t code = seawall_registry_new(nullptr, 0, out, error);
  if (code >= 0) code = seawall_registry_follower(*out, nullptr, &follower, error);
  if (code >= 0) {
    code = seawall_follower_add_source(follower, "a-source-with-a-name-of-some-length", SEAWALL_TEXT, 0, 0, error);
  }
  constexpr const char* kText =
      R"({"a-service-with-a-name-of-some-length": [{"host": "a.host.with.a.name.of.some.length", "port": 1},
          {"host": "h", "port": 2, "metadata": {"a-name-of-some-length-for-an-entry": "v"}}]})";
  if (code >= 0) code = seawall_follower_load(follower, 0, kText, SEAWALL_TEXT, 0, error);
  if (code >= 0) code = seawall_follower_tick(follower, 0);
  seawall_follower_free(follower);
  if (code >= 0) return SEAWALL_OK;
  seawall_registry_free(*out);
  *out = nullptr;
  return code;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // what was printed is seen if the next creation ends the process
  const std::vector<Creation> creations = {
      creation<seawall_clock>(
          "seawall_clock_new", [](auto** out, auto* error) { return seawall_clock_new(nullptr, out, error); },
          seawall_clock_free),
      creation<seawall_circuit_breaker>(
          "seawall_circuit_breaker_new",
          [](auto** out, auto* error) { return seawall_circuit_breaker_new(nullptr, SEAWALL_NOW, out, error); },
          seawall_circuit_breaker_free),
      creation<seawall_circuit_breaker>(
          "seawall_circuit_breaker_new_from_json",
          [](auto** out, auto* error) {
            return seawall_circuit_breaker_new_from_json("{\"failure_threshold\": 5}", SEAWALL_TEXT, SEAWALL_NOW, out,
                                                         error);
          },
          seawall_circuit_breaker_free),
      creation<seawall_pipelines>(
          "seawall_pipelines_load",
          [](auto** out, auto* error) {
            const char* text =
                "{\"routes\": {\"a\": {\"breaker\": {}, \"limits\": [{\"name\": \"x\", \"permits\": 1, "
                "\"period\": \"1s\"}]}}}";
            return seawall_pipelines_load(text, SEAWALL_TEXT, nullptr, nullptr, "user", SEAWALL_TEXT, 0, out, error);
          },
          seawall_pipelines_free),
      creation<seawall_pipeline>(
          "seawall_pipeline_new", [](auto** out, auto* error) { return pipeline_of_one(out, error); },
          seawall_pipeline_free),
      creation<seawall_token_bucket>(
          "seawall_token_bucket_new_from_json",
          [](auto** out, auto* error) {
            return seawall_token_bucket_new_from_json(kQuota, SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_token_bucket_free),
      creation<seawall_fixed_window>(
          "seawall_fixed_window_new_from_json",
          [](auto** out, auto* error) {
            return seawall_fixed_window_new_from_json(kQuota, SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_fixed_window_free),
      creation<seawall_leased_token_bucket>(
          "seawall_leased_token_bucket_new_from_json",
          [](auto** out, auto* error) {
            constexpr const char* kMany = R"({"permits": 100, "period_ns": 1000000000})";
            return seawall_leased_token_bucket_new_from_json(kMany, SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_leased_token_bucket_free),
      creation<seawall_sliding_window>(
          "seawall_sliding_window_new_from_json",
          [](auto** out, auto* error) {
            return seawall_sliding_window_new_from_json(kQuota, SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_sliding_window_free),
      creation<seawall_keyed_limiter>(
          "seawall_keyed_limiter_new_from_json",
          [](auto** out, auto* error) {
            return seawall_keyed_limiter_new_from_json(kQuota, SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_keyed_limiter_free),
      creation<seawall_keyed_limiter>("seawall_keyed_limiter_new_in", keyed_in_place, seawall_keyed_limiter_free),
      creation<seawall_keyed_limiter>(
          "seawall_keyed_limiter_attach",
          [](auto** out, auto* error) {
            return seawall_keyed_limiter_attach(SEAWALL_KIND_TOKEN_BUCKET, keyed_place, sizeof keyed_place, out, error);
          },
          seawall_keyed_limiter_free),
      creation<seawall_token_bucket>("seawall_token_bucket_new_in", bucket_in_place, seawall_token_bucket_free),
      creation<seawall_token_bucket>(
          "seawall_token_bucket_attach",
          [](auto** out, auto* error) {
            return seawall_token_bucket_attach(bucket_place, sizeof bucket_place, out, error);
          },
          seawall_token_bucket_free),
      creation<seawall_circuit_breaker>(
          "seawall_circuit_breaker_new_in",
          [](auto** out, auto* error) {
            return seawall_circuit_breaker_new_in(nullptr, breaker_place, sizeof breaker_place, 0, out, error);
          },
          seawall_circuit_breaker_free),
      creation<seawall_limit_set>("seawall_limit_set_new", set_of_one, seawall_limit_set_free),
      creation<seawall_metrics>(
          "seawall_metrics_new_from_json",
          [](auto** out, auto* error) {
            return seawall_metrics_new_from_json("{\"max_series\": 500}", SEAWALL_TEXT, out, error);
          },
          seawall_metrics_free),
      creation<seawall_tracer>(
          "seawall_tracer_new_from_json",
          [](auto** out, auto* error) {
            return seawall_tracer_new_from_json("{\"service\": \"a-service-with-a-name-of-some-length\"}", SEAWALL_TEXT,
                                                SEAWALL_NOW, out, error);
          },
          seawall_tracer_free),
      creation<seawall_metrics>("metrics with families", metrics_with_series, seawall_metrics_free),
      creation<seawall_metrics_windows>("seawall_metrics_windows_new", windows_of_families,
                                        seawall_metrics_windows_free),
      creation<seawall_metrics_publisher>("seawall_metrics_publisher_new", publisher_of_one,
                                          seawall_metrics_publisher_free),
      creation<seawall_propagator>(
          "seawall_propagator_new_from_json",
          [](auto** out, auto* error) {
            return seawall_propagator_new_from_json("{\"accept_b3\": 1}", SEAWALL_TEXT, out, error);
          },
          seawall_propagator_free),
      creation<seawall_sampler>(
          "seawall_sampler_new_from_json",
          [](auto** out, auto* error) {
            return seawall_sampler_new_from_json("{\"ratio\": 0.5}", SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_sampler_free),
      creation<seawall_registry>("registry with instances", registry_with_instances, seawall_registry_free),
      creation<seawall_registry>("registry that follows a source", registry_that_follows, seawall_registry_free),
      creation<seawall_registry>(
          "seawall_registry_new",
          [](auto** out, auto* error) { return seawall_registry_new(nullptr, SEAWALL_NOW, out, error); },
          seawall_registry_free),
      creation<seawall_registry>(
          "seawall_registry_new_from_json",
          [](auto** out, auto* error) {
            return seawall_registry_new_from_json("{\"lease_ns\": 3000000000}", SEAWALL_TEXT, SEAWALL_NOW, out, error);
          },
          seawall_registry_free),
  };
  if (seawall_fixed_window_new_from_json(kQuota, SEAWALL_TEXT, SEAWALL_NOW, &borrowed, nullptr) != SEAWALL_OK) return 1;
  if (seawall_metrics_new(nullptr, &borrowed_metrics, nullptr) != SEAWALL_OK) return 1;
  // The registry keeps the memory of families and series for later ones, which is no leak.
  seawall_metrics_publisher* first = nullptr;
  if (publisher_of_one(&first, nullptr) != SEAWALL_OK) return 1;
  seawall_metrics_publisher_free(first);
  for (const Creation& each : creations) fail_at_each_allocation(each);
  seawall_metrics_free(borrowed_metrics);
  seawall_fixed_window_free(borrowed);
  std::printf("%zu creations, %d failures\n", creations.size(), failures);
  return failures == 0 ? 0 : 1;
}
