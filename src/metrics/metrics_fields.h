// SPDX-License-Identifier: MIT
//
// FieldFamilies: one family for each figure of a struct that some part answers, and FieldSeries: the series of one such
// part. Totals are counters, which take what was added since the last time; all else is a gauge. Source: such a part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seawall/runtime/metrics_registry.h"
#include "seawall/time.h"

namespace seawall::detail {

template <class Number>
constexpr double plain(Number value) {
  return static_cast<double>(value);
}

template <class Reading>
struct MetricsField {
  const char* name;
  const char* help;
  double (*read)(const Reading&);
};

// Follows a total that somebody else keeps. One that falls was begun anew.
class FollowingCounter {
 public:
  explicit FollowingCounter(Counter counter) : counter_(counter) {}
  void follow(double total) {
    const auto now = static_cast<std::int64_t>(total);
    counter_.add(now >= seen_ ? now - seen_ : now);
    seen_ = now;
  }

 private:
  Counter counter_;
  std::int64_t seen_ = 0;
};

template <class Reading>
class FieldFamilies {
 public:
  using Fields = std::span<const MetricsField<Reading>>;

  Result<void> open(MetricsRegistry& metrics, Fields totals, Fields gauges, TextList labels) {
    if (is_open()) return {};
    std::vector<Family<Counter>> counters;
    std::vector<Family<Gauge>> others;
    for (const auto& field : totals) {
      const auto family = metrics.counter(field.name, field.help, labels);
      if (!family) return family.error();
      counters.push_back(family.value());
    }
    for (const auto& field : gauges) {
      const auto family = metrics.gauge(field.name, field.help, labels);
      if (!family) return family.error();
      others.push_back(family.value());
    }
    total_fields_ = totals;
    gauge_fields_ = gauges;
    totals_ = std::move(counters);
    gauges_ = std::move(others);
    return {};
  }

 private:
  template <class>
  friend class FieldSeries;
  bool is_open() const noexcept { return !totals_.empty() || !gauges_.empty(); }

  Fields total_fields_, gauge_fields_;
  std::vector<Family<Counter>> totals_;
  std::vector<Family<Gauge>> gauges_;
};

template <class Reading>
class FieldSeries {
 public:
  FieldSeries(const FieldFamilies<Reading>& families, TextList values) : families_(&families) {
    for (const auto& family : families.totals_) totals_.emplace_back(family.with(values));
    for (const auto& family : families.gauges_) gauges_.push_back(family.with(values));
  }

  void set(const Reading& reading) {
    for (std::size_t i = 0; i < totals_.size(); ++i) totals_[i].follow(families_->total_fields_[i].read(reading));
    for (std::size_t i = 0; i < gauges_.size(); ++i) gauges_[i].set(families_->gauge_fields_[i].read(reading));
  }

  void remove(TextList values) {
    for (const auto& family : families_->totals_) family.remove(values);
    for (const auto& family : families_->gauges_) family.remove(values);
  }

 private:
  const FieldFamilies<Reading>* families_;
  std::vector<FollowingCounter> totals_;
  std::vector<Gauge> gauges_;
};

// What is watched under one name.
class Source {
 public:
  explicit Source(std::string_view name) : name_(name) {}
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual void publish(TimePoint now) = 0;
  virtual void remove() = 0;  // its series

 protected:
  const std::string& name() const noexcept { return name_; }

 private:
  const std::string name_;
};

}  // namespace seawall::detail
