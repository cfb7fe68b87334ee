// SPDX-License-Identifier: MIT
// The block of memory in which a registry writes what its readers see.
#include <bit>
#include <new>
#include <random>

#include "service_registry_impl.h"

namespace seawall {
namespace {

std::uint32_t unsigned_of(std::int32_t value) { return static_cast<std::uint32_t>(value); }

std::uint64_t random_word() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

detail::DirectorySizes directory_sizes(const ServiceRegistryOptions& options) {
  return {.services = unsigned_of(options.max_services),
          .records = unsigned_of(options.max_instances) + 1,
          .list_words = unsigned_of(options.max_instances_per_service) + 1,
          .flights = std::bit_ceil((unsigned_of(options.max_in_flight) - 1) / detail::DirectoryLayout::kStripes + 1)};
}

detail::KeyedAllocation directory_memory(const ServiceRegistryOptions& options) {
  auto memory = detail::allocate_keyed(detail::ServiceDirectory::bytes(directory_sizes(options)));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

detail::ServiceDirectory make_directory(const detail::KeyedAllocation& memory, const ServiceRegistryOptions& options,
                                        std::int64_t epoch) {
  const detail::DirectorySizes sizes = directory_sizes(options);
  const std::span block(static_cast<std::byte*>(memory.get()), detail::ServiceDirectory::bytes(sizes));
  const detail::SipKey seed{static_cast<std::uint64_t>(epoch), random_word()};
  return detail::ServiceDirectory::make_in(block, sizes, random_word(), seed).value();
}

}  // namespace seawall
