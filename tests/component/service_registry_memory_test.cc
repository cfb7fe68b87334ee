// SPDX-License-Identifier: MIT
// The block of memory of a directory: attaching checks the header, and a block full of nonsense leads nobody out of it.
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "seawall/detail/service_directory.h"
#include "support/catch.h"

using seawall::Code;
using seawall::detail::DirectoryHeader;
using seawall::detail::DirectoryLayout;
using seawall::detail::DirectorySizes;
using seawall::detail::ServiceDirectory;

namespace {

constexpr DirectorySizes kSizes{
    .services = 3, .records = 5, .list_words = 9, .detail_words = 12, .flights = 2, .tables = 2, .table_words = 5};

struct Block {
  explicit Block(std::size_t size) : bytes(size), memory(new (std::align_val_t(64)) std::byte[size]()) {}
  ~Block() { ::operator delete[](memory, std::align_val_t(64)); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  std::span<std::byte> span() const { return {memory, bytes}; }
  DirectoryHeader& header() const { return *reinterpret_cast<DirectoryHeader*>(memory); }

  std::size_t bytes;
  std::byte* memory;
};

std::string refusal(std::span<std::byte> memory) {
  const auto attached = ServiceDirectory::attach(memory);
  if (attached) return "attached";
  CHECK(attached.error().code == Code::kInvalidArgument);
  return std::string(attached.error().message.view());
}

}  // namespace

TEST_CASE("a directory is attached to with the sizes it was made with, and what one view writes the other reads") {
  const Block block(ServiceDirectory::bytes(kSizes));
  const ServiceDirectory made = ServiceDirectory::make_in(block.span(), kSizes, 7, {1, 2}).value();
  const auto attached = ServiceDirectory::attach(block.span());
  REQUIRE(attached);
  CHECK(attached.value().sizes() == kSizes);
  CHECK(attached.value().header().epoch == 7);
  seawall::detail::show(made.head(2), 5);
  CHECK(seawall::detail::seen(attached.value().head(2)) == 5);
}

TEST_CASE("the arrays of a directory lie one behind the other in its block") {
  const DirectoryLayout at(kSizes);
  CHECK(at.heads >= sizeof(DirectoryHeader));
  CHECK(at.lists >= at.heads + 3 * 8);
  CHECK(at.records >= at.lists + 3 * 4 * 9 * 8);
  CHECK(at.records % 64 == 0);
  CHECK(at.texts == at.records + 5 * 64);
  CHECK(at.cursors >= at.texts + 5 * sizeof(seawall::detail::InstanceTexts));
  CHECK(at.hints - at.flights >= 16 * 2 * 8);
  CHECK(at.views == at.tables + 2 * 5 * 8 + 48);
  CHECK(at.bytes == at.views + 3 * sizeof(seawall::detail::ServiceViewWords));
}

TEST_CASE("memory that is no directory is refused, and the refusal names what is wrong") {
  const std::size_t bytes = ServiceDirectory::bytes(kSizes);
  const Block block(bytes + 64);
  CHECK_THAT(refusal(block.span()), Catch::Contains("magic"));
  CHECK_THAT(refusal({}), Catch::Contains("memory must have at least"));
  CHECK_THAT(refusal(block.span().subspan(8)), Catch::Contains("aligned to 64"));
  CHECK_THAT(refusal(block.span().first(sizeof(DirectoryHeader) - 1)), Catch::Contains("memory must have at least"));
  (void)ServiceDirectory::make_in(block.span(), kSizes, 7, {1, 2}).value();
  CHECK(refusal(block.span().first(bytes)) == "attached");
  CHECK_THAT(refusal(block.span().first(bytes - 1)),
             Catch::Contains("memory must have at least " + std::to_string(bytes)));

  DirectoryHeader& header = block.header();
  const auto with = [&](std::uint32_t& field, std::uint32_t value) {
    const std::uint32_t before = std::exchange(field, value);
    std::string said = refusal(block.span());
    field = before;
    return said;
  };
  CHECK_THAT(with(header.layout, 999), Catch::Contains("layout"));
  CHECK_THAT(with(header.record_bytes, 1), Catch::Contains("record_bytes"));
  CHECK_THAT(with(header.sizes.services, 0), Catch::Contains("services"));
  CHECK_THAT(with(header.sizes.services, 4097), Catch::Contains("services"));
  CHECK_THAT(with(header.sizes.records, 65536), Catch::Contains("records"));
  CHECK_THAT(with(header.sizes.list_words, 0), Catch::Contains("list_words"));
  CHECK_THAT(with(header.sizes.list_words, 0xffffffff), Catch::Contains("list_words"));
  CHECK_THAT(with(header.sizes.flights, 3), Catch::Contains("flights"));
  CHECK_THAT(with(header.sizes.flights, 1 << 17), Catch::Contains("flights"));
  CHECK_THAT(with(header.sizes.detail_words, 11), Catch::Contains("detail_words"));
  CHECK_THAT(with(header.sizes.records, 6000), Catch::Contains("memory must have at least"));
  CHECK(refusal(block.span()) == "attached");
}

TEST_CASE("making a directory names the size that is out of bounds, and the place that does not do") {
  const Block block(ServiceDirectory::bytes(kSizes));
  const auto refused = [&](std::span<std::byte> memory, DirectorySizes sizes) {
    const auto made = ServiceDirectory::make_in(memory, sizes, 7, {1, 2});
    return made ? std::string("made") : std::string(made.error().message.view());
  };
  CHECK_THAT(refused(block.span(), {.services = 0, .records = 5, .list_words = 9, .detail_words = 12}),
             Catch::Contains("services"));
  CHECK_THAT(refused(block.span().subspan(1), kSizes), Catch::Contains("aligned"));
  CHECK_THAT(refused(block.span().first(block.bytes - 1), kSizes), Catch::Contains("at least"));
}
