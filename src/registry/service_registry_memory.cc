// SPDX-License-Identifier: MIT
// The block of memory in which a registry writes what its readers see, and how the next writer reads it back.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <new>
#include <random>

#include "registry/service_registry_impl.h"
#include "seawall/detail/writer_lease.h"

namespace seawall {
namespace {

using detail::DetailsPlace;
using detail::InstanceDetails;
using detail::seen;
using detail::show;
using detail::Word;
using detail::WriterLease;

// Between the texts of metadata, which are UTF-8 and hold none.
constexpr char kEnd = '\xff';

std::uint32_t unsigned_of(std::int32_t value) { return static_cast<std::uint32_t>(value); }

std::uint64_t random_word() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

// -> how many bytes. Allocates nothing: the instance is in part changed by now.
std::uint32_t show_metadata(Word* words, const Metadata& metadata) noexcept {
  std::uint32_t bytes = 0;
  std::array<char, 8> word{};
  const auto put = [&](char c) {
    word[bytes++ % 8] = c;
    if (bytes % 8 != 0) return;
    show(words[bytes / 8 - 1], std::bit_cast<std::uint64_t>(word));
    word = {};
  };
  for (const auto& [name, value] : metadata) {
    for (const std::string* text : {&name, &value}) {
      for (const char c : *text) put(c);
      put(kEnd);
    }
  }
  if (bytes % 8 != 0) show(words[bytes / 8], std::bit_cast<std::uint64_t>(word));
  return bytes;
}

Metadata unpacked(std::string_view bytes) {
  Metadata metadata;
  const auto next = [&] {
    const std::size_t end = std::min(bytes.find(kEnd), bytes.size());
    std::string text(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    return text;
  };
  while (!bytes.empty()) {
    std::string name = next();
    metadata.emplace_back(std::move(name), next());
  }
  return metadata;
}

template <std::size_t kWords>
std::string text_of(const detail::TextWords<kWords>& words, std::size_t size) {
  char bytes[kWords * 8];
  words.load(bytes, size);
  return {bytes, size};
}

std::vector<std::uint32_t> unused(const std::vector<bool>& used) {
  std::vector<std::uint32_t> free;
  for (std::size_t i = used.size(); i-- > 0;) {
    if (!used[i]) free.push_back(static_cast<std::uint32_t>(i));
  }
  return free;
}

// Each part is one of its enumeration.
bool is_state(std::uint64_t word) {
  const auto part = [=](int at) { return word >> at & 0xff; };
  return part(0) <= static_cast<std::uint64_t>(AdminState::kDisabled) &&
         part(8) <= static_cast<std::uint64_t>(SelfState::kDraining) &&
         part(16) <= static_cast<std::uint64_t>(Health::kUnknown) &&
         part(24) <= static_cast<std::uint64_t>(LeaseState::kHeld) &&
         part(32) <= static_cast<std::uint64_t>(SelfState::kDraining);
}

Result<void> check_lease(Duration lease) {
  constexpr std::int64_t kLongest = Duration(std::chrono::hours(24)).count();
  if (lease.count() >= 1 && lease.count() <= kLongest) return {};
  return out_of_range("writer_lease in ns", lease.count(), 1, kLongest);
}

}  // namespace

detail::DirectorySizes directory_sizes(const ServiceRegistryOptions& options, bool shared) {
  // At worst all names have one byte and no value: a byte and two ends.
  const std::uint32_t metadata_words = shared ? (3 * unsigned_of(options.max_metadata_bytes) + 7) / 8 : 0;
  return {.services = unsigned_of(options.max_services),
          .records = std::min(unsigned_of(options.max_instances) + 1 + unsigned_of(options.max_instances) / 64,
                              detail::ServiceDirectory::kMaxRecords),
          .list_words = unsigned_of(options.max_instances_per_service) + detail::DirectoryLayout::kListHead,
          .detail_words = static_cast<std::uint32_t>(InstanceDetails::kWords) + metadata_words,
          .flights = std::bit_ceil((unsigned_of(options.max_in_flight) - 1) / detail::DirectoryLayout::kStripes + 1),
          .tables = 2 * unsigned_of(options.max_hashed_services),
          .table_words = (unsigned_of(options.hash_table_size) + 3) / 4};
}

Result<detail::ServiceDirectory> make_directory(std::span<std::byte> memory, const detail::DirectorySizes& sizes,
                                                std::int64_t epoch) {
  const detail::SipKey seed{static_cast<std::uint64_t>(epoch), random_word()};
  return detail::ServiceDirectory::make_in(memory, sizes, random_word() | 1, seed);
}

ServiceRegistry::ServiceRegistry(const ServiceRegistryConfig& config, std::unique_ptr<Impl> impl)
    : config_(config), impl_(std::move(impl)), reader_(impl_->directory) {}

ServiceRegistry::ServiceRegistry(const ServiceRegistryConfig& config, TimePoint epoch)
    : ServiceRegistry(config, [&] {
        const detail::DirectorySizes sizes = directory_sizes(config.options(), false);
        const std::size_t bytes = detail::ServiceDirectory::bytes(sizes);
        auto own = detail::allocate_keyed(bytes);
        if (own == nullptr) throw std::bad_alloc();
        const std::span block(static_cast<std::byte*>(own.get()), bytes);
        const auto directory = make_directory(block, sizes, to_ns(epoch)).value();
        auto impl = std::make_unique<Impl>(config.options(), to_ns(epoch), std::move(own), directory);
        const detail::MutexLock lock(impl->mutex);
        impl->begin();
        return impl;
      }()) {}

std::size_t ServiceRegistry::memory_for(const ServiceRegistryConfig& config) {
  return detail::ServiceDirectory::bytes(directory_sizes(config.options(), true));
}

Result<ServiceRegistry> ServiceRegistry::make_in(std::span<std::byte> memory, const ServiceRegistryConfig& config,
                                                 TimePoint now, Duration writer_lease) {
  if (auto r = check_lease(writer_lease); !r) return r.error();
  const auto directory = make_directory(memory, directory_sizes(config.options(), true), to_ns(now));
  if (!directory) return directory.error();
  auto impl = std::make_unique<Impl>(config.options(), to_ns(now), nullptr, directory.value());
  {
    const detail::MutexLock lock(impl->mutex);
    (void)impl->take_lease(to_ns(now), writer_lease.count(), true);
    impl->begin();
  }
  return ServiceRegistry(config, std::move(impl));
}

Result<ServiceRegistry> ServiceRegistry::take_over(std::span<std::byte> memory, const ServiceRegistryConfig& config,
                                                   TakeOver when, TimePoint now, Duration writer_lease) {
  if (auto r = check_lease(writer_lease); !r) return r.error();
  const auto directory = detail::ServiceDirectory::attach(memory);
  if (!directory) return directory.error();
  if (directory.value().sizes() != directory_sizes(config.options(), true)) {
    return Error{Code::kInvalidArgument, "the memory was made with other bounds (max_...) than those of this config"};
  }
  const auto last_tick = static_cast<std::int64_t>(seen(directory.value().header().ticked_at));
  auto impl = std::make_unique<Impl>(config.options(), last_tick, nullptr, directory.value());
  {
    const detail::MutexLock lock(impl->mutex);
    if (!impl->take_lease(to_ns(now), writer_lease.count(), when == TakeOver::kAtOnce)) {
      return Error{Code::kFenced, "the writer of this memory has its lease still"};
    }
    impl->adopt();
  }
  return ServiceRegistry(config, std::move(impl));
}

bool ServiceRegistry::writes() const {
  const detail::MutexLock lock(impl_->mutex);
  return impl_->written_by_me();
}

ServiceRegistry::Impl::~Impl() {
  if (writer_ != 0) WriterLease::give_back(directory.header().writer, writer_);
}

// NOLINTNEXTLINE(readability-make-member-function-const): it writes to the directory, which const does not reach
void ServiceRegistry::Impl::begin() {
  show(directory.header().ticked_at, static_cast<std::uint64_t>(last_tick_));
  show(directory.believed_until(), static_cast<std::uint64_t>(believed_until()));
}

bool ServiceRegistry::Impl::take_lease(std::int64_t now, std::int64_t length, bool at_once) {
  writer_ = WriterLease::take(directory.header().writer, now, length, at_once);
  writer_lease_ = length;
  return writer_ != WriterLease::kNobody;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it renews a lease in the directory
bool ServiceRegistry::Impl::writes(std::int64_t now) {
  return writer_ == 0 || WriterLease::renew(directory.header().writer, writer_, now, writer_lease_);
}

bool ServiceRegistry::Impl::written_by_me() const {
  return writer_ == 0 || WriterLease::writer(seen(directory.header().writer)) == writer_;
}

// NOLINTNEXTLINE(readability-make-member-function-const): as above
void ServiceRegistry::Impl::write_details(const RegisteredInstance& instance) noexcept {
  const InstanceDetails details = directory.details(instance.record);
  const InstanceSpec& spec = instance.spec;
  const std::uint64_t before = seen(details.place());
  show(details.place(), 0);
  details.zone().store(spec.zone);
  const std::size_t room = (directory.sizes().detail_words - InstanceDetails::kWords) * 8;
  const std::uint32_t metadata_bytes = room == 0 ? 0 : show_metadata(details.metadata(), spec.metadata);
  write_state(instance);
  const DetailsPlace place{instance.service, unsigned_of(spec.weight), static_cast<std::uint32_t>(spec.zone.size()),
                           metadata_bytes};
  show(details.place(), place.pack(before));
}

// NOLINTNEXTLINE(readability-make-member-function-const): as above
void ServiceRegistry::Impl::write_state(const RegisteredInstance& instance) noexcept {
  const InstanceDetails details = directory.details(instance.record);
  show(details.changed_at(), static_cast<std::uint64_t>(instance.changed_at));
  show(details.expired_at(), static_cast<std::uint64_t>(instance.expired_at));
  show(details.state(),
       static_cast<std::uint64_t>(instance.admin) | static_cast<std::uint64_t>(instance.self) << 8 |
           static_cast<std::uint64_t>(instance.health) << 16 | static_cast<std::uint64_t>(instance.lease) << 24 |
           static_cast<std::uint64_t>(instance.spec.state) << 32 | std::uint64_t{instance.fenced} << 40);
}

void ServiceRegistry::Impl::adopt() {
  next_generation_ = std::max(next_generation_, seen(directory.header().generations) + 1);
  adopt_services();
  adopt_views();
  adopt_instances();
  std::vector<std::uint32_t> known;
  for (const auto& [name, index] : service_index_) known.push_back(index);
  for (const std::uint32_t index : known) {
    publish(index);
    release_if_idle(index);
  }
}

void ServiceRegistry::Impl::adopt_services() {
  names().repair();
  std::vector<bool> used(services_.size());
  for (std::uint32_t index = 0; index < used.size(); ++index) {
    const std::string name{std::string_view(names().text(index))};
    if (name.empty()) continue;
    used[index] = service_index_.emplace(name, index).second;
    services_[index].name = name;
  }
  free_services_ = unused(used);
}

// Of two in one place, by slot or by id, which a writer left that died while one took the other's, the newer one.
void ServiceRegistry::Impl::adopt_instances() {
  std::vector<std::unique_ptr<RegisteredInstance>> by_slot(unsigned_of(options_.max_instances));
  for (std::uint32_t record = 0; record < directory.record_count(); ++record) {
    auto found = read_record(record);
    if (found == nullptr || !adoptable(*found)) continue;
    next_generation_ = std::max(next_generation_, found->generation + 1);
    auto& place = by_slot[found->slot];
    if (place == nullptr || place->generation < found->generation) place = std::move(found);
  }
  std::map<std::pair<std::uint32_t, std::string_view>, RegisteredInstance*> by_id;
  for (const auto& found : by_slot) {
    if (found == nullptr) continue;
    RegisteredInstance*& newest = by_id[{found->service, found->spec.id}];
    if (newest == nullptr || newest->generation < found->generation) newest = found.get();
  }
  std::vector<bool> records(directory.record_count());
  std::vector<bool> slots(by_slot.size());
  for (auto& found : by_slot) {
    if (found == nullptr || by_id[{found->service, found->spec.id}] != found.get()) continue;
    RegisteredInstance& instance = *found;
    records[instance.record] = slots[instance.slot] = true;
    services_[instance.service].reserve_one();
    services_[instance.service].enter(instance);
    if (instance.expired()) enter_expired(instance);
    if (!instance.fenced) index_endpoint(instance, instance.spec);
    index_names(found);
  }
  free_records_ = unused(records);
  free_slots_ = unused(slots);
  // Those of records that are free by now, also when the writer died before it could.
  for (const std::uint32_t index : free_records_) {
    detail::InstanceRecord& record = directory.record(index);
    record.stamp.store(0, std::memory_order_seq_cst);
    detail::BasicInstanceBreaker<Word>(record.breaker, directory.share(directory.service_of(record))).clear();
  }
  end_flights([&](std::uint64_t cell) { return !records[detail::Flight::record(cell) % records.size()]; });
}

// Null: it is free, or was not written to its end.
std::unique_ptr<RegisteredInstance> ServiceRegistry::Impl::read_record(std::uint32_t record) const {
  const detail::InstanceRecord& from = directory.record(record);
  const detail::InstanceTexts& texts = directory.texts(record);
  const InstanceDetails details = directory.details(record);
  const DetailsPlace place = DetailsPlace::unpack(seen(details.place()));
  const std::uint64_t room = (directory.sizes().detail_words - InstanceDetails::kWords) * 8;
  auto read = std::make_unique<RegisteredInstance>();
  read->generation = seen(from.stamp);
  if (read->generation == 0 || seen(details.place()) == 0 || place.metadata_bytes > room) return nullptr;
  const std::uint64_t address = seen(from.address);
  read->spec.id = text_of(texts.id, address >> 8 & 0x3f);
  read->spec.host = text_of(texts.host, address & 0xff);
  read->spec.port = static_cast<std::int32_t>(address >> 16 & 0xffff);
  read->spec.weight = static_cast<std::int32_t>(place.weight);
  read->spec.zone = text_of(details.zone(), place.zone_bytes);
  std::string metadata;
  for (std::size_t at = 0; at < place.metadata_bytes; at += 8) {
    const std::uint64_t word = seen(details.metadata()[at / 8]);
    metadata.append(reinterpret_cast<const char*>(&word), std::min<std::size_t>(place.metadata_bytes - at, 8));
  }
  read->spec.metadata = unpacked(metadata);
  const std::uint64_t state = seen(details.state());
  if (!is_state(state)) return nullptr;
  read->admin = static_cast<AdminState>(state & 0xff);
  read->self = static_cast<SelfState>(state >> 8 & 0xff);
  read->health = static_cast<Health>(state >> 16 & 0xff);
  read->lease = static_cast<LeaseState>(state >> 24 & 0xff);
  read->spec.state = static_cast<SelfState>(state >> 32 & 0xff);
  read->fenced = (state >> 40 & 1) != 0;
  read->service = place.service;
  read->slot = static_cast<std::uint32_t>(address >> 32);
  read->record = record;
  read->lease_end = static_cast<std::int64_t>(seen(from.lease_end));
  read->changed_at = static_cast<std::int64_t>(seen(details.changed_at()));
  read->expired_at = static_cast<std::int64_t>(seen(details.expired_at()));
  // Shielded from readers: when its lease ended is known no more, so the ceiling begins anew.
  read->shielded = read->lease_end == std::numeric_limits<std::int64_t>::max();
  if (read->shielded) read->lease_end = last_tick_;
  return read;
}

bool ServiceRegistry::Impl::adoptable(const RegisteredInstance& found) const {
  return found.service < services_.size() && !services_[found.service].name.empty() &&
         found.slot < unsigned_of(options_.max_instances) && check_instance(found.spec, options_.max_metadata_bytes);
}

}  // namespace seawall
