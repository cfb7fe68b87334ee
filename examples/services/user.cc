// SPDX-License-Identifier: MIT
//
// User: POST /api/v1/users/register. Passwords are kept as yescrypt hashes with a salt each (crypt(5)), never in clear,
// never logged, never echoed. Hashing takes milliseconds, so it runs on a thread beside the loop, with at most 64
// requests waiting for it. Keeps 100,000 users.
#include <crypt.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstring>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "services/service.h"

namespace {

constexpr std::size_t kUsers = 100'000;
constexpr int kWaitingHashes = 64;

// crypt takes at most 511 bytes and would refuse more: a longer password is hashed in pieces, each salted by the last.
std::string hash_password(const std::string& password) {
  constexpr std::size_t kPiece = CRYPT_MAX_PASSPHRASE_SIZE - 1 - 128;  // a hash has 73 characters
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  if (!crypt_gensalt_rn("$y$", 0, nullptr, 0, salt, sizeof salt)) throw std::runtime_error("no salt for a password");
  auto data = std::make_unique<crypt_data>();
  std::string hash;
  for (std::size_t at = 0; at == 0 || at < password.size(); at += kPiece) {
    const std::string piece = hash + password.substr(at, kPiece);
    std::memset(data.get(), 0, sizeof(crypt_data));
    const char* result = crypt_r(piece.c_str(), salt, data.get());
    if (!result || result[0] == '*') throw std::runtime_error("cannot hash a password");
    hash = result;
  }
  return hash;
}

class User : public Service {
 public:
  bool is_api(const http::Request& request) const override {
    return request.method == "POST" && request.path() == "/api/v1/users/register";
  }

  http::Task<http::Response> handle(http::Request& request, http::Loop&) override {
    if (!is_api(request)) co_return not_found(request);
    auto parsed = parse_registration(request.body);
    if (const auto* fault = std::get_if<Fault>(&parsed)) co_return bad_request(*fault, request);
    co_return co_await enrol(std::get<Registration>(std::move(parsed)), request);
  }

 private:
  struct Account {
    std::int64_t id;
    std::string email;
    std::string password_hash;
  };

  http::Task<http::Response> enrol(Registration user, const http::Request& request) {
    if (accounts_.contains(user.username) || emails_.contains(user.email)) {
      co_return failure(409, "username or email is taken", request);
    }
    if (accounts_.size() >= kUsers || hashing_ >= kWaitingHashes) {
      co_return failure(503, "registration is temporarily unavailable", request);
    }
    // The name is taken before the pause, so that two requests for it cannot both succeed.
    const std::int64_t id = ++last_id_;
    accounts_.emplace(user.username, Account{id, user.email, ""});
    emails_.insert(user.email);
    const std::string hash = co_await hash_beside(user.password);
    if (hash.empty()) {
      accounts_.erase(user.username);
      emails_.erase(user.email);
      co_return failure(500, "registration failed", request);
    }
    accounts_.at(user.username).password_hash = hash;
    co_return success(201, {{"user_id", id}, {"username", user.username}}, request, "User registered");
  }

  // Empty when it failed.
  http::Task<std::string> hash_beside(std::string password) {
    ++hashing_;
    using Aside = boost::asio::awaitable<std::string, boost::asio::thread_pool::executor_type>;
    const auto work = [](std::string text) -> Aside {
      try {
        co_return hash_password(text);
      } catch (const std::exception&) {
        co_return std::string();
      }
    };
    std::string hash = co_await boost::asio::co_spawn(hasher_, work(std::move(password)), http::use_task);
    --hashing_;
    co_return hash;
  }

  std::unordered_map<std::string, Account> accounts_;
  std::unordered_set<std::string> emails_;
  std::int64_t last_id_ = 1000;
  int hashing_ = 0;
  boost::asio::thread_pool hasher_{1};
};

}  // namespace

std::unique_ptr<Service> make_user() { return std::make_unique<User>(); }
