#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/orphan_guard.h"
#include "services/processor/workers/testing/worker_test.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

using WorkerCommandTest = WorkerTest;

TEST_F(WorkerCommandTest, AFilterOfLinesIsAWorker) {
  StartCommand("sed -u s/message/answer/", /*lines=*/true);
  auto session = NewSession();
  const std::vector<std::string> payloads = Payloads(3000);
  session->Send(payloads);
  const auto results = session->Results(payloads.size());
  ASSERT_EQ(results.size(), payloads.size());
  EXPECT_EQ(results[2999].payload(), "answer 2999");
  EXPECT_EQ(session->wrong(), 0u);
}

TEST_F(WorkerCommandTest, RefusesPayloadsWithNewlinesOneByOne) {
  StartCommand("cat", /*lines=*/true);
  auto session = NewSession();
  session->SendBatch({"a\nb", "c", "\n", "", "d\n"});
  session->SendBatch({"\n", "\n"});
  session->SendBatch({"e"});
  const auto results = session->Results(8);
  ASSERT_EQ(results.size(), 8u);
  for (const size_t i : {0, 2, 4, 5, 6}) {
    EXPECT_EQ(results[i].error().code(), 3) << i;
  }
  EXPECT_THAT(results[0].error().message(), HasSubstr("--worker_lines"));
  EXPECT_EQ(results[1].payload(), "c");
  EXPECT_FALSE(results[3].has_error());
  EXPECT_EQ(results[7].payload(), "e");
  EXPECT_EQ(session->wrong(), 0u);
}

TEST_F(WorkerCommandTest, PutsRefusalsInTheirPlaceThoughWorkersDie) {
  options_.max_delivery_attempts = 2;
  StartCommand("sed -u '/poison/Q 1'", /*lines=*/true);
  auto session = NewSession();
  session->SendBatch({"a", "b\n", "poison", "c\n", "d"});
  const auto results = session->Results(5);
  ASSERT_EQ(results.size(), 5u);
  EXPECT_EQ(results[0].payload(), "a");
  EXPECT_EQ(results[1].error().code(), 3);
  EXPECT_EQ(results[2].error().code(), 10);
  EXPECT_EQ(results[3].error().code(), 3);
  EXPECT_EQ(results[4].payload(), "d");
  EXPECT_EQ(session->wrong(), 0u);
}

TEST_F(WorkerCommandTest, KillsAFilterThatWritesALineTooMany) {
  StartCommand("sed -u '/twice/p'", /*lines=*/true);
  auto session = NewSession();
  session->SendBatch({"a", "twice"});
  EXPECT_EQ(session->Results(2).size(), 2u);
  EXPECT_TRUE(Eventually(
      [&] { return executor_->departures(Departure::kProtocol) == 1; }));
  session->SendBatch({"b"});
  EXPECT_EQ(session->Results(3)[2].payload(), "b");
}

TEST_F(WorkerCommandTest, APipelineIsAWorker) {
  StartCommand("sed -u s/a/b/ | sed -u s/c/d/", /*lines=*/true);
  auto session = NewSession();
  session->Send({"ac", "ca"});
  EXPECT_EQ(session->Results(2)[1].payload(), "db");
}

TEST_F(WorkerCommandTest, KillsAllThatAHungCommandHasStarted) {
  options_.handler_timeout = absl::Milliseconds(200);
  options_.max_delivery_attempts = 1;
  StartCommand("sed -u '/hang/e echo $$ >&2; sleep 1000'", /*lines=*/true);
  auto session = NewSession();
  session->Send({"hang"});
  EXPECT_EQ(session->Results(1)[0].error().code(), 10);
}

