#include "client/timer.h"

#include <set>
#include <thread>
#include <utility>

#include "common/check.h"
#include "common/clock.h"

namespace msgproc::client {
// Starts with the first timer and lives as long as the process.
class TimerThread {
 public:
  static TimerThread& Get() {
    // Never destroyed: timers may outlive static objects.
    static TimerThread* const instance = new TimerThread();
    return *instance;
  }

  void Set(Timer* timer, absl::Time when) {
    MutexLock lock(&mutex_);
    if (timer->when_ != absl::InfiniteFuture()) {
      waiting_.erase({timer->when_, timer});
    }
    timer->when_ = when;
    if (when == absl::InfiniteFuture()) return;
    waiting_.emplace(when, timer);
    if (when < wake_at_) changed_.Signal();
  }

  void Remove(Timer* timer) {
    Set(timer, absl::InfiniteFuture());
    MutexLock lock(&mutex_);
    while (running_ == timer) finished_.Wait(&mutex_);
  }

 private:
  TimerThread() {
    std::thread([this] { Run(); }).detach();
  }

  [[noreturn]] void Run() {
    while (true) {
      WaitForDue()->on_time_();
      MutexLock lock(&mutex_);
      running_ = nullptr;
      finished_.SignalAll();
    }
  }

  // The first timer whose time has come; it is running_ now.
  Timer* WaitForDue() {
    const Clock* const clock = Clock::Monotonic();
    MutexLock lock(&mutex_);
    while (true) {
      const absl::Time now = clock->Now();
      if (!waiting_.empty() && waiting_.begin()->first <= now) {
        MSGPROC_CHECK(running_ == nullptr);
        running_ = waiting_.begin()->second;
        waiting_.erase(waiting_.begin());
        running_->when_ = absl::InfiniteFuture();
        return running_;
      }
      wake_at_ =
          waiting_.empty() ? absl::InfiniteFuture() : waiting_.begin()->first;
      changed_.WaitFor(&mutex_, wake_at_ - now);
      wake_at_ = absl::InfinitePast();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  CondVar finished_;
  std::set<std::pair<absl::Time, Timer*>> waiting_ MSGPROC_GUARDED_BY(mutex_);
  Timer* running_ MSGPROC_GUARDED_BY(mutex_) = nullptr;
  // When the thread wakes by itself; the past while it is awake.
  absl::Time wake_at_ MSGPROC_GUARDED_BY(mutex_) = absl::InfinitePast();
};

Timer::Timer(std::function<void()> on_time) : on_time_(std::move(on_time)) {
  MSGPROC_CHECK(on_time_ != nullptr);
}

Timer::~Timer() { TimerThread::Get().Remove(this); }

void Timer::Set(absl::Time when) { TimerThread::Get().Set(this, when); }

}  // namespace msgproc::client
