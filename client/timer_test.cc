#include "client/timer.h"

#include <time.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

absl::Time Now() { return Clock::Monotonic()->Now(); }

// Remembers who was called.
class Calls {
 public:
  void Add(int who) {
    MutexLock lock(&mutex_);
    calls_.push_back(who);
    changed_.SignalAll();
  }
  std::vector<int> Await(size_t count) {
    MutexLock lock(&mutex_);
    while (calls_.size() < count && changed_.WaitFor(&mutex_, kPatience)) {
    }
    return calls_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<int> calls_ MSGPROC_GUARDED_BY(mutex_);
};

TEST(TimerTest, CallsInOrderOfTime) {
  Calls calls;
  Timer late([&] { calls.Add(2); });
  Timer soon([&] { calls.Add(1); });
  const absl::Time now = Now();
  // So far apart that both are set before the first is due.
  late.Set(now + absl::Seconds(1));
  soon.Set(now + absl::Milliseconds(10));
  EXPECT_EQ(calls.Await(2), (std::vector<int>{1, 2}));
  EXPECT_GE(Now(), now + absl::Seconds(1));
}

TEST(TimerTest, TheLastTimeSetCounts) {
  Calls calls;
  Timer moved([&] { calls.Add(1); });
  Timer other([&] { calls.Add(2); });
  moved.Set(Now() + absl::Hours(1));
  moved.Set(absl::InfinitePast());
  EXPECT_EQ(calls.Await(1), std::vector<int>{1});
  moved.Set(absl::InfinitePast());
  moved.Set(absl::InfiniteFuture());
  other.Set(absl::InfinitePast());
  EXPECT_GE(calls.Await(2).back(), 1);
}

TEST(TimerTest, MaySetItselfAgain) {
  Calls calls;
  std::unique_ptr<Timer> timer;
  int left = 3;
  timer = std::make_unique<Timer>([&] {
    if (--left > 0) timer->Set(Now());
    calls.Add(left);
  });
  timer->Set(Now());
  EXPECT_EQ(calls.Await(3), (std::vector<int>{2, 1, 0}));
}

TEST(TimerTest, TheDestructorWaitsForTheCall) {
  for (int i = 0; i < 200; ++i) {
    Calls calls;
    bool alive = true;
    {
      Timer timer([&] {
        EXPECT_TRUE(alive);
        calls.Add(1);
      });
      timer.Set(Now() + absl::Microseconds(i));
    }
    alive = false;
  }
}

// Of all threads of this process.
absl::Duration CpuTime() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

TEST(TimerTest, ATimeThatNanosecondsCannotHoldIsWaitedForAsleep) {
  Calls calls;
  Timer far([&] { calls.Add(1); });
  Timer soon([&] { calls.Add(2); });
  far.Set(Now() + absl::Hours(100'000'000));
  // Once it was called, the thread waits for the other alone.
  soon.Set(Now());
  EXPECT_EQ(calls.Await(1), std::vector<int>{2});
  const absl::Duration before = CpuTime();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(CpuTime() - before, absl::Milliseconds(50));
}

TEST(TimerTest, ManyTimers) {
  Calls calls;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<Timer>([&, i] { calls.Add(i); }));
    timers.back()->Set(Now() + absl::Milliseconds(i % 10));
  }
  EXPECT_EQ(calls.Await(1000).size(), 1000U);
}

}  // namespace
}  // namespace msgproc::client