TEST_F(WorkerCommandTest, SaysThatAFilterNeedsAFlag) {
  options_.start_timeout = absl::Milliseconds(300);
  // The first says nothing, the second what it was told, the third something
  // else.
  for (const std::string command : {"sed s/a/b/", "cat", "echo hello; cat"}) {
    options_.command = command;
    const auto executor = WorkerProcessExecutor::Start(options_);
    EXPECT_EQ(executor.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(executor.status().message(), HasSubstr(command));
    EXPECT_THAT(executor.status().message(), HasSubstr("--worker_lines"));
  }
}

TEST_F(WorkerCommandTest, SaysThatAFilterMustNotBuffer) {
  options_.handler_timeout = absl::Milliseconds(300);
  options_.max_delivery_attempts = 1;
  for (const std::string command : {"sed s/a/b/", "tr a b", "awk '{print}'"}) {
    StartCommand(command, /*lines=*/true);
    auto session = NewSession();
    session->Send({"a"});
    const auto results = session->Results(1);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].error().code(), 10);
    EXPECT_THAT(results[0].error().message(),
                HasSubstr("does it buffer its output?"));
    EXPECT_THAT(results[0].error().message(), HasSubstr("--handler_timeout"));
    executor_->Stop();
  }
}

TEST_F(WorkerCommandTest, DoesNotBlameBufferingWhereThereWereAnswers) {
  options_.count = 1;
  options_.handler_timeout = absl::Seconds(5);
  options_.max_delivery_attempts = 1;
  StartCommand("sed -u '/hang/e sleep 1000'", /*lines=*/true);
  auto session = NewSession();
  session->Send({"a", "hang"});
  const auto results = session->Results(2);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].payload(), "a");
  EXPECT_THAT(results[1].error().message(), HasSubstr("--handler_timeout"));
  EXPECT_THAT(results[1].error().message(),
              ::testing::Not(HasSubstr("buffer")));
}

TEST_F(WorkerCommandTest, AWorkerThatKnowsTheProtocolIsAWorker) {
  binding_.name = "upper";
  StartCommand(Runfile("examples/python_worker/worker"));
  auto session = NewSession();
  session->Send(Payloads(3000));
  const auto results = session->Results(3000);
  ASSERT_EQ(results.size(), 3000u);
  EXPECT_EQ(results[2999].payload(), "MESSAGE 2999");
  EXPECT_EQ(session->wrong(), 0u);
}

TEST_F(WorkerCommandTest, KnowsItsNumber) {
  options_.count = 1;
  StartCommand("sed -u \"s/$/ from $MSGPROC_WORKER/\"", /*lines=*/true);
  auto session = NewSession();
  session->Send({"a"});
  EXPECT_EQ(session->Results(1)[0].payload(), "a from 0");
}

// A process in a group of its own that lives until it is killed.
pid_t StartSleeper() {
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr));
    _exit(1);
  }
  setpgid(pid, pid);
  return pid;
}

TEST(OrphanGuardTest, KillsTheGroupsThatAreLeftWhenItsProcessDies) {
  const pid_t watched = StartSleeper();
  const pid_t forgotten = StartSleeper();
  const pid_t master = fork();
  if (master == 0) {
    OrphanGuard guard;
    guard.Watch(12345678);
    guard.Watch(forgotten);
    guard.Watch(watched);
    guard.Forget(forgotten);
    guard.Forget(99);
    raise(SIGKILL);
  }
  waitpid(master, nullptr, 0);
  int status = 0;
  EXPECT_EQ(waitpid(watched, &status, 0), watched);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(waitpid(forgotten, &status, WNOHANG), 0);
  kill(forgotten, SIGKILL);
  waitpid(forgotten, nullptr, 0);
}

TEST(OrphanGuardTest, LeavesGroupsAloneWhenItsProcessEndsWell) {
  const pid_t watched = StartSleeper();
  {
    OrphanGuard guard;
    guard.Watch(watched);
  }
  EXPECT_EQ(waitpid(watched, nullptr, WNOHANG), 0);
  kill(watched, SIGKILL);
  waitpid(watched, nullptr, 0);
}

TEST(OrphanGuardTest, StartsAgainWhenItWasKilled) {
  const pid_t first = StartSleeper();
  const pid_t second = StartSleeper();
  const pid_t master = fork();
  if (master == 0) {
    signal(SIGPIPE, SIG_IGN);
    OrphanGuard guard;
    guard.Watch(first);
    kill(guard.pid(), SIGKILL);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(guard.pid()), &info, WEXITED | WNOWAIT);
    guard.Watch(second);
    raise(SIGKILL);
  }
  waitpid(master, nullptr, 0);
  EXPECT_EQ(waitpid(first, nullptr, 0), first);
  EXPECT_EQ(waitpid(second, nullptr, 0), second);
}

}  // namespace
}  // namespace msgproc::processor
