// SPDX-License-Identifier: MIT
//
// What a MetricsPublisher shows of where instances come from and how they answer: probers, followers and their sources.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/metrics_fields.h"
#include "seawall/runtime/metrics_registry.h"
#include "seawall/runtime/prober.h"
#include "seawall/runtime/source_follower.h"

namespace seawall::detail {

inline constexpr MetricsField<ProberStats> kProberTotals[] = {
    {"seawall_prober_timeouts_total", "Probes that failed because no answer came in time.",
     [](const ProberStats& s) { return plain(s.timeouts); }},
    {"seawall_prober_wrong_identities_total", "Probes that failed because another instance answered.",
     [](const ProberStats& s) { return plain(s.wrong_identity); }},
    {"seawall_prober_late_answers_total", "Answers to probes that were over.",
     [](const ProberStats& s) { return plain(s.late); }},
    {"seawall_prober_hurried_total", "Probes brought forward because somebody else doubts the service.",
     [](const ProberStats& s) { return plain(s.hurried); }},
};
inline constexpr MetricsField<ProberStats> kProberGauges[] = {
    {"seawall_prober_targets", "Instances that are probed.", [](const ProberStats& s) { return plain(s.targets); }},
    {"seawall_prober_probes_in_flight", "Probes without an answer yet.",
     [](const ProberStats& s) { return plain(s.in_flight); }},
};

struct ProberFamilies {
  FieldFamilies<ProberStats> fields;
  std::optional<Family<Counter>> probes, transitions;

  Result<void> open(MetricsRegistry& metrics) {
    if (transitions) return {};
    if (auto opened = fields.open(metrics, kProberTotals, kProberGauges, {"prober"}); !opened) return opened;
    const auto answered =
        metrics.counter("seawall_prober_probes_total", "Probes that are over, by result.", {"prober", "result"});
    if (!answered) return answered.error();
    const auto changes =
        metrics.counter("seawall_prober_transitions_total",
                        "How often the probes of an instance changed what it is held for.", {"prober", "to"});
    if (!changes) return changes.error();
    probes = answered.value();
    transitions = changes.value();
    return {};
  }
};

class ProberSource final : public Source {
 public:
  ProberSource(std::string_view name, const ProberFamilies& families, const Prober& prober)
      : Source(name), families_(families), prober_(prober), fields_(families.fields, {name}) {
    for (const auto& [result, read] : kResults) probes_.emplace_back(families.probes->with({name, result}));
    for (const auto& [to, read] : kTransitions) transitions_.emplace_back(families.transitions->with({name, to}));
  }

  void publish(TimePoint) override {
    const ProberStats stats = prober_.stats();
    fields_.set(stats);
    for (std::size_t i = 0; i < kResults.size(); ++i) probes_[i].follow(plain(stats.*kResults[i].second));
    for (std::size_t i = 0; i < kTransitions.size(); ++i) transitions_[i].follow(plain(stats.*kTransitions[i].second));
  }
  void remove() override {
    fields_.remove({name()});
    for (const auto& [result, read] : kResults) families_.probes->remove({name(), result});
    for (const auto& [to, read] : kTransitions) families_.transitions->remove({name(), to});
  }

 private:
  using Total = std::pair<std::string_view, std::int64_t ProberStats::*>;
  static constexpr std::array<Total, 4> kResults = {{{"passed", &ProberStats::passed},
                                                     {"warned", &ProberStats::warned},
                                                     {"failed", &ProberStats::failed},
                                                     {"learnt_nothing", &ProberStats::learnt_nothing}}};
  static constexpr std::array<Total, 2> kTransitions = {
      {{"failing", &ProberStats::falls}, {"passing", &ProberStats::rises}}};

