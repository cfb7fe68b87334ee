// SPDX-License-Identifier: MIT
// Snapshots of a service as values, and what is different between two.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "seawall/detail/instance_details.h"
#include "seawall/detail/saturating.h"
#include "seawall/detail/service_list.h"
#include "seawall/service_reader.h"
#include "text/json_text.h"

namespace seawall {
namespace {

using detail::ListEntry;
using detail::seen;

template <std::size_t kWords>
std::string text_of(const detail::TextWords<kWords>& words, std::size_t size) {
  char bytes[kWords * 8];
  words.load(bytes, size);
  return {bytes, size};
}

// False: it was retired meanwhile.
bool read_instance(const detail::ServiceDirectory& directory, const ListEntry& entry, SnapshotInstance& out) {
  const detail::InstanceRecord& record = directory.record(entry.record);
  const detail::InstanceTexts& texts = directory.texts(entry.record);
  const detail::InstanceDetails details = directory.details(entry.record);
  out.generation = seen(record.stamp);
  const std::uint64_t address = seen(record.address);
  out.slot = static_cast<std::uint32_t>(address >> 32);
  out.port = static_cast<std::int32_t>(address >> 16 & 0xffff);
  out.id = text_of(texts.id, address >> 8 & 0x3f);
  out.host = text_of(texts.host, address & 0xff);
  const std::uint64_t word = seen(details.place());
  const auto place = detail::DetailsPlace::unpack(word);
  out.weight = static_cast<std::int32_t>(place.weight);
  out.zone = text_of(details.zone(), place.zone_bytes);
  if (word == 0 || seen(details.place()) != word) {  // just being updated: the next version says how
    out.weight = 1;
    out.zone.clear();
  }
  return static_cast<std::uint32_t>(out.generation) == entry.generation && seen(record.stamp) == out.generation;
}

// False: the list or an instance of it was replaced meanwhile. As for picks, that cannot be while the head stands.
bool read_list(const detail::ServiceDirectory& directory, std::uint32_t service, ServiceSnapshot& out) {
  out.version = seen(directory.head(service));
  const detail::Word* words = directory.list(service, out.version);
  const detail::ListHead head(seen(words[0]));
  const std::uint32_t size = directory.list_size(head.eligible());
  out.view = head.view_state();
  out.instances.clear();
  for (std::uint32_t i = 0; i < size; ++i) {
    SnapshotInstance instance;
    if (read_instance(directory, ListEntry::unpack(seen(words[detail::ListHead::kWords + i])), instance)) {
      out.instances.push_back(std::move(instance));
    } else if (seen(directory.head(service)) != out.version) {
      return false;
    }
  }
  std::ranges::sort(out.instances, {}, &SnapshotInstance::id);
  return !detail::ServiceDirectory::stale(out.version, seen(directory.head(service)));
}

void append(std::string& out, std::string_view name, const std::vector<SnapshotInstance>& instances) {
  fmt::format_to(std::back_inserter(out), R"(,"{}":[)", name);
  for (const SnapshotInstance& instance : instances) {
    if (&instance != &instances.front()) out += ',';
    out += R"({"id":)";
    append_json_text(out, instance.id);
    out += R"(,"host":)";
    append_json_text(out, instance.host);
    out += R"(,"zone":)";
    append_json_text(out, instance.zone);
    fmt::format_to(std::back_inserter(out), R"(,"port":{},"weight":{},"slot":{},"generation":{}}})", instance.port,
                   instance.weight, instance.slot, instance.generation);
  }
  out += ']';
}

}  // namespace

ServiceSnapshot ServiceReader::snapshot_at(std::string_view service, TimePoint now) const {
  ServiceSnapshot read;
  const detail::ServiceNameKey key = names().key(service);
  for (;;) {
    const detail::FoundService found = names().find(key);
    if (!found) {
      read.version = 0;
      read.view = ViewState::kNobody;
      read.instances.clear();
      break;
    }
    if (read_list(*directory_, found.index, read) && names().still(found)) break;
  }
  read.epoch = epoch();
  const auto ticked = static_cast<std::int64_t>(seen(directory_->header().ticked_at));
  read.age = Duration(std::max<std::int64_t>(detail::saturating_sub(to_ns(now), ticked), 0));
  return read;
}

std::optional<ServiceNews> ServiceReader::changed_since(const ServiceSnapshot& held, std::string_view service,
                                                        TimePoint now) const {
  if (held.epoch == epoch() && held.version == version(service)) return std::nullopt;
  ServiceNews news{snapshot_at(service, now), {}};
  news.changes = changes_between(held, news.snapshot);
  return news;
}

ServiceChanges changes_between(const ServiceSnapshot& before, const ServiceSnapshot& now) {
  ServiceChanges changes;
  const bool restarted = before.epoch != 0 && before.epoch != now.epoch;
  changes.reset = restarted || (now.version != 0 && before.version > now.version);
  auto old = before.instances.begin();
  auto fresh = now.instances.begin();
  while (old != before.instances.end() || fresh != now.instances.end()) {
    if (fresh == now.instances.end() || (old != before.instances.end() && old->id < fresh->id)) {
      changes.removed.push_back(*old++);
    } else if (old == before.instances.end() || fresh->id < old->id) {
      changes.added.push_back(*fresh++);
    } else {
      if (changes.reset || *old != *fresh) changes.changed.push_back(*fresh);
      ++old;
      ++fresh;
    }
  }
  return changes;
}

std::string to_json(const ServiceNews& news) {
  const ServiceSnapshot& snapshot = news.snapshot;
  std::string out =
      fmt::format(R"({{"epoch":"{:016x}","version":{},"age_ms":{},"reset":{},"view":"{}")", snapshot.epoch,
                  snapshot.version, snapshot.age.count() / 1'000'000, news.changes.reset, to_string(snapshot.view));
  append(out, "instances", snapshot.instances);
  append(out, "added", news.changes.added);
  append(out, "removed", news.changes.removed);
  append(out, "changed", news.changes.changed);
  return out += '}';
}

}  // namespace seawall
