// SPDX-License-Identifier: MIT
//
// InstanceSelector: which instances are meant, by zone and metadata, as a text of terms that must all be true:
//
//   tier=gold          tier!=gold              equal, or not (also when it has no tier)
//   tier in (a, b)     tier notin (a, b)       one of these, or none of them
//   gpu                !gpu                    has it, or has it not
//
// joined by commas (the syntax of labels in Kubernetes). `zone` is the instance's zone; all other names are of its
// metadata, so metadata called zone cannot be asked for. The empty text means every instance. A value may hold all but
// commas, in a list neither those nor brackets; blanks around names and values mean nothing.
//
//   auto canary = seawall::InstanceSelector::parse("version=v2, zone in (west, east), !draft").value();
//   for (const auto& service : registry.services_at(now, canary)) show(service.instances, service.hidden);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "seawall/result.h"
#include "seawall/runtime/service_instance.h"

namespace seawall {

class InstanceSelector {
 public:
  static constexpr std::size_t kMostBytes = 255;

  InstanceSelector() = default;  // every instance
  // Error: kInvalidArgument, quoting the term that cannot be read.
  static Result<InstanceSelector> parse(std::string_view text);

  bool matches(std::string_view zone, const Metadata& metadata) const noexcept;
  bool everybody() const noexcept { return terms_.empty(); }
  const std::string& text() const noexcept { return text_; }

 private:
  struct Term {
    std::string name;
    std::vector<std::string> values;  // none: that it has any
    bool wanted = true;               // false: the opposite
  };
  static Result<Term> parse_term(std::string_view text);
  static Result<Term> parse_list(std::string_view text, std::string_view list, Term term);

  std::string text_;
  std::vector<Term> terms_;
};

}  // namespace seawall
