// SPDX-License-Identifier: MIT
#include "http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <csignal>
#include <cstdio>
#include <list>
#include <stdexcept>
#include <thread>

#include "http/deadline.h"
#include "http/framing.h"
#include "http/places.h"
#include "http/wire.h"

namespace http {

namespace beast = boost::beast;
using Parser = beast::http::request_parser<beast::http::string_body>;
using Clock = std::chrono::steady_clock;

namespace {

// A request that is not answered by the handler: the status to refuse it with, 0 for "close without a word".
struct Refusal {
  int status = 0;
  std::string message;
};

void take_head(const Parser& parser, Request& request) {
  const auto& head = parser.get();
  request.method = std::string_view(head.method_string());
  request.version = head.version();
  request.target = origin_form(head.target());
  request.headers.clear();
  for (const auto& field : head) request.headers.add(std::string_view(field.name_string()), field.value());
}

// Whether a request has begun to arrive, be it pipelined. Empty lines before it are taken out (RFC 9112, 2.2): some
// clients send one behind a body.
bool request_begins(beast::flat_buffer& buffer) {
  const auto text = [&] { return static_cast<const char*>(buffer.data().data()); };
  while (buffer.size() >= 2 && text()[0] == '\r' && text()[1] == '\n') buffer.consume(2);
  return buffer.size() > 1 || (buffer.size() == 1 && text()[0] != '\r');
}

Refusal refusal_of(const ErrorCode& error, bool expired, bool in_body) {
  if (expired) return {408, in_body ? "the body did not arrive in time" : "the header did not arrive in time"};
  if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow) {
    return {431, "the header section is too large"};
  }
  if (error == beast::http::error::body_limit) return {413, "the body is too large"};
  if (error.category() == asio::error::get_system_category()) return {};
  return {400, "malformed HTTP: " + error.message()};
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Handler handler, Refuse refuse)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        refuse_(std::move(refuse)),
        places_(options_.max_connections) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.threads, 1); ++i) {
      lanes_.push_back(std::make_unique<Lane>(i));
    }
    listen();
  }

  class Session;
  // A loop and the connections on it.
  struct Lane {
    explicit Lane(std::size_t number) : loop(number) {}
    std::list<Session*> busy;
    std::list<Session*> idle;  // waiting for a request, the longest first
    Loop loop;                 // after them: its coroutines hold sessions, which sign off when they go
  };

  void listen();
  void run();
  Task<> accept();
  void accept_the_rest();
  void serve(Lane& lane, Socket socket);
  bool take_place_of_idle(Lane& lane);
  void on_signal(int signal, std::function<void()> action);
  Task<> watch_signal(std::size_t index);
  Task<> stop();
  void ask_to_stop() {
    if (stop_asked_.exchange(true)) return;
    asio::co_spawn(
        lanes_[0]->loop.context, [this] { return stop(); }, asio::detached);
  }
  bool stopping() const noexcept {
    return stopping_.load(std::memory_order_relaxed);  // Relaxed: a flag that publishes nothing else.
  }

  ServerOptions options_;
  Handler handler_;
  Refuse refuse_;
  std::function<Task<>(Loop&)> before_stop_;
  std::string url_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stop_asked_{false};
  Places places_;
  std::size_t accepted_ = 0;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<asio::basic_socket_acceptor<tcp, Executor>> acceptor_;
  std::unique_ptr<asio::basic_signal_set<Executor>> signals_;
  struct SignalAction {
    asio::basic_signal_set<Executor> signals;
    std::function<void()> action;
  };
  std::vector<std::unique_ptr<SignalAction>> actions_;
};

// One client connection, from accept to close. Lives on its lane's thread.
class Server::Impl::Session : public Peer, public std::enable_shared_from_this<Session> {
 public:
  Session(Impl& server, Lane& lane, Socket socket, bool placed)
      : server_(server),
        lane_(lane),
        listed_(lane.busy.insert(lane.busy.end(), this)),
        placed_(placed),
        socket_(std::move(socket)),
        deadline_(lane.loop.context.get_executor(), [this] { on_deadline(); }) {
    ErrorCode error;
    const auto remote = socket_.remote_endpoint(error).address();
    address_ = remote.to_string();
    loopback_ = remote.is_loopback() || (remote.is_v6() && remote.to_v6().is_v4_mapped() &&
                                         asio::ip::make_address_v4(asio::ip::v4_mapped, remote.to_v6()).is_loopback());
    socket_.set_option(tcp::no_delay(true), error);
  }
  ~Session() override {
    (idle_ ? lane_.idle : lane_.busy).erase(listed_);
    if (placed_) server_.places_.give_back();
    server_.places_.leave();
  }

