// SPDX-License-Identifier: MIT
// A registry in memory that is not its own: readers attach, writers follow one another.
#include <chrono>
#include <new>
#include <span>
#include <string>

#include "seawall/detail/service_directory.h"
#include "seawall/detail/writer_lease.h"
#include "seawall/runtime/service_registry.h"
#include "seawall/service_reader.h"
#include "support/catch.h"

using namespace std::chrono_literals;
using seawall::AdminState;
using seawall::Code;
using seawall::RegistryAnswer;
using seawall::ServiceReader;
using seawall::ServiceRegistry;
using seawall::ServiceRegistryConfig;
using TakeOver = ServiceRegistry::TakeOver;

namespace {

constexpr seawall::TimePoint at(seawall::Duration t) { return seawall::TimePoint(t); }

ServiceRegistryConfig config() {
  return ServiceRegistryConfig::make({.max_services = 4, .max_instances = 8, .max_metadata_bytes = 64}).value();
}

struct Block {
  explicit Block(const ServiceRegistryConfig& of = config())
      : bytes(ServiceRegistry::memory_for(of)), memory(new (std::align_val_t(64)) std::byte[bytes]) {}
  ~Block() { ::operator delete[](memory, std::align_val_t(64)); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::span<std::byte> span() const { return {memory, bytes}; }

  std::size_t bytes;
  std::byte* memory;
};

std::string picked(const ServiceReader& reader, std::string_view service, seawall::TimePoint now) {
  seawall::PickText text;
  const auto pick = reader.pick_at(service, now, text);
  if (!pick) return "nobody";
  reader.done(pick->ticket);
  return std::string(text.id.view());
}

}  // namespace

TEST_CASE("shared: an attached reader picks what the registry registers, and keeps picking when it is gone") {
  const Block block;
  CHECK(ServiceReader::attach(block.span()).error().code == Code::kInvalidArgument);
  auto registry = std::make_unique<ServiceRegistry>(ServiceRegistry::make_in(block.span(), config(), at(0s)).value());
  const auto reader = ServiceReader::attach(block.span()).value();
  CHECK(picked(reader, "a", at(0s)) == "nobody");
  REQUIRE(registry->register_instance_at("a", {.id = "a-1", .host = "h", .port = 1}, at(0s)));
  CHECK(picked(reader, "a", at(0s)) == "a-1");
  const auto service = reader.service("a");
  REQUIRE(service);
  registry.reset();
  CHECK(picked(reader, "a", at(1000s)) == "a-1");  // nobody ticked, so nobody's lease is believed to have ended
  CHECK(service->pick_at(at(1000s)));
}

TEST_CASE("shared: the next writer knows who expired first, whatever became of him since") {
  const auto bounds =
      ServiceRegistryConfig::make({.max_expired_percent = 100, .max_services = 4, .max_instances = 2}).value();
  const Block block(bounds);
  auto first = ServiceRegistry::make_in(block.span(), bounds, at(0s)).value();
  REQUIRE(first.register_instance_at("s", {.id = "a", .host = "h", .port = 1}, at(0s)));
  REQUIRE(first.register_instance_at("s", {.id = "b", .host = "h", .port = 2}, at(500ms)));
  const auto is_expired = [&] {
    return (first.find_at("s/b", at(0s))->status.reasons & seawall::kReasonLeaseExpired) != 0;
  };
  seawall::Duration now{0};
  for (; !is_expired(); now += 100ms) {
    REQUIRE(now < 60s);
    first.tick_at(at(now));
  }
  REQUIRE(first.set_admin_at("s/a", 0, AdminState::kDisabled, at(now)) == RegistryAnswer::kOk);
  auto next = ServiceRegistry::take_over(block.span(), bounds, TakeOver::kAtOnce, at(now)).value();
  REQUIRE(next.register_instance_at("s", {.id = "c", .host = "h", .port = 3}, at(now)));
  CHECK(!next.find_at("s/a", at(now)));
  CHECK(next.find_at("s/b", at(now)));
}

TEST_CASE("shared: whom the former writer held to the ceiling and let expire is kept as long as any other") {
  const auto bounds = ServiceRegistryConfig::make({.max_services = 4, .max_instances = 20}).value();
  const Block block(bounds);
  auto first = ServiceRegistry::make_in(block.span(), bounds, at(0s)).value();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(first.register_instance_at("s", {.id = std::to_string(i), .host = "h", .port = 1}, at(0s)));
  }
  seawall::Duration now{0};
  for (; first.stats().expirations_at_ceiling == 0; now += 1s) {
    REQUIRE(now < 1000s);
    first.tick_at(at(now));
  }
  auto next = ServiceRegistry::take_over(block.span(), bounds, TakeOver::kAtOnce, at(now)).value();
  next.tick_at(at(now + 500ms));
  CHECK(next.stats().instances == 20);
}

