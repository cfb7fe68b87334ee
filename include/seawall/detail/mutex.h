// SPDX-License-Identifier: MIT
//
// std::mutex with the annotations that clang's -Wthread-safety needs; it cannot see the standard one. For cold paths
// only: nothing on a request path locks.
#pragma once

#include <mutex>

#if defined(__clang__)
#define SEAWALL_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SEAWALL_THREAD_ANNOTATION(x)
#endif

#define SEAWALL_GUARDED_BY(m) SEAWALL_THREAD_ANNOTATION(guarded_by(m))
#define SEAWALL_REQUIRES(...) SEAWALL_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define SEAWALL_EXCLUDES(...) SEAWALL_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace seawall::detail {

class SEAWALL_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() SEAWALL_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() SEAWALL_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class SEAWALL_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SEAWALL_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SEAWALL_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace seawall::detail
