// SPDX-License-Identifier: MIT
//
// The bounded ring through which a circuit breaker's transitions reach the host.
//
// A transition's generation is its place: slot generation % kCapacity, one word, one exchange. So there is nothing to
// claim, nobody waits, the order is that of the generations, and an unread event is overwritten by the 32nd after it.
// A producer that dies or stalls between changing the breaker and writing the slot leaves a hole; the reader waits for
// it until it has met the hole twice and a later event is there, then counts it as lost.
//
// Generations wrap, so the cursor of a host that does not poll must not fall half a turn behind: every 1024th event
// moves it past what is overwritten by then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "seawall/algorithm/breaker_event.h"
#include "seawall/detail/update.h"

namespace seawall::detail {

template <class Cell>
class BreakerEvents {
 public:
  static constexpr std::uint32_t kCapacity = 32;
  static constexpr std::uint32_t kCatchUp = 1024;

  // `event` is what pack_event() made; 0 is no event.
  void publish(std::uint64_t event) noexcept {
    if (event == 0) return;
    update(slot(generation(event)), [event](std::uint64_t there) {
      const bool overtaken = there != 0 && after(generation(there), generation(event)) > 0;
      return Step<bool>{overtaken ? there : event, !overtaken};
    });
    if (generation(event) % kCatchUp == 0) catch_up(generation(event));
  }

  // Moves events up to generation `head` into `out`, oldest first. Several readers share the events among them.
  std::size_t poll(std::uint32_t head, TimePoint epoch, std::span<CircuitBreakerEvent> out) noexcept {
    return update(cursor_, [&](std::uint64_t cursor) { return read(Reader(cursor), head, epoch, out); });
  }

  // Why the breaker came to `generation`; kNone when no event says so.
  BreakerReason reason(std::uint32_t of) const noexcept {
    // Relaxed: an event is one word and tells of no other memory.
    const std::uint64_t event = slots_[of % kCapacity].load(std::memory_order_relaxed);
    return generation(event) == of ? algorithm::breaker::reason_of(event) : BreakerReason::kNone;
  }

  // Events that no poll will deliver any more.
  std::uint64_t lost(std::uint32_t head) const noexcept {
    // Relaxed: one word, a count that only grows.
    Reader reader(cursor_.load(std::memory_order_relaxed));
    reader.skip_overwritten(head);
    return reader.lost;
  }

 private:
  using Event = algorithm::breaker::EventGeneration;

  // The cursor, one word: lost 63..18 | met a hole 17 | generation of the last event read 16..0
  struct Reader {
    explicit Reader(std::uint64_t word)
        : lost(word >> 18), met_hole((word >> 17 & 1) != 0), at(static_cast<std::uint32_t>(word & Event::kMax)) {}
    std::uint64_t word() const noexcept { return lost << 18 | std::uint64_t{met_hole} << 17 | at; }

    std::uint32_t next() const noexcept { return (at + 1) & static_cast<std::uint32_t>(Event::kMax); }
    void step() noexcept {
      at = next();
      met_hole = false;
    }
    void skip_overwritten(std::uint32_t head) noexcept {
      const std::int32_t gone = after(head, at) - static_cast<std::int32_t>(kCapacity);
      if (gone <= 0) return;
      lost += static_cast<std::uint32_t>(gone);
      at = (at + static_cast<std::uint32_t>(gone)) & static_cast<std::uint32_t>(Event::kMax);
      met_hole = false;
    }

    std::uint64_t lost;
    bool met_hole;
    std::uint32_t at;
  };

  static std::uint32_t generation(std::uint64_t event) noexcept {
    return static_cast<std::uint32_t>(Event::get(event));
  }
  static std::int32_t after(std::uint32_t a, std::uint32_t b) noexcept {
    return algorithm::breaker::generations_after(a, b);
  }
  Cell& slot(std::uint32_t generation) noexcept { return slots_[generation % kCapacity]; }
  // Relaxed: an event is one word and tells of no other memory.
  std::uint64_t peek(std::uint32_t generation) noexcept { return slot(generation).load(std::memory_order_relaxed); }

  void catch_up(std::uint32_t head) noexcept {
    update(cursor_, [head](std::uint64_t cursor) {
      Reader reader(cursor);
      reader.skip_overwritten(head);
      return Step<bool>{reader.word(), true};
    });
  }

  // A poll that has met another's later cursor finds `head` behind it and reads nothing.
  Step<std::size_t> read(Reader reader, std::uint32_t head, TimePoint epoch,
                         std::span<CircuitBreakerEvent> out) noexcept {
    reader.skip_overwritten(head);
    std::size_t count = 0;
    while (count < out.size() && after(head, reader.at) > 0) {
      const std::uint64_t event = peek(reader.next());
      const std::int32_t newer = event == 0 ? -1 : after(generation(event), reader.next());
      if (newer < 0 && !(reader.met_hole && later_event(reader.next(), head))) {
        reader.met_hole = true;
        break;
      }
      if (newer == 0) {
        out[count++] = algorithm::breaker::unpack_event(event, epoch);
      } else {
        ++reader.lost;
      }
      reader.step();
    }
    return {reader.word(), count};
  }

  bool later_event(std::uint32_t hole, std::uint32_t head) noexcept {
    for (std::uint32_t g = hole; after(head, g) > 0;) {
      g = (g + 1) & static_cast<std::uint32_t>(Event::kMax);
      const std::uint64_t event = peek(g);
      if (event != 0 && generation(event) == g) return true;
    }
    return false;
  }

  Cell cursor_{0};
  Cell slots_[kCapacity]{};
};

}  // namespace seawall::detail
