#include "common/mutex.h"

#include <thread>

#include "gtest/gtest.h"

namespace msgproc {
namespace {

TEST(MutexTest, ASignalledWaiterSeesWhatTheSignallerWrote) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  std::thread signaller([&] {
    MutexLock lock(&mutex);
    ready = true;
    changed.SignalAll();
  });
  {
    MutexLock lock(&mutex);
    while (!ready) changed.Wait(&mutex);
    EXPECT_TRUE(ready);
  }
  signaller.join();
}

TEST(MutexTest, WaitForReturnsFalseWhenTheTimeRunsOut) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(&mutex);
  bool in_time = true;
  // Spurious wake-ups answer true; the time runs out in the end.
  while (in_time) in_time = changed.WaitFor(&mutex, absl::Milliseconds(1));
  EXPECT_FALSE(in_time);
}

TEST(MutexTest, ATimeThatNanosecondsCannotHoldDoesNotRunOut) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  std::thread signaller([&] {
    MutexLock lock(&mutex);
    ready = true;
    changed.SignalAll();
  });
  {
    MutexLock lock(&mutex);
    while (!ready) {
      EXPECT_TRUE(changed.WaitFor(&mutex, absl::Hours(100'000'000)));
    }
  }
  signaller.join();
}

TEST(MutexTest, AnUnlockedScopeLetsOthersIn) {
  Mutex mutex;
  MutexLock lock(&mutex);
  lock.Unlock();
  const bool others_get_in = mutex.TryLock();
  EXPECT_TRUE(others_get_in);
  if (others_get_in) mutex.Unlock();
  lock.Relock();
}

}  // namespace
}  // namespace msgproc