  const ProberFamilies& families_;
  const Prober& prober_;
  FieldSeries<ProberStats> fields_;
  std::vector<FollowingCounter> probes_, transitions_;
};

inline constexpr MetricsField<SourceFollowerStats> kFollowerTotals[] = {
    {"seawall_source_follower_added_total", "Instances registered because a source lists them.",
     [](const SourceFollowerStats& s) { return plain(s.adds); }},
    {"seawall_source_follower_updated_total", "Instances changed because a source says so.",
     [](const SourceFollowerStats& s) { return plain(s.updates); }},
    {"seawall_source_follower_removed_total", "Instances taken out because no source lists them.",
     [](const SourceFollowerStats& s) { return plain(s.removals); }},
    {"seawall_source_follower_left_out_total", "Instances beyond the bounds of the follower.",
     [](const SourceFollowerStats& s) { return plain(s.left_out); }},
    {"seawall_source_follower_doubted_lists_total", "Lists that were doubted: empty, or shrunken.",
     [](const SourceFollowerStats& s) { return plain(s.doubted); }},
    {"seawall_source_follower_recoveries_total", "How often a source came back from failure or silence.",
     [](const SourceFollowerStats& s) { return plain(s.recoveries); }},
};
inline constexpr MetricsField<SourceFollowerStats> kFollowerGauges[] = {
    {"seawall_source_follower_instances", "Instances that are registered by sources.",
     [](const SourceFollowerStats& s) { return plain(s.instances); }},
    {"seawall_source_follower_refused_instances", "Instances that sources list and the registry refuses.",
     [](const SourceFollowerStats& s) { return plain(s.refused); }},
    {"seawall_source_follower_yielded_instances", "Instances that sources list and that registered themselves.",
     [](const SourceFollowerStats& s) { return plain(s.yielded); }},
};
inline constexpr MetricsField<SourceInfo> kSourceTotals[] = {
    {"seawall_source_answers_total", "Answers of the source about the service.",
     [](const SourceInfo& s) { return plain(s.answers); }},
    {"seawall_source_failures_total", "Of these, failures.", [](const SourceInfo& s) { return plain(s.failures); }},
};
inline constexpr MetricsField<SourceInfo> kSourceGauges[] = {
    {"seawall_source_age_seconds", "Age of what is known from the source.",
     [](const SourceInfo& s) { return std::chrono::duration<double>(s.age).count(); }},
    {"seawall_source_stale", "1 while the source fails, or is silent for longer than it vouched for.",
     [](const SourceInfo& s) { return s.stale ? 1.0 : 0.0; }},
    {"seawall_source_doubted", "1 while its list is doubted, so that removals wait.",
     [](const SourceInfo& s) { return s.doubted ? 1.0 : 0.0; }},
    {"seawall_source_listed_instances", "Instances in its last list.",
     [](const SourceInfo& s) { return plain(s.listed); }},
    {"seawall_source_leaving_instances", "Instances that are in it no more, and kept for the time being.",
     [](const SourceInfo& s) { return plain(s.leaving); }},
};

struct FollowerFamilies {
  FieldFamilies<SourceFollowerStats> fields;
  FieldFamilies<SourceInfo> sources;

  Result<void> open(MetricsRegistry& metrics) {
    if (auto opened = fields.open(metrics, kFollowerTotals, kFollowerGauges, {"follower"}); !opened) return opened;
    return sources.open(metrics, kSourceTotals, kSourceGauges, {"follower", "source", "service"});
  }
};

class FollowerSource final : public Source {
 public:
  using Read = std::function<SourceFollowerReading(TimePoint)>;

  FollowerSource(std::string_view name, const FollowerFamilies& families, Read read)
      : Source(name), families_(families), read_(std::move(read)), fields_(families.fields, {name}) {}

  void publish(TimePoint now) override {
    const SourceFollowerReading reading = read_(now);
    fields_.set(reading.stats);
    std::map<Key, FieldSeries<SourceInfo>> listed;
    for (const SourceInfo& info : reading.sources) {
      if (listed.contains({info.source, info.service})) continue;  // the better one of that name stands before it
      auto known = sources_.extract({info.source, info.service});
      const auto at = known ? listed.insert(std::move(known)).position
                            : listed
                                  .try_emplace({info.source, info.service}, families_.sources,
                                               TextList{name(), info.source, info.service})
                                  .first;
      at->second.set(info);
    }
    remove_sources();
    sources_ = std::move(listed);
  }
  void remove() override {
    fields_.remove({name()});
    remove_sources();
  }

 private:
  using Key = std::pair<std::string, std::string>;  // source and service

  void remove_sources() {
    for (auto& [key, series] : sources_) series.remove({name(), key.first, key.second});
  }

  const FollowerFamilies& families_;
  const Read read_;
  FieldSeries<SourceFollowerStats> fields_;
  std::map<Key, FieldSeries<SourceInfo>> sources_;
};

}  // namespace seawall::detail
