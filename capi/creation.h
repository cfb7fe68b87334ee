// SPDX-License-Identifier: MIT
//
// Handles from options: an options struct and JSON text of the same fields lead to one creation. Texts in the struct
// are seawall_text, and valid while the creation runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "internal.h"
#include "options.h"

namespace seawall::capi {

template <class Options>
struct OptionMember {
  std::string_view name;
  std::variant<std::int32_t Options::*, std::int64_t Options::*, std::uint64_t Options::*, seawall_text Options::*> at;
};

// create(options) -> code
template <class Options, class Handle, class Create>
int32_t create_from_struct(const Options* options, std::span<const OptionMember<Options>> members, Handle** out,
                           seawall_error* error, Create&& create) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  Options given{};
  if (!read_options(options, given)) return invalid(error, "options.struct_size is wrong");
  for (const auto& member : members) {
    const auto* text = std::get_if<seawall_text Options::*>(&member.at);
    if (text == nullptr) continue;
    const seawall_text& value = given.**text;
    if (!readable(value.data, value.size)) return invalid(error, "a text of the options is NULL but has a length");
  }
  return guarded(error, [&]() -> int32_t { return create(given); });
}

template <class Options>
Result<void> read_json_into(std::string_view json, std::span<const OptionMember<Options>> members, Options& options,
                            std::vector<std::string>& texts) {
  texts.resize(members.size());
  std::vector<OptionField> fields;
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::visit(
        [&]<class T>(T Options::*member) {
          if constexpr (std::is_same_v<T, seawall_text>) {
            fields.push_back({members[i].name, &texts[i]});
          } else {
            fields.push_back({members[i].name, &(options.*member)});
          }
        },
        members[i].at);
  }
  if (auto done = read_json_options(json, fields); !done) return done;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (const auto* text = std::get_if<seawall_text Options::*>(&members[i].at)) {
      options.** text = {texts[i].data(), texts[i].size()};
    }
  }
  return {};
}

template <class Options, class Handle, class Create>
int32_t create_from_json(const char* json, size_t size, std::span<const OptionMember<Options>> members, Handle** out,
                         seawall_error* error, Create&& create) noexcept {
  if (out == nullptr) return invalid(error, "out is NULL");
  *out = nullptr;
  if (!readable(json, size)) return invalid(error, "json is NULL");
  return guarded(error, [&]() -> int32_t {
    Options options{};
    options.struct_size = sizeof options;
    std::vector<std::string> texts;
    const auto done = read_json_into(text_in(json, size), members, options, texts);
    return done ? create(options) : fail(error, done.error());
  });
}

inline std::string_view text_in(const seawall_text& text) noexcept { return text_in(text.data, text.size); }

}  // namespace seawall::capi
