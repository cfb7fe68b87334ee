// SPDX-License-Identifier: MIT
#include "registry/source_follower_json.h"

#include <fmt/format.h>

#include <iterator>

#include "text/json_text.h"
#include "text/utf8.h"

namespace seawall {
namespace {

constexpr std::string_view priority_name(SourcePriority priority) {
  switch (priority) {
    case SourcePriority::kStatic:
      return "static";
    case SourcePriority::kDisk:
      return "disk";
    case SourcePriority::kDns:
      return "dns";
    case SourcePriority::kRegistry:
      return "registry";
  }
  return "unknown";
}

// Names and reasons come from anywhere.
void append_text(std::string& out, std::string_view text) {
  if (is_utf8(text)) return append_json_text(out, text);
  std::string ascii(text);
  for (char& c : ascii) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  append_json_text(out, ascii);
}

void append_source(std::string& out, const SourceInfo& info) {
  out += R"({"source":)";
  append_text(out, info.source);
  out += R"(,"service":)";
  append_text(out, info.service);
  fmt::format_to(std::back_inserter(out),
                 R"(,"priority":"{}","fallback":{},"stale":{},"doubted":{},"age_ms":{},"listed":{},"leaving":{},)"
                 R"("answers":{},"failures":{},"reason":)",
                 priority_name(info.priority), info.fallback, info.stale, info.doubted, info.age.count() / 1'000'000,
                 info.listed, info.leaving, info.answers, info.failures);
  append_text(out, info.reason);
  out += '}';
}

}  // namespace

std::string source_follower_json(const SourceFollowerStats& stats, std::span<const SourceInfo> sources) {
  std::string out = fmt::format(
      R"({{"stats":{{"instances":{},"refused":{},"yielded":{},"adds":{},"updates":{},"removals":{},"duplicates":{},)"
      R"("left_out":{},"recoveries":{},"doubted":{},"last_refusal":)",
      stats.instances, stats.refused, stats.yielded, stats.adds, stats.updates, stats.removals, stats.duplicates,
      stats.left_out, stats.recoveries, stats.doubted);
  append_text(out, stats.last_refusal);
  out += R"(},"sources":[)";
  for (const SourceInfo& info : sources) {
    if (&info != &sources.front()) out += ',';
    append_source(out, info);
  }
  return out += "]}";
}

}  // namespace seawall