TEST_CASE("shared: the next writer goes on with everything, and the former one is fenced") {
  const Block block;
  auto first = ServiceRegistry::make_in(block.span(), config(), at(0s), 3s).value();
  const auto reader = ServiceReader::attach(block.span()).value();
  const auto old = first.register_instance_at("a", {.id = "a-1", .host = "old", .port = 1}, at(0s)).value();
  const seawall::InstanceSpec spec{.id = "a-1",
                                   .host = "host.example",
                                   .port = 8001,
                                   .weight = 7,
                                   .zone = "z1",
                                   .metadata = {{"k", "v"}, {"e", ""}}};
  const auto mine = first.register_instance_at("a", spec, at(0s)).value();
  REQUIRE(first.register_instance_at("a", {.id = "a-2", .host = "h", .port = 2}, at(0s)));
  CHECK(first.set_admin_at("a/a-2", 0, AdminState::kDisabled, at(0s)) == RegistryAnswer::kOk);
  REQUIRE(first.register_instance_at("b", {.id = "b-1", .host = "h", .port = 3}, at(0s)));
  CHECK(first.update_at("b/b-1", 0, {.weight = 3, .zone = "z2"}, at(0s)).value() == RegistryAnswer::kOk);
  const std::uint64_t version = first.version();

  const auto refused = ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(2s));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kFenced);
  auto second = ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(4s)).value();

  CHECK_FALSE(first.writes());
  CHECK(second.writes());
  CHECK(first.register_instance_at("a", spec, at(4s)).error().code == Code::kFenced);
  CHECK(first.heartbeat_at("a/a-1", mine.generation, at(4s)) == RegistryAnswer::kUnknown);
  CHECK(first.deregister_at("a/a-1", 0, at(4s)) == RegistryAnswer::kUnknown);
  CHECK(first.tick_at(at(100s)) == 0);
  CHECK(first.service("c").error().code == Code::kFenced);

  CHECK(second.version() > version);
  CHECK(picked(reader, "a", at(4s)) == "a-1");
  const auto info = second.find_at("a/a-1", at(4s));
  REQUIRE(info);
  CHECK(info->host == spec.host);
  CHECK(info->port == spec.port);
  CHECK(info->weight == spec.weight);
  CHECK(info->zone == spec.zone);
  CHECK(info->metadata == spec.metadata);
  CHECK(info->generation == mine.generation);
  CHECK(info->slot == mine.slot);
  CHECK(second.find_at("a/a-2", at(4s))->admin == AdminState::kDisabled);
  CHECK(second.find_at("b/b-1", at(4s))->weight == 3);
  CHECK(second.find_at("b/b-1", at(4s))->zone == "z2");
  CHECK(second.stats().instances == 3);
  CHECK(second.stats().services == 2);
  CHECK(second.heartbeat_at("a/a-1", old.generation, at(4s)) == RegistryAnswer::kFenced);
  CHECK(second.heartbeat_at("a/a-1", mine.generation, at(4s)) == RegistryAnswer::kOk);
  const auto later = second.register_instance_at("b", {.id = "b-2", .host = "h", .port = 4}, at(4s)).value();
  CHECK(later.generation > mine.generation + 2);
  CHECK(second.deregister_at("a/a-1", 0, at(4s)) == RegistryAnswer::kOk);
  CHECK(picked(reader, "a", at(4s)) == "nobody");
}