  Task<> run();
  Task<> turn_away();
  // Of an idle one: it leaves its place to another connection and ends, unless a request is here.
  bool evict() {
    if (look_at(socket_) == PeerState::kHasData) return false;
    placed_ = false;
    finish_if_idle();
    set_idle(false);
    return true;
  }
  // A request that is already here is still answered, be it in the socket or read a moment ago: only a wait ends.
  void finish_if_idle() {
    ErrorCode ignored;
    if (idle_ && look_at(socket_) != PeerState::kHasData) socket_.cancel(ignored);
  }

  const std::string& address() const noexcept override { return address_; }
  bool loopback() const noexcept override { return loopback_; }
  void on_gone(std::function<void()> action) override;

 private:
  Task<bool> wait_for_request();
  Task<bool> read(Parser& parser, Request& request, Refusal& refusal);
  Task<Response> answer(Request& request);
  void set_idle(bool idle) {
    if (idle == idle_) return;
    (idle ? lane_.idle : lane_.busy)
        .splice((idle ? lane_.idle : lane_.busy).end(), idle ? lane_.busy : lane_.idle, listed_);
    idle_ = idle;
  }
  Task<bool> write(const std::string& text);
  Task<> linger();

  void set_deadline(std::chrono::nanoseconds from_now) { deadline_.set(Clock::now() + from_now); }
  void on_deadline() {
    if (!reading_) return close();
    // Reading ends, writing stays possible: the answer is a 408. Shutdown also stops a read that starts later.
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_receive, ignored);
    socket_.cancel(ignored);
  }
  void close() {
    ErrorCode ignored;
    socket_.close(ignored);
  }

  Impl& server_;
  Lane& lane_;
  std::list<Session*>::iterator listed_;  // in the lane's list of idle or of busy sessions
  bool idle_ = false;                     // waiting for the first byte of a request
  bool placed_;                           // has one of places_
  Socket socket_;
  beast::flat_buffer buffer_{128 * 1024};
  std::string address_;
  bool loopback_ = false;
  bool reading_ = false;  // an expired deadline is answered with 408
  bool watching_ = false;
  std::function<void()> gone_;
  Deadline deadline_;  // last: its action uses the members above
};

Task<> Server::Impl::Session::run() {
  while (co_await wait_for_request()) {
    Parser parser;
    Request request;
    Refusal refusal;
    request.peer = this;
    Response response;
    bool keep_alive = false;
    if (co_await read(parser, request, refusal)) {
      keep_alive = parser.keep_alive();
      request.body = std::move(parser.get().body());
      response = co_await answer(request);
      gone_ = nullptr;
    } else if (refusal.status != 0) {
      response = server_.refuse_(request, refusal.status, refusal.message);
    } else {
      break;
    }
    keep_alive = keep_alive && placed_ && !response.close && !server_.stopping();
    set_deadline(server_.options_.read_timeout);
    if (!co_await write(response_text(response, request.method == "HEAD", keep_alive))) break;
    if (!keep_alive) {
      co_await linger();
      break;
    }
  }
  deadline_.clear();
  close();
}

Task<> Server::Impl::Session::turn_away() {
  Request unread;
  unread.peer = this;
  const Response response = server_.refuse_(unread, 503, "too many connections");
  set_deadline(server_.options_.read_timeout);
  if (co_await write(response_text(response, /*head=*/false, /*keep_alive=*/false))) co_await linger();
  deadline_.clear();
  close();
}

Task<bool> Server::Impl::Session::wait_for_request() {
  set_deadline(server_.options_.idle_timeout);
  while (!request_begins(buffer_)) {
    if ((server_.stopping() || !placed_) && look_at(socket_) != PeerState::kHasData) co_return false;
    ErrorCode error;
    set_idle(placed_);  // without a place it reads what is here and does not wait
    const std::size_t got = co_await socket_.async_read_some(buffer_.prepare(8 * 1024), into(error));
    set_idle(false);
    buffer_.commit(got);
    if (error || deadline_.expired()) co_return false;
  }
  co_return true;
}

