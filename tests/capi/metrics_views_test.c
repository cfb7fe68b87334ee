/* SPDX-License-Identifier: MIT
 * What is made of a registry: pages in parts, windows, and the publisher of what other parts know. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "seawall_c.h"

static const int64_t kSecond = 1000000000;

static seawall_text text(const char* data) {
  const seawall_text made = {data, SEAWALL_TEXT};
  return made;
}

static seawall_series series_of(seawall_metrics* metrics, int32_t type, const char* name, const char* value) {
  const seawall_text label = text("x");
  const seawall_text values = text(value);
  seawall_family_options options;
  seawall_family* family = NULL;
  seawall_series series = 0;
  seawall_family_options_init(&options);
  options.type = type;
  options.name = text(name);
  options.help = text("Help.");
  options.labels = &label;
  options.label_count = 1;
  CHECK(seawall_metrics_family(metrics, &options, &family, NULL) == SEAWALL_OK);
  CHECK(seawall_family_series(family, &values, 1, &series, NULL) == SEAWALL_SERIES_OWN);
  return series;
}

/* The whole page through a buffer of `capacity`; the caller frees it. */
static char* page_of(const seawall_metrics* metrics, const seawall_metrics_page_options* options, size_t capacity,
                     int* parts) {
  seawall_metrics_page page;
  char* all = calloc(1, 1 << 20);
  char* buffer = malloc(capacity);
  size_t size = 0;
  int32_t code = SEAWALL_PAGE_MORE;
  CHECK(seawall_metrics_page_begin(metrics, options, &page, NULL) == SEAWALL_OK);
  for (*parts = 0; code == SEAWALL_PAGE_MORE; ++*parts) {
    size_t written = 0;
    code = seawall_metrics_page_next(&page, buffer, capacity, &written, NULL);
    CHECK(code >= 0 && written <= capacity && size + written < 1 << 20);
    memcpy(all + size, buffer, written);
    size += written;
  }
  free(buffer);
  return all;
}

