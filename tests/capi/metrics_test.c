/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "seawall_c.h"

static seawall_text text(const char* data) {
  const seawall_text made = {data, SEAWALL_TEXT};
  return made;
}

static seawall_family_options options(int32_t type, const char* name, const seawall_text* labels, size_t count) {
  seawall_family_options made;
  seawall_family_options_init(&made);
  made.type = type;
  made.name = text(name);
  made.help = text("Help.");
  made.labels = labels;
  made.label_count = count;
  return made;
}

/* A counter, a gauge and a histogram, recorded into and rendered. */
static void records_and_renders(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  CHECK(seawall_metrics_new(NULL, &metrics, &error) == SEAWALL_OK);

  const seawall_text labels[] = {text("route"), text("code")};
  const seawall_text values[] = {text("/\"x\""), {"200xxx", 3}};
  const seawall_family_options counters = options(SEAWALL_METRIC_COUNTER, "hits_total", labels, 2);
  seawall_family* family = NULL;
  seawall_family* again = NULL;
  CHECK(seawall_metrics_family(metrics, &counters, &family, &error) == SEAWALL_OK);
  CHECK(seawall_metrics_family(metrics, &counters, &again, &error) == SEAWALL_OK && again == family);
  seawall_series counter = 0;
  seawall_series same = 0;
  CHECK(seawall_family_series(family, values, 2, &counter, &error) == SEAWALL_SERIES_OWN);
  CHECK(seawall_family_series(family, values, 2, &same, &error) == SEAWALL_SERIES_OWN && same == counter);
  CHECK(seawall_counter_add(metrics, counter, 5) == SEAWALL_OK);
  CHECK(seawall_counter_add(metrics, counter, -1) == SEAWALL_E_INVALID_ARGUMENT);
  uint64_t total = 0;
  CHECK(seawall_counter_value(metrics, counter, &total) == SEAWALL_OK && total == 5);
  /* Numbers that no series has, of a generation that was never and of one that is not yet. */
  const seawall_series nobody[] = {counter & 0xffffffffu, counter + (UINT64_C(1) << 40)};
  for (int i = 0; i < 2; ++i) {
    uint64_t read = 7;
    const int32_t answer = seawall_counter_value(metrics, nobody[i], &read);
    CHECK(answer == SEAWALL_E_WRONG_HANDLE || (answer == SEAWALL_OK && read == 0));
  }

  const seawall_family_options gauges = options(SEAWALL_METRIC_GAUGE, "depth", NULL, 0);
  seawall_series gauge = 0;
  double value = 0;
  CHECK(seawall_metrics_family(metrics, &gauges, &family, &error) == SEAWALL_OK);
  CHECK(seawall_family_series(family, NULL, 0, &gauge, &error) == SEAWALL_SERIES_OWN);
  CHECK(seawall_gauge_set(metrics, gauge, 1.5) == SEAWALL_OK && seawall_gauge_add(metrics, gauge, -4) == SEAWALL_OK);
  CHECK(seawall_gauge_value(metrics, gauge, &value) == SEAWALL_OK && value == -2.5);

  const double bounds[] = {0.1, 1};
  seawall_family_options histograms = options(SEAWALL_METRIC_HISTOGRAM, "wait_seconds", NULL, 0);
  histograms.bounds = bounds;
  histograms.bound_count = 2;
  seawall_series histogram = 0;
  CHECK(seawall_metrics_family(metrics, &histograms, &family, &error) == SEAWALL_OK);
  CHECK(seawall_family_series(family, NULL, 0, &histogram, &error) == SEAWALL_SERIES_OWN);
  CHECK(seawall_histogram_quantile(metrics, histogram, 0.5, &value) == SEAWALL_OK && isnan(value));
  CHECK(seawall_histogram_observe(metrics, histogram, 0.5) == SEAWALL_OK);
  CHECK(seawall_histogram_observe_ns(metrics, histogram, 100000000) == SEAWALL_OK);
  CHECK(seawall_histogram_totals(metrics, histogram, &total, &value) == SEAWALL_OK && total == 2 && value == 0.6);
  CHECK(seawall_histogram_totals(metrics, histogram, NULL, NULL) == SEAWALL_OK);
  CHECK(seawall_histogram_quantile(metrics, histogram, 0.5, &value) == SEAWALL_OK && value == 0.1);
  double uppers[3] = {0};
  uint64_t counts[3] = {7, 7, 7};
  size_t buckets = 0;
  CHECK(seawall_histogram_buckets(metrics, histogram, uppers, counts, 2, &buckets, NULL, NULL) ==
        SEAWALL_E_BUFFER_TOO_SMALL);
  CHECK(buckets == 3 && counts[0] == 7 && uppers[0] == 0);
  CHECK(seawall_histogram_buckets(metrics, histogram, uppers, counts, 3, &buckets, &total, &value) == SEAWALL_OK);
  CHECK(counts[0] == 1 && counts[1] == 1 && counts[2] == 0 && total == 2 && value == 0.6);
  CHECK(uppers[0] == 0.1 && uppers[1] == 1 && isinf(uppers[2]));
  CHECK(seawall_histogram_quantile(metrics, histogram, 1.5, &value) == SEAWALL_E_INVALID_ARGUMENT);

  int64_t series = 0;
  CHECK(seawall_metrics_series_count(metrics, &series) == SEAWALL_OK && series == 3);

  char small[8];
  size_t needed = 0;
  CHECK(seawall_metrics_render(metrics, SEAWALL_FORMAT_PROMETHEUS, small, sizeof small, &needed, &error) ==
        SEAWALL_E_BUFFER_TOO_SMALL);
  char* buffer = malloc(needed + 1);
  CHECK(seawall_metrics_render(metrics, SEAWALL_FORMAT_PROMETHEUS, buffer, needed + 1, NULL, &error) == SEAWALL_OK);
  CHECK(strlen(buffer) == needed);
  static const char page[] =
      "# HELP depth Help.\n"
      "# TYPE depth gauge\n"
      "depth -2.5\n"
      "# HELP hits_total Help.\n"
      "# TYPE hits_total counter\n"
      "hits_total{route=\"/\\\"x\\\"\",code=\"200\"} 5\n"
      "# HELP seawall_metrics_dropped_label_sets_total Lookups answered with the overflow series: a bound on "
      "series was reached, or a value was refused.\n"
      "# TYPE seawall_metrics_dropped_label_sets_total counter\n"
      "seawall_metrics_dropped_label_sets_total{family=\"hits_total\"} 0\n"
      "# HELP wait_seconds Help.\n"
      "# TYPE wait_seconds histogram\n"
      "wait_seconds_bucket{le=\"0.1\"} 1\n"
      "wait_seconds_bucket{le=\"1.0\"} 2\n"
      "wait_seconds_bucket{le=\"+Inf\"} 2\n"
      "wait_seconds_sum 0.6\n"
      "wait_seconds_count 2\n";
  CHECK(strcmp(buffer, page) == 0);
  free(buffer);
  CHECK(seawall_metrics_render(metrics, 4, small, sizeof small, &needed, &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_metrics_free(metrics);
}

static double answer(void* user_data) { return *(const double*)user_data; }

static void bounds_and_errors(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  CHECK(seawall_metrics_new_from_json("{\"max_series_per_family\": 1}", SEAWALL_TEXT, &metrics, &error) == SEAWALL_OK);
  const seawall_text label = text("x");
  const seawall_text one = text("1");
  const seawall_text two = text("2");
  seawall_family_options made = options(SEAWALL_METRIC_COUNTER, "hits_total", &label, 1);
  seawall_family* family = NULL;
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_OK);
  seawall_series counter = 0;
  CHECK(seawall_family_series(family, &one, 1, &counter, &error) == SEAWALL_SERIES_OWN);
  CHECK(seawall_family_series(family, &two, 1, &counter, &error) == SEAWALL_SERIES_OVERFLOW);
  CHECK(counter != 0 && seawall_counter_add(metrics, counter, 1) == SEAWALL_OK);
  CHECK(seawall_family_series(family, NULL, 1, &counter, &error) == SEAWALL_E_INVALID_ARGUMENT && counter == 0);
  CHECK(seawall_family_series(family, NULL, 0, &counter, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_family_series(family, &one, 1, &counter, &error) == SEAWALL_SERIES_OWN);
  CHECK(seawall_gauge_set(metrics, counter, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_family_gauge_callback(family, &one, 1, answer, NULL, &error) == SEAWALL_E_WRONG_HANDLE);

  made = options(SEAWALL_METRIC_COUNTER, "hits", NULL, 0);
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_E_INVALID_ARGUMENT && family == NULL);
  CHECK(strcmp(error.message, "counter name \"hits\" must end in _total") == 0);
  made = options(SEAWALL_METRIC_GAUGE, "hits", NULL, 0);
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_E_ALREADY_EXISTS);
  made = options(7, "depth", NULL, 0);
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_E_INVALID_ARGUMENT);
  made = options(SEAWALL_METRIC_GAUGE, "depth", NULL, 0);
  made.steps_per_unit = 1;
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_E_INVALID_ARGUMENT);
  made = options(SEAWALL_METRIC_GAUGE, "depth", NULL, 0);
  made.struct_size = 3;
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_metrics_free(metrics);

  CHECK(seawall_metrics_new_from_json("{\"max_serie\": 1}", SEAWALL_TEXT, &metrics, &error) ==
            SEAWALL_E_INVALID_ARGUMENT &&
        metrics == NULL);
  seawall_metrics_options negative;
  CHECK(seawall_metrics_options_init(&negative) == SEAWALL_OK);
  negative.max_series = -1;
  CHECK(seawall_metrics_new(&negative, &metrics, &error) == SEAWALL_E_INVALID_ARGUMENT && metrics == NULL);
}

