// SPDX-License-Identifier: MIT
#include "redis/registry_call.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "redis/hash_slot.h"
#include "redis/store_core.h"
#include "text/utf8.h"

namespace seawall::redis {

namespace {

constexpr std::size_t kMostMetadata = 4096;  // bytes, as a ServiceRegistry has it by default

constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::size_t longest, std::string_view others) {
  const auto fits = [&](char c) { return is_alphanumeric(c) || others.find(c) != std::string_view::npos; };
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), fits);
}
bool is_name(std::string_view text) { return consists_of(text, 63, "-._~:@"); }

Error wrong(std::string_view field, std::string_view allowed) {
  return {Code::kInvalidArgument, Message(field).append(" must be ").append(allowed)};
}

Result<void> check_metadata(const Metadata& metadata) {
  std::size_t bytes = 0;
  std::vector<std::string_view> names;
  for (const auto& [name, value] : metadata) {
    if (name.empty() || !is_utf8(name) || !is_utf8(value)) return wrong("metadata", "UTF-8, and have names");
    bytes += name.size() + value.size();
    names.push_back(name);
  }
  if (bytes > kMostMetadata) {
    return out_of_range("bytes of metadata", static_cast<std::int64_t>(bytes), 0, kMostMetadata);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  return twice == names.end() ? Result<void>() : wrong(*twice, "the name of one value in the metadata");
}

void append_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_alphanumeric(c) || std::string_view("-._~:@/,+").find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back("0123456789abcdef"[byte >> 4]);
      out.push_back("0123456789abcdef"[byte & 15]);
    }
  }
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    const char* first = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(first, first + 2, byte, 16).ptr != first + 2) return std::nullopt;
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

// What stands before the next blank; the rest stays.
std::string_view next_word(std::string_view& text) {
  const auto blank = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, blank);
  text.remove_prefix(std::min(blank + 1, text.size()));
  return word;
}

template <class Number>
bool read(std::string_view word, Number& number) {
  return std::from_chars(word.data(), word.data() + word.size(), number).ptr == word.data() + word.size() &&
         !word.empty();
}

bool read_state(std::string_view word, StoredInstance& into) {
  for (const SelfState state : {SelfState::kStarting, SelfState::kServing, SelfState::kDraining}) {
    if (word == word_of(state)) into.spec.state = state;
  }
  into.gone = word == "gone";
  if (into.gone) into.spec.state = SelfState::kDraining;
  return into.gone || word == word_of(into.spec.state);
}

bool read_metadata(std::string_view word, Metadata& into) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  auto name = decoded(word.substr(0, equals));
  auto value = decoded(word.substr(equals + 1));
  if (!name || !value) return false;
  into.emplace_back(std::move(*name), std::move(*value));
  return true;
}

}  // namespace

Result<std::string> registry_named(std::string_view name) {
  if (!consists_of(name, 64, "-._")) return wrong("registry", "1 to 64 of A-Z a-z 0-9 _ . -");
  return std::string("seawall-registry:").append(name);
}

bool is_service_name(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return text.size() <= 63 && is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

Result<void> check_instance(std::string_view service, const InstanceSpec& spec) {
  if (!is_service_name(service)) return wrong("service", "1 to 63 letters, digits and -._~:@, or two such with a / ");
  if (!is_name(spec.id)) return wrong("id", "1 to 63 letters, digits and -._~:@");
  if (!consists_of(spec.host, 255, "-._:%[]")) return wrong("host", "1 to 255 letters, digits and -._:%[]");
  if (spec.port < 1 || spec.port > 65535) return out_of_range("port", spec.port, 1, 65535);
  if (spec.weight < 0 || spec.weight > 1000) return out_of_range("weight", spec.weight, 0, 1000);
  const auto state = static_cast<std::int64_t>(spec.state);
  if (state < 0 || state > static_cast<std::int64_t>(SelfState::kDraining)) return out_of_range("state", state, 0, 2);
  if (!spec.zone.empty() && !is_name(spec.zone)) return wrong("zone", "up to 63 letters, digits and -._~:@");
  return check_metadata(spec.metadata);
}

std::string_view word_of(SelfState state) noexcept {
  switch (state) {
    case SelfState::kStarting:
      return "starting";
    case SelfState::kDraining:
      return "draining";
    default:
      return "serving";
  }
}

std::string rest_of(const InstanceSpec& spec) {
  std::string rest = spec.host;
  rest.append(" ").append(std::to_string(spec.port)).append(" ").append(std::to_string(spec.weight));
  rest.append(" z=").append(spec.zone);
  for (const auto& [name, value] : spec.metadata) {
    rest.append(" ");
    append_encoded(rest, name);
    rest.append("=");
    append_encoded(rest, value);
  }
  return rest;
}

std::optional<StoredInstance> parse_item(std::string_view id, std::string_view text) {
  StoredInstance found;
  found.spec.id = id;
  if (next_word(text) != "i1" || !read(next_word(text), found.generation) || !read_state(next_word(text), found)) {
    return std::nullopt;
  }
  if (found.gone && text.empty()) return found;
  found.spec.host = next_word(text);
  if (!read(next_word(text), found.spec.port) || !read(next_word(text), found.spec.weight)) return std::nullopt;
  const std::string_view zone = next_word(text);
  if (zone.substr(0, 2) != "z=") return std::nullopt;
  found.spec.zone = zone.substr(2);
  while (!text.empty()) {
    if (!read_metadata(next_word(text), found.spec.metadata)) return std::nullopt;
  }
  if (!check_instance("any", found.spec)) return std::nullopt;
  return found;
}

std::int64_t to_us(Duration duration) noexcept { return (duration.count() + 999) / 1000; }

RequestPtr RegistryCalls::about(std::string_view service, std::string_view verb) const {
  // All keys of a service lie in one slot of a cluster.
  const std::string head = std::string(registry_).append(":{").append(service).append("}:");
  auto request = std::make_shared<Request>();
  request->script = Script::kRegistry;
  request->background = true;
  request->slot = hash_slot(head);
  request->words.add(std::int64_t{5});
  for (const char* key : {"items", "leases", "graves", "meta", "spans"})
    request->words.add(std::string(head).append(key));
  request->words.add(verb);
  request->words.add(channel());
  request->words.add(service);
  request->words.add(2 * to_us(pause_));
  return request;
}

RequestPtr RegistryCalls::about_directory(std::string_view verb, std::string_view service) const {
  const std::string key = std::string(registry_).append(":services");
  auto request = std::make_shared<Request>();
  request->script = Script::kRegistry;
  request->background = true;
  request->slot = hash_slot(key);
  request->words.add(std::int64_t{1});
  for (const std::string_view word : {std::string_view(key), verb, std::string_view(channel()), service}) {
    request->words.add(word);
  }
  return request;
}

void submit_registry_call(const std::shared_ptr<StoreCore>& store, const RequestPtr& request) {
  if (store->loop().submit(request, Clock::now())) return;
  std::exchange(request->done, nullptr)({Fault::kAway, {}});
}

}  // namespace seawall::redis
