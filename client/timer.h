#ifndef MSGPROC_CLIENT_TIMER_H_
#define MSGPROC_CLIENT_TIMER_H_

#include <functional>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::client {

// Calls a function at a time, on a thread that all timers of the process share:
// ten thousand idle sockets need a heartbeat each, not a thread each.
//
// Thread-safe. The destructor waits for the function when it is being called,
// so it must not run inside it. The function must be quick: it holds up all
// other timers.
class Timer {
 public:
  explicit Timer(std::function<void()> on_time);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls the function once at `when` (of Clock::Monotonic()) or soon after,
  // instead of at any time set before. absl::InfiniteFuture(): not at all.
  void Set(absl::Time when);

 private:
  friend class TimerThread;

  const std::function<void()> on_time_;
  // When it is called; guarded by the thread's mutex.
  absl::Time when_ = absl::InfiniteFuture();
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TIMER_H_
