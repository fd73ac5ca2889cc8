#include "client/call_state.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

class CallStateTest : public testing::Test {
 protected:
  // Its first write has begun with it.
  CallStateTest() { call_.Begin(); }

  void End() {
    EXPECT_FALSE(call_.OnMade());
    call_.OnWritten(true);
    call_.OnReadEnded();
  }

  CallState call_;
};

TEST_F(CallStateTest, OneWriteAtATime) {
  EXPECT_TRUE(call_.write_in_flight());
  EXPECT_FALSE(call_.MayWrite());
  call_.OnWritten(true);
  EXPECT_FALSE(call_.write_in_flight());
  EXPECT_TRUE(call_.MayWrite());
  call_.OnWrite();
  EXPECT_TRUE(call_.write_in_flight());
  EXPECT_FALSE(call_.MayWrite());
}

TEST_F(CallStateTest, NothingIsWrittenAfterAWriteThatFailed) {
  call_.OnWritten(false);
  EXPECT_FALSE(call_.MayWrite());
}

TEST_F(CallStateTest, NothingIsWrittenAfterTheLastRead) {
  call_.OnWritten(true);
  EXPECT_FALSE(call_.read_ended());
  call_.OnReadEnded();
  EXPECT_TRUE(call_.read_ended());
  EXPECT_FALSE(call_.MayWrite());
}

TEST_F(CallStateTest, NothingIsWrittenOnceItIsGivenUp) {
  call_.OnWritten(true);
  call_.Break(absl::UnavailableError("silent"));
  EXPECT_FALSE(call_.MayWrite());
}

TEST_F(CallStateTest, IsGivenUpForTheFirstReasonAndCancelledOnce) {
  EXPECT_FALSE(call_.OnMade());
  EXPECT_TRUE(call_.broken().ok());
  EXPECT_FALSE(call_.TakeCancel());
  call_.Break(absl::UnavailableError("first"));
  EXPECT_TRUE(call_.TakeCancel());
  call_.Break(absl::UnavailableError("second"));
  EXPECT_FALSE(call_.TakeCancel());
  EXPECT_EQ(call_.broken(), absl::UnavailableError("first"));
}

TEST_F(CallStateTest, WhatDoesNotExistYetIsCancelledOnceItDoes) {
  call_.Break(absl::CancelledError("early"));
  EXPECT_FALSE(call_.TakeCancel());
  EXPECT_TRUE(call_.OnMade());
  EXPECT_FALSE(call_.TakeCancel());
}

TEST_F(CallStateTest, IsReleasedOnceWhenItIsOver) {
  End();
  EXPECT_FALSE(call_.TakeRelease(/*needed=*/true));
  EXPECT_TRUE(call_.TakeRelease(/*needed=*/false));
  EXPECT_FALSE(call_.TakeRelease(/*needed=*/false));
}

TEST_F(CallStateTest, IsNotReleasedWhileSomethingIsInFlight) {
  call_.OnReadEnded();
  EXPECT_FALSE(call_.TakeRelease(false)) << "nobody has it yet";
  EXPECT_FALSE(call_.OnMade());
  EXPECT_FALSE(call_.TakeRelease(false)) << "its first write";
  call_.OnWritten(false);
  call_.OnMarkerReached();
  EXPECT_FALSE(call_.TakeRelease(false)) << "a marker's thread";
  call_.OnMarkerDone();
  EXPECT_TRUE(call_.TakeRelease(false));
}

TEST_F(CallStateTest, IsNotReleasedBeforeItsLastRead) {
  EXPECT_FALSE(call_.OnMade());
  call_.OnWritten(true);
  EXPECT_FALSE(call_.TakeRelease(false));
}

TEST_F(CallStateTest, TheNextBeginsAnew) {
  End();
  call_.Break(absl::UnavailableError("late"));
  EXPECT_TRUE(call_.TakeRelease(false));
  call_.Begin();
  EXPECT_TRUE(call_.broken().ok());
  EXPECT_FALSE(call_.read_ended());
  EXPECT_FALSE(call_.OnMade());
  call_.OnWritten(true);
  EXPECT_TRUE(call_.MayWrite());
  call_.OnReadEnded();
  EXPECT_TRUE(call_.TakeRelease(false));
}

}  // namespace
}  // namespace msgproc::client
