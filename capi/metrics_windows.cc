// SPDX-License-Identifier: MIT
#include "seawall/runtime/metrics_windows.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "metrics_handle.h"

using seawall::LabelMatch;
using seawall::MetricsRegistry;
using seawall::MetricsWindows;
using seawall::SeriesMatch;
using seawall::Window;
using namespace seawall::capi;

struct seawall_metrics_windows : Handle<0x53574D03> {
  explicit seawall_metrics_windows(MetricsWindows&& made) : rep(std::move(made)) {}
  MetricsWindows rep;
};

namespace {

static_assert(SEAWALL_WINDOW_MINUTE == static_cast<int>(Window::kMinute));
static_assert(SEAWALL_WINDOW_HOUR == static_cast<int>(Window::kHour));

int32_t create(const seawall_metrics& metrics, const seawall_metrics_windows_options& given,
               seawall_metrics_windows** out, seawall_error* error) {
  seawall::MetricsWindowsOptions options;
  if (given.memory_bytes != 0) options.memory_bytes = given.memory_bytes;
  if (given.family_count > MetricsWindows::kMaxFamilies) {
    return fail(error, SEAWALL_E_INVALID_ARGUMENT, "families: more than 1000");
  }
  for (const seawall_text& family : std::span(given.families, given.family_count)) {
    if (!readable(family.data, family.size)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "a family is NULL");
    options.families.emplace_back(text_in(family.data, family.size));
  }
  auto made = MetricsWindows::make(metrics.rep, options);
  if (!made) return fail(error, made.error());
  *out = new seawall_metrics_windows(std::move(made).value());
  return SEAWALL_OK;
}

// A seawall_series_match, parsed.
class Match {
 public:
  // False: something is NULL, or there are more labels than a series can have.
  bool read(const seawall_series_match* given) noexcept {
    if (given == nullptr || !readable(given->family.data, given->family.size)) return false;
    if (given->label_count > labels_.size() || (given->labels == nullptr && given->label_count != 0)) return false;
    family_ = text_in(given->family.data, given->family.size);
    for (std::size_t i = 0; i < given->label_count; ++i) {
      const auto& [name, value] = given->labels[i];
      if (!readable(name.data, name.size) || !readable(value.data, value.size)) return false;
      labels_[i] = {text_in(name.data, name.size), text_in(value.data, value.size)};
    }
    count_ = given->label_count;
    return true;
  }
  SeriesMatch match() const noexcept { return {family_, std::span(labels_).first(count_)}; }

 private:
  std::string_view family_;
  std::array<LabelMatch, MetricsRegistry::kMaxLabels> labels_;
  std::size_t count_ = 0;
};

bool is_window(int32_t window) noexcept { return window == SEAWALL_WINDOW_MINUTE || window == SEAWALL_WINDOW_HOUR; }

}  // namespace

extern "C" {

int32_t seawall_metrics_windows_options_init(seawall_metrics_windows_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_metrics_windows_new(const seawall_metrics* metrics, const seawall_metrics_windows_options* options,
                                    seawall_metrics_windows** out, seawall_error* error) noexcept {
  if (out != nullptr) *out = nullptr;
  if (!valid(metrics)) return wrong_handle(error, "metrics is no metrics handle");
  if (out == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "out is NULL");
  seawall_metrics_windows_options read{};
  if (!read_options(options, read)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options.struct_size is wrong");
  if (read.families == nullptr && read.family_count != 0) {
    return fail(error, SEAWALL_E_INVALID_ARGUMENT, "families is NULL");
  }
  return guarded(error, [&] { return create(*metrics, read, out, error); });
}

void seawall_metrics_windows_free(seawall_metrics_windows* windows) noexcept { free_handle(windows); }

int32_t seawall_metrics_windows_tick(seawall_metrics_windows* windows, int64_t now_ns) noexcept {
  if (!valid(windows)) return SEAWALL_E_WRONG_HANDLE;
  return windows->rep.tick_at(instant(now_ns)) ? 1 : 0;
}

int32_t seawall_metrics_windows_counter(const seawall_metrics_windows* windows, int32_t window,
                                        const seawall_series_match* match, int64_t now_ns,
                                        seawall_window_counter* out) noexcept {
  if (!valid(windows)) return SEAWALL_E_WRONG_HANDLE;
  Match wanted;
  if (!is_window(window) || !wanted.read(match) || !has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto found = windows->rep.counter_at(instant(now_ns), static_cast<Window>(window), wanted.match());
  return give({0, 0, found.covered.count(), found.series, found.increase, found.per_second()}, out);
}

int32_t seawall_metrics_windows_share(const seawall_metrics_windows* windows, int32_t window,
                                      const seawall_series_match* part, const seawall_series_match* whole,
                                      int64_t now_ns, seawall_window_share* out) noexcept {
  if (!valid(windows)) return SEAWALL_E_WRONG_HANDLE;
  Match some, all;
  if (!is_window(window) || !some.read(part) || !all.read(whole) || !has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto found = windows->rep.share_at(instant(now_ns), static_cast<Window>(window), some.match(), all.match());
  return give({0, 0, found.covered.count(), found.part, found.whole, found.share()}, out);
}

int32_t seawall_metrics_windows_histogram(const seawall_metrics_windows* windows, int32_t window,
                                          const seawall_series_match* match, int64_t now_ns,
                                          seawall_window_histogram* out) noexcept {
  if (!valid(windows)) return SEAWALL_E_WRONG_HANDLE;
  Match wanted;
  if (!is_window(window) || !wanted.read(match) || !has_size(out)) return SEAWALL_E_INVALID_ARGUMENT;
  const auto found = windows->rep.histogram_at(instant(now_ns), static_cast<Window>(window), wanted.match());
  return give({0, 0, found.covered.count(), found.series, found.increase.count, found.increase.sum, found.per_second(),
               found.mean(), found.quantile(0.5), found.quantile(0.9), found.quantile(0.99)},
              out);
}

int32_t seawall_metrics_windows_json(const seawall_metrics_windows* windows, int64_t now_ns, char* buffer,
                                     size_t capacity, size_t* needed, seawall_error* error) noexcept {
  if (needed != nullptr) *needed = 0;
  if (!valid(windows)) return wrong_handle(error, "windows is no handle of metrics windows");
  return guarded(error, [&] {
    const int32_t code = text_out(windows->rep.to_json_at(instant(now_ns)), buffer, capacity, needed);
    return code == SEAWALL_OK ? code : fail(error, code, "the text is longer than the buffer");
  });
}

int32_t seawall_metrics_windows_get_stats(const seawall_metrics_windows* windows,
                                          seawall_metrics_windows_stats* stats) noexcept {
  if (!valid(windows)) return SEAWALL_E_WRONG_HANDLE;
  if (!has_size(stats)) return SEAWALL_E_INVALID_ARGUMENT;
  const seawall::WindowsStats now = windows->rep.stats();
  return give({0, 0, now.series, now.skipped_series, now.bytes, now.samples, now.backward_ticks}, stats);
}

}  // extern "C"
