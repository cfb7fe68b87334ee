// SPDX-License-Identifier: MIT
#include "http/deadline.h"

namespace http {

struct Deadline::State : std::enable_shared_from_this<Deadline::State> {
  State(Executor executor, std::function<void()> on_expiry) : timer(executor), action(std::move(on_expiry)) {}

  void arm() {
    armed = when;
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->wake();
    });
  }

  void wake() {
    armed = SteadyTime::max();
    if (when == SteadyTime::max() || !action) return;
    if (std::chrono::steady_clock::now() < when) return arm();
    when = SteadyTime::max();
    expired = true;
    const auto act = action;  // which may destroy the owner of `action`
    act();
  }

  Timer timer;
  std::function<void()> action;
  SteadyTime when = SteadyTime::max();
  SteadyTime armed = SteadyTime::max();  // when the timer wakes
  bool expired = false;
};

Deadline::Deadline(Executor executor, std::function<void()> action)
    : state_(std::make_shared<State>(executor, std::move(action))) {}

Deadline::~Deadline() {
  state_->action = nullptr;
  state_->timer.cancel();
}

void Deadline::set(SteadyTime when) {
  state_->when = when;
  state_->expired = false;
  if (when < state_->armed) state_->arm();
}

void Deadline::clear() noexcept {
  state_->when = SteadyTime::max();
  state_->expired = false;
}

bool Deadline::expired() const noexcept { return state_->expired; }

}  // namespace http
