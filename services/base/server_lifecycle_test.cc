// A server's process from start to end, with real signals.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/spawn.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/child_process.h"
#include "services/base/testing/eventually.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class ServerLifecycleTest : public ::testing::Test {
 protected:
  // Runs the program with `flags`.
  ChildProcess& Run(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), "services/base/testing/lifecycle_program");
    child_ = std::make_unique<ChildProcess>(flags);
    return *child_;
  }
  // And waits until it serves: a signal before that ends it without a drain.
  ChildProcess& Serve(std::vector<std::string> flags = {}) {
    const std::string file = NewTestFolder() + "/address";
    flags.insert(flags.begin(), "--address_file=" + file);
    ChildProcess& child = Run(flags);
    EXPECT_TRUE(Eventually([&] { return !ReadTestFile(file).empty(); }))
        << child.Output();
    return child;
  }

 private:
  std::unique_ptr<ChildProcess> child_;
};

TEST_F(ServerLifecycleTest, TheFirstSignalDrainsAndExitsZero) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ChildProcess& child = Serve({"--drain_timeout=7s"});
    child.Signal(signal);
    EXPECT_EQ(child.Wait(), 0) << child.Output();
    EXPECT_THAT(child.Output(),
                AllOf(HasSubstr("draining for 7s"), HasSubstr("drained")));
  }
}

TEST_F(ServerLifecycleTest, TheSoftLimitOnDescriptorsIsRaisedAndSaidOnce) {
  rlimit saved{};
  getrlimit(RLIMIT_NOFILE, &saved);
  for (const rlim_t soft : {rlim_t{256}, saved.rlim_max}) {
    rlimit limit = saved;
    limit.rlim_cur = soft;
    setrlimit(RLIMIT_NOFILE, &limit);
    ChildProcess& child = Serve();
    setrlimit(RLIMIT_NOFILE, &saved);
    child.Signal(SIGTERM);
    EXPECT_EQ(child.Wait(), 0) << child.Output();
    const std::string said = absl::StrCat("from=256 to=", saved.rlim_max);
    if (soft == 256) {
      EXPECT_THAT(child.Output(), HasSubstr(said));
    } else {
      EXPECT_THAT(child.Output(), Not(HasSubstr("soft limit")));
    }
  }
}

TEST_F(ServerLifecycleTest, TheSecondSignalExitsAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ChildProcess& child = Serve({"--stuck"});
    child.Signal(SIGTERM);
    ASSERT_TRUE(child.EventuallyPrints("draining for"));
    child.Signal(signal);
    EXPECT_EQ(child.Wait(), 128 + signal);
  }
}

