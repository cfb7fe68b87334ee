// SPDX-License-Identifier: MIT
//
// SeriesReader: how a scrape walks a registry. It takes no lock that a recorder or a lookup takes, and allocates
// nothing. A position is a number: it stays good while series come and go, so a walk may stop and go on later. A series
// that was there all the time is met exactly once.
//
//   detail::SeriesReader reader;
//   for (std::uint32_t at = 0; reader.next(family, at);) print(reader.labels(), reader.total());
#pragma once

#include <cstdint>
#include <string_view>

#include "metrics/metrics_family.h"
#include "metrics/metrics_labels.h"
#include "seawall/exemplar.h"

namespace seawall::detail {

struct Series;

class SeriesReader {
 public:
  // Reads the series at `position`, or the first one behind it, once and whole, and moves position behind it. False:
  // there is none. What the members below answer stays until the next call. Runs callbacks of gauges. Leaves out what
  // was made after the first `births` series of the registry: a series that was met, removed and made anew would be met
  // a second time.
  bool next(const FamilyState& family, std::uint32_t& position, std::uint64_t births = UINT64_MAX) noexcept;

  std::string_view labels() const noexcept { return labels_.view(); }  // a="1",b="2": escaped, no braces
  bool is_overflow() const noexcept { return overflow_; }              // then labels() is seawall_overflow="true"
  std::uint64_t total() const noexcept { return total_; }              // kCounter; divide by definition.units_per_one
  double value() const noexcept { return value_; }                     // kGauge
  const HistogramSnapshot& histogram() const noexcept { return histogram_; }  // kHistogram
  std::uint32_t state() const noexcept { return state_; }                     // kStateSet: place in definition.states
  // kInfo has no value: always 1.

  // kHistogram: the latest one of the bucket; kCounter: of bucket 0. False: there is none, or the series is gone.
  bool exemplar(std::size_t bucket, Exemplar& out) const noexcept;

  // Which series this is, and which one of those that had its place.
  std::uint32_t index() const noexcept { return index_; }
  std::uint32_t generation() const noexcept { return generation_; }

 private:
  bool read(const FamilyState& family, const SeriesRef& series) noexcept;
  bool read_labels(const FamilyState& family, const SeriesRef& series) noexcept;
  bool read_gauge(const FamilyState& family, const SeriesRef& series) noexcept;

  LabelText labels_;
  bool overflow_ = false;
  std::uint64_t total_ = 0;
  double value_ = 0;
  std::uint32_t state_ = 0;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
  const ExemplarSlot* exemplars_ = nullptr;
  SeriesRef series_;
  HistogramSnapshot histogram_;
};

}  // namespace seawall::detail
