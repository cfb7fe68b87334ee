// SPDX-License-Identifier: MIT
//
// The names of a directory's services, found without a lock, in any process.
//
//   name    stamp: incarnation:48 | pinned:8 | size:8, 0 = free; of which service it is a view; then the text
//   table   fingerprint:32 | index + 1; 0 = none ever, kGone = none any more. Open addressing over four words a name
//
// One writer: a name is written, then stamped, then entered; it is struck out of the table after its stamp is cleared.
// An incarnation is never given twice, so who finds a name, uses the service at its index and then finds the stamp
// unchanged has used the service of that name. A service that somebody pinned is kept: pinning and clearing exchange
// the same word, so one of them comes first.
//
// A template over the words, for the interleaving explorer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "seawall/detail/service_name.h"
#include "seawall/detail/siphash.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

// A name in words, the last filled up with zero bytes (which no name holds), and its hash.
class ServiceNameKey {
 public:
  static constexpr std::size_t kWords = kServiceNameWords;
  static constexpr std::size_t kMostBytes = kWords * 8 - 1;

  ServiceNameKey(SipKey key, std::string_view name) noexcept {
    if (name.empty() || name.size() > kMostBytes) return;  // of size 0, as no service is
    size_ = name.size();
    SipHash<1, 3> hash(key);
    const char* at = name.data();
    for (std::size_t left = size_; left > 0;) {
      const std::size_t taken = left < 8 ? left : 8;
      hash.add(words_[count_++] = taken == 8 ? load<std::uint64_t>(at) : tail(at, taken));
      at += taken;
      left -= taken;
    }
    hash_ = hash.finish();
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t count() const noexcept { return count_; }
  std::uint64_t word(std::size_t at) const noexcept { return words_[at]; }
  std::uint64_t hash() const noexcept { return hash_; }

 private:
  template <class T>
  static std::uint64_t load(const char* at) noexcept {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  // Of 1 to 7 bytes, in two loads that may overlap.
  static std::uint64_t tail(const char* at, std::size_t size) noexcept {
    if (size >= 4) return load<std::uint32_t>(at) | load<std::uint32_t>(at + size - 4) << (size - 4) * 8;
    if (size >= 2) return load<std::uint16_t>(at) | load<std::uint16_t>(at + size - 2) << (size - 2) * 8;
    return load<std::uint8_t>(at);
  }

  std::size_t size_ = 0;
  std::size_t count_ = 0;
  std::uint64_t hash_ = 0;
  std::array<std::uint64_t, kWords> words_;  // of which count_ are written
};

struct FoundService {
  std::uint32_t index = 0;
  std::uint64_t stamp = 0;  // 0: there is none of that name
  explicit operator bool() const noexcept { return stamp != 0; }
};

// A view of the two arrays.
template <class Word>
class BasicServiceNames {
 public:
  using Name = BasicServiceName<Word>;

  // `words` is service_table_words(services).
  BasicServiceNames(Name* names, Word* table, std::uint32_t services, std::uint32_t words, SipKey key) noexcept
      : names_(names), table_(table), services_(services), mask_(words - 1), key_(key) {}

  ServiceNameKey key(std::string_view name) const noexcept { return {key_, name}; }

  // Wait-free: looks at each word of the table once at most.
  FoundService find(const ServiceNameKey& key) const noexcept {
    for (std::uint32_t step = 0; step <= mask_; ++step) {
      const std::uint64_t entry = look(table_[(static_cast<std::uint32_t>(key.hash()) + step) & mask_]);
      if (entry == 0) return {};
      const std::uint32_t index = static_cast<std::uint32_t>(entry) - 1;
      if (entry >> 32 != key.hash() >> 32 || index >= services_) continue;
      const std::uint64_t stamp = look(names_[index].stamp);
      if (is(names_[index], stamp, key)) return {index, stamp};
    }
    return {};
  }
  // The service at that index was the one of that name ever since.
  bool still(const FoundService& found) const noexcept {
    return ((look(names_[found.index].stamp) ^ found.stamp) & ~kPinned) == 0;
  }
  // What use(index) answers for the service of that name; Answer() when there is none. When another service came to its
  // place meanwhile, the answer is given to undo() and everything begins anew.
  template <class Answer, class Use, class Undo>
  Answer ask(const ServiceNameKey& key, Use&& use, Undo&& undo) const noexcept {
    Attempts<Word> attempts;
    for (;; attempts.again()) {
      const FoundService found = find(key);
      if (!found) return Answer();
      const Answer answer = use(found.index);
      if (still(found)) return answer;
      undo(answer);
    }
  }
  // Keeps the service; false: it is gone.
  bool pin(const FoundService& found) const noexcept {
    return publish(names_[found.index].stamp, [&](std::uint64_t stamp) {
      const bool same = ((stamp ^ found.stamp) & ~kPinned) == 0;
      return Step<bool>{same ? (stamp | kPinned) : stamp, same};
    });
  }
  // Whose instances these are: the service's own, or those of the one that it is a view of. Fixed for an incarnation.
  std::uint32_t owner(std::uint32_t index) const noexcept {
    const std::uint64_t of = look(names_[index].of);
    return of == 0 || of > services_ ? index : static_cast<std::uint32_t>(of - 1);
  }
  bool pinned(std::uint32_t index) const noexcept { return (look(names_[index].stamp) & kPinned) != 0; }

  // For the writer.
  // Gives a free index a name that no other has. `incarnation` is one never given before, below 2^48.
  // `of`: one more than the index of the service that it is a view of.
  void assign(std::uint32_t index, std::string_view name, std::uint64_t incarnation,
              std::uint32_t of = 0) const noexcept {
    const ServiceNameKey named = key(name);
    put(names_[index].of, of);
    for (std::size_t i = 0; i < named.count(); ++i) put(names_[index].text[i], named.word(i));
    put(names_[index].stamp, incarnation << 16 | named.size());
    enter(index, named);
  }
  // False, and nothing done: somebody keeps it.
  bool release(std::uint32_t index) const noexcept {
    const bool gone = publish(names_[index].stamp, [](std::uint64_t stamp) {
      const bool kept = (stamp & kPinned) != 0;
      return Step<bool>{kept ? stamp : 0, !kept};
    });
    if (gone) strike(index);
    return gone;
  }
  // What a writer that was killed half way left: names without an entry, entries without a name.
  void repair() const noexcept {
    for (std::uint32_t index = 0; index < services_; ++index) {
      const std::uint64_t stamp = look(names_[index].stamp);
      if (stamp == 0) {
        strike(index);
      } else if (const ServiceNameKey named = key(text(index)); find(named).index != index || !find(named)) {
        strike(index);
        enter(index, named);
      }
    }
  }
  // As its writer wrote it.
  struct Text {
    std::array<char, ServiceNameKey::kWords * 8> bytes;
    std::size_t size = 0;
    operator std::string_view() const noexcept { return {bytes.data(), size}; }  // NOLINT: it is one
  };
  Text text(std::uint32_t index) const noexcept {
    Text out;
    out.size = (look(names_[index].stamp) & 0xff) % (ServiceNameKey::kMostBytes + 1);
    for (std::size_t i = 0; i * 8 < out.size; ++i) {
      const std::uint64_t word = look(names_[index].text[i]);
      std::memcpy(out.bytes.data() + i * 8, &word, 8);
    }
    return out;
  }

 private:
  static constexpr std::uint64_t kPinned = 0x100;
  static constexpr std::uint64_t kGone = 0xffffffff;

  // Acquire and release: who sees a stamp sees the text, and who sees an entry sees the stamp, that came before.
  static std::uint64_t look(const Word& word) noexcept { return word.load(std::memory_order_acquire); }
  static void put(Word& word, std::uint64_t value) noexcept { word.store(value, std::memory_order_release); }

  bool is(const Name& name, std::uint64_t stamp, const ServiceNameKey& key) const noexcept {
    if (stamp == 0 || (stamp & 0xff) != key.size()) return false;
    for (std::size_t i = 0; i < key.count(); ++i) {
      if (look(name.text[i]) != key.word(i)) return false;
    }
    return ((look(name.stamp) ^ stamp) & ~kPinned) == 0;  // so that what was read was that name's text
  }

  void enter(std::uint32_t index, const ServiceNameKey& named) const noexcept {
    auto at = static_cast<std::uint32_t>(named.hash());
    for (std::uint32_t step = 0; step < mask_; ++step, ++at) {  // bounded, also where somebody overwrote the table
      if (look(table_[at & mask_]) == 0 || look(table_[at & mask_]) == kGone) break;
    }
    put(table_[at & mask_], named.hash() >> 32 << 32 | (index + 1));
  }
  // Before a word that ends the search, one that only prolongs it is not needed.
  void strike(std::uint32_t index) const noexcept {
    for (std::uint32_t at = 0; at <= mask_; ++at) {
      if (static_cast<std::uint32_t>(look(table_[at])) != index + 1) continue;
      put(table_[at], kGone);
      for (; look(table_[at & mask_]) == kGone && look(table_[(at + 1) & mask_]) == 0; --at) put(table_[at & mask_], 0);
      return;
    }
  }

  Name* names_;
  Word* table_;
  std::uint32_t services_;
  std::uint32_t mask_;
  SipKey key_;
};

using ServiceNames = BasicServiceNames<std::atomic<std::uint64_t>>;

}  // namespace seawall::detail