TEST_CASE("shared: a writer that ends in order leaves at once, a dead one when the host says so") {
  const Block block;
  {
    auto first = ServiceRegistry::make_in(block.span(), config(), at(0s), 1h).value();
    REQUIRE(first.register_instance_at("a", {.id = "a-1", .host = "h", .port = 1}, at(0s)));
  }
  auto second = ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(1s), 1h).value();
  CHECK(second.stats().instances == 1);
  CHECK_FALSE(ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(2s)));
  auto third = ServiceRegistry::take_over(block.span(), config(), TakeOver::kAtOnce, at(2s)).value();
  CHECK_FALSE(second.writes());
  CHECK(third.stats().instances == 1);
}

TEST_CASE("shared: a verb renews the writer's lease") {
  const Block block;
  auto first = ServiceRegistry::make_in(block.span(), config(), at(0s), 3s).value();
  first.tick_at(at(2s));
  CHECK_FALSE(ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(4s)));
  CHECK(ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(6s)));
}

TEST_CASE("shared: time without a writer ends nobody's lease") {
  const Block block;
  auto first = ServiceRegistry::make_in(block.span(), config(), at(0s), 3s).value();
  const auto mine = first.register_instance_at("a", {.id = "a-1", .host = "h", .port = 1}, at(0s)).value();
  auto second = ServiceRegistry::take_over(block.span(), config(), TakeOver::kIfEnded, at(60s)).value();
  CHECK(second.tick_at(at(60s)) == 0);
  CHECK(second.stats().late_ticks == 1);
  CHECK(second.heartbeat_at("a/a-1", mine.generation, at(60s)) == RegistryAnswer::kOk);
}

// The second newcomer needs the records of those that the batch evicts: their lists are shown while it is halfway in.
TEST_CASE("shared: a batch that evicts leaves the states of others alone") {
  const auto small = ServiceRegistryConfig::make(
                         {.heartbeat_interval = 1s, .lease = 3s, .max_expired_percent = 100, .max_instances = 3})
                         .value();
  const Block block(small);
  auto first = ServiceRegistry::make_in(block.span(), small, at(0s), 10s).value();
  const auto out = first.register_instance_at("a", {.id = "a-1", .host = "h", .port = 1}, at(0s)).value();
  REQUIRE(first.register_instance_at("b", {.id = "b-1", .host = "h", .port = 2}, at(0s)));
  REQUIRE(first.register_instance_at("b", {.id = "b-2", .host = "h", .port = 3}, at(0s)));
  REQUIRE(first.set_admin_at(out.name, out.generation, AdminState::kDisabled, at(0s)) == RegistryAnswer::kOk);
  for (auto now = 1s; now < 8s; now += 1s) {
    REQUIRE(first.heartbeat_at(out.name, out.generation, at(now)) == RegistryAnswer::kOk);
    first.tick_at(at(now));
  }
  const std::vector<seawall::NewInstance> batch = {{"b", {.id = "b-3", .host = "h", .port = 4}},
                                                   {"b", {.id = "b-4", .host = "h", .port = 5}}};
  for (const auto& one : first.register_instances_at(batch, at(7s))) REQUIRE(one);
  REQUIRE(first.stats().evicted_expired == 2);

  const auto second = ServiceRegistry::take_over(block.span(), small, TakeOver::kAtOnce, at(7s), 10s).value();
  CHECK(second.find_at("a/a-1", at(7s))->admin == AdminState::kDisabled);
  CHECK_FALSE(second.pick_at("a", at(7s)));
  CHECK(second.find_at("b/b-3", at(7s))->generation == 4);
  CHECK(second.find_at("b/b-4", at(7s))->generation == 5);
}

