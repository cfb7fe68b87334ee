// SPDX-License-Identifier: MIT
//
// Baggage, with any bytes in up to three fields (lines of the input). What goes on fits a header, keeps the limits and
// reads back the same; a value of any bytes goes in without breaking out; what is decoded is UTF-8.
#include "seawall/trace/baggage.h"

#include <string>

#include "fuzz.h"
#include "text/utf8.h"

using namespace seawall;
using fuzz::Fields;
using fuzz::fields_of;
using fuzz::require;

namespace {

std::string text_of(const Baggage& baggage) {
  std::string out(baggage.text_size(), '?');
  require(baggage.format(out) == out.size());
  return out;
}

std::string plain(std::string_view coded) {
  std::string out(Baggage::decode(coded, {}), '?');
  require(Baggage::decode(coded, out) == out.size());
  return out;
}

void assign(Baggage& baggage, const std::string& text) {
  const std::string_view field = text;
  require(baggage.assign(std::span(&field, 1)) == TraceFault::kNone);
}

void check(const Fields& fields, Strictness strictness) {
  Baggage baggage;
  const TraceFault fault = baggage.assign(fields, strictness);
  require(baggage.size() <= Baggage::kMaxMembers && baggage.text_size() <= Baggage::kMaxSize);
  if (fault != TraceFault::kNone && strictness == Strictness::kStrict) require(baggage.empty());
  const std::string text = text_of(baggage);
  require(fuzz::fits_a_header(text));
  Baggage again;
  const std::string_view field = text;
  again.assign(std::span(&field, 1), strictness);
  require(text_of(again) == text && again.size() == baggage.size());
}

void edit(const Baggage& baggage, std::string_view value) {
  std::string out(Baggage::kMaxSize, '?');
  const auto size = baggage.set("seawall", value, "p", out);
  if (!size) return require(size.error().code == Code::kFull);
  out.resize(size.value());
  Baggage changed;
  assign(changed, out);
  require(fuzz::fits_a_header(out) && changed.get("seawall").has_value());
  const std::string back = plain(*changed.get("seawall"));
  require(is_utf8(back));
  if (is_utf8(value)) require(back == value);
  std::string without(out.size(), '?');
  without.resize(changed.remove("seawall", without));
  Baggage rest;
  assign(rest, without);
  require(!rest.get("seawall") && rest.size() + 1 == changed.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const Fields fields = fields_of(text);
  for (const auto strictness : {Strictness::kHarness, Strictness::kStrict, Strictness::kPassThrough}) {
    check(fields, strictness);
  }
  Baggage baggage;
  baggage.assign(fields);
  for (std::size_t at = 0; at < baggage.size(); ++at) require(is_utf8(plain(baggage[at].value)));
  edit(baggage, text);
  return 0;
}