Task<bool> Server::Impl::Session::read(Parser& parser, Request& request, Refusal& refusal) {
  ErrorCode error;
  parser.header_limit(static_cast<std::uint32_t>(server_.options_.header_limit));
  parser.body_limit(server_.options_.body_limit);
  set_deadline(server_.options_.read_timeout);
  reading_ = true;
  co_await beast::http::async_read_header(socket_, buffer_, parser, into(error));
  take_head(parser, request);
  const bool has_header = !error;
  if (has_header) {
    if (const std::string_view fault = framing_fault(request, parser.get().version()); !fault.empty()) {
      refusal = {400, "malformed HTTP: " + std::string(fault)};
      co_return false;
    }
    if (expects_more_than_continue(request.headers)) {
      refusal = {417, "the only expectation understood is 100-continue"};
      co_return false;
    }
    if (request.headers.find("Expect") && parser.get().version() == 11) {
      if (!parser.is_done() && buffer_.size() == 0 && !co_await write("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
      reading_ = true;
    }
    set_deadline(server_.options_.read_timeout);
    co_await beast::http::async_read(socket_, buffer_, parser, into(error));
  }
  reading_ = false;
  if (error || deadline_.expired()) {
    refusal = refusal_of(error, deadline_.expired(), has_header);
    co_return false;
  }
  deadline_.clear();
  co_return true;
}

Task<Response> Server::Impl::Session::answer(Request& request) {
  std::string failure;
  try {
    co_return co_await server_.handler_(request, lane_.loop);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  std::fprintf(stderr, "error: %s %s: %s\n", request.method.c_str(), std::string(request.path()).c_str(),
               failure.c_str());
  co_return server_.refuse_(request, 500, "internal error");
}

Task<bool> Server::Impl::Session::write(const std::string& text) {
  ErrorCode error;
  reading_ = false;
  co_await asio::async_write(socket_, asio::buffer(text), into(error));
  co_return !error;
}

// Closing with unread bytes makes the kernel send a reset, which can destroy the answer on its way: say that we are
// done, then read on for a moment.
Task<> Server::Impl::Session::linger() {
  ErrorCode error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  set_deadline(std::chrono::seconds(2));
  std::size_t left = 4 * 1024 * 1024;
  buffer_.clear();
  while (!error && left > 0) {
    const std::size_t got = co_await socket_.async_read_some(buffer_.prepare(16 * 1024), into(error));
    left -= std::min(left, got);
  }
}

void Server::Impl::Session::on_gone(std::function<void()> action) {
  gone_ = std::move(action);
  if (!gone_ || watching_ || buffer_.size() > 0) return;
  watching_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    self->watching_ = false;
    if (error || !self->gone_ || look_at(self->socket_) != PeerState::kClosed) return;
    std::exchange(self->gone_, nullptr)();
  });
}

void Server::Impl::listen() {
  const tcp::endpoint endpoint(to_address(options_.host), options_.port);
  const bool ipv6 = endpoint.address().is_v6();
  const std::string host = ipv6 ? "[" + options_.host + "]" : options_.host;
  acceptor_ = std::make_unique<asio::basic_socket_acceptor<tcp, Executor>>(lanes_[0]->loop.context.get_executor());
  try {
    acceptor_->open(endpoint.protocol());
    // Lets a restart listen while connections of the last run linger; a port in use stays in use.
    acceptor_->set_option(asio::socket_base::reuse_address(true));
    acceptor_->bind(endpoint);
    acceptor_->listen(4096);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot listen on " + host + ":" + std::to_string(options_.port) + ": " +
                             error.code().message());
  }
  port_ = acceptor_->local_endpoint().port();
  url_ = "http://" + host + ":" + std::to_string(port_);
  // From now on, so that a signal that comes before run() is not lost.
  const auto executor = lanes_[0]->loop.context.get_executor();
  signals_ = std::make_unique<asio::basic_signal_set<Executor>>(executor, SIGTERM, SIGINT);
  signals_->async_wait([this](const ErrorCode& error, int) {
    if (!error) ask_to_stop();
  });
}

void Server::Impl::on_signal(int signal, std::function<void()> action) {
  const auto executor = lanes_[0]->loop.context.get_executor();
  actions_.emplace_back(new SignalAction{asio::basic_signal_set<Executor>(executor, signal), std::move(action)});
  asio::co_spawn(lanes_[0]->loop.context, watch_signal(actions_.size() - 1), asio::detached);
}

Task<> Server::Impl::watch_signal(std::size_t index) {
  SignalAction& watched = *actions_[index];
  for (;;) {
    ErrorCode error;
    co_await watched.signals.async_wait(into(error));
    if (error) co_return;
    watched.action();
  }
}

