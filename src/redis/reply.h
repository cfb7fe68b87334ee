// SPDX-License-Identifier: MIT
// hiredis' reader of RESP, owned. The only file that knows hiredis; the same calls in 0.14 and 1.x.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

namespace seawall::redis {

struct FreeReply {
  void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

inline std::string_view text_of(const redisReply& reply) noexcept {
  const bool text =
      reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS || reply.type == REDIS_REPLY_ERROR;
  return text ? std::string_view(reply.str, static_cast<std::size_t>(reply.len)) : std::string_view();
}
inline bool is_error(const redisReply& reply) noexcept { return reply.type == REDIS_REPLY_ERROR; }
// Of one that is not let in, or not to what it asks.
inline bool is_unauthorized(std::string_view error) noexcept {
  const auto starts = [&](std::string_view head) { return error.substr(0, head.size()) == head; };
  return starts("NOAUTH") || starts("WRONGPASS") || starts("NOPERM");
}
inline bool is_array(const redisReply& reply, std::size_t least) noexcept {
  return reply.type == REDIS_REPLY_ARRAY && reply.elements >= least;
}

class ReplyReader {
 public:
  ReplyReader() : reader_(redisReaderCreate()) {
    if (!reader_) throw std::bad_alloc();
  }

  void feed(const char* data, std::size_t size) { redisReaderFeed(reader_.get(), data, size); }
  // The next whole reply; none yet is null, with broken() when there will never be one.
  ReplyPtr next() {
    void* reply = nullptr;
    broken_ = redisReaderGetReply(reader_.get(), &reply) != REDIS_OK;
    return ReplyPtr(static_cast<redisReply*>(reply));
  }
  bool broken() const noexcept { return broken_; }

 private:
  struct Free {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
  };
  std::unique_ptr<redisReader, Free> reader_;
  bool broken_ = false;
};

}  // namespace seawall::redis
