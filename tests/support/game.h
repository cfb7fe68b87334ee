// SPDX-License-Identifier: MIT
//
// Random games of a limiter, a breaker or a registry against its oracle, by rapidcheck. A game is a list of moves, and
// a move is a handful of draws, so that what fails shrinks to few moves with small numbers. What a move means is up to
// the player, who may look at the state of the game for it; he tells it, and a game that failed prints what was told:
//
//   play(100, 400, [](Game& game) {                // 100 games of 400 moves
//     Limiter limiter(1 + game.first.below(10));   // what is drawn before the first move
//     for (Draws& draws : game.moves) {
//       const std::int64_t n = draws.below(3);
//       game.tell("acquire", n);
//       RC_ASSERT(...);
//     }
//   });
#pragma once
#include <rapidcheck.h>

#include <array>
#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "seawall/algorithm/ratio.h"
#include "support/catch.h"

namespace seawall::testing {

// Smaller draws give smaller answers; after the last one all answers are the least.
class Draws {
 public:
  static constexpr std::size_t kMost = 12;

  Draws() = default;
  explicit Draws(rc::Random& random) {
    for (std::uint64_t& draw : draws_) draw = random.next();
  }

  // From 0 to n - 1.
  std::int64_t below(std::int64_t n) {
    if (next_ == kMost) return 0;
    return static_cast<std::int64_t>((algorithm::Wide{draws_[next_++]} * static_cast<std::uint64_t>(n)) >> 64);
  }
  // From low to high.
  std::int64_t pick(std::int64_t low, std::int64_t high) { return low + below(high - low + 1); }

  rc::Seq<Draws> smaller() const {
    return rc::seq::mapcat(rc::seq::range(std::size_t{0}, kMost), [all = *this](std::size_t i) {
      return rc::seq::map(rc::shrink::towards<std::uint64_t>(all.draws_[i], 0), [all, i](std::uint64_t draw) {
        Draws less = all;
        less.draws_[i] = draw;
        return less;
      });
    });
  }

 private:
  std::array<std::uint64_t, kMost> draws_{};
  std::size_t next_ = 0;
};

struct Game {
  Draws first;
  std::vector<Draws> moves;

  template <class... Numbers>
  void tell(const char* what, Numbers... of) {
    told.push_back({what, {static_cast<std::int64_t>(of)...}, sizeof...(of)});
  }
  std::string tale() const {
    std::ostringstream out;
    for (const Told& t : told) {
      out << t.what;
      for (std::size_t i = 0; i < t.size; ++i) out << ' ' << t.of[i];
      out << '\n';
    }
    return out.str();
  }

  // Told as numbers only, since a text for each move of each game would take longer than the game.
  struct Told {
    const char* what;
    std::array<std::int64_t, 4> of;
    std::size_t size;
  };
  std::vector<Told> told{};
};

inline std::ostream& operator<<(std::ostream& out, const Game& game) {
  return out << "a game of " << game.moves.size() << " moves";
}

inline rc::Seq<Game> smaller(const Game& game) {
  const auto with_moves = [game](std::vector<Draws> moves) { return Game{game.first, std::move(moves)}; };
  return rc::seq::concat(
      rc::seq::map(rc::shrink::removeChunks(game.moves), with_moves),
      rc::seq::map(game.first.smaller(),
                   [game](const Draws& first) {
                     return Game{first, game.moves};
                   }),
      rc::seq::map(rc::shrink::eachElement(game.moves, [](const Draws& move) { return move.smaller(); }), with_moves));
}

inline rc::Gen<Game> any_game(std::size_t moves) {
  return [moves](rc::Random random, int /*size*/) {
    Game game{Draws(random), {}};
    for (std::size_t i = 0; i < moves; ++i) game.moves.emplace_back(random);
    return rc::shrinkable::shrinkRecur(std::move(game), &smaller);
  };
}

// RC_PARAMS="max_success=100000" plays a thousand times as many.
template <class Player>
void play(int games, std::size_t moves, const Player& player) {
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = params.maxSuccess * games / rc::detail::TestParams().maxSuccess;
  const auto once = [&] {
    Game game = *any_game(moves);
    try {
      player(game);
    } catch (...) {
      RC_LOG() << game.tale();
      throw;
    }
  };
  const auto result = rc::detail::checkTestable(once, rc::detail::TestMetadata(), params);
  std::ostringstream report;
  rc::detail::printResultMessage(result, report);
  if (!result.template is<rc::detail::SuccessResult>()) FAIL(report.str());
  SUCCEED();
}

}  // namespace seawall::testing