/* States, info, exponential buckets, exemplars, a callback; removal and a number that outlives its series. */
static void other_kinds(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  CHECK(seawall_metrics_new_from_json("{\"no_rseq\": 1}", SEAWALL_TEXT, &metrics, &error) == SEAWALL_OK);
  const seawall_text label = text("x");
  const seawall_text one = text("1");
  const seawall_text states[] = {text("closed"), text("open")};
  seawall_family_options made = options(SEAWALL_METRIC_STATE_SET, "breaker", &label, 1);
  made.states = states;
  made.state_count = 2;
  seawall_family* family = NULL;
  seawall_series series = 0;
  int32_t state = 7;
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_OK);
  CHECK(seawall_family_series(family, &one, 1, &series, &error) == SEAWALL_SERIES_OWN);
  CHECK(seawall_state_set_value(metrics, series, &state) == SEAWALL_OK && state == 0);
  CHECK(seawall_state_set_set(metrics, series, 1) == SEAWALL_OK);
  CHECK(seawall_state_set_set(metrics, series, 2) == SEAWALL_OK);
  CHECK(seawall_state_set_set(metrics, series, -1) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_state_set_value(metrics, series, &state) == SEAWALL_OK && state == 1);
  const uint64_t* removals = seawall_family_removals(family);
  CHECK(removals != NULL && *removals == 0);
  CHECK(seawall_family_remove(family, &one, 1, &error) == SEAWALL_OK && *removals == 1);
  CHECK(seawall_family_remove(family, &one, 1, &error) == SEAWALL_E_NOT_FOUND && *removals == 1);
  CHECK(seawall_family_removals(NULL) == NULL);
  CHECK(seawall_family_removals((const seawall_family*)metrics) == NULL);
  CHECK(seawall_state_set_set(metrics, series, 1) == SEAWALL_OK);
  seawall_series again = 0;
  uint64_t stale = 0;
  CHECK(seawall_family_series(family, &one, 1, &again, &error) == SEAWALL_SERIES_OWN && again != series);
  CHECK(seawall_state_set_value(metrics, again, &state) == SEAWALL_OK && state == 0);
  CHECK(seawall_metrics_stale_recordings(metrics, &stale) == SEAWALL_OK && stale == 1);

  made = options(SEAWALL_METRIC_INFO, "build_info", &label, 1);
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_OK);
  CHECK(seawall_family_series(family, &one, 1, &series, &error) == SEAWALL_SERIES_OWN);

  made = options(SEAWALL_METRIC_HISTOGRAM, "wait_seconds", NULL, 0);
  made.exponential = 1;
  made.exemplars = 1;
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_OK);
  CHECK(seawall_family_series(family, NULL, 0, &series, &error) == SEAWALL_SERIES_OWN);
  const seawall_exemplar exemplar = {{1}, {2}, 3000};
  uint64_t count = 0;
  double value = 0;
  CHECK(seawall_histogram_observe_exemplar(metrics, series, 0.25, &exemplar) == SEAWALL_OK);
  CHECK(seawall_histogram_observe_exemplar(metrics, series, 0.25, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_counter_add_exemplar(metrics, series, 1, &exemplar) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_totals(metrics, series, &count, &value) == SEAWALL_OK && count == 1 && value == 0.25);
  CHECK(seawall_histogram_quantile(metrics, series, 1, &value) == SEAWALL_OK && value == 0.25);
  made = options(SEAWALL_METRIC_HISTOGRAM, "size", NULL, 0);
  made.exponential = 1;
  made.schema = 9;
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "schema must be from 0 to 5, not 9") == 0);

  double given = 2.5;
  made = options(SEAWALL_METRIC_GAUGE, "depth", NULL, 0);
  CHECK(seawall_metrics_family(metrics, &made, &family, &error) == SEAWALL_OK);
  CHECK(seawall_family_gauge_callback(family, NULL, 0, answer, &given, &error) == SEAWALL_OK);
  CHECK(seawall_family_gauge_callback(family, NULL, 0, answer, &given, &error) == SEAWALL_E_ALREADY_EXISTS);
  CHECK(seawall_family_gauge_callback(family, NULL, 0, NULL, &given, &error) == SEAWALL_E_INVALID_ARGUMENT);
  char buffer[32768];
  CHECK(seawall_metrics_render(metrics, SEAWALL_FORMAT_PROMETHEUS, buffer, sizeof buffer, NULL, &error) == SEAWALL_OK);
  CHECK(strstr(buffer, "\ndepth 2.5\n") != NULL);
  CHECK(strstr(buffer, "breaker{x=\"1\",breaker=\"closed\"} 1\n") != NULL);
  CHECK(strstr(buffer, "\nbuild_info{x=\"1\"} 1\n") != NULL);
  seawall_metrics_free(metrics);
}

