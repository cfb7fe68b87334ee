// SPDX-License-Identifier: MIT
//
// StateSet: which one of a few named states something is in, such as a breaker: closed, open or half_open. A scraper
// sees one series for each state, of which exactly one is 1. For a number take a Gauge.
//
// The handle of one series, as Counter is; the state is one word, so no scrape sees two states or none.
//
//   auto states = metrics.state_set("breaker_state", "State of the breaker.", {"open", "closed"}, {"service"}).value();
//   seawall::StateSet trading = states.with({"trading"});
//   trading.set(1);
#pragma once

#include <cstdint>

#include "seawall/detail/recording.h"

namespace seawall {

namespace detail {
struct HandleAccess;
}

class StateSet {
 public:
  StateSet() = default;

  // The state's place in the list of the registration, from 0; one that is not there changes nothing.
  void set(std::uint32_t state) const noexcept {
    if (state >= states_ && is_alive()) return;
    detail::change_word(series_,
                        [state](std::uint64_t) { return std::uint64_t{state}; });  // counts what comes too late
  }

  // Relaxed: the word is the whole state.
  std::uint32_t value() const noexcept {
    const std::uint64_t state = series_.first->load(std::memory_order_relaxed);
    return is_alive() ? static_cast<std::uint32_t>(state) : 0;
  }

  bool is_alive() const noexcept { return series_.is_alive(); }
  // Handles of the same series.
  friend bool operator==(const StateSet& a, const StateSet& b) noexcept { return a.series_ == b.series_; }

 private:
  friend detail::HandleAccess;
  detail::SeriesRef series_;
  std::uint32_t states_ = 0;
};

}  // namespace seawall