// A program whose standard error is a pipe that is full and that nobody reads,
// or (`closed`) nothing at all.
class UnreadProgram {
 public:
  explicit UnreadProgram(std::vector<std::string> arguments,
                         bool closed = false) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_end_.Reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    while (write(write_end.get(), "x", 1) == 1) {
    }
    EXPECT_EQ(fcntl(write_end.get(), F_SETFL, 0), 0);
    arguments.insert(arguments.begin(),
                     "services/base/testing/lifecycle_program");
    arguments.push_back("--address_file=" + file_);
    const absl::StatusOr<pid_t> pid =
        Spawn({.arguments = arguments,
               .descriptors = {{.as = STDERR_FILENO,
                                .from = closed ? -1 : write_end.get()}}});
    EXPECT_TRUE(pid.ok()) << pid.status();
    pid_ = pid.value_or(-1);
    EXPECT_TRUE(Eventually([&] { return !ReadTestFile(file_).empty(); }));
  }
  ~UnreadProgram() {
    if (!ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid() const { return pid_; }
  void Signal(int signal) const { kill(pid_, signal); }
  // Its exit code when it has ended.
  std::optional<int> Ended() {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  const std::string file_ = NewTestFolder() + "/address";
  UniqueFd read_end_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

TEST_F(ServerLifecycleTest, ALogThatNobodyReadsHoldsUpNoSignal) {
  UnreadProgram program({"--chatter=100000"});
  program.Signal(SIGTERM);
  std::optional<int> code;
  EXPECT_TRUE(Eventually([&] { return (code = program.Ended()).has_value(); }));
  EXPECT_EQ(code, 0);
}

TEST_F(ServerLifecycleTest, ASecondSignalEndsItThoughNobodyReadsItsLog) {
  UnreadProgram program({"--chatter=100000", "--stuck"});
  std::optional<int> code;
  EXPECT_TRUE(Eventually([&] {
    program.Signal(SIGTERM);
    return (code = program.Ended()).has_value();
  }));
  EXPECT_EQ(code, 128 + SIGTERM);
}

TEST_F(ServerLifecycleTest, WithoutAStandardErrorNoConnectionGetsTheLog) {
  UnreadProgram program({"--chatter=10"}, /*closed=*/true);
  char target[64] = {};
  ASSERT_GT(readlink(absl::StrCat("/proc/", program.pid(), "/fd/2").c_str(),
                     target, sizeof(target) - 1),
            0);
  EXPECT_STREQ(target, "/dev/null");
}

TEST_F(ServerLifecycleTest, UserSignalsChangeTheLogLevelAndEndNothing) {
  ChildProcess& child = Serve({"--log_level=warning", "--chatter=0"});
  child.Signal(SIGUSR1);
  ASSERT_TRUE(child.EventuallyPrints("log_level=debug"));
  child.Signal(SIGHUP);
  ASSERT_TRUE(child.EventuallyPrints("SIGHUP: reloading"));
  child.Signal(SIGUSR2);
  ASSERT_TRUE(child.EventuallyPrints("log_level=warning"));
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(ServerLifecycleTest, EveryHangUpReloads) {
  ChildProcess& child = Serve();
  child.Signal(SIGHUP);
  ASSERT_TRUE(child.EventuallyPrints("reloaded 1"));
  child.Signal(SIGHUP);
  ASSERT_TRUE(child.EventuallyPrints("reloaded 2"));
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(ServerLifecycleTest, ABrokenPipeIsIgnored) {
  ChildProcess& child = Serve();
  std::ifstream status(absl::StrCat("/proc/", child.pid(), "/status"));
  uint64_t ignored = 0;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "SigIgn:\t")) {
      EXPECT_TRUE(absl::SimpleHexAtoi(rest, &ignored));
    }
  }
  EXPECT_NE(ignored & (uint64_t{1} << (SIGPIPE - 1)), 0u);
}

TEST_F(ServerLifecycleTest, RaisesItsDescriptorLimitAsFarAsItMay) {
  rlimit saved{};
  getrlimit(RLIMIT_NOFILE, &saved);
  rlimit lowered = saved;
  lowered.rlim_cur = 256;
  setrlimit(RLIMIT_NOFILE, &lowered);
  ChildProcess& child = Serve();
  setrlimit(RLIMIT_NOFILE, &saved);
  rlimit limit{};
  ASSERT_EQ(prlimit(child.pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, saved.rlim_max);
}

TEST_F(ServerLifecycleTest, WritesItsAddressesOnceItServes) {
  const std::string file = NewTestFolder() + "/address";
  Run({"--address_file=" + file});
  EXPECT_TRUE(Eventually([&] { return !ReadTestFile(file).empty(); }));
  EXPECT_THAT(ReadTestFile(file),
              MatchesRegex("grpc=nowhere\nhttp=127.0.0.1:[1-9][0-9]*\n"));
}

TEST_F(ServerLifecycleTest, WhatItWasToldWronglyExits2AndOtherFailures1) {
  EXPECT_EQ(Run({"--http_address=nonsense"}).Wait(), 2);
  EXPECT_EQ(Run({"--http_address=192.0.2.1:0"}).Wait(), 2);
  EXPECT_EQ(Run({"--log_level=loud"}).Wait(), 2);
  EXPECT_EQ(Run({"--unknown"}).Wait(), 2);
  EXPECT_EQ(Run({"--address_file=/no/such/folder/x"}).Wait(), 2);
  ChildProcess& told = Run({"--log_format=json", "--http_address=192.0.2.1:0"});
  EXPECT_EQ(told.Wait(), 2);
  EXPECT_THAT(told.Output(), HasSubstr("msgproc-idle cannot start"));
  const std::string file = NewTestFolder() + "/address";
  ChildProcess first(
      {"services/base/testing/lifecycle_program", "--address_file=" + file});
  ASSERT_TRUE(Eventually([&] { return !ReadTestFile(file).empty(); }));
  const std::string addresses = ReadTestFile(file);
  const std::string http = addresses.substr(addresses.rfind('=') + 1);
  ChildProcess& second =
      Run({"--http_address", std::string(absl::StripAsciiWhitespace(http))});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.Output(), HasSubstr("Address already in use"));
}

TEST_F(ServerLifecycleTest, WhatIsWrongWithItsOwnSettingsIsSaidWithTheCommon) {
  for (const char* asked : {"--nocheck_config", "--check_config"}) {
    ChildProcess& both = Run(
        {asked, "--max_connection_idle=0", "--listen_address=unix:/dev/null"});
    EXPECT_NE(both.Wait(), 0);
    EXPECT_THAT(both.Output(),
                AllOf(HasSubstr("--max_connection_idle is 0"),
                      HasSubstr("this is wrong"), HasSubstr("and so is that"),
                      Not(HasSubstr("now serving"))));
  }
}

TEST_F(ServerLifecycleTest, CheckConfigSaysWhatIsWrongAndServesNothing) {
  ChildProcess& good = Run({"--check_config"});
  EXPECT_EQ(good.Wait(), 0) << good.Output();
  EXPECT_EQ(good.Output(), "ok\n");
  // By the program's own check, and by the flags' bounds.
  ChildProcess& bad = Run({"--check_config", "--http_address=unix:/dev/null"});
  EXPECT_EQ(bad.Wait(), 1);
  EXPECT_EQ(bad.Output(),
            "msgproc-idle: this is wrong\nmsgproc-idle: and so is that\n");
  ChildProcess& flags = Run(
      {"--check_config", "--max_connection_idle=0", "--jwt_issuer=somebody"});
  EXPECT_EQ(flags.Wait(), 1);
  EXPECT_THAT(flags.Output(), AllOf(HasSubstr("--max_connection_idle is 0"),
                                    HasSubstr("--jwt_issuer is about tokens"),
                                    Not(HasSubstr("now serving"))));
}

TEST_F(ServerLifecycleTest, HelpAndVersionExitZeroAndServeNothing) {
  ChildProcess& help = Run({"--help"});
  EXPECT_EQ(help.Wait(), 0);
  EXPECT_TRUE(help.EventuallyPrints("--stuck=false"));
  ChildProcess& version = Run({"--version"});
  EXPECT_EQ(version.Wait(), 0);
  EXPECT_TRUE(version.EventuallyPrints("msgproc-idle 0."));
  EXPECT_THAT(version.Output(), Not(HasSubstr("serving")));
}

TEST_F(ServerLifecycleTest, LogsJsonOnDemand) {
  ChildProcess& child = Serve({"--log_format=json"});
  EXPECT_TRUE(child.EventuallyPrints(
      "\"msg\":\"serving\",\"server\":\"msgproc-idle\""));
}

}  // namespace
}  // namespace msgproc::base