static void null_and_wrong_handles(void) {
  seawall_error error = SEAWALL_ERROR_INIT;
  seawall_metrics* metrics = NULL;
  CHECK(seawall_metrics_new(NULL, &metrics, NULL) == SEAWALL_OK);
  void* other = metrics; /* a live handle of another type for all but the first functions */
  const seawall_family_options made = options(SEAWALL_METRIC_COUNTER, "hits_total", NULL, 0);
  seawall_family* family = NULL;
  CHECK(seawall_metrics_family(metrics, &made, &family, NULL) == SEAWALL_OK);
  void* wrong = family;

  CHECK(seawall_metrics_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_family_options_init(NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_new(NULL, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_new_from_json(NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  seawall_metrics* none = NULL;
  CHECK(seawall_metrics_new_from_json(NULL, 5, &none, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_family(NULL, NULL, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_family(wrong, &made, &family, &error) == SEAWALL_E_WRONG_HANDLE && family == NULL);
  CHECK(seawall_metrics_family(metrics, NULL, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_family(metrics, &made, &family, NULL) == SEAWALL_OK);
  CHECK(seawall_family_series(NULL, NULL, 0, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  seawall_series counter = 0;
  CHECK(seawall_family_series(other, NULL, 0, &counter, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_family_series(family, NULL, 0, NULL, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  const seawall_series own = 0;
  CHECK(seawall_counter_add(NULL, 0, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_counter_add(wrong, own, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_counter_value(NULL, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_counter_value(wrong, own, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_family_series(family, NULL, 0, &counter, NULL) == SEAWALL_SERIES_OWN);
  CHECK(seawall_counter_value(metrics, counter, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_gauge_set(NULL, 0, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_gauge_set(wrong, own, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_gauge_add(NULL, 0, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_gauge_add(wrong, own, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_gauge_value(NULL, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_gauge_value(wrong, own, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_observe(NULL, 0, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_observe(wrong, own, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_observe_ns(NULL, 0, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_observe_ns(wrong, own, 1) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_totals(NULL, 0, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_totals(wrong, own, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_buckets(NULL, 0, NULL, NULL, 0, NULL, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_buckets(wrong, own, NULL, NULL, 0, NULL, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_quantile(NULL, 0, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_histogram_quantile(wrong, own, 0, NULL) == SEAWALL_E_WRONG_HANDLE);
  size_t needed = 1;
  CHECK(seawall_metrics_render(NULL, 0, NULL, 0, NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_render(wrong, 0, NULL, 0, &needed, &error) == SEAWALL_E_WRONG_HANDLE && needed == 0);
  CHECK(seawall_metrics_render(metrics, 0, NULL, 0, &needed, NULL) == SEAWALL_E_BUFFER_TOO_SMALL && needed > 0);
  CHECK(seawall_metrics_series_count(NULL, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_series_count(wrong, NULL) == SEAWALL_E_WRONG_HANDLE);
  CHECK(seawall_metrics_series_count(metrics, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_negotiate(NULL, 0) == SEAWALL_FORMAT_PROMETHEUS);
  CHECK(seawall_metrics_negotiate(NULL, 9) == SEAWALL_FORMAT_PROMETHEUS);
  CHECK(seawall_metrics_negotiate("application/openmetrics-text", SEAWALL_TEXT) == SEAWALL_FORMAT_OPENMETRICS);
  CHECK(strcmp(seawall_metrics_content_type(0), "text/plain; version=0.0.4; charset=utf-8") == 0);
  CHECK(strcmp(seawall_metrics_content_type(-1), "") == 0);
  seawall_metrics_free(NULL);
  seawall_metrics_free(wrong);
  seawall_metrics_free(metrics);
}

/* Texts checked: right, wrong, fallen. */
static void validates(void) {
  const char* before = "# TYPE a_total counter\na_total 7\n";
  const char* after = "# TYPE a_total counter\na_total 5\n";
  const size_t all = SEAWALL_TEXT;
  seawall_error error = SEAWALL_ERROR_INIT;
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_PROMETHEUS, after, all, NULL, 0, &error) == SEAWALL_OK);
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_PROMETHEUS, after, all, before, all, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "line 2: \"a_total\" fell from 7 to 5") == 0);
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_PROMETHEUS, "a one\n", all, NULL, 0, &error) ==
        SEAWALL_E_INVALID_ARGUMENT);
  CHECK(strcmp(error.message, "line 1: \"one\" is no value") == 0);
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_OPENMETRICS, "# EOF", all, "", 0, NULL) == SEAWALL_OK);
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_JSON, "{}", all, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_validate(-1, "", 0, NULL, 0, NULL) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_PROMETHEUS, NULL, 1, NULL, 0, &error) == SEAWALL_E_INVALID_ARGUMENT);
  CHECK(seawall_metrics_validate(SEAWALL_FORMAT_PROMETHEUS, "", 0, NULL, 1, &error) == SEAWALL_E_INVALID_ARGUMENT);
}

int main(void) {
  validates();
  records_and_renders();
  bounds_and_errors();
  other_kinds();
  null_and_wrong_handles();
  return check_result();
}
