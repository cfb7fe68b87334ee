// SPDX-License-Identifier: MIT
#include "redis/node.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace seawall::redis {

namespace {

constexpr Duration kPingAfter = std::chrono::seconds(1);          // of quiet, to learn early that a connection is dead
constexpr Duration kResolverLook = std::chrono::milliseconds(5);  // between looks at a name that is being resolved

Words words_of(std::initializer_list<std::string_view> list) {
  Words words;
  for (const std::string_view word : list) words.add(word);
  return words;
}

}  // namespace

Node::Node(std::vector<Endpoint> endpoints, const StoreOptions& options, const CircuitBreakerConfig& breaker,
           const Scripts& scripts, NodeOwner& owner, const std::vector<std::string>* channels)
    : breaker_(breaker),
      endpoints_(std::move(endpoints)),
      options_(options),
      scripts_(scripts),
      owner_(owner),
      channels_(channels),
      random_(std::random_device()()) {}

void Node::send(const RequestPtr& request, bool asking, TimePoint now) {
  if (state_ != State::kUp) {
    waiting_.push_back(request);
  } else if (in_flight_.size() >= 2 * std::size_t{options_.most_pending}) {
    owner_.lost(request);
  } else {
    write_request(request, asking, now);
  }
}

void Node::write_request(const RequestPtr& request, bool asking, TimePoint now) {
  if (request->finished()) return;
  if (asking) command(Purpose::kIgnored, words_of({"ASKING"}), now);
  const auto script = static_cast<std::size_t>(request->script);
  Sent sent{Purpose::kRequest, request, now};
  if (request->whole) return write(std::move(sent), words_of({"EVAL", scripts_[script]}), request->words);
  write(std::move(sent), calls_[script], request->words);
}

// Whole, or not at all: without memory neither half a command is left nor one too many that owes an answer.
void Node::write(Sent sent, const Words& words, const Words& more) {
  const std::size_t size = out_.size();
  in_flight_.push_back(std::move(sent));
  try {
    append_command(out_, words, more);
  } catch (...) {
    out_.resize(size);
    in_flight_.pop_back();
    throw;
  }
}

void Node::ask_slots(TimePoint now) { command(Purpose::kSlots, words_of({"CLUSTER", "SLOTS"}), now); }

void Node::subscribe(const std::string& channel, TimePoint now) {
  if (state_ == State::kUp || state_ == State::kGreeting) {
    command(Purpose::kSubscribe, words_of({"SUBSCRIBE", channel}), now);
  }
}

void Node::command(Purpose purpose, const Words& words, TimePoint now) { write({purpose, nullptr, now}, words); }

short Node::events() const noexcept {
  const bool output = state_ == State::kConnecting || written_ < out_.size();
  return static_cast<short>(POLLIN | (output ? POLLOUT : 0));
}

void Node::ready(short events, TimePoint now) {
  if (events == 0) return;
  if (state_ == State::kConnecting) {
    if ((events & (POLLOUT | POLLERR | POLLHUP)) == 0) return;
    if (socket_.error() != 0) return close(now);
    return greet(now);
  }
  if ((events & (POLLIN | POLLERR | POLLHUP)) != 0) read(now);
  if (socket_.fd() >= 0 && (events & POLLOUT) != 0) flush(now);
}

void Node::flush(TimePoint now) {
  if (socket_.fd() < 0 || state_ == State::kConnecting || written_ == out_.size()) return;
  const auto n = socket_.write(std::string_view(out_).substr(written_));
  if (!n) return close(now);
  written_ += *n;
  if (*n != 0) owner_.wrote();
  if (written_ < out_.size()) return;
  out_.clear();
  written_ = 0;
}

void Node::tick(TimePoint now) {
  while (!waiting_.empty() && waiting_.front()->finished()) waiting_.pop_front();
  switch (state_) {
    case State::kDown:
      if (now >= retry_at_) connect(now);
      return;
    case State::kResolving:
      if (resolving_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
        connect_to(resolving_.get(), now);
      }
      return;
    case State::kConnecting:
    case State::kGreeting:
      if (now >= due_) close(now, /*silent=*/true);
      return;
    case State::kUp:
      if (!in_flight_.empty() && now >= silent_at()) return close(now, /*silent=*/true);
      if (in_flight_.empty() && now >= heard_ + kPingAfter) command(Purpose::kIgnored, words_of({"PING"}), now);
  }
}

TimePoint Node::next(TimePoint now) const {
  switch (state_) {
    case State::kDown:
      return retry_at_;
    case State::kResolving:
      return now + kResolverLook;
    case State::kConnecting:
    case State::kGreeting:
      return due_;
    case State::kUp:
      break;
  }
  return in_flight_.empty() ? heard_ + kPingAfter : silent_at();
}

void Node::connect(TimePoint now) {
  const Addresses numeric = addresses_of(endpoint(), /*names=*/false);
  if (!numeric.empty()) return connect_to(numeric, now);
  try {
    resolving_ = resolve();
    state_ = State::kResolving;
  } catch (const std::system_error&) {  // no thread is to be had
    close(now);
  }
}

// On a thread of its own that nobody waits for, since a resolver may be silent for minutes. It knows nothing of the
// node.
std::future<Addresses> Node::resolve() const {
  std::promise<Addresses> promise;
  std::future<Addresses> found = promise.get_future();
  std::thread([to = endpoint(), promise = std::move(promise)]() mutable {
    Addresses addresses;
    try {
      addresses = addresses_of(to, /*names=*/true);
    } catch (const std::bad_alloc&) {  // as a name that nobody knows
    }
    promise.set_value(std::move(addresses));
  }).detach();
  return found;
}