static void pages(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  CHECK(seawall_metrics_new(NULL, &metrics, &error) == SEAWALL_OK);
  for (int i = 0; i < 100; ++i) {
    char value[8];
    snprintf(value, sizeof value, "%d", i);
    CHECK(seawall_counter_add(metrics, series_of(metrics, SEAWALL_METRIC_COUNTER, "a_total", value), i) == SEAWALL_OK);
  }
  seawall_metrics_page_options options;
  CHECK(seawall_metrics_page_options_init(&options) == SEAWALL_OK);
  int one = 0;
  int many = 0;
  char* whole = page_of(metrics, &options, 1 << 20, &one);
  char* in_parts = page_of(metrics, &options, 300, &many);
  CHECK(one == 1 && many > 5 && strcmp(whole, in_parts) == 0);
  CHECK(strstr(whole, "\na_total{x=\"99\"} 99\n") != NULL);
  free(whole);
  free(in_parts);

  options.format = SEAWALL_FORMAT_OTLP_JSON;
  options.start_unix_ns = 17;
  options.now_unix_ns = 18;
  options.service = text("shop");
  char* otlp = page_of(metrics, &options, 1000, &many);
  CHECK(strstr(otlp, "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}") != NULL);
  CHECK(strstr(otlp, "\"startTimeUnixNano\":\"17\",\"timeUnixNano\":\"18\"") != NULL);
  free(otlp);

  /* What does not fit says how much it needs, and changes nothing. */
  seawall_metrics_page page;
  char buffer[400];
  size_t written = 7;
  size_t needed = 0;
  options.format = SEAWALL_FORMAT_PROMETHEUS;
  CHECK(seawall_metrics_page_begin(metrics, &options, &page, &error) == SEAWALL_OK);
  CHECK(seawall_metrics_page_next(&page, buffer, 10, &written, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(written == 0 && needed > 10 && needed < sizeof buffer);
  CHECK(seawall_metrics_page_next(&page, NULL, 0, &written, &needed) == SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(seawall_metrics_page_next(&page, buffer, needed, &written, NULL) == SEAWALL_PAGE_MORE && written == needed);
  CHECK(seawall_metrics_page_next(&page, buffer, sizeof buffer, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);

  memset(&page, 0, sizeof page);
  CHECK(seawall_metrics_page_next(&page, buffer, sizeof buffer, &written, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_page_next(NULL, buffer, sizeof buffer, &written, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_page_begin(NULL, &options, &page, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_page_begin(metrics, &options, NULL, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options.format = 4;
  CHECK(seawall_metrics_page_begin(metrics, &options, &page, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options.format = SEAWALL_FORMAT_OTLP_JSON;
  options.service.data = NULL;
  CHECK(seawall_metrics_page_begin(metrics, &options, &page, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "service is NULL") == 0);
  options.struct_size = 3;
  CHECK(seawall_metrics_page_begin(metrics, &options, &page, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_render(metrics, SEAWALL_FORMAT_OTLP_JSON, buffer, sizeof buffer, NULL, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(seawall_metrics_content_type(SEAWALL_FORMAT_OTLP_JSON), "application/json") == 0);
  seawall_metrics_free(metrics);
}

static seawall_series_match match(const char* family) {
  const seawall_series_match made = {text(family), NULL, 0};
  return made;
}

static void windows(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  seawall_metrics_windows* seen = NULL;
  CHECK(seawall_metrics_new(NULL, &metrics, &error) == SEAWALL_OK);
  const seawall_series good = series_of(metrics, SEAWALL_METRIC_COUNTER, "answers_total", "good");
  const seawall_series bad = series_of(metrics, SEAWALL_METRIC_COUNTER, "answers_total", "bad");
  const seawall_series time = series_of(metrics, SEAWALL_METRIC_HISTOGRAM, "time_seconds", "all");
  CHECK(seawall_metrics_windows_new(metrics, NULL, &seen, &error) == SEAWALL_OK);

  int64_t now = 1000 * kSecond;
  seawall_window_counter counter = {sizeof counter, 0, 0, 0, 0, 0};
  const seawall_series_match answers = match("answers_total");
  CHECK(seawall_metrics_windows_counter(seen, SEAWALL_WINDOW_MINUTE, &answers, now, &counter) == SEAWALL_OK);
  CHECK(counter.covered_ns == 0 && isnan(counter.per_second));
  CHECK(seawall_metrics_windows_tick(seen, now) == 1 && seawall_metrics_windows_tick(seen, now) == 0);
  CHECK(seawall_counter_add(metrics, good, 30) == SEAWALL_OK && seawall_counter_add(metrics, bad, 10) == SEAWALL_OK);
  for (int i = 1; i <= 99; ++i) CHECK(seawall_histogram_observe(metrics, time, 0.004) == SEAWALL_OK);
  CHECK(seawall_histogram_observe(metrics, time, 9) == SEAWALL_OK);
  now += 10 * kSecond;
  CHECK(seawall_metrics_windows_tick(seen, now) == 1);

  CHECK(seawall_metrics_windows_counter(seen, SEAWALL_WINDOW_MINUTE, &answers, now, &counter) == SEAWALL_OK);
  CHECK(counter.covered_ns == 10 * kSecond && counter.series == 2 && counter.increase == 40 && counter.per_second == 4);
  const seawall_label_match is_bad = {text("x"), text("bad")};
  const seawall_series_match part = {text("answers_total"), &is_bad, 1};
  seawall_window_share share = {sizeof share, 0, 0, 0, 0, 0};
  CHECK(seawall_metrics_windows_share(seen, SEAWALL_WINDOW_MINUTE, &part, &answers, now, &share) == SEAWALL_OK);
  CHECK(share.covered_ns == 10 * kSecond && share.part == 10 && share.whole == 40 && share.share == 0.25);
  seawall_window_histogram times = {sizeof times, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const seawall_series_match all = match("time_seconds");
  CHECK(seawall_metrics_windows_histogram(seen, SEAWALL_WINDOW_MINUTE, &all, now, &times) == SEAWALL_OK);
  CHECK(times.series == 1 && times.count == 100 && times.per_second == 10 && fabs(times.sum - 9.396) < 1e-9);
  CHECK(times.p50 <= 0.005 && times.p90 <= 0.005 && times.p99 <= 0.005 && fabs(times.mean - 0.09396) < 1e-9);
  /* No series: 0 of everything. A histogram is no counter. */
  CHECK(seawall_metrics_windows_counter(seen, SEAWALL_WINDOW_MINUTE, &all, now, &counter) == SEAWALL_OK);
  CHECK(counter.series == 0 && counter.increase == 0);
  CHECK(seawall_metrics_windows_counter(seen, SEAWALL_WINDOW_HOUR, &answers, now, &counter) == SEAWALL_OK);

  size_t needed = 0;
  CHECK(seawall_metrics_windows_json(seen, now, NULL, 0, &needed, &error) == SEAWALL_E_BUFFER_TOO_SMALL && needed > 0);
  char* json = malloc(needed + 1);
  CHECK(seawall_metrics_windows_json(seen, now, json, needed + 1, NULL, &error) == SEAWALL_OK);
  CHECK(strstr(json, "\"labels\":{\"x\":\"good\"},\"minute\":{\"covered_seconds\":10,\"increase\":30,") != NULL);
  free(json);
  seawall_metrics_windows_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
  CHECK(seawall_metrics_windows_tick(seen, now - kSecond) == 0);
  CHECK(seawall_metrics_windows_get_stats(seen, &stats) == SEAWALL_OK);
  CHECK(stats.series >= 3 && stats.bytes > 0 && stats.samples == 2 && stats.backward_ticks == 1);

  CHECK(seawall_metrics_windows_counter(seen, 2, &answers, now, &counter) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_windows_counter(seen, 0, NULL, now, &counter) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_windows_counter(seen, 0, &answers, now, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  counter.struct_size = 8;
  CHECK(seawall_metrics_windows_counter(seen, 0, &answers, now, &counter) == SEAWALL_E_INVALID_ARGUMENT);
  const seawall_series_match no_labels = {text("answers_total"), NULL, 1};
  const seawall_series_match many_labels = {text("answers_total"), &is_bad, 17};
  CHECK(seawall_metrics_windows_share(seen, 0, &no_labels, &answers, now, &share) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_windows_share(seen, 0, &answers, &many_labels, now, &share) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_windows_histogram(seen, 0, &all, now, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_windows_get_stats(seen, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  void* wrong = metrics;
  CHECK(seawall_metrics_windows_tick(wrong, now) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_windows_counter(wrong, 0, &answers, now, &counter) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_windows_json(wrong, now, NULL, 0, &needed, &error) == SEAWALL_E_WRONG_HANDLE && needed == 0);
  seawall_metrics_windows_free(wrong);
  seawall_metrics_windows_free(seen);

  seawall_metrics_windows_options options;
  CHECK(seawall_metrics_windows_options_init(&options) == SEAWALL_OK);
  options.memory_bytes = 5;
  CHECK(seawall_metrics_windows_new(metrics, &options, &seen, &error) == SEAWALL_E_INVALID_ARGUMENT && seen == NULL);
  CHECK(strcmp(error.message, "memory_bytes must be from 4096 to 1099511627776, not 5") == 0);
  const seawall_text only = text("time_seconds");
  options.memory_bytes = 0;
  options.families = &only;
  options.family_count = 1;
  CHECK(seawall_metrics_windows_new(metrics, &options, &seen, &error) == SEAWALL_OK);
  CHECK(seawall_metrics_windows_tick(seen, now) == 1);
  CHECK(seawall_metrics_windows_get_stats(seen, &stats) == SEAWALL_OK && stats.series == 1);
  seawall_metrics_windows_free(seen);
  options.families = NULL;
  CHECK(seawall_metrics_windows_new(metrics, &options, &seen, &error) == SEAWALL_E_INVALID_ARGUMENT);
  options.families = &only;
  options.family_count = 1001;
  CHECK(seawall_metrics_windows_new(metrics, &options, &seen, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_windows_new(NULL, NULL, &seen, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_windows_new(metrics, NULL, NULL, &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_metrics_free(metrics);
}

static int has(const seawall_metrics* metrics, const char* line) {
  char* all = malloc(1 << 18);
  CHECK(seawall_metrics_render(metrics, SEAWALL_FORMAT_PROMETHEUS, all, 1 << 18, NULL, NULL) == SEAWALL_OK);
  const int found = strstr(all, line) != NULL;
  free(all);
  return found;
}

static void publisher(void) {
  static const char quota[] = "{\"permits\": 5, \"period_ns\": 60000000000}";
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  seawall_metrics_publisher* published = NULL;
  seawall_circuit_breaker* breaker = NULL;
  seawall_keyed_circuit_breaker* hosts = NULL;
  seawall_token_bucket* bucket = NULL;
  seawall_sliding_window* window = NULL;
  seawall_fixed_window* fixed = NULL;
  seawall_leased_token_bucket* leased = NULL;
  seawall_keyed_limiter* users = NULL;
  seawall_registry* registry = NULL;
  seawall_prober* prober = NULL;
  seawall_follower* follower = NULL;
  seawall_limit_set* set = NULL;
  CHECK(seawall_metrics_new(NULL, &metrics, &error) == SEAWALL_OK);
  CHECK(seawall_circuit_breaker_new(NULL, 0, &breaker, &error) == SEAWALL_OK);
  CHECK(seawall_keyed_circuit_breaker_new_from_json("{}", SEAWALL_TEXT, 0, &hosts, &error) == SEAWALL_OK);
  CHECK(seawall_token_bucket_new_from_json(quota, SEAWALL_TEXT, 0, &bucket, &error) == SEAWALL_OK);
  CHECK(seawall_sliding_window_new_from_json(quota, SEAWALL_TEXT, 0, &window, &error) == SEAWALL_OK);
  CHECK(seawall_fixed_window_new_from_json(quota, SEAWALL_TEXT, 0, &fixed, &error) == SEAWALL_OK);
  CHECK(seawall_leased_token_bucket_new_from_json("{\"permits\": 100, \"period_ns\": 1000000000}", SEAWALL_TEXT, 0,
                                                  &leased, &error) == SEAWALL_OK);
  CHECK(seawall_keyed_limiter_new_from_json(quota, SEAWALL_TEXT, 0, &users, &error) == SEAWALL_OK);
  CHECK(seawall_registry_new(NULL, 0, &registry, &error) == SEAWALL_OK);
  CHECK(seawall_registry_prober(registry, NULL, 0, &prober, &error) == SEAWALL_OK);
  CHECK(seawall_registry_follower(registry, NULL, &follower, &error) == SEAWALL_OK);
  CHECK(seawall_follower_add_source(follower, "list", SEAWALL_TEXT, SEAWALL_SOURCE_STATIC, 0, &error) == 0);
  CHECK(seawall_follower_load(follower, 0, "{\"s\": [{\"host\": \"h\", \"port\": 1}]}", SEAWALL_TEXT, 3000000000,
                              &error) == SEAWALL_OK);
  CHECK(seawall_follower_tick(follower, 0) == 1);
  const void* limits[] = {bucket};
  CHECK(seawall_limit_set_new(limits, 1, &set, &error) == SEAWALL_OK);

  CHECK(seawall_metrics_publisher_new(metrics, &published, &error) == SEAWALL_OK);
  const struct {
    const char* name;
    void* part;
  } parts[] = {{"trading", breaker}, {"hosts", hosts}, {"bucket", bucket},     {"window", window}, {"fixed", fixed},
               {"leased", leased},   {"users", users}, {"services", registry}, {"probes", prober}, {"files", follower}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    CHECK(seawall_metrics_publisher_watch(published, parts[i].name, SEAWALL_TEXT, parts[i].part, &error) == SEAWALL_OK);
  }
  CHECK(seawall_token_bucket_try_acquire(bucket, 0, 2, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_keyed_limiter_try_acquire_id(users, 7, 0, 1, NULL) == SEAWALL_ALLOWED);
  CHECK(seawall_circuit_breaker_force_open(breaker, 0) == SEAWALL_OK);
  CHECK(seawall_metrics_publisher_publish(published, 0) == SEAWALL_OK);
  CHECK(has(metrics,
            "\nseawall_circuit_breaker_state{breaker=\"trading\",seawall_circuit_breaker_state=\"forced_open\"} 1\n"));
  CHECK(has(metrics, "{breaker=\"trading\",to=\"forced_open\",reason=\"forced_open\"} 1\n"));
  CHECK(has(metrics, "\nseawall_keyed_circuit_breaker_keys{breaker=\"hosts\"} 0\n"));
  CHECK(has(metrics, "\nseawall_rate_limiter_remaining{limiter=\"bucket\"} 3\n"));
  CHECK(has(metrics, "\nseawall_rate_limiter_remaining{limiter=\"window\"} 5\n"));
  CHECK(has(metrics, "\nseawall_rate_limiter_limit{limiter=\"fixed\"} 5\n"));
  CHECK(has(metrics, "\nseawall_rate_limiter_limit{limiter=\"leased\"} "));
  CHECK(has(metrics, "\nseawall_keyed_limiter_keys{limiter=\"users\"} 1\n"));
  CHECK(has(metrics, "\nseawall_service_registry_instances{registry=\"services\"} 1\n"));
  CHECK(has(metrics, "\nseawall_prober_probes_total{prober=\"probes\",result=\"failed\"} 0\n"));
  CHECK(has(metrics, "\nseawall_source_follower_instances{follower=\"files\"} 1\n"));
  CHECK(has(metrics, "\nseawall_source_age_seconds{follower=\"files\",source=\"list\",service=\"s\"} 3\n"));

  CHECK(seawall_metrics_publisher_watch(published, "bucket", 6, bucket, &error) == SEAWALL_E_ALREADY_EXISTS);
  CHECK(strcmp(error.message, "limiter \"bucket\" is watched already") == 0);
  CHECK(seawall_metrics_publisher_watch(published, "set", 3, set, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_publisher_watch(published, "x", 1, NULL, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_publisher_watch(published, NULL, 1, bucket, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_publisher_unwatch(published, "bucket", 6) == SEAWALL_OK);
  CHECK(seawall_metrics_publisher_unwatch(published, "bucket", 6) == SEAWALL_E_NOT_FOUND);
  CHECK(seawall_metrics_publisher_unwatch(published, NULL, 6) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_limit_set_free(set);
  seawall_token_bucket_free(bucket);
  CHECK(seawall_metrics_publisher_publish(published, 1) == SEAWALL_OK);
  CHECK(!has(metrics, "limiter=\"bucket\""));

  void* wrong = metrics;
  seawall_metrics_publisher* none = published;
  CHECK(seawall_metrics_publisher_new(NULL, &none, &error) == SEAWALL_E_WRONG_HANDLE && none == NULL);
  CHECK(seawall_metrics_publisher_new(metrics, NULL, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_publisher_watch(wrong, "a", 1, breaker, &error) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_publisher_unwatch(wrong, "a", 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_publisher_publish(wrong, 0) == SEAWALL_E_WRONG_HANDLE);
  seawall_metrics_publisher_free(wrong);
  seawall_metrics_publisher_free(published);
  seawall_circuit_breaker_free(breaker);
  seawall_keyed_circuit_breaker_free(hosts);
  seawall_sliding_window_free(window);
  seawall_fixed_window_free(fixed);
  seawall_leased_token_bucket_free(leased);
  seawall_keyed_limiter_free(users);
  seawall_prober_free(prober);
  seawall_follower_free(follower);
  seawall_registry_free(registry);
  seawall_metrics_free(metrics);
}

int main(void) {
  pages();
  windows();
  publisher();
  return check_result();
}