TEST_CASE("shared: what the memory cannot be is said") {
  const Block block;
  const auto small = ServiceRegistry::make_in(block.span().first(block.bytes - 64), config(), at(0s));
  CHECK_THAT(std::string(small.error().message.view()), Catch::Contains("at least"));
  CHECK_THAT(std::string(ServiceRegistry::make_in(block.span(), config(), at(0s), 0s).error().message.view()),
             Catch::Contains("writer_lease"));
  const auto made = ServiceRegistry::make_in(block.span(), config(), at(0s));
  REQUIRE(made);
  const auto other = ServiceRegistryConfig::make({.max_services = 3, .max_instances = 8}).value();
  CHECK_THAT(
      std::string(ServiceRegistry::take_over(block.span(), other, TakeOver::kAtOnce, at(0s)).error().message.view()),
      Catch::Contains("bounds"));
}

TEST_CASE("shared: whatever number a record holds for its service, whoever clears the record stays in the memory") {
  using seawall::detail::seen;
  using seawall::detail::show;
  const Block block;
  auto first = ServiceRegistry::make_in(block.span(), config(), at(0s)).value();
  const auto mine = first.register_instance_at("a", {.id = "a-1", .host = "h", .port = 1}, at(0s)).value();
  const auto directory = seawall::detail::ServiceDirectory::attach(block.span()).value();
  const auto service = GENERATE(std::uint64_t{4}, std::uint64_t{0x7ffffff}, ~std::uint64_t{0});
  for (std::uint32_t record = 0; record < directory.record_count(); ++record) {
    show(directory.record(record).service, service);
    show(directory.record(record).breaker, ~std::uint64_t{0});  // ejected, as it seems
  }
  const std::uint64_t slot = seen(directory.slot(0));  // lies behind the shares
  auto second = ServiceRegistry::take_over(block.span(), config(), TakeOver::kAtOnce, at(1s)).value();
  CHECK(seen(directory.slot(0)) == slot);
  CHECK(second.deregister_at(mine.name, 0, at(1s)) == RegistryAnswer::kOk);
  CHECK(seen(directory.slot(0)) == 0);
  for (std::uint32_t record = 0; record < directory.record_count(); ++record) {
    CHECK(seen(directory.record(record).breaker) != ~std::uint64_t{0});
  }
}

TEST_CASE("shared: the lease's word holds a writer and an end, and goes round without being nobody") {
  using seawall::detail::WriterLease;
  std::atomic<std::uint64_t> word{0};
  const std::uint32_t first = WriterLease::take(word, 0, 1'000'000'000, false);
  CHECK(first == 1);
  CHECK(WriterLease::take(word, 999'999'999, 1, false) == WriterLease::kNobody);
  CHECK(WriterLease::deadline_ns(word) >= 1'000'000'000);
  CHECK(WriterLease::deadline_ns(word) <= 1'000'000'000 + (2 << 23));
  CHECK(WriterLease::renew(word, first, -5, 1));  // never shorter
  CHECK(WriterLease::deadline_ns(word) >= 1'000'000'000);
  const std::uint32_t second = WriterLease::take(word, 0, 1, true);
  CHECK(second == 2);
  CHECK_FALSE(WriterLease::renew(word, first, 0, 1));
  word = (std::uint64_t{1} << WriterLease::kWriterBits) - 1;
  CHECK(WriterLease::take(word, 0, 1, false) == 1);
  word = 0;  // a host that counts from 1970
  CHECK(WriterLease::take(word, 1'800'000'000'000'000'000, 1'000'000'000, false) == 1);
  CHECK(WriterLease::take(word, 1'800'000'000'500'000'000, 1, false) == WriterLease::kNobody);
}