// The failures choose among the addresses, so that one that is dead does not hide the others.
void Node::connect_to(const Addresses& addresses, TimePoint now) {
  state_ = State::kConnecting;
  due_ = now + options_.silence;
  reader_ = ReplyReader();
  const auto turn = static_cast<std::size_t>(failures_) / endpoints_.size();
  if (addresses.empty() || !socket_.connect(addresses[turn % addresses.size()])) close(now);
}

void Node::greet(TimePoint now) {
  state_ = State::kGreeting;
  due_ = now + options_.silence;
  if (!options_.password.empty()) {
    const bool named = !options_.user.empty();
    command(Purpose::kLogin,
            named ? words_of({"AUTH", options_.user, options_.password}) : words_of({"AUTH", options_.password}), now);
  }
  if (options_.database != 0) {
    command(Purpose::kGreeting, words_of({"SELECT", std::to_string(options_.database)}), now);
  }
  if (!options_.cluster) command(Purpose::kRole, words_of({"ROLE"}), now);
  calls_.clear();
  if (channels_ != nullptr) {
    for (const std::string& channel : *channels_) command(Purpose::kSubscribe, words_of({"SUBSCRIBE", channel}), now);
  } else {
    for (const std::string& script : scripts_) command(Purpose::kScript, words_of({"SCRIPT", "LOAD", script}), now);
  }
  flush(now);
}

void Node::read(TimePoint now) {
  std::array<char, 16384> buffer;
  for (;;) {
    const auto n = socket_.read(buffer.data(), buffer.size());
    if (!n) return close(now);
    if (*n == 0) return;
    heard_ = now;
    reader_.feed(buffer.data(), *n);
    for (;;) {
      const ReplyPtr reply = reader_.next();
      if (!reply && !reader_.broken()) break;
      if (!reply || (!take_message(*reply) && !take(*reply, now))) return close(now);
      if (socket_.fd() < 0) return;  // closed by what the reply said
    }
    if (*n < buffer.size()) return;
  }
}

// A message comes between the answers.
bool Node::take_message(const redisReply& reply) {
  if (channels_ == nullptr || !is_array(reply, 3) || text_of(*reply.element[0]) != "message") return false;
  owner_.heard(text_of(*reply.element[1]), text_of(*reply.element[2]));
  return true;
}

// False: this server is of no use.
bool Node::take(const redisReply& reply, TimePoint now) {
  if (in_flight_.empty()) return false;
  const Sent sent = std::move(in_flight_.front());
  in_flight_.pop_front();
  switch (sent.purpose) {
    case Purpose::kRequest:
      if (!sent.request->finished()) owner_.answered(*this, sent.request, reply);
      return true;
    case Purpose::kLogin:
    case Purpose::kGreeting:
      return greeted(sent.purpose, reply);
    case Purpose::kRole:
      // No permission to ask is no reason to turn back.
      return is_error(reply) || (is_array(reply, 1) && text_of(*reply.element[0]) == "master");
    case Purpose::kScript:
      if (!greeted(sent.purpose, reply) || text_of(reply).empty()) return false;
      calls_.push_back(words_of({"EVALSHA", text_of(reply)}));
      if (calls_.size() == scripts_.size()) came_up(now);
      return true;
    case Purpose::kSubscribe:
      // Who may not listen gets no hints, as on a connection without news. It asks again with the next connection.
      if (is_error(reply) && text_of(reply).substr(0, 6) != "NOPERM") return false;
      if (is_error(reply)) owner_.denied();
      if (state_ != State::kUp) came_up(now);
      return true;
    case Purpose::kSlots:
      owner_.learnt_slots(*this, reply);
      return true;
    case Purpose::kIgnored:
      return true;
  }
  return false;
}

bool Node::greeted(Purpose purpose, const redisReply& reply) {
  if (!is_error(reply)) return true;
  owner_.refused(text_of(reply), purpose == Purpose::kLogin || is_unauthorized(text_of(reply)));
  turned_away_ = true;
  return false;
}

void Node::came_up(TimePoint now) {
  state_ = State::kUp;
  heard_ = now;
  failures_ = 0;
  owner_.connected(*this);
  for (; !waiting_.empty(); waiting_.pop_front()) write_request(waiting_.front(), /*asking=*/false, now);
  flush(now);
}

void Node::close(TimePoint now, bool silent) {
  const bool was_up = state_ == State::kUp;
  socket_.close();
  out_.clear();
  written_ = 0;
  state_ = State::kDown;
  // A server that says nothing is away, whatever it said before.
  if (!std::exchange(turned_away_, false) && !was_up && channels_ == nullptr)
    owner_.refused({}, /*unauthorized=*/false);
  at_ = (at_ + 1) % endpoints_.size();
  // min, 2 min, 4 min ... max, less up to half of it by chance; another server of the set is tried soon.
  const int doublings = std::min(failures_ / static_cast<int>(endpoints_.size()), 20);
  const Duration pause = std::min(options_.reconnect_max, options_.reconnect_min * (std::int64_t{1} << doublings));
  retry_at_ = now + pause - Duration(static_cast<std::int64_t>(random_() % 1024) * (pause.count() / 2048));
  ++failures_;
  owner_.disconnected(*this, was_up, silent);
  while (!in_flight_.empty()) {  // which are none of the next connection's, whatever the owner throws
    const RequestPtr request = std::move(in_flight_.front().request);
    in_flight_.pop_front();
    if (request) owner_.lost(request);
  }
}

}  // namespace seawall::redis
