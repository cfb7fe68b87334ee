// SPDX-License-Identifier: MIT
//
// B3, with any bytes: the input is the single header, and its lines are the four others. What was taken over goes out
// and comes back the same, in both forms.
#include "seawall/trace/b3.h"

#include <array>

#include "fuzz.h"

using namespace seawall;
using fuzz::require;

namespace {

void same(const algorithm::B3& b3, const algorithm::B3& again) {
  require(again.trace_id == b3.trace_id && again.span_id == b3.span_id && again.short_id == b3.short_id);
  require(again.has_ids && again.sampling == b3.sampling);
}

void round_trip(const algorithm::B3& b3) {
  const TraceContext context = from_b3(b3, IdGenerator::this_thread());
  std::array<char, kB3Size> single;
  algorithm::B3 again;
  require(parse_b3_single(format_b3(context, single), again) == TraceFault::kNone);
  require(again.sampling == b3.sampling);
  if (b3.has_ids) same(b3, again);
  B3Headers multi;
  format_b3(context, multi);
  require(parse_b3_multi(multi.trace_id, multi.span_id, multi.sampled, multi.flags, again) == TraceFault::kNone);
  require(again.sampling == b3.sampling);
  if (b3.has_ids) same(b3, again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  algorithm::B3 b3;
  if (!text.empty() && parse_b3_single(text, b3) == TraceFault::kNone) round_trip(b3);
  std::array<std::string_view, 4> lines;
  for (std::string_view& line : lines) {
    line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
  }
  if (parse_b3_multi(lines[0], lines[1], lines[2], lines[3], b3) == TraceFault::kNone) round_trip(b3);
  return 0;
}