// Connections go to the loops in turn. One listening socket, without SO_REUSEPORT, so that a second gateway on the same
// port fails loudly.
Task<> Server::Impl::accept() {
  while (!stopping()) {
    while (places_.crowded() && !stopping()) co_await pause(lanes_[0]->loop, std::chrono::milliseconds(10));
    Lane& lane = *lanes_[++accepted_ % lanes_.size()];
    Socket socket(lane.loop.context.get_executor());
    ErrorCode error;
    co_await acceptor_->async_accept(socket, into(error));
    if (!error) {
      serve(lane, std::move(socket));  // also one that was accepted just before the stop
    } else if (stopping()) {
      break;
    } else {  // out of files, most likely: give others time to close some
      co_await pause(lanes_[0]->loop, std::chrono::milliseconds(50));
    }
  }
}

// On the lane's thread. Only a few are looked at: that all of them have just got a request is no reason to ask them
// all.
bool Server::Impl::take_place_of_idle(Lane& lane) {
  int asked = 0;
  for (Session* session : lane.idle) {
    if (session->evict()) {
      places_.count_eviction();
      return true;
    }
    if (++asked == 8) break;
  }
  return false;
}

void Server::Impl::serve(Lane& lane, Socket socket) {
  places_.arrive();
  const bool free = places_.take();
  asio::post(lane.loop.context, [this, &lane, free, socket = std::move(socket)]() mutable {
    // Since it was accepted a place may have become free: who held it is then no longer idle.
    const bool placed = free || places_.take() || take_place_of_idle(lane);
    auto session = std::make_shared<Session>(*this, lane, std::move(socket), placed);
    asio::co_spawn(
        lane.loop.context, [session, placed] { return placed ? session->run() : session->turn_away(); },
        asio::detached);
  });
}

// The kernel has told these clients that they are connected: closing the socket would reset them.
void Server::Impl::accept_the_rest() {
  ErrorCode error;
  acceptor_->non_blocking(true, error);
  while (!error) {
    Lane& lane = *lanes_[++accepted_ % lanes_.size()];
    Socket socket(lane.loop.context.get_executor());
    acceptor_->accept(socket, error);
    if (!error) serve(lane, std::move(socket));
  }
}

Task<> Server::Impl::stop() {
  if (before_stop_) co_await before_stop_(lanes_[0]->loop);
  stopping_.store(true, std::memory_order_relaxed);  // Relaxed: see stopping().
  accept_the_rest();
  ErrorCode ignored;
  acceptor_->close(ignored);
  for (auto& lane : lanes_) {
    asio::post(lane->loop.context, [&lane = *lane] {
      for (Session* session : lane.idle) session->finish_if_idle();
    });
  }
  const auto give_up = Clock::now() + options_.drain_timeout;
  while (places_.present() > 0 && Clock::now() < give_up) {
    co_await pause(lanes_[0]->loop, std::chrono::milliseconds(10));
  }
  for (auto& lane : lanes_) lane->loop.context.stop();
}

void Server::Impl::run() {
  asio::co_spawn(
      lanes_[0]->loop.context, [this] { return accept(); }, asio::detached);
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < lanes_.size(); ++i) {
    threads.emplace_back([&lane = *lanes_[i]] {
      const auto work = asio::make_work_guard(lane.loop.context);
      lane.loop.context.run();
    });
  }
  const auto work = asio::make_work_guard(lanes_[0]->loop.context);
  lanes_[0]->loop.context.run();
  for (auto& thread : threads) thread.join();
}

Server::Server(ServerOptions options, Handler handler, Refuse refuse)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(refuse))) {
  // Whoever reads our log may go away: that must not end a server. Sockets do not raise it.
  std::signal(SIGPIPE, SIG_IGN);
}
Server::~Server() = default;

std::string Server::url() const { return impl_->url_; }
std::uint16_t Server::port() const noexcept { return impl_->port_; }
std::size_t Server::size() const noexcept { return impl_->lanes_.size(); }
ConnectionCounts Server::connections() const noexcept {
  return {.open = impl_->places_.taken(), .evicted = impl_->places_.evicted()};
}
Loop& Server::loop(std::size_t index) noexcept { return impl_->lanes_[index]->loop; }
void Server::run() { impl_->run(); }
void Server::on_signal(int signal, std::function<void()> action) { impl_->on_signal(signal, std::move(action)); }
void Server::stop() { impl_->ask_to_stop(); }
void Server::before_stop(std::function<Task<>(Loop&)> work) { impl_->before_stop_ = std::move(work); }

}  // namespace http
