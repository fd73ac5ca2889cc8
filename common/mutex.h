#ifndef MSGPROC_COMMON_MUTEX_H_
#define MSGPROC_COMMON_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"
#include "common/thread_annotations.h"

namespace msgproc {

// std::mutex with thread annotations.
//
// Not absl::Mutex: the system's Abseil is a shared library without
// instrumentation, so ThreadSanitizer does not see its locks and reports races
// that are none.
class MSGPROC_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() MSGPROC_ACQUIRE() { mutex_.lock(); }
  void Unlock() MSGPROC_RELEASE() { mutex_.unlock(); }
  bool TryLock() MSGPROC_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for the length of a scope; may let go of it early.
class MSGPROC_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) MSGPROC_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() MSGPROC_RELEASE() {
    if (held_) mutex_->Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() MSGPROC_RELEASE() {
    held_ = false;
    mutex_->Unlock();
  }
  void Relock() MSGPROC_ACQUIRE() {
    mutex_->Lock();
    held_ = true;
  }

 private:
  Mutex* const mutex_;
  bool held_ = true;
};

// A condition variable for Mutex. Wake-ups may be spurious: wait in a loop.
class CondVar {
 public:
  // Lets go of `mutex` while it waits and holds it again when it returns.
  void Wait(Mutex* mutex) MSGPROC_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // Like Wait, for at most `timeout`; for ever where that is years, which the
  // standard library's nanoseconds could not hold. False: it ran out.
  bool WaitFor(Mutex* mutex, absl::Duration timeout) MSGPROC_REQUIRES(mutex) {
    constexpr absl::Duration kForEver = absl::Hours(24 * 365);
    if (timeout > kForEver) {
      Wait(mutex);
      return true;
    }
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    const auto deadline =
        std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
    const bool woken =
        condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return woken;
  }

  void Signal() { condition_.notify_one(); }
  void SignalAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_MUTEX_H_
