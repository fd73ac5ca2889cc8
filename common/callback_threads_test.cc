#include "common/callback_threads.h"

#include <atomic>
#include <memory>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

constexpr absl::Duration kLong = absl::Seconds(30);

// Calls that fail at once, each of which is told to a callback.
class FailingCalls {
 public:
  // Its callback does not return while Block(true) was said last.
  void Make() {
    {
      MutexLock lock(&mutex_);
      ++under_way_;
    }
    auto context = std::make_shared<grpc::ClientContext>();
    auto response = std::make_shared<grpc::ByteBuffer>();
    const grpc::Slice empty;
    auto request = std::make_shared<grpc::ByteBuffer>(&empty, 1);
    grpc::GenericStub(channel()).UnaryCall(
        context.get(), "/none", grpc::StubOptions(), request.get(),
        response.get(), [this, context, request, response](grpc::Status) {
          MutexLock lock(&mutex_);
          ++inside_;
          changed_.SignalAll();
          if (burning_) BurnAndGoOn();
          while (blocking_) changed_.Wait(&mutex_);
          --inside_;
          --under_way_;
          changed_.SignalAll();
        });
  }
  void Block(bool block) {
    MutexLock lock(&mutex_);
    blocking_ = block;
    changed_.SignalAll();
  }
  // Until Burn(false) each callback takes a millisecond of CPU and is followed
  // by another one.
  void Burn(bool burn) {
    MutexLock lock(&mutex_);
    burning_ = burn;
  }
  bool WaitUntilInside(int count) {
    MutexLock lock(&mutex_);
    while (inside_ < count) {
      if (!changed_.WaitFor(&mutex_, kLong)) return false;
    }
    return true;
  }
  bool WaitUntilDone() {
    MutexLock lock(&mutex_);
    while (under_way_ > 0) {
      if (!changed_.WaitFor(&mutex_, kLong)) return false;
    }
    return true;
  }

 private:
  void BurnAndGoOn() MSGPROC_REQUIRES(mutex_) {
    mutex_.Unlock();
    const absl::Time end = absl::Now() + absl::Milliseconds(1);
    while (absl::Now() < end) {
    }
    Make();
    mutex_.Lock();
  }

  // Never let go of: the last channel must not be, by a callback.
  static const std::shared_ptr<grpc::Channel>& channel() {
    static const auto* const channel =
        new std::shared_ptr<grpc::Channel>(grpc::CreateChannel(
            "ipv4:127.0.0.1:1", grpc::InsecureChannelCredentials()));
    return *channel;
  }

  Mutex mutex_;
  CondVar changed_;
  int under_way_ MSGPROC_GUARDED_BY(mutex_) = 0;
  int inside_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool blocking_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool burning_ MSGPROC_GUARDED_BY(mutex_) = false;
};

bool WaitUntilParked(const CallbackThreads& threads, bool parked) {
  const absl::Time deadline = absl::Now() + kLong;
  while ((threads.parked() > 0) != parked) {
    if (absl::Now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

CallbackThreads::Options Quick() {
  return {.look_interval = absl::Milliseconds(5),
          .patience = absl::Milliseconds(5),
          .relief = absl::Milliseconds(50)};
}

TEST(CallbackThreadsTest, ParksAndCallbacksStillRun) {
  FailingCalls calls;
  const CallbackThreads threads;
  ASSERT_TRUE(WaitUntilParked(threads, true));
  for (int i = 0; i < 100; ++i) calls.Make();
  EXPECT_TRUE(calls.WaitUntilDone());
}

TEST(CallbackThreadsTest, AParkedThreadRunsWhatABlockedOneCannot) {
  FailingCalls calls;
  const CallbackThreads threads(Quick());
  ASSERT_TRUE(WaitUntilParked(threads, true));
  calls.Block(true);
  calls.Make();
  calls.Make();
  // gRPC has two threads at least: both callbacks are inside at a time.
  EXPECT_TRUE(calls.WaitUntilInside(2));
  calls.Block(false);
  EXPECT_TRUE(calls.WaitUntilDone());
}

TEST(CallbackThreadsTest, ParksAgainWhenCallbacksReturn) {
  FailingCalls calls;
  const CallbackThreads threads(Quick());
  calls.Block(true);
  calls.Make();
  calls.Make();
  ASSERT_TRUE(calls.WaitUntilInside(2));
  ASSERT_TRUE(WaitUntilParked(threads, false));
  calls.Block(false);
  ASSERT_TRUE(calls.WaitUntilDone());
  EXPECT_TRUE(WaitUntilParked(threads, true));
}

// Never late for its own looks, so that only what is busy counts. A machine
// with other things to do leaves the thread at work little of its core.
CallbackThreads::Options Busy(double spare_cores) {
  CallbackThreads::Options options = Quick();
  options.patience = absl::Hours(1);
  options.saturation = 0.2;
  options.spare_cores = [spare_cores] { return spare_cores; };
  return options;
}

TEST(CallbackThreadsTest, AThreadThatIsBusyGetsHelpWhereThereAreCoresToSpare) {
  FailingCalls calls;
  const CallbackThreads threads(Busy(3));
  ASSERT_TRUE(WaitUntilParked(threads, true));
  calls.Burn(true);
  for (int i = 0; i < 4; ++i) calls.Make();
  EXPECT_TRUE(WaitUntilParked(threads, false));
  calls.Burn(false);
  EXPECT_TRUE(calls.WaitUntilDone());
  EXPECT_TRUE(WaitUntilParked(threads, true));
}

TEST(CallbackThreadsTest,
     AThreadThatIsBusyStaysAloneWhereThereIsNoCoreToSpare) {
  FailingCalls calls;
  std::atomic<int> asked{0};
  CallbackThreads::Options options = Busy(1);
  options.spare_cores = [&asked] {
    ++asked;
    return 1;
  };
  const CallbackThreads threads(options);
  ASSERT_TRUE(WaitUntilParked(threads, true));
  calls.Burn(true);
  for (int i = 0; i < 4; ++i) calls.Make();
  const absl::Time deadline = absl::Now() + kLong;
  while (asked < 10 && absl::Now() < deadline) std::this_thread::yield();
  EXPECT_GE(asked, 10);
  EXPECT_GT(threads.parked(), 0);
  calls.Burn(false);
  EXPECT_TRUE(calls.WaitUntilDone());
}

TEST(CallbackThreadsTest, EndsWhileACallbackBlocks) {
  FailingCalls calls;
  {
    auto threads = std::make_unique<CallbackThreads>(Quick());
    calls.Block(true);
    calls.Make();
    ASSERT_TRUE(calls.WaitUntilInside(1));
  }
  calls.Block(false);
  EXPECT_TRUE(calls.WaitUntilDone());
}

TEST(CallbackThreadsTest, MayBeMadeAgain) {
  for (int i = 0; i < 20; ++i) {
    const CallbackThreads threads(Quick());
    if (i % 2 == 0) {
      ASSERT_TRUE(WaitUntilParked(threads, true));
    }
  }
}

}  // namespace
}  // namespace msgproc
