// SPDX-License-Identifier: MIT
//
// A fiber: a function with a stack of its own that its maker resumes and that yields back. Dropping one that has not
// finished abandons its stack without running destructors. The sanitizers are told of each switch.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEAWALL_FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define SEAWALL_FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SEAWALL_FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define SEAWALL_FIBER_TSAN 1
#endif
#if defined(SEAWALL_FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(SEAWALL_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace seawall::testing {

class Fiber {
 public:
  explicit Fiber(std::function<void()> body) : body_(std::move(body)), stack_(take_stack()) {
    getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_.get();
    inside_.uc_stack.ss_size = kStackSize;
    inside_.uc_link = nullptr;
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::entry), 2, static_cast<unsigned>(self >> 32),
                static_cast<unsigned>(self));
#if defined(SEAWALL_FIBER_TSAN)
    tsan_fiber_ = __tsan_create_fiber(0);
#endif
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() {
#if defined(SEAWALL_FIBER_TSAN)
    __tsan_destroy_fiber(tsan_fiber_);
#endif
    spare_stacks().push_back(std::move(stack_));
  }

  bool finished() const { return finished_; }

  // From outside: runs the body until it yields or ends.
  void resume() {
#if defined(SEAWALL_FIBER_TSAN)
    tsan_outside_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_fiber_, 0);
#endif
#if defined(SEAWALL_FIBER_ASAN)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, stack_.get(), kStackSize);
#endif
    swapcontext(&outside_, &inside_);
#if defined(SEAWALL_FIBER_ASAN)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }

  // From inside the body.
  void yield() { leave(false); }

 private:
  static constexpr std::size_t kStackSize = std::size_t{64} * 1024;
  using Stack = std::unique_ptr<std::byte[]>;

  static std::vector<Stack>& spare_stacks() {
    static std::vector<Stack> spare;
    return spare;
  }
  static Stack take_stack() {
    auto& spare = spare_stacks();
    if (spare.empty()) return Stack(new std::byte[kStackSize]);
    Stack stack = std::move(spare.back());
    spare.pop_back();
#if defined(SEAWALL_FIBER_ASAN)
    // An abandoned stack leaves poison where its variables were.
    __asan_unpoison_memory_region(stack.get(), kStackSize);
#endif
    return stack;
  }

  static void entry(unsigned high, unsigned low) {
    auto* self = reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(high) << 32 | low);
    self->arrived(nullptr);
    self->body_();
    self->finished_ = true;
    self->leave(true);
    std::abort();  // resumed again: without a context behind it the process would end here, as if all were well
  }

  void arrived([[maybe_unused]] void* fake) {
#if defined(SEAWALL_FIBER_ASAN)
    __sanitizer_finish_switch_fiber(fake, &outside_stack_, &outside_size_);
#endif
  }

  void leave([[maybe_unused]] bool for_good) {
#if defined(SEAWALL_FIBER_TSAN)
    __tsan_switch_to_fiber(tsan_outside_, 0);
#endif
    [[maybe_unused]] void* fake = nullptr;
#if defined(SEAWALL_FIBER_ASAN)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake, outside_stack_, outside_size_);
#endif
    swapcontext(&inside_, &outside_);
    arrived(fake);
  }

  std::function<void()> body_;
  Stack stack_;
  ucontext_t inside_{};
  ucontext_t outside_{};
  bool finished_ = false;
#if defined(SEAWALL_FIBER_ASAN)
  const void* outside_stack_ = nullptr;
  std::size_t outside_size_ = 0;
#endif
#if defined(SEAWALL_FIBER_TSAN)
  void* tsan_fiber_ = nullptr;
  void* tsan_outside_ = nullptr;
#endif
};

}  // namespace seawall::testing
