#include "tools/cluster/member.h"

#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/read_to_end.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/cluster/temporary_folder.h"

namespace msgproc::cluster {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kEnough = absl::Seconds(60);

class MemberTest : public ::testing::Test {
 protected:
  // Runs a script until it, and not one before it, has written "ready".
  absl::Status Start(const std::string& script) {
    const size_t before = Log().size();
    return member_.Start({"/bin/sh", "-c", script}, [this, before] {
      return absl::StrContains(Log().substr(before), "ready");
    });
  }
  std::string Log() const { return ReadWholeFile(log_); }
  // Not before the process has ended.
  void AwaitTheEnd() {
    while (member_.pid() != 0) absl::SleepFor(absl::Milliseconds(1));
  }

  TemporaryFolder folder_;
  const std::string log_ = absl::StrCat(folder_.path(), "/log");
  Member member_{"nginx", "NGINX", log_};
};

TEST_F(MemberTest, IsThereOnceItIsReadyAndGoneOnceItIsKilled) {
  EXPECT_EQ(member_.pid(), 0);
  const absl::Status status = Start("echo ready; exec sleep 1000");
  ASSERT_TRUE(status.ok()) << status;
  const pid_t pid = member_.pid();
  EXPECT_EQ(kill(pid, 0), 0);
  member_.Kill();
  EXPECT_EQ(member_.pid(), 0);
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(MemberTest, WhatEndsBeforeItIsReadySaysWhatItWrote) {
  const absl::Status status = Start("echo no such flag >&2; exit 2");
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("NGINX ended with exit code 2 before it served"),
                    HasSubstr("no such flag")));
}

TEST_F(MemberTest, DrainsWhenItIsToldToAndComesBack) {
  const std::string drains =
      "trap 'echo drained; exit 0' TERM; echo ready;"
      " while :; do sleep 0.01; done";
  ASSERT_TRUE(Start(drains).ok());
  const absl::Status status = member_.Terminate(kEnough);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Log(), HasSubstr("drained"));
  EXPECT_EQ(member_.pid(), 0);
  EXPECT_TRUE(Start("echo ready; exec sleep 1000").ok());
  EXPECT_THAT(Log(), HasSubstr("drained")) << "the log goes on";
}

TEST_F(MemberTest, AwaitingTheEndSendsNoSecondSignal) {
  // A server that is told twice does not drain: this one says so.
  ASSERT_TRUE(Start("trap 'trap \"exit 9\" TERM; echo told; "
                    "sleep 0.5; exit 0' TERM; echo ready;"
                    " while :; do sleep 0.01; done")
                  .ok());
  member_.Signal(SIGTERM);
  while (!absl::StrContains(Log(), "told")) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  const absl::Status status = member_.AwaitEnd(kEnough);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(MemberTest, WhatDoesNotDrainOrDrainsBadlyIsAnError) {
  ASSERT_TRUE(
      Start("trap '' TERM; echo ready; while :; do sleep 0.01; done").ok());
  EXPECT_TRUE(absl::IsUnavailable(member_.Terminate(absl::Milliseconds(50))));
  EXPECT_EQ(member_.pid(), 0);
  ASSERT_TRUE(Start("trap 'echo lost 3; exit 3' TERM; echo ready;"
                    " while :; do sleep 0.01; done")
                  .ok());
  const absl::Status status = member_.Terminate(kEnough);
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("exit code 3"), HasSubstr("lost 3")));
}

TEST_F(MemberTest, ACrashIsToldUntilItIsClearedAway) {
  ASSERT_TRUE(Start("echo ready; exit 5").ok());
  AwaitTheEnd();
  EXPECT_FALSE(member_.TakeEndedAsAsked());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(member_.EndedByItself(),
                HasSubstr("NGINX ended with exit code 5"));
  }
  member_.Kill();
  EXPECT_EQ(member_.EndedByItself(), "");
}

TEST_F(MemberTest, AnEndThatSomebodyAskedForIsToldOnce) {
  ASSERT_TRUE(Start("echo ready; exec sleep 1000").ok());
  EXPECT_FALSE(member_.TakeEndedAsAsked()) << "it runs";
  member_.Signal(SIGTERM);
  AwaitTheEnd();
  EXPECT_EQ(member_.EndedByItself(), "");
  EXPECT_TRUE(member_.TakeEndedAsAsked());
  EXPECT_FALSE(member_.TakeEndedAsAsked());
}

TEST_F(MemberTest, WhatEndedStillCounts) {
  ASSERT_TRUE(Start("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done;"
                    " echo ready; sleep 1000")
                  .ok());
  EXPECT_GT(member_.Usage().resident_bytes, 0u);
  const absl::Duration used = member_.Usage().cpu;
  EXPECT_GT(used, absl::ZeroDuration());
  member_.Kill();
  EXPECT_EQ(member_.Usage().resident_bytes, 0u);
  // But for what the killed shell had not reaped.
  EXPECT_GT(member_.Usage().cpu, used / 2);
}

}  // namespace
}  // namespace msgproc::cluster
