#include "common/spawn.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

using ::testing::HasSubstr;

// A pipe whose ends the child gets only where it is told to.
struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    close(ends[0]);
    CloseWriteEnd();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void CloseWriteEnd() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  // All that is written, to the end.
  std::string ReadAll() {
    CloseWriteEnd();
    std::string text;
    char bytes[4096];
    ssize_t size = 0;
    while ((size = read(ends[0], bytes, sizeof(bytes))) != 0) {
      if (size > 0) text.append(bytes, static_cast<size_t>(size));
      if (size < 0 && errno != EINTR) break;
    }
    return text;
  }

  int ends[2];
};

SpawnOptions Shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"sh", "-c", script}};
}

struct Ended {
  std::string output;
  int code = -1;  // The exit code, or 128 and the signal.
};

int Reap(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// With its standard output, to the end of both.
Ended RunToEnd(SpawnOptions options) {
  Pipe output;
  options.descriptors.push_back({.as = STDOUT_FILENO, .from = output.ends[1]});
  const absl::StatusOr<pid_t> pid = Spawn(options);
  EXPECT_TRUE(pid.ok()) << pid.status();
  if (!pid.ok()) return {};
  Ended ended;
  ended.output = output.ReadAll();
  ended.code = Reap(*pid);
  return ended;
}

TEST(SpawnTest, AStreamMayHaveNothingToRead) {
  SpawnOptions cat = Shell("cat");
  cat.descriptors = {{.as = STDIN_FILENO, .from = SpawnOptions::kDevNull}};
  const Ended ended = RunToEnd(std::move(cat));
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.output, "");
}

TEST(SpawnTest, RunsAProgramWithItsArgumentsByPathOrByName) {
  const Ended ended = RunToEnd(Shell("echo here; exit 3"));
  EXPECT_EQ(ended.output, "here\n");
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(RunToEnd({.arguments = {"printf", "%s-%s", "a b", ""}}).output,
            "a b-");
}

TEST(SpawnTest, NamesTheProgramThatIsNotThereOrMayNotRun) {
  for (const int signal : {0, SIGTERM}) {
    const absl::Status missing =
        Spawn({.arguments = {"/nowhere/at all"}, .parent_death_signal = signal})
            .status();
    EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
    EXPECT_THAT(std::string(missing.message()), HasSubstr("/nowhere/at all"));
    const absl::Status forbidden =
        Spawn({.arguments = {"/etc/passwd"}, .parent_death_signal = signal})
            .status();
    EXPECT_TRUE(absl::IsPermissionDenied(forbidden)) << forbidden;
  }
}

TEST(SpawnTest, TheEnvironmentIsThisOnesOrWhatIsGiven) {
  ASSERT_EQ(setenv("SPAWN_TEST", "inherited", 1), 0);
  SpawnOptions options = Shell("echo \"${SPAWN_TEST-none} ${OTHER-none}\"");
  EXPECT_EQ(RunToEnd(options).output, "inherited none\n");
  options.environment = {"OTHER=given"};
  EXPECT_EQ(RunToEnd(options).output, "none given\n");
}

TEST(SpawnTest, RunsInTheDirectory) {
  SpawnOptions options = Shell("pwd");
  options.directory = "/usr";
  EXPECT_EQ(RunToEnd(options).output, "/usr\n");
}

TEST(SpawnTest, NoOtherDescriptorGetsIntoTheChild) {
  // Not close-on-exec, on both sides of the one that is handed on.
  const int low = fcntl(STDERR_FILENO, F_DUPFD, 3);
  const int high = fcntl(STDERR_FILENO, F_DUPFD, 100);
  ASSERT_GE(low, 3);
  ASSERT_GE(high, 100);
  ASSERT_LT(low, 50);
  Pipe handed_on;
  // The shell itself has the folder open while it looks for the names.
  SpawnOptions options = Shell(
      absl::StrCat("for fd in ", low, " ", high,
                   " 50; do test -e /proc/self/fd/$fd && echo has $fd; done"));
  options.descriptors = {{.as = 50, .from = handed_on.ends[1]}};
  EXPECT_EQ(RunToEnd(options).output, "has 50\n");
  close(low);
  close(high);
}

TEST(SpawnTest, DescriptorsMayBeSwapped) {
  Pipe one;
  Pipe other;
  const int a = fcntl(one.ends[1], F_DUPFD_CLOEXEC, 8);
  const int b = fcntl(other.ends[1], F_DUPFD_CLOEXEC, 8);
  ASSERT_LT(a, b);
  ASSERT_LT(b, 10) << "sh knows descriptors of one digit";
  SpawnOptions options =
      Shell(absl::StrCat("echo into the other >&", a, "; echo into one >&", b));
  options.descriptors = {{.as = a, .from = b}, {.as = b, .from = a}};
  EXPECT_EQ(RunToEnd(options).code, 0);
  close(a);
  close(b);
  EXPECT_EQ(one.ReadAll(), "into one\n");
  EXPECT_EQ(other.ReadAll(), "into the other\n");
}

TEST(SpawnTest, AStandardStreamCanBeClosed) {
  SpawnOptions options = Shell("test -e /proc/self/fd/2 || echo none");
  options.descriptors = {{.as = STDERR_FILENO}};
  EXPECT_EQ(RunToEnd(options).output, "none\n");
}

TEST(SpawnTest, SignalsAreAsForANewLogin) {
  // The shell could not undo what it inherits.
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  const auto ignored = std::signal(SIGUSR1, SIG_IGN);
  for (const int signal : {SIGTERM, SIGUSR1}) {
    EXPECT_EQ(RunToEnd(Shell(absl::StrCat("kill -s ", signal, " $$"))).code,
              128 + signal);
  }
  std::signal(SIGUSR1, ignored);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(SpawnTest, LeadsAGroupOrASessionOnlyWhereToldTo) {
  using Group = SpawnOptions::Group;
  for (const Group group :
       {Group::kSame, Group::kOwnGroup, Group::kOwnSession}) {
    Pipe input;
    SpawnOptions options = {
        .arguments = {"/bin/cat"},
        .descriptors = {{.as = STDIN_FILENO, .from = input.ends[0]}},
        .group = group};
    const absl::StatusOr<pid_t> pid = Spawn(options);
    ASSERT_TRUE(pid.ok()) << pid.status();
    EXPECT_EQ(getpgid(*pid), group == Group::kSame ? getpgrp() : *pid);
    EXPECT_EQ(getsid(*pid), group == Group::kOwnSession ? *pid : getsid(0));
    input.CloseWriteEnd();
    EXPECT_EQ(Reap(*pid), 0);
  }
}

TEST(SpawnTest, GetsItsParentDeathSignalWhenTheThreadEnds) {
  Pipe input;
  Pipe output;
  absl::StatusOr<pid_t> pid = absl::UnknownError("not started");
  std::thread parent([&] {
    SpawnOptions options = Shell("echo ready; read -r line; exit 0");
    options.parent_death_signal = SIGTERM;
    options.descriptors = {{.as = STDIN_FILENO, .from = input.ends[0]},
                           {.as = STDOUT_FILENO, .from = output.ends[1]}};
    pid = Spawn(options);
    // Not before the signal is set.
    char byte = 0;
    EXPECT_EQ(read(output.ends[0], &byte, 1), 1);
  });
  parent.join();
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ(Reap(*pid), 128 + SIGTERM);
}

}  // namespace
}  // namespace msgproc
