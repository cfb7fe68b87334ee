// SPDX-License-Identifier: MIT
// Selectors of instances as text.
#include <map>
#include <string>
#include <string_view>

#include "seawall/runtime/instance_selector.h"
#include "support/catch.h"

using seawall::Code;
using seawall::InstanceSelector;
using seawall::Metadata;

TEST_CASE("selector: what each term matches") {
  const Metadata metadata = {{"version", "2"}, {"gpu", ""}, {"note", "a=b (x)"}};
  const auto matches = [&](std::string_view text, std::string_view zone = "west") {
    return InstanceSelector::parse(text).value().matches(zone, metadata);
  };
  for (const char* text : {"", "  ", "version=2", " version == 2 ", "version!=1", "missing!=1", "gpu", "gpu=",
                           "!missing", "version in (1, 2)", "version in(2)", "version notin (1,3)", "missing notin (1)",
                           "zone=west", "zone in (east, west), version=2 , gpu, !missing", "note=a=b (x)", "zone"}) {
    INFO(text);
    CHECK(matches(text));
  }
  for (const char* text :
       {"version=1", "version!=2", "missing", "!gpu", "missing=", "gpu=1", "version in (1)", "version notin (2)",
        "zone=east", "zone!=west", "version=2, !gpu", "!zone", "note!=a(b, version=1", "note=a(b, version=2"}) {
    INFO(text);
    CHECK_FALSE(matches(text));
  }
  CHECK_FALSE(matches("zone", ""));
  CHECK(matches("!zone", ""));
}

TEST_CASE("selector: what cannot be read is refused by quoting the term") {
  for (const auto& [text, term] : std::map<std::string, std::string>{{"a=1,,b", "\"\""},
                                                                     {"a,", "a,"},
                                                                     {"!", "!"},
                                                                     {"!a b", "!a b"},
                                                                     {"=1", "=1"},
                                                                     {"a b", "a b"},
                                                                     {"x=1, a in b", "a in b"},
                                                                     {"a in (b", "a in (b"},
                                                                     {"a in (b) c", "a in (b) c"},
                                                                     {"a inside (b)", "a inside (b)"},
                                                                     {"a=(b,c)", "c)"},
                                                                     {std::string(256, 'a'), "256"}}) {
    INFO(text);
    const auto parsed = InstanceSelector::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::kInvalidArgument);
    CHECK(std::string(parsed.error().message.view()).find(term) != std::string::npos);
    CHECK(std::string(parsed.error().message.view()).find("selector") != std::string::npos);
  }
}
